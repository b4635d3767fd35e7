"""A convolution step: weights prepared for its algorithm, bound to maps."""

from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.forward.plan.choose import FORMS, Algorithm
from archcalc.forward.plan.conv import pointwise, taps
from archcalc.forward.plan.depthwise import depthwise
from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.halo import Maps
from archcalc.forward.plan.im2col import im2col
from archcalc.forward.plan.product import Packed, pack
from archcalc.forward.plan.steps import Memory, as_map
from archcalc.forward.plan.tiles import Array, Epilogue, Scratch
from archcalc.forward.plan.values import Value
from archcalc.forward.plan.winograd import transform_weights, winograd
from archcalc.forward.plan.workers import Phase


class Convolution(Struct, frozen=True):
    """What is known of a convolution before it has memory; `beyond` are the numbers that padding holds, by channel."""

    algorithm: Algorithm
    geometry: Geometry
    weights: Packed
    epilogue: Epilogue
    beyond: Array | None


def prepare(algorithm: Algorithm, geometry: Geometry, kernel: Array, dtype: Any, fewest: int | None) -> Packed:
    """A kernel (filters, channels of a group, height, width) as its algorithm reads it; `fewest` as for `pack`."""
    groups, (filters, channels, kh, kw) = geometry.groups, kernel.shape
    if algorithm == "depthwise":
        return Packed(np.ascontiguousarray(kernel[:, 0].transpose(1, 2, 0), dtype))
    if algorithm in FORMS:
        return pack(transform_weights(kernel.transpose(2, 3, 1, 0), FORMS[algorithm]).astype(dtype), fewest)
    split = kernel.reshape(groups, filters // groups, channels, kh, kw).transpose(0, 3, 4, 2, 1)
    matrices = split.reshape(groups, kh * kw * channels, filters // groups).astype(dtype)
    if algorithm == "direct" and not (geometry.pointwise and groups == 1):
        return Packed(matrices)
    return pack(matrices, fewest)


def bind_convolution(
    convolution: Convolution,
    source: Value,
    residual: Value | None,
    target: Value,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """The calls of a convolution on its maps."""
    dtype = memory[target.storage].dtype
    rest = None if residual is None else as_map(residual.seen(memory))
    beyond = None if convolution.beyond is None else convolution.beyond.astype(dtype)
    maps = Maps(as_map(source.seen(memory)), as_map(target.seen(memory)), rest, source.limits, beyond)
    geometry, weights, epilogue = convolution.geometry, convolution.weights, convolution.epilogue
    if convolution.algorithm == "depthwise":
        return depthwise(maps, geometry, weights.values, epilogue, threads, scratch)
    if convolution.algorithm in FORMS:
        return winograd(maps, geometry, weights, FORMS[convolution.algorithm], epilogue, threads, scratch)
    if convolution.algorithm == "im2col":
        return im2col(maps, geometry, weights, epilogue, threads, scratch)
    if geometry.pointwise and geometry.groups == 1:
        return pointwise(maps, weights, epilogue, threads, scratch)
    return taps(maps, geometry, weights.values, epilogue, threads, scratch)
