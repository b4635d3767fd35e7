"""Pooling: with windows, and over everything."""

import math
from collections.abc import Callable

import numpy as np

from archcalc.formats.compute.call import Call
from archcalc.formats.compute.geometry import windows_of
from archcalc.forward.kernels import Array, pool


def maxpool(call: Call, x: Array) -> Array | tuple[Array, ...]:
    """The maximum of each window; as a second output, where in the whole array it lies.

    Places count values in the order of rows, or with `storage_order` 1 each map column by column. A dilated window that
    has no point on the map has its maximum at −1.
    """
    windows = windows_of(call, x, call.need("kernel_shape"))
    positions = windows.positions(x.shape[2:], bool(call.get("ceil_mode", 0)))
    windows.check(call, x, positions)
    geometry = positions, windows.kernel, windows.stride, windows.before, windows.dilation
    largest = pool.maxpool(x, *geometry)
    if call.outputs < 2:
        return largest
    places = pool.maxpool_places(x, *geometry)
    sizes = x.shape[2:]
    inside = np.maximum(places, 0)
    if call.get("storage_order", 0):
        inside = np.ravel_multi_index(np.unravel_index(inside, sizes), sizes, order="F")
    maps = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *(1,) * len(sizes))
    return largest, np.where(places < 0, -1, inside + maps * math.prod(sizes))


def avgpool(call: Call, x: Array) -> Array:
    """The mean of each window, padding left out of it unless `count_include_pad` is 1."""
    windows = windows_of(call, x, call.need("kernel_shape"))
    positions = windows.positions(x.shape[2:], bool(call.get("ceil_mode", 0)))
    windows.check(call, x, positions)
    counted = bool(call.get("count_include_pad", 0))
    return pool.avgpool(x, positions, windows.kernel, windows.stride, windows.sides, counted, windows.dilation)


def lp_pool(call: Call, x: Array) -> Array:
    """The p-norm of each window."""
    windows = windows_of(call, x, call.need("kernel_shape"))
    positions = windows.positions(x.shape[2:], bool(call.get("ceil_mode", 0)))
    windows.check(call, x, positions)
    geometry = windows.kernel, windows.stride, windows.before, windows.dilation
    return pool.lp_pool(np.abs(x), positions, *geometry, call.get("p", 2))


def global_avgpool(_: Call, x: Array) -> Array:
    """The mean of each channel."""
    return pool.global_avgpool(x)


def global_maxpool(_: Call, x: Array) -> Array:
    """The maximum of each channel."""
    return pool.global_maxpool(x)


OPERATORS: dict[str, Callable[..., Array | tuple[Array, ...]]] = {
    "AveragePool": avgpool,
    "GlobalAveragePool": global_avgpool,
    "GlobalMaxPool": global_maxpool,
    "LpPool": lp_pool,
    "MaxPool": maxpool,
}
