"""What numbers that are many at once are computed with: operations on arrays, on Python's numbers and on bounds."""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.numbers import Varying

Array = np.ndarray[Any, np.dtype[Any]]


class Parting(Exception):  # noqa: N818 - nobody's mistake
    """Variants answer a question differently: `labels`, one a variant, are equal where answers are."""

    def __init__(self, labels: Array) -> None:
        super().__init__("variants answer differently")
        self.labels = labels


class Operation(Struct, frozen=True):
    """An operation on ints, on arrays and on bounds: from (low, high) of both operands to (low, high) of the result.

    `settles` says that results often are one number, or far within their bounds, so that it is worth looking.
    """

    symbol: str
    of_arrays: Callable[..., Array]
    of_numbers: Callable[[Any, Any], Any]
    bounds: Callable[[int, int, int, int], tuple[int, int]]
    idle: int | None = None
    settles: bool = False


def _product_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    if a >= 0 and c >= 0:
        return a * c, b * d
    corners = (a * c, a * d, b * c, b * d)
    return min(corners), max(corners)


def _quotient_bounds(a: int, b: int, c: int, d: int) -> tuple[int, int]:
    corners = (a // c, a // d, b // c, b // d)
    return min(corners), max(corners)


ADD = Operation("+", np.add, operator.add, lambda a, b, c, d: (a + c, b + d), 0)
SUBTRACT = Operation("-", np.subtract, operator.sub, lambda a, b, c, d: (a - d, b - c), 0, True)
MULTIPLY = Operation("*", np.multiply, operator.mul, _product_bounds, 1)
QUOTIENT = Operation("//", np.floor_divide, operator.floordiv, _quotient_bounds, 1, True)
REMAINDER = Operation("%", np.remainder, operator.mod, lambda a, b, c, d: (min(0, c + 1), max(0, d - 1)), None, True)
LARGER = Operation("max", np.maximum, max, lambda a, b, c, d: (max(a, c), max(b, d)), None, True)
SMALLER = Operation("min", np.minimum, min, lambda a, b, c, d: (min(a, c), min(b, d)), None, True)
DIVISOR = Operation("gcd", np.gcd, math.gcd, lambda a, b, c, d: (0, max(abs(a), abs(b), abs(c), abs(d))), None, True)

COMPARISONS: dict[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def compared_by_bounds(sign: str, a: Any, b: Any, c: Any, d: Any) -> bool | None:
    """What a..b sign c..d is for all of them; None where that is open."""
    if sign in ("==", "!="):
        return (sign == "!=") if b < c or d < a else (sign == "==") if a == b == c == d else None
    if sign in (">", ">="):
        sign, a, b, c, d = ("<" if sign == ">" else "<="), c, d, a, b
    strict = sign == "<"
    if b < c or (not strict and b == c):
        return True
    return False if a > d or (strict and a == d) else None


class _Failure(Struct, frozen=True):
    error: Exception


def _attempt(function: Callable[..., Any], values: Sequence[Any]) -> Any:
    try:
        return function(*values)
    except (ArithmeticError, TypeError, ValueError) as error:
        return _Failure(error)


def elementwise(function: Callable[..., Any], numbers: Sequence[Any]) -> tuple[list[Any], tuple[int, ...]]:
    """What a function of numbers, some of them many, gives for each variant, and in which shape.

    It is called once for equal numbers. Variants for which it fails are parted from the others, and kinds of results
    from one another; where it fails for all, so does this.
    """
    arrays = np.broadcast_arrays(*(_values_of(number) for number in numbers))
    columns = [
        column.ravel().tolist() if isinstance(number, Varying) else [number] * column.size
        for number, column in zip(numbers, arrays, strict=True)
    ]
    results: dict[Any, Any] = {}
    for values in zip(*columns, strict=True):
        if values not in results:
            results[values] = _attempt(function, values)
    kinds = dict.fromkeys(type(result) for result in results.values())
    if len(kinds) > 1:
        numbered = {kind: label for label, kind in enumerate(kinds)}
        labels = [numbered[type(results[values])] for values in zip(*columns, strict=True)]
        raise Parting(np.array(labels).reshape(arrays[0].shape))
    kind = next(iter(kinds))
    if kind is _Failure:
        raise next(iter(results.values())).error
    if kind not in (int, float, bool):
        raise TypeError(f"this gives no number: {kind.__name__}")
    return [results[values] for values in zip(*columns, strict=True)], arrays[0].shape


def _values_of(number: Any) -> Any:
    return number.array if isinstance(number, Varying) else number  # type: ignore[attr-defined]
