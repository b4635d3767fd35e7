"""Networks written out as specs: read back they are the same, and what repeats is written once."""

import pytest
import yaml

from archcalc.errors import UsageError
from archcalc.formats.spec_text import to_spec
from archcalc.formats.spec_text.spec import structured
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load, loads
from archcalc.ops import OPS
from archcalc.spec import zoo

from .graphs import assert_equal, chain, dense


@pytest.mark.parametrize("name", zoo.names())
def test_the_zoo_reads_back(name: str) -> None:
    """Written with structure and without, and written again from what was read, which gives the same text."""
    network = load(name).graph
    text = to_spec(network)
    assert_equal(network, text)
    assert structured(loads(text).graph.graph) == text, "not a fixed point, or the structure was not exact"
    assert max(map(len, text.split("\n"))) <= 120
    if len(network.nodes) < 100:
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


def test_numbered_names_need_no_scopes() -> None:
    """Caffe2 and others number all layers on: a chain of pairs is a repeat, whose names are worked out."""
    network = chain(60)
    text = to_spec(network)
    assert_equal(network, text)
    assert text.count("\n") <= 12
    assert "repeat: 30" in text


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


def test_arguments_are_left_out_where_they_are_as_by_themselves() -> None:
    network = loads("archcalc: 1\nname: n\ninput: [4, 6, 6]\nlayers: [conv: {out_channels: 2, kernel_size: 1}, relu]\n")
    lines = to_spec(network.graph, title="Two layers").splitlines()
    assert lines[:4] == ["archcalc: 1", "name: n", "title: Two layers", "input: [4, 6, 6]"]
    assert lines[4:] == ["layers:", "  - conv: {out_channels: 2, kernel_size: 1}", "  - relu"]


def test_names_that_layers_have_by_themselves() -> None:
    """They are left out, also where the number before them is taken; any other is written."""
    text = """archcalc: 1
name: n
input: [4, 6, 6]
layers:
  - tanh: {name: relu2}
  - relu
  - relu
  - relu: {name: relu7}
  - relu6
  - relu
  - relu6
  - sigmoid: {name: sigmoid1}
"""
    network = loads(text).graph
    assert [node.name for node in network.nodes][2:8] == ["relu", "relu3", "relu7", "relu6", "relu4", "relu6_2"]
    assert to_spec(network) == text


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


def test_operators_that_the_language_does_not_have() -> None:
    class Other(type(OPS["relu"]()), frozen=True):  # type: ignore[misc]
        keyword = "other"

    for op, count in ((Other(), 1), (Other(), 5)):
        nodes = [Node("input", OPS["input"]((1,))), *(Node(f"a{i}", op, (0,)) for i in range(count))]
        with pytest.raises(
            UsageError, match="no word for what 'a0'" + (" computes" if count == 1 else ".* and 2 more")
        ):
            to_spec(infer(Graph("n", tuple(nodes))))


@pytest.mark.parametrize("last", [0, 1, 2])
def test_arguments_that_only_seem_to_follow(last: int) -> None:
    """A padding is worked out from its kernel, a width from another, where that is so in every instance."""
    nodes = [Node("input", OPS["input"]((4, 9, 9)))]
    for turn, (width, kernel, padding) in enumerate([(8, 3, 1), (16, 5, 2), (32 + last, 5, last)]):
        for name, op in (
            ("conv", OPS["conv"](width, kernel, padding=padding)),
            ("relu", OPS["relu"]()),
            ("wide", OPS["conv"](2 * width - last % 2, 1)),
            ("tanh", OPS["tanh"]()),
        ):
            nodes.append(Node(f"part{turn}.{name}", op, (len(nodes) - 1,)))
    network = infer(Graph("n", tuple(nodes)))
    text = structured(network.graph)
    assert text is not None
    assert_equal(network, text)
    assert ("=k//2" in text) == (last == 2)
    assert ("=2*" in text) == (last % 2 == 0)


def test_names_that_hide_others() -> None:
    """Within s0.b, `x` means s0.b.x: the layer above it is called by its full name, in every instance of the block."""
    nodes = [Node("input", OPS["input"]((4,)))]
    for scope in ("s0", "s1", "s2"):
        start = len(nodes)
        for name in ("x", "w", "b.x"):
            nodes.append(Node(f"{scope}.{name}", OPS["relu"](), (len(nodes) - 1,)))
        nodes.append(Node(f"{scope}.b.y", OPS["add"](), (start, start + 2)))
        for name in ("b.t1", "b.t2", "b.t3", "b.t4", "b.t5", "b.t6", "z"):
            nodes.append(Node(f"{scope}.{name}", OPS["tanh"](), (len(nodes) - 1,)))
    network = infer(Graph("n", tuple(nodes)))
    text = structured(network.graph)
    assert text is not None
    assert_equal(network, text)
    assert "blocks:" in text


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
