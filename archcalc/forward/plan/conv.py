"""Convolutions as matrix products: prepared weights, and the calls that compute tile by tile.

Three algorithms, all exact up to rounding:

- `direct`: a 1×1 convolution is a product of pixels × channels with channels × filters; nothing is copied. A depthwise
  convolution is a sum over the kernel's points.
- `im2col`: a few rows of the output at a time, the windows they read are copied into a matrix; the same product.
- `winograd`: F(4×4, 3×3), 36 products a tile of 4×4 outputs and pair of channels in place of 144.
  Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016), section 4.3.
"""

from functools import partial
from typing import Any, Literal

import numpy as np
from msgspec import Struct, structs
from numpy.lib.stride_tricks import as_strided

from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.product import Packed, Product, multiply
from archcalc.forward.plan.tiles import (
    FREE,
    TILE,
    Array,
    Constants,
    Epilogue,
    Limits,
    Scratch,
    limit,
    matrix,
    over,
    pieces,
)
from archcalc.forward.plan.workers import Call, Phase

Algorithm = Literal["direct", "im2col", "winograd"]

FEW_PIXELS = 64
"""Pixels of a thread below which it is better to share out the filters: each weight is then read by one thread only."""

MANY_PIXELS = 192
"""Below as many pixels, a product of unblocked weights spends more than a tenth of its time on rearranging them."""

PATCHES = 131_072
"""Values of the matrix that windows are copied into, unless that is too few pixels."""


class Maps(Struct, frozen=True):
    """What a convolution reads and writes, all seen as (N, C, H, W); limits are put on the input as it is read.

    `beyond` is what the padding holds, a value a channel.
    """

    source: Array
    target: Array
    residual: Array | None = None
    limits: Limits = FREE
    beyond: Array | None = None


