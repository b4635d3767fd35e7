"""Networks written out as specs: read back they are the same, and what repeats is written once."""

import sys
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.errors import UsageError
from archcalc.formats.spec_text import to_spec
from archcalc.formats.spec_text.spec import structured
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load, loads
from archcalc.ops import OPS
from archcalc.spec import zoo

from .graphs import random_graphs, repetitive_graphs


def assert_equal(network: InferredGraph, text: str) -> None:
    """The network of a text is this one: names, operators with all arguments, inputs, shares, order and shapes."""
    found = loads(text)
    assert found.graph.name == network.name
    for mine, theirs in zip(network.nodes, found.graph.nodes, strict=True):
        said = (theirs.name, repr(theirs.op), theirs.inputs, theirs.shares)
        assert said == (mine.name, repr(mine.op), mine.inputs, mine.shares)
    assert found.graph.shapes == network.shapes


def chain(count: int, name: str = "conv{}") -> InferredGraph:
    nodes = [Node("input", OPS["input"]((4, 6, 6)))]
    for i in range(1, count + 1):
        op = OPS["conv"](out_channels=4, kernel_size=3, padding=1) if i % 2 else OPS["relu"]()
        nodes.append(Node(name.format(i), op, (i - 1,)))
    return infer(Graph("chain", tuple(nodes)), checked=False)


@pytest.mark.parametrize("name", zoo.names())
def test_the_zoo_reads_back(name: str) -> None:
    """Written with structure and without, and written again from what was read, which gives the same text."""
    network = load(name).graph
    text = to_spec(network)
    assert_equal(network, text)
    assert text == structured(network.graph), "the structure found was not exact"
    assert to_spec(loads(text).graph) == text
    assert max(map(len, text.split("\n"))) <= 120
    if len(network.nodes) < 400:
        assert_equal(network, to_spec(network, flat=True))


# Networks of repeated structure and how many layers one line has to stand for at least.
SHORT = {"resnet50": 3, "densenet121": 9, "mobilenet_v2": 2.5, "googlenet": 3, "vgg19": 1.8, "resnet152": 9}
SHORT |= {"vit_b_16": 2.5, "resnet1202_cifar": 80, "fractalnet_c6": 8, "efficientnet_b0": 3, "inception_v3": 3}


@pytest.mark.parametrize("name", SHORT)
def test_what_repeats_is_written_once(name: str) -> None:
    network = load(name).graph
    assert to_spec(network).count("\n") * SHORT[name] <= len(network.nodes)


def test_flat_is_one_line_a_layer() -> None:
    """No blocks, no repeats, no branches: as many lines as layers, and those of arguments too long for one."""
    network = load("resnet50").graph
    tree = yaml.safe_load(to_spec(network, flat=True))
    assert set(tree) == {"archcalc", "name", "input", "layers"}
    assert len(tree["layers"]) == len(network.nodes) - 1
    assert all(isinstance(layer, str) or not isinstance(next(iter(layer.values())), list) for layer in tree["layers"])


@settings(max_examples=120)
@given(random_graphs())
def test_any_network_reads_back(network: InferredGraph) -> None:
    text = to_spec(network)
    assert_equal(network, text)
    assert to_spec(loads(text).graph) == text
    assert_equal(network, to_spec(network, flat=True))


@settings(max_examples=100)
@given(random_graphs())
def test_what_is_found_is_exact(network: InferredGraph) -> None:
    """Before any check: structure is not thrown away because it was found where there is none."""
    text = structured(network.graph)
    if text is not None:
        assert_equal(network, text)


@settings(max_examples=100)
@given(repetitive_graphs())
def test_repetition_is_exact(network: InferredGraph) -> None:
    text = structured(network.graph)
    assert text is not None
    assert_equal(network, text)


def test_numbered_names_need_no_scopes() -> None:
    """Caffe2 and others number all layers on: a chain of pairs is a repeat, whose names are worked out."""
    network = chain(60)
    text = to_spec(network)
    assert_equal(network, text)
    assert text.count("\n") <= 12
    assert "repeat: 30" in text


