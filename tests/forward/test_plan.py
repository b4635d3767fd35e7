"""The fast plan against the plain kernels: every operator, random networks, the zoo, every algorithm."""

import tracemalloc
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.cases import Sample, each
from ops.samples import SAMPLES

from archcalc.forward.kernels import Array
from archcalc.forward.plan import compile_plan, im2col, lowering
from archcalc.forward.plan.choose import Choice
from archcalc.forward.reference import run_reference
from archcalc.forward.rules import UNITWISE
from archcalc.forward.weights import random_weights
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load
from archcalc.ops import OPS
from archcalc.ops.conv import Conv
from archcalc.ops.linear import Linear

from .blocks import any_weights, block_networks
from .strategies import convolutions

pytestmark = pytest.mark.usefixtures("one_thread")
READING = [sample for sample in SAMPLES if sample.inputs]
ALGORITHMS: tuple[Choice, ...] = ("direct", "im2col", "winograd")


def one_layer(case: Sample) -> InferredGraph:
    """A network of one layer and its inputs."""
    inputs = [Node(f"x{i}", OPS["input"](shape)) for i, shape in enumerate(case.inputs)]
    return infer(Graph("one", (*inputs, Node("layer", case.op, tuple(range(len(inputs)))))))


def samples_for(network: InferredGraph, batch: int, dtype: str = "float64") -> list[Array]:
    rng = np.random.default_rng(1)
    shapes = [shape for node, shape in zip(network.nodes, network.shapes, strict=True) if node.op.keyword == "input"]
    return [rng.standard_normal((batch, *shape)).astype(dtype) for shape in shapes]


def reference(network: InferredGraph, weights: dict[str, Array], samples: list[Array]) -> dict[int, Array]:
    """The outputs of all nodes by the plain kernels."""
    x = samples if len(samples) > 1 else samples[0]
    return dict(run_reference(network, weights, x, keep=[node.name for node in network.nodes]))


def near(given: Array, expected: Array, tolerance: float) -> None:
    """Of the same shape, without a value at the same places, and apart by no more than a share of the largest value."""
    np.testing.assert_array_equal(np.isnan(given), np.isnan(expected), strict=True)
    given, expected = np.nan_to_num(given), np.nan_to_num(expected)
    assert np.abs(given - expected).max() <= tolerance * max(np.abs(expected).max(), 1e-3)


@each(READING)
def test_every_operator(case: Sample) -> None:
    """A layer alone, on a batch of 3."""
    check_alone(case, 1)


@each([next(sample for sample in READING if sample.op.keyword == word) for word in {s.op.keyword: s for s in READING}])
def test_every_operator_by_threads(case: Sample) -> None:
    """A layer alone whose work is split: the first sample of each, since processes take their time to begin."""
    check_alone(case, 3)


def check_alone(case: Sample, threads: int) -> None:
    network = one_layer(case)
    weights, samples = any_weights(network), samples_for(network, 3)
    plan = compile_plan(network, weights, 3, threads, dtype="float64")
    near(plan(*samples), reference(network, weights, samples)[len(network.nodes) - 1], 1e-10)


@each([sample for sample in READING if sample.op.keyword in UNITWISE and len(sample.inputs[0]) == 3])
def test_functions_behind_a_convolution(case: Sample) -> None:
    """Every function of one value, computed with the convolution before it: on maps, and on features of tokens."""
    for layer, shape, threads in ((Conv(5, 3), (3, 6, 7), 2), (Linear(5), (6, 3), 1), (Linear(5), (3,), 1)):
        nodes = (Node("x", OPS["input"](shape)), Node("layer", layer, (0,)), Node("bent", case.op, (1,)))
        network = infer(Graph("chain", nodes))
        weights, samples = any_weights(network), samples_for(network, 2)
        plan = compile_plan(network, weights, 2, threads, dtype="float64")
        near(plan(*samples), reference(network, weights, samples)[2], 1e-10)


def test_samples_that_no_layer_reads() -> None:
    """They have a place all the same: a network may be made of what it has stored alone."""
    stored, number = Node("a", OPS["parameter"]((3,))), Node("b", OPS["constant"]((3,), 0.5))
    for more in ((), (Node("sum", OPS["add"](), (1, 2)),)):
        network = infer(Graph("alone", (Node("x", OPS["input"]((4, 6, 6))), stored, number, *more)))
        weights, samples = any_weights(network), samples_for(network, 2)
        plan = compile_plan(network, weights, 2, 1, dtype="float64")
        near(plan(*samples), reference(network, weights, samples)[len(network.nodes) - 1], 1e-10)


