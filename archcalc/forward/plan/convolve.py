"""A convolution step: weights prepared for its algorithm, bound to maps."""

from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.forward.plan.conv import Geometry, Maps, im2col, pointwise, taps
from archcalc.forward.plan.depthwise import depthwise
from archcalc.forward.plan.steps import Memory, as_map, seen
from archcalc.forward.plan.tiles import Array, Epilogue, Scratch
from archcalc.forward.plan.values import Value
from archcalc.forward.plan.winograd import transform_weights, winograd
from archcalc.forward.plan.workers import Phase


class Convolution(Struct, frozen=True):
    """What is known of a convolution before it has memory; `beyond` is the number that padding holds, a channel each."""

    algorithm: str
    geometry: Geometry
    weights: Array
    epilogue: Epilogue
    beyond: Array | None


def prepare(algorithm: str, kernel: Array, groups: int, dtype: Any) -> Array:
    """A kernel (filters, channels of a group, height, width) as its algorithm reads it."""
    filters, channels, kh, kw = kernel.shape
    if algorithm == "depthwise":
        return np.ascontiguousarray(kernel[:, 0].transpose(1, 2, 0), dtype)
    if algorithm == "winograd":
        return transform_weights(kernel.transpose(2, 3, 1, 0), dtype)
    split = kernel.reshape(groups, filters // groups, channels, kh, kw).transpose(0, 3, 4, 2, 1)
    return np.ascontiguousarray(split.reshape(groups, kh * kw * channels, filters // groups), dtype)


def bind_convolution(
    convolution: Convolution,
    source: Value,
    residual: Value | None,
    target: Value,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    dtype = memory[target.storage].dtype
    rest = None if residual is None else as_map(seen(residual, memory))
    beyond = None if convolution.beyond is None else convolution.beyond.astype(dtype)
    maps = Maps(as_map(seen(source, memory)), as_map(seen(target, memory)), rest, source.limits, beyond)
    geometry, weights, epilogue = convolution.geometry, convolution.weights, convolution.epilogue
    if convolution.algorithm == "depthwise":
        return depthwise(maps, geometry, weights, epilogue, threads, scratch)
    if convolution.algorithm == "winograd":
        return winograd(maps, geometry, weights, epilogue, threads, scratch)
    if convolution.algorithm == "direct" and geometry.pointwise:
        return pointwise(maps, weights[0], epilogue, threads, scratch)
    if convolution.algorithm == "direct":
        return taps(maps, geometry, weights, epilogue, threads, scratch)
    return im2col(maps, geometry, weights, epilogue, threads, scratch)