def pixels_last(view: Array) -> Array:
    """(N, C, H, W) seen as (N, H, W, C)."""
    return view.transpose(0, 2, 3, 1)


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
    product = Product(weights, epilogue, min(size, pixels))
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
    product = Product(weights, epilogue, pixels)
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
    for thread, blocks in enumerate(over(filters // width, threads)):
        part = range(blocks.start * width, blocks.stop * width)
        tile = target[:, part.start : part.stop]
        rest = None if residual is None else residual[:, part.start : part.stop]
        spare = epilogue.spare(scratch, thread, (pixels, len(part)), target.dtype)
        phase.append(product.calls(source, tile, part, rest, spare) if part else [])
    return [*phases, tuple(phase)]


class Halo:
    """Rows of a map with the padding around them, in memory of one thread; limits are applied on the way.

    The padding at the sides is written once; that above and below where a tile reaches it. With several `phases` the
    columns are dealt out: first 0, p, 2·p, …, then 1, p + 1, …, so that what every p-th window reads lies together.
    """

    def __init__(
        self,
        maps: Maps,
        geometry: Geometry,
        rows: int,
        thread: int,
        scratch: Scratch,
        phases: int = 1,
    ) -> None:
        self.limits, self.phases = maps.limits, phases
        self.source = pixels_last(maps.source)
        _, self.height, self.width, self.channels = self.source.shape
        (self.above, _), (self.left, right) = geometry.padding
        self.direct = phases == 1 and not geometry.padded and maps.limits.idle
        self.columns = -(-(self.left + self.width + right) // phases)
        if not self.direct:
            shape = (rows, phases, self.columns, self.channels)
            self.memory = scratch.own(thread, shape, self.source.dtype)
        self.beyond: Any = self.source.dtype.type(0) if maps.beyond is None else maps.beyond

    def _inside(self, phase: int) -> tuple[slice, slice]:
        """Columns of the map in a phase, and where they stand there."""
        begin = -(-(self.left - phase) // self.phases) if phase < self.left else 0
        first = begin * self.phases + phase - self.left
        count = len(range(first, self.width, self.phases))
        return slice(first, self.width, self.phases), slice(begin, begin + count)

    def sides(self) -> list[Call]:
        """The calls that write the padding at the sides."""
        if self.direct:
            return []
        calls: list[Call] = []
        for phase in range(self.phases):
            _, inside = self._inside(phase)
            columns = self.memory[:, phase]
            strips = (columns[:, : inside.start], columns[:, inside.stop :])
            calls += [partial(np.copyto, strip, self.beyond) for strip in strips if strip.size]
        return calls

    def load(self, image: int, first: int, rows: int, constants: Constants) -> tuple[list[Call], Array]:
        """The calls that bring `rows` padded rows from the padded row `first` on, and where they are then.

        They are (rows, columns, channels), or (rows, phases, columns of a phase, channels) with several phases.
        """
        if self.direct:
            return [], self.source[image, first : first + rows]
        begin, end = max(first - self.above, 0), min(first - self.above + rows, self.height)
        skipped = min(max(self.above - first, 0), rows)
        count = max(end - begin, 0)
        here = self.memory[:rows]
        strips = (here[:skipped], here[skipped + count :])
        calls: list[Call] = [partial(np.copyto, strip, self.beyond) for strip in strips if strip.size]
        for phase in range(self.phases if count else 0):
            columns, inside = self._inside(phase)
            read, kept = self.source[image, begin:end, columns], here[skipped : skipped + count, phase, inside]
            if not read.size:
                continue
            if self.limits.idle:
                calls.append(partial(np.copyto, kept, read))
            else:
                calls += limit(read, kept, self.limits, range(self.channels), constants)
        return calls, here if self.phases > 1 else here[:, 0]


def windows_of(rows: Array, geometry: Geometry, count: int, width: int) -> Array:
    """The windows of `count` output rows on padded `rows`: (count, width, kernel height, kernel width, channels)."""
    down, right, deep = rows.strides
    (kh, kw), (sh, sw), (dh, dw) = geometry.kernel, geometry.stride, geometry.dilation
    shape = (count, width, kh, kw, rows.shape[-1])
    return as_strided(rows, shape, (down * sh, right * sw, down * dh, right * dw, deep))


def rows_of(target: Array, threads: int) -> list[list[tuple[int, range]]]:
    """The rows of all samples dealt out to the threads: for each, samples and ranges of rows."""
    samples, height = target.shape[0], target.shape[2]
    shares = []
    for part in over(samples * height, threads):
        share = []
        for image in range(samples):
            begin, end = max(part.start - image * height, 0), min(part.stop - image * height, height)
            if begin < end:
                share.append((image, range(begin, end)))
        shares.append(share)
    return shares


def needed_rows(geometry: Geometry, rows: int) -> int:
    """Padded input rows under `rows` output rows."""
    return (rows - 1) * geometry.stride[0] + geometry.dilation[0] * (geometry.kernel[0] - 1) + 1


def im2col(
    maps: Maps, geometry: Geometry, weights: Packed, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """Any convolution; for each group a matrix of kernel height · kernel width · its channels × its filters."""
    samples, filters, height, width = maps.target.shape
    groups, _, deep, _ = weights.values.shape
    few = FEW_PIXELS if weights.rows else MANY_PIXELS
    if groups == 1 and samples * height * width < few * threads and filters >= 16 * threads:
        return _im2col_by_filters(maps, geometry, weights, epilogue, threads, scratch)
    pixels = max(min(weights.rows or MANY_PIXELS, MANY_PIXELS), PATCHES // (groups * deep))
    size = max(1, pixels // width)
    product = Product(weights, epilogue, size * width)
    phase: list[list[Call]] = []
    target = pixels_last(maps.target)
    residual = None if maps.residual is None else pixels_last(maps.residual)
    for thread, share in enumerate(rows_of(maps.target, threads)):
        halo = Halo(maps, geometry, needed_rows(geometry, size), thread, scratch)
        patches = scratch.own(thread, (size * width * groups * deep,), target.dtype)
        spare = epilogue.spare(scratch, thread, (size * width, filters), target.dtype)
        calls = halo.sides()
        for image, rows in share:
            for piece in pieces(rows, size):
                count = len(piece)
                first = piece.start * geometry.stride[0]
                loads, here = halo.load(image, first, needed_rows(geometry, count), product.constants)
                copied = patches[: count * width * groups * deep].reshape(groups, count, width, *geometry.kernel, -1)
                windows = by_groups(windows_of(here, geometry, count, width), groups)
                calls += [*loads, partial(np.copyto, copied, np.moveaxis(windows, -2, 0))]
                tile = as_matrix(target[image, piece.start : piece.stop])
                rest = None if residual is None else as_matrix(residual[image, piece.start : piece.stop])
                made = by_groups(tile, groups).transpose(1, 0, 2)
                calls += multiply(copied.reshape(groups, -1, deep), weights, range(filters // groups), made)
                calls += product.finish(tile, range(filters), rest, spare)
        phase.append(calls)
    return [tuple(phase)]


def by_groups(values: Array, groups: int) -> Array:
    """The last axis as groups × channels of a group; a view."""
    *steps, deep = values.strides
    per_group = values.shape[-1] // groups
    return as_strided(values, (*values.shape[:-1], groups, per_group), (*steps, deep * per_group, deep))


def as_matrix(rows: Array) -> Array:
    """Rows × width × channels as pixels × channels, a view."""
    down, right, deep = rows.strides
    if rows.shape[0] > 1 and down != right * rows.shape[1]:
        raise ValueError("rows of a map do not follow one another in memory")
    return as_strided(rows, (rows.shape[0] * rows.shape[1], rows.shape[2]), (right, deep))


def _im2col_by_filters(
    maps: Maps, geometry: Geometry, weights: Packed, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """Few pixels and many filters: all windows are copied first, then each thread computes some of the filters."""
    samples, _, height, width = maps.target.shape
    deep = weights.values.shape[2]
    patches = scratch.shared((samples, height, width, deep), maps.target.dtype)
    constants = Constants(1)
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
    product = Product(Packed(points), epilogue, size * width)
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
