"""Depthwise convolutions: every channel by itself, so there is no matrix product to be had.

A tile's windows are a view with the kernel's two axes and the channels of a whole row of pixels as one; `einsum` sums
over the kernel in one pass a point, where a multiplication and an addition would take two. For strides, the columns are
dealt out first, those that a point of the kernel meets one after the other.
"""

from functools import partial

import numpy as np
from msgspec import structs
from numpy.lib.stride_tricks import as_strided

from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.halo import Halo, Maps, as_matrix, needed_rows, pixels_last, rows_of, windows_of
from archcalc.forward.plan.tiles import TILE, Array, Constants, Epilogue, Scratch, finish, pieces
from archcalc.forward.plan.workers import Call, Phase


def depthwise(
    maps: Maps, geometry: Geometry, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """`weights` are (kernel height, kernel width, channels)."""
    _, channels, _, width = maps.target.shape
    size = max(1, TILE // (width * channels))
    constants = Constants()
    target = pixels_last(maps.target)
    residual = None if maps.residual is None else pixels_last(maps.residual)
    (kh, kw), stride = geometry.kernel, geometry.stride[1]
    wide = np.ascontiguousarray(np.broadcast_to(weights[:, :, None], (kh, kw, width, channels)))
    phases = min(stride, kw) if geometry.dilation[1] == 1 else 1
    padded = geometry if phases == 1 else _reaching(geometry, maps.source.shape[3], width)
    phase: list[list[Call]] = []
    for thread, share in enumerate(rows_of(maps.target, threads)):
        halo = Halo(maps, padded, needed_rows(geometry, size), thread, scratch, phases=stride if phases > 1 else 1)
        term = scratch.own(thread, (size, width * channels), target.dtype) if phases > 1 else None
        spare = epilogue.spare(scratch, thread, (size * width, channels), target.dtype)
        calls = halo.sides()
        for image, rows in share:
            for piece in pieces(rows, size):
                first = piece.start * geometry.stride[0]
                loads, here = halo.load(image, first, needed_rows(geometry, len(piece)), constants)
                made = target[image, piece.start : piece.stop]
                calls += loads
                if term is None:
                    calls += _sums(windows_of(here, geometry, len(piece), width), wide, weights, made)
                else:
                    calls += _sums_by_phases(here, geometry, wide, made, term[: len(piece)])
                tile = as_matrix(made)
                rest = None if residual is None else as_matrix(residual[image, piece.start : piece.stop])
                calls += finish(tile, epilogue, range(channels), constants, spare, rest)
        phase.append(calls)
    return [tuple(phase)]


def _reaching(geometry: Geometry, size: int, width: int) -> Geometry:
    """The same with as much padding behind as makes all phases reach as far as the last window."""
    (kw, sw), (rows, (left, right)) = (geometry.kernel[1], geometry.stride[1]), geometry.padding
    columns = (width - 1 + -(-kw // sw)) * sw
    return structs.replace(geometry, padding=(rows, (left, max(right, columns - left - size))))


def _sums(windows: Array, wide: Array, weights: Array, out: Array) -> list[Call]:
    """`out` (rows × width × channels) becomes the products of windows and weights, summed over the kernel."""
    count, width, kh, kw, channels = windows.shape
    down, right, tap_down, tap_right, deep = windows.strides
    if right == channels * deep == out.strides[1]:
        joined = as_strided(windows, (count, kh, kw, width * channels), (down, tap_down, tap_right, deep))
        return [partial(np.einsum, "rijx,ijx->rx", joined, wide.reshape(kh, kw, -1), out=_rows(out))]
    return [partial(np.einsum, "rxijc,ijc->rxc", windows, weights, out=out)]


def _sums_by_phases(rows: Array, geometry: Geometry, wide: Array, out: Array, term: Array) -> list[Call]:
    """The same, where columns 0, s, 2·s, … come first, then 1, s + 1, …: in each phase the stride across is 1."""
    (kh, kw), (sh, sw), (dh, _) = geometry.kernel, geometry.stride, geometry.dilation
    count, width, channels = out.shape
    flat = out.strides[1] == channels * out.itemsize
    calls: list[Call] = []
    down, _, right, deep = rows.strides
    for number in range(min(sw, kw)):
        phase, taps = rows[:, number], len(range(number, kw, sw))
        joined = as_strided(phase, (count, kh, taps, width * channels), (down * sh, down * dh, right, deep))
        into = _rows(out) if flat and number == 0 else term
        calls.append(partial(np.einsum, "rijx,ijx->rx", joined, wide.reshape(kh, kw, -1)[:, number::sw], out=into))
        if number:
            calls.append(partial(np.add, out, term.reshape(out.shape), out=out))
        elif not flat:
            calls.append(partial(np.copyto, out, term.reshape(out.shape)))
    return calls


def _rows(out: Array) -> Array:
    """Rows × width × channels as rows × everything, without a copy."""
    count, width, channels = out.shape
    return as_strided(out, (count, width * channels), (out.strides[0], out.itemsize))
