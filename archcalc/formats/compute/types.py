"""Types of values: ONNX's numbers for them, and the conversion between them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from archcalc.errors import Problem, UsageError
from archcalc.extras import need
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

NARROW = {
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4_e2m1fn",
    25: "uint2",
    26: "int2",
}
"""Those that the package ml_dtypes adds to numpy; the package onnx brings it along."""

_SATURATED = range(17, 21)
"""Types of 8 bits whose casts stop at the largest value, unless told otherwise."""


def element(code: int) -> "np.dtype[Any]":
    """numpy's type of an ONNX type. Raises UsageError for texts and other types that are not computed with."""
    if code in NARROW:
        dtypes = need("ml_dtypes", "ml-dtypes", "onnx", f"the type {NARROW[code]}")
        narrow: np.dtype[Any] = np.dtype(getattr(dtypes, NARROW[code]))
        return narrow
    if code not in ELEMENTS:
        raise UsageError(Problem(f"values of ONNX's type {code} are not computed with"))
    dtype: np.dtype[Any] = np.dtype(ELEMENTS[code])
    return dtype


def cast(call: Call, x: Array) -> Array:
    """The values in another type: fractions are cut off, and what is not zero is true.

    What is beyond the largest value of a type of 8 bits becomes that value, unless `saturate` is 0.
    """
    dtype = element(call.need("to"))
    call.room(x.shape, dtype)
    if call.need("to") in _SATURATED and call.get("saturate", 1):
        largest = float(need("ml_dtypes", "ml-dtypes", "onnx", str(dtype)).finfo(dtype).max)
        x = x.clip(-largest, largest)
    return x.astype(dtype)


def cast_like(call: Call, x: Array, like: Array) -> Array:
    """The values in the type of another array."""
    call.room(x.shape, like.dtype)
    return x.astype(like.dtype)


OPERATORS: dict[str, Callable[..., Array]] = {"Cast": cast, "CastLike": cast_like}
