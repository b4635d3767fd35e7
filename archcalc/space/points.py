"""Which variants there are, in which order, and how they are parted: blocks of a grid, or points drawn one by one."""

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from archcalc.extras import need
from archcalc.space.axes import Axis, most
from archcalc.space.operations import Array

DRAWN_AT_ONCE = 8192
"""Each so many points are drawn from a seed of their own: what a point is does not depend on who asks for how many."""


class Points(Struct, frozen=True):
    """Some variants: for each axis what is picked, and the numbers of the variants, in arrays that broadcast.

    In a block of a grid what is picked of an axis runs along a dimension of its own, so that what depends on one axis
    is computed once for each of its values; points that lie anyhow have one dimension.
    """

    picks: tuple[Array, ...]
    rows: Array

    @property
    def count(self) -> int:
        return int(self.rows.size)

    def one(self, place: int = 0) -> "Points":
        """One of them by itself."""
        flat = self._flat()
        return Points(tuple(pick[place : place + 1] for pick in flat.picks), flat.rows[place : place + 1])

    def parted(self, labels: Array) -> "list[Points]":
        """Those of equal labels together.

        Dimensions along which labels differ become one, unless they are one; the others remain what they are, so that
        what depends on one axis is still computed once for each of its values.
        """
        if labels.ndim != self.rows.ndim:
            labels = labels.reshape((1,) * (self.rows.ndim - labels.ndim) + labels.shape)
        along = [axis for axis, size in enumerate(labels.shape) if size > 1]
        if len(along) != 1:
            whole = np.broadcast_to(labels, [n if axis in along else 1 for axis, n in enumerate(self.rows.shape)])
            return self._merged(along).parted(_merged(whole, along))
        line = labels.ravel()
        order = np.argsort(line, kind="stable")
        cuts = np.flatnonzero(np.diff(line[order])) + 1
        return [self._taken(places, along[0]) for places in np.split(order, cuts)]

    def pieces(self, most_at_once: int) -> "list[Points]":
        """The same in pieces of a bounded number, cut along the longest dimension."""
        if self.count <= most_at_once:
            return [self]
        axis = int(np.argmax(self.rows.shape))
        length = self.rows.shape[axis]
        size = max(1, most_at_once * length // self.count)
        parts = [self._taken(np.arange(i, min(i + size, length)), axis) for i in range(0, length, size)]
        return [piece for part in parts for piece in (part.pieces(most_at_once) if size == 1 else [part])]

    def _taken(self, places: Array, axis: int) -> "Points":
        picks = tuple(pick if pick.shape[axis] == 1 else pick.take(places, axis) for pick in self.picks)
        return Points(picks, self.rows.take(places, axis))

    def _merged(self, axes: Sequence[int]) -> "Points":
        """The same with several dimensions made one, which comes first."""
        sizes = self.rows.shape
        picks = [
            np.broadcast_to(pick, [sizes[axis] if axis in axes else n for axis, n in enumerate(pick.shape)])
            if any(pick.shape[axis] > 1 for axis in axes)
            else pick
            for pick in self.picks
        ]
        return Points(tuple(_merged(pick, axes) for pick in picks), _merged(self.rows, axes))

    def _flat(self) -> "Points":
        if self.rows.ndim == 1:
            return Points(tuple(np.broadcast_to(pick, self.rows.shape) for pick in self.picks), self.rows)
        picks = tuple(np.broadcast_to(pick, self.rows.shape).ravel() for pick in self.picks)
        return Points(picks, self.rows.ravel())


def _merged(array: Array, axes: Sequence[int]) -> Array:
    """An array with some of its dimensions made one, which comes first."""
    others = [size for axis, size in enumerate(array.shape) if axis not in axes]
    return np.moveaxis(array, axes, range(len(axes))).reshape(-1, *others)


class Draw(Struct, frozen=True):
    """How points are drawn: how many, from which seed, each by itself (`uniform`) or evenly spread (`sobol`)."""

    count: int
    seed: int = 0
    method: str = "uniform"


def count_of(axes: Sequence[Axis]) -> float:
    """How many points a grid has."""
    return math.prod(map(most, axes))


class Chunks(Struct, frozen=True):
    """A sweep's rows in runs of at most `size`, each a block where it is a grid: the last axis runs fastest.

    `whole` rows at a time are cut into runs of `piece`.
    """

    total: int
    whole: int
    piece: int

    @property
    def each(self) -> int:
        return -(-self.whole // self.piece)

    def __len__(self) -> int:
        return self.total // self.whole * self.each + -(-(self.total % self.whole) // self.piece)

    def bounds(self, number: int) -> tuple[int, int]:
        """First row and count of a run."""
        turn, inner = divmod(number, self.each)
        start = turn * self.whole + inner * self.piece
        return start, min(self.piece, (turn + 1) * self.whole - start, self.total - start)


def chunks_of(axes: Sequence[Axis], draw: Draw | None, size: int) -> Chunks:
    """How the rows of a sweep are cut."""
    if draw is not None:
        return Chunks(draw.count, draw.count, min(size, draw.count))
    inner = 1
    for length in (int(most(axis)) for axis in reversed(axes)):
        if inner * length > size:
            return Chunks(int(count_of(axes)), inner * length, inner * max(1, size // inner))
        inner *= length
    return Chunks(inner, inner, inner)


def grid_points(axes: Sequence[Axis], start: int, count: int) -> Points:
    """The block of a grid that begins at a row, as `chunks_of` cuts it."""
    picks = []
    inner, rest, left = math.prod(int(most(axis)) for axis in axes), start, count
    shape = []
    for axis in axes:
        inner //= int(most(axis))
        first, rest = divmod(rest, inner)
        length = max(1, left // inner)
        shape.append(length)
        picks.append(np.arange(first, first + length))
        left = left if length == 1 else inner
    rank = len(axes)
    placed = tuple(pick.reshape((1,) * place + (-1,) + (1,) * (rank - place - 1)) for place, pick in enumerate(picks))
    return Points(placed, np.arange(start, start + count).reshape(shape))


def drawn_points(axes: Sequence[Axis], draw: Draw, start: int, count: int) -> Points:
    """Points of a sample from row `start` on."""
    first, last = start // DRAWN_AT_ONCE, (start + count - 1) // DRAWN_AT_ONCE
    parts = [_chances(len(axes), draw, block) for block in range(first, last + 1)]
    chances = np.concatenate(parts)[start - first * DRAWN_AT_ONCE :][:count]
    picks = tuple(axis.drawn(chances[:, place]) for place, axis in enumerate(axes))
    return Points(picks, np.arange(start, start + count))


def _chances(axes: int, draw: Draw, block: int) -> Array:
    """Numbers from 0 to 1, a row for each of the points of a block."""
    if draw.method == "uniform":
        found: Array = np.random.default_rng([draw.seed, block]).random((DRAWN_AT_ONCE, axes))
        return found
    qmc = need("scipy.stats.qmc", "scipy", "sobol", "a Sobol sequence")
    sequence = qmc.Sobol(axes, scramble=True, rng=np.random.default_rng(draw.seed))
    if block:
        sequence.fast_forward(block * DRAWN_AT_ONCE)
    spread: Array = sequence.random(DRAWN_AT_ONCE)
    return spread
