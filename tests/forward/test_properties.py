"""Kernels on random geometry against the loops, and the laws that tie them together."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ops.cases import Sample
from ops.strategies import GEOMETRIES

from archcalc import ops
from archcalc.forward.kernels import Array, norm, pool, product, unitwise
from archcalc.forward.kernels.erf import erf
from archcalc.ops.base import Window

from .compute import by_rule_and_loops, compute, near, random_arguments
from .strategies import average_poolings, convolutions


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


RANDOM = {"conv-groups": convolutions(), "avgpool": average_poolings(), **GEOMETRIES}


@pytest.mark.parametrize("cases", RANDOM.values(), ids=RANDOM)
@settings(max_examples=100)
@given(data=st.data())
def test_any_geometry_is_what_the_loops_compute(cases: st.SearchStrategy[Sample], data: st.DataObject) -> None:
    """And the samples of a batch do not meet."""
    case = data.draw(cases)
    given, expected = by_rule_and_loops(case)
    near(given[0], expected)
    inputs, weights = random_arguments(case)
    together = compute(case.op, inputs, weights)
    near(together[1:], compute(case.op, [x[1:] for x in inputs], weights))


@given(convolutions())
def test_transposed_convolution_is_the_adjoint(case: Sample) -> None:
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩ with the same weights; rows that no window reads are output padding."""
    op, (channels, *sizes) = case.op, case.inputs[0]
    padding = [before for before, _ in op.padding]
    axes = list(zip(sizes, op.kernel_size, op.stride, op.dilation, padding, strict=True))
    sizes = [max(n, Window(0, k, dilation=d).span) for n, k, _, d, _ in axes]
    unread = [(n + 2 * p - Window(0, k, dilation=d).span) % s for n, (_, k, s, d, p) in zip(sizes, axes, strict=True)]
    op = ops.Conv(op.out_channels, op.kernel_size, op.stride, tuple(padding), op.dilation, op.groups, bias=False)
    (x,), weights = random_arguments(Sample(op, ((channels, *sizes),)))
    there = compute(op, [x], weights)
    y = normal(*there.shape, seed=1)
    pads = [(each, each) for each in padding]
    back = product.conv_transpose(y, weights["weight"], None, op.stride, pads, unread, op.dilation, op.groups)
    assert back.shape == x.shape
    assert (there * y).sum() == pytest.approx((x * back).sum())


@given(convolutions())
def test_padding_inside_and_outside(case: Sample) -> None:
    """A convolution that pads is one that does not, behind a layer that does."""
    inputs, weights = random_arguments(case)
    op = case.op
    wide = compute(ops.Pad(op.padding), inputs)
    bare = ops.Conv(op.out_channels, op.kernel_size, op.stride, 0, op.dilation, op.groups, op.bias)
    near(compute(op, inputs, weights), compute(bare, [wide], weights))


@given(convolutions())
def test_stride_leaves_positions_out(case: Sample) -> None:
    """Stride s gives every s-th value of stride 1."""
    inputs, weights = random_arguments(case)
    op = case.op
    dense = ops.Conv(op.out_channels, op.kernel_size, 1, op.padding, op.dilation, op.groups, op.bias)
    steps = tuple(slice(None, None, s) for s in op.stride)
    near(compute(op, inputs, weights), compute(dense, inputs, weights)[(slice(None), slice(None), *steps)])


@given(convolutions())
def test_dilation_is_a_kernel_with_holes(case: Sample) -> None:
    """With zeros between its weights."""
    inputs, weights = random_arguments(case)
    op, weight = case.op, weights["weight"]
    spans = [Window(0, k, dilation=d).span for k, d in zip(op.kernel_size, op.dilation, strict=True)]
    holes = np.zeros((*weight.shape[:2], *spans))
    holes[(slice(None), slice(None), *(slice(None, None, d) for d in op.dilation))] = weight
    wide = ops.Conv(op.out_channels, tuple(spans), op.stride, op.padding, 1, op.groups, op.bias)
    near(compute(op, inputs, weights), compute(wide, inputs, weights | {"weight": holes}))


