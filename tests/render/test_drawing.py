"""Drawings of architectures, read back from their SVG: true numbers in every box, and sound geometry."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from PIL import ImageFont

from archcalc import extras
from archcalc.analysis.whole import Analysis
from archcalc.errors import UsageError, printable
from archcalc.formats.diagrams.drawing import Box, Drawing, Frame
from archcalc.network import load, loads
from archcalc.render.drawing import render
from archcalc.views.drawing import BoxFacts, Picture, picture

CASES = [
    ("alexnet", None),
    ("googlenet", 1),
    ("googlenet", None),
    ("resnet50", 1),
    ("resnet50", 2),
    ("resnet50", None),
    ("densenet121", 2),
    ("fractalnet_c3", None),
    ("vit_b_16", None),
    ("alexnet_2gpu", None),
]
SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]
NEAR = 0.02  # lengths are written to a hundredth


class Place(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, point: Point, margin: float = 0.0) -> bool:
        x, y = point
        return self.left - margin <= x <= self.right + margin and self.top - margin <= y <= self.bottom + margin

    def meets(self, other: "Place") -> bool:
        return (
            self.left < other.right - NEAR
            and other.left < self.right - NEAR
            and self.top < other.bottom - NEAR
            and other.top < self.bottom - NEAR
        )


class Seen(NamedTuple):
    boxes: list[ElementTree.Element]
    places: list[Place]
    frames: dict[int, tuple[str, int, list[Place]]]
    arrows: dict[tuple[int, int], list[Point]]
    root: ElementTree.Element


def analysis_of(name: str) -> Analysis:
    found = load(name)
    return Analysis(found.spec, found.graph)


def place(rect: ElementTree.Element) -> Place:
    x, y, width, height = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
    return Place(x, y, x + width, y + height)


def points(path: str) -> list[Point]:
    """The corners of a path of M, L and Q: where it starts, and the points that curves go around."""
    return [(float(x), float(y)) for x, y in re.findall(r"[MQ](-?[\d.]+) (-?[\d.]+)", path)]


def seen(svg: str) -> Seen:
    root = ElementTree.fromstring(svg)  # noqa: S314 - it is ours
    groups = [group for group in root.iter(f"{SVG}g") if "data-box" in group.attrib]
    groups.sort(key=lambda group: int(group.attrib["data-box"]))
    frames: dict[int, tuple[str, int, list[Place]]] = {}
    for rect in root.iter(f"{SVG}rect"):
        if "data-frame" in rect.attrib:
            told = rect.attrib["data-name"], int(rect.attrib["data-times"]), list[Place]()
            name, times, parts = frames.setdefault(int(rect.attrib["data-frame"]), told)
            parts.append(place(rect))
            assert (name, times) == told[:2]
            assert rect.attrib.get("data-part", "1/1").startswith(f"{len(parts)}/")
    arrows = {}
    for group in root.iter(f"{SVG}g"):
        if "data-from" in group.attrib:
            line, head = group.findall(f"{SVG}path")
            tip = points(head.attrib["d"].replace("Z", ""))[0]
            ends = int(group.attrib["data-from"]), int(group.attrib["data-to"])
            arrows[ends] = [*points(line.attrib["d"]), tip]
    rects = [rect for group in groups if (rect := group.find(f"{SVG}rect")) is not None]
    return Seen(groups, list(map(place, rects)), frames, arrows, root)


def pieces(line: list[Point]) -> Iterator[Place]:
    """The straight pieces of an arrow, as what they cover."""
    for (x0, y0), (x1, y1) in pairwise(line):
        assert abs(x0 - x1) < NEAR or abs(y0 - y1) < NEAR, "an arrow that is neither upright nor level"
        yield Place(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def on_outline(point: Point, box: Place) -> bool:
    x, y = point
    edges = abs(x - box.left), abs(x - box.right), abs(y - box.top), abs(y - box.bottom)
    return box.holds(point, NEAR) and min(edges) < 2 * NEAR


def within(piece: Place, box: Place) -> bool:
    """Whether a piece of an arrow has a part inside a box, beyond its outline."""
    return (
        piece.left < box.right - NEAR
        and piece.right > box.left + NEAR
        and piece.top < box.bottom - NEAR
        and piece.bottom > box.top + NEAR
    )


def assert_sound(drawing: Drawing, found: Seen) -> None:
    """Boxes apart, frames or a part of them around what they hold and nothing else, arrows from the right box to the
    right one and through no other, everything within the picture."""
    for number, box in enumerate(found.places):
        assert not any(box.meets(other) for other in found.places[:number])
    assert set(found.arrows) == set(drawing.arrows)
    for (start, end), line in found.arrows.items():
        assert on_outline(line[0], found.places[start])
        assert on_outline(line[-1], found.places[end])
        for piece in pieces(line):
            through = [number for number, box in enumerate(found.places) if within(piece, box)]
            assert not through, f"the arrow from {start} to {end} runs through {through}"
    inside = list(contents(drawing.members))
    assert len(inside) == len(found.frames)
    for number, (frame, boxes) in enumerate(inside):
        name, times, parts = found.frames[number]
        assert (name, times) == (printable(frame.name), frame.times)
        for box, there in enumerate(found.places):
            inner = [part for part in parts if part.holds(there[:2], NEAR) and part.holds(there[2:], NEAR)]
            assert len(inner) == 1 if box in boxes else not any(part.meets(there) for part in parts)
    _, _, width, height = map(float, found.root.attrib["viewBox"].split())
    (group,) = found.root.findall(f"{SVG}g")
    dx, dy = map(float, re.findall(r"-?[\d.]+", group.attrib["transform"]))
    whole = Place(-dx, -dy, width - dx, height - dy)
    assert all(whole.holds(corner) for box in found.places for corner in (box[:2], box[2:]))
    assert all(whole.holds(point) for line in found.arrows.values() for point in line)


def contents(members: "tuple[int | Frame, ...]") -> "Iterator[tuple[Frame, set[int]]]":
    for member in members:
        if isinstance(member, Frame):
            inner = list(contents(member.members))
            yield member, {m for m in member.members if isinstance(m, int)}.union(*(boxes for _, boxes in inner))
            yield from inner


@pytest.mark.parametrize(("name", "depth"), CASES)
def test_every_layer_is_drawn_once_with_its_true_numbers(name: str, depth: int | None) -> None:
    analysis = analysis_of(name)
    shown = picture(analysis, depth)
    found = seen(render(shown))
    names = [layer for facts in shown.facts for layer in facts.layers]
    assert sorted(names) == sorted(node.name for node in analysis.graph.nodes)
    index = analysis.graph.graph.index()
    for facts, box in zip(shown.facts, found.boxes, strict=True):
        layers = [index[layer] for layer in facts.layers]
        assert int(box.attrib["data-layers"]) == len(layers)
        assert int(box.attrib["data-params"]) == sum(analysis.params.layers[i].params for i in layers)
        assert int(box.attrib["data-macs"]) == sum(analysis.cost.layers[i].macs for i in layers)
        assert box.attrib["data-output"] == "×".join(map(str, analysis.graph.shapes[layers[-1]]))
        assert box.attrib["data-output"] in [text.text for text in box.findall(f"{SVG}text")]
    assert sum(int(box.attrib["data-params"]) for box in found.boxes) == analysis.params.params
    assert sum(int(box.attrib["data-macs"]) for box in found.boxes) == analysis.cost.macs


@pytest.mark.parametrize(("name", "depth"), CASES)
def test_geometry_of_networks(name: str, depth: int | None) -> None:
    shown = picture(analysis_of(name), depth)
    assert_sound(shown.drawing, seen(render(shown)))


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    """Boxes of any size, in frames in one another, joined by any arrows that go forward."""
    boxes: list[Box] = []
    kinds = st.sampled_from(["input", "weights", "window", "join", "scope", "other"])
    texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)

    def members(level: int) -> "tuple[int | Frame, ...]":
        found: list[int | Frame] = []
        for _ in range(draw(st.integers(1, 4))):
            if level < 3 and draw(st.booleans()):
                found.append(Frame(draw(texts), members(level + 1), draw(st.integers(1, 3))))
            else:
                boxes.append(Box(draw(texts), tuple(draw(st.lists(texts, min_size=1, max_size=4))), draw(kinds)))
                found.append(len(boxes) - 1)
        return tuple(found)

    top = members(0)
    ends = [(i, j) for j in range(len(boxes)) for i in range(j)]
    arrows = draw(st.lists(st.sampled_from(ends), unique=True, max_size=2 * len(boxes))) if ends else []
    return Drawing("random", tuple(boxes), top, tuple(arrows))


@given(drawings())
@settings(deadline=None, max_examples=40)
def test_geometry_of_any_drawing(drawing: Drawing) -> None:
    facts = tuple(BoxFacts((box.name,), "1", 0, 0) for box in drawing.boxes)
    shown = Picture("random", "", "", drawing, facts)
    svg = render(shown)
    assert svg == render(shown)
    assert_sound(drawing, seen(svg))


@pytest.mark.parametrize(("name", "depth"), CASES)
def test_texts_fit_into_their_boxes(name: str, depth: int | None) -> None:
    """Measured in the sans-serif font that Pillow brings along (Aileron)."""
    font = ImageFont.load_default(size=12)
    found = seen(render(picture(analysis_of(name), depth)))
    for box, around in zip(found.boxes, found.places, strict=True):
        for text in box.findall(f"{SVG}text"):
            assert font.getlength(text.text or "") <= around.right - around.left - 4
            assert around.top + 8 < float(text.attrib["y"]) < around.bottom - 2


def test_repeats_are_one_frame_that_says_how_many_times() -> None:
    """Of ResNet-50's stages of 3, 4, 6 and 3 blocks, the first of each is another: it widens (He et al., table 1)."""
    folded = seen(render(picture(analysis_of("resnet50"))))
    assert [times for _, times, _ in folded.frames.values() if times > 1] == [2, 3, 5, 2]
    texts = [text.text for text in folded.root.iter(f"{SVG}text")]
    assert "1–5  ×5" in texts
    whole = seen(render(picture(analysis_of("resnet50"), fold=False)))
    assert {times for _, times, _ in whole.frames.values()} == {1}
    assert len(whole.boxes) == len(analysis_of("resnet50").graph.nodes)


