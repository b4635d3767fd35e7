"""`H % 32 == 0` → which residue a symbol is assumed to have."""

import re
from collections.abc import Iterable

from archcalc.errors import Problem, Problems, Source, Span, UsageError, printable
from archcalc.symbolic.engine import LONGEST_PERIOD

_ASSUMPTION = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*%\s*(?P<period>[0-9]{1,9})\s*==\s*(?P<residue>[0-9]{1,9})\s*\Z")


def residues_of(texts: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Symbol → (period, residue), from texts of one assumption or several with commas between.

    Raises UsageError with everything that is wrong.
    """
    found: dict[str, tuple[int, int]] = {}
    problems = Problems()
    for text in texts:
        start = 0
        for part in text.split(","):
            span = Span(
                Source("--assume", text), 1, start + 1 + len(part) - len(part.lstrip()), max(1, len(part.strip()))
            )
            start += len(part) + 1
            match = _ASSUMPTION.match(part)
            if match is None:
                problems.append(
                    Problem(f"'{printable(part.strip(), 40)}' is no assumption", span, "such as H % 32 == 0")
                )
                continue
            name, period, residue = match["name"], int(match["period"]), int(match["residue"])
            if not 1 <= period <= LONGEST_PERIOD or residue >= period:
                hint = f"a period from 1 to {LONGEST_PERIOD:,}, and what is left over is less"
                problems.append(Problem(f"nothing leaves {residue} over {period}", span, hint))
            elif found.setdefault(name, (period, residue)) != (period, residue):
                problems.append(Problem(f"'{name}' is assumed to be two things", span, "one residue a symbol"))
    if problems:
        raise UsageError(problems)
    return found
