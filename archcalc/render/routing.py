"""Arrows that run through no box: upright and level pieces, led around what is in their way.

A layout engine leads arrows well where it can, and through a box where frames leave it no lane. What it drew is kept
wherever it is sound; elsewhere the way is the shortest with few corners along lines beside the boxes (A*, Hart, Nilsson
and Raphael 1968).
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

Point = tuple[float, float]
Place = tuple[float, float, float, float]
"""Left, top, width and height."""

Line = tuple[Point, ...]

CLEAR = 7.0
"""Pixels between an arrow and what it runs along; less than half of what is between boxes."""

_CORNER = 25.0  # pixels of a longer way that a corner less is worth
_EDGE = 0.01  # what runs along an outline is not inside


def led_around(ends: Sequence[tuple[int, int]], lines: Sequence[Line], boxes: Sequence[Place]) -> tuple[Line, ...]:
    """Arrows, each from a box to a box by their numbers: along the line given, or along one that is free of boxes."""
    obstacles = _Obstacles(boxes)
    return tuple(
        line if obstacles.spare(line) else obstacles.way(*both) or line for both, line in zip(ends, lines, strict=True)
    )


def squared(line: Line) -> Line:
    """A line without slanting pieces: one goes half of its way down, all of its way across, and the rest down."""
    found = [line[0]]
    for (x0, y0), (x1, y1) in pairwise(line):
        if x0 != x1 and y0 != y1:
            found += [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2)]
        found.append((x1, y1))
    return tuple(found)


def straightened(ends: Sequence[tuple[int, int]], lines: Sequence[Line], boxes: Sequence[Place]) -> tuple[Line, ...]:
    """Arrows to and from points that may be anywhere at their height: straight down wherever nothing is in the way.

    An end that is no number of a box is a point; one with several arrows stays where it is.
    """
    obstacles, found = _Obstacles(boxes), list(lines)
    for number, both in enumerate(ends):
        points = [end for end in both if end >= len(boxes)]
        if not points or sum(points[0] in other for other in ends) > 1:
            continue
        x = lines[number][-1][0] if both[0] in points else lines[number][0][0]
        straight = (x, lines[number][0][1]), (x, lines[number][-1][1])
        others = (line for other, line in enumerate(found) if other != number)
        if obstacles.spare(straight) and not any(
            _beside(straight, piece) for line in others for piece in pairwise(line)
        ):
            found[number] = straight
    return tuple(found)


def _beside(straight: Line, piece: Line) -> bool:
    """Whether two pieces, the first of them upright, run along one another with too little between them."""
    (x, top), (_, bottom) = straight
    (x0, y0), (x1, y1) = piece
    return x0 == x1 and abs(x - x0) < CLEAR and min(y0, y1) < bottom and max(y0, y1) > top


class _Obstacles:
    """Boxes that do not overlap, and along each line asked for the stretches that they cover, in order."""

    def __init__(self, boxes: Sequence[Place]) -> None:
        self.boxes = [(left, top, left + width, top + height) for left, top, width, height in boxes]
        self.covered: dict[tuple[int, float], tuple[list[float], list[float]]] = {}

    def spare(self, line: Line) -> bool:
        """Whether a line of upright and level pieces runs through no box."""
        return all(self.free(a, b) for a, b in pairwise(line))

    def free(self, a: Point, b: Point) -> bool:
        """Whether an upright or level piece runs through no box."""
        axis = 1 if a[0] == b[0] else 0  # that along which it runs
        starts, ends = self._stretches(axis, a[1 - axis])
        low, high = sorted((a[axis], b[axis]))
        first = bisect_right(ends, low + _EDGE)
        return first == len(starts) or starts[first] >= high - _EDGE

    def _stretches(self, axis: int, at: float) -> tuple[list[float], list[float]]:
        key = axis, at
        if key not in self.covered:
            across = 1 - axis
            hit = sorted(
                (box[axis], box[axis + 2]) for box in self.boxes if box[across] + _EDGE < at < box[across + 2] - _EDGE
            )
            self.covered[key] = [low for low, _ in hit], [high for _, high in hit]
        return self.covered[key]

    def way(self, start: int, end: int) -> Line | None:
        """From the middle of a box's lower side to that of another's upper one; None where there is no way."""
        left, _, right, bottom = self.boxes[start]
        first = (left + right) / 2, bottom
        left, top, right, _ = self.boxes[end]
        last = (left + right) / 2, top
        source, target = (first[0], bottom + CLEAR), (last[0], top - CLEAR)
        xs = sorted({source[0], target[0], *(x for box in self.boxes for x in (box[0] - CLEAR, box[2] + CLEAR))})
        ys = sorted({source[1], target[1], *(y for box in self.boxes for y in (box[1] - CLEAR, box[3] + CLEAR))})
        if not self.free(first, source) or not self.free(target, last):
            return None
        turns = self._search(xs, ys, source, target)
        return None if turns is None else (first, *_corners([first, *turns, last]), last)

    def _search(self, xs: list[float], ys: list[float], source: Point, target: Point) -> list[Point] | None:
        """A* over crossings of the lines; a state is a crossing and the axis along which it was reached."""
        begin = bisect_left(xs, source[0]), bisect_left(ys, source[1]), 1
        goal = bisect_left(xs, target[0]), bisect_left(ys, target[1])
        cost = {begin: 0.0}
        came: dict[tuple[int, int, int], tuple[int, int, int]] = {}
        queue = [(0.0, begin)]
        while queue:
            _, here = heapq.heappop(queue)
            if here[:2] == goal:
                break
            point = xs[here[0]], ys[here[1]]
            for i, j, axis in _neighbours(here, len(xs), len(ys)):
                there = xs[i], ys[j]
                if not self.free(point, there):
                    continue
                length = abs(point[0] - there[0]) + abs(point[1] - there[1])
                so_far = cost[here] + length + (_CORNER if axis != here[2] else 0.0)
                if so_far < cost.get((i, j, axis), float("inf")):
                    cost[i, j, axis] = so_far
                    came[i, j, axis] = here
                    left_to_go = abs(there[0] - target[0]) + abs(there[1] - target[1])
                    heapq.heappush(queue, (so_far + left_to_go, (i, j, axis)))
        else:
            return None
        path = [here]
        while path[-1] in came:
            path.append(came[path[-1]])
        return [(xs[i], ys[j]) for i, j, _ in reversed(path)]


def _neighbours(state: tuple[int, int, int], columns: int, rows: int) -> Iterator[tuple[int, int, int]]:
    i, j, _ = state
    if i > 0:
        yield i - 1, j, 0
    if i < columns - 1:
        yield i + 1, j, 0
    if j > 0:
        yield i, j - 1, 1
    if j < rows - 1:
        yield i, j + 1, 1


def _corners(line: list[Point]) -> Iterator[Point]:
    """The points at which a line turns."""
    for before, point, after in zip(line, line[1:], line[2:], strict=False):
        if not (before[0] == point[0] == after[0] or before[1] == point[1] == after[1]):
            yield point