def dense(blocks: dict[str, int], texts: tuple[str, str] = ("denseblock{}", "denselayer{}.conv")) -> InferredGraph:
    """DenseNet as torchvision's code has it: each layer concatenates all that came before it, by a list that grows."""
    nodes = [Node("input", OPS["input"]((8, 4, 4))), Node("conv0", OPS["conv"](8, 1), (0,))]
    for number, (entry, depth) in enumerate(blocks.items(), 1):
        before = [len(nodes) - 1]
        for layer in range(1, depth + 1):
            name = f"{texts[0].format(number)}.{texts[1].format(layer)}"
            if layer > 1:
                nodes.append(Node(f"{name.rpartition('.')[0]}.concat", OPS["concat"](), tuple(before)))
            nodes.append(Node(f"{name}1", OPS["conv"](16, 1), (len(nodes) - 1,)))
            nodes.append(Node(f"{name}2", OPS["conv"](4, 3, padding=1), (len(nodes) - 1,)))
            before.append(len(nodes) - 1)
        nodes.append(Node(f"{texts[0].format(number)}.concat", OPS["concat"](), tuple(before)))
        nodes.append(Node(entry, OPS["conv"](8 * number, 1), (len(nodes) - 1,)))
    return infer(Graph("dense", tuple(nodes)))


def test_lists_of_inputs_that_grow() -> None:
    """They are worked out: the text grows neither with the layers of a block nor with their inputs."""
    small = dense({"transition1": 6, "transition2": 12, "transition3": 9})
    large = dense({"transition1": 6, "transition2": 40, "transition3": 20})
    for network in (small, large):
        text = to_spec(network)
        assert_equal(network, text)
        assert text == structured(network.graph)
        assert text.count("\n") < 35
    assert to_spec(small).count("\n") == to_spec(large).count("\n")


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.sampled_from(["denseblock{}", "b{}", "x{}_0"]),
    st.sampled_from(["denselayer{}.conv", "l{}_7.c", "a.b{}.c", "l1_{}.c", "{}.c"]),
)
def test_lists_that_grow_are_exact(depths: list[int], block: str, layer: str) -> None:
    network = dense({f"t{number}": depth for number, depth in enumerate(depths)}, (block, layer))
    text = structured(network.graph)
    assert text is not None
    assert_equal(network, text)


def test_arguments_are_left_out_where_they_are_as_by_themselves() -> None:
    network = loads("archcalc: 1\nname: n\ninput: [4, 6, 6]\nlayers: [conv: {out_channels: 2, kernel_size: 1}, relu]\n")
    lines = to_spec(network.graph, title="Two layers").splitlines()
    assert lines[:4] == ["archcalc: 1", "name: n", "title: Two layers", "input: [4, 6, 6]"]
    assert lines[4:] == ["layers:", "  - conv: {out_channels: 2, kernel_size: 1}", "  - relu"]


def test_branches_and_identities() -> None:
    text = """archcalc: 1
name: n
input: [4, 6, 6]
layers:
  - add:
      - - tanh
      - - relu
        - concat:
            - []
            - - sigmoid
          dim: 2
        - maxpool: {kernel_size: [2, 1]}
      - []
    name: sum
  - relu: {name: gate}
  - tanh: {name: other, inputs: sum}
  - mul: {inputs: [other, gate]}
"""
    assert to_spec(loads(text).graph) == text


def test_order_is_kept() -> None:
    """Branches that are computed in turns are no branches: their order is that of the memory they need."""
    layers = "tanh, relu: {inputs: input}, gelu: {inputs: tanh}, silu: {inputs: relu}, add: {inputs: [gelu, silu]}"
    network = loads(f"archcalc: 1\nname: n\ninput: [4, 6, 6]\nlayers: [{layers}]\n").graph
    assert_equal(network, to_spec(network))


