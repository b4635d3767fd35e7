"""How weights and samples are asked for that are drawn: `random:SEED`."""

import re

from archcalc.errors import Problem, UsageError, printable

_SEED = re.compile(r"random:(-?[0-9]{1,18})")


def seed_of(text: str) -> int | None:
    """The seed of `random:SEED`; None for what does not begin so. Raises UsageError for a seed that is no number."""
    if text != "random" and not text.startswith("random:"):
        return None
    found = _SEED.fullmatch(text)
    if found is None:
        hint = "random:0 is one, with any whole number in place of 0"
        raise UsageError(Problem(f"'{printable(text, 60)}' is no seed", None, hint))
    return int(found[1])