@given(convolutions())
def test_groups_are_convolutions_side_by_side(case: Sample) -> None:
    """Each of its own channels; with as many groups as channels, depthwise."""
    (x,), weights = random_arguments(case)
    op = case.op
    alone = ops.Conv(op.out_channels // op.groups, op.kernel_size, op.stride, op.padding, op.dilation, 1, op.bias)
    own = {name: np.split(weight, op.groups) for name, weight in weights.items()}
    parts = [
        compute(alone, [part], {name: split[group] for name, split in own.items()})
        for group, part in enumerate(np.split(x, op.groups, 1))
    ]
    near(compute(op, [x], weights), np.concatenate(parts, 1))


@given(convolutions())
def test_laid_out_a_row_at_a_time(case: Sample) -> None:
    """How many rows are laid out at once changes nothing."""
    inputs, weights = random_arguments(case)
    whole = compute(case.op, inputs, weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(product, "_COLUMNS", 1)
        near(compute(case.op, inputs, weights), whole)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(1, 4), st.integers(1, 4))
def test_convolution_of_one_point_is_linear(sizes: list[int], channels: int, filters: int) -> None:
    """At every position, on the channels."""
    x, weight, bias = normal(2, channels, *sizes), normal(filters, channels), normal(filters)
    ones = (1,) * len(sizes)
    convolved = compute(ops.Conv(filters, 1), [x], {"weight": weight.reshape(filters, channels, *ones), "bias": bias})
    tokens = compute(ops.Linear(filters), [np.moveaxis(x, 1, -1)], {"weight": weight, "bias": bias})
    near(convolved, np.moveaxis(tokens, -1, 1))


@given(average_poolings())
def test_means_of_equal_values(case: Sample) -> None:
    """What does not count the padding gives back the value of a map that has only one."""
    op = ops.AvgPool(case.op.kernel_size, case.op.stride, case.op.padding, case.op.ceil_mode, count_include_pad=False)
    near(compute(op, [np.full((1, *case.inputs[0]), 3.0)]), np.full((1, *op.output(case.inputs)), 3.0))


@given(average_poolings())
def test_mean_is_a_depthwise_convolution(case: Sample) -> None:
    """Where nothing hangs over and the padding counts."""
    assume(not case.op.ceil_mode)
    inputs, _ = random_arguments(case)
    op, channels = case.op, case.inputs[0][0]
    mean = ops.AvgPool(op.kernel_size, op.stride, op.padding)
    conv = ops.Conv(channels, op.kernel_size, op.stride, op.padding, 1, channels, bias=False)
    weight = np.full((channels, 1, *op.kernel_size), 1 / math.prod(op.kernel_size))
    near(compute(mean, inputs), compute(conv, inputs, {"weight": weight}))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=3))
def test_adaptive_bins_that_divide_are_windows(axes: list[tuple[int, int]]) -> None:
    """And a single bin is everything."""
    counts, sizes = zip(*axes, strict=True)
    x = normal(2, 3, *(count * size for count, size in axes))
    near(pool.adaptive_avgpool(x, counts), compute(ops.AvgPool(sizes), [x]))
    near(pool.adaptive_maxpool(x, counts), compute(ops.MaxPool(sizes), [x]))
    near(pool.adaptive_avgpool(x, [1] * len(axes)), pool.global_avgpool(x))
    near(pool.adaptive_maxpool(x, [1] * len(axes)), pool.global_maxpool(x))


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=3))
def test_means_undo_repeated_values(axes: list[tuple[int, int]]) -> None:
    """Upsampling by the nearest value, then the mean of each patch."""
    sizes, factors = zip(*axes, strict=True)
    x = normal(2, 3, *sizes)
    near(compute(ops.AvgPool(factors), [compute(ops.Upsample(factors), [x])]), x)


@given(st.integers(1, 9), st.integers(1, 20))
def test_interpolation_keeps_a_straight_line(n: int, o: int) -> None:
    """Between the centres of the first and the last unit; beyond them it is flat."""
    centres = (np.arange(o) + 0.5) * n / o - 0.5
    line = compute(ops.Upsample(size=o, mode="linear"), [np.arange(n, dtype=float).reshape(1, 1, n)])
    near(line[0, 0], np.clip(centres, 0, n - 1))


