"""Laws that tie operators together: what one undoes of another, and where two are the same."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc import ops
from archcalc.forward.kernels import Array
from archcalc.ops.base import Gap, Op, Window

from .compute import compute, near

SIZES = st.integers(1, 5)
MODES = st.sampled_from(["crd", "dcr"])


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def on(x: Array, *of: Op) -> Array:
    """What operators of one input make of an array, one after the other."""
    for op in of:
        x = compute(op, [x])
    return x


def equal(a: Array, b: Array) -> None:
    np.testing.assert_array_equal(a, b, strict=True)


# What is moved, and moved back.


@given(st.integers(1, 3), SIZES, SIZES, SIZES, MODES)
def test_depth_becomes_space_and_back(r: int, channels: int, height: int, width: int, mode: Any) -> None:
    deep, wide = normal(2, channels * r * r, height, width), normal(2, channels, height * r, width * r)
    there, back = ops.PixelShuffle(r, mode), ops.PixelUnshuffle(r, mode)
    equal(on(deep, there, back), deep)
    equal(on(wide, back, there), wide)


@given(st.integers(1, 3), SIZES, SIZES)
def test_modes_of_one_channel_are_one(r: int, height: int, width: int) -> None:
    """Nothing tells depth from column first where there is one channel of either."""
    x = normal(1, r * r, height, width)
    equal(on(x, ops.PixelShuffle(r, "crd")), on(x, ops.PixelShuffle(r, "dcr")))


@given(st.integers(-9, 9), st.integers(-9, 9), SIZES, SIZES)
def test_turns_add_up(first: int, second: int, height: int, width: int) -> None:
    x = normal(2, height, width)
    equal(on(x, ops.Roll(first, 2), ops.Roll(second, 2)), on(x, ops.Roll(first + second, -1)))
    equal(on(x, ops.Roll((first, second), (1, 2)), ops.Roll((-second, -first), (2, 1))), x)
    equal(on(x, ops.Roll(height, 1)), x)


@given(st.data(), st.integers(2, 9), SIZES)
def test_regular_indices_are_a_slice(data: st.DataObject, n: int, width: int) -> None:
    """The same values, and the same windows."""
    start, step = data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, 4))
    cut, x = ops.Slice(1, start, None, step), normal(2, n, width)
    picked = ops.IndexSelect(1, tuple(range(start, n, step)))
    equal(on(x, picked), on(x, cut))
    if len(picked.index) > 1:
        shapes = ((n, width),)
        assert picked.windows(shapes, picked.output(shapes)) == cut.windows(shapes, cut.output(shapes))


@pytest.mark.parametrize("index", [(2, 1, 0), (0, 1, 3), (1, 1, 2), (3, 0)])
def test_other_indices_have_no_window(index: tuple[int, ...]) -> None:
    """Backwards, with gaps and with repetitions: which units are read is told by no stride."""
    (reads,) = ops.IndexSelect(1, index).windows(((4, 5),), (len(index), 5))
    assert isinstance(reads[0], Gap)
    assert reads[1] == Window(1)


@given(st.data(), st.integers(1, 6))
def test_an_order_and_its_inverse(data: st.DataObject, n: int) -> None:
    order = tuple(data.draw(st.permutations(range(n))))
    x, inverse = normal(2, 3, n), tuple(int(i) for i in np.argsort(order))
    equal(on(x, ops.IndexSelect(2, order), ops.IndexSelect(-1, inverse)), x)


@given(SIZES, SIZES, SIZES)
def test_what_is_repeated_adds_up(new: int, height: int, width: int) -> None:
    """Along a new axis and a stretched one."""
    x = normal(2, 1, width)
    repeated = on(x, ops.Expand((new, height, -1)))
    near(on(repeated, ops.ReduceSum((1, 2))), x[:, 0] * (new * height))
    equal(on(repeated, ops.ReduceMax(1), ops.ReduceMin(1, keepdim=True)), x)


# Reductions and poolings.


@given(SIZES, SIZES, SIZES)
def test_reductions_of_the_whole_map_are_global_poolings(channels: int, height: int, width: int) -> None:
    x, shapes = normal(2, channels, height, width), ((channels, height, width),)
    for reduction, pooling in ((ops.ReduceMean, ops.GlobalAvgPool()), (ops.ReduceMax, ops.GlobalMaxPool())):
        op = reduction((2, -1), keepdim=True)
        equal(on(x, op), on(x, pooling))
        output = pooling.output(shapes)
        assert op.output(shapes) == output
        assert op.work(shapes, output) == pooling.work(shapes, output)
        assert op.windows(shapes, output) == pooling.windows(shapes, output)
        equal(on(x, reduction((2, 3))), on(x, op, ops.Flatten()))


@given(st.permutations([1, 2, 3]), st.integers(1, 3))
def test_reductions_one_after_the_other(dims: list[int], count: int) -> None:
    """Axis by axis is at once, for all but the mean of unequal parts, which there are none of."""
    x, chosen = normal(2, 3, 4, 5), tuple(dims[:count])
    for reduction in (ops.ReduceMean, ops.ReduceSum, ops.ReduceMax, ops.ReduceMin, ops.ReduceL2):
        near(on(x, *(reduction(dim, keepdim=True) for dim in chosen)), on(x, reduction(chosen, keepdim=True)))


@given(st.integers(1, 3))
def test_reductions_of_each_other(dim: int) -> None:
    x = normal(2, 3, 4, 5)
    near(on(x, ops.ReduceSum(dim)), on(x, ops.ReduceMean(dim)) * x.shape[dim])
    equal(on(x, ops.ReduceMin(dim)), on(x, ops.Neg(), ops.ReduceMax(dim), ops.Neg()))
    near(on(x, ops.ReduceL2(dim)), on(x, ops.Pow(2), ops.ReduceSum(dim), ops.Sqrt()))


@given(st.integers(1, 3), st.integers(1, 3), st.integers(3, 7))
def test_norms_of_windows(kernel: int, stride: int, n: int) -> None:
    """The first is a sum, the second a length, and a high one nearly the maximum."""
    x = normal(2, 3, n, n)
    means = on(x, ops.AvgPool(kernel, stride))
    near(on(x, ops.LpPool(kernel, stride, norm_type=1)), means * kernel**2)
    near(on(x, ops.LpPool(kernel, stride)) ** 2, on(x, ops.Pow(2), ops.AvgPool(kernel, stride)) * kernel**2)
    sizes = np.abs(x) + 1
    largest = on(sizes, ops.MaxPool(kernel, stride))
    ratio = on(sizes, ops.LpPool(kernel, stride, norm_type=100)) / largest
    assert (ratio >= 1 - 1e-12).all()
    assert (ratio <= kernel ** (2 / 100) + 1e-12).all()


# Joins and functions.


def test_joins_of_two() -> None:
    """A difference is a sum with what is negated, a quotient a product with the reciprocal; stretched alike."""
    a, b = normal(2, 3, 4, 5), normal(2, 3, 1, 1, seed=1)
    equal(compute(ops.Sub(), [a, b]), compute(ops.Add(), [a, on(b, ops.Neg())]))
    near(compute(ops.Div(), [a, b]), compute(ops.Mul(), [a, on(b, ops.Reciprocal())]))
    equal(compute(ops.Min(), [a, b]), -compute(ops.Max(), [-a, -b]))


def test_products_of_what_is_stretched() -> None:
    a, b = normal(2, 3, 1, 4, 5), normal(2, 1, 6, 5, 2, seed=1)
    wide = [on(a, ops.Expand((3, 6, 4, 5))), on(b, ops.Expand((3, 6, 5, 2)))]
    near(compute(ops.MatMul(), [a, b]), compute(ops.MatMul(), wide))
    shapes, stretched = ((3, 1, 4, 5), (1, 6, 5, 2)), ((3, 6, 4, 5), (3, 6, 5, 2))
    output = ops.MatMul().output(shapes)
    assert output == ops.MatMul().output(stretched)
    assert ops.MatMul().work(shapes, output) == ops.MatMul().work(stretched, output)


@given(st.integers(1, 12), st.integers(1, 12))
def test_powers_add_up(a: int, b: int) -> None:
    x = np.abs(normal(2, 7)) + 0.5
    near(on(x, ops.Pow(a)) * on(x, ops.Pow(b)), on(x, ops.Pow(a + b)))
    near(on(x, ops.Pow(a), ops.Pow(-b)), on(x, ops.Pow(-a * b)))
    near(on(x, ops.Pow(a), ops.Pow(1 / a)), x)
    near(on(x, ops.Log()) * a, on(x, ops.Pow(a), ops.Log()))


@pytest.mark.parametrize(
    ("op", "of"),
    [
        (ops.Pow(0.5), (ops.Sqrt(),)),
        (ops.Pow(-0.5), (ops.Rsqrt(),)),
        (ops.Pow(-1), (ops.Reciprocal(),)),
        (ops.Rsqrt(), (ops.Sqrt(), ops.Reciprocal())),
        (ops.Identity(), (ops.Log(), ops.Exp())),
        (ops.Abs(), (ops.Pow(2), ops.Sqrt())),
        (ops.Hardtanh(0.0, 6.0), (ops.ReLU6(),)),
        (ops.Threshold(0.0, 0.0), (ops.ReLU(),)),
        (ops.Softplus(), (ops.Identity(), ops.Softplus(1.0, 50.0))),
        (ops.ELU(), (ops.CELU(),)),
        (ops.LogSoftmax(), (ops.Softmax(), ops.Log())),
    ],
    ids=lambda given: getattr(given, "keyword", None),
)
def test_two_words_for_one_thing(op: Op, of: tuple[Op, ...]) -> None:
    """On numbers above zero, as far as that matters."""
    x = np.abs(normal(2, 5, 3)) + 0.1
    np.testing.assert_allclose(on(x, op), on(x, *of), rtol=1e-8)


def test_curves_far_out() -> None:
    """They neither overflow nor lose what they tend to."""
    x = np.array([[-1e4, -800.0, -50.0, 0.0, 50.0, 800.0, 1e4]])
    rectified = on(x, ops.ReLU())
    np.testing.assert_allclose(on(x, ops.Softplus()), rectified, atol=math.log(2) + 1e-12)
    np.testing.assert_allclose(on(x, ops.Mish()), rectified, atol=1e-10)
    np.testing.assert_allclose(on(x, ops.ELU()), np.maximum(x, -1), atol=1e-12)
    np.testing.assert_allclose(on(x, ops.LogSoftmax()), x - 1e4, atol=1e-9)


# Normalisation and attention.


@given(SIZES, st.integers(2, 5), SIZES, st.booleans())
def test_instance_norm_is_group_norm_of_single_channels(channels: int, height: int, width: int, affine: bool) -> None:
    x, shapes = normal(2, channels, height, width), ((channels, height, width),)
    weights = {"weight": normal(channels, seed=1), "bias": normal(channels, seed=2)} if affine else {}
    one, other = ops.InstanceNorm(affine=affine), ops.GroupNorm(channels, affine=affine)
    near(compute(one, [x], weights), compute(other, [x], weights))
    assert one.work(shapes, shapes[0]) == other.work(shapes, shapes[0])
    assert one.weights(shapes) == other.weights(shapes)


def test_root_mean_square_of_what_has_no_mean() -> None:
    """Is its standard deviation."""
    x = normal(2, 3, 8)
    centred, gamma = x - x.mean(-1, keepdims=True), {"weight": normal(8, seed=1)}
    near(compute(ops.RMSNorm(eps=1e-5), [centred], gamma), compute(ops.LayerNorm(bias=False), [x], gamma))
    turned = compute(ops.RMSNorm(dim=1, eps=1e-5), [centred.swapaxes(1, 2)], gamma)
    near(turned.swapaxes(1, 2), compute(ops.RMSNorm(eps=1e-5), [centred], gamma))


@given(st.integers(1, 3), SIZES, SIZES, st.integers(1, 4))
def test_attention_of_heads_is_attention_without_projections(heads: int, rows: int, keys: int, width: int) -> None:
    """Multi-head attention whose matrices are the identity; and the MACs are its own less those of the projections."""
    features = heads * width
    query, key, value = (normal(2, n, features, seed=n) for n in (rows, keys, keys + 7))
    value = value[:, :keys]
    identity = {"in_proj_weight": np.tile(np.eye(features), (3, 1)), "out_proj.weight": np.eye(features)}
    whole = ops.MultiHeadAttention(features, heads, bias=False)
    bare = ops.ScaledDotProductAttention()
    parted = [x.reshape(2, -1, heads, width).swapaxes(1, 2) for x in (query, key, value)]
    together = compute(bare, parted).swapaxes(1, 2).reshape(2, rows, features)
    near(together, compute(whole, [query, key, value], identity))
    shapes = tuple((heads, n, width) for n in (rows, keys, keys))
    flat = tuple((n, features) for n in (rows, keys, keys))
    ours, theirs = bare.work(shapes, bare.output(shapes)), whole.work(flat, flat[0])
    assert theirs.macs - ours.macs == 2 * (rows + keys) * features**2
    assert (ours.adds, ours.multiplies, ours.exponentials) == (theirs.adds, theirs.multiplies, theirs.exponentials)


@given(SIZES, SIZES)
def test_causal_attention_looks_back(rows: int, keys: int) -> None:
    """As with −∞ added to what lies ahead; what is changed there changes nothing."""
    query, key, value = normal(1, rows, 4), normal(1, keys, 4, seed=1), normal(1, keys, 3, seed=2)
    causal = compute(ops.ScaledDotProductAttention(is_causal=True), [query, key, value])
    mask = np.where(np.tri(rows, keys, dtype=bool), 0.0, -np.inf)[np.newaxis]
    near(compute(ops.ScaledDotProductAttention(), [query, key, value, mask]), causal)
    for row in range(min(rows, keys)):
        key[:, row + 1 :], value[:, row + 1 :] = 9.0, -9.0
        again = compute(ops.ScaledDotProductAttention(is_causal=True), [query, key, value])
        near(again[:, row], causal[:, row])
        key, value = normal(1, keys, 4, seed=1), normal(1, keys, 3, seed=2)


def test_attention_to_equal_keys_is_the_mean() -> None:
    """Whatever the scale; and what is added to all scores alike changes nothing."""
    query, value = normal(2, 3, 4), normal(2, 6, 5, seed=1)
    key = np.broadcast_to(normal(2, 1, 4, seed=2), (2, 6, 4))
    for scale in (None, 0.0, 3.0):
        mixed = compute(ops.ScaledDotProductAttention(scale), [query, key, value, normal(2, 3, 1, seed=3)])
        near(mixed, np.broadcast_to(value.mean(1, keepdims=True), mixed.shape))
