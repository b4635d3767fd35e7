"""Numbers with units, as people type them: 5M, 320KiB, 0.6M."""

import re

from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.space.amounts import UNITS

_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([A-Za-z]*)\s*\Z")


def quantity(text: str) -> tuple[float, float]:
    """A number with its unit, and half a unit of its last digit: 0.6M is 600,000 to within 50,000."""
    match = _NUMBER.match(text)
    if match is None:
        raise UsageError(Problem(f"'{printable(text, 60)}' is not a number", None, "such as 5M, 320KiB or 11689512"))
    number, unit = match.groups()
    if unit not in UNITS:
        raise UsageError(
            Problem(f"there is no unit '{printable(unit, 20)}'", None, did_you_mean(unit, filter(None, UNITS)))
        )
    digits = len(number.partition(".")[2])
    return float(number) * UNITS[unit], 0.5 * 10**-digits * UNITS[unit]