@pytest.mark.parametrize("arguments", [{}, {"scale": 0.2}, {"is_causal": True}])
@pytest.mark.parametrize("threads", [1, 3])
def test_heads_that_lie_apart(arguments: dict[str, Any], threads: int) -> None:
    """Heads are parted from one projection by views, and put together again; a mask is the same for all of them."""
    tokens = (0, 2, 1, 3)
    nodes = [Node("x", OPS["input"]((7, 8))), Node("packed", Linear(24), (0,))]
    for part in range(3):
        cut = Node(f"part{part}", OPS["slice"](dim=2, start=8 * part, end=8 * (part + 1)), (1,))
        apart = Node(f"apart{part}", OPS["reshape"](shape=(7, 2, 4)), (len(nodes),))
        nodes += [cut, apart, Node(f"heads{part}", OPS["permute"](dims=tokens), (len(nodes) + 1,))]
    nodes.append(Node("mask", OPS["constant"]((1, 7, 7))))
    mask = () if arguments else (len(nodes) - 1,)
    nodes.append(Node("mixed", OPS["scaled_dot_product_attention"](**arguments), (4, 7, 10, *mask)))
    nodes.append(Node("together", OPS["permute"](dims=tokens), (len(nodes) - 1,)))
    nodes.append(Node("out", OPS["reshape"](shape=(7, 8)), (len(nodes) - 1,)))
    network = infer(Graph("heads", tuple(nodes)))
    weights, samples = any_weights(network), samples_for(network, 3)
    plan = compile_plan(network, weights, 3, threads, dtype="float64")
    assert "attention" in [bound.step.algorithm for bound in plan.bound]
    near(plan(*samples), reference(network, weights, samples)[len(nodes) - 1], 1e-10)


@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("last", ["conv", "linear", "pool"])
@pytest.mark.parametrize("kept", [(), ("pooled",), ("joined",)])
def test_limits_wait_for_longer_rows_and_fewer_numbers(activation: str, last: str, kept: tuple[str, ...]) -> None:
    """Two convolutions side by side, one with an activation, then a maximum: the convolution behind it puts it on."""
    op = OPS[activation]()
    nodes = [
        Node("x", OPS["input"]((5, 9, 8))),
        Node("a", Conv(24, 1), (0,)),
        Node("a_active", op, (1,)),
        Node("b", Conv(8, 3, padding=1), (0,)),
        Node("c", Conv(16, 3, padding=1, bias=False), (0,)),
        Node("c_active", op, (4,)),
        Node("joined", OPS["concat"](), (2, 3, 5)),
        Node("pooled", OPS["maxpool"](3, 2, padding=1), (6,)),
        Node("passed", OPS["dropout"](), (7,)),
    ]
    endings: dict[str, list[Any]] = {
        "conv": [Conv(7, 1)],
        "linear": [OPS["flatten"](), Linear(3)],
        "pool": [OPS["avgpool"](2)],
    }
    for number, end in enumerate(endings[last]):
        nodes.append(Node(f"end{number}", end, (len(nodes) - 1,)))
    network = infer(Graph("side by side", tuple(nodes)))
    weights, samples = any_weights(network), samples_for(network, 2)
    weights = {name: -3 * array if name == "b.bias" else 2 * array for name, array in weights.items()}
    plan = compile_plan(network, weights, 2, 2, keep=kept, dtype="float64")
    expected = reference(network, weights, samples)
    near(plan(*samples), expected[len(nodes) - 1], 1e-10)
    for name in kept:
        near(plan.output(network.graph.index()[name]), expected[network.graph.index()[name]], 1e-10)
    waiting = [bound.step for bound in plan.bound if not bound.step.writes.limits.idle]
    # Left by both convolutions and by the pooling, where one convolution reads it and nothing on the way is kept.
    names = {network.nodes[step.nodes[0]].name for step in waiting}
    assert names == ({"a", "c", "pooled"} if last == "conv" and not kept else set())


@settings(max_examples=100)
@given(block_networks(), st.integers(1, 3), st.integers(1, 3), st.sampled_from([None, *ALGORITHMS]), st.data())
def test_random_networks(
    network: InferredGraph, batch: int, threads: int, algorithm: Choice | None, data: st.DataObject
) -> None:
    """The output, and those of layers that are asked for, whatever is fused; a second run gives the same."""
    keep = data.draw(st.sets(st.sampled_from([node.name for node in network.nodes]), max_size=3))
    weights, samples = any_weights(network), samples_for(network, batch)
    expected = reference(network, weights, samples)
    plan = compile_plan(network, weights, batch, threads, algorithm, keep, dtype="float64")
    plan(*[np.zeros_like(x) for x in samples])
    near(plan(*samples), expected[len(network.nodes) - 1], 1e-7)
    for name in keep:
        position = network.graph.index()[name]
        near(plan.output(position), expected[position], 1e-7)