@pytest.mark.parametrize("name", ["resnet50", "densenet_40_12", "preact_resnet164", "mobilenet_v2"])
def test_arrows_lead_forward_though_copies_follow_one_another(name: str) -> None:
    """From one copy to the next would be back to the beginning of the frame that stands for both."""
    drawing = picture(analysis_of(name)).drawing
    assert all(drawing.boxes[start].layers[0] < drawing.boxes[end].layers[0] for start, end in drawing.arrows)


SKIP = """
archcalc: 1
name: unet
input: [1, 32, 32]
layers:
  - conv: {name: down, out_channels: 4, kernel_size: 3, padding: 1}
  - maxpool: {name: pool, kernel_size: 2, stride: 2}
  - conv: {name: bottom, out_channels: 4, kernel_size: 3, padding: 1}
  - upsample: {name: up, scale_factor: 2}
  - concat: {name: skip, inputs: [down, up]}
  - conv: {name: head, out_channels: 2, kernel_size: 1}
"""


def test_skips_run_beside_the_boxes() -> None:
    found = loads(SKIP)
    shown = picture(Analysis(found.spec, found.graph))
    svg = seen(render(shown))
    assert_sound(shown.drawing, svg)
    numbers = {box.attrib["data-name"]: int(box.attrib["data-box"]) for box in svg.boxes}
    assert len(svg.arrows[numbers["down"], numbers["skip"]]) > 3, "it has to go around what is between"


