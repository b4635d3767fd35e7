"""What a sweep found, as plain data: rows, and what is to be said of the variants that are not among them."""

import re
from typing import Any

import msgspec
from msgspec import Struct

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


class Swept(Struct, frozen=True):
    """A sweep and the rows that are to be shown.

    `columns` are target or quantity names, of which `targets` and `numbers` are so; `sizes` how many values each target
    has, empty where variants were `drawn` (count, method and seed); `fixed` the conventions that no target changes, in
    words; `choice` says in words which rows were kept.
    """

    network: str
    title: str
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    numbers: tuple[str, ...]
    rows: list[list[Any]]
    tally: Tally
    sizes: tuple[int, ...]
    drawn: dict[str, Any] | None
    fixed: tuple[str, ...]
    model: str
    training: bool
    where: str
    choice: str
