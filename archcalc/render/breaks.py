"""Where a long drawing is broken into columns: between layers, where few arrows cross and few frames are torn.

Arrows lead downwards, so a level line that runs through no box is a place for a break: what is above is executed before
what is below. Among all choices near the places that would make columns equally high, dynamic
programming finds the one with the least cost: how unequal the columns are, how many tensors cross each break and which
frames it tears. Frames that would fit into a column are dear, those that are higher have to be torn somewhere. How many
columns there are is chosen likewise, by that cost and the shape of the page.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import ceil, inf, log, sqrt

from msgspec import Struct

from archcalc.render.rows import Row

_SHAPE = 0.85
"""The height of a page by its width: like a screen, or a sheet on its side."""

_LEAST = 380.0  # pixels: lower columns are not worth a break
_APART = 50.0  # pixels between columns, where arrows run
_ABOVE = 150.0  # pixels above and below columns
_REACH = 0.4  # of a column's height: how far from equal columns a better place is looked for
_MISSHAPEN, _UNEQUAL, _CROSSED, _TORN = 2.2, 4.0, 0.1, 2.0
"""What it costs, squared: a page e times as high or wide as it should be, a column twice as high; and: a tensor that
crosses a break beyond the first, a frame that is torn though it would fit."""


class _Break(Struct, frozen=True):
    """A place for a break: the number of boxes before it, where they end and others begin, the tensors that cross it
    and the heights of frames that it tears."""

    before: int
    end: float
    begin: float
    crossed: int = 0
    torn: tuple[float, ...] = ()

    def cost(self, height: float) -> float:
        """Between columns of about a height."""
        return _CROSSED * max(0, self.crossed - 1) + _TORN * sum(min(1.0, height / frame) for frame in self.torn)


class _Reached(Struct, frozen=True):
    """The end of a column, and by which ends of columns before it, at what cost."""

    cost: float
    place: _Break
    earlier: "_Reached | None"

    def ends(self) -> list[_Break]:
        return [*(self.earlier.ends() if self.earlier else []), self.place]


def broken(
    rows: Sequence[Row], arrows: Sequence[tuple[int, int]], around: Sequence[tuple[int, ...]]
) -> list[list[int]]:
    """The boxes of each column, from their rows in a single one and the numbers of the frames `around` each."""
    if not rows:
        return [[]]
    possible = _best_of_neighbours(_possible(rows, arrows, around))
    best, least = [possible[0], possible[-1]], inf
    for count in _counts(rows):
        found = _chosen(possible, count)
        if found is not None and (cost := _cost(found, rows)) < least:
            best, least = found, cost
    return [[row.box for row in rows[first.before : second.before]] for first, second in pairwise(best)]


def _counts(rows: Sequence[Row]) -> range:
    """Numbers of columns that may make a page of about the right shape."""
    height = max(row.bottom for row in rows) - rows[0].top
    right = sqrt(height / (_SHAPE * (_width(rows) + _APART)))
    most = max(1, min(ceil(right * 1.3), int(height / _LEAST)))
    return range(min(ceil(right * 0.7), most), most + 1)


def _possible(
    rows: Sequence[Row], arrows: Sequence[tuple[int, int]], around: Sequence[tuple[int, ...]]
) -> list[_Break]:
    """All places for a break in order, and both ends of the drawing."""
    at = {row.box: count for count, row in enumerate(rows)}
    last = dict(at)
    for start, end in arrows:
        last[start] = max(last[start], at[end])
    crossed = [0] * (len(rows) + 1)
    for box, end in last.items():
        crossed[at[box] + 1] += 1
        crossed[end + 1] -= 1
    crossed = list(accumulate(crossed))
    torn: list[list[float]] = [[] for _ in rows]
    ends = list(accumulate((row.bottom for row in rows), max))
    for first, final in _spans(rows, around):
        for count in range(first + 1, final + 1):
            torn[count].append(ends[final] - rows[first].top)
    between = [
        _Break(count, ends[count - 1], row.top, crossed[count], tuple(torn[count]))
        for count, row in enumerate(rows)
        if count and ends[count - 1] < row.top
    ]
    return [_Break(0, rows[0].top, rows[0].top), *between, _Break(len(rows), ends[-1], ends[-1])]


def _spans(rows: Sequence[Row], around: Sequence[tuple[int, ...]]) -> Iterable[tuple[int, int]]:
    """For each frame where the first and the last of its boxes are in the order."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for count, row in enumerate(rows):
        for frame in around[row.box]:
            first.setdefault(frame, count)
            last[frame] = count
    return ((first[frame], last[frame]) for frame in first)


def _best_of_neighbours(possible: Sequence[_Break]) -> list[_Break]:
    """Without those beside which there is one that tears fewer frames, or as many and fewer tensors cross it."""
    rank: list[tuple[float, float]] = [(len(place.torn), place.crossed) for place in possible]
    rank[0] = rank[-1] = inf, inf  # the ends are no breaks
    inner = range(1, len(possible) - 1)
    kept = [possible[i] for i in inner if rank[i] <= min(rank[i - 1], rank[i + 1])]
    return [possible[0], *kept, possible[-1]]


def _chosen(possible: Sequence[_Break], count: int) -> list[_Break] | None:
    """The ends of so many columns, from that of the drawing on; None where there are none near enough."""
    start, end = possible[0], possible[-1]
    height = (end.end - start.begin) / count
    begins = [place.begin for place in possible]
    reached = [_Reached(0.0, start, None)]
    for number in range(1, count + 1):
        ideal = start.begin + number * height
        low, high = bisect_left(begins, ideal - _REACH * height), bisect_left(begins, ideal + _REACH * height)
        near = [end] if number == count else possible[max(low, 1) : min(high, len(possible) - 1)]
        reached = [following for place in near if (following := _reach(reached, place, height)) is not None]
    return reached[0].ends() if reached else None


def _reach(reached: Sequence[_Reached], place: _Break, height: float) -> _Reached | None:
    """The best way to end a column at a place, among those to end the column before it."""
    least, best = inf, None
    for other in reached:
        cost = other.cost + _UNEQUAL * ((place.end - other.place.begin) / height - 1) ** 2
        if cost < least and other.place.before < place.before:
            least, best = cost, other
    return None if best is None else _Reached(least + place.cost(height), place, best)


def _cost(breaks: Sequence[_Break], rows: Sequence[Row]) -> float:
    """What columns cost: breaks on the average, the page by its shape and by how far its highest column stands out."""
    heights = [lower.end - upper.begin for upper, lower in pairwise(breaks)]
    mean = sum(heights) / len(heights)
    torn = sum(place.cost(mean) for place in breaks[1:-1]) / max(1, len(breaks) - 2)
    width = sum(_width(rows[upper.before : lower.before]) + _APART for upper, lower in pairwise(breaks))
    shape = log((max(heights) + _ABOVE) / width / _SHAPE)
    return torn + _UNEQUAL * (max(heights) / mean - 1) ** 2 + _MISSHAPEN * shape**2


def _width(rows: Sequence[Row]) -> float:
    return max(row.breadth for row in rows)
