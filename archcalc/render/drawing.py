"""Picture of an architecture → SVG: boxes in layers, arrows around them, frames around scopes.

Where everything goes is the matter of `layout`. The look: an SVG that stands alone, takes the colours of its reader's
scheme, light or dark, and tells kinds apart in grey, too.
"""

from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from archcalc.errors import printable
from archcalc.formats.diagrams.drawing import Box, Frame
from archcalc.formats.diagrams.palette import COLOURS
from archcalc.render.layout import Piece, frames_of, lay_out
from archcalc.render.routing import Line, Place, Point
from archcalc.views.drawing import BoxFacts, Picture

_DARK = {
    "input": "#1c1c1c",
    "weights": "#1f3f5c",
    "window": "#5c4020",
    "join": "#2c4a26",
    "scope": "#3f3660",
    "other": "#333333",
}
_LINE, _PAD, _MARGIN = 15, 9, 24
_LONGEST = 44
"""Characters of a line in a box; the rest is in the tooltip."""

_STYLE = """
.ad { font-family: Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; font-size: 12px; }
.ad text { fill: #1a1a1a; text-anchor: middle; }
.ad .ad-title { font-size: 18px; font-weight: bold; text-anchor: start; }
.ad .ad-caption { fill: #505050; text-anchor: start; }
.ad .ad-name { font-weight: bold; }
.ad .ad-frame-name { fill: #505050; text-anchor: start; font-size: 11px; paint-order: stroke; stroke: #ffffff;
  stroke-width: 3px; stroke-linejoin: round; }
.ad .ad-ground { fill: #ffffff; }
.ad rect { stroke: #606060; stroke-width: 1; }
.ad .ad-join rect { stroke-width: 2.5; }
.ad .ad-input rect { stroke-width: 2.5; }
.ad .ad-scope rect { stroke-width: 2; }
.ad rect.ad-ground { stroke: none; }
.ad rect.ad-frame { fill: #808080; fill-opacity: 0.04; stroke: #909090; stroke-dasharray: 4 3; }
.ad rect.ad-torn { stroke: none; }
.ad .ad-edge { fill: none; stroke: #909090; stroke-dasharray: 4 3; }
.ad .ad-arrow { fill: none; stroke: #505050; stroke-width: 1.2; }
.ad .ad-head { fill: #505050; }
"""
_DARK_STYLE = """
.ad text { fill: #f0f0f0; }
.ad .ad-caption, .ad .ad-frame-name { fill: #b8b8b8; }
.ad .ad-frame-name { stroke: #121212; }
.ad .ad-ground { fill: #121212; }
.ad rect { stroke: #a0a0a0; }
.ad .ad-arrow { stroke: #b8b8b8; }
.ad .ad-head { fill: #b8b8b8; }
"""


def render(picture: Picture) -> str:
    """The SVG. Raises UsageError where the layout engine is not installed.

    Each box is a group with `data-layers` (how many layers it stands for), `data-output`, `data-params` and `data-macs`
    (their sums), its full name in `data-name` and as a tooltip; arrows have the numbers of their boxes in `data-from`
    and `data-to`, frames their number of copies in `data-times`. Pieces of a frame that is in several columns have the
    same `data-frame`, and in `data-part` which of how many they are.
    """
    drawing = picture.drawing
    frames = [frame for frame, _ in frames_of(drawing.members)]
    laid = lay_out(drawing, list(map(box_size, drawing.boxes)))
    top = 62
    title, caption = printable(picture.title, 120), printable(picture.caption, 200)
    width = max(laid.width, _width(title) * 1.6, _width(caption)) + 2 * _MARGIN
    height = laid.height + top + _MARGIN
    shift = (width - laid.width) / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ad" role="img" viewBox="0 0 {_n(width)} {_n(height)}"'
        f' width="{_n(width)}" height="{_n(height)}">',
        f"<title>{_text(title)}</title>",
        f"<desc>{_text(picture.description)}</desc>",
        f"<style>{_style()}</style>",
        f'<rect class="ad-ground" width="{_n(width)}" height="{_n(height)}"/>',
        f'<text class="ad-title" x="{_MARGIN}" y="30">{_text(title)}</text>',
        f'<text class="ad-caption" x="{_MARGIN}" y="50">{_text(caption)}</text>',
        f'<g transform="translate({_n(shift)} {_n(top)})">',
        *(_frame(frames[piece.frame], piece) for piece in laid.frames),
        *(_arrow(ends, points) for ends, points in zip(drawing.arrows, laid.arrows, strict=True)),
        *(_frame_title(frames[piece.frame], piece) for piece in laid.frames),
        *(
            _box(number, box, facts, place)
            for number, (box, facts, place) in enumerate(zip(drawing.boxes, picture.facts, laid.boxes, strict=True))
        ),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def size_of(svg: str) -> tuple[float, float]:
    """The width and the height of a drawing in pixels."""
    _, _, width, height = svg.partition('viewBox="')[2].partition('"')[0].split()
    return float(width), float(height)