@pytest.mark.parametrize("name", ["conv{}", "layer{}.conv", "block.{}", "conv_{}_x", "relu{}"])
def test_time_grows_with_the_layers(name: str) -> None:
    """Near-linear: eight times the layers take less than twice eight times as long."""
    times = []
    for count in (2000, 16_000):
        network = chain(count, name)
        started = time.process_time()
        text = structured(network.graph)
        times.append(time.process_time() - started)
        assert text is not None
    assert times[1] < 16 * max(times[0], 0.02)


def test_a_hundred_thousand_layers() -> None:
    network = chain(100_000)
    text = structured(network.graph)
    assert text is not None
    assert text.count("\n") < 12
    found = loads(text).graph.nodes
    assert [(node.name, node.op, node.inputs) for node in found] == [
        (node.name, node.op, node.inputs) for node in network.nodes
    ]


def test_a_chain_of_joins() -> None:
    """Each join lies in the next: what would nest deeper than a spec may stays flat, and is exact."""
    nodes = [Node("input", OPS["input"]((4, 6, 6)))]
    for _ in range(300):
        nodes.append(Node(f"r{len(nodes)}", OPS["relu"](), (len(nodes) - 1,)))
    for i in range(300):
        nodes.append(Node(f"a{i}", OPS["add"](), (len(nodes) - 1, 300 - i)))
    network = infer(Graph("nest", tuple(nodes)))
    assert_equal(network, to_spec(network))


def test_every_value_of_every_operator_comes_back() -> None:
    """All samples of the operators' own tests, each as a network of one layer."""
    from ops.samples import SAMPLES

    for op, inputs in SAMPLES:
        if op.keyword == "input" or (op.arity is None and len(inputs) < op.fewest):
            continue
        nodes = [Node("input", OPS["input"](inputs[0] if inputs else (1,)))]
        nodes += [Node(f"p{i}", OPS["parameter"](shape)) for i, shape in enumerate(inputs[1:])]
        nodes.append(Node("layer", op, tuple(range(len(inputs)))))
        network = infer(Graph("one", tuple(nodes)), checked=False)
        assert_equal(network, to_spec(network))


def test_what_a_spec_cannot_say() -> None:
    two = Graph("n", tuple(Node(name, OPS["input"]((1,))) for name in ("input", "b")))
    with pytest.raises(UsageError, match="one input"):
        to_spec(InferredGraph(two, ((1,), (1,))))
    for name in ("a\nb", "ä", "", "-", "x" * 401):
        nodes = (Node("input", OPS["input"]((1,))), Node(name, OPS["relu"](), (0,)))
        with pytest.raises(UsageError, match="cannot be called"):
            to_spec(infer(Graph("n", nodes)))


def test_where_no_name_reaches_it_is_flat() -> None:
    """Within a.a.b, `a.x` means a layer of a.a, and `x` its own: only the full name from outside is left."""
    nodes = [Node("input", OPS["input"]((4,)))]
    for name in ("a.x", "a.a.x", "a.a.b.x"):
        nodes.append(Node(name, OPS["relu"](), (len(nodes) - 1,)))
    nodes.append(Node("a.a.b.y", OPS["add"](), (1, 2, 3)))
    network = infer(Graph("n", tuple(nodes)))
    assert_equal(network, to_spec(network))


@pytest.mark.parametrize("name", ["main graph: v2", "'quoted'", "ünï", "- x", "=1", "true", "7", "1e5", "# no"])
def test_names_and_titles_that_need_quotes(name: str) -> None:
    nodes = (Node("input", OPS["input"]((1,))), Node("relu", OPS["relu"](), (0,)))
    network = infer(Graph(name, nodes))
    text = to_spec(network, title=f"{name}!")
    assert_equal(network, text)
    assert loads(text).spec.title == f"{name}!"


def test_nothing_recurses_with_the_network() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        to_spec(chain(5000))
    finally:
        sys.setrecursionlimit(before)
