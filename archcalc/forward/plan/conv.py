"""Convolutions without copies: a 1×1 convolution is a product of pixels × channels with channels × filters.

Taken at its word, any convolution is a sum of such products, one for each point of its kernel.
"""

from functools import partial

import numpy as np

from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.halo import Halo, Maps, as_matrix, by_groups, needed_rows, pixels_last, rows_of, windows_of
from archcalc.forward.plan.product import Packed, Product
from archcalc.forward.plan.tiles import TILE, Array, Epilogue, Limits, Scratch, limit, matrix, over, pieces
from archcalc.forward.plan.workers import Call, Phase

FEW_PIXELS = 64
"""Pixels of a thread below which it is better to share out the filters: each weight is then read by one thread only."""

MANY_PIXELS = 192
"""Below as many pixels, a product of unblocked weights spends more than a tenth of its time on rearranging them."""


def pointwise(maps: Maps, weights: Packed, epilogue: Epilogue, threads: int, scratch: Scratch) -> list[Phase]:
    """A 1×1 convolution of stride 1."""
    return products(in_pixels(maps.source), maps, weights, epilogue, threads, scratch)


def in_pixels(view: Array) -> Array:
    """A map as pixels × channels."""
    pixels = matrix(view)
    if pixels is None:
        raise ValueError("a product needs channels last in memory")
    return pixels


def products(
    source: Array, maps: Maps, weights: Packed, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """The target of `maps` = `source` · weights, shared out by pixels, or by filters where there are few pixels."""
    target = in_pixels(maps.target)
    residual = None if maps.residual is None else in_pixels(maps.residual)
    pixels, filters = target.shape
    few = FEW_PIXELS if weights.rows else MANY_PIXELS
    if pixels < few * threads and filters >= 16 * threads:
        return _by_filters(source, target, residual, maps.limits, weights, epilogue, threads, scratch)
    rows = weights.rows or MANY_PIXELS
    size = rows * max(1, TILE // (filters * rows))
    product = Product(weights, epilogue)
    phase: list[list[Call]] = []
    for thread, part in enumerate(over(pixels, threads)):
        calls: list[Call] = []
        limited = scratch.own(thread, (size, source.shape[1]), source.dtype) if not maps.limits.idle else None
        spare = epilogue.spare(scratch, thread, (size, filters), target.dtype)
        for begin in range(part.start, part.stop, size):
            here = slice(begin, min(begin + size, part.stop))
            read = source[here]
            if limited is not None:
                inside = limited[: len(read)]
                calls += limit(read, inside, maps.limits, range(source.shape[1]), product.constants)
                read = inside
            rest = None if residual is None else residual[here]
            calls += product.calls(read, target[here], range(filters), rest, spare)
        phase.append(calls)
    return [tuple(phase)]


def _by_filters(
    source: Array,
    target: Array,
    residual: Array | None,
    limits: Limits,
    weights: Packed,
    epilogue: Epilogue,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    phases: list[Phase] = []
    pixels, filters = target.shape
    product = Product(weights, epilogue)
    if not limits.idle:
        limited = scratch.shared(source.shape, source.dtype)
        first = []
        for part in over(pixels, threads):
            here = slice(part.start, part.stop)
            first.append(limit(source[here], limited[here], limits, range(source.shape[1]), product.constants))
        phases.append(tuple(first))
        source = limited
    phase = []
    width = weights.width if weights.rows else 1
    for thread, blocks in enumerate(over(-(-filters // width), threads)):
        part = range(min(blocks.start * width, filters), min(blocks.stop * width, filters))
        tile = target[:, part.start : part.stop]
        rest = None if residual is None else residual[:, part.start : part.stop]
        spare = epilogue.spare(scratch, thread, (pixels, len(part)), target.dtype)
        phase.append(product.calls(source, tile, part, rest, spare) if part else [])
    return [*phases, tuple(phase)]


def taps(
    maps: Maps, geometry: Geometry, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """The definition, taken at its word: a product for each point of the kernel, added up.

    `weights` are (groups, kernel height · kernel width · channels of a group, filters of a group).
    """
    _, filters, _, width = maps.target.shape
    groups, deep, per_group = weights.shape
    kh, kw = geometry.kernel
    points = weights.reshape(groups, kh, kw, deep // (kh * kw), per_group)
    size = max(1, TILE // (width * filters))
    product = Product(Packed(points), epilogue)
    target = pixels_last(maps.target)
    residual = None if maps.residual is None else pixels_last(maps.residual)
    phase: list[list[Call]] = []
    for thread, share in enumerate(rows_of(maps.target, threads)):
        halo = Halo(maps, geometry, needed_rows(geometry, size), thread, scratch)
        term = scratch.own(thread, (size, groups, width, per_group), target.dtype)
        spare = epilogue.spare(scratch, thread, (size * width, filters), target.dtype)
        calls = halo.sides()
        for image, rows in share:
            for piece in pieces(rows, size):
                count = len(piece)
                loads, here = halo.load(
                    image, piece.start * geometry.stride[0], needed_rows(geometry, count), product.constants
                )
                calls += loads
                out = target[image, piece.start : piece.stop]
                split = by_groups(out, groups).transpose(0, 2, 1, 3)
                windows = by_groups(windows_of(here, geometry, count, width), groups).transpose(2, 3, 0, 4, 1, 5)
                for i in range(kh):
                    for j in range(kw):
                        first = i == j == 0
                        into = split if first else term[:count]
                        calls.append(partial(np.matmul, windows[i, j], points[:, i, j], out=into))
                        if not first:
                            calls.append(partial(np.add, split, into, out=split))
                tile = as_matrix(out)
                rest = None if residual is None else as_matrix(residual[image, piece.start : piece.stop])
                calls += product.finish(tile, range(filters), rest, spare)
        phase.append(calls)
    return [tuple(phase)]
