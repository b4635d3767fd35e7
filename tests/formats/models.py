"""Small ONNX models in a few words, and what onnxruntime makes of them."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper, parser

Array = npt.NDArray[np.float32]
NEWEST = 23


def values(name: str, shape: Sequence[int]) -> Array:
    """Numbers that depend on the name alone; those of variances are positive."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    drawn = rng.standard_normal(tuple(shape)).astype(np.float32)
    return np.abs(drawn) + 0.5 if "var" in name else drawn


def model(
    body: str,
    weights: Mapping[str, Sequence[int] | Array] | None = None,
    x: str = "float[N,3,8,8] x",
    y: str = "float[] y",
    opset: int = NEWEST,
    functions: str = "",
) -> onnx.ModelProto:
    """A model in onnx's text format: nodes, and weights by shape or by their values."""
    imports = f'"" : {opset}' + (', "my" : 1' if functions else "")
    result = parser.parse_model(f"<ir_version: 9, opset_import: [{imports}]> net ({x}) => ({y}) {{{body}}} {functions}")
    for output in result.graph.output:
        output.type.tensor_type.ClearField("shape")
    for name, given in (weights or {}).items():
        array = given if isinstance(given, np.ndarray) else values(name, given)
        result.graph.initializer.append(numpy_helper.from_array(array, name))
    return result


def written(proto: onnx.ModelProto, folder: Path) -> str:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return str(path)


def by_onnxruntime(proto: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """All outputs, without any optimisation."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(inputs))


def close(found: Array, expected: Array, tolerance: float = 1e-5) -> bool:
    """Within `tolerance` of the largest expected value."""
    scale = max(1e-6, float(np.abs(expected).max()))
    return found.size == expected.size and bool(
        np.abs(found.reshape(expected.shape) - expected).max() <= tolerance * scale
    )
