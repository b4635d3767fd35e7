"""Where boxes, frames and arrows of a drawing go: in columns, each of them laid out by graphlay on its own.

Layered layout (Sugiyama, Tagawa and Toda 1981) makes of a deep network one long column. It is broken where little is
torn (`breaks`), each part is laid out anew, and arrows from part to part run through the gutters between them
(`gutters`). Within its part, such an arrow leads to or from a point at the lower or upper end, which is a node to
graphlay as boxes are: so it has a way of its own. An arrow that is led through a box is led around it (`routing`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from archcalc.extras import need
from archcalc.formats.diagrams.drawing import Drawing, Frame
from archcalc.render.breaks import broken
from archcalc.render.compact import Heights
from archcalc.render.gutters import Column, joined
from archcalc.render.routing import Line, Place, led_around, squared, straightened
from archcalc.render.rows import rows

_OPTIONS: dict[str, Any] = {
    "spacing": {
        "layer_gap": 28.0,
        "node_gap": 28.0,
        "dummy_gap": 22.0,
        "port_gap": 14.0,
        "compound_padding": 12.0,
        "compound_header": 16.0,  # for its name
    },
}
_POINT = 1.0
"""Pixels of the point at an end of a column to which an arrow leads."""


class Piece(Struct, frozen=True):
    """What a column holds of a frame, by its number: which part of how many."""

    frame: int
    place: Place
    part: int = 1
    parts: int = 1


class Laid(Struct, frozen=True):
    """Where things are: boxes and arrows in the order of the drawing, frames in pieces, boxes by column;
    and how large all is."""

    boxes: tuple[Place, ...]
    frames: tuple[Piece, ...]
    arrows: tuple[Line, ...]
    columns: tuple[tuple[int, ...], ...]
    width: float
    height: float


def lay_out(drawing: Drawing, sizes: Sequence[tuple[int, int]]) -> Laid:
    """A drawing with boxes of these sizes in pixels. Raises UsageError where the layout engine is not installed."""
    engine = _Engine(drawing, sizes)
    boxes = range(len(drawing.boxes))
    parts = broken(rows(drawing, sizes, engine.around), drawing.arrows, engine.around)
    columns, lines = joined(list(map(engine.column, parts)), drawing.arrows)
    places = {number: place for column in columns for number, place in column.boxes.items()}
    width, height = _extent(columns, lines)
    return Laid(
        tuple(places[number] for number in boxes),
        tuple(_pieces(columns)),
        tuple(lines),
        tuple(map(tuple, parts)),
        width,
        height,
    )


def frames_of(members: "tuple[int | Frame, ...]", parent: int = -1, count: int = 0) -> "Iterator[tuple[Frame, int]]":
    """Frames, each before those in it, with the number of the one around it; -1 where there is none."""
    for member in members:
        if isinstance(member, Frame):
            yield member, parent
            inner = list(frames_of(member.members, count, count + 1))
            yield from inner
            count += 1 + len(inner)


def _pieces(columns: Sequence[Column]) -> Iterator[Piece]:
    """Column by column, frames before those in them."""
    parts = Counter(frame for column in columns for frame in column.frames)
    so_far: Counter[int] = Counter()
    for column in columns:
        for frame, place in sorted(column.frames.items()):
            so_far[frame] += 1
            yield Piece(frame, place, so_far[frame], parts[frame])


def _extent(columns: Sequence[Column], lines: Sequence[Line]) -> tuple[float, float]:
    places = [place for column in columns for place in (*column.boxes.values(), *column.frames.values())]
    points = [
        *((x + width, y + height) for x, y, width, height in places),
        *(point for line in lines for point in line),
    ]
    return max((x for x, _ in points), default=0.0), max((y for _, y in points), default=0.0)


class _Engine:
    """graphlay, asked for parts of a drawing.

    `around` has for each box the frames around it, from the outside in.
    """

    def __init__(self, drawing: Drawing, sizes: Sequence[tuple[int, int]]) -> None:
        self.graphlay = need("graphlay", "graphlay", "plot", "a drawing")
        self.arrows = drawing.arrows
        self.sizes = sizes
        frames = list(frames_of(drawing.members))
        self.parents = [parent for _, parent in frames]
        self.around: list[tuple[int, ...]] = [()] * len(drawing.boxes)
        for number, (frame, _) in enumerate(frames):
            for member in frame.members:
                if isinstance(member, int):
                    self.around[member] = self._inwards(number)

    def column(self, part: Sequence[int]) -> Column:
        """Some of the boxes with what is around them, and all arrows that have an end there."""
        inside = set(part)
        frames = sorted({frame for box in part for frame in self.around[box]})
        arrows = [arrow for arrow in self.arrows if arrow[0] in inside or arrow[1] in inside]
        within = [arrow for arrow in arrows if arrow[0] in inside and arrow[1] in inside]
        entering = [arrow for arrow in arrows if arrow[0] not in inside]
        leaving = list(dict.fromkeys(start for start, end in arrows if end not in inside))
        points = [*(("from", start) for start in dict.fromkeys(start for start, _ in entering))]
        points += [("to", start) for start in leaving]
        number: dict[Any, int] = {key: count for count, key in enumerate((*part, *points))}
        ends = [(number[start], number[end]) for start, end in within]
        ends += [(number[start], number["to", start]) for start in leaving]
        ends += [(number["from", start], number[end]) for start, end in entering]
        layout = self.graphlay.layout(self._graph(part, points, frames, ends), preset="process_map", options=_OPTIONS)
        places = tuple(map(_place, layout.nodes))
        lines = tuple(squared(tuple((point["x"], point["y"]) for point in edge["points"])) for edge in layout.edges)
        nodes = len(number)
        lines = led_around(ends, lines, places[:nodes])
        lines = straightened(ends, lines, places[: len(part)])
        heights = Heights(places[: len(part)], places[len(part) : nodes], places[nodes:], lines)
        here = map(heights.line, lines)
        return Column(
            {box: heights.place(place) for box, place in zip(part, places, strict=False)},
            {frame: heights.place(place) for frame, place in zip(frames, places[nodes:], strict=True)},
            {arrow: next(here) for arrow in within},
            {start: next(here) for start in leaving},
            {arrow: next(here) for arrow in entering},
        )

    def _graph(
        self,
        part: Sequence[int],
        points: Sequence[tuple[str, int]],
        frames: Sequence[int],
        ends: Sequence[tuple[int, int]],
    ) -> Any:
        graph = self.graphlay.Graph()
        index = {frame: len(part) + len(points) + count for count, frame in enumerate(frames)}
        for box in part:
            width, height = self.sizes[box]
            inside = {"parent": index[self.around[box][-1]]} if self.around[box] else {}
            graph.node(width=width, height=height, **inside)
        for where, _ in points:
            graph.node(width=_POINT, height=_POINT, rank="first" if where == "from" else "last")
        for frame in frames:
            graph.node(**({"parent": index[self.parents[frame]]} if self.parents[frame] >= 0 else {}))
        for start, end in ends:
            graph.edge(start, end)
        return graph

    def _inwards(self, frame: int) -> tuple[int, ...]:
        return (*self._inwards(self.parents[frame]), frame) if frame >= 0 else ()


def _place(node: Any) -> Place:
    width, height = node["size"]["width"], node["size"]["height"]
    return node["center"]["x"] - width / 2, node["center"]["y"] - height / 2, width, height
