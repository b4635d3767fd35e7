"""Pooling: with windows, adaptive, and over everything."""

import itertools
from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np

from archcalc.forward.kernels import Array, along
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
    window that hangs over (`ceil_mode`), is −∞, and so is the maximum of a dilated window that has no point on the map.
    """
    return reduce(np.maximum, _taps(x, positions, kernel, stride, before, dilation, -np.inf))


def avgpool(
    x: Array,
    positions: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    sides: Sides,
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window: (N, C, *n) gives (N, C, *positions).

    The sum is divided by the units of the window that lie on the padded map, or with `count_include_pad` false on the
    map itself. What hangs over the padded map (`ceil_mode`) never counts. Source: torch's avg_pool2d.
    """
    before = [ahead for ahead, _ in sides]
    summed = reduce(np.add, _taps(x, positions, kernel, stride, before, [1] * len(sides), 0.0))
    for axis, (n, count, k, s, (ahead, behind)) in enumerate(
        zip(x.shape[2:], positions, kernel, stride, sides, strict=True), start=2
    ):
        begin = np.arange(count) * s - ahead
        first, end = (-ahead, n + behind) if count_include_pad else (0, n)
        units = np.minimum(begin + k, end) - np.maximum(begin, first)
        summed = summed / along(units.astype(x.dtype), axis, x.ndim)
    return summed


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