@settings(max_examples=80)
@given(convolutions(), st.sampled_from(ALGORITHMS), st.integers(1, 3), st.integers(1, 3))
def test_convolutions_by_every_algorithm(case: Sample, algorithm: Choice, batch: int, threads: int) -> None:
    """Strides, dilations, groups and padding of all kinds, in one to three dimensions."""
    network = one_layer(case)
    weights, samples = any_weights(network), samples_for(network, batch)
    plan = compile_plan(network, weights, batch, threads, algorithm)
    near(plan(*samples), reference(network, weights, samples)[1], 1e-10)


@settings(max_examples=80)
@given(convolutions(), st.sampled_from([None, 1]), st.booleans(), st.integers(1, 2), st.integers(1, 3))
def test_convolutions_however_windows_are_copied(
    case: Sample, fewest: int | None, by_rows: bool, batch: int, threads: int
) -> None:
    """One window below the other, or row by row, on weights in blocks and whole: what is fastest differs by machine."""
    network = one_layer(case)
    weights, samples = any_weights(network), samples_for(network, batch)
    wide = 1 if by_rows else 10_000
    with (
        mock.patch.object(im2col, "WIDE", wide),
        mock.patch.object(im2col, "WIDE_WHOLE", wide),
        mock.patch.object(lowering, "fewest_rows", return_value=fewest),
    ):
        plan = compile_plan(network, weights, batch, threads, "im2col")
    near(plan(*samples), reference(network, weights, samples)[1], 1e-10)


@settings(max_examples=60)
@given(
    st.integers(1, 40), st.integers(1, 40), st.tuples(*[st.integers(1, 21)] * 2), st.integers(0, 2), st.integers(1, 4)
)
def test_winograd_of_any_size(channels: int, filters: int, sizes: tuple[int, int], padding: int, threads: int) -> None:
    """Tiles that hang over the edges, rows shared out unevenly, both sizes of tile."""
    case = Sample(Conv(filters, 3, padding=padding), ((channels, *sizes),))
    if not list(case.op.check(case.inputs)):
        network = one_layer(case)
        weights, samples = any_weights(network), samples_for(network, 2)
        plan = compile_plan(network, weights, 2, threads, "winograd")
        assert plan.bound[0].step.algorithm.startswith("winograd")
        near(plan(*samples), reference(network, weights, samples)[1], 1e-10)


@pytest.mark.parametrize(("sizes", "form"), [((56, 56), "winograd_4x4"), ((7, 7), "winograd_2x2")])
def test_tiles_by_size(sizes: tuple[int, int], form: str) -> None:
    """Large maps take large tiles; and both forms agree with the definition on many channels at once."""
    case = Sample(Conv(130, 3, padding=1), ((70, *sizes),))
    network = one_layer(case)
    weights, samples = any_weights(network, dtype="float32"), samples_for(network, 1, "float32")
    plan = compile_plan(network, weights, 1, 2, "winograd")
    assert plan.bound[0].step.algorithm == form
    wide = {name: array.astype("float64") for name, array in weights.items()}
    expected = reference(network, wide, [x.astype("float64") for x in samples])[1]
    near(plan(*samples), expected, 1e-4 if form == "winograd_4x4" else 1e-5)


SMALL = (
    *("lenet5", "squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5", "efficientnet_b0", "resnet20_cifar"),
    *("densenet_40_12", "preact_resnet164", "fractalnet_c3", "regnet_y_400mf", "inception_bottleneck", "nin_cifar10"),
    *("mobilenet_v3_small", "googlenet", "alexnet_2gpu", "wrn_40_1", "stochastic_depth_110", "resnet18"),
)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("algorithm", "tolerance"), [(None, 1e-4), ("im2col", 1e-5)])
def test_zoo(name: str, algorithm: Choice | None, tolerance: float) -> None:
    """float32 within 1e-4 of float64, and within 1e-5 without Winograd."""
    network = load(name).graph
    weights = random_weights(network, 0)
    wide = {key: array.astype("float64") for key, array in weights.items()}
    samples = samples_for(network, 1, "float32")
    *_, (_, expected) = run_reference(network, wide, samples[0].astype("float64"))
    near(compile_plan(network, weights, 1, 2, algorithm)(*samples), expected, tolerance)


