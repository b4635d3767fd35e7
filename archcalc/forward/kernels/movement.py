"""Joins, interpolation, and what only moves values."""

from collections.abc import Sequence
from functools import reduce
from typing import Literal

import numpy as np
import numpy.typing as npt

from archcalc.forward.kernels import Array
from archcalc.forward.kernels.resample import Curve, between, resample, triangle
from archcalc.forward.kernels.window import Sides, padded

DealtOut = Literal["crd", "dcr"]
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


def sub(a: Array, b: Array) -> Array:
    """The difference; sizes of 1 are stretched."""
    difference: Array = a - b
    return difference


def div(a: Array, b: Array) -> Array:
    """The quotient; sizes of 1 are stretched. What is divided by 0 is infinite, or NaN."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient: Array = a / b
    return quotient


def mean(inputs: Sequence[Array]) -> Array:
    """The mean; sizes of 1 are stretched."""
    return add(inputs) / len(inputs)


def largest(inputs: Sequence[Array]) -> Array:
    """The maximum; sizes of 1 are stretched."""
    return reduce(np.maximum, inputs)


def smallest(inputs: Sequence[Array]) -> Array:
    """The minimum; sizes of 1 are stretched."""
    return reduce(np.minimum, inputs)


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


def pixel_shuffle(x: Array, factor: int, mode: DealtOut = "crd") -> Array:
    """Channels dealt out to the places of r×r blocks: (N, C·r², H, W) gives (N, C, H·r, W·r).

    The channels are C, r, r in mode `crd`, and r, r, C in mode `dcr`.
    """
    samples, channels, height, width = x.shape
    c, r = channels // factor**2, factor
    if mode == "crd":
        blocks = x.reshape(samples, c, r, r, height, width).transpose(0, 1, 4, 2, 5, 3)
    else:
        blocks = x.reshape(samples, r, r, c, height, width).transpose(0, 3, 4, 1, 5, 2)
    return blocks.reshape(samples, c, height * r, width * r)


def pixel_unshuffle(x: Array, factor: int, mode: DealtOut = "crd") -> Array:
    """The places of r×r blocks dealt out to channels: what undoes `pixel_shuffle`."""
    samples, c, height, width = x.shape
    r = factor
    blocks = x.reshape(samples, c, height // r, r, width // r, r)
    order = (0, 1, 3, 5, 2, 4) if mode == "crd" else (0, 3, 5, 1, 2, 4)
    return blocks.transpose(order).reshape(samples, c * r * r, height // r, width // r)


def roll(x: Array, shifts: Sequence[int], axes: Sequence[int]) -> Array:
    """Units moved along axes; what leaves at one end comes back at the other."""
    return np.roll(x, tuple(shifts), tuple(axes))


def expand(x: Array, shape: Sequence[int]) -> Array:
    """Sizes of 1 stretched to those of `shape`, which leaves the batch out and may begin with further axes."""
    new = len(shape) - (x.ndim - 1)
    return np.broadcast_to(x.reshape(len(x), *(1,) * new, *x.shape[1:]), (len(x), *shape))


def index_select(x: Array, axis: int, index: Sequence[int]) -> Array:
    """Some units along an axis, in the order of `index`."""
    return x.take(index, axis)


def repeated(value: float, shape: Sequence[int], dtype: npt.DTypeLike = np.float64) -> Array:
    """One number seen as an array, which cannot be written to and takes no memory."""
    stored = np.array(value, dtype)
    return np.ndarray(tuple(shape), stored.dtype, stored.tobytes(), strides=(0,) * len(shape))


def reshape(x: Array, shape: Sequence[int]) -> Array:
    """The same values of each sample in another shape."""
    return x.reshape(len(x), *shape)


def permute(x: Array, dims: Sequence[int]) -> Array:
    """Axes exchanged, the batch included."""
    return x.transpose(dims)


def pad(x: Array, sides: Sides, mode: Mode = "constant", value: float = 0.0) -> Array:
    """One value, or values of the map itself, around the last axes; a negative side crops.

    As in torch, `reflect` sees what is cropped on the other side, and `circular` does not.
    """
    if mode == "constant":
        return padded(x, sides, value)
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


def interpolated(
    x: Array, sizes: Sequence[int], align_corners: bool = False, curve: Curve = triangle, reach: int = 1
) -> Array:
    """From n to o units on each spatial axis; unit i is a sum of the units less than `reach` from (i + ½)·n/o − ½.

    `curve` says how much one counts, by its distance. Beyond the map are the units at its edge. With `align_corners`
    unit i lies at i·(n − 1)/(o − 1).
    """
    for axis, o in enumerate(sizes, start=2):
        n, units = x.shape[axis], np.arange(o)
        points = units * (n - 1) / max(o - 1, 1) if align_corners else ((2 * units + 1) * n - o) / (2 * o)
        x = resample(x, axis, *between(points, n, curve, reach))
    return x
