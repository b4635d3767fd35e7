"""Products in blocks, and how they are chosen."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.forward.plan import compile_plan, product
from archcalc.forward.plan.choose import choose
from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.product import SMALL, fewest_rows, multiply, pack
from archcalc.forward.plan.steps import rows_by_weights
from archcalc.forward.plan.tiles import Curve, bend
from archcalc.forward.weights import random_weights
from archcalc.network import load

THREE = Geometry((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))


@given(
    st.integers(1, 3),
    st.integers(1, 400),
    st.integers(1, 700),
    st.sampled_from([1, 16, 24, 50, 64, 96, 160, 250]),
    st.sampled_from([None, 1, 12, 100]),
)
def test_products_in_blocks_are_products(
    matrices: int, pixels: int, deep: int, filters: int, fewest: int | None
) -> None:
    """Whatever the blocks, all filters or some of them, into a part of a wider matrix."""
    rng = np.random.default_rng(0)
    read, weights = rng.standard_normal((matrices, pixels, deep)), rng.standard_normal((matrices, deep, filters))
    packed = pack(weights, fewest)
    assert packed.filters == filters
    wide = np.full((matrices, pixels, filters + 3), np.nan)
    width = packed.width if packed.rows else 1
    half = filters // width // 2 * width
    for part in (range(half), range(half, filters)):
        for call in multiply(read, packed, part, wide[:, :, part.start : part.stop]) if part else []:
            call()
    np.testing.assert_allclose(wide[:, :, :filters], read @ weights, rtol=1e-10, atol=1e-9)
    assert np.isnan(wide[:, :, filters:]).all()


def test_blocks_are_small_enough_for_kernels_without_rearranging() -> None:
    """And no block is so narrow that reading weights takes longer than multiplying by them."""
    for deep in (3, 27, 64, 576, 1152, 2304, 4608):
        for fewest in (1, 12, 60):
            packed = pack(np.zeros((1, deep, 256), np.float32), fewest)
            if packed.rows is not None:
                assert fewest <= packed.rows
                assert packed.rows * packed.width * deep <= SMALL
                assert packed.width in (32, 64)
            else:
                assert SMALL // (deep * 32) < fewest
        assert pack(np.zeros((1, deep, 256), np.float32), None).rows is None


@pytest.mark.parametrize(
    ("deepest", "expected"), [(4096, 11), (1024, 11), (600, 22), (300, 45), (150, 91), (100, None)]
)
def test_blocks_are_as_deep_as_was_seen_to_pay(
    deepest: int, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block of that depth and 64 filters may have SMALL/(64·depth) pixels; three quarters of it are asked for."""
    monkeypatch.setattr(product, "_blocks_pay", lambda deep, dtype: deep <= deepest)
    assert fewest_rows.__wrapped__(np.dtype(np.float32)) == expected


def test_whether_blocks_pay_is_measured() -> None:
    """Whatever the answer is here, it is one of those there are."""
    assert fewest_rows(np.dtype(np.float32)) in (11, 22, 45, 91, None)


@given(st.integers(1, 20), st.integers(1, 300), st.integers(1, 70))
def test_rows_by_stored_weights(samples: int, deep: int, features: int) -> None:
    """A linear layer on a batch, in small products where that is faster."""
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((samples, deep)), rng.standard_normal((features, deep))
    out = np.full((samples, features), np.nan)
    for call in rows_by_weights(x, weights, out):
        call()
    np.testing.assert_allclose(out, x @ weights.T, rtol=1e-10, atol=1e-9)


def test_gelu_is_exact_to_float32() -> None:
    """x·Φ(x) within 1e-6, near 0 and far from it."""
    x = np.linspace(-12, 12, 4001, dtype=np.float32).reshape(1, -1)
    expected = [value / 2 * math.erfc(-value / math.sqrt(2)) for value in x[0].tolist()]
    tile = x.copy()
    for call in bend(tile, Curve("gelu"), np.empty((2, x.size), np.float32)):
        call()
    assert np.abs(tile[0] - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("kernel", "geometry", "forced", "expected"),
    [
        ((64, 32, 1, 1), Geometry((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0))), None, "direct"),
        ((64, 32, 1, 1), Geometry((1, 1), (2, 2), (1, 1), ((0, 0), (0, 0))), None, "im2col"),
        ((64, 1, 3, 3), Geometry((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)), 64), None, "depthwise"),
        ((256, 256, 3, 3), THREE, None, "winograd_4x4"),
        ((256, 256, 3, 3), THREE, "im2col", "im2col"),
        ((256, 256, 3, 3), THREE, "direct", "direct"),
        ((4, 4, 3, 3), THREE, None, "im2col"),
        ((64, 32, 5, 5), Geometry((5, 5), (1, 1), (1, 1), ((2, 2), (2, 2))), "winograd", "im2col"),
    ],
)
def test_algorithms(kernel: tuple[int, ...], geometry: Geometry, forced: object, expected: str) -> None:
    """By kind and size; what is forced holds where it is defined."""
    assert choose(geometry, kernel, (1, kernel[0], 56, 56), 2, forced) == expected


def test_tuning_measures_what_is_defined() -> None:
    """It takes one of the algorithms that fit, the same for layers of the same sizes, and changes no number."""
    network = load("squeezenet1_1", input="3x65x65").graph
    weights = random_weights(network)
    x = np.random.default_rng(0).standard_normal((1, 3, 65, 65)).astype(np.float32)
    plain, tuned = (compile_plan(network, weights, 1, 1, tune=tune) for tune in (False, True))
    np.testing.assert_allclose(tuned(x), plain(x), rtol=1e-3, atol=1e-4)
    by_size: dict[object, set[str]] = {}
    for bound in tuned.bound:
        node = network.nodes[bound.step.nodes[0]]
        if node.op.keyword == "conv":
            sizes = (msgspec.structs.astuple(node.op), network.inputs(node))
            by_size.setdefault(sizes, set()).add(bound.step.algorithm)
    assert all(len(chosen) == 1 for chosen in by_size.values())
    assert set().union(*by_size.values()) <= {"direct", "im2col", "winograd_2x2", "winograd_4x4"}
