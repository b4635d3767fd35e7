"""Types of values: ONNX's numbers for them, and the conversion between them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from archcalc.errors import Problem, UsageError
from archcalc.formats.compute.call import Call
from archcalc.forward.kernels import Array

ELEMENTS: dict[int, Any] = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    4: np.uint16,
    5: np.int16,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
    12: np.uint32,
    13: np.uint64,
    14: np.complex64,
    15: np.complex128,
}
"""TensorProto.DataType → numpy's type, for those that numpy has. Source: onnx.proto3."""


def element(code: int) -> "np.dtype[Any]":
    """numpy's type of an ONNX type. Raises UsageError for those that numpy does not have."""
    if code not in ELEMENTS:
        raise UsageError(Problem(f"values of ONNX's type {code} are not computed with"))
    dtype: np.dtype[Any] = np.dtype(ELEMENTS[code])
    return dtype


def cast(call: Call, x: Array) -> Array:
    """The values in another type: fractions are cut off, and what is not zero is true."""
    return x.astype(element(call.need("to")))


def cast_like(_: Call, x: Array, like: Array) -> Array:
    """The values in the type of another array."""
    return x.astype(like.dtype)


OPERATORS: dict[str, Callable[..., Array]] = {"Cast": cast, "CastLike": cast_like}
