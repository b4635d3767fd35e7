"""The architecture as a picture: what is drawn, and what each box of it costs."""

from collections.abc import Iterator

from msgspec import Struct

from archcalc.analysis.whole import Analysis
from archcalc.formats.diagrams.drawing import Drawing, Frame, draw
from archcalc.ops.base import show_shape
from archcalc.views.layers import conventions


class BoxFacts(Struct, frozen=True):
    """The layers that a box of a drawing stands for: their names, the shape that leaves the last, and their sums."""

    layers: tuple[str, ...]
    output: str
    params: int
    macs: int


class Picture(Struct, frozen=True):
    """A drawing with its title, what it depends on, in words what is to be seen, and the facts of each box."""

    title: str
    caption: str
    description: str
    drawing: Drawing
    facts: tuple[BoxFacts, ...]


def picture(analysis: Analysis, depth: int | None = None, fold: bool = True) -> Picture:
    """The network to a depth of names; with `fold`, scopes that are alike and one behind the other are drawn once."""
    drawing = draw(analysis.graph, depth, fold)
    facts = tuple(_facts(analysis, box.layers) for box in drawing.boxes)
    params, macs = analysis.params.params, analysis.cost.macs
    title = analysis.spec.title or analysis.spec.name
    layers = len(analysis.graph.nodes)
    copies = sum(1 for frame in _frames(drawing.members) if frame.times > 1)
    repeats = f" Frames marked × stand for as many copies of what they show: {copies} of them." if copies else ""
    return Picture(
        title,
        f"{conventions(analysis)} · {params:,} params · {macs:,} MACs",
        f"{title}: {layers} layers in {len(drawing.boxes)} boxes joined by {len(drawing.arrows)} arrows, "
        f"from top to bottom in the order of execution.{repeats}",
        drawing,
        facts,
    )


def _facts(analysis: Analysis, positions: tuple[int, ...]) -> BoxFacts:
    return BoxFacts(
        tuple(analysis.graph.nodes[position].name for position in positions),
        show_shape(analysis.graph.shapes[positions[-1]]),
        sum(analysis.params.layers[position].params for position in positions),
        sum(analysis.cost.layers[position].macs for position in positions),
    )


def _frames(members: "tuple[int | Frame, ...]") -> Iterator[Frame]:
    for member in members:
        if isinstance(member, Frame):
            yield member
            yield from _frames(member.members)
