"""Arguments of kernels that no operator of the zoo has, held against loops over single values."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.forward.kernels import movement, norm, pool, product, reduce, unitwise
from archcalc.forward.kernels.resample import between, cubic, resample, triangle

Array = Any


def drawn(*shape: int) -> Array:
    """Numbers that repeat, so that maxima are met more than once."""
    return np.random.default_rng(math.prod(shape)).integers(-4, 5, shape).astype(np.float64)


class Pooling:
    """Two axes of windows, and for each position the units of the map that it reads."""

    def __init__(self, data: st.DataObject) -> None:
        def two(low: int, high: int) -> tuple[int, int]:
            return data.draw(st.tuples(st.integers(low, high), st.integers(low, high)))

        self.sizes, self.kernel, self.stride, self.dilation = two(3, 7), two(1, 3), two(1, 3), two(1, 3)
        self.sides = [data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(2)]
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        self.positions = [
            max(1, (n + p + q - span) // s + 1)
            for n, (p, q), span, s in zip(self.sizes, self.sides, spans, self.stride, strict=True)
        ]
        self.before = [p for p, _ in self.sides]

    def read(self) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
        for position in np.ndindex(*self.positions):
            axes = [
                [i * s + t * d - p for t in range(k)]
                for i, s, k, d, p in zip(position, self.stride, self.kernel, self.dilation, self.before, strict=True)
            ]
            yield position, list(itertools.product(*axes))

    def lies(self, unit: Sequence[int], margin: bool) -> bool:
        """Whether a unit lies on the map, or with a margin on its padding."""
        edges = self.sides if margin else [(0, 0)] * 2
        return all(-p <= u < n + q for u, n, (p, q) in zip(unit, self.sizes, edges, strict=True))


@given(st.data())
def test_places_of_maxima(data: st.DataObject) -> None:
    """The first of the largest, in the order in which a window is read; none is −1."""
    case = Pooling(data)
    x = drawn(1, 2, *case.sizes)
    geometry = case.positions, case.kernel, case.stride, case.before, case.dilation
    found, largest = pool.maxpool_places(x, *geometry), pool.maxpool(x, *geometry)
    for channel, (position, units) in itertools.product(range(2), case.read()):
        seen = [unit for unit in units if case.lies(unit, margin=False)]
        best = max((x[(0, channel, *unit)] for unit in seen), default=-math.inf)
        first = next((u * case.sizes[1] + v for u, v in seen if x[0, channel, u, v] == best), -1)
        assert found[(0, channel, *position)] == first
        assert largest[(0, channel, *position)] == best


@given(st.data(), st.booleans())
def test_means_of_dilated_windows(data: st.DataObject, counted: bool) -> None:
    case = Pooling(data)
    x = drawn(1, 1, *case.sizes)
    arguments = case.positions, case.kernel, case.stride, case.sides, counted, case.dilation
    with np.errstate(invalid="ignore"):
        means = pool.avgpool(x, *arguments)
    for position, units in case.read():
        values = [x[(0, 0, *unit)] for unit in units if case.lies(unit, margin=False)]
        count = sum(case.lies(unit, margin=counted) for unit in units)
        expected = sum(values) / count if count else math.nan
        assert means[(0, 0, *position)] == pytest.approx(expected, nan_ok=True)


@given(st.data(), st.sampled_from([1, 2, 3]))
def test_norms_of_windows(data: st.DataObject, p: int) -> None:
    """Powers keep their sign, and a sum below zero has no root."""
    case = Pooling(data)
    x = drawn(1, 1, *case.sizes)
    norms = pool.lp_pool(x, case.positions, case.kernel, case.stride, case.before, case.dilation, p)
    for position, units in case.read():
        summed = sum(x[(0, 0, *unit)] ** p for unit in units if case.lies(unit, margin=False))
        expected = summed if p == 1 else summed ** (1 / p) if summed >= 0 else math.nan
        assert norms[(0, 0, *position)] == pytest.approx(expected, nan_ok=True)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[float], float]]] = {
    "elu": (lambda x: unitwise.elu(x, 0.7), lambda x: x if x > 0 else 0.7 * (math.exp(x) - 1)),
    "selu": (unitwise.selu, lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (math.exp(x) - 1))),
    "celu": (lambda x: unitwise.celu(x, 2.0), lambda x: x if x > 0 else 2 * (math.exp(x / 2) - 1)),
    "softplus": (unitwise.softplus, lambda x: math.log(1 + math.exp(x)) if x < 50 else x),
    "softplus, steep": (
        lambda x: unitwise.softplus(x, 3.0, 2.0),
        lambda x: x if 3 * x > 2 else math.log(1 + math.exp(3 * x)) / 3,
    ),
    "softsign": (unitwise.softsign, lambda x: x / (1 + abs(x))),
    "mish": (unitwise.mish, lambda x: x * math.tanh(math.log(1 + math.exp(min(x, 50))))),
    "threshold": (lambda x: unitwise.threshold(x, 0.5, -3.0), lambda x: x if x > 0.5 else -3.0),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_activations(name: str, dtype: str) -> None:
    """By Python's own functions; far out too, where exp overflows, and in the type of the input."""
    ours, plain = ACTIVATIONS[name]
    x = np.array([-300, -20, -2.5, -1, -0.25, 0, 0.25, 0.5, 0.75, 1, 2.5, 20, 300], dtype)
    found = ours(x)
    assert found.dtype == x.dtype
    assert found.tolist() == pytest.approx(
        [plain(value) for value in x.tolist()], rel=100 * float(np.finfo(dtype).eps), abs=1e-6
    )


