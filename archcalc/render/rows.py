"""About where boxes would be in one long column, without a layout: each as far down as the longest way to it is.

That is enough to say where to break it, and much faster than to lay it out in order to break it.
"""

from collections.abc import Sequence

from msgspec import Struct

from archcalc.formats.diagrams.drawing import Drawing

_GAP, _BESIDE, _PADDING = 26.0, 28.0, 12.0
_OUT, _OUT_AGAIN, _BETWEEN, _INTO, _IN_AGAIN, _IN = 12.0, 9.0, 14.0, 16.0, 22.0, 28.0


class Row(Struct, frozen=True):
    """A box, from where to where it is, and how wide all is that is beside it, itself and frames included."""

    box: int
    top: float
    bottom: float
    breadth: float


def rows(drawing: Drawing, sizes: Sequence[tuple[int, int]], around: Sequence[tuple[int, ...]]) -> list[Row]:
    """The boxes from above, each below all that arrows lead to it from.

    `around` has for each box the frames around it, from the outside in. What begins at no input, like a parameter, is
    as far down as it can be.
    """
    before: list[list[int]] = [[] for _ in sizes]
    behind: list[list[int]] = [[] for _ in sizes]
    for start, end in drawing.arrows:
        before[end].append(start)
        behind[start].append(end)
    tops = [0.0] * len(sizes)
    loose = [False] * len(sizes)
    order = _in_order(before, behind)
    for box in order:
        gaps = (tops[other] + sizes[other][1] + _gap(around[other], around[box]) for other in before[box])
        tops[box] = max(gaps, default=0.0)
        loose[box] = all(loose[other] for other in before[box]) and drawing.boxes[box].kind != "input"
    for box in reversed(order):
        if loose[box] and behind[box]:
            gaps = (tops[other] - sizes[box][1] - _gap(around[box], around[other]) for other in behind[box])
            tops[box] = max(tops[box], min(gaps))
    order.sort(key=lambda box: tops[box])  # what is before something is above it, too
    return _with_breadths(order, tops, sizes, around)


def _in_order(before: Sequence[Sequence[int]], behind: Sequence[Sequence[int]]) -> list[int]:
    """The boxes, each behind those before it."""
    missing = list(map(len, before))
    order = [box for box, count in enumerate(missing) if not count]
    for box in order:
        for other in behind[box]:
            missing[other] -= 1
            if not missing[other]:
                order.append(other)
    return order


def _gap(upper: tuple[int, ...], lower: tuple[int, ...]) -> float:
    """The height between a box and one below it, with the outlines of the frames that are left and entered."""
    common = 0
    while common < min(len(upper), len(lower)) and upper[common] == lower[common]:
        common += 1
    left, entered = len(upper) - common, len(lower) - common
    outside = _OUT + _OUT_AGAIN * (left - 1) if left else 0.0
    inside = _IN + _IN_AGAIN * (entered - 1) if entered else 0.0
    between = (_BETWEEN if left else _INTO) if entered else _GAP
    return outside + between + inside


def _with_breadths(
    order: Sequence[int], tops: Sequence[float], sizes: Sequence[tuple[int, int]], around: Sequence[tuple[int, ...]]
) -> list[Row]:
    found = []
    beside: list[int] = []
    for box in order:
        beside = [other for other in beside if tops[other] + sizes[other][1] > tops[box]]
        beside.append(box)
        frames = {frame for other in beside for frame in around[other]}
        breadth = sum(sizes[other][0] + _BESIDE for other in beside) - _BESIDE + 2 * _PADDING * len(frames)
        found.append(Row(box, tops[box], tops[box] + sizes[box][1], breadth))
    return found
