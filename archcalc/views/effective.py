"""An effective receptive field → its figures as a table and as plain data, and what a picture of it shows."""

from typing import Any, Literal

from msgspec import Struct

from archcalc.analysis.whole import Analysis
from archcalc.ops.base import axis_names
from archcalc.views.layers import conventions
from archcalc.views.table import Column, Fact, Row, Table

SHARES = (0.5, 0.9, 0.95)
"""How much of the paths the squares hold that are told."""

COUNTED = (
    "paths from a pixel to the unit, nothing trained: weights equal within each layer, a unit the mean of what it"
    " reads, channels alike, joins add (Luo et al. 2016)"
)


class Figures(Struct, frozen=True):
    """The effective receptive field of a unit in a few numbers; positions and sizes per axis of the input's map.

    `squares` are the sides of the smallest centred squares that hold the `SHARES` of the paths.
    """

    layer: str
    unit: tuple[int, ...]
    map: tuple[int, ...]
    window: tuple[tuple[int, int], ...]
    squares: tuple[int, ...]
    deviation: tuple[float, ...]
    ratio: float
    inside: float

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(last - first + 1 for first, last in self.window)


class Heat(Struct, frozen=True):
    """A picture in square cells: the share of the largest value, 0 where there is nothing at all.

    `box` are the cells of the first and last row and column of a frame within, None where it lies beyond. `legend`
    says what a cell is.
    """

    cells: tuple[tuple[float, ...], ...]
    box: tuple[tuple[int | None, int | None], ...]
    legend: str


def title(analysis: Analysis, figures: Figures) -> str:
    unit = ",".join(map(str, figures.unit))
    return f"{analysis.spec.title}: effective receptive field of {figures.layer}, unit {unit}"


def table(analysis: Analysis, figures: Figures) -> Table:
    """The theoretical field and how little of it holds most of the paths."""
    rank, longest = len(figures.map), max(figures.sizes)
    square = ("interval", "square", "cube")[rank - 1]
    names = axis_names(rank + 1)[1:]
    ends = (f"{name} {first} to {last}" for name, (first, last) in zip(names, figures.window, strict=True))
    beyond = any(first < 0 or last >= n for (first, last), n in zip(figures.window, figures.map, strict=True))
    rows = [Row(("theoretical field", figures.sizes, ", ".join(ends) + (": beyond the map" if beyond else "")))]
    for share, side in zip(SHARES, figures.squares, strict=True):
        meaning = f"smallest {square} in its middle: {side / longest:.0%} of its side"
        style: Literal["layer", "total"] = "total" if share == SHARES[-1] else "layer"
        rows.append(Row((f"{share:.0%} of the paths", (side,) * rank, meaning), style=style))
    deviation = tuple(round(pixels, 2) for pixels in figures.deviation)
    rows.append(Row(("standard deviation", deviation, "in pixels: grows with the root of the depth")))
    notes = [COUNTED]
    if beyond:
        notes.append("what the field reads beyond the map is padding, and not counted: a larger --input shows it")
    columns = (Column("quantity", ""), Column("value", "", "pair"), Column("meaning", "", "prose"))
    facts = (Fact("Within the theoretical field", figures.inside, "percent", "% of the paths"),)
    return Table(title(analysis, figures), conventions(analysis), columns, tuple(rows), (), facts, tuple(notes))


def caption(analysis: Analysis, figures: Figures, side: int) -> list[str]:
    """The lines under a picture, one pixel of which is `side` of the map's on each side."""
    sizes = "×".join(map(str, figures.sizes))
    held = ", ".join(f"{share:.0%} in {side}" for share, side in zip(SHARES, figures.squares, strict=True))
    scale = "" if side == 1 else f"; a pixel is {side}×{side} of the map"
    return [
        title(analysis, figures),
        f"black frame: the theoretical field, {sizes}; white frame: what holds {SHARES[-1]:.0%} of the paths",
        f"sides of the squares that hold the paths: {held}",
        f"white: no path, yellow: the most, linear between{scale}",
    ]


def document(figures: Figures, paths: Any) -> dict[str, Any]:
    """What JSON shows: the figures, and the share of the paths that begins at each place of the input's map."""
    return {
        "counted": COUNTED,
        "layer": figures.layer,
        "unit": list(figures.unit),
        "map": list(figures.map),
        "theoretical": {
            "size": list(figures.sizes),
            "first": [first for first, _ in figures.window],
            "last": [last for _, last in figures.window],
        },
        "squares": [{"share": share, "side": side} for share, side in zip(SHARES, figures.squares, strict=True)],
        "standard_deviation": list(figures.deviation),
        "ratio": figures.ratio,
        "within_theoretical": figures.inside,
        "paths": paths,
    }
