"""Numbers with units, as people type them: 5M, 320KiB, 0.6M."""

import re

from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.space.amounts import BYTES, NUMBER, UNITS, exact

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


_BYTES = re.compile(rf"\s*({NUMBER})\s*([A-Za-z]+)\s*\Z")


def byte_count(text: str, option: str) -> int:
    """A size in bytes with its unit, which is needed: 16GiB, 320 KiB. Raises UsageError."""
    match = _BYTES.match(text)
    if match is None or match[2] not in BYTES:
        hint = did_you_mean(match[2], BYTES) if match is not None else ""
        message = f"{option} {printable(text, 40)} is not a size in bytes"
        raise UsageError(Problem(message, None, hint or "such as 16GiB, 320KiB or 1MB"))
    try:
        value = int(exact(match[1], match[2]))
    except ValueError as error:
        raise UsageError(Problem(f"{option} {printable(text, 40)}: {error}")) from None
    if not 0 < value < 2**60:
        raise UsageError(Problem(f"{option} {printable(text, 40)} is out of every measure"))
    return value
