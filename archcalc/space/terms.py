"""What a condition is once it has been read: comparisons under `and`, `or` and `not`, true or false of quantities.

Numbers are exact. A quantity may be an int, a float, or a numpy array of either: the truth is then an array of the same
shape.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct

from archcalc.errors import Problem, Span, UsageError
from archcalc.space.amounts import Amount

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


class Name(Struct, frozen=True):
    """A quantity that is asked for, and its kind."""

    key: str
    kind: str


class Term(Struct, frozen=True):
    """One comparison. Where a quantity meets a number, the quantity is on the left: 1M < params is params > 1M."""

    left: Name
    sign: str
    right: Name | Amount
    text: str
    span: Span

    @property
    def names(self) -> tuple[str, ...]:
        return (self.left.key, self.right.key) if isinstance(self.right, Name) else (self.left.key,)

    @property
    def opposite(self) -> str:
        """The comparison that is true where this one is not: params > 5M → params <= 5M."""
        right = self.right.key if isinstance(self.right, Name) else self.right.text
        return f"{self.left.key} {_OPPOSITE[self.sign]} {right}"

    def limit(self, values: Mapping[str, Any]) -> Any:
        """What the quantity is held against."""
        return self._value(self.right.key, values) if isinstance(self.right, Name) else self.right.value

    def value(self, values: Mapping[str, Any]) -> Any:
        return self._value(self.left.key, values)

    def holds(self, values: Mapping[str, Any]) -> Any:
        """Whether it is true: a bool, or an array of them. Raises UsageError for a quantity that has no value."""
        value, sign = self.value(values), self.sign
        if isinstance(self.right, Name):
            return SIGNS[sign](value, self._value(self.right.key, values))
        return _compare(value, sign, self.right.value)

    def _value(self, key: str, values: Mapping[str, Any]) -> Any:
        value = values[key]
        if value is None:
            raise UsageError(Problem(f"{key} cannot be stated here", self.span, "there is no number to compare"))
        return value


def _compare(value: Any, sign: str, limit: "int | Fraction") -> Any:
    """A number, or many, against an exact one.

    Ints are compared exactly: n < 2.5 where n <= 2. Floats are compared to the float that the limit is written as, so
    that a width of 0.1 is 0.1.
    """
    kind = value.dtype.kind if hasattr(value, "dtype") else "f" if isinstance(value, float) else "i"
    if kind == "f":
        return SIGNS[sign](value, float(limit))
    if isinstance(limit, Fraction):
        if sign in ("==", "!="):
            return (value == value) & (sign == "!=")  # no whole number is equal to it
        limit = math.ceil(limit) if sign in ("<", ">=") else math.floor(limit)
    return SIGNS[sign](value, limit)


class Not(Struct, frozen=True):
    part: "Part"


class And(Struct, frozen=True):
    parts: "tuple[Part, ...]"


class Or(Struct, frozen=True):
    parts: "tuple[Part, ...]"


Part = Term | Not | And | Or


class Condition(Struct, frozen=True):
    """A condition that has been read: its text, and what it is made of."""

    text: str
    root: Part
    span: Span

    @property
    def terms(self) -> tuple[Term, ...]:
        """Its comparisons, in the order of the text."""
        return tuple(_terms(self.root))

    @property
    def names(self) -> tuple[str, ...]:
        """The quantities whose values it needs, each once."""
        return tuple(dict.fromkeys(name for term in self.terms for name in term.names))

    def holds(self, values: Mapping[str, Any]) -> Any:
        """Whether it is true of quantities by key: a bool, or an array of them where values are arrays."""
        return _holds(self.root, values)


def _terms(part: Part) -> Iterator[Term]:
    if isinstance(part, Term):
        yield part
    elif isinstance(part, Not):
        yield from _terms(part.part)
    else:
        for inner in part.parts:
            yield from _terms(inner)


def _holds(part: Part, values: Mapping[str, Any]) -> Any:
    """`&`, `|` and `^ True` mean on arrays of truths what `and`, `or` and `not` mean on one."""
    if isinstance(part, Term):
        return part.holds(values)
    if isinstance(part, Not):
        return _holds(part.part, values) ^ True
    truths = [_holds(inner, values) for inner in part.parts]
    result = truths[0]
    for truth in truths[1:]:
        result = result & truth if isinstance(part, And) else result | truth
    return result
