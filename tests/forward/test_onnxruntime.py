"""Against onnxruntime: each operator on its samples, and whole networks, by way of the models that we write."""

import sys
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given
from ops.cases import Sample, each
from ops.samples import SAMPLES
from ops.strategies import GEOMETRIES

from archcalc.errors import UsageError
from archcalc.formats.onnx import RULES as WRITTEN
from archcalc.formats.onnx_export import to_onnx
from archcalc.forward.kernels import Array
from archcalc.forward.reference import run_reference
from archcalc.forward.rules import RULES
from archcalc.forward.weights import random_weights
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load
from archcalc.ops import OPS, AvgPool, BatchNorm, Conv, Input, Linear, ReLU, Upsample
from archcalc.ops.base import Op, Shapes

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

FAMILIES = (
    *("lenet5", "lenet5_paper", "lenet_caffe_mnist", "nin_cifar10", "squeezenet1_1", "inception_bottleneck"),
    *("resnet20_cifar", "resnet20_cifar_b", "wrn_40_1", "preact_resnet164", "stochastic_depth_110", "fractalnet_c3"),
    *("densenet_40_12", "densenet_bc_100_12", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet1_0"),
    *("efficientnet_b0", "regnet_y_400mf"),
)
# What is large at its own size, at a smaller one.
SMALLER = {"alexnet": "3x99x99", "googlenet": "3x64x64", "convnext_tiny": "3x64x64", "se_resnet50": "3x64x64"}


def one_op(op: Op, inputs: Shapes) -> InferredGraph:
    """A network of nothing but an operator, called `layer`, and its inputs."""
    sources = [Node(f"x{i}", Input(shape)) for i, shape in enumerate(inputs)]
    return infer(Graph("one_op", (*sources, Node("layer", op, tuple(range(len(inputs)))))))


def by_onnxruntime(network: InferredGraph, weights: dict[str, Array], inputs: Sequence[Array], batch: int) -> Array:
    """The output of the model, which the checker has read first."""
    model = to_onnx(network, weights, batch)
    onnx.checker.check_model(model, full_check=True)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), quiet, providers=["CPUExecutionProvider"])
    names = [source.name for source in session.get_inputs()]
    (output,) = session.run(None, dict(zip(names, inputs, strict=True)))
    return output


def varied_weights(network: InferredGraph) -> dict[str, Array]:
    """Biases that are not 0; statistics and factors that differ by channel."""
    rng = np.random.default_rng(2)
    weights = random_weights(network)
    for vector in (array for array in weights.values() if array.ndim == 1):
        vector *= rng.uniform(0.8, 1.2, vector.shape)
        vector += rng.uniform(0.0, 0.05, vector.shape)
    return weights


@pytest.mark.parametrize("keyword", OPS)
def test_every_operator_can_be_written(keyword: str) -> None:
    """But for the input, which is one of the model."""
    assert (keyword in WRITTEN) == (keyword != "input")


def by_model_and_rule(case: Sample) -> tuple[Array, Array]:
    """What both give for a batch of two, with values of both signs."""
    rng = np.random.default_rng(0)
    inputs = [3 * rng.standard_normal((2, *shape), dtype=np.float32) for shape in case.inputs]
    weights = {w.name: rng.uniform(0.5, 1.5, w.shape).astype("float32") for w in case.op.weights(case.inputs)}
    stored = {f"layer.{name}": array for name, array in weights.items()}
    given = by_onnxruntime(one_op(case.op, case.inputs), stored, inputs, 2)
    expected = RULES[case.op.keyword](case.op, inputs, weights)
    # Where a dilated window misses its input, the largest of no values is −∞, but to onnxruntime the lowest number.
    lowest = np.finfo("float32").min
    return np.maximum(given, lowest), np.maximum(np.broadcast_to(expected, given.shape), lowest)


MORE = [
    Sample(BatchNorm(track_running_stats=False), ((4,),)),  # no axes to take a mean over
    Sample(Upsample(size=2), ((1, 14),)),  # onnxruntime's own quotient, 1/(2/14), falls short of 7
]


@each([sample for sample in (*SAMPLES, *MORE) if sample.op.keyword != "input"])
def test_operator(case: Sample) -> None:
    """The same numbers, in the stated shape."""
    given, expected = by_model_and_rule(case)
    assert given.shape == (2, *case.op.output(case.inputs))
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)


