"""What layers are called, what names in `inputs` and `shares` mean, and that any graph can be written with them."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from archcalc.network import load

from .helpers import bounded, build, marked, messages, names, reads, refused, spec

Draw = Callable[[st.SearchStrategy[Any]], Any]

TWO = "blocks:\n  two:\n    layers: [relu, tanh]\n"


def test_automatic_names() -> None:
    """The operator's keyword for the first of its kind in a scope, then numbered from 2."""
    layers = "- relu\n- tanh\n- relu\n- repeat: 2\n  scope: false\n  layers: [relu]\n- tanh\n"
    assert names(build(layers)) == ["relu", "tanh", "relu2", "relu3", "relu4", "tanh2"]


def test_given_names_are_kept() -> None:
    """An automatic name steps aside for one that is given, also later; none that is given is ever changed."""
    layers = "- relu\n- relu: {name: relu}\n- relu\n- relu: {name: relu2}\n"
    assert names(build(layers)) == ["relu3", "relu", "relu4", "relu2"]


PLAIN = ["a", "1x1", "3x3_reduce", "conv/1", "a b", "7", "x-y", "A", "_"]
DOTTED = ["a.b", "layer1.0.conv1", "/a/Conv", "a:0", "a..b", "a."]


@pytest.mark.parametrize("name", [*PLAIN, *DOTTED])
def test_what_names_may_be(name: str) -> None:
    assert names(build(f"- relu: {{name: {name}}}\n- tanh: {{inputs: {name}}}\n")) == [name, "tanh"]


def test_names_may_be_expressions() -> None:
    layers = "- repeat: 2\n  as: i\n  scope: false\n  layers: [relu: {name: '=f\"act{2*i}\"'}]\n"
    assert names(build(layers)) == ["act0", "act2"]


def test_blocks_and_repeats_open_scopes() -> None:
    """A block call by its name or keyword, a repeat by a telling index, its name, or the bare number."""
    layers = """
    - two
    - two: {name: mine}
    - two
    - repeat: 2
      as: stage
      layers:
        - repeat: 1
          as: i
          layers:
            - two: {name: block}
    - repeat: 2
      name: part
      layers: [relu]
    - repeat: 1
      as: i
      name: =f"turn{i}"
      layers: [relu]
    """
    scopes = ["two", "mine", "two2", "stage0.0.block", "stage1.0.block"]
    pairs = [f"{scope}.{layer}" for scope in scopes for layer in ("relu", "tanh")]
    assert names(build(layers, TWO)) == [*pairs, "part0.relu", "part1.relu", "turn0.relu"]


def test_repeats_of_one_word_count_on() -> None:
    """Two loops side by side with one index name do not clash."""
    loop = "- repeat: 2\n  as: stage\n  layers: [relu]\n"
    assert names(build(loop + loop)) == [f"stage{i}.relu" for i in range(4)]


def test_branches_open_no_scope() -> None:
    assert names(build("- add:\n    - [relu]\n    - [relu: {name: mine}]\n")) == ["relu", "mine", "add"]


def test_known_names_of_the_zoo() -> None:
    found = names(load("resnet50"))
    assert {"stem.conv", "stage0.0.conv1.conv", "stage3.2.conv3.batchnorm", "stage2.0.shortcut.conv", "fc"} <= {*found}


def test_names_are_unique() -> None:
    """No two layers have one name, whoever gave it."""
    assert messages("- relu: {name: a}\n- tanh: {name: a}\n") == ["the name 'a' is taken"]
    assert messages("- two: {name: a}\n- tanh: {name: a}\n", TWO) == ["the name 'a' is taken"]
    assert messages("- repeat: 2\n  scope: false\n  layers: [relu: {name: a}]\n") == ["the name 'a' is taken"]
    assert messages("- relu: {name: input}\n") == ["the name 'input' is taken"]


@st.composite
def sequences(draw: Draw) -> list[tuple[str, str]]:
    """Keywords of layers, some with a name of their own."""
    given = draw(st.lists(st.sampled_from(("", "", "a", "b", "relu", "relu2", "tanh3", "two")), max_size=6))
    kept = [name for i, name in enumerate(given) if not name or name not in given[:i]]
    return [(draw(st.sampled_from(("relu", "tanh", "two"))), name) for name in kept]


def lines(layers: list[tuple[str, str]]) -> str:
    return "".join(f"- {keyword}: {{{f'name: {name}' if name else ''}}}\n" for keyword, name in layers)


@given(sequences(), st.integers(0, 6), st.sampled_from(("relu", "tanh", "two")))
def test_another_layer_renames_none_that_has_a_name(layers: list[tuple[str, str]], place: int, keyword: str) -> None:
    """Names are unique, and those that are given are there with and without one layer more anywhere."""
    more = [*layers[:place], (keyword, ""), *layers[place:]]
    found = names(build(lines(more), TWO))
    assert len({*found}) == len(found)
    given = {name for _, name in layers if name}
    assert given <= {name.partition(".")[0] for name in found}
    before = build(lines([*layers, ("gelu", "")]), TWO)
    kinds = {node.name: node.op for node in before.graph.nodes if node.name.partition(".")[0] in given}
    after = {node.name: node.op for node in build(lines([*more, ("gelu", "")]), TWO).graph.nodes}
    assert kinds == {name: after[name] for name in kinds}