def test_accessible_and_for_both_schemes() -> None:
    root = seen(render(picture(analysis_of("lenet5")))).root
    assert root.attrib["role"] == "img"
    title, description, style = (root.find(f"{SVG}{tag}") for tag in ("title", "desc", "style"))
    assert title is not None
    assert title.text == analysis_of("lenet5").spec.title
    assert description is not None
    assert "from top to bottom" in (description.text or "")
    assert style is not None
    light, dark = (style.text or "").split("@media (prefers-color-scheme: dark)")
    kinds = ("input", "weights", "window", "join", "scope", "other")
    assert all(f".ad-{kind} rect {{ fill" in part for kind in kinds for part in (light, dark))


def test_tooltips_tell_what_boxes_cannot() -> None:
    analysis = analysis_of("resnet50")
    boxes = seen(render(picture(analysis, 1))).boxes
    (stage,) = [box for box in boxes if box.attrib["data-name"] == "stage2"]
    title = stage.find(f"{SVG}title")
    assert title is not None
    layers = [i for i, node in enumerate(analysis.graph.nodes) if node.name.startswith("stage2.")]
    macs = sum(analysis.cost.layers[i].macs for i in layers)
    assert title.text == f"stage2 · {len(layers)} layers · 1024×14×14 · 7,098,368 params · {macs:,} MACs"


def test_a_missing_engine_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    with pytest.raises(UsageError) as error:
        render(picture(analysis_of("lenet5")))
    (problem,) = error.value.problems
    assert problem.message == "a drawing needs the package graphlay, which is not installed"
    assert problem.hint == "pip install 'archcalc[plot]'"
