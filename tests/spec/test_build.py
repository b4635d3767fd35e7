"""Spec → graph: blocks, repeats, branches and conditions written out."""

import pytest

from archcalc.errors import SpecError, UsageError
from archcalc.network import load, loads

from .helpers import build, names, reads, spec

PAIR = """
blocks:
  pair:
    args: {out: required, k: 3, second: =2*out}
    layers:
      - conv: {out_channels: =out, kernel_size: =k, padding: =k//2}
      - conv: {out_channels: =second, kernel_size: 1}
"""


def channels(layers: str, before: str = "") -> list[int]:
    """The channels that each layer gives."""
    network = build(layers, before)
    return [shape[0] for shape in network.graph.shapes[1:]]


def test_layers_follow_one_another() -> None:
    """A layer reads the one before it; the first reads the input."""
    network = build("- conv: {out_channels: 4, kernel_size: 3}\n- relu\n- maxpool: {kernel_size: 2}\n")
    assert reads(network) == {"conv": ["input"], "relu": ["conv"], "maxpool": ["relu"]}
    assert network.graph.shapes == ((8, 32, 32), (4, 30, 30), (4, 30, 30), (4, 15, 15))


@pytest.mark.parametrize("layer", ["relu", "relu: {}", "relu:", "{relu: {}}", "{relu: }"])
def test_a_layer_without_arguments(layer: str) -> None:
    assert names(build(f"- {layer}\n")) == ["relu"]


def test_arguments_stand_in_the_braces_or_beside() -> None:
    inside = build("- conv: {name: c, out_channels: 4, kernel_size: 3}\n")
    beside = build("- conv: {out_channels: 4}\n  name: c\n  kernel_size: 3\n")
    assert inside.graph.nodes[1].op == beside.graph.nodes[1].op
    assert names(beside) == ["c"]


def test_block_arguments() -> None:
    """Given in the call, else their default, which may use the arguments before it."""
    assert channels("- pair: {out: 4}\n- pair: {out: 5, second: 3}\n", PAIR) == [4, 8, 5, 3]


def test_blocks_see_vars_and_their_arguments_only() -> None:
    """What the caller calls something means nothing inside; vars do, unless an argument has their name."""
    block = "blocks:\n  b:\n    args: {a: 1}\n    layers: [conv: {out_channels: '=a + v', kernel_size: 1}]\n"
    assert channels("- b\n- b: {a: =v}\n", f"vars: {{v: 5, a: 9}}\n{block}") == [6, 10]
    with pytest.raises(SpecError, match="there is no variable 'v' here"):
        build("- repeat: 2\n  as: v\n  layers: [b]\n", block)


def test_a_block_calls_others_and_itself() -> None:
    """Recursion ends where its `if` says: a tree of depth three has seven leaves' joins."""
    before = """
    blocks:
      tree:
        args: {depth: required}
        layers:
          - leaf
          - add:
              - - tree: {depth: =depth - 1}
              - - tree: {depth: =depth - 1}
            if: =depth > 1
      leaf:
        layers: [relu]
    """
    network = build("- tree: {depth: 3}\n", before)
    kinds = [node.op.keyword for node in network.graph.nodes]
    assert (kinds.count("relu"), kinds.count("add")) == (7, 3)


def test_an_empty_block_is_the_identity() -> None:
    network = build("- relu\n- nothing\n- tanh\n", "blocks:\n  nothing:\n    layers: []\n")
    assert reads(network)["tanh"] == ["relu"]


def test_repeat_counts_from_zero() -> None:
    assert channels("- repeat: 3\n  as: i\n  layers: [conv: {out_channels: =i + 1, kernel_size: 1}]\n") == [1, 2, 3]


@pytest.mark.parametrize("count", ["0", "=1 - 1", "=len([])"])
def test_repeat_zero_times(count: str) -> None:
    assert names(build(f"- repeat: {count}\n  layers: [relu]\n- tanh\n")) == ["tanh"]


def test_an_index_hides_a_variable_inside_only() -> None:
    layers = """
    - repeat: 2
      as: n
      layers: [conv: {out_channels: =n + 1, kernel_size: 1}]
    - conv: {out_channels: =n, kernel_size: 1}
    """
    assert channels(layers, "vars: {n: 7}\n") == [1, 2, 7]


def test_conditions_leave_layers_out() -> None:
    layers = """
    - relu: {if: =deep}
    - sigmoid: {if: =not deep}
    - repeat: 2
      if: =not deep
      layers: [tanh]
    - leaf: {if: =not deep}
    - gelu: {if: '=3 in [1, 2]'}
    - silu: {if: =1}
    """
    before = "vars: {deep: true}\nblocks:\n  leaf:\n    layers: [softmax]\n"
    assert names(build(layers, before)) == ["relu", "silu"]


def test_a_layer_left_out_is_not_evaluated() -> None:
    """Its arguments need not have a value: `if` guards what would fail, as in Python."""
    layers = "- conv: {out_channels: '=[4][n]', kernel_size: 1, if: =n < 1}\n- relu\n"
    assert names(build(layers, "vars: {n: 3}\n")) == ["relu"]