def test_inputs_name_earlier_layers() -> None:
    """By their own or their automatic name, one or several, from anywhere before."""
    layers = """
    - relu
    - relu
    - tanh: {name: a}
    - add: {inputs: [relu2, a, relu, input]}
    - sigmoid: {inputs: a}
    """
    found = reads(build(layers))
    assert found["add"] == ["relu2", "a", "relu", "input"]
    assert found["sigmoid"] == ["a"]


def test_dotted_names_reach_into_scopes() -> None:
    """`block.layer` is a layer in a block; the bare name of a scope is its last layer."""
    layers = """
    - two: {name: b}
    - repeat: 2
      as: stage
      layers:
        - two: {name: inner}
    - add: {inputs: [b.relu, b, stage0.inner.relu, stage0, stage1.inner]}
    """
    expected = ["b.relu", "b.tanh", "stage0.inner.relu", "stage0.inner.tanh", "stage1.inner.tanh"]
    assert reads(build(layers, TWO))["add"] == expected


def test_names_that_hold_dots() -> None:
    """They are looked up whole, before any part of them is taken for a scope, also within a scope."""
    before = "blocks:\n  b:\n    layers: [relu: {name: x.y}, tanh, gelu: {inputs: x.y}, silu: {name: z}]\n"
    layers = """
    - relu: {name: a}
    - relu: {name: a.b}
    - b: {name: c}
    - b: {name: c.d}
    - add: {inputs: [a, a.b, c.x.y, c, c.d.x.y, c.d, c.d.tanh]}
    - b: {name: e, inputs: a.b}
    """
    found = reads(build(layers, before))
    assert found["add"] == ["a", "a.b", "c.x.y", "c.z", "c.d.x.y", "c.d.z", "c.d.tanh"]
    assert (found["c.gelu"], found["c.d.gelu"], found["e.x.y"]) == (["c.x.y"], ["c.d.x.y"], ["a.b"])


def test_a_name_with_dots_is_taken_where_a_scope_makes_it() -> None:
    """However two layers come to one name: the second is told, and where the first is."""
    (problem,) = refused(spec("- two: {name: a}\n- tanh: {name: a.relu}\n", TWO))
    assert (problem.message, marked(problem)) == ("the name 'a.relu' is taken", "a.relu")
    assert "first at line 6" in problem.details[0]
    assert messages("- tanh: {name: a.relu}\n- two: {name: a}\n", TWO) == ["the name 'a.relu' is taken"]
    both = "- two: {name: a.b}\n- c: {name: a}\n"
    assert messages(both, TWO + "  c:\n    layers: [two: {name: b}]\n") == [
        "the name 'a.b.relu' is taken",
        "the name 'a.b.tanh' is taken",
    ]


def test_scopes_that_share_a_beginning_with_names() -> None:
    """Where one way to part a name leads nowhere another is tried, and then the scopes around."""
    before = "blocks:\n  b:\n    layers: [relu, two: {name: c.d}, gelu: {inputs: a.e}]\n" + TWO.removeprefix(
        "blocks:\n"
    )
    layers = "- silu: {name: a.e}\n- b: {name: a}\n- two: {name: a.c}\n- add: {inputs: [a.c.d, a.c.relu, a.c]}\n"
    found = reads(build(layers, before))
    assert found["add"] == ["a.c.d.tanh", "a.c.relu", "a.c.tanh"]
    assert found["a.gelu"] == ["a.e"]


def test_a_name_with_very_many_dots_is_looked_up_in_no_time() -> None:
    deep = ".".join(["a"] * 200_000)
    with bounded():
        assert messages(f"- relu: {{name: a.a}}\n- relu: {{inputs: {deep}}}\n")[0].startswith("there is no layer 'a.a")
        assert messages(f"- relu: {{name: {deep}}}\n")


def test_names_are_looked_up_outwards() -> None:
    """In the scope of the layer first, then in the ones around it; never in those beside it."""
    before = "blocks:\n  b:\n    layers: [relu: {name: a}, tanh: {inputs: a}, gelu: {inputs: outer}]\n"
    found = reads(build("- silu: {name: a}\n- silu: {name: outer}\n- b\n- softmax: {inputs: a}\n", before))
    assert (found["b.tanh"], found["b.gelu"], found["softmax"]) == (["b.a"], ["outer"], ["a"])
    beside = messages("- two\n- add: {inputs: [relu, tanh]}\n", TWO)
    assert beside == ["there is no layer 'relu'", "there is no layer 'tanh'"]


