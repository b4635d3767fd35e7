"""Ranges of numbers in steps, exact: `8:256:8` and `0.1:2:0.05`, as specs and command lines write them."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from archcalc.errors import Problem, Span, SpecError, printable

if TYPE_CHECKING:  # few specs have ranges, and importing it takes longer than reading one
    from decimal import Decimal

_NUMBER = r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})"
_RANGE = re.compile(rf"\s*({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?\s*\Z")
SUCH = "low:high or low:high:step, both ends included, such as 8:256:8"


class Range(Struct, frozen=True):
    """low, low + step, … up to high, which is among them if the steps meet it. Whole numbers, or decimals."""

    low: "Decimal"
    high: "Decimal"
    step: "Decimal"

    def __len__(self) -> int:
        return int((self.high - self.low) // self.step) + 1

    def value(self, index: int) -> int | float:
        """The value at a place: an int where all values are, else the float that the decimal is written as."""
        number = self.low + index * self.step
        return int(number) if self.whole else float(number)

    @property
    def whole(self) -> bool:
        return self.low == int(self.low) and self.step == int(self.step)

    def __iter__(self) -> Iterator[int | float]:
        return map(self.value, range(len(self)))


Values = Range | tuple[Any, ...]
"""What a variable may be: numbers in steps, or the members of a list."""


def parse_range(text: str, span: Span | None = None) -> Range:
    """`8:256:8`, or `8:256` in steps of 1, both ends included. Raises SpecError, pointing at `span`."""
    from decimal import Decimal

    match = _RANGE.match(text)
    if match is None:
        raise SpecError(Problem(f"'{printable(text, 60)}' is not a range", span, SUCH))
    low, high, step = (Decimal(part) if part is not None else None for part in match.groups())
    assert low is not None  # noqa: S101 - the expression has both
    assert high is not None  # noqa: S101
    if step is None:
        if low != int(low):
            raise SpecError(Problem(f"'{printable(text, 60)}' is a range without a step", span, SUCH))
        step = Decimal(1)
    if step <= 0:
        raise SpecError(Problem(f"'{printable(text, 60)}' has no step above 0", span, SUCH))
    if low > high:
        raise SpecError(Problem(f"'{printable(text, 60)}' is an empty range", span, SUCH))
    return Range(low, high, step)
