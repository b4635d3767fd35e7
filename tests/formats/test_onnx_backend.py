"""Models over the backend: the interface of ONNX, whole networks, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from archcalc.errors import UsageError
from archcalc.formats import onnx_backend
from archcalc.formats.onnx_backend import ArchcalcBackend
from archcalc.formats.onnx_export import to_onnx
from archcalc.forward.weights import random_weights
from archcalc.network import load

Array = Any
FLOAT = onnx.TensorProto.FLOAT
LIGHT = Path(onnx.backend.test.__file__).parent / "data/light"


def model_of(nodes: list[onnx.NodeProto], opset: int = 13, **more: Any) -> onnx.ModelProto:
    """From x and y, both of two numbers, to z; w is stored."""
    values = [helper.make_tensor_value_info(name, FLOAT, [2]) for name in "xyz"]
    stored = [numpy_helper.from_array(np.array([10.0, 20.0], np.float32), "w")]
    graph = helper.make_graph(nodes, "small", values[:2], values[2:], stored)
    imports = [helper.make_opsetid("", opset), *more.pop("imports", [])]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, **more)


SUM = [helper.make_node("Sum", ["x", "y", "w"], ["s"]), helper.make_node("Neg", ["s"], ["z"])]
X, Y = np.array([1, 2], np.float32), np.array([3, 5], np.float32)


def test_inputs_by_place_and_by_name() -> None:
    """Stored values are no inputs, may be overruled by name, and a prepared model runs again."""
    prepared = onnx_backend.prepare(model_of(SUM))
    assert prepared.run([X, Y])[0].tolist() == [-14, -27]
    assert prepared.run({"x": X, "y": Y})["z"].tolist() == [-14, -27]
    assert prepared.run({"x": X, "y": Y, "w": X})["z"].tolist() == [-5, -9]
    assert prepared.run([X, Y])[0].tolist() == [-14, -27]


def test_stored_values_that_are_inputs_too() -> None:
    """As Caffe's converters wrote them: with or without being given."""
    model = model_of(SUM)
    model.graph.input.append(helper.make_tensor_value_info("w", FLOAT, [2]))
    prepared = onnx_backend.prepare(model)
    assert prepared.run([X, Y])[0].tolist() == [-14, -27]
    assert prepared.run([X, Y, X])[0].tolist() == [-5, -9]


def test_a_value_may_be_read_twice_and_be_an_output() -> None:
    nodes = [helper.make_node("Add", ["x", "x"], ["s"]), helper.make_node("Mul", ["s", "s"], ["z"])]
    model = model_of(nodes)
    model.graph.output.append(helper.make_tensor_value_info("s", FLOAT, [2]))
    outputs = onnx_backend.run_model(model, [X, Y])
    assert outputs[0].tolist() == [4, 16]
    assert outputs[1].tolist() == [2, 4]


def test_one_node() -> None:
    node = helper.make_node("Concat", ["a", "b"], ["c"], axis=0)
    assert onnx_backend.run_node(node, [X, Y])["c"].tolist() == [1, 2, 3, 5]


def test_one_node_has_the_meaning_of_its_opset() -> None:
    """Softmax was of all axes from one on, taken together, until opset 13."""
    node = helper.make_node("Softmax", ["a"], ["b"], axis=1)
    x = np.zeros((1, 2, 3), np.float32)
    (old,) = onnx_backend.run_node(node, [x], opset_version=11)
    (new,) = onnx_backend.run_node(node, [x], opset_version=13)
    np.testing.assert_allclose(old, np.full(x.shape, 1 / 6), rtol=1e-6)
    np.testing.assert_allclose(new, np.full(x.shape, 1 / 2), rtol=1e-6)


def test_functions_of_a_model_are_put_in() -> None:
    body = [helper.make_node("Mul", ["a", "a"], ["b"])]
    square = helper.make_function("own", "Square", ["a"], ["b"], body, [helper.make_opsetid("", 13)])
    nodes = [helper.make_node("Square", ["x"], ["z"], domain="own")]
    model = model_of(nodes, functions=[square], imports=[helper.make_opsetid("own", 1)])
    assert onnx_backend.run_model(model, [X, Y])[0].tolist() == [1, 4]


def test_devices() -> None:
    assert [ArchcalcBackend.supports_device(device) for device in ("CPU", "CPU:0", "CUDA")] == [True, True, False]
    with pytest.raises(UsageError, match="the device CUDA is not there; there is CPU"):
        onnx_backend.prepare(model_of(SUM), "CUDA")


WRONG = {
    "few inputs": (SUM, [X], "1 inputs are given; the model has 2"),
    "shapes": (SUM, [X, np.zeros(3, np.float32)], r"node s: Sum of .* fails"),
    "domain": (
        [helper.make_node("Square", ["x"], ["z"], domain="own", name="sq")],
        [X, Y],
        "node sq is of the domain own",
    ),
    "operator": ([helper.make_node("Det", ["x"], ["z"])], [X, Y], "node z: Det is not computed"),
    "size": ([helper.make_node("Expand", ["x", "huge"], ["z"])], [X, Y], "node z: Expand would make an array of"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_computed_is_named(case: str) -> None:
    nodes, inputs, message = WRONG[case]
    model = model_of(nodes, imports=[helper.make_opsetid("own", 1)])
    model.graph.initializer.append(numpy_helper.from_array(np.array([1 << 40, 2]), "huge"))
    with pytest.raises(UsageError, match=message):
        onnx_backend.prepare(model, limit=1 << 20).run(inputs)


def test_a_model_that_is_none_is_refused_by_onnx() -> None:
    with pytest.raises(onnx.checker.ValidationError):
        onnx_backend.prepare(model_of([helper.make_node("Neg", ["nobody"], ["z"])]))


@pytest.mark.parametrize("name", ["lenet5", "mobilenet_v3_small", "shufflenet_v2_x0_5", "resnet18"])
def test_whole_networks_agree_with_onnxruntime(name: str) -> None:
    network = load(name, input="1x28x28" if name == "lenet5" else "3x64x64").graph
    model = to_onnx(network, random_weights(network), batch=2)
    x = np.random.default_rng(0).standard_normal((2, *network.shapes[0])).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {session.get_inputs()[0].name: x})
    (found,) = onnx_backend.run_model(model, [x])
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["bvlc_alexnet", "inception_v1", "shufflenet", "squeezenet", "zfnet512"])
def test_old_networks_of_the_suite(name: str) -> None:
    """Opset 9, as Caffe2 exported them; their weights are constants, so that every output is the same."""
    model = onnx.load(LIGHT / f"light_{name}.onnx")
    stored = {value.name for value in model.graph.initializer}
    (given,) = [value for value in model.graph.input if value.name not in stored]
    shape = tuple(axis.dim_value for axis in given.type.tensor_type.shape.dim)
    size = int(np.prod(shape))
    x = (np.arange(size).reshape(shape) / size).astype(np.float32)
    expected = numpy_helper.to_array(onnx.load_tensor(LIGHT / f"light_{name}_output_0.pb"))
    np.testing.assert_allclose(onnx_backend.run_model(model, [x])[0], expected, rtol=1e-3, atol=1e-7)
