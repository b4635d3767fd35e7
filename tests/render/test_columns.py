"""Drawings in columns: pages of a good shape, read down a column and then down the next, with arrows to follow."""

from itertools import pairwise
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from archcalc.analysis.whole import Analysis
from archcalc.formats.diagrams.drawing import Box, Drawing, Frame
from archcalc.network import load
from archcalc.render.drawing import box_size
from archcalc.render.layout import Laid, frames_of, lay_out
from archcalc.render.routing import Line, Place
from archcalc.spec.zoo import names
from archcalc.views.drawing import picture


class Case(NamedTuple):
    drawing: Drawing
    sizes: list[tuple[int, int]]


def case_of(name: str, fold: bool = True) -> Case:
    found = load(name)
    drawing = picture(Analysis(found.spec, found.graph), fold=fold).drawing
    return Case(drawing, list(map(box_size, drawing.boxes)))


@st.composite
def deep_drawings(draw: st.DrawFn, orderly: bool = True) -> Case:
    """A long sequence of boxes, in frames in one another, with arrows from each to the next and over some."""
    count = draw(st.integers(12, 60))
    numbers = list(range(count))
    if not orderly:
        numbers = draw(st.permutations(numbers))

    def members(part: list[int], level: int) -> "tuple[int | Frame, ...]":
        if level > 3 or len(part) < 2:
            return tuple(part)
        found: list[int | Frame] = []
        while part:
            size = draw(st.integers(1, len(part)))
            inner, part = part[:size], part[size:]
            found += [Frame("frame", members(inner, level + 1))] if draw(st.booleans()) else inner
        return tuple(found)

    skips = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda ends: ends[0] < ends[1])
    arrows = dict.fromkeys([*pairwise(range(count)), *draw(st.lists(skips, max_size=count // 2))])
    sizes = draw(st.lists(st.tuples(st.integers(30, 220), st.integers(25, 90)), min_size=count, max_size=count))
    boxes = tuple(Box(str(number), ("",), "other") for number in range(count))
    return Case(Drawing("deep", boxes, members(numbers, 0), tuple(arrows)), sizes)


def right(place: Place) -> float:
    return place[0] + place[2]


def bottom(place: Place) -> float:
    return place[1] + place[3]


def assert_columns(case: Case, laid: Laid) -> None:
    """All boxes, each in a column that is beside the others; no arrow leads back to one before."""
    drawing = case.drawing
    assert sorted(box for column in laid.columns for box in column) == list(range(len(drawing.boxes)))
    assert [place[2:] for place in laid.boxes] == [pytest.approx(size) for size in case.sizes]
    sides = [
        (min(laid.boxes[box][0] for box in column), max(right(laid.boxes[box]) for box in column))
        for column in laid.columns
    ]
    assert all(end < start for (_, end), (start, _) in pairwise(sides))
    column_of = {box: number for number, column in enumerate(laid.columns) for box in column}
    assert all(column_of[start] <= column_of[end] for start, end in drawing.arrows)
    frames = [frame for frame, _ in frames_of(drawing.members)]
    for number, frame in enumerate(frames):
        pieces = [piece for piece in laid.frames if piece.frame == number]
        assert [(piece.part, piece.parts) for piece in pieces] == [(n + 1, len(pieces)) for n in range(len(pieces))]
        columns = sorted({column_of[box] for box in boxes_in(frame)})
        assert len(pieces) == len(columns)
        for column, piece in zip(columns, pieces, strict=True):
            assert_around(piece.place, [laid.boxes[box] for box in boxes_in(frame) if column_of[box] == column])


def assert_around(frame: Place, boxes: list[Place]) -> None:
    """Boxes are in their frame, with room for its name above them."""
    for box in boxes:
        assert frame[0] < box[0]
        assert right(box) < right(frame)
        assert frame[1] + 20 < box[1]
        assert bottom(box) < bottom(frame)


def boxes_in(frame: Frame) -> list[int]:
    return [box for member in frame.members for box in (boxes_in(member) if isinstance(member, Frame) else [member])]


def assert_read_downwards(case: Case, laid: Laid) -> None:
    """In a column, an arrow leads to what is further down; the last piece of each has room for its head."""
    for column in laid.columns:
        for start, end in case.drawing.arrows:
            if start in column and end in column:
                assert bottom(laid.boxes[start]) < laid.boxes[end][1]
    for line in laid.arrows:
        (x0, y0), (x1, y1) = line[-2:]
        assert abs(x0 - x1) + abs(y0 - y1) > 7


def assert_followed(case: Case, laid: Laid) -> None:
    """Between columns, arrows from different boxes cross, but do not run on one another; all of them avoid boxes."""
    column_of = {box: number for number, column in enumerate(laid.columns) for box in column}
    between = [
        (ends[0], line)
        for ends, line in zip(case.drawing.arrows, laid.arrows, strict=True)
        if column_of[ends[0]] != column_of[ends[1]]
    ]
    for count, (start, line) in enumerate(between):
        assert not any(runs_through(line, box) for box in laid.boxes)
        for other, beside in between[:count]:
            assert other == start or not any(run_together(a, b) for a in pairwise(line) for b in pairwise(beside))


def runs_through(line: Line, box: Place) -> bool:
    return any(
        min(x0, x1) < right(box) - 0.02
        and max(x0, x1) > box[0] + 0.02
        and min(y0, y1) < bottom(box) - 0.02
        and max(y0, y1) > box[1] + 0.02
        for (x0, y0), (x1, y1) in pairwise(line)
    )


def run_together(one: Line, other: Line) -> bool:
    """Whether two pieces have more than a pixel in common."""
    for axis in (0, 1):
        (a, b), (c, d) = one, other
        if a[axis] == b[axis] and c[axis] == d[axis] and abs(a[axis] - c[axis]) < 0.5:
            along = 1 - axis
            low, high = (
                max(min(a[along], b[along]), min(c[along], d[along])),
                min(max(a[along], b[along]), max(c[along], d[along])),
            )
            return high - low > 1
    return False


@pytest.mark.parametrize("name", names()[::2])
def test_every_network_is_a_page(name: str) -> None:
    """Of every second: no more than twice as high as wide, nor twice as wide as high unless a single layer is."""
    case = case_of(name)
    if len(case.drawing.boxes) > 2000:
        pytest.skip("nobody would look at thousands of boxes")
    laid = lay_out(*case)
    assert laid.height < 2 * laid.width or len(case.drawing.boxes) < 15
    assert laid.width < 2 * laid.height or len(laid.columns) == 1
    assert_columns(case, laid)
    assert_read_downwards(case, laid)
    assert_followed(case, laid)


@pytest.mark.parametrize("name", ["resnet101", "fractalnet_c4", "dpn92"])
def test_repeats_drawn_each_make_a_page(name: str) -> None:
    case = case_of(name, fold=False)
    laid = lay_out(*case)
    assert 0.5 < laid.height / laid.width < 2
    assert_columns(case, laid)
    assert_followed(case, laid)


@given(deep_drawings())
@settings(deadline=None, max_examples=60)
def test_any_sequence_is_read_down_columns(case: Case) -> None:
    laid = lay_out(*case)
    assert_columns(case, laid)
    assert_read_downwards(case, laid)
    assert_followed(case, laid)


@given(deep_drawings(orderly=False))
@settings(deadline=None, max_examples=30)
def test_columns_follow_arrows_though_frames_feed_one_another(case: Case) -> None:
    laid = lay_out(*case)
    assert_columns(case, laid)


def chain(count: int, size: int = 0) -> Case:
    """Equal boxes one behind the other, in frames of a size."""
    boxes = tuple(Box(str(number), ("",), "other") for number in range(count))
    framed = tuple(
        Frame("frame", tuple(range(start, min(count, start + size)))) for start in range(0, count, size or count)
    )
    members = framed if size else tuple(range(count))
    return Case(Drawing("chain", boxes, members, tuple(pairwise(range(count)))), [(120, 60)] * count)


@pytest.mark.parametrize("count", [1, 5, 20, 48, 97, 200])
def test_equal_boxes_make_equal_columns(count: int) -> None:
    heights = [len(column) for column in lay_out(*chain(count)).columns]
    assert max(heights) - min(heights) <= 1


@pytest.mark.parametrize("count", [60, 64, 70])
@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_frames_that_fit_well_into_a_column_stay_whole(count: int, size: int) -> None:
    laid = lay_out(*chain(count, size))
    assert len(laid.columns) > 2
    assert all(piece.parts == 1 for piece in laid.frames)


def test_a_frame_around_all_is_torn_into_pieces_as_high() -> None:
    laid = lay_out(*chain(60, 60))
    assert len(laid.columns) > 2
    assert {piece.parts for piece in laid.frames} == {len(laid.columns)}


def test_what_is_side_by_side_stays_in_a_column() -> None:
    """Diamonds one behind the other: the two boxes in the middle of each."""
    arrows = [(start + a, start + b) for start in range(0, 60, 3) for a, b in ((0, 1), (0, 2), (1, 3), (2, 3))]
    boxes = tuple(Box(str(number), ("",), "other") for number in range(61))
    laid = lay_out(Drawing("diamonds", boxes, tuple(range(61)), tuple(arrows)), [(120, 60)] * 61)
    assert len(laid.columns) > 2
    assert all(any({start + 1, start + 2} <= set(column) for column in laid.columns) for start in range(0, 60, 3))


def test_small_drawings_are_one_column() -> None:
    assert len(lay_out(*chain(8)).columns) == 1