def test_input_inside_a_block_is_what_flows_into_it() -> None:
    """Also inside its repeats and branches; at the top it is the network's input."""
    before = """
    blocks:
      b:
        layers:
          - relu
          - repeat: 2
            layers: [tanh: {inputs: input}]
          - add:
              - [gelu: {inputs: input}]
              - []
          - inner
      inner:
        layers: [silu, add: {inputs: [silu, input]}]
    """
    found = reads(build("- softmax: {name: start}\n- b\n- sigmoid: {inputs: input}\n", before))
    assert found["b.0.tanh"] == found["b.1.tanh"] == found["b.gelu"] == ["start"]
    assert found["b.inner.add"] == ["b.inner.silu", "b.add"]
    assert found["sigmoid"] == ["input"]


def test_inputs_of_blocks_and_merges() -> None:
    """One name says what flows into a block or into all branches of a merge."""
    before = "blocks:\n  b:\n    layers: [relu, add: {inputs: [relu, input]}]\n"
    layers = "- tanh: {name: a}\n- gelu\n- b: {inputs: a}\n- add:\n    - [silu]\n    - []\n  inputs: a\n  name: join\n"
    found = reads(build(layers, before))
    assert (found["b.relu"], found["b.add"]) == (["a"], ["b.relu", "a"])
    assert (found["silu"], found["join"]) == (["a"], ["silu", "a"])
    assert messages("- tanh\n- b: {inputs: [tanh, input]}\n", before) == ["one input can flow into branches or a block"]


def test_inputs_may_be_expressions() -> None:
    layers = """
    - relu: {name: a0}
    - relu: {name: a1}
    - add: {inputs: ['=f"a{1}"', input]}
    - tanh: {inputs: '="a0" if 1 < 2 else "input"'}
    """
    found = reads(build(layers))
    assert (found["add"], found["tanh"]) == (["a1", "input"], ["a0"])


def test_inputs_may_be_a_list_that_is_worked_out() -> None:
    """As an argument of a block too, or as a part of a list; what is no name in it is told."""
    before = (
        "blocks:\n  b:\n    args: {all: required}\n    layers: [add: {inputs: =all}, mul: {inputs: [input, =all]}]\n"
    )
    layers = """
    - repeat: 3
      as: i
      scope: false
      layers:
        - relu: {name: '=f"a{i}"'}
    - add: {inputs: '=["input"] + [f"a{j + 1}" for j in range(2)]'}
    - b: {all: '=[f"a{j}" for j in range(3)]'}
    """
    found = reads(build(layers, before))
    assert found["add"] == ["input", "a1", "a2"]
    assert (found["b.add"], found["b.mul"]) == (["a0", "a1", "a2"], ["add", "a0", "a1", "a2"])
    assert messages("- relu\n- add: {inputs: '=[\"relu\", 1.5]'}\n") == ["inputs are names of layers"]
    assert messages("- relu\n- add: {inputs: '=[[\"relu\"]]'}\n") == ["inputs are names of layers"]
    assert messages("- relu\n- add: {inputs: '=[\"relu\"]'}\n") == ["add joins two inputs or more, got 1"]


def test_layers_without_inputs_do_not_read_the_flow() -> None:
    found = reads(build("- relu\n- parameter: {name: p, shape: [8, 32, 32]}\n- add: {inputs: [relu, p]}\n"))
    assert (found["p"], found["add"]) == ([], ["relu", "p"])


def test_shares_names_the_owner_of_the_weights() -> None:
    layers = (
        "- conv: {name: a, out_channels: 8, kernel_size: 1}\n- conv: {out_channels: 8, kernel_size: 1, shares: a}\n"
    )
    nodes = build(layers).graph.nodes
    assert [node.shares for node in nodes] == [None, None, 1]
    assert reads(build(layers))["conv"] == ["a"]


def test_weights_are_shared_layer_by_layer() -> None:
    """`shares` on a block is refused and not silently ignored."""
    before = "blocks:\n  b:\n    layers: [conv: {out_channels: 8, kernel_size: 1}]\n"
    (message,) = messages("- b: {name: first}\n- b: {name: second, shares: first}\n", before)
    assert "shares" in message


@st.composite
def graphs(draw: Draw) -> list[list[int]]:
    """For each node after the input the earlier ones it reads: one (a relu) or several (an add)."""
    return [draw(st.lists(st.integers(0, node), min_size=1, max_size=4)) for node in range(draw(st.integers(1, 12)))]


@given(graphs(), st.booleans())
def test_any_graph_can_be_written_with_inputs(graph: list[list[int]], named: bool) -> None:
    """Nodes of any directed acyclic graph, written in order with the names they read, come out as they were."""
    called, texts = ["input"], []
    for node, producers in enumerate(graph):
        keyword = "relu" if len(producers) == 1 else "add"
        nth = 1 + sum((len(others) == 1) == (len(producers) == 1) for others in graph[:node])
        called.append(f"n{node}" if named else keyword if nth == 1 else f"{keyword}{nth}")
        name = f"name: n{node}, " if named else ""
        texts.append(f"- {keyword}: {{{name}inputs: [{', '.join(called[p] for p in producers)}]}}\n")
    network = build("".join(texts))
    assert [list(node.inputs) for node in network.graph.nodes[1:]] == graph
    assert [node.name for node in network.graph.nodes] == called
