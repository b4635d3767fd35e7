"""Heat → characters: shades for a pipe, colours for a terminal that has them; in a frame that marks the box."""

from collections.abc import Callable, Iterator
from typing import TextIO

from archcalc.render.cells import ASCII
from archcalc.views.effective import Heat

SHADES = " ·░▒▓█"
ASCII_SHADES = " .:-=+*#%@"
# viridis at every eighth of its length: lightness rises evenly, so that it reads in grey and to eyes that see no red.
# Source: van der Walt and Smith, matplotlib 2.0 (CC0).
VIRIDIS = (
    (0x44, 0x01, 0x54),
    (0x47, 0x2D, 0x7B),
    (0x3B, 0x52, 0x8B),
    (0x2C, 0x72, 0x8E),
    (0x21, 0x91, 0x8C),
    (0x28, 0xAE, 0x80),
    (0x5E, 0xC9, 0x62),
    (0xAD, 0xDC, 0x30),
    (0xFD, 0xE7, 0x25),
)
Colour = tuple[int, int, int]
Pair = tuple[float, float | None]
"""Two cells one above the other: a character is twice as high as it is wide. Below the last row there is none."""


def colour_of(value: float) -> Colour:
    """The colour of a value between 0 and 1, between the two of the table it lies between."""
    place = value * (len(VIRIDIS) - 1)
    lower = min(int(place), len(VIRIDIS) - 2)
    red, green, blue = (
        round(a + (b - a) * (place - lower)) for a, b in zip(VIRIDIS[lower], VIRIDIS[lower + 1], strict=True)
    )
    return red, green, blue


def shaded(heat: Heat, ascii_only: bool = False) -> list[str]:
    """Lines of shades: a blank where there is nothing, else the denser the more."""
    ramp = ASCII_SHADES if ascii_only else SHADES
    levels = len(ramp) - 1
    most = max(_mean(pair) for row in range(0, len(heat.cells), 2) for pair in _pairs(heat, row))

    def shade(pair: Pair) -> str:
        value = _mean(pair) / most
        return ramp[1 + min(int(value * levels), levels - 1)] if value else ramp[0]

    top, lines, bottom = _framed(heat, ascii_only, shade)
    steps = f"{ramp[1:]}: {levels} equal steps up to the most"
    return [top, *lines, bottom, f"blank: no path; {steps}", *_legend(heat, ascii_only)]


def render(heat: Heat, stream: TextIO, ascii_only: bool) -> None:
    """Print a picture to a terminal: in colours where it has them, and wants them."""
    from rich.color import Color, ColorSystem
    from rich.console import Console
    from rich.style import Style

    console = Console(file=stream)
    system = {"truecolor": ColorSystem.TRUECOLOR, "256": ColorSystem.EIGHT_BIT}.get(console.color_system or "")
    if system is None or ascii_only or console.no_color:
        stream.write("\n".join(shaded(heat, ascii_only)) + "\n")
        return

    def painted(text: str, front: float, back: float = 0) -> str:
        colour, ground = (Color.from_rgb(*colour_of(value)) if value else None for value in (front, back))
        return Style(color=colour, bgcolor=ground).render(text, color_system=system)

    def halves(pair: Pair) -> str:
        upper, lower = pair
        if upper:
            return painted("▀", upper, lower or 0)
        return painted("▄", lower) if lower else " "

    top, lines, bottom = _framed(heat, False, halves)
    scale = "".join(painted("█", (step + 1) / 16) for step in range(16))
    legend = [f"blank: no path; {scale} up to the most", *_legend(heat, False)]
    stream.write("\n".join([top, *lines, bottom, *legend]) + "\n")


def _legend(heat: Heat, ascii_only: bool) -> Iterator[str]:
    yield heat.legend.translate(ASCII) if ascii_only else heat.legend
    ends = [end is not None for pair in heat.box for end in pair]
    if any(ends):
        where = "" if all(ends) else ", where that is on the map"
        yield f"{'+' if ascii_only else '┬ ├'} in the frame: the theoretical field begins and ends{where}"
    else:
        yield "the theoretical field begins and ends beyond the map"


def _framed(heat: Heat, ascii_only: bool, character: Callable[[Pair], str]) -> tuple[str, list[str], str]:
    """The lines of a picture, two rows of cells each, between the sides of a frame; and its edges."""
    corners, across, down = ("++++", "-+", "|+") if ascii_only else ("┌┐└┘", "─┬┴", "│├┤")
    (first_row, last_row), columns = heat.box[0] if len(heat.box) > 1 else (None, None), heat.box[-1]
    marked = {row // 2 for row in (first_row, last_row) if row is not None}
    width = len(heat.cells[0])
    top, bottom = (
        "".join(across[mark] if x in columns else across[0] for x in range(width)) for mark in (1, len(across) - 1)
    )
    lines = []
    for y in range(0, len(heat.cells), 2):
        left, right = (down[1], down[-1]) if y // 2 in marked else (down[0], down[0])
        lines.append(left + "".join(map(character, _pairs(heat, y))) + right)
    return corners[0] + top + corners[1], lines, corners[2] + bottom + corners[3]


def _pairs(heat: Heat, row: int) -> Iterator[Pair]:
    """The cells of a row, each with the one below it."""
    below = heat.cells[row + 1] if row + 1 < len(heat.cells) else (None,) * len(heat.cells[row])
    return zip(heat.cells[row], below, strict=True)


def _mean(pair: Pair) -> float:
    upper, lower = pair
    return upper if lower is None else (upper + lower) / 2
