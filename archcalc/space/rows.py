"""Rows of a sweep as columns: what is chosen among them, and joined."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.space.operations import Array

MOST_KEPT = 1_000_000
_LINES = 8192


class Rows(Struct, frozen=True):
    """Variants by number, and their columns: arrays of as many values."""

    numbers: Array
    columns: dict[str, Array]

    def __len__(self) -> int:
        return len(self.numbers)

    def taken(self, places: Any) -> "Rows":
        """Those at some places, or where an array of truths is true."""
        return Rows(self.numbers[places], {key: column[places] for key, column in self.columns.items()})

    def lists(self) -> list[list[Any]]:
        """The columns as lists of Python's values."""
        return [column.tolist() for column in self.columns.values()]

    def lines(self) -> "Iterator[list[tuple[Any, ...]]]":
        """The rows as tuples of Python's values, some thousands at a time: they take more memory than arrays do."""
        for start in range(0, len(self), _LINES):
            yield list(zip(*self.taken(slice(start, start + _LINES)).lists(), strict=True))


def joined(parts: Sequence[Rows]) -> Rows:
    """One below the other."""
    columns = {key: np.concatenate([part.columns[key] for part in parts]) for key in parts[0].columns}
    return Rows(np.concatenate([part.numbers for part in parts]), columns)


class Objective(Struct, frozen=True):
    """A column, and whether more of it is better."""

    key: str
    most: bool

    def ranks(self, rows: Rows) -> Array:
        """0 for the best rows, 1 for the next: exact for all numbers, however large."""
        ranks: Array = np.unique(rows.columns[self.key], return_inverse=True)[1].reshape(-1)
        return ranks.max(initial=0) - ranks if self.most else ranks


def objectives_of(text: str, known: Mapping[str, str], aliases: Mapping[str, str], what: str) -> tuple[Objective, ...]:
    """`min macs, max params` as objectives over `known` columns. Raises UsageError.

    `what` is what the text is called: `--pareto`. A column alone is meant to be large with `--sort`, and no objective.
    """
    found = []
    for part in text.split(","):
        words = part.split()
        direction = words[0] if len(words) == 2 else "max" if len(words) == 1 and what == "--sort" else ""
        if direction not in ("min", "max"):
            message = f"{what} '{printable(part.strip(), 40)}' names no direction"
            raise UsageError(Problem(message, None, "such as 'min macs, max params'"))
        name = words[-1]
        key = name if name in known else aliases.get(name, name)
        if key not in known:
            message = f"{what}: there is no number '{printable(name, 40)}'"
            raise UsageError(Problem(message, None, did_you_mean(name, [*known, *aliases])))
        found.append(Objective(key, direction == "max"))
    return tuple(found)


class Front(Struct, frozen=True):
    """The rows that no other row beats: none is as good in every objective and better in one."""

    objectives: tuple[Objective, ...]

    def chosen(self, rows: Rows) -> Rows:
        known = _known(rows, self.objectives)
        costs = [objective.ranks(known) for objective in self.objectives]
        kept = known.taken(np.sort(_unbeaten(costs))) if len(known) else known
        if len(kept) > MOST_KEPT:
            message = f"more than {MOST_KEPT:,} variants of which none beats another"
            raise UsageError(Problem(message, None, "fewer objectives leave fewer"))
        return kept


class Best(Struct, frozen=True):
    """The first `count` rows, best first; equal ones in their order. Without objectives the first there are."""

    count: int
    objectives: tuple[Objective, ...] = ()

    def chosen(self, rows: Rows) -> Rows:
        known = _known(rows, self.objectives)
        if not self.objectives:
            return known.taken(np.argsort(known.numbers, kind="stable")[: self.count])
        costs = [objective.ranks(known) for objective in self.objectives]
        return known.taken(np.lexsort([known.numbers, *reversed(costs)])[: self.count])


Choice = Front | Best


def _known(rows: Rows, objectives: Sequence[Objective]) -> Rows:
    """The rows that have a number for every objective."""
    for objective in objectives:
        column = rows.columns[objective.key]
        if column.dtype == object:
            rows = rows.taken(np.array([value is not None for value in column], bool))
    return rows


def _unbeaten(costs: Sequence[Array]) -> Array:
    """Places of the points that no other point beats, lower costs being better.

    In the order of their costs, first by first, a point can be beaten by earlier ones only; so the first is unbeaten,
    and so is the first of what it leaves.
    """
    order = np.lexsort(list(reversed(costs)))
    points = np.stack([cost[order] for cost in costs])
    if len(costs) == 2:
        places: Array = order[_unbeaten_of_two(points)]
        return places
    left = np.arange(points.shape[1])
    kept: list[Array] = []
    while len(left):
        first = points[:, left[0]]
        ahead = points[:, left]
        same = (ahead == first[:, None]).all(axis=0)
        kept.append(left[same])
        left = left[~(ahead >= first[:, None]).all(axis=0)]
    found: Array = order[np.concatenate(kept)]
    return found


def _unbeaten_of_two(points: Array) -> Array:
    """Of points in order: those whose second cost is below all before, and their equals."""
    first, second = points
    best = np.minimum.accumulate(second)
    new = np.ones(len(second), bool)
    new[1:] = second[1:] < best[:-1]
    leader = np.maximum.accumulate(np.where(new, np.arange(len(second)), 0))
    unbeaten: Array = (first == first[leader]) & (second == second[leader])
    return unbeaten