def box_size(box: Box) -> tuple[int, int]:
    """Width and height in pixels, for the lines in it."""
    lines = [printable(line, _LONGEST) for line in box.lines]
    widest = max(_width(lines[0]) * 1.08, *map(_width, lines))
    return 2 * _PAD + 2 * -int(-widest // 2), 2 * _PAD + _LINE * len(lines) - 3


def _width(text: str) -> float:
    """Pixels that a text takes at 12 px, generously: fonts differ."""
    return sum(map(_advance, text)) * 12


@lru_cache(maxsize=1024)
def _advance(character: str) -> float:
    """How wide a character is for its height. Source: Helvetica's metrics (Adobe, core 14), and a tenth more."""
    if character in "ijl.,:;|!'()[]":
        return 0.34
    if character in " -ftr/·":
        return 0.4
    if character in "mwMW@%—":
        return 0.98
    if character.isupper():
        return 0.76
    return 0.62 if ord(character) < 0x2E80 else 1.05  # beyond: signs as wide as high


def _style() -> str:
    light = "".join(f".ad .ad-{kind} rect {{ fill: {colour}; }}\n" for kind, colour in COLOURS.items())
    dark = "".join(f".ad .ad-{kind} rect {{ fill: {colour}; }}\n" for kind, colour in _DARK.items())
    return f"{_STYLE}{light}@media (prefers-color-scheme: dark) {{{_DARK_STYLE}{dark}}}\n"


def _frame(frame: Frame, piece: Piece) -> str:
    """Its ground and its outline, which is open where the frame goes on in another column."""
    left, top, width, height = map(_n, piece.place)
    rect = f'x="{left}" y="{top}" width="{width}" height="{height}"'
    facts = f'data-frame="{piece.frame}" data-times="{frame.times}" data-name={_attribute(frame.name)}'
    if piece.parts == 1:
        return f'<rect class="ad-frame" {rect} rx="6" {facts}/>'
    right, bottom = _n(piece.place[0] + piece.place[2]), _n(piece.place[1] + piece.place[3])
    upper = f"M{left} {top}H{right}" if piece.part == 1 else ""
    lower = f"M{left} {bottom}H{right}" if piece.part == piece.parts else ""
    return (
        f'<rect class="ad-frame ad-torn" {rect} {facts} data-part="{piece.part}/{piece.parts}"/>'
        f'<path class="ad-edge" d="M{left} {top}V{bottom}M{right} {top}V{bottom}{upper}{lower}"/>'
    )


def _frame_title(frame: Frame, piece: Piece) -> str:
    """Over the arrows: one may run through where it stands."""
    left, top = piece.place[:2]
    name = printable(frame.name, _LONGEST)
    name += f"  ×{frame.times}" if frame.times > 1 else ""
    name += f"  ({piece.part}/{piece.parts})" if piece.parts > 1 else ""
    return f'<text class="ad-frame-name" x="{_n(left + 8)}" y="{_n(top + 15)}">{_text(name)}</text>'


def _arrow(ends: tuple[int, int], points: Line) -> str:
    """A line with round corners and a head at its end."""
    path = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before), _towards(corner, after)
        path.append(f"L{_n(start[0])} {_n(start[1])}Q{_n(corner[0])} {_n(corner[1])} {_n(end[0])} {_n(end[1])}")
    tip, back = points[-1], _towards(points[-1], points[-2], 7.0, 1.0)
    path.append(f"L{_n(back[0])} {_n(back[1])}")
    dx, dy = (tip[0] - back[0]) / 2, (tip[1] - back[1]) / 2
    head = (tip, (back[0] - dy, back[1] + dx), (back[0] + dy, back[1] - dx))
    return (
        f'<g data-from="{ends[0]}" data-to="{ends[1]}"><path class="ad-arrow" d="{"".join(path)}"/>'
        f'<path class="ad-head" d="M{"L".join(f"{_n(x)} {_n(y)}" for x, y in head)}Z"/></g>'
    )


def _towards(start: Point, end: Point, step: float = 6.0, most: float = 0.5) -> Point:
    """The point some steps from one to another, no more than a share of the way."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    share = min(most, step / max(1e-9, (dx * dx + dy * dy) ** 0.5))
    return start[0] + dx * share, start[1] + dy * share


def _box(number: int, box: Box, facts: BoxFacts, place: Place) -> str:
    left, top, width, height = place
    middle = _n(left + width / 2)
    sums = [f"{facts.output}", f"{facts.params:,} params", f"{facts.macs:,} MACs"]
    several = [f"{len(facts.layers)} layers"] if len(facts.layers) > 1 else []
    tooltip = " · ".join([printable(box.name, 200), *several, *sums])
    texts = "".join(
        f'<text{" class=" + chr(34) + "ad-name" + chr(34) if row == 0 else ""} x="{middle}"'
        f' y="{_n(top + _PAD + 11 + _LINE * row)}">{escape(printable(line, _LONGEST))}</text>'
        for row, line in enumerate(box.lines)
    )
    rect = f'x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}" rx="4"'
    return (
        f'<g class="ad-box ad-{box.kind}" data-box="{number}" data-name={_attribute(box.name)}'
        f' data-layers="{len(facts.layers)}" data-output={_attribute(facts.output)}'
        f' data-params="{facts.params}" data-macs="{facts.macs}"><title>{_text(tooltip)}</title>'
        f"<rect {rect}/>{texts}</g>"
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _attribute(text: str) -> str:
    return quoteattr(printable(text))


def _n(value: float) -> str:
    """A length to a hundredth, without idle zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
