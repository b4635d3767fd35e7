"""Names beside the bubbles of a chart, so that they cover neither a bubble nor one another."""

from math import log10, sqrt

from msgspec import Struct

from archcalc.views.charts import Bubble

LARGEST = 3000.0
"""Square pixels of the square around the largest bubble."""

Place = tuple[str, float, float]
"""How a name is aligned, and how far right and down from the middle of its bubble."""

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom."""

_SIDES = (("left", 1), ("right", -1))
_LETTER, _HALF = 6.4, 7.0  # pixels of a letter across, and of half a line down


class Frame(Struct, frozen=True):
    """The ranges of both axes of a bubble chart, and its size in pixels."""

    across: tuple[float, float]
    up: tuple[float, float]
    logarithmic: bool
    width: int
    height: int

    @classmethod
    def around(cls, found: tuple[Bubble, ...], width: int, height: int) -> "Frame":
        macs = [bubble.macs for bubble in found]
        accuracies = [bubble.accuracy for bubble in found]
        logarithmic = min(macs) > 0 and max(macs) > 20 * min(macs)
        room = max(1.0, (max(accuracies) - min(accuracies)) * 0.15)
        across = (min(macs) / 2, max(macs) * 3.0) if logarithmic else (0.0, max(macs) * 1.25 or 1.0)
        return cls(
            across, (max(0.0, min(accuracies) - room), min(100.0, max(accuracies) + room)), logarithmic, width, height
        )

    def pixel(self, bubble: Bubble) -> tuple[float, float]:
        low, high = self.across
        linear = (bubble.macs - low) / (high - low)
        share = log10(bubble.macs / low) / log10(high / low) if self.logarithmic else linear
        return share * self.width, (self.up[1] - bubble.accuracy) / (self.up[1] - self.up[0]) * self.height


def places(found: tuple[Bubble, ...], frame: Frame) -> list[Place]:
    """Where names stand: each at the first of places around its bubble that is free, or at the one least covered."""
    most = max(bubble.params for bubble in found) or 1
    centres = [frame.pixel(bubble) for bubble in found]
    radii = [sqrt(LARGEST * bubble.params / most) / 2 for bubble in found]
    taken = [(x - 0.8 * r, y - 0.8 * r, x + 0.8 * r, y + 0.8 * r) for (x, y), r in zip(centres, radii, strict=True)]
    chosen = []
    for bubble, (x, y), radius in zip(found, centres, radii, strict=True):
        width = _LETTER * len(bubble.name)
        choices = _around(radius)
        rated = [_clash(_covers(x, y, width, choice), taken, frame) for choice in choices]
        chosen.append(choices[rated.index(min(rated))])
        taken.append(_covers(x, y, width, chosen[-1]))
    return chosen


def _around(radius: float) -> list[Place]:
    """Right, left, above, below and at the corners, then ever farther above and below."""
    found: list[Place] = [("left", radius + 5, 0.0), ("right", -radius - 5, 0.0)]
    for step in range(12):
        down, corner = radius + 8 + 13 * step, 0.8 * radius + 5
        found += [("center", 0.0, -down), ("center", 0.0, down)]
        found += [(side, sign * corner, way * (corner + 5 + 13 * step)) for side, sign in _SIDES for way in (-1, 1)]
    return found


def _covers(x: float, y: float, width: float, place: Place) -> Rectangle:
    align, dx, dy = place
    left = x + dx - {"left": 0.0, "center": width / 2, "right": width}[align]
    return left, y + dy - _HALF, left + width, y + dy + _HALF


def _clash(name: Rectangle, taken: list[Rectangle], frame: Frame) -> float:
    """Square pixels that a name shares with what is there, and much for each pixel beyond the frame."""
    left, top, right, bottom = name
    shared = sum(
        max(0.0, min(right, r) - max(left, le)) * max(0.0, min(bottom, b) - max(top, t)) for le, t, r, b in taken
    )
    outside = max(0.0, -left) + max(0.0, right - frame.width) + max(0.0, -top) + max(0.0, bottom - frame.height)
    return round(shared + 20 * outside, 6)
