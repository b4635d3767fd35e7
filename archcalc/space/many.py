"""Numbers that are many at once: a number of each variant of a network, in one numpy array.

`Many` is what flows through a spec's expressions, the arguments, checks and facts of operators, and every analysis, in
the place of an int. Three things make that exact and fast:

- *Questions.* A comparison is answered where all variants agree. Where they do not, it gives a `Many` of truths, and
  whoever asks that for one truth raises `Parting`, which says which variants answer alike: the engine runs each part
  again by itself.
- *Bounds.* Beside the array stand the least and the largest value it may hold, as Python ints. Most questions are
  answered by them alone; and where a result could pass ±2^62, arithmetic goes on with Python ints instead of int64.
- *Memory.* What has been computed of the same numbers is not computed again: in repeated blocks of a network almost
  everything. Small results are kept with their operand, large ones as long as somebody else keeps them.

Arrays broadcast: in a grid of widths and sizes most numbers depend on one of them, and are arrays of its length.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Union
from weakref import ref

import numpy as np

from archcalc.numbers import Varying
from archcalc.space.operations import (
    ADD,
    COMPARISONS,
    DIVISOR,
    LARGER,
    MULTIPLY,
    QUOTIENT,
    REMAINDER,
    SMALLER,
    SUBTRACT,
    Array,
    Operation,
    Parting,
    compared_by_bounds,
    elementwise,
)

LIMIT = 2**62
"""Int64 is left before its end at 2^63: one addition more is never too much."""
EXACT = 2**53
"""Up to here every int is a float, so that division and comparison of the two are exact."""
_SMALL = 1024

Number = Union[int, float, "Many"]


def _operator(operation: Operation, turned: bool = False) -> Callable[["Many", Any], Any]:
    """The method of an operation; `turned` where the number stands on the right."""
    symbol, idle = operation.symbol + ("'" if turned else ""), operation.idle

    def method(self: "Many", other: Any) -> Any:
        kind = type(other)
        if kind is int:
            if other == idle and self._kind is int and (not turned or operation is ADD or operation is MULTIPLY):
                return self
            key: Any = (symbol, other)
            found = self._known.get(key)
        elif kind is Many:
            key = (symbol, id(other), 0)
            found = self._known.get(key)
            if found is not None:
                found = found[1] if found[0]() is other else None
        elif kind is float or kind is bool:
            key = (symbol, kind, other)
            found = self._known.get(key)
        else:
            return NotImplemented
        if type(found) is ref:
            found = found()
        if found is not None:
            return found
        result = _computed(operation, other, self) if turned else _computed(operation, self, other)
        kept = ref(result) if type(result) is Many and result.array.size > _SMALL else result
        if result is not self and result is not other:
            self._known[key] = (ref(other), kept) if kind is Many else kept
        return result

    return method


def _comparison(sign: str) -> Callable[["Many", Any], Any]:
    def method(self: "Many", other: Any) -> Any:
        kind = type(other)
        if kind is Many:
            if other is self:
                return sign in ("==", "<=", ">=")
            low, high, array = other.low, other.high, other.array
        elif kind is int or kind is float or kind is bool:
            low = high = array = other
        else:
            return NotImplemented
        told = compared_by_bounds(sign, self.low, self.high, low, high)
        if told is not None:
            return told
        key = (sign, id(other), 0) if kind is Many else (sign, kind, other)
        found = self._known.get(key)
        if found is not None and (kind is not Many or found[0]() is other):
            return found[1]
        mine = self.array
        if float in (self._kind, other.kind if kind is Many else kind) and _beyond(self, other):
            mine, array = _as_objects(mine), _as_objects(array)
        truths = COMPARISONS[sign](mine, array)
        first = bool(truths.flat[0])
        result = first if (truths == first).all() else Many(truths, False, True, bool)
        self._known[key] = (ref(other) if kind is Many else None, result)
        return result

    return method


class Many(Varying):
    """A number of each variant, in an array that broadcasts with those of the other numbers of a pass.

    `low` and `high` bound its values; `kind` is int, float or bool. Arrays of ints beyond int64 hold Python ints.
    """

    __slots__ = ("__weakref__", "_kind", "_known", "array", "high", "low")

    def __init__(self, array: Array, low: Any, high: Any, kind: type) -> None:
        self.array = array
        self.low = low
        self.high = high
        self._kind = kind
        self._known: dict[Any, Any] = {}

    @property
    def kind(self) -> type:
        return self._kind

    __add__ = _operator(ADD)
    __radd__ = _operator(ADD, turned=True)
    __sub__ = _operator(SUBTRACT)
    __rsub__ = _operator(SUBTRACT, turned=True)
    __mul__ = _operator(MULTIPLY)
    __rmul__ = _operator(MULTIPLY, turned=True)
    __floordiv__ = _operator(QUOTIENT)
    __rfloordiv__ = _operator(QUOTIENT, turned=True)
    __mod__ = _operator(REMAINDER)
    __rmod__ = _operator(REMAINDER, turned=True)
    _larger = _operator(LARGER)
    _smaller = _operator(SMALLER)
    _divisor = _operator(DIVISOR)

    __lt__ = _comparison("<")
    __le__ = _comparison("<=")
    __gt__ = _comparison(">")
    __ge__ = _comparison(">=")
    __eq__ = _comparison("==")
    __ne__ = _comparison("!=")

    def __truediv__(self, other: Any) -> Any:
        return _divided(self, other) if isinstance(other, (int, float, Many)) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return _divided(other, self) if isinstance(other, (int, float)) else NotImplemented

    def __pow__(self, other: Any) -> Any:
        return self.each(operator.pow, self, other) if isinstance(other, (int, float, Many)) else NotImplemented

    def __rpow__(self, other: Any) -> Any:
        return self.each(operator.pow, other, self) if isinstance(other, (int, float)) else NotImplemented

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> Any:
        return self + 0

    def __abs__(self) -> Any:
        if self.low >= 0 and self._kind is not bool:
            return self
        return self.larger(-self) if self._kind is int else self.each(abs)

    def __and__(self, other: Any) -> Any:
        return self.each(operator.and_, self, other)

    def __bool__(self) -> bool:
        if self._kind is bool:
            raise Parting(self.array)
        return bool(self != 0)

    def __index__(self) -> int:
        if self._kind is float:
            raise TypeError("'float' object cannot be interpreted as an integer")
        return int(self.agreed())

    def __repr__(self) -> str:
        return f"Many({self.low}…{self.high}, {self._kind.__name__}{self.array.shape})"

    def larger(self, other: Any) -> Any:
        return self._larger(other)

    def smaller(self, other: Any) -> Any:
        return self._smaller(other)

    def divisor(self, other: Any) -> Any:
        return self._divisor(other)

    def agreed(self) -> Any:
        values, labels = np.unique(self.array, return_inverse=True)
        if len(values) > 1:
            raise Parting(labels.reshape(self.array.shape))
        return self._kind(values[0])

    def finite(self) -> bool:
        if self._kind is not float or (math.isfinite(self.low) and math.isfinite(self.high)):
            return True
        return bool(_packed(np.isfinite(self.array), bool))

    def chosen(self, first: Any, second: Any) -> Any:
        if first is second:
            return first
        kinds = {number.kind if isinstance(number, Many) else type(number) for number in (first, second)}
        if kinds not in ({int}, {float}):
            raise TypeError("these are not two numbers of one kind")
        a, b = (number.array if isinstance(number, Many) else np.asarray(number) for number in (first, second))
        return _packed(np.where(self.array, a, b), kinds.pop())

    def each(self, function: Callable[..., Any], *others: Any) -> Any:
        return many(*elementwise(function, others or (self,)))


def many(values: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Ints, floats or bools, all of one type, as one number in an array of a shape; a plain one where all are equal."""
    kind = type(values[0])
    if kind is int and not (min(values) > -LIMIT and max(values) < LIMIT):
        array = np.empty(len(values), object)
        array[:] = values
    else:
        array = np.array(values, {int: np.int64, float: np.float64, bool: np.bool_}[kind])
    return _packed(array.reshape(shape), kind)


