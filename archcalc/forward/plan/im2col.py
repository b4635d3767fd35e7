"""Convolutions as matrix products of windows, copied a few rows of the output at a time."""

from functools import partial

import numpy as np
from msgspec import structs
from numpy.lib.stride_tricks import as_strided

from archcalc.forward.plan.conv import FEW_PIXELS, MANY_PIXELS, products
from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.halo import Halo, Maps, as_matrix, by_groups, needed_rows, pixels_last, rows_of, windows_of
from archcalc.forward.plan.product import Packed, Product, multiply
from archcalc.forward.plan.tiles import FREE, TILE, Array, Constants, Epilogue, Scratch, pieces
from archcalc.forward.plan.workers import Call, Phase

PATCHES = 131_072
"""Values of the matrix that windows are copied into, unless that is too few pixels."""

WIDE = 24
"""Pixels of a row from which on each row of the output may be a product of its own, where weights are in blocks."""

WIDE_WHOLE = 192
"""Likewise where they are not: each product rearranges all weights, which costs more than copying each row often."""


def im2col(
    maps: Maps, geometry: Geometry, weights: Packed, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """Any convolution; for each group a matrix of kernel height · kernel width · its channels × its filters."""
    samples, filters, height, width = maps.target.shape
    groups, deep = geometry.groups, weights.values.shape[2]
    few = FEW_PIXELS if weights.rows else MANY_PIXELS
    if groups == 1 and samples * height * width < few * threads and filters >= 16 * threads:
        return _im2col_by_filters(maps, geometry, weights, epilogue, threads, scratch)
    wide = width >= (WIDE if weights.rows else WIDE_WHOLE)
    tall = groups == 1 and geometry.dilation[0] == 1 and wide
    size = _tall_rows(geometry, deep, width, filters) if tall else _flat_rows(weights, groups * deep, width)
    size = min(size, -(-samples * height // threads))
    product = Product(weights, epilogue)
    phase: list[list[Call]] = []
    target = pixels_last(maps.target)
    residual = None if maps.residual is None else pixels_last(maps.residual)
    for thread, share in enumerate(rows_of(maps.target, threads)):
        halo = Halo(maps, geometry, needed_rows(geometry, size), thread, scratch)
        across = needed_rows(geometry, size) * (deep // geometry.kernel[0]) if tall else size * groups * deep
        patches = scratch.own(thread, (across * width,), target.dtype)
        spare = epilogue.spare(scratch, thread, (size * width, filters), target.dtype)
        calls = halo.sides()
        for image, rows in share:
            for piece in pieces(rows, size):
                count = len(piece)
                first = piece.start * geometry.stride[0]
                loads, here = halo.load(image, first, needed_rows(geometry, count), product.constants)
                copy, read = (_copied_tall if tall else _copied_flat)(here, geometry, count, width, patches)
                made = target[image, piece.start : piece.stop]
                tile = as_matrix(made)
                if not tall:
                    made = by_groups(tile, groups).transpose(1, 0, 2)
                rest = None if residual is None else as_matrix(residual[image, piece.start : piece.stop])
                calls += [*loads, copy, *multiply(read, weights, range(filters // groups), made)]
                calls += product.finish(tile, range(filters), rest, spare)
        phase.append(calls)
    return [tuple(phase)]


def _flat_rows(weights: Packed, deep: int, width: int) -> int:
    pixels = max(min(weights.rows or MANY_PIXELS, MANY_PIXELS), PATCHES // deep)
    return max(1, pixels // width)


def _tall_rows(geometry: Geometry, deep: int, width: int, filters: int) -> int:
    """The more rows at a time, the fewer are copied twice, as long as what is made of them stays in the cache."""
    a_row = width * geometry.stride[0] * (deep // geometry.kernel[0])
    return max(1, min(PATCHES // a_row, 3 * TILE // (width * filters)))


def _copied_flat(rows: Array, geometry: Geometry, count: int, width: int, patches: Array) -> tuple[Call, Array]:
    """All windows one below the other, for each group: (groups, pixels, points of the kernel · channels)."""
    windows = by_groups(windows_of(rows, geometry, count, width), geometry.groups)
    copied = patches[: windows.size].reshape(geometry.groups, count, width, *geometry.kernel, -1)
    return partial(np.copyto, copied, np.moveaxis(windows, -2, 0)), copied.reshape(geometry.groups, count * width, -1)


def _copied_tall(rows: Array, geometry: Geometry, count: int, width: int, patches: Array) -> tuple[Call, Array]:
    """The windows of each input row, below those of the row above it: windows of an output row lie in one piece there.

    So each row is copied once for all output rows that read it. The result is (rows, width, points · channels).
    """
    (kh, kw), (sh, sw), (_, dw) = geometry.kernel, geometry.stride, geometry.dilation
    height, _, channels = rows.shape
    down, right, deep = rows.strides
    across = as_strided(rows, (height, width, kw, channels), (down, right * sw, right * dw, deep))
    copied = patches[: across.size].reshape(width, height, kw, channels)
    column, row, _, _ = copied.strides
    windows = as_strided(copied, (count, width, kh * kw * channels), (row * sh, column, copied.itemsize))
    return partial(np.copyto, copied.transpose(1, 0, 2, 3), across), windows


def _im2col_by_filters(
    maps: Maps, geometry: Geometry, weights: Packed, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """Few pixels and many filters: all windows are copied first, then each thread computes some of the filters."""
    samples, _, height, width = maps.target.shape
    deep = weights.values.shape[2]
    patches = scratch.shared((samples, height, width, deep), maps.target.dtype)
    constants = Constants()
    copying: list[list[Call]] = []
    for thread, share in enumerate(rows_of(maps.target, threads)):
        most = max((len(rows) for _, rows in share), default=1)
        halo = Halo(maps, geometry, needed_rows(geometry, most), thread, scratch)
        calls = halo.sides()
        for image, rows in share:
            loads, here = halo.load(image, rows.start * geometry.stride[0], needed_rows(geometry, len(rows)), constants)
            windows = windows_of(here, geometry, len(rows), width)
            copied = patches[image, rows.start : rows.stop].reshape(windows.shape)
            calls += [*loads, partial(np.copyto, copied, windows)]
        copying.append(calls)
    unlimited = structs.replace(maps, limits=FREE)
    return [tuple(copying), *products(patches.reshape(-1, deep), unlimited, weights, epilogue, threads, scratch)]
