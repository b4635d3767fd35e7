"""Normalisation, softmax along an axis, and learned factors per channel."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ..counting import Bench, Grid, Number, add_up, build, largest, of_dim, on_axes
from .products import softmax

Rows = Iterable[npt.NDArray[np.intp]]
Affine = Callable[[tuple[int, ...], Number], Number]


def rows_along(x: Grid, axes: Sequence[int]) -> Rows:
    """For each place of the other axes, the positions in the flattened input that lie along `axes`."""
    order = np.moveaxis(np.arange(x.size).reshape(x.shape), axes, range(-len(axes), 0))
    return order.reshape(-1, math.prod(x.shape[axis] for axis in axes))


def row_by_row(x: Grid, rows: Rows, change: Callable[[list[Number]], list[Number]]) -> Grid:
    result = np.empty(x.size, dtype=object)
    for row in rows:
        result[row] = change(list(x.ravel()[row]))
    return result.reshape(x.shape)


def softmax_along(bench: Bench) -> Grid:
    x = bench.inputs[0]
    return row_by_row(x, rows_along(x, [of_dim(bench.op.dim, x)]), softmax)


def log_softmax_along(bench: Bench) -> Grid:
    def log_shares(row: list[Number]) -> list[Number]:
        top = largest(row)
        below = [value - top for value in row]
        whole = add_up([value.through(math.exp) for value in below]).through(math.log)
        return [value - whole for value in below]

    x = bench.inputs[0]
    return row_by_row(x, rows_along(x, [of_dim(bench.op.dim, x)]), log_shares)


def standardise(values: list[Number], eps: float) -> list[Number]:
    """Mean 0 and variance 1."""
    centre = add_up(values) / float(len(values))
    apart = [value - centre for value in values]
    variance = add_up([value * value for value in apart]) / float(len(values))
    scale = 1.0 / (variance + eps).through(math.sqrt)
    return [value * scale for value in apart]


def normalised(bench: Bench, rows: Rows, affine: Affine) -> Grid:
    x = row_by_row(bench.inputs[0], rows, lambda row: standardise(row, bench.op.eps))
    return build(x.shape, lambda place: affine(place, x[place]))


def layernorm(bench: Bench) -> Grid:
    op, x, weights = bench.op, bench.inputs[0], bench.weights
    last = len(on_axes(op.normalized_shape, 1))
    axes = list(range(x.ndim)[-last:]) if op.dim is None else [of_dim(op.dim, x)]

    def affine(place: tuple[int, ...], value: Number) -> Number:
        if not op.elementwise_affine:
            return value
        at = tuple(place[axis] for axis in axes)
        return value * weights["weight"][at] + weights["bias"][at] if op.bias else value * weights["weight"][at]

    return normalised(bench, rows_along(x, axes), affine)


def rms_norm(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    last = len(on_axes(op.normalized_shape, 1))
    axes = list(range(x.ndim)[-last:]) if op.dim is None else [of_dim(op.dim, x)]
    eps = float(np.finfo(float).eps) if op.eps is None else op.eps

    def by_its_size(row: list[Number]) -> list[Number]:
        square = add_up([value * value for value in row]) / float(len(row))
        scale = 1.0 / (square + eps).through(math.sqrt)
        return [value * scale for value in row]

    y = row_by_row(x, rows_along(x, axes), by_its_size)
    if not op.elementwise_affine:
        return y
    return build(y.shape, lambda place: y[place] * bench.weights["weight"][tuple(place[axis] for axis in axes)])


def instance_norm(bench: Bench) -> Grid:
    x = bench.inputs[0]
    return normalised(bench, np.arange(x.size).reshape(len(x), -1), by_channel(bench))


def by_channel(bench: Bench) -> Affine:
    if not bench.op.affine:
        return lambda place, value: value
    gamma, beta = bench.weights["weight"], bench.weights["bias"]
    return lambda place, value: value * gamma[place[0]] + beta[place[0]]


def groupnorm(bench: Bench) -> Grid:
    x = bench.inputs[0]
    return normalised(bench, np.arange(x.size).reshape(bench.op.num_groups, -1), by_channel(bench))


def batchnorm(bench: Bench) -> Grid:
    op, x, weights = bench.op, bench.inputs[0], bench.weights
    if not op.track_running_stats:
        return normalised(bench, np.arange(x.size).reshape(len(x), -1), by_channel(bench))
    # y = gamma·(x − mean)/√(var + eps) + beta is one factor and one summand a channel, made when weights are loaded.
    scale = [1.0 / (variance + op.eps).through(math.sqrt) for variance in weights["running_var"]]
    shift = [-average * factor for average, factor in zip(weights["running_mean"], scale, strict=True)]
    if op.affine:
        shift = [s * gamma + beta for s, gamma, beta in zip(shift, weights["weight"], weights["bias"], strict=True)]
        scale = [s * gamma for s, gamma in zip(scale, weights["weight"], strict=True)]
    return build(x.shape, lambda place: x[place] * scale[place[0]] + shift[place[0]])


def lrn(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    squares = build(x.shape, lambda place: x[place] * x[place])
    # Channels beyond the edges are zeros, and are added like others; an even window begins one further off.
    before, after = (np.full((count, *x.shape[1:]), bench.zero) for count in (op.size // 2, (op.size - 1) // 2))
    padded = np.concatenate([before, squares, after])

    def unit(place: tuple[int, ...]) -> Number:
        near = [padded[(channel, *place[1:])] for channel in range(place[0], place[0] + op.size)]
        scale = add_up(near) * (op.alpha / op.size) + op.k
        return x[place] / scale.through(lambda value: value**op.beta)

    return build(x.shape, unit)


def layer_scale(bench: Bench) -> Grid:
    x = bench.inputs[0]
    along = of_dim(bench.op.dim, x)
    return build(x.shape, lambda place: x[place] * bench.weights["gamma"][place[along]])


def prelu(bench: Bench) -> Grid:
    x, slope = bench.inputs[0], np.broadcast_to(bench.weights["weight"], len(bench.inputs[0]))
    return build(x.shape, lambda place: x[place].if_positive(x[place] * slope[place[0]]))
