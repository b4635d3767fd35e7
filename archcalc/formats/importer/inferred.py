"""Shapes of operations that are not ours and for which the file states none, by ONNX's own rules for its operators."""

from collections.abc import Iterator, Mapping
from typing import Any

from archcalc.formats.importer.lowering import Call
from archcalc.formats.importer.program import Program, Tensor
from archcalc.formats.importer.values import Batch, Constant, Flow
from archcalc.numbers import product
from archcalc.ops.base import Shape

_MOST_VALUES = 64
"""Values of a constant that a shape may depend on: sizes, axes, counts."""


_UNCHECKED = ("LayerNormalization", "Split")
"""Whose attributes ONNX's rules (1.23) take without a look: an axis that is not there ends the process."""


def inferred_shapes(call: Call) -> Mapping[str, tuple[Shape, Batch | None]]:
    """The shapes of its outputs as far as they follow from its inputs, and where the batch is in them.

    The batch is on the axis that becomes twice as long with twice as many samples. Nothing is found where ONNX does not
    know the operator, where it has branches, and where its inputs fit it nowhere.
    Source: onnx.ai/onnx/repo-docs/ShapeInference.
    """
    branches = any(isinstance(value, Program) for value in call.operation.attributes.values())
    if branches or call.kind in _UNCHECKED or call.operation.domain not in ("", "ai.onnx"):
        return {}
    shapes, of_twice_as_many = _shapes(call, 1), _shapes(call, 2)
    found = {}
    for name, shape in shapes.items():
        twice = of_twice_as_many.get(name, ())
        longer = [axis for axis, (one, other) in enumerate(zip(shape, twice, strict=False)) if one != other]
        alone = len(longer) == 1 and shape[longer[0]] == call.count and twice[longer[0]] == 2 * call.count
        found[name] = (shape, Batch(longer[0]) if alone and len(shape) > 1 else None)
    return found


def _shapes(call: Call, times: int) -> Mapping[str, Shape]:
    """The shapes of outputs where the batch is so many times as large."""
    from onnx import TensorProto, defs, helper, shape_inference

    operation = call.operation
    types, data = dict[str, Any](), dict[str, Any]()
    try:
        schema = defs.get_schema(call.kind, call.opset, "")
        for place, (name, value) in enumerate(zip(operation.inputs, call.inputs, strict=True)):
            if value is None:
                continue
            kind = _type_of(schema.inputs[min(place, len(schema.inputs) - 1)])
            types[name] = helper.make_tensor_type_proto(kind, _grown(value, times))
            if isinstance(value, Constant) and kind == TensorProto.INT64 and product(value.shape) <= _MOST_VALUES:
                data[name] = helper.make_tensor(name, kind, value.shape, value.array().reshape(-1))
        node = helper.make_node(call.kind, operation.inputs, operation.outputs, **dict(_attributes(call)))
        sizes = shape_inference.infer_node_outputs(schema, node, types, data)
    except Exception:  # of whatever kind: it says that the node does not fit its operator, which then stays unknown
        return {}
    return {name: shape for name, one in sizes.items() if (shape := _shape_of(one)) is not None}


def _type_of(formal: Any) -> int:
    """The type of an input on which no shape depends: float32 where the operator takes it."""
    from onnx import TensorProto

    kinds = {"tensor(float)": TensorProto.FLOAT, "tensor(int64)": TensorProto.INT64}
    return next((kind for name, kind in kinds.items() if name in formal.types), TensorProto.BOOL)


def _grown(value: Constant | Flow, times: int) -> Shape:
    if isinstance(value, Constant) or value.batch is None:
        return value.shape
    axis = value.batch.axis
    return (*value.shape[:axis], times * value.shape[axis], *value.shape[axis + 1 :])


def _attributes(call: Call) -> Iterator[tuple[str, Any]]:
    for name, value in call.operation.attributes.items():
        if not isinstance(value, Tensor):  # values, on which no shape depends
            yield name, value


def _shape_of(inferred: Any) -> Shape | None:
    """None where a size is not known."""
    shape = inferred.tensor_type.shape
    if not inferred.tensor_type.HasField("shape") or not all(dim.HasField("dim_value") for dim in shape.dim):
        return None
    return tuple(dim.dim_value for dim in shape.dim)
