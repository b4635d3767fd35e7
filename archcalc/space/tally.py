"""What is to be said of a sweep beside its rows: how many variants are possible, and why others are not."""

import re
from typing import Any

import msgspec
from msgspec import Struct

from archcalc.space.engine import Impossible
from archcalc.space.sweep import Chunk

MOST_REASONS = 20
_DIGITS = re.compile(r"[0-9]+")


class Reason(Struct, frozen=True):
    """Why variants are impossible: how many are so, and the first of them with what is wrong with it."""

    message: str
    place: str
    count: int
    variant: int
    settings: dict[str, str]


class Tally(Struct, frozen=True):
    """All variants so far: rows that were given out, ones that `where` leaves out, impossible ones with reasons.

    Reasons that differ in numbers only are one; beyond `MOST_REASONS` they are counted as `unsaid`.
    """

    variants: int = 0
    rows: int = 0
    excluded: int = 0
    impossible: int = 0
    reasons: tuple[Reason, ...] = ()
    unsaid: int = 0

    def with_chunk(self, chunk: Chunk) -> "Tally":
        found = Tally(chunk.count, len(chunk.rows), chunk.excluded, sum(len(one.rows) for one in chunk.impossible))
        return self.with_other(msgspec.structs.replace(found, reasons=tuple(map(_reason, chunk.impossible))))

    def with_other(self, other: "Tally") -> "Tally":
        """Both together, the reasons of this one first."""
        reasons: dict[str, Reason] = {}
        unsaid = self.unsaid + other.unsaid
        for reason in (*self.reasons, *other.reasons):
            kind = _DIGITS.sub("#", f"{reason.place} {reason.message}")
            known = reasons.get(kind)
            if known is None and len(reasons) == MOST_REASONS:
                unsaid += reason.count
            else:
                first = known or reason
                count = reason.count + (known.count if known else 0)
                reasons[kind] = msgspec.structs.replace(first, count=count)
        return Tally(
            self.variants + other.variants,
            self.rows + other.rows,
            self.excluded + other.excluded,
            self.impossible + other.impossible,
            tuple(reasons.values()),
            unsaid,
        )


def _reason(impossible: Impossible) -> Reason:
    problem = impossible.problems[0]
    place = "" if problem.span is None else problem.span.place
    first = min(impossible.rows)
    return Reason(problem.message, place, len(impossible.rows), first, impossible.settings)


def plain(tally: Tally) -> dict[str, Any]:
    """The tally as plain data."""
    found: dict[str, Any] = msgspec.to_builtins(tally)
    return found