def test_a_merge_joins_branches_from_one_layer() -> None:
    """Every branch begins at the layer before the merge; an empty one is that layer."""
    network = build("- relu\n- add:\n    - - tanh\n      - sigmoid\n    - []\n- gelu\n")
    assert reads(network)["tanh"] == ["relu"]
    assert reads(network)["add"] == ["sigmoid", "relu"]
    assert reads(network)["gelu"] == ["add"]


def test_a_merge_at_the_start_reads_the_input() -> None:
    assert reads(build("- concat: [[], []]\n"))["concat"] == ["input", "input"]


def test_branches_as_mappings() -> None:
    """`repeat` writes a branch several times, side by side; `if` sees its index and leaves it out."""
    layers = """
    - concat:
        - layers: [conv: {out_channels: =c + 1, kernel_size: 1}]
          repeat: 4
          as: c
          if: =c != 2
        - {layers: [tanh]}
        - {layers: [], if: true}
      dim: 1
    """
    network = build(layers)
    assert reads(network)["concat"] == ["conv", "conv2", "conv3", "tanh", "input"]
    assert [reads(network)[name] for name in ("conv", "conv2", "conv3")] == [["input"]] * 3
    assert [shape[0] for shape in network.graph.shapes[1:]] == [1, 2, 4, 8, 23]


@pytest.mark.parametrize("identity", ["- []", "- layers: []"])
def test_a_merge_left_with_one_branch_is_that_branch(identity: str) -> None:
    """A shortcut that a condition leaves out leaves no join of one."""
    merge = f"- add:\n    {identity}\n    - layers: [tanh]\n      if: =on\n  name: join\n- gelu\n"
    assert reads(build(merge, "vars: {on: true}\n")) == {"tanh": ["input"], "join": ["input", "tanh"], "gelu": ["join"]}
    assert reads(build(merge, "vars: {on: false}\n")) == {"gelu": ["input"]}


def test_a_merge_left_with_one_branch_keeps_its_name() -> None:
    """Whoever reads it by name reads that branch."""
    layers = """
    - relu
    - add:
        - [tanh]
        - {layers: [], if: false}
      name: join
    - sigmoid
    - add: {name: last, inputs: [join, sigmoid]}
    """
    assert reads(build(layers))["last"] == ["tanh", "sigmoid"]


def test_merges_stand_in_merges() -> None:
    network = build("- add:\n    - - concat: [[relu], [tanh]]\n      - split: {chunks: 2}\n    - []\n")
    assert reads(network)["concat"] == ["relu", "tanh"]
    assert reads(network)["add"] == ["split", "input"]


def test_arguments_are_decoded_to_their_types() -> None:
    """What an expression gives as 4.0 is 4; lists are tuples; words are words."""
    network = build("- conv: {out_channels: '=8/2', kernel_size: [3, 1], padding: same, bias: =1 > 2}\n")
    op = network.graph.nodes[1].op
    assert repr(op) == repr(type(op)(out_channels=4, kernel_size=(3, 1), padding="same", bias=False))


def test_layers_that_are_alike_are_one_operator() -> None:
    """What no expression changes is decoded once, however often a loop writes it."""
    nodes = build("- repeat: 3\n  layers: [conv: {out_channels: 8, kernel_size: 1}]\n").graph.nodes
    assert nodes[1].op is nodes[2].op is nodes[3].op


def test_places_of_layers_and_arguments() -> None:
    """Every layer, however often it is written, knows the line that wrote it."""
    node = build("- repeat: 2\n  layers:\n    - maxpool: {kernel_size: 2}\n").graph.nodes[2]
    assert node.span is not None
    assert (node.span.line, node.span.column, node.span.width) == (7, 9, 7)
    assert (node.spans["kernel_size"].line, node.spans["kernel_size"].column) == (7, 19)


def test_an_expression_may_be_the_input() -> None:
    text = spec("- relu\n", "vars: {size: 5}\n").replace("[8, 32, 32]", "[=size, '=2*size', 3]")
    assert loads(text).graph.input_shape == (5, 10, 3)


@pytest.mark.parametrize("written", ["8x4x6", "'8X4X6'", "[8, 4, 6]", "[8, 4.0, 6]"])
def test_inputs_may_be_written(written: str) -> None:
    assert loads(spec("- relu\n").replace("[8, 32, 32]", written)).graph.input_shape == (8, 4, 6)


@pytest.mark.parametrize("given", ["3x64x64", "3,64,64", "[3, 64, 64]", "3×64×64", (3, 64, 64), [3, 64, 64]])
def test_the_input_may_be_replaced(given: str | list[int]) -> None:
    network = load("vgg11", input=given)
    assert network.graph.input_shape == (3, 64, 64)
    assert network.spec.name == "vgg11"


@pytest.mark.parametrize("given", ["", "3x", "axb", "3x0x3", "-1", "1e3", [], [0], [3.5, 2, 2], "9" * 30, [1] * 9, 227])
def test_an_input_that_is_no_shape_is_refused(given: str | list[int]) -> None:
    with pytest.raises(UsageError, match="is not the shape of an input"):
        load("vgg11", input=given)
