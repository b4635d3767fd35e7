"""The plain forward pass: every node, in order, with its own weights; nothing kept longer than it is needed."""

import weakref
from typing import Any

import numpy as np
import pytest

from archcalc import ops
from archcalc.errors import UsageError
from archcalc.forward.kernels import Array
from archcalc.forward.reference import run_reference
from archcalc.forward.rules import RULES
from archcalc.forward.weights import random_weights, weights_of
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load, loads

pytestmark = pytest.mark.usefixtures("one_thread")

BRANCHED = """
archcalc: 1
name: branched
input: [3, 9, 9]
layers:
  - conv: {name: stem, out_channels: 4, kernel_size: 3, padding: 1}
  - relu: {name: bent}
  - add:
      - - conv: {name: left, out_channels: 4, kernel_size: 1}
        - batchnorm: {name: norm}
      - - conv: {name: right, out_channels: 4, kernel_size: 1, shares: left}
      - []
    name: sum
  - maxpool: {name: unread, kernel_size: 2, inputs: [stem]}
  - split: {name: half, chunks: 2, inputs: [sum]}
  - flatten: {name: flat}
  - linear: {name: last, out_features: 5}
"""


@pytest.fixture
def branched() -> InferredGraph:
    return loads(BRANCHED).graph


def normal(*shape: int, dtype: str = "float32") -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def output_of(network: InferredGraph, weights: dict[str, Array], x: Array) -> Array:
    *_, (_, output) = run_reference(network, weights, x)
    return output


def test_each_node_has_what_its_rule_makes_of_what_it_reads(branched: InferredGraph) -> None:
    """In order, in the stated shapes, by its own weights or those that it shares."""
    weights, x = random_weights(branched), normal(3, 3, 9, 9)
    outputs = []
    for position, output in run_reference(branched, weights, x):
        assert position == len(outputs)
        assert output.shape == (3, *branched.shapes[position])
        assert output.dtype == "float32"
        outputs.append(output)
    assert len(outputs) == len(branched.nodes)
    for position, node in enumerate(branched.nodes[1:], start=1):
        inputs = [outputs[producer] for producer in node.inputs]
        expected = RULES[node.op.keyword](node.op, inputs, weights_of(branched, position, weights))
        np.testing.assert_array_equal(outputs[position], expected)
    index = branched.graph.index()
    assert outputs[0] is x
    np.testing.assert_array_equal(outputs[index["left"]], outputs[index["right"]])


def test_outputs_are_freed_behind_their_last_use(branched: InferredGraph) -> None:
    """While a node's output is out, there are that one, those that are still to be read, and no others.

    Samples that nobody else holds are no exception.
    """
    last = branched.graph.last_uses()
    owners: list[weakref.ref[Array]] = []
    homes: list[int] = []
    passing = run_reference(branched, random_weights(branched), normal(1, 3, 9, 9))
    for position in range(len(branched.nodes)):
        _, output = next(passing)
        # A view holds what it is a view of: its home is the node that made the memory.
        owner = output if output.base is None else output.base
        homes.append(next((i for i, other in enumerate(owners) if other() is owner), position))
        owners.append(weakref.ref(owner))
        del output, owner
        needed = {homes[i] for i, end in enumerate(last[: position + 1]) if end > position or i == position}
        alive = {homes[i] for i, owner_of in enumerate(owners) if owner_of() is not None}
        assert alive == needed
    assert len(set(homes)) < len(homes)


