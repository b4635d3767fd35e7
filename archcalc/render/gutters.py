"""Columns side by side, and arrows from one to another: down to its end, up through the gutter behind it, and over.

Where an arrow leaves a column at its lower end, it has a lane to the right, a lane upwards between the columns, and a
lane above them as far as it leads; arrows from one box share theirs. Lanes are nested so that few of them cross, and no
two lie on one another.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from archcalc.render.routing import Line, Place

_LANE = 10.0  # pixels from lane to lane
_CLEAR = 16.0  # pixels between lanes and what is in columns

Arrow = tuple[int, int]


class Column(Struct, frozen=True):
    """Boxes, frames and arrows by their numbers or ends, wherever they are in the plane.

    `leaving` leads from a box to the lower end of the column, `entering` from its upper end to that of an arrow.
    """

    boxes: dict[int, Place]
    frames: dict[int, Place]
    within: dict[Arrow, Line]
    leaving: dict[int, Line]
    entering: dict[Arrow, Line]

    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of all that it holds."""
        places = [*self.boxes.values(), *self.frames.values()]
        points = [point for line in self.lines() for point in line]
        xs = [x for x, _ in points] + [x for left, _, width, _ in places for x in (left, left + width)]
        ys = [y for _, y in points] + [y for _, top, _, height in places for y in (top, top + height)]
        return min(xs, default=0.0), min(ys, default=0.0), max(xs, default=0.0), max(ys, default=0.0)

    def lines(self) -> list[Line]:
        return [*self.within.values(), *self.leaving.values(), *self.entering.values()]

    def moved(self, dx: float, dy: float) -> "Column":
        def place(there: Place) -> Place:
            return there[0] + dx, there[1] + dy, there[2], there[3]

        def line(there: Line) -> Line:
            return tuple((x + dx, y + dy) for x, y in there)

        return Column(
            {number: place(there) for number, there in self.boxes.items()},
            {number: place(there) for number, there in self.frames.items()},
            {arrow: line(there) for arrow, there in self.within.items()},
            {number: line(there) for number, there in self.leaving.items()},
            {arrow: line(there) for arrow, there in self.entering.items()},
        )


def joined(columns: Sequence[Column], arrows: Sequence[Arrow]) -> tuple[list[Column], list[Line]]:
    """The columns from left to right, with equal upper ends, and the lines of all arrows; all of it from (0, 0) on."""
    placed, gutters = _side_by_side(columns)
    lines = {arrow: line for column in placed for arrow, line in column.within.items()}
    entering = {arrow: line for column in placed for arrow, line in column.entering.items()}
    ways = {box: way for column, gutter in zip(placed, gutters, strict=True) for box, way in _down(column, gutter)}
    levels = _levels(ways, entering)
    for arrow, line in entering.items():
        way, y = ways[arrow[0]], -_CLEAR - _LANE * levels[arrow[0]]
        lines[arrow] = (*way, (way[-1][0], y), (line[0][0], y), *line)
    depth = _CLEAR + _LANE * max(levels.values()) if levels else 0.0
    moved = [tuple((x, y + depth) for x, y in lines[arrow]) for arrow in arrows]
    return [column.moved(0.0, depth) for column in placed], moved


def _side_by_side(columns: Sequence[Column]) -> tuple[list[Column], list[float]]:
    """Columns with their upper ends at 0, and where the gutter behind each begins."""
    placed, gutters, x = [], [], 0.0
    for column in columns:
        left, top, right, _ = column.extent()
        placed.append(column.moved(x - left, -top))
        gutters.append(x + right - left + _CLEAR)
        x = gutters[-1] + _LANE * max(0, len(column.leaving) - 1) + _CLEAR
    return placed, gutters


def _down(column: Column, gutter: float) -> list[tuple[int, Line]]:
    """For each box with an arrow that leaves the column, the way to the gutter: from the left is outside."""
    bottom = column.extent()[3] + _CLEAR
    order = sorted(column.leaving, key=lambda box: column.leaving[box][-1], reverse=True)
    found = []
    for lane, box in enumerate(order):
        line = column.leaving[box]
        x, y = gutter + lane * _LANE, bottom + lane * _LANE
        found.append((box, (*line, (line[-1][0], y), (x, y))))
    return found


def _levels(ways: Mapping[int, Line], entering: Mapping[Arrow, Line]) -> dict[int, int]:
    """For each box the number of its lane above the columns, counted from below: the shorter, the lower."""
    ends = {box: max(line[0][0] for (start, _), line in entering.items() if start == box) for box in ways}
    taken: list[list[tuple[float, float]]] = []
    levels = {}
    for box in sorted(ways, key=lambda box: ends[box] - ways[box][-1][0]):
        low, high = ways[box][-1][0] - _LANE, ends[box] + _LANE
        free = (n for n, lane in enumerate(taken) if all(high < first or last < low for first, last in lane))
        levels[box] = next(free, len(taken))
        if levels[box] == len(taken):
            taken.append([])
        taken[levels[box]].append((low, high))
    return levels