def test_a_dilated_window_can_miss_the_map() -> None:
    """Then the maximum is that of nothing, as in torch."""
    op = ops.MaxPool(2, 1, 1, dilation=2)
    assert compute(op, [np.ones((1, 1, 1))])[0, 0, 0] == -np.inf


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_softmax_shares(axis: int) -> None:
    """Shares add up to 1, and do not change when all values rise, however high."""
    x = normal(2, 3, 4, 5)
    shares = unitwise.softmax(x, axis)
    near(shares.sum(axis), np.ones_like(shares.sum(axis)))
    near(unitwise.softmax(x + 1000, axis), shares)


def test_attention_to_one_token_is_its_value() -> None:
    """With a single key all of the weight is on it; the order of keys does not matter."""
    query, keys, weights = normal(2, 3, 4), normal(2, 5, 4, seed=1), (normal(12, 4, seed=2), normal(4, 4, seed=3))
    alone = product.attention(query, keys[:, :1], keys[:, :1], 2, weights)
    projected = keys[:, :1] @ weights[0][8:].T @ weights[1].T
    near(alone, np.broadcast_to(projected, alone.shape))
    turned = keys[:, ::-1]
    near(product.attention(query, keys, keys, 2, weights), product.attention(query, turned, turned, 2, weights))


def test_normalisations_meet() -> None:
    """Layers over the channels of a map, groups of one channel, one group of all, and running statistics that fit."""
    x, gamma, beta = normal(2, 4, 3, 5) * 3 + 2, normal(4, seed=1), normal(4, seed=2)
    affine = {"weight": gamma, "bias": beta}
    tokens = compute(ops.LayerNorm(), [np.moveaxis(x, 1, -1)], affine)
    near(compute(ops.LayerNorm(dim=1), [x], affine), np.moveaxis(tokens, -1, 1))
    alone = compute(ops.BatchNorm(track_running_stats=False), [x], affine)
    near(compute(ops.GroupNorm(4), [x], affine), alone)
    whole = compute(ops.LayerNorm((4, 3, 5), elementwise_affine=False), [x])
    near(compute(ops.GroupNorm(1, affine=False), [x]), whole)
    running = {"running_mean": x[:1].mean((0, 2, 3)), "running_var": x[:1].var((0, 2, 3))}
    near(compute(ops.BatchNorm(), [x[:1]], affine | running), alone[:1])
    near(norm.standardise(x, (1, 2, 3), 0.0).var((1, 2, 3)), np.ones(2))


def test_error_function() -> None:
    """Within 5e-16 of the C library's, relative, from the smallest number to infinity; odd; NaN stays NaN."""
    x = np.concatenate([np.linspace(0, 7, 20001), np.geomspace(1e-300, 1, 2001), [0.46875, 4.0, 6.0, np.inf, 5e-324]])
    expected = np.array([math.erf(value) for value in x])
    np.testing.assert_allclose(erf(x), expected, rtol=5e-16, atol=0)
    np.testing.assert_array_equal(erf(-x), -erf(x))
    assert np.signbit(erf(np.array([-0.0]))[0])
    assert np.isnan(erf(np.array([np.nan]))[0])


@pytest.mark.parametrize("keyword", ["sigmoid", "silu", "tanh", "gelu", "hardswish", "hardsigmoid", "relu6"])
def test_activations_far_out(keyword: str) -> None:
    """Neither overflow nor warnings where values are large: there they are 0, 1, 6 or the value."""
    ends = compute(ops.OPS[keyword](), [np.array([[-1e30, 1e30]], dtype="float32")])
    far = {"silu": 1e30, "gelu": 1e30, "hardswish": 1e30, "relu6": 6}.get(keyword, 1)
    np.testing.assert_allclose(ends, [[-1 if keyword == "tanh" else 0, far]], rtol=1e-6)
