"""Depthwise convolutions: every channel by itself, so there is no matrix product to be had.

A tile's windows are a view with the kernel's two axes and the channels of a whole row of pixels as one; `einsum` sums
over the kernel in one pass a point, where a multiplication and an addition would take two. For strides, the columns are
dealt out first, those that a point of the kernel meets one after the other.
"""

from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided

from archcalc.forward.plan.conv import Geometry, Halo, Maps, as_matrix, needed_rows, pixels_last, rows_of, windows_of
from archcalc.forward.plan.tiles import TILE, Array, Constants, Epilogue, Scratch, finish, pieces
from archcalc.forward.plan.workers import Call, Phase


def depthwise(
    maps: Maps, geometry: Geometry, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
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
        sums = _Sums(geometry, wide, weights, size, thread, scratch)
        spare = scratch.own(thread, (size * width, channels), target.dtype) if epilogue.curve else None
        calls = halo.sides()
        for image, rows in share:
            for piece in pieces(rows, size):
                first = piece.start * geometry.stride[0]
                loads, here = halo.load(image, first, needed_rows(geometry, len(piece)), constants)
                made = target[image, piece.start : piece.stop]
                calls += [*loads, *sums.calls(here, made)]
                tile = as_matrix(made)
                rest = None if residual is None else as_matrix(residual[image, piece.start : piece.stop])
                unused = tile if spare is None else spare[: len(tile)]
                calls += finish(tile, epilogue, range(channels), constants, unused, rest)
        phase.append(calls)
    return [tuple(phase)]


class _Sums:
    """The products of windows and weights, summed over the kernel, for tiles of one thread."""

    def __init__(
        self, geometry: Geometry, wide: Array, weights: Array, rows: int, thread: int, scratch: Scratch
    ) -> None:
        self.geometry, self.wide, self.weights = geometry, wide, weights
        (kh, kw), (_, sw), (_, dw) = geometry.kernel, geometry.stride, geometry.dilation
        width, channels = wide.shape[2:]
        self.dealt = sw > 1 and dw == 1
        self.columns = width - 1 + -(-kw // sw)
        if self.dealt:
            shape = (min(sw, kw), needed_rows(geometry, rows), self.columns, channels)
            self.phases = scratch.own(thread, shape, wide.dtype)
            self.term = scratch.own(thread, (rows, width * channels), wide.dtype)

    def calls(self, rows: Array, out: Array) -> list[Call]:
        """`out` (rows × width × channels) becomes the sums over the windows on padded `rows`."""
        count, width, channels = out.shape
        deep = out.itemsize
        flat = out.strides[1] == channels * deep
        if self.dealt and flat:
            return self._by_phases(rows, as_strided(out, (count, width * channels), (out.strides[0], deep)))
        windows = windows_of(rows, self.geometry, count, width)
        _, _, kh, kw, _ = windows.shape
        down, right, tap_down, tap_right, _ = windows.strides
        if flat and right == channels * deep:
            joined = as_strided(windows, (count, kh, kw, width * channels), (down, tap_down, tap_right, deep))
            made = as_strided(out, (count, width * channels), (out.strides[0], deep))
            return [partial(np.einsum, "rijx,ijx->rx", joined, self.wide.reshape(kh, kw, -1), out=made)]
        return [partial(np.einsum, "rxijc,ijc->rxc", windows, self.weights, out=out)]

    def _by_phases(self, rows: Array, out: Array) -> list[Call]:
        """Columns 0, s, 2·s, … first, then 1, s + 1, …: each phase is a convolution of stride 1 across."""
        (kh, kw), (sh, sw), (dh, _) = self.geometry.kernel, self.geometry.stride, self.geometry.dilation
        calls: list[Call] = []
        wide = self.wide.reshape(kh, kw, -1)
        for number, whole in enumerate(self.phases):
            phase = whole[: len(rows)]
            read = rows[:, number::sw][:, : self.columns]
            calls.append(partial(np.copyto, phase[:, : read.shape[1]], read))
            down, right, deep = phase.strides
            taps = len(range(number, kw, sw))
            joined = as_strided(phase, (len(out), kh, taps, out.shape[1]), (down * sh, down * dh, right, deep))
            into = out if number == 0 else self.term[: len(out)]
            calls.append(partial(np.einsum, "rijx,ijx->rx", joined, wide[:, number::sw], out=into))
            if number:
                calls.append(partial(np.add, out, into, out=out))
        return calls
