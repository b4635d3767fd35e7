"""Where values come from: constants, ranges, and the sizes of other arrays."""

import math
from collections.abc import Callable

import numpy as np

from archcalc.errors import Problem, UsageError
from archcalc.formats.compute.call import Call, integers
from archcalc.forward.kernels import Array

_KINDS = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def constant(call: Call) -> Array:
    """The array that it holds, or numbers that became one. Raises UsageError for texts and sparse arrays."""
    if "value" in call.attributes:
        return np.asarray(call.attributes["value"])
    for name, dtype in _KINDS.items():
        if name in call.attributes:
            return np.asarray(call.attributes[name], dtype)
    raise UsageError(Problem("Constant holds no array of numbers"))


def constant_of_shape(call: Call, shape: Array) -> Array:
    """One value everywhere: that of `value`, which is 0 in float32 where none is given."""
    value = np.asarray(call.get("value", np.zeros(1, np.float32)))
    return np.full(call.room(integers(shape), value.dtype), value.reshape(()), value.dtype)


def counted(call: Call, start: Array, limit: Array, delta: Array) -> Array:
    """start, start + delta, … below limit (above it, where delta is negative)."""
    first, end, step = (value.reshape(()).item() for value in (start, limit, delta))
    if step == 0 or not all(map(math.isfinite, (first, end, step))):
        raise UsageError(Problem(f"Range from {first} to {end} by steps of {step} has no end"))
    count = -((first - end) // step) if isinstance(first, int) else math.ceil((end - first) / step)
    call.room([max(count, 0)], start.dtype)
    return np.asarray(first + np.arange(max(count, 0)) * step).astype(start.dtype)


def shape_of(call: Call, x: Array) -> Array:
    """The sizes of its axes; from `start` up to but without `end` since opset 15."""
    return np.asarray(x.shape[call.get("start", 0) : call.get("end", None)], np.int64)


def size_of(_: Call, x: Array) -> Array:
    """How many values there are."""
    return np.asarray(x.size, np.int64)


OPERATORS: dict[str, Callable[..., Array]] = {
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "Range": counted,
    "Shape": shape_of,
    "Size": size_of,
}
