"""What does not depend on the input is computed at once: shapes that exporters work out, masks, tables of positions.

Arrays that training changes are no such thing, unless they are only moved: what is computed from them is computed in
every pass, counts as work, and stays in the network. Moving them is put off until their values are asked for, so that
weights are not read to be counted.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from archcalc.errors import UsageError
from archcalc.formats.importer.gains import factored, moved_along
from archcalc.formats.importer.lowering import FLOATS, Call, Unlike, constant_of
from archcalc.formats.importer.program import Program, Tensor
from archcalc.formats.importer.values import Batch, Constant, Flow, Value, broadcast_shape, computed
from archcalc.formats.onnx_file import Stored
from archcalc.numbers import product
from archcalc.ops.base import Shape
from archcalc.ops.source import Constant as ConstantOp

if TYPE_CHECKING:
    from archcalc.formats.importer.values import Array

MOVING = frozenset(
    (
        "Identity",
        "Reshape",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Flatten",
        "Expand",
        "Slice",
        "Gather",
        "GatherND",
        "Split",
        "Cast",
    )
)
LIMIT = 1 << 28
"""Bytes of the largest array that is computed while a model is opened."""

_RANDOM = frozenset(
    ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")
)


def fold(call: Call) -> Sequence[Value] | None:
    """The outputs of an operation on constants; None where it has others, or computes with what training changes.

    Of the latter the outputs are remembered as constants too: they may be weights.
    """
    if call.operation.domain not in ("", "ai.onnx") or call.kind in _RANDOM:
        return None
    if call.kind == "Constant":
        return [_constant(call)]
    if call.kind in ("Shape", "Size"):
        return [_shape(call)]
    if any(isinstance(value, Program) for value in call.operation.attributes.values()):
        return None
    given = [call.held(place) for place in range(len(call.inputs))]
    constants = [value for value in given if value is None or isinstance(value, Constant)]
    if len(constants) < len(given):
        return None
    if call.kind == "Expand" and call.lowering.program.ours and constants[0] and constants[1]:
        return [_for_each_sample(call, constants[0], constants[1])]
    if call.kind in MOVING and constants and constants[0] is not None and constants[0].dtype in FLOATS:
        moved = [moved_along(call.kind, constants[0], one) for one in _moved(call, constants[0], constants)]
        whole = all(product(one.shape) == product(constants[0].shape) for one in moved)
        if not _may_be_learned(constants[0]) or (whole and not isinstance(call.inputs[0], Flow)):
            return moved
        _freeze(call, moved)
        return None
    if not any(_may_be_learned(value) for value in constants if value is not None):
        return _computed(call, constants)
    _freeze(call, _put_off(call, constants))
    return None


def _for_each_sample(call: Call, constant: Constant, whole: Constant) -> Flow:
    """What we write for a layer that gives an array, or one number all over: the same for each sample of a batch."""
    count, *sample = map(int, whole.array())
    if constant.shape == tuple(sample):
        return Flow(call.leaf(constant).draft, (count, *sample), Batch(0))
    op = ConstantOp(tuple(sample), call.one_number(constant))
    return call.emit(op, [], (count, *sample), Batch(0))


def _freeze(call: Call, outputs: Sequence[Constant]) -> None:
    """Remember what outputs are that become layers: a part of an array is one, with all of the array before it."""
    call.lowering.frozen |= dict(zip(call.operation.outputs, outputs, strict=False))


def _put_off(call: Call, given: Sequence[Constant | None]) -> list[Constant]:
    """What is computed from weights, computed when it is asked for: where its shape is known without that."""
    shapes = [value.shape for value in given if value is not None]
    joined = broadcast_shape(shapes) if call.kind in _ELEMENTWISE and shapes else _hollow_shape(call, given)
    if joined is None or (call.kind in _JOINING and any(_is_fixed(value) for value in given)):
        return []  # an array of which a part is no parameter is nobody's weight
    shape, dtype = joined, next(value.dtype for value in given if value is not None)

    def put_off(inputs: Sequence[Constant | None]) -> Constant:
        def made() -> "Array":
            return evaluate(call, [None if value is None else value.array() for value in inputs])[0]

        origins = tuple(name for value in inputs if value is not None for name in value.origins)
        return Constant(Stored(call.operation.outputs[0], shape, dtype, made=made), "", True, origins)

    scaled = factored(call.kind, given, shape, _may_be_learned, put_off)
    return [msgspec.structs.replace(put_off(given), scaled=scaled)]


def _hollow_shape(call: Call, given: Sequence[Constant | None]) -> Shape | None:
    """The shape that an operation gives, asked of itself on zeros in the place of weights; None where that is much."""
    import numpy as np

    if sum(product(value.shape) for value in given if value is not None) > _MOST_HOLLOW or not given:
        return None
    zero = np.zeros((), np.float32)
    arrays: list[Any] = [
        value if value is None or value.dtype not in FLOATS else np.broadcast_to(zero, value.shape) for value in given
    ]
    arrays = [array.array() if isinstance(array, Constant) else array for array in arrays]
    try:
        return tuple(evaluate(call, arrays)[0].shape)
    except (Unlike, UsageError):
        return None


def _is_fixed(value: Constant | None) -> bool:
    return value is not None and value.dtype in FLOATS and not _may_be_learned(value)


_MOST_HOLLOW = 1 << 24
_JOINING = frozenset(("Concat", "ScatterND"))
_ELEMENTWISE = frozenset(
    ("Add", "Sub", "Mul", "Div", "Sqrt", "Reciprocal", "Neg", "Exp", "Sigmoid", "Tanh", "Relu", "Pow")
)


def _may_be_learned(constant: Constant) -> bool:
    if constant.dtype not in FLOATS or constant.learned is False:
        return False
    return constant.learned is True or (constant.path != "" and product(constant.shape) > 1)


def _constant(call: Call) -> Constant:
    import numpy as np

    for name, value in call.operation.attributes.items():
        if isinstance(value, Tensor):
            found = constant_of(value, next(iter(call.operation.outputs), ""))
            return Constant(found.stored, "", False, found.origins)
        if name in ("value_float", "value_floats"):
            return computed(np.array(value, np.float32))
        if name in ("value_int", "value_ints"):
            return computed(np.array(value, np.int64))
    raise Unlike("it holds no numbers")


def _shape(call: Call) -> Constant:
    import numpy as np

    shape = call.value(0).shape
    if call.kind == "Size":
        return computed(np.array(product(shape), np.int64))
    start, end = call.get("start", 0), call.get("end")
    return computed(np.array(shape[start : len(shape) if end is None else end], np.int64))


def _computed(call: Call, given: Sequence[Constant | None]) -> list[Constant]:
    """The outputs, computed now."""
    outputs = evaluate(call, [None if value is None else value.array() for value in given])
    several = any(value is not None and value.learned is None and product(value.shape) > 1 for value in given)
    learned = None if several else False
    floats = [value for value in given if value is not None and value.dtype in FLOATS and product(value.shape) > 1]
    fixed = bool(floats) and all(value.fixed for value in floats)
    made = [computed(array, name, learned) for array, name in zip(outputs, call.operation.outputs, strict=False)]
    return [msgspec.structs.replace(constant, fixed=True) for constant in made] if fixed else made


def evaluate(call: Call, arrays: "Sequence[Array | None]") -> "tuple[Array, ...]":
    """An operation on arrays. Raises Unlike where ours cannot compute it."""
    from archcalc.formats.compute import OPERATORS, compute

    if call.kind not in OPERATORS:
        raise Unlike("it is not computed")
    attributes = {
        name: value.stored.array() if isinstance(value, Tensor) else value
        for name, value in call.operation.attributes.items()
    }
    try:
        return compute(call.kind, arrays, attributes, call.opset, len(call.operation.outputs), LIMIT)
    except UsageError as error:
        raise call.error("; ".join(problem.message for problem in error.problems)) from None


def _moved(call: Call, data: Constant, given: Sequence[Constant | None]) -> list[Constant]:
    """An array in other places, which are worked out now and gone to later.

    Where they are is asked of the operator itself, by moving an array that takes no memory.
    """
    if call.kind == "Identity" or (call.kind == "Cast" and call.get("to") in (1, 10, 11, 16)):
        path = call.operation.outputs[0] if call.kind == "Identity" else ""
        return [_renamed(data, path)]
    import numpy as np

    rest = [None if value is None else value.array() for value in given[1:]]
    hollow = np.broadcast_to(np.zeros((), np.float32), data.shape)
    shapes = [output.shape for output in evaluate(call, [hollow, *rest])]
    return [_with_path(data.moved(shape, _mover(call, rest, place)), data, shape) for place, shape in enumerate(shapes)]


def _mover(call: Call, rest: "list[Any]", place: int) -> "Callable[[Array], Array]":
    return lambda array: evaluate(call, [array, *rest])[place]


def _with_path(moved: Constant, data: Constant, shape: Shape) -> Constant:
    """A part of an array, or a repeated one, is not the array that a state dict has."""
    if product(shape) == product(data.shape):
        return moved
    origins = data.origins if product(data.shape) > 1 else ()  # a repeated number is made, not stored
    return Constant(moved.stored, "", _may_be_learned(data) or data.learned, origins, data.fixed)


def _renamed(data: Constant, name: str) -> Constant:
    """What an exporter stored once for several equal arrays: to whoever reads this name, an array of its own."""
    from archcalc.formats.importer.scopes import state_name

    path = state_name(name)
    return Constant(data.stored, path, data.learned, (name,), data.fixed) if path else data