def of_array(array: Array) -> Any:
    """An array of int64 or float64 as a number."""
    return _packed(array, float if array.dtype.kind == "f" else int)


def _packed(array: Array, kind: type) -> Any:
    """An array as a number with its bounds; one plain number where all are equal."""
    low, high = array.min(), array.max()
    if low == high:
        return kind(low)
    if array.dtype == object and low > -LIMIT and high < LIMIT:
        array = array.astype(np.int64)
    return Many(array, kind(low), kind(high), kind)


def _as_objects(value: Any) -> Any:
    return value.astype(object) if isinstance(value, np.ndarray) else value


def _beyond(*numbers: Any) -> bool:
    """Whether an int among numbers may be one that no float is."""
    return any(
        abs(bound) > EXACT
        for number in numbers
        for bound in ((number.low, number.high) if isinstance(number, Many) else (number,))
        if isinstance(bound, int)
    )


def _bounds(number: Any) -> tuple[int, int]:
    return (int(number.low), int(number.high)) if isinstance(number, Many) else (int(number), int(number))


def _tightened(number: Any) -> Any:
    """A number with the bounds that its values have, instead of those that follow from its operands."""
    if isinstance(number, Many) and number.kind is int:
        number.low, number.high = int(number.array.min()), int(number.array.max())
    return number


