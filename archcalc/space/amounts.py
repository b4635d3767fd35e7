"""Numbers with units as people type them, exact: 5M is 5,000,000 and 1.5GiB is 1,610,612,736.

number = digits, with `_` or `,` between thousands, a decimal point and an exponent: 11_689_512, 11,689,512, 1.5e6
unit   = K M G T (decimal, for counts) · B kB MB GB TB (decimal) KiB MiB GiB TiB (binary, for bytes)
"""

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:  # importing it takes as long as a small network, and units are needed without it
    from fractions import Fraction

COUNTS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
UNITS = {"": 1, **COUNTS, **BYTES}

_DIGITS = r"[0-9](?:_?[0-9])*"
_EXPONENT = r"(?:[eE][+-]?[0-9]{1,3})?"
NUMBER = rf"(?:[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9_])|{_DIGITS})(?:\.(?:{_DIGITS})?)?{_EXPONENT}|\.{_DIGITS}{_EXPONENT}"
_MOST_DIGITS = 40
_MOST_EXPONENT = 40


class Amount(Struct, frozen=True):
    """A number that was typed: its exact value, its unit and its text."""

    value: "int | Fraction"
    unit: str
    text: str


def exact(number: str, unit: str) -> "int | Fraction":
    """The value of a number (as `NUMBER` has it) in a unit of `UNITS`. Raises ValueError for one beyond all measure."""
    if len(number) > _MOST_DIGITS or abs(int(re.split("[eE]", number + "e0")[1])) > _MOST_EXPONENT:
        raise ValueError("this number is too long")
    from fractions import Fraction

    value = Fraction(number.replace(",", "").replace("_", "")) * UNITS[unit]
    return value.numerator if value.denominator == 1 else value
