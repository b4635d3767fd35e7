"""Pooling: with windows, adaptive, and over everything."""

import itertools
from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np

from archcalc.forward.kernels import Array, along, lowest
from archcalc.forward.kernels.function import power
from archcalc.forward.kernels.window import Sides, padded, span_of, windows


def maxpool(
    x: Array,
    positions: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    before: Sequence[int],
    dilation: Sequence[int],
) -> Array:
    """The maximum of each window: (N, C, *n) gives (N, C, *positions).

    The first window begins `before` units ahead of the map. What lies beyond the map, padding or the end of a last
    window that hangs over (`ceil_mode`), is −∞ (of whole numbers the lowest), and so is the maximum of a dilated window
    that has no point on the map.
    """
    return reduce(np.maximum, _taps(x, positions, kernel, stride, before, dilation, lowest(x.dtype)))


def maxpool_places(
    x: Array,
    positions: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    before: Sequence[int],
    dilation: Sequence[int],
) -> Array:
    """Where in its map the maximum of each window lies: its unit counted row by row, of equal ones the first.

    The arguments are those of `maxpool`; a window that has no point on the map has its maximum at −1.
    """
    sizes = x.shape[2:]
    best = np.full((*x.shape[:2], *positions), lowest(x.dtype), x.dtype)
    found = np.full(best.shape, -1, np.int64)
    taps = _taps(x, positions, kernel, stride, before, dilation, lowest(x.dtype))
    for tap, values in zip(np.ndindex(*kernel), taps, strict=True):
        units = [
            np.arange(count) * s + t * d - ahead
            for count, s, t, d, ahead in zip(positions, stride, tap, dilation, before, strict=True)
        ]
        grid = np.meshgrid(*units, indexing="ij", sparse=True)
        inside = reduce(np.logical_and, [(unit >= 0) & (unit < n) for unit, n in zip(grid, sizes, strict=True)])
        place = np.ravel_multi_index(grid, sizes, mode="clip")
        better = inside & ((values > best) | (found < 0))
        best, found = np.where(better, values, best), np.where(better, place, found)
    return found


def avgpool(
    x: Array,
    positions: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    sides: Sides,
    count_include_pad: bool = True,
    dilation: Sequence[int] | None = None,
) -> Array:
    """The mean of each window: (N, C, *n) gives (N, C, *positions).

    The sum is divided by the units of the window that lie on the padded map, or with `count_include_pad` false on the
    map itself. What hangs over the padded map (`ceil_mode`) never counts; a window without any unit has no mean, NaN.
    Source: torch's avg_pool2d; ONNX's AveragePool for `dilation`, which is 1 unless told.
    """
    before = [ahead for ahead, _ in sides]
    dilation = [1] * len(sides) if dilation is None else dilation
    summed = reduce(np.add, _taps(x, positions, kernel, stride, before, dilation, 0.0))
    for axis, (n, count, k, s, (ahead, behind), d) in enumerate(
        zip(x.shape[2:], positions, kernel, stride, sides, dilation, strict=True), start=2
    ):
        begin = np.arange(count) * s - ahead
        first, end = (-ahead, n + behind) if count_include_pad else (0, n)
        # Its points are begin, begin + d, …: those from `first` on, up to `end`.
        seen = np.minimum(-((begin - end) // d), k) - np.maximum(-((begin - first) // d), 0)
        units = np.maximum(seen, 0)
        summed = summed / along(units.astype(x.dtype), axis, x.ndim)
    return summed


def lp_pool(
    x: Array,
    positions: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    before: Sequence[int],
    dilation: Sequence[int],
    p: int | float = 2,
) -> Array:
    """The p-norm of each window, (Σ x^p)^(1/p): (N, C, *n) gives (N, C, *positions).

    The first window begins `before` units ahead of the map; what lies beyond the map counts as 0. A sum below zero,
    which an odd p makes of numbers below zero, has no root but for p = 1: it is NaN, as in torch; ONNX gives |x|.
    """
    summed = reduce(np.add, _taps(power(x, p), positions, kernel, stride, before, dilation, 0.0))
    return summed if p == 1 else power(summed, 1 / p)


def _taps(
    x: Array,
    positions: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    before: Sequence[int],
    dilation: Sequence[int],
    beyond: float,
) -> Iterator[Array]:
    """For each point of the kernel, what it meets at all positions."""
    axes = zip(x.shape[2:], positions, kernel, stride, before, dilation, strict=True)
    # As much behind the map as the last window reads; less than nothing where it leaves rows unread.
    sides = [(ahead, (count - 1) * s + span_of(k, d) - ahead - n) for n, count, k, s, ahead, d in axes]
    seen = windows(padded(x, sides, beyond), kernel, stride, dilation)
    return (seen[(..., *tap)] for tap in np.ndindex(*kernel))


def adaptive_maxpool(x: Array, bins: Sequence[int]) -> Array:
    """The maximum of each bin: unit i of o reads ⌊i·n/o⌋ … ⌈(i + 1)·n/o⌉ − 1 of n on each axis."""
    for axis, count in enumerate(bins, start=2):
        x = np.stack([part.max(axis) for part in _bins(x, axis, count)], axis)
    return x


def adaptive_avgpool(x: Array, bins: Sequence[int]) -> Array:
    """The mean of each bin; a bin is a box, so that means may be taken axis by axis."""
    for axis, count in enumerate(bins, start=2):
        x = np.stack([part.mean(axis) for part in _bins(x, axis, count)], axis)
    return x


def _bins(x: Array, axis: int, count: int) -> Iterator[Array]:
    n = x.shape[axis]
    edges = ((i * n // count, -(-(i + 1) * n // count)) for i in range(count))
    leading = (slice(None),) * axis
    return itertools.starmap(lambda begin, end: x[(*leading, slice(begin, end))], edges)


def global_maxpool(x: Array) -> Array:
    """The maximum of each channel: (N, C, *n) gives (N, C, *1)."""
    largest: Array = x.max(axis=tuple(range(2, x.ndim)), keepdims=True)
    return largest


def global_avgpool(x: Array) -> Array:
    """The mean of each channel: (N, C, *n) gives (N, C, *1)."""
    mean: Array = x.mean(axis=tuple(range(2, x.ndim)), keepdims=True)
    return mean