def _values(number: Any) -> Any:
    """What numpy computes with: ints even of truths."""
    if isinstance(number, Many):
        return number.array.astype(np.int64) if number.kind is bool else number.array
    return int(number) if isinstance(number, bool) else number


def _computed(operation: Operation, left: Any, right: Any) -> Any:
    """The result of an operation of which one number at least is many: sums and products of ints without detours."""
    if operation is ADD or operation is MULTIPLY:
        a, al, ah, of_a = _parts(left)
        b, bl, bh, of_b = _parts(right)
        if of_a is int and of_b is int and ah < LIMIT and bh < LIMIT and al > -LIMIT and bl > -LIMIT:
            low, high = operation.bounds(al, ah, bl, bh)
            if high < LIMIT and low > -LIMIT:
                return low if low == high else Many(operation.of_arrays(a, b), low, high, int)
    return _computed_anyhow(operation, left, right)


def _parts(number: Any) -> tuple[Any, Any, Any, type]:
    if type(number) is Many:
        return number.array, number.low, number.high, number._kind
    return number, number, number, type(number)


def _computed_anyhow(operation: Operation, left: Any, right: Any) -> Any:
    kinds = [number.kind if isinstance(number, Many) else type(number) for number in (left, right)]
    if float in kinds:
        return _of_floats(operation, left, right, kinds)
    if operation in (QUOTIENT, REMAINDER):
        _part_zeros(right)
        if left is right:
            return 1 if operation is QUOTIENT else 0
        low, high = _bounds(right)
        if low <= 0 <= high:
            _tightened(right)
        low, high = _bounds(right)
        if low < 0 < high:
            raise Parting(_values(right) < 0)  # what divides by both signs has no bounds worth knowing
    if left is right and operation is SUBTRACT:
        return 0
    low, high = operation.bounds(*_bounds(left), *_bounds(right))
    if high >= LIMIT or low <= -LIMIT:
        low, high = operation.bounds(*_bounds(_tightened(left)), *_bounds(_tightened(right)))
    if operation in (LARGER, SMALLER):
        for number in (left, right):
            others = _bounds(right if number is left else left)
            if (operation is LARGER and others[1] <= _bounds(number)[0]) or (
                operation is SMALLER and others[0] >= _bounds(number)[1]
            ):
                return number
    return _of_ints(operation, left, right, low, high)


def _of_ints(operation: Operation, left: Any, right: Any, low: int, high: int) -> Any:
    a, b = _values(left), _values(right)
    if high >= LIMIT or low <= -LIMIT or _is_large(left) or _is_large(right):
        return _packed(np.asarray(_as_objects_of(a, operation, b), object), int)
    if operation is DIVISOR and not isinstance(b, np.ndarray):
        b = np.int64(b)
    array = operation.of_arrays(a, b)
    if operation.settles and array.size <= _SMALL:
        if operation in (LARGER, SMALLER):
            for number, values in ((left, a), (right, b)):
                if isinstance(number, Many) and values.shape == array.shape and (values == array).all():
                    return number
        return _packed(array, int)
    return low if low == high else Many(array, low, high, int)


def _is_large(number: Any) -> bool:
    low, high = _bounds(number)
    return high >= LIMIT or low <= -LIMIT or (isinstance(number, Many) and number.array.dtype == object)


def _as_objects_of(a: Any, operation: Operation, b: Any) -> Any:
    """The operation on Python ints, one by one."""
    left, right = np.broadcast_arrays(np.asarray(_as_objects(a), object), np.asarray(_as_objects(b), object))
    array = np.empty(left.shape, object)
    array.ravel()[:] = [operation.of_numbers(x, y) for x, y in zip(left.ravel(), right.ravel(), strict=True)]
    return array


def _of_floats(operation: Operation, left: Any, right: Any, kinds: list[type]) -> Any:
    """As Python computes with floats: sums and products as numpy does, all else number by number."""
    one = left if isinstance(left, Many) else right
    if operation not in (ADD, SUBTRACT, MULTIPLY) or _beyond(left, right) or bool in kinds:
        return one.each(operation.of_numbers, left, right)
    with np.errstate(all="ignore"):
        return _packed(np.asarray(operation.of_arrays(_values(left), _values(right)), np.float64), float)


def _part_zeros(divisor: Any) -> None:
    """Raise what Python raises where a divisor is 0, and part variants where it is 0 for some."""
    if divisor == 0:
        raise ZeroDivisionError("integer division or modulo by zero")


def _divided(left: Any, right: Any) -> Any:
    """left / right as Python has it: a float, the nearest to the quotient."""
    if right == 0:
        raise ZeroDivisionError("division by zero")
    one = left if isinstance(left, Many) else right
    if _beyond(left, right):
        return one.each(operator.truediv, left, right)
    with np.errstate(all="ignore"):
        return _packed(np.asarray(np.true_divide(_values(left), _values(right)), np.float64), float)