@st.composite
def mean_poolings(draw: st.DrawFn) -> Sample:
    """The geometry of random maximum poolings, as far as means have it."""
    case = draw(GEOMETRIES["maxpool"])
    op: Any = case.op
    padding = tuple(tuple(min(k // 2, side) for side in pad) for k, pad in zip(op.kernel_size, op.padding, strict=True))
    mean = AvgPool(op.kernel_size, op.stride, padding, op.ceil_mode, draw(st.booleans()))
    assume(not list(mean.check(case.inputs)))
    return Sample(mean, case.inputs)


@pytest.mark.parametrize("cases", [*GEOMETRIES.values(), mean_poolings()], ids=[*GEOMETRIES, "avgpool"])
@given(data=st.data())
def test_any_geometry(cases: st.SearchStrategy[Sample], data: st.DataObject) -> None:
    """The same for random geometry, where runtimes have rules of their own."""
    test_operator(data.draw(cases))


@pytest.mark.parametrize("name", [*FAMILIES, *SMALLER])
def test_network(name: str) -> None:
    """The same output, as a share of its largest value."""
    network = load(name, input=SMALLER.get(name)).graph
    weights = varied_weights(network)
    x = np.random.default_rng(1).standard_normal((2, *network.input_shape), dtype=np.float32)
    *_, (_, expected) = run_reference(network, weights, x)
    given = by_onnxruntime(network, weights, [x], 2)
    assert np.abs(given - expected).max() <= 1e-4 * np.abs(expected).max()


CHAIN = infer(
    Graph(
        "chain",
        (
            Node("image", Input((4, 6, 6))),
            Node("conv1", Conv(4, 3, padding=1), (0,)),
            Node("relu1", ReLU(), (1,)),
            Node("conv2", Conv(4, 3, padding=1), (2,), shares=1),
        ),
    )
)


def test_names_are_those_of_the_graph() -> None:
    """Nodes, values and weights; weights that are shared are stored once."""
    model = to_onnx(CHAIN, random_weights(CHAIN), batch=3)
    assert [node.name for node in model.graph.node] == ["conv1", "relu1", "conv2"]
    assert [node.output[0] for node in model.graph.node] == ["conv1", "relu1", "conv2"]
    assert [stored.name for stored in model.graph.initializer] == ["conv1.weight", "conv1.bias"]
    assert list(model.graph.node[2].input) == ["relu1", "conv1.weight", "conv1.bias"]
    assert [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim] == [3, 4, 6, 6]


def test_the_network_may_be_its_input() -> None:
    """Even nothing is a model."""
    x = np.ones((1, 2, 3), "float32")
    np.testing.assert_array_equal(by_onnxruntime(infer(Graph("none", (Node("x", Input((2, 3))),))), {}, [x], 1), x)


def without(name: str) -> dict[str, Array]:
    return {key: array for key, array in random_weights(CHAIN).items() if key != name}


@pytest.mark.parametrize(
    ("weights", "options", "says"),
    [
        (without("conv1.bias"), {}, "the weights have no conv1.bias"),
        ({**without(""), "conv1.bias": np.zeros(5, "float32")}, {}, "conv1.bias is 5; the network has 4"),
        ({**without(""), "conv1.bias": np.zeros(4)}, {}, "several types: float32, float64"),
        (without(""), {"opset": 20}, "opset 20 cannot be written; 21 to "),
        (without(""), {"opset": 1000}, "opset 1000 cannot be written; 21 to "),
    ],
)
def test_refusals(weights: dict[str, Array], options: dict[str, Any], says: str) -> None:
    """What cannot be a model is said in words."""
    with pytest.raises(UsageError, match=says):
        to_onnx(CHAIN, weights, **options)


def test_more_than_a_file_holds() -> None:
    """Over 2 GiB of weights: an array that repeats one number is that large without being stored."""
    network = one_op(Linear(30_000, bias=False), ((20_000,),))
    weights = {"layer.weight": np.broadcast_to(np.float32(0), (30_000, 20_000))}
    with pytest.raises(UsageError, match=r"at most 2 GiB, the weights are 2\.24 GiB"):
        to_onnx(network, weights)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to it is named."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"pip install 'archcalc\[onnx\]'"):
        to_onnx(CHAIN, random_weights(CHAIN))


def test_other_types_are_kept() -> None:
    """float64 weights make a float64 model."""
    model = to_onnx(CHAIN, random_weights(CHAIN, dtype="float64"))
    onnx.checker.check_model(model, full_check=True)
    assert {stored.data_type for stored in model.graph.initializer} == {onnx.TensorProto.DOUBLE}
