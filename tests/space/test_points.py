"""Which variants there are: blocks of grids, points drawn from a seed, and how both are parted."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.errors import Source, Span, UsageError
from archcalc.network import load
from archcalc.space.axes import Between, Steps
from archcalc.space.points import DRAWN_AT_ONCE, Draw, Points, chunks_of, drawn_points, grid_points
from archcalc.space.spelling import as_option
from archcalc.space.targets import targets_of

SPAN = Span(Source("x", "x"), 1, 1)


def axis(text: Any) -> Any:
    return targets_of(load("resnet50").spec, {"width_per_group": text}, as_option)[0].axis


def flat(points: Points) -> list[tuple[int, ...]]:
    """What is picked for each variant, in the order of their numbers."""
    picks = [np.broadcast_to(pick, points.rows.shape).ravel() for pick in points.picks]
    order = np.argsort(points.rows.ravel())
    return list(zip(*(pick[order].tolist() for pick in picks), strict=True))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 60))
def test_chunks_cover_a_grid_once_and_in_order(sizes: list[int], at_most: int) -> None:
    axes = [Steps(0, 1, size) for size in sizes]
    chunks = chunks_of(axes, None, at_most)
    found, numbers = [], []
    for number in range(len(chunks)):
        start, count = chunks.bounds(number)
        points = grid_points(axes, start, count)
        assert points.count == count <= at_most
        numbers += points.rows.ravel().tolist()
        found += flat(points)
    assert numbers == list(range(math.prod(sizes)))
    assert found == list(itertools.product(*map(range, sizes)))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_parts_are_the_variants_by_label(sizes: list[int], data: st.DataObject) -> None:
    """Whatever labels depend on, each part has those of one label, and together they are all."""
    axes = [Steps(0, 1, size) for size in sizes]
    points = grid_points(axes, 0, math.prod(sizes))
    along = [data.draw(st.booleans()) for _ in sizes]
    shape = [size if varies else 1 for size, varies in zip(sizes, along, strict=True)]
    count = math.prod(shape)
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))).reshape(shape)
    if len(np.unique(labels)) < 2:
        return
    whole = np.broadcast_to(labels, points.rows.shape)
    parts = points.parted(labels)
    assert len(parts) == len(np.unique(labels))
    everything = list(itertools.product(*map(range, sizes)))
    seen = []
    for part in parts:
        rows = np.sort(part.rows.ravel()).tolist()
        assert len({whole.ravel()[row] for row in rows}) == 1
        assert flat(part) == [everything[row] for row in rows]
        seen += rows
    assert sorted(seen) == list(range(points.count))
    for piece in points.pieces(3):
        assert piece.count <= 3
    assert sorted(row for piece in points.pieces(3) for row in piece.rows.ravel()) == list(range(points.count))


@pytest.mark.parametrize("method", ["uniform", "sobol"])
def test_draws_depend_on_seed_and_number_alone(method: str) -> None:
    """However a sample is cut, a variant is the same; another seed gives others."""
    axes = [axis("32:256:8"), axis("log:32:256"), axis("0.25:1.5")]
    draw = Draw(20_000, 7, method)
    whole = flat(drawn_points(axes, draw, 0, 20_000))
    assert len(set(whole)) == len(whole)  # one of the three is any number between two
    for start, count in ((0, 1), (5, 100), (DRAWN_AT_ONCE - 3, 10), (DRAWN_AT_ONCE * 2 - 1, 3000), (19_999, 1)):
        assert flat(drawn_points(axes, draw, start, count)) == whole[start : start + count]
    assert flat(drawn_points(axes, Draw(100, 8, method), 0, 100)) != whole[:100]


def test_even_draws() -> None:
    """Uniformly, each value comes as often as the next; in the logarithm, each factor does."""
    count = 2 * DRAWN_AT_ONCE
    values = np.bincount(axis("1:8").drawn(np.random.default_rng(0).random(count)))
    assert values.min() > count / 8 * 0.9
    chances = np.random.default_rng(1).random(count)
    widths = axis("log:32:256").column(axis("log:32:256").drawn(chances))
    assert (widths.min(), widths.max()) == (32, 256)
    octaves = [((widths >= low) & (widths < 2 * low)).sum() / count for low in (32, 64, 128)]
    # [32, 257) has log2(257/32) octaves: each of the three whole ones has an equal share of them.
    assert octaves == pytest.approx([1 / math.log2(257 / 32)] * 3, abs=0.02)
    assert (axis("log:8:64:8").column(axis("log:8:64:8").drawn(chances)) % 8 == 0).all()
    ratios = Between(0.1, 10.0, True).drawn(chances)
    assert ((ratios < 1).mean(), ratios.min() >= 0.1, ratios.max() <= 10) == (pytest.approx(0.5, abs=0.02), True, True)


def test_sobol_points_are_spread_more_evenly_than_chance() -> None:
    """In 16 × 16 boxes, 1024 points of a sequence lie four in each (a net in base 2); chance leaves some empty."""
    axes = [Between(0.0, 1.0), Between(0.0, 1.0)]

    def boxes(method: str) -> Any:
        points = drawn_points(axes, Draw(1024, 3, method), 0, 1024)
        return np.bincount((points.picks[0] * 16).astype(int) * 16 + (points.picks[1] * 16).astype(int), minlength=256)

    assert set(boxes("sobol").tolist()) == {4}
    assert boxes("uniform").min() < 2


RANGES = {
    "32:256:8": [32 + 8 * k for k in range(29)],
    "32:255:8": [32 + 8 * k for k in range(28)],
    "1:4": [1, 2, 3, 4],
    "5:5": [5],
    "-1:1": [-1, 0, 1],
    "0.1:0.5:0.1": [0.1, 0.2, 0.3, 0.4, 0.5],
    "1:2:0.5": [1.0, 1.5, 2.0],
    "1,2,4": [1, 2, 4],
    "0.5, 1.5": [0.5, 1.5],
    "7": [7],
    "10000000000:10000000004:2": [10**10, 10**10 + 2, 10**10 + 4],
}


@pytest.mark.parametrize("text", RANGES)
def test_ranges_hold_what_they_say(text: str) -> None:
    """The end is included where steps meet it, and decimals are the ones that are written."""
    found = axis(text)
    assert [found.number(k) for k in range(found.size)] == RANGES[text]
    assert found.column(np.arange(found.size)).tolist() == RANGES[text]
    given_ = axis(RANGES[text])
    assert [given_.number(k) for k in range(given_.size)] == RANGES[text]


def test_python_ranges() -> None:
    found = axis(range(256, 31, -8))
    assert [found.number(k) for k in range(found.size)] == list(range(256, 31, -8))


WRONG = {
    "": "has no value",
    "9:2": "this range is empty: 9 lies behind 2",
    "1:2:0": "a step of 0 leads nowhere",
    "1:2:-1": "a step of -1 leads nowhere",
    "1:": "a range has a beginning and an end",
    ":5": "a range has a beginning and an end",
    "nan:5": "'nan' is not a number",
    "1:inf": "'inf' is not a number",
    "1:2:3:4": "a range stands by itself",
    "log:0:5": "a range drawn by its logarithm begins above 0",
    "log:a:b": "'a' is not a number",
    "8:16:2,32": "is not a number",
    "1,8:16:2": "is not a number",
    "[1,2": "is not a list of values",
    "1:99999999999999999999": "is not a number",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_ranges_say_so(text: str) -> None:
    with pytest.raises(UsageError) as error:
        axis(text)
    assert WRONG[text] in str(error.value)


@pytest.mark.parametrize("value", [[], (), range(0), float("nan"), [1, float("inf")], [object()], {"a": 1}])
def test_wrong_values_say_so(value: Any) -> None:
    with pytest.raises(UsageError):
        axis(value)
