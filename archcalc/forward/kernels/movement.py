"""Joins, interpolation, and what only moves values."""

from collections.abc import Sequence
from functools import reduce
from typing import Literal

import numpy as np

from archcalc.forward.kernels import Array
from archcalc.forward.kernels.window import Sides, padded

Mode = Literal["constant", "reflect", "replicate", "circular"]
_NUMPY_MODES: dict[Mode, Literal["reflect", "edge", "wrap"]] = {
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


def add(inputs: Sequence[Array]) -> Array:
    """The sum; sizes of 1 are stretched."""
    return reduce(np.add, inputs)


def mul(inputs: Sequence[Array]) -> Array:
    """The product; sizes of 1 are stretched."""
    return reduce(np.multiply, inputs)


def mean(inputs: Sequence[Array]) -> Array:
    """The mean; sizes of 1 are stretched."""
    return add(inputs) / len(inputs)


def largest(inputs: Sequence[Array]) -> Array:
    """The maximum; sizes of 1 are stretched."""
    return reduce(np.maximum, inputs)


def concat(inputs: Sequence[Array], axis: int) -> Array:
    """Side by side along an axis."""
    return np.concatenate(inputs, axis)


def cut(x: Array, axis: int, start: int, end: int | None, step: int = 1) -> Array:
    """The units from `start` up to but without `end` along an axis, every `step`-th of them."""
    return x[(*(slice(None),) * axis, slice(start, end, step))]


def split(x: Array, chunks: int, index: int, axis: int) -> Array:
    """Part `index` of `chunks` equal parts along an axis."""
    size = x.shape[axis] // chunks
    return cut(x, axis, index * size, (index + 1) * size)


def channel_shuffle(x: Array, groups: int) -> Array:
    """The channels of `groups` groups dealt out in turn."""
    return x.reshape(len(x), groups, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


def reshape(x: Array, shape: Sequence[int]) -> Array:
    """The same values of each sample in another shape."""
    return x.reshape(len(x), *shape)


def permute(x: Array, dims: Sequence[int]) -> Array:
    """Axes exchanged, the batch included."""
    return x.transpose(dims)


def pad(x: Array, sides: Sides, mode: Mode = "constant") -> Array:
    """Zeros, or values of the map itself, around the last axes; a negative side crops.

    As in torch, `reflect` sees what is cropped on the other side, and `circular` does not.
    """
    if mode == "constant":
        return padded(x, sides)
    crops = [(min(before, 0), min(after, 0)) for before, after in sides]
    if mode == "circular":
        x = padded(x, crops)
    widths = [(0, 0)] * (x.ndim - len(sides)) + [(max(before, 0), max(after, 0)) for before, after in sides]
    wide = np.pad(x, widths, mode=_NUMPY_MODES[mode])
    return wide if mode == "circular" else padded(wide, crops)


def upsample_nearest(x: Array, sizes: Sequence[int]) -> Array:
    """From n to o units on each spatial axis; unit i is ⌊i·n/o⌋."""
    for axis, o in enumerate(sizes, start=2):
        x = x.take(np.arange(o) * x.shape[axis] // o, axis)
    return x


def upsample_linear(x: Array, sizes: Sequence[int]) -> Array:
    """From n to o units on each spatial axis; unit i lies between the two units around (i + ½)·n/o − ½.

    Ahead of the first unit's centre it is the first unit, behind the last one's the last (align_corners false). A unit
    that lies on another reads no neighbour of it: not even 0 times, which is NaN if the neighbour is.
    """
    for axis, o in enumerate(sizes, start=2):
        n = x.shape[axis]
        low, rest = np.divmod(np.maximum((2 * np.arange(o) + 1) * n - o, 0), 2 * o)
        share = (rest / (2 * o)).astype(x.dtype).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        above = np.minimum(low + (rest > 0), n - 1)
        x = x.take(low, axis) * (1 - share) + x.take(above, axis) * share
    return x
