"""A foreign reference: ONNX's own evaluator, in plain numpy, on one node."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from archcalc.formats.compute import compute

Array = Any


def both(
    kind: str, inputs: Sequence[Array | None], attributes: dict[str, Any], opset: int, outputs: int = 1
) -> tuple[tuple[Array, ...], list[Array]]:
    """What `compute` gives for a node, and what ONNX's evaluator gives."""
    names = ["" if x is None else f"x{place}" for place, x in enumerate(inputs)]
    results = [f"y{place}" for place in range(outputs)]
    node = helper.make_node(kind, names, results, **attributes)
    stated = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in zip(names, inputs, strict=True)
        if x is not None
    ]
    graph = helper.make_graph([node], "one", stated, [helper.make_empty_tensor_value_info(name) for name in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    given = {name: x for name, x in zip(names, inputs, strict=True) if x is not None}
    with np.errstate(all="ignore"):
        expected = ReferenceEvaluator(model).run(None, given)
    decoded = {name: tuple(value) if isinstance(value, list) else value for name, value in attributes.items()}
    decoded = {
        name: onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
        for name, value in decoded.items()
    }
    return compute(kind, inputs, decoded, opset, outputs), list(expected)


def assert_alike(
    kind: str,
    inputs: Sequence[Array | None],
    attributes: dict[str, Any],
    opset: int,
    outputs: int = 1,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """Both give the same values, shapes and types."""
    ours, theirs = both(kind, inputs, attributes, opset, outputs)
    assert len(ours) == len(theirs)
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine.dtype == expected.dtype
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, rtol, atol)
