"""Max and average pooling, one axis after the other: k + k passes over shifted views in place of k·k."""

from functools import partial
from typing import Any

import numpy as np

from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.halo import Halo, Maps, needed_rows, pixels_last, rows_of
from archcalc.forward.plan.tiles import TILE, Array, Constants, Scratch, pieces
from archcalc.forward.plan.workers import Call, Phase


def pool(
    source: Array,
    target: Array,
    geometry: Geometry,
    counts: Array | None,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """A maximum; or a mean, if there are `counts` to divide each window's sum by: (height, width), or one number."""
    _, channels, _, width = target.shape
    maximum = counts is None
    ufunc = np.maximum if maximum else np.add
    (kh, kw), (sh, sw), (dh, dw) = geometry.kernel, geometry.stride, geometry.dilation
    size = max(1, TILE // (width * channels))
    beyond = np.full(channels, -np.inf if maximum else 0, target.dtype)
    maps, out = Maps(source, target, beyond=beyond), pixels_last(target)
    constants = Constants()
    phase: list[list[Call]] = []
    for thread, share in enumerate(rows_of(target, threads)):
        halo = Halo(maps, geometry, needed_rows(geometry, size), thread, scratch)
        wide = (size, sum(geometry.padding[1]) + source.shape[3], channels)
        low = scratch.own(thread, wide, target.dtype)
        calls = halo.sides()
        for image, rows in share:
            for piece in pieces(rows, size):
                loads, here = halo.load(image, piece.start * sh, needed_rows(geometry, len(piece)), constants)
                # Whole rows first, which lie in one piece; then the columns, of which strides skip some.
                steps = (len(piece) - 1) * sh + 1
                down = [here[i * dh : i * dh + steps : sh] for i in range(kh)]
                calls += [*loads, *_folded(ufunc, down, low[: len(piece)])]
                across = [low[: len(piece), j * dw : j * dw + (width - 1) * sw + 1 : sw] for j in range(kw)]
                result = out[image, piece.start : piece.stop]
                calls += _folded(ufunc, across, result)
                if counts is not None:
                    part = counts if counts.ndim == 0 else counts[piece.start : piece.stop, :, None]
                    calls.append(partial(np.divide, result, part, out=result))
        phase.append(calls)
    return [tuple(phase)]


def _folded(ufunc: Any, parts: list[Array], out: Array) -> list[Call]:
    """All parts joined into one."""
    if len(parts) == 1:
        return [partial(np.copyto, out, parts[0])]
    return [partial(ufunc, parts[0], parts[1], out=out), *(partial(ufunc, out, part, out=out) for part in parts[2:])]


def window_counts(
    sizes: tuple[int, ...], positions: tuple[int, ...], geometry: Geometry, include_padding: bool, dtype: Any
) -> Array:
    """What an average pooling divides by: the units of each window that lie on the map, or within its padding too.

    A window that hangs over the end of the padding (ceil mode) is divided by what it has before that end.
    """
    axes = []
    for n, count, k, s, (before, after) in zip(
        sizes, positions, geometry.kernel, geometry.stride, geometry.padding, strict=True
    ):
        begin = np.arange(count) * s - before
        low, high = (-before, n + after) if include_padding else (0, n)
        axes.append(np.minimum(begin + k, high) - np.maximum(begin, low))
    counts = np.multiply.outer(axes[0], axes[1]).astype(dtype)
    return np.array(counts.flat[0], dtype) if np.all(counts == counts.flat[0]) else counts