def test_logarithms_of_shares() -> None:
    """The logarithm of softmax, and finite where that of a share is not."""
    x = drawn(3, 5)
    np.testing.assert_allclose(unitwise.log_softmax(x, 1), np.log(unitwise.softmax(x, 1)))
    assert unitwise.log_softmax(np.array([0.0, 1e4]), 0).tolist() == [-1e4, 0]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
def test_maxima_of_whole_numbers(dtype: str) -> None:
    """Padding is below them all."""
    x = np.array([[[-5 if dtype != "uint8" else 3, 2]]]).astype(dtype)
    assert pool.maxpool(x, [3], [2], [1], [1], [1]).tolist() == [[[int(x[0, 0, 0]), int(x.max()), 2]]]


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_extremes_of_nothing(dtype: str) -> None:
    empty = np.zeros((2, 0), dtype)
    low, high = (-np.inf, np.inf) if dtype == "float32" else (-128, 127)
    assert reduce.largest(empty, [1], False).tolist() == [low] * 2
    assert reduce.smallest(empty, [1], False).tolist() == [high] * 2


@given(st.data())
def test_transposed_convolution_cut_off_unevenly(data: st.DataObject) -> None:
    """Each side loses what is stated for it of the whole, which nothing was cut off from."""
    x, weight = drawn(2, 4, 4, 5), drawn(4, 3, 2, 3)
    sides = [data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(2)]
    extra = data.draw(st.tuples(st.integers(0, 1), st.integers(0, 1)))
    whole = product.conv_transpose(x, weight, None, (2, 1), [(0, 0)] * 2, extra, (1, 2), 2)
    cut = product.conv_transpose(x, weight, None, (2, 1), sides, extra, (1, 2), 2)
    (top, bottom), (left, right) = sides
    height, width = whole.shape[2:]
    np.testing.assert_array_equal(cut, whole[:, :, top : height - bottom, left : width - right])


@pytest.mark.parametrize(("size", "before"), [(3, 1), (4, 1), (4, 2), (5, 0), (1, 0)])
def test_windows_of_lrn(size: int, before: int) -> None:
    x = drawn(1, 6, 1) + 0.5
    found = norm.lrn(x, size, 0.3, 0.75, 2.0, before)
    for channel in range(6):
        near = range(max(0, channel - before), min(6, channel - before + size))
        total = sum(float(x[0, other, 0]) ** 2 for other in near)
        assert found[0, channel, 0] == pytest.approx(x[0, channel, 0] / (2 + 0.3 / size * total) ** 0.75)


def test_padding_with_a_value() -> None:
    assert movement.pad(np.array([1.0, 2.0]), [(2, -1)], "constant", 7.0).tolist() == [7, 7, 1]


def test_slopes_for_every_unit() -> None:
    x, slope = -(drawn(2, 3, 4) ** 2) - 1, drawn(1, 3, 4)
    np.testing.assert_array_equal(unitwise.prelu(x, slope), x * slope)
    np.testing.assert_array_equal(unitwise.prelu(x, slope[0, :, 0]), x * slope[:, :, :1])


@pytest.mark.parametrize("value", [-9.0, -1.3, 0.2, 1.4, 9.0])
def test_hardsigmoid_of_any_slope(value: float) -> None:
    expected = min(max(0.4 * value + 0.3, 0.0), 1.0)
    assert unitwise.hardsigmoid(np.array([value]), 0.4, 0.3)[0] == pytest.approx(expected)


points = st.lists(st.floats(-3, 8), min_size=1, max_size=4).map(np.array)


@given(points, st.booleans(), st.sampled_from([1.0, 0.6, 0.25]), st.sampled_from([(triangle, 1), (cubic, 2)]))
def test_resampling(where: Array, outside: bool, zoom: float, kernel: tuple[Any, int]) -> None:
    """Every unit near a point counts by its distance; beyond the edge it is the edge, or nothing."""
    curve, reach = kernel
    x = drawn(6, 1)
    inside = where if outside else np.clip(where, 0, 5)
    found = resample(x, 0, *between(inside, 6, curve, reach, zoom, outside))
    for point, value in zip(inside, found[:, 0], strict=True):
        units = [unit for unit in range(-20, 30) if outside or 0 <= unit < 6]
        shares = [float(curve(np.array((unit - point) * zoom))) for unit in units]
        terms = [share * float(x[min(max(unit, 0), 5), 0]) for unit, share in zip(units, shares, strict=True)]
        assert value == pytest.approx(sum(terms) / sum(shares), abs=1e-9)


def test_cubic_curve() -> None:
    """1 at the unit itself, 0 at every other, and the shares of any point sum to 1; its slope at 1 is stated."""
    assert cubic(np.array([0.0, 1.0, -1.0, 2.0, -2.0, 2.5])).tolist() == [1, 0, 0, 0, 0, 0]
    point = np.linspace(0, 1, 11)
    sums = sum(cubic(point - unit, -0.5) for unit in (-1, 0, 1, 2))
    assert sums == pytest.approx(np.ones(11))
    slopes = [
        (cubic(np.array(1 + step), a) - cubic(np.array(1.0), a)) / step for a in (-0.5, -0.75) for step in (1e-6,)
    ]
    assert slopes == pytest.approx([-0.5, -0.75], abs=1e-4)


def test_a_unit_without_a_share_is_not_read() -> None:
    """0 times NaN is NaN: a point that lies on a unit reads that one only."""
    x = np.array([1.0, np.nan, 3.0])
    assert resample(x, 0, *between(np.array([0.0, 2.0, 2.7]), 3, triangle, 1)).tolist() == [1, 3, 3]