def test_what_nobody_reads_is_gone_before_the_next_is_computed(
    branched: InferredGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless who received it holds on to it."""
    received: list[weakref.ref[Array]] = []

    def split(*arguments: Any) -> Array:
        assert received[-1]() is None
        return compute_split(*arguments)

    compute_split = RULES["split"]
    monkeypatch.setitem(RULES, "split", split)
    for _, output in run_reference(branched, random_weights(branched), normal(1, 3, 9, 9)):
        received.append(weakref.ref(output))
        del output
    assert len(received) == len(branched.nodes)


def test_kept_outputs_hold_nothing_else(branched: InferredGraph) -> None:
    """They are arrays of their own with the same numbers; others may be views."""
    weights, x = random_weights(branched), normal(2, 3, 9, 9)
    names = [node.name for node in branched.nodes]
    plain, kept = dict(run_reference(branched, weights, x)), dict(run_reference(branched, weights, x, keep=names))
    assert plain[names.index("half")].base is not None
    for position, output in kept.items():
        assert output.base is None
        np.testing.assert_array_equal(output, plain[position])


def test_nothing_is_written_to(branched: InferredGraph) -> None:
    """Neither samples nor weights nor outputs once they are out."""
    weights, x = random_weights(branched), normal(2, 3, 9, 9)
    for array in (x, *weights.values()):
        array.setflags(write=False)
    seen = [(output, output.copy()) for _, output in run_reference(branched, weights, x)]
    for output, copy in seen:
        np.testing.assert_array_equal(output, copy)


def test_several_inputs_and_parameters() -> None:
    """Samples come in the order of the inputs; what is learned stands beside every sample."""
    nodes = (
        Node("image", ops.Input((2, 3))),
        Node("token", ops.Parameter((1, 3))),
        Node("second", ops.Input((1, 3))),
        Node("tokens", ops.Concat(), (1, 0, 2)),
        Node("scaled", ops.Linear(2), (1,)),
        Node("turned", ops.Reshape((3, 1)), (1,)),
        Node("product", ops.MatMul(), (3, 5)),
    )
    network = infer(Graph("two", nodes))
    weights, image, second = random_weights(network), normal(4, 2, 3), normal(4, 1, 3)
    outputs = dict(run_reference(network, weights, [image, second]))
    token = np.broadcast_to(weights["token.weight"], (4, 1, 3))
    np.testing.assert_array_equal(outputs[3], np.concatenate([token, image, second], 1))
    assert outputs[4].shape == (4, 1, 2)
    np.testing.assert_allclose(outputs[6], outputs[3] @ weights["token.weight"].T, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_constants(dtype: str) -> None:
    """A number has the type of the samples and takes no memory; stored values are those of the weights."""
    nodes = (
        Node("x", ops.Input((2, 3))),
        Node("third", ops.Constant((2, 3), 1 / 3)),
        Node("stored", ops.Constant((1, 3))),
        Node("sum", ops.Add(), (0, 1, 2)),
    )
    network, x = infer(Graph("constants", nodes)), normal(4, 2, 3, dtype=dtype)
    weights = random_weights(network, dtype=dtype)
    outputs = dict(run_reference(network, weights, x))
    assert {array.dtype for array in outputs.values()} == {np.dtype(dtype)}
    assert outputs[1].shape == (4, 2, 3)
    assert not any(outputs[1].strides)
    np.testing.assert_array_equal(outputs[3], x + np.array(1 / 3, dtype) + weights["stored.value"])
    assert 0.5 <= weights["stored.value"].min() < weights["stored.value"].max() <= 1.5


@pytest.mark.parametrize("name", ["lenet5_paper", "resnet20_cifar", "densenet_40_12", "fractalnet20"])
def test_float32_is_near_float64(name: str) -> None:
    """By the same weights; relative to the largest output."""
    network = load(name).graph
    x = normal(1, *network.input_shape)
    single = output_of(network, random_weights(network), x)
    double = output_of(network, random_weights(network, dtype="float64"), x.astype("float64"))
    assert (single.dtype, double.dtype) == ("float32", "float64")
    assert np.abs(single - double).max() < 1e-4 * np.abs(double).max()


def test_a_network_of_nothing_but_its_input() -> None:
    """Gives it back."""
    network = infer(Graph("none", (Node("x", ops.Input((2, 3))),)))
    x = normal(4, 2, 3)
    assert output_of(network, {}, x) is x


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.zeros((3, 9, 9), "float32"), "input 'input' takes 3×9×9 behind a batch, and 3×9×9 came"),
        (np.zeros((1, 3, 8, 9), "float32"), "input 'input' takes 3×9×9 behind a batch, and 1×3×8×9 came"),
        (np.zeros((1, 3, 9, 9), int), "input 'input' takes floating-point numbers, and int64 came"),
        ([], "branched has 1 input, and samples for 0 came"),
        ([np.zeros((1, 3, 9, 9))] * 2, "branched has 1 input, and samples for 2 came"),
    ],
)
def test_samples_that_do_not_fit(branched: InferredGraph, x: Array, says: str) -> None:
    """Said before anything is computed."""
    with pytest.raises(UsageError) as caught:
        next(run_reference(branched, random_weights(branched), x))
    assert str(caught.value) == says


def test_batches_that_differ() -> None:
    """Are no batch; everything wrong is said at once."""
    inputs = (Node("a", ops.Input((2,))), Node("b", ops.Input((2,))))
    network = infer(Graph("two", (*inputs, Node("c", ops.Add(), (0, 1)))))
    with pytest.raises(UsageError) as caught:
        next(run_reference(network, {}, [np.zeros((2, 2)), np.zeros((3, 2), int)]))
    assert [problem.message for problem in caught.value.problems] == [
        "input 'b' takes floating-point numbers, and int64 came",
        "the inputs have batches of 2 and 3",
    ]


def test_names_that_no_layer_has(branched: InferredGraph) -> None:
    """With the nearest one."""
    with pytest.raises(UsageError, match="there is no layer 'stm'; did you mean 'stem'"):
        next(run_reference(branched, random_weights(branched), normal(1, 3, 9, 9), keep=["stm"]))
