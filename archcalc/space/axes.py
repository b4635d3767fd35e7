"""What one target of a sweep takes: its values as they stand in a spec, of one variant or of many at once.

An axis is *picked* from: by positions in its values, or, where a range has no steps, by the numbers drawn themselves.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.errors import Span
from archcalc.space.many import many, of_array
from archcalc.space.operations import Array
from archcalc.spec import tree as trees
from archcalc.spec.tree import Tree, plain


class Steps(Struct, frozen=True):
    """`start`, `start` + `step`, … : `count` numbers, ints or decimals. Drawn evenly in their logarithm with `log`."""

    start: int | Decimal
    step: int | Decimal
    count: int
    log: bool = False

    @property
    def size(self) -> int:
        return self.count

    def signatures(self, picks: Array) -> None:
        return None

    def number(self, pick: Any) -> int | float:
        number = self.start + self.step * int(pick)
        return number if isinstance(number, int) else float(number)

    def column(self, picks: Array) -> Array:
        if isinstance(self.start, int) and isinstance(self.step, int):
            return picks * np.int64(self.step) + np.int64(self.start)
        positions, places = np.unique(picks, return_inverse=True)
        return np.array([self.number(pick) for pick in positions])[places].reshape(picks.shape)

    def tree(self, picks: Array, span: Span) -> Tree:
        return trees.Scalar(of_array(self.column(picks)), span)

    def drawn(self, chances: Array) -> Array:
        """Positions for chances from 0 to 1."""
        if not self.log:
            return np.minimum((chances * self.count).astype(np.int64), self.count - 1)
        low, step = float(self.start), float(self.step)
        numbers = low * ((low + step * self.count) / low) ** chances
        return np.clip(((numbers - low) / step).astype(np.int64), 0, self.count - 1)


class Between(Struct, frozen=True):
    """Every number from `low` to `high`: drawn evenly, or evenly in its logarithm with `log`."""

    low: float
    high: float
    log: bool = False

    @property
    def size(self) -> int | None:
        return None

    def signatures(self, picks: Array) -> None:
        return None

    def number(self, pick: Any) -> float:
        return float(pick)

    def column(self, picks: Array) -> Array:
        return picks

    def tree(self, picks: Array, span: Span) -> Tree:
        return trees.Scalar(of_array(picks), span)

    def drawn(self, chances: Array) -> Array:
        numbers = (
            self.low * (self.high / self.low) ** chances if self.log else self.low + (self.high - self.low) * chances
        )
        return np.clip(numbers, self.low, self.high)


class Listed(Struct, frozen=True):
    """Values as they are written: numbers, texts, truths, lists.

    `kinds` numbers them by what they are made of: values of one kind, numbers or lists of as many, are many at once.
    """

    trees: tuple[Tree, ...]
    kinds: tuple[int, ...]

    @property
    def size(self) -> int:
        return len(self.trees)

    def signatures(self, picks: Array) -> Array | None:
        """What has to be parted before anything is worked out: one label a pick; None where all are of one kind."""
        return None if len(set(self.kinds)) == 1 else np.array(self.kinds)[picks]

    def number(self, pick: Any) -> Any:
        return plain(self.trees[int(pick)])

    def column(self, picks: Array) -> Array:
        """Of an axis of numbers."""
        found: Array = np.array([plain(tree) for tree in self.trees])[picks]
        return found

    def tree(self, picks: Array, span: Span) -> Tree:
        positions, places = np.unique(picks, return_inverse=True)
        return _united([self.trees[position] for position in positions], places.ravel(), picks.shape)

    def drawn(self, chances: Array) -> Array:
        return np.minimum((chances * self.size).astype(np.int64), self.size - 1)


Axis = Steps | Between | Listed


def listed(values: Sequence[Tree]) -> Listed:
    """The axis of values as they are written."""
    known: dict[Any, int] = {}
    return Listed(tuple(values), tuple(known.setdefault(_made_of(value), len(known)) for value in values))


def _made_of(tree: Tree) -> Any:
    """Equal for values that can be many at once."""
    if isinstance(tree, trees.Sequence):
        return (list, *map(_made_of, tree.items))
    if isinstance(tree, trees.Mapping):
        return (dict, *((key, _made_of(value)) for key, value in tree.entries.items()))
    return type(tree.value) if type(tree.value) in (int, float) else (type(tree.value), tree.value)


def _united(values: Sequence[Tree], places: Array, shape: tuple[int, ...]) -> Tree:
    """Values of one kind as one tree whose numbers are many at once."""
    first = values[0]
    if isinstance(first, trees.Sequence):
        parts = zip(*(value.items for value in values if isinstance(value, trees.Sequence)), strict=True)
        return trees.Sequence([_united(part, places, shape) for part in parts], first.span)
    if isinstance(first, trees.Mapping):
        entries = {
            key: _united([value.entries[key] for value in values if isinstance(value, trees.Mapping)], places, shape)
            for key in first.entries
        }
        return trees.Mapping(entries, first.keys, first.span)
    numbers = [value.value for value in values if isinstance(value, trees.Scalar)]
    if type(first.value) not in (int, float) or len(numbers) == 1:
        return first
    return trees.Scalar(many([numbers[place] for place in places.tolist()], shape), first.span)


def in_words(value: Any) -> str:
    """A value as `--set` takes it: 0.5, true, 1x1, [3, 4, 6, 3]."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(in_words, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def steps(start: Decimal, end: Decimal, step: Decimal, log: bool) -> Steps:
    """The numbers from `start` on, `step` apart, up to `end` and with it where it is met."""
    count = int((end - start) / step) + 1
    whole = all(number == int(number) and "." not in str(number) for number in (start, step))
    return Steps(int(start), int(step), count, log) if whole else Steps(start, step, count, log)


def most(axis: Axis) -> float:
    """How many values an axis has, as far as grids are concerned."""
    return math.inf if axis.size is None else axis.size
