"""Foreign references on one node: ONNX's own evaluator in plain numpy, and onnxruntime."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

from archcalc.formats.compute import compute

Array = Any


def assert_alike(
    kind: str,
    inputs: Sequence[Array | None],
    attributes: dict[str, Any],
    opset: int,
    outputs: int = 1,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    by: str = "onnx",
) -> None:
    """`compute` and a reference give the same values, shapes and types."""
    theirs = _by_reference(by, kind, inputs, attributes, opset, outputs)
    ours = compute(kind, inputs, {name: _decoded(value) for name, value in attributes.items()}, opset, outputs)
    assert len(ours) == len(theirs)
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine.dtype == expected.dtype
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, rtol, atol)


def _by_reference(
    by: str, kind: str, inputs: Sequence[Array | None], attributes: dict[str, Any], opset: int, outputs: int
) -> list[Array]:
    names = ["" if x is None else f"x{place}" for place, x in enumerate(inputs)]
    results = [f"y{place}" for place in range(outputs)]
    given = {name: x for name, x in zip(names, inputs, strict=True) if x is not None}
    stated = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in given.items()
    ]
    node = helper.make_node(kind, names, results, **attributes)
    graph = helper.make_graph([node], "one", stated, [helper.make_empty_tensor_value_info(name) for name in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if by == "onnx":
        with np.errstate(all="ignore"):
            return list(ReferenceEvaluator(model).run(None, given))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, given))


def _decoded(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    return tuple(value) if isinstance(value, list) else value