def test_offsets_do_not_grow_from_layer_to_layer() -> None:
    """Biases that are left to the next layer would grow with each: 40 layers of convolution, norm and ReLU."""
    nodes = [Node("x", OPS["input"]((16, 9, 9)))]
    for layer in range(40):
        for keyword, arguments in (
            ("conv", {"out_channels": 16, "kernel_size": 3, "padding": 1}),
            ("batchnorm", {}),
            ("relu", {}),
        ):
            nodes.append(Node(f"{keyword}{layer}", OPS[keyword](**arguments), (len(nodes) - 1,)))
    network = infer(Graph("deep", tuple(nodes)))
    weights = random_weights(network, 0)
    rng = np.random.default_rng(0)
    weights |= {
        name: rng.normal(0, 0.5, array.shape).astype(array.dtype)
        for name, array in weights.items()
        if name.endswith(("bias", "running_mean"))
    }
    wide = {name: array.astype("float64") for name, array in weights.items()}
    samples = samples_for(network, 1, "float32")
    expected = reference(network, wide, [samples[0].astype("float64")])[len(nodes) - 1]
    near(compile_plan(network, weights)(*samples), expected, 1e-5)


def test_a_run_allocates_next_to_nothing() -> None:
    """All memory is laid out when the network is compiled; what numpy still needs is a few buffers."""
    network = load("squeezenet1_1").graph
    plan = compile_plan(network, random_weights(network), 1, 2)
    samples = samples_for(network, 1, "float32")
    plan(*samples)
    tracemalloc.start()
    plan(*samples)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 200_000
    assert plan.activation_bytes > 3_000_000


def test_works_in_the_memory_that_was_predicted() -> None:
    """Activations take no more than the analysis says is alive at once."""
    from archcalc.analysis.memory import measure_memory

    for name in ("vgg16", "resnet50", "mobilenet_v2", "googlenet", "squeezenet1_0"):
        network = load(name).graph
        nothing = {key: np.broadcast_to(np.float32(1), array.shape) for key, array in shapes(network).items()}
        plan = compile_plan(network, nothing, 1, 2)
        assert plan.activation_bytes <= measure_memory(network).peak_bytes


def shapes(network: InferredGraph) -> dict[str, Array]:
    """Weights that take no memory."""
    return {
        f"{node.name}.{weight.name}": np.broadcast_to(np.float32(1), weight.shape)
        for position, node in enumerate(network.nodes)
        for weight in network.weights(position)
    }


def test_times_every_step() -> None:
    """As many times as there are steps, and the same output."""
    network = load("lenet5").graph
    plan = compile_plan(network, random_weights(network), 1, 2)
    samples = samples_for(network, 1, "float32")
    output, seconds = plan.timed(*samples)
    assert len(seconds) == len(plan.bound)
    assert all(second >= 0 for second in seconds)
    np.testing.assert_array_equal(output, plan(*samples))


def test_channels_stay_channels_behind_a_permutation() -> None:
    """Behind it the channels are not what is last in memory; found by a long run of the random networks."""
    nodes = [
        Node("x", OPS["input"]((8, 6))),
        Node("turned", OPS["permute"](dims=(0, 2, 1)), (0,)),
        Node("norm", OPS["batchnorm"](), (1,)),
        Node("relu", OPS["relu"](), (2,)),
        Node("conv", OPS["conv"](out_channels=3, kernel_size=3, padding=1), (3,)),
    ]
    network = infer(Graph("turned", tuple(nodes)))
    weights, samples = any_weights(network), samples_for(network, 2)
    expected = reference(network, weights, samples)
    for keep in ((), ("norm",), ("relu",)):
        plan = compile_plan(network, weights, 2, 1, keep=keep)
        near(plan(*samples), expected[4], 1e-12)
        for name in keep:
            near(plan.output(network.graph.index()[name]), expected[network.graph.index()[name]], 1e-12)


def test_samples_of_another_shape_are_refused() -> None:
    """Even those that numpy would stretch."""
    network = load("lenet5").graph
    plan = compile_plan(network, random_weights(network), 2, 1)
    for shape in ((1, *network.input_shape), (2, 1, 1, 1), (3, *network.input_shape)):
        with pytest.raises(ValueError, match="the plan is for samples"):
            plan(np.zeros(shape, np.float32))


def test_a_sum_behind_a_linear_layer() -> None:
    """A residual network of features: what is added is added where the layer is computed."""
    nodes = [
        Node("x", OPS["input"]((9,))),
        Node("linear", OPS["linear"](out_features=9), (0,)),
        Node("add", OPS["add"](), (1, 0)),
        Node("relu", OPS["relu"](), (2,)),
    ]
    network = infer(Graph("residual", tuple(nodes)))
    weights, samples = any_weights(network), samples_for(network, 3)
    plan = compile_plan(network, weights, 3, 2)
    assert [bound.step.nodes for bound in plan.bound] == [(1, 2, 3)]
    near(plan(*samples), reference(network, weights, samples)[3], 1e-12)
