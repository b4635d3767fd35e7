"""Operators once more, as loops: independent of the facts that they are compared with, and as naive as can be.

Each function takes a Bench and returns the output as a grid of Numbers. Positions of windows are found by walking, not by
a formula; values beyond an edge are read like others; moving operators are numpy's.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from archcalc.ops.base import Op, Shapes

from .counting import Bench, Grid, Number, build, indices


def run(op: Op, shapes: Shapes) -> tuple[Bench, Grid]:
    """The bench after the reference code of `op` has run on it, and the output."""
    bench = Bench(op, shapes)
    if op.keyword in UNITWISE:
        unit = UNITWISE[op.keyword]
        return bench, build(shapes[0], lambda place: unit(bench.op, bench.inputs[0][place]))
    return bench, REFERENCES[op.keyword](bench)


def add_up(numbers: Iterable[Number]) -> Number:
    return reduce(lambda a, b: a + b, numbers)


def largest(numbers: Iterable[Number]) -> Number:
    return reduce(lambda a, b: a.larger(b), numbers)


def on_axes(argument: Any, rank: int) -> tuple[Any, ...]:
    return argument if isinstance(argument, tuple) else (argument,) * rank


def on_sides(argument: Any, rank: int) -> list[tuple[int, int]]:
    return [side if isinstance(side, tuple) else (side, side) for side in on_axes(argument, rank)]


def read(grid: Grid, place: Sequence[int], beyond: Number) -> Number:
    inside = all(0 <= at < size for at, size in zip(place, grid.shape, strict=True))
    return grid[tuple(place)] if inside else beyond


# Windows -------------------------------------------------------------------------------------------------------------


def walk(n: int, span: int, stride: int, before: int, after: int, ceil_mode: bool = False) -> list[int]:
    """Where windows begin that walk from the first padded position to the last; the input's own begin at 0.

    In ceil mode a last one may hang over the end, if it begins before the padding behind the input.
    """
    if not ceil_mode:
        return list(range(-before, n + after - span + 1, stride))
    starts = [-before]
    while starts[-1] + span < n + after:
        starts.append(starts[-1] + stride)
    return starts if starts[-1] < n else starts[:-1]


def same_padding(n: int, span: int, stride: int) -> tuple[int, int]:
    """The least padding, the odd one behind, by which one window begins at every stride-th unit."""
    wanted = len(range(0, n, stride))
    whole = next(pad for pad in itertools.count() if len(walk(n + pad, span, stride, 0, 0)) >= wanted)
    return whole // 2, whole - whole // 2


def windows_of(bench: Bench, ceil_mode: bool = False) -> tuple[list[list[int]], list[range]]:
    """Per spatial axis where windows begin, and what they read from there on."""
    op, sizes = bench.op, bench.inputs[0].shape[1:]
    rank = len(sizes)
    stride = op.kernel_size if op.stride == "kernel_size" else op.stride
    starts, offsets = [], []
    for axis in range(rank):
        k, s, d = (on_axes(argument, rank)[axis] for argument in (op.kernel_size, stride, op.dilation))
        reach = range(0, k * d, d)
        if op.padding == "same":
            pads = same_padding(sizes[axis], reach[-1] + 1, s)
        else:
            pads = (0, 0) if op.padding == "valid" else on_sides(op.padding, rank)[axis]
        starts.append(walk(sizes[axis], reach[-1] + 1, s, *pads, ceil_mode=ceil_mode))
        offsets.append(reach)
    return starts, offsets


def conv(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    starts, offsets = windows_of(bench)
    filters, channels = op.out_channels // op.groups, x.shape[0] // op.groups
    taps = list(indices(tuple(len(axis) for axis in offsets)))

    def unit(place: tuple[int, ...]) -> Number:
        filter_, *position = place
        result = bench.zero
        for channel, tap in itertools.product(range(channels), taps):
            at = [start[u] + offset[t] for start, u, offset, t in zip(starts, position, offsets, tap, strict=True)]
            value = read(x, (filter_ // filters * channels + channel, *at), bench.zero)
            result = result.mac(value, bench.weights["weight"][filter_, channel, *tap])
        return result + bench.weights["bias"][filter_] if op.bias else result

    return build((op.out_channels, *map(len, starts)), unit)


def conv_transpose(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    rank = len(x.shape) - 1
    k, s, d, p, extra = (
        on_axes(argument, rank) for argument in (op.kernel_size, op.stride, op.dilation, op.padding, op.output_padding)
    )
    filters, channels = op.out_channels // op.groups, x.shape[0] // op.groups
    written: dict[tuple[int, ...], Number] = {}
    for (channel, *position), filter_, tap in itertools.product(indices(x.shape), range(filters), indices(k)):
        at = (channel // channels * filters + filter_, *(u * b + t * e for u, b, t, e in zip(position, s, tap, d)))
        weight = bench.weights["weight"][channel, filter_, *tap]
        written[at] = written.get(at, bench.zero).mac(x[channel, *position], weight)
    # Padding crops what was written on both sides; output padding shows more of the far side.
    far = [max(at[axis] for at in written) for axis in range(1, rank + 1)]
    shown = [range(pad, last + 1 - pad + more) for pad, last, more in zip(p, far, extra, strict=True)]

    def unit(place: tuple[int, ...]) -> Number:
        at = (place[0], *(axis[u] for axis, u in zip(shown, place[1:], strict=True)))
        result = written.get(at, bench.zero)
        return result + bench.weights["bias"][place[0]] if op.bias else result

    return build((op.out_channels, *map(len, shown)), unit)


def pool(bench: Bench, join: Callable[[list[Number]], Number], beyond: float) -> Grid:
    x = bench.inputs[0]
    starts, offsets = windows_of(bench, bench.op.ceil_mode)
    outside = Number(beyond, 0, bench.tally)

    def unit(place: tuple[int, ...]) -> Number:
        reads = [[start[u] + o for o in offset] for start, u, offset in zip(starts, place[1:], offsets, strict=True)]
        return join([read(x, (place[0], *at), outside) for at in itertools.product(*reads)])

    return build((x.shape[0], *map(len, starts)), unit)


def binned(bench: Bench, counts: Sequence[int], join: Callable[[list[Number]], Number]) -> Grid:
    """Pooling of each axis into a given number of bins, from the unit that a bin begins in to the one it ends in."""
    x = bench.inputs[0]
    edges = [[Fraction(n * i, o) for i in range(o + 1)] for n, o in zip(x.shape[1:], counts, strict=True)]

    def unit(place: tuple[int, ...]) -> Number:
        reads = [range(math.floor(e[u]), math.ceil(e[u + 1])) for e, u in zip(edges, place[1:], strict=True)]
        return join([x[place[0], *at] for at in itertools.product(*reads)])

    return build((x.shape[0], *counts), unit)


def mean(numbers: list[Number]) -> Number:
    return add_up(numbers) / float(len(numbers))


def adaptive(join: Callable[[list[Number]], Number]) -> Callable[[Bench], Grid]:
    return lambda bench: binned(bench, on_axes(bench.op.output_size, bench.inputs[0].ndim - 1), join)


def over_all(join: Callable[[list[Number]], Number]) -> Callable[[Bench], Grid]:
    return lambda bench: binned(bench, (1,) * (bench.inputs[0].ndim - 1), join)


def upsample(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    rank = x.ndim - 1
    factors = on_axes(op.scale_factor, rank)
    sizes = tuple(n * f for n, f in zip(x.shape[1:], factors, strict=True)) if op.size is None else op.size
    axes = [_taps(n, o, op.mode) for n, o in zip(x.shape[1:], on_axes(sizes, rank), strict=True)]

    def unit(place: tuple[int, ...]) -> Number:
        corners = list(itertools.product(*(taps[u] for taps, u in zip(axes, place[1:], strict=True))))
        values = [x[place[0], *(at for at, _ in corner)] for corner in corners]
        if op.mode == "nearest":
            return values[0]
        shares = [float(math.prod(share for _, share in corner)) for corner in corners]
        return add_up(value * share for value, share in zip(values, shares, strict=True))

    return build((x.shape[0], *map(len, axes)), unit)


def _taps(n: int, o: int, mode: str) -> list[list[tuple[int, Fraction]]]:
    """Per output unit of an axis the units it is made from, and their shares. Centres of units lie at halves."""
    if mode == "nearest":
        return [[(math.floor(Fraction(i * n, o)), Fraction(1))] for i in range(o)]
    centres = [max(Fraction(0), (i + Fraction(1, 2)) * Fraction(n, o) - Fraction(1, 2)) for i in range(o)]
    lower = [math.floor(centre) for centre in centres]
    return [
        [(low, 1 - (centre - low)), (min(low + 1, n - 1), centre - low)]
        for low, centre in zip(lower, centres, strict=True)
    ]


# Matrix products -----------------------------------------------------------------------------------------------------


def dense(bench: Bench, x: Grid, weight: Grid, bias: Grid | None) -> Grid:
    """y = x·Wᵀ + b on the last axis."""

    def unit(place: tuple[int, ...]) -> Number:
        *row, feature = place
        result = bench.zero
        for value, factor in zip(x[*row], weight[feature], strict=True):
            result = result.mac(value, factor)
        return result if bias is None else result + bias[feature]

    return build((*x.shape[:-1], len(weight)), unit)


def matmul(bench: Bench) -> Grid:
    a, b = bench.inputs

    def unit(place: tuple[int, ...]) -> Number:
        *batch, row, column = place
        result = bench.zero
        for left, right in zip(a[*batch, row, :], b[*batch, :, column], strict=True):
            result = result.mac(left, right)
        return result

    return build((*a.shape[:-1], b.shape[-1]), unit)


def softmax(row: Sequence[Number]) -> list[Number]:
    top = largest(row)
    powers = [(value - top).through(math.exp) for value in row]
    whole = add_up(powers)
    return [power / whole for power in powers]


def multihead_attention(bench: Bench) -> Grid:
    op, weights = bench.op, bench.weights
    sources = bench.inputs * 3 if len(bench.inputs) == 1 else bench.inputs
    into = np.split(weights["in_proj_weight"], 3)
    biases = np.split(weights["in_proj_bias"], 3) if op.bias else [None] * 3
    query, key, value = (dense(bench, x, w, b) for x, w, b in zip(sources, into, biases, strict=True))
    width = op.embed_dim // op.num_heads
    mixed = np.full(query.shape, bench.zero)
    for head, row in itertools.product(range(op.num_heads), range(len(query))):
        columns = slice(head * width, (head + 1) * width)
        scores = dense(bench, query[row : row + 1, columns], key[:, columns], None)[0]
        shares = softmax([score * width**-0.5 for score in scores])
        for column in range(columns.start, columns.stop):
            for token, share in enumerate(shares):
                mixed[row, column] = mixed[row, column].mac(value[token, column], share)
    return dense(bench, mixed, weights["out_proj.weight"], weights["out_proj.bias"] if op.bias else None)


# Normalisation and activations ---------------------------------------------------------------------------------------


def standardise(values: list[Number], eps: float) -> list[Number]:
    m = float(len(values))
    centre = add_up(values) / m
    apart = [value - centre for value in values]
    variance = add_up(value * value for value in apart) / m
    scale = 1.0 / (variance + eps).through(math.sqrt)
    return [value * scale for value in apart]


def normalised(bench: Bench, groups: Iterable[Any], affine: Callable[[tuple[int, ...], Number], Number]) -> Grid:
    """Each of `groups`, given as a mask over the input, with mean 0 and variance 1; then `affine` on each place."""
    x = bench.inputs[0]
    result = np.empty(x.shape, dtype=object)
    for mask in groups:
        result[mask] = standardise(list(x[mask]), bench.op.eps)
    return build(x.shape, lambda place: affine(place, result[place]))


def layernorm(bench: Bench) -> Grid:
    op, x, weights = bench.op, bench.inputs[0], bench.weights
    if op.dim is not None:
        axes = [range(-1, x.ndim)[op.dim] if op.dim > 0 else range(x.ndim)[op.dim]]
    else:
        last = len(on_axes(op.normalized_shape, 1))
        axes = list(range(x.ndim))[-last:]
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    places = np.indices(x.shape)
    masks = (
        np.all([places[axis] == at for axis, at in zip(kept, row, strict=True)], axis=0)
        if kept
        else np.full(x.shape, True)
        for row in indices(tuple(x.shape[axis] for axis in kept))
    )

    def affine(place: tuple[int, ...], value: Number) -> Number:
        at = tuple(place[axis] for axis in axes)
        scaled = value * weights["weight"][at] if op.elementwise_affine else value
        return scaled + weights["bias"][at] if op.elementwise_affine and op.bias else scaled

    return normalised(bench, masks, affine)


def groupnorm(bench: Bench) -> Grid:
    op, x, weights = bench.op, bench.inputs[0], bench.weights
    group = np.indices(x.shape)[0] // (x.shape[0] // op.num_groups)

    def affine(place: tuple[int, ...], value: Number) -> Number:
        return value * weights["weight"][place[0]] + weights["bias"][place[0]] if op.affine else value

    return normalised(bench, (group == g for g in range(op.num_groups)), affine)


def batchnorm(bench: Bench) -> Grid:
    op, x, weights = bench.op, bench.inputs[0], bench.weights
    one, zero = Number(1.0, 0, bench.loading), Number(0.0, 0, bench.loading)
    gamma, beta = (weights[name] if op.affine else [one_or_zero] * len(x) for name, one_or_zero in (("weight", one), ("bias", zero)))
    if not op.track_running_stats:
        channel = np.indices(x.shape)[0]
        return normalised(
            bench, (channel == c for c in range(len(x))), lambda place, value: value * gamma[place[0]] + beta[place[0]]
        )
    scale = [g / (v + op.eps).through(math.sqrt) for g, v in zip(gamma, weights["running_var"], strict=True)]
    shift = [b - m * s for b, m, s in zip(beta, weights["running_mean"], scale, strict=True)]
    return build(x.shape, lambda place: x[place] * scale[place[0]] + shift[place[0]])
