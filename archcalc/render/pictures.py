"""Charts and drawings → files: PNG, SVG, PDF, or a page of HTML that needs no network."""

import os
from collections.abc import Callable
from typing import Any

from archcalc.errors import Problem, UsageError, did_you_mean, enumerate_words, printable
from archcalc.extras import need
from archcalc.files import write_whole
from archcalc.render.drawing import size_of

ENDINGS = (".png", ".svg", ".html", ".pdf")
_SCALE = 2.0
"""Pixels of a PNG for each of the picture's."""
MOST_PIXELS = 60_000_000
"""Of a PNG: four bytes each while it is made."""


def ending_of(path: str) -> str:
    """The ending that says what a picture is written as. Raises UsageError where it says nothing."""
    ending = os.path.splitext(path)[1].lower()
    if ending not in ENDINGS:
        named = f"the ending '{printable(ending, 20)}'" if ending else f"'{printable(path, 60)}' without an ending"
        message = f"{named} says no kind of picture"
        raise UsageError(
            Problem(message, None, did_you_mean(ending, ENDINGS) or f"there are {enumerate_words(ENDINGS)}")
        )
    return ending


def write(picture: Any, path: str) -> None:
    """Write a chart, or the text of an SVG, whole or not at all, as what its ending says.

    Raises UsageError for an ending that is none of `ENDINGS`, where vl-convert is missing, where the picture is too
    large for a PNG, and where the file cannot be written.
    """
    ending = ending_of(path)
    data = _drawing(picture, ending) if isinstance(picture, str) else _CHARTS[ending](picture.to_dict())
    write_whole(path, lambda file: file.write(data))


def svg_of(chart: Any) -> str:
    """A chart as the text of an SVG."""
    text: str = _converter().vegalite_to_svg(chart.to_dict())
    return text


def _drawing(svg: str, ending: str) -> bytes:
    if ending == ".svg":
        return svg.encode()
    if ending == ".html":
        title = svg.partition("<title>")[2].partition("</title>")[0]
        return f"{_PAGE.format(title=title)}{svg}</body>\n</html>\n".encode()
    width, height = size_of(svg)
    if ending == ".pdf":
        return bytes(_converter().svg_to_pdf(svg))
    scale = min(_SCALE, (MOST_PIXELS / (width * height)) ** 0.5)
    if scale < 1:
        message = f"the drawing is {width:,.0f} by {height:,.0f} pixels, too many for a PNG"
        raise UsageError(Problem(message, None, "a smaller --depth, or an .svg"))
    return bytes(_converter().svg_to_png(svg, scale=scale))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
"""


def _converter() -> Any:
    return need("vl_convert", "vl-convert-python", "plot", "a picture")


_MENU = {"usermeta": {"embedOptions": {"actions": {"export": True, "source": False, "editor": False}}}}
"""What a chart on a page offers: to be saved, and nothing that leads elsewhere."""

_CHARTS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    ".png": lambda spec: bytes(_converter().vegalite_to_png(spec, scale=_SCALE)),
    ".svg": lambda spec: str(_converter().vegalite_to_svg(spec)).encode(),
    ".html": lambda spec: str(_converter().vegalite_to_html({**spec, **_MENU}, bundle=True)).encode(),
    ".pdf": lambda spec: bytes(_converter().vegalite_to_pdf(spec)),
}
