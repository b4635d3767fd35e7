"""Joins, interpolation, and what only moves values: there numpy is the reference."""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ..counting import Bench, Grid, Number, add_up, build, of_dim, on_axes, on_sides


def broadcast(bench: Bench, join: Callable[[list[Number]], Number]) -> Grid:
    stretched = np.broadcast_arrays(*bench.inputs)
    return build(stretched[0].shape, lambda place: join([x[place] for x in stretched]))


def concat(bench: Bench) -> Grid:
    return np.concatenate(bench.inputs, of_dim(bench.op.dim, bench.inputs[0]))


def slice_(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    along = of_dim(op.dim, x)
    return np.moveaxis(np.moveaxis(x, along, 0)[op.start : op.end : op.step], 0, along)


def split(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    return np.split(x, op.chunks, of_dim(op.dim, x))[op.index]


def channel_shuffle(bench: Bench) -> Grid:
    x = bench.inputs[0]
    return np.stack(np.split(x, bench.op.groups), axis=1).reshape(x.shape)


def index_select(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    along = of_dim(op.dim, x)
    return np.stack([x.take(at, along) for at in op.index], along)


def place_in_depth(op: Any, factor: int, channels: int, i: int, j: int, channel: int) -> int:
    """Which of the many channels holds place (i, j) of each block of one of the few."""
    if op.mode == "crd":
        return (channel * factor + i) * factor + j
    return (i * factor + j) * channels + channel


def pixel_shuffle(bench: Bench) -> Grid:
    op, x, r = bench.op, bench.inputs[0], bench.op.upscale_factor
    few = x.shape[0] // r**2

    def unit(place: tuple[int, ...]) -> Number:
        channel, (h, i), (w, j) = place[0], divmod(place[1], r), divmod(place[2], r)
        return x[place_in_depth(op, r, few, i, j, channel), h, w]

    return build((few, x.shape[1] * r, x.shape[2] * r), unit)


def pixel_unshuffle(bench: Bench) -> Grid:
    op, x, r = bench.op, bench.inputs[0], bench.op.downscale_factor
    result = np.empty((x.shape[0] * r**2, x.shape[1] // r, x.shape[2] // r), dtype=object)
    for (channel, h, w), value in np.ndenumerate(x):
        result[place_in_depth(op, r, len(x), h % r, w % r, channel), h // r, w // r] = value
    return result


def roll(bench: Bench) -> Grid:
    """One place at a time."""
    op, x = bench.op, bench.inputs[0]
    for shift, dim in zip(on_axes(op.shifts, 1), on_axes(op.dims, 1), strict=True):
        along = of_dim(dim, x)
        for _ in range(shift % x.shape[along]):
            x = np.concatenate([x.take([-1], along), x.take(range(x.shape[along] - 1), along)], along)
    return x


def expand(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    x = x.reshape((1,) * (len(op.shape) - x.ndim) + x.shape)
    for axis, size in enumerate(op.shape):
        x = x if size in (-1, x.shape[axis]) else np.concatenate([x] * size, axis)
    return x


def constant(bench: Bench) -> Grid:
    if bench.op.value is None:
        return bench.weights["value"]
    return build(bench.op.shape, lambda place: Number(bench.op.value, 0, bench.tally))


def flatten(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    return x.reshape((*x.shape[: of_dim(op.start_dim, x)], -1, *x.shape[of_dim(op.end_dim, x) + 1 :]))


def reshape(bench: Bench) -> Grid:
    return bench.inputs[0].reshape(bench.op.shape)


def permute(bench: Bench) -> Grid:
    return bench.inputs[0][None].transpose(bench.op.dims)[0]


def learned(bench: Bench) -> Grid:
    return bench.weights["weight"]


def pad(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    channels = op.channels if isinstance(op.channels, tuple) else (op.channels, op.channels)
    sides = [channels, *on_sides(op.padding, x.ndim - 1)]
    # Torch's reflection sees what is cropped on the other side, its circle does not.
    widths = [(max(0, before), max(0, after)) for before, after in sides]
    if op.mode == "circular":
        return np.pad(cropped(x, sides), widths, mode="wrap")
    if op.mode == "constant":
        return cropped(np.pad(x, widths, constant_values=bench.zero), sides)
    return cropped(np.pad(x, widths, mode={"reflect": "reflect", "replicate": "edge"}[op.mode]), sides)


def cropped(x: Grid, sides: list[tuple[int, int]]) -> Grid:
    """Without as many units as a negative side says."""
    return x[tuple(slice(max(0, -b), n - max(0, -a)) for n, (b, a) in zip(x.shape, sides, strict=True))]


def taps(n: int, o: int, mode: str, corners: bool) -> list[list[tuple[int, Fraction]]]:
    """Per output unit of an axis the units it is made from, and their shares; the centre of unit i lies at i + ½.

    With aligned `corners` the centres of the first units lie on one another, and so do those of the last.
    """
    if mode == "nearest":
        return [[(math.floor(Fraction(i * n, o)), Fraction(1))] for i in range(o)]
    if corners:
        centres = [Fraction(i * (n - 1), o - 1) if o > 1 else Fraction(0) for i in range(o)]
    else:
        centres = [Fraction(2 * i + 1, 2) * Fraction(n, o) - Fraction(1, 2) for i in range(o)]
    if mode == "bicubic":
        # A unit that lies on another has no fourth less than 2 away: that one it reads twice, the second time 0 times.
        four = [(-1, 0, 1, 2 if centre % 1 else 0) for centre in centres]
        steps = [(keys(1 + c % 1), keys(c % 1), keys(1 - c % 1), keys(2 - c % 1)) for c in centres]
        units = [[min(max(math.floor(c) + k, 0), n - 1) for k in ks] for c, ks in zip(centres, four, strict=True)]
        return [list(zip(at, shares, strict=True)) for at, shares in zip(units, steps, strict=True)]
    below = [(math.floor(centre), centre % 1) for centre in (max(Fraction(0), centre) for centre in centres)]
    return [[(low, 1 - share), (min(low + 1, n - 1), share)] for low, share in below]


def keys(d: Fraction, a: Fraction = Fraction(-3, 4)) -> Fraction:
    """The cubic convolution kernel as it stands in Keys (1981), equation (4), with the slope of torch."""
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a


def upsample(bench: Bench) -> Grid:
    op, x = bench.op, bench.inputs[0]
    given = on_axes(op.scale_factor if op.size is None else op.size, x.ndim - 1)
    sizes = given if op.size is not None else tuple(n * by for n, by in zip(x.shape[1:], given, strict=True))
    axes = [taps(n, o, op.mode, op.align_corners) for n, o in zip(x.shape[1:], sizes, strict=True)]

    def unit(place: tuple[int, ...]) -> Number:
        corners = list(itertools.product(*(axis[u] for axis, u in zip(axes, place[1:], strict=True))))
        values = [x[(place[0], *(at for at, _ in corner))] for corner in corners]
        if op.mode == "nearest":
            return values[0]
        shares = [float(math.prod(share for _, share in corner)) for corner in corners]
        if op.mode == "bicubic":  # its curve passes through 0 where a unit is read: an int, which the bench takes so
            shares = [share or 0 for share in shares]
        return add_up([value * share for value, share in zip(values, shares, strict=True)])

    return build((x.shape[0], *sizes), unit)
