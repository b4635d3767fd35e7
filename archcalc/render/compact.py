"""Rows of a layout as close as they need to be: outlines of frames take less height than layers, names take some.

Heights are mapped to heights in their order, so whatever is above, beside, within or apart stays so.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise, product

from archcalc.render.routing import Line, Place

_BOX_TOP, _BOX_BOTTOM, _FRAME_TOP, _FRAME_BOTTOM, _TURN = range(5)

_ROOM = (
    # to: box top, box bottom, frame top, frame bottom, turn
    (0.0, 0.0, 0.0, 0.0, 0.0),  # boxes are as high as they are
    (26.0, 0.0, 16.0, 12.0, 11.0),
    (28.0, 24.0, 22.0, 24.0, 20.0),  # the name of a frame stands below its upper side
    (24.0, 0.0, 14.0, 9.0, 9.0),
    (15.0, 0.0, 9.0, 9.0, 8.0),  # the head of an arrow is below its last turn
)
"""Pixels that are enough from a height of one kind to one below it: less where there was less, but not for the
head of an arrow."""

_MOST = max(map(max, _ROOM))


class Heights:
    """The heights at which something is, before and after; `points` are as low as a turn of an arrow."""

    def __init__(
        self, boxes: Sequence[Place], points: Sequence[Place], frames: Sequence[Place], lines: Sequence[Line]
    ) -> None:
        kinds: dict[float, set[int]] = {}
        for places, upper, lower in (
            (boxes, _BOX_TOP, _BOX_BOTTOM),
            (points, _TURN, _TURN),
            (frames, _FRAME_TOP, _FRAME_BOTTOM),
        ):
            for _, top, _, height in places:
                kinds.setdefault(top, set()).add(upper)
                kinds.setdefault(top + height, set()).add(lower)
        for line in lines:
            for (_, y), (_, following) in pairwise(line):
                if y == following:
                    kinds.setdefault(y, set()).add(_TURN)
        self.before = sorted(kinds)
        self.after = [0.0] if kinds else []
        for row, full in enumerate(_filled(self.before, boxes), start=1):
            now = self.before[row] - self.before[row - 1]
            self.after.append(self.after[-1] + now if full else self._lowest(row, kinds))
        self.known = dict(zip(self.before, self.after, strict=True))

    def _lowest(self, row: int, kinds: Mapping[float, set[int]]) -> float:
        """Where a height comes to be that is as near to those above it as it may be."""
        y = self.before[row]
        found = self.after[-1]
        for other in range(row - 1, -1, -1):
            if self.after[other] + _MOST <= found:
                break
            now = y - self.before[other]
            for pair in product(kinds[self.before[other]], kinds[y]):
                room = _ROOM[pair[0]][pair[1]]
                head = pair == (_TURN, _BOX_TOP) and other == row - 1
                found = max(found, self.after[other] + (room if head else min(now, room)))
        return found

    def height(self, y: float) -> float:
        if y not in self.known:
            row = max(1, min(bisect_right(self.before, y), len(self.before) - 1))
            (upper, lower), (first, second) = self.before[row - 1 : row + 1], self.after[row - 1 : row + 1]
            self.known[y] = first + (y - upper) / (lower - upper) * (second - first)
        return self.known[y]

    def place(self, place: Place) -> Place:
        left, top, width, height = place
        return left, self.height(top), width, self.height(top + height) - self.height(top)

    def line(self, line: Line) -> Line:
        return tuple((x, self.height(y)) for x, y in line)


def _filled(heights: Sequence[float], boxes: Sequence[Place]) -> list[bool]:
    """Whether there is a box between one height and the next."""
    change = dict.fromkeys(heights, 0)
    for _, top, _, height in boxes:
        change[top] += 1
        change[top + height] -= 1
    return [count > 0 for count in accumulate(change[height] for height in heights)][:-1]
