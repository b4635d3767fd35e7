"""Diagrams: what a parser of Graphviz's language finds in them is the network; folding loses nothing."""

import json
import re
import warnings
from collections import Counter
from typing import NamedTuple

import hypothesis.strategies as st
import pydot
import pytest
from hypothesis import example, given, settings

from archcalc.analysis.params import count_params
from archcalc.formats.diagrams.dot import to_dot
from archcalc.formats.diagrams.drawing import DEEPEST, Drawing, Frame, draw
from archcalc.formats.diagrams.mermaid import MOST_ARROWS, to_mermaid, too_large
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load
from archcalc.ops import Add, Conv, Input, ReLU

NETWORKS = ("lenet5", "resnet50", "googlenet_aux", "densenet_40_12", "fractalnet_c3", "vit_b_16", "shufflenet_v2_x0_5")


class Read(NamedTuple):
    """What a parser found: labels by node in the order of the text, frames with what is in them, arrows."""

    labels: dict[str, tuple[str, ...]]
    frames: dict[tuple[str, ...], list[str]]
    arrows: set[tuple[str, str]]


def text_of(quoted: str) -> str:
    """A text of Graphviz's language without its quotes and escapes."""
    plain = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], quoted[1:-1])
    return plain.replace("&amp;", "&")


def read_dot(text: str) -> Read:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # how pydot calls pyparsing
        (graph,) = pydot.graph_from_dot_data(text)
    labels: dict[str, tuple[str, ...]] = {}
    frames: dict[tuple[str, ...], list[str]] = {}

    def visit(part: pydot.Graph, path: tuple[str, ...]) -> None:
        for node in part.get_nodes():
            if node.get_name() not in ("node", "edge"):
                labels[node.get_name()] = tuple(text_of(node.get("label")).split("\n"))
                frames.setdefault(path, []).append(node.get_name())
        for inner in part.get_subgraphs():
            visit(inner, (*path, text_of(inner.get("label"))))

    visit(graph, ())
    return Read(labels, frames, {(edge.get_source(), edge.get_destination()) for edge in graph.get_edges()})


def read_mermaid(text: str) -> Read:
    """By the grammar of what we write: a line for each box, frame, end, arrow and class."""
    labels: dict[str, tuple[str, ...]] = {}
    frames: dict[tuple[str, ...], list[str]] = {}
    arrows, path = set(), []
    _, head, body = text.split("---\n")
    assert json.loads(head.removeprefix("title: "))
    first, *lines = body.splitlines()
    assert first == "flowchart TD"
    unescaped = lambda label: re.sub(r"#(\d+);", lambda match: chr(int(match[1])), label)  # noqa: E731
    for line in map(str.strip, lines):
        if box := re.fullmatch(r'(n\d+)\["([^"]*)"\]:::(\w+)', line):
            labels[box[1]] = tuple(map(unescaped, box[2].split("<br>")))
            frames.setdefault(tuple(path), []).append(box[1])
        elif frame := re.fullmatch(r'subgraph s[\d_]+\["([^"]*)"\]', line):
            path.append(unescaped(frame[1]))
        elif arrow := re.fullmatch(r"(n\d+) --> (n\d+)", line):
            arrows.add((arrow[1], arrow[2]))
        elif line == "end":
            path.pop()
        else:
            assert re.fullmatch(r"classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6}", line)
    assert path == []
    return Read(labels, frames, arrows)


FORMS = {"dot": (to_dot, read_dot), "mermaid": (to_mermaid, read_mermaid)}


@pytest.mark.parametrize(
    ("name", "form"), [*((name, "mermaid") for name in NETWORKS), ("lenet5", "dot"), ("inception_naive", "dot")]
)  # pydot takes its time
def test_unfolded_it_is_the_network(name: str, form: str) -> None:
    """A box for each layer in the frames of its scopes, an arrow for each edge."""
    write, read = FORMS[form]
    network = load(name).graph
    found = read(write(network))
    numbers = {}
    for path, boxes in found.frames.items():
        for box in boxes:
            numbers[box] = (*path, found.labels[box][0])
    leaves = Counter(numbers.values())
    expected = Counter()
    for node in network.nodes:
        *scopes, last = node.name.split(".")
        expected[(*scopes, "" if last == node.op.keyword else last)] += 1
    # A layer that is called what it is says so once, with its kernel.
    named = Counter({path: count for path, count in expected.items() if path[-1]})
    assert all(leaves[path] >= count for path, count in named.items())
    assert sum(leaves.values()) == len(network.nodes)
    assert len(found.arrows) == len({(p, position) for position, n in enumerate(network.nodes) for p in n.inputs})


def owners(drawing: Drawing, network: InferredGraph) -> list[int]:
    """For each layer the box whose name is the longest beginning of its own."""
    names = {box.name: number for number, box in enumerate(drawing.boxes)}
    found, before = [], 0
    for node in network.nodes:
        parts = node.name.split(".")
        prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
        # A scope like the one before it shares its box.
        before = next((names[prefix] for prefix in prefixes if prefix in names), before)
        found.append(before)
    return found


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_folding_keeps_what_flows(name: str, depth: int) -> None:
    """Arrows are those of the network between the boxes that its layers are in; parameters add up to all of them."""
    network = load(name).graph
    drawing = draw(network, depth)
    owner = owners(drawing, network)
    edges = {(owner[p], owner[position]) for position, node in enumerate(network.nodes) for p in node.inputs}
    assert set(drawing.arrows) == {edge for edge in edges if edge[0] != edge[1]}
    counts = [line.removesuffix(" params") for box in drawing.boxes for line in box.lines if line.endswith(" params")]
    assert sum(int(count.replace(",", "")) for count in counts) == count_params(network).params


