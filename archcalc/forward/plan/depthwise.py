"""Depthwise convolutions: every channel by itself, so there is no matrix product to be had.

A tile's windows are a view with the kernel's two axes and the channels of a whole row of pixels as one; `einsum` sums
over the kernel in one pass a point, where a multiplication and an addition would take two.
"""

from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided

from archcalc.forward.plan.conv import Geometry, Halo, Maps, as_matrix, needed_rows, pixels_last, rows_of, windows_of
from archcalc.forward.plan.tiles import TILE, Array, Constants, Epilogue, Scratch, finish, pieces
from archcalc.forward.plan.workers import Call, Phase


def depthwise(maps: Maps, geometry: Geometry, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch) -> list[Phase]:
    """`weights` are (kernel height, kernel width, channels)."""
    _, channels, _, width = maps.target.shape
    size = max(1, TILE // (width * channels))
    constants = Constants(size * width)
    target = pixels_last(maps.target)
    residual = None if maps.residual is None else pixels_last(maps.residual)
    wide = np.ascontiguousarray(np.broadcast_to(weights[:, :, None], (*geometry.kernel, width, channels)))
    phase = []
    for thread, share in enumerate(rows_of(maps.target, threads)):
        halo = Halo(maps, geometry, needed_rows(geometry, size), thread, scratch)
        spare = scratch.own(thread, (size * width, channels), target.dtype) if epilogue.curve else None
        calls = halo.sides()
        for image, rows in share:
            for piece in pieces(rows, size):
                count = len(piece)
                loads, here = halo.load(
                    image, piece.start * geometry.stride[0], needed_rows(geometry, count), constants
                )
                rows_out = target[image, piece.start : piece.stop]
                calls += [*loads, _sum(windows_of(here, geometry, count, width), wide, weights, rows_out)]
                tile = as_matrix(rows_out)
                rest = None if residual is None else as_matrix(residual[image, piece.start : piece.stop])
                unused = tile if spare is None else spare[: len(tile)]
                calls += finish(tile, epilogue, range(channels), constants, unused, rest)
        phase.append(calls)
    return [tuple(phase)]


def _sum(windows: Array, wide: Array, weights: Array, out: Array) -> Call:
    """The products of windows and weights summed over the kernel's two axes."""
    count, width, kh, kw, channels = windows.shape
    down, right, tap_down, tap_right, deep = windows.strides
    if right == channels * deep and out.strides[1] == channels * deep:
        rows = as_strided(windows, (count, kh, kw, width * channels), (down, tap_down, tap_right, deep))
        flat = as_strided(out, (count, width * channels), (out.strides[0], deep))
        return partial(np.einsum, "rijx,ijx->rx", rows, wide.reshape(kh, kw, -1), out=flat)
    return partial(np.einsum, "rxijc,ijc->rxc", windows, weights, out=out)