def test_depth_of_frames() -> None:
    def height(members: tuple[int | Frame, ...]) -> int:
        return max((1 + height(member.members) for member in members if isinstance(member, Frame)), default=0)

    network = load("resnet50").graph
    assert [height(draw(network, depth).members) for depth in (1, 2, 3, 4, None)] == [0, 1, 2, 3, 3]


def test_repeats_share_a_box() -> None:
    """ResNet-50's stages: a block that projects, and then 2, 3, 5 and 2 that are alike."""
    lines = [box.lines for box in draw(load("resnet50").graph, 2).boxes if box.kind == "scope"]
    assert [line[:2] for line in lines] == [
        ("0", "bottleneck, 12 layers"),
        ("1–2", "2 × bottleneck, 10 layers"),
        ("0", "bottleneck, 12 layers"),
        ("1–3", "3 × bottleneck, 10 layers"),
        ("0", "bottleneck, 12 layers"),
        ("1–5", "5 × bottleneck, 10 layers"),
        ("0", "bottleneck, 12 layers"),
        ("1–2", "2 × bottleneck, 10 layers"),
    ]


def test_branches_alike_do_not_share_a_box() -> None:
    """They hold the same layers, but not one behind the other."""
    nodes = [Node("x", Input((4, 8, 8)))]
    nodes += [Node(f"{scope}.conv", Conv(4, 1), (0,)) for scope in ("a", "b")]
    assert [box.name for box in draw(infer(Graph("two", tuple(nodes))), 1).boxes] == ["x", "a", "b"]


def test_scopes_that_read_something_else_do_not_share_a_box() -> None:
    """They hold the same layers and follow one another, but the second reads the input, too."""
    nodes = [Node("x", Input((4, 8, 8)))]
    nodes += [Node("a.conv", Conv(4, 1), (0,)), Node("a.add", Add(), (1, 0))]
    alike = [Node("b.conv", Conv(4, 1), (2,)), Node("b.add", Add(), (3, 2))]
    other = [alike[0], Node("b.add", Add(), (3, 0))]
    assert len(draw(infer(Graph("alike", (*nodes, *alike))), 1).boxes) == 2
    assert len(draw(infer(Graph("other", (*nodes, *other))), 1).boxes) == 3


def test_shared_weights_count_once() -> None:
    nodes = (Node("x", Input((4, 8, 8))), Node("a", Conv(4, 1), (0,)), Node("b", Conv(4, 1), (1,), shares=1))
    assert [box.lines[2:] for box in draw(infer(Graph("two", nodes))).boxes[1:]] == [
        ("4×8×8", "20 params"),
        ("4×8×8",),
    ]


def test_kinds_are_told_by_facts() -> None:
    kinds = {box.lines[0]: box.kind for box in draw(load("vit_b_16").graph).boxes}
    assert kinds["input"] == "input"
    assert {kinds[name] for name in ("class_token", "patches", "norm1")} == {"weights"}
    assert kinds["residual1"] == kinds["tokens"] == "join"
    assert kinds["gelu"] == kinds["flatten"] == "other"
    assert {box.kind for box in draw(load("lenet5").graph).boxes if box.lines[0] == "pool1"} == {"window"}


HOSTILE = st.text(st.sampled_from("ab\"\\<>&;#|{}[]()%`*_-\n né×:='$/"), min_size=1, max_size=12)


@example(["&amp;", "#35;"])
@settings(max_examples=30)  # pydot takes its time
@given(st.lists(HOSTILE, min_size=2, max_size=2, unique=True))
def test_names_come_back(names: list[str]) -> None:
    """Whatever stands in a name is shown, and nothing of it is obeyed; a line break is a blank."""
    nodes = (Node("x", Input((3,))), Node(f"{names[0]}.{names[1]}", ReLU(), (0,)))
    network = infer(Graph(names[0], nodes))
    clean = [name.replace("\n", " ") for name in names]
    for write, read in FORMS.values():
        found = read(write(network))
        assert list(found.labels.values())[1] == (clean[1], "relu", "3")
        assert [path for path in found.frames if path] == [(clean[0],)]


def test_many_levels_do_not_end_in_a_recursion() -> None:
    nodes = (Node("x", Input((3,))), Node(".".join("s" * 5000), ReLU(), (0,)))
    network = infer(Graph("deep", nodes))
    assert to_dot(network).count("subgraph") == to_mermaid(network).count("subgraph") == DEEPEST - 1


def test_what_mermaid_does_not_draw_by_default() -> None:
    """Its limits of arrows (`maxEdges`) and characters (`maxTextSize`)."""
    chain = [Node("x", Input((3,))), *(Node(f"r{i}", ReLU(), (i,)) for i in range(MOST_ARROWS + 1))]
    assert too_large(to_mermaid(infer(Graph("long", tuple(chain)))))
    assert not too_large(to_mermaid(infer(Graph("less", tuple(chain[:-1])))))
    assert too_large("x" * 50_001)
