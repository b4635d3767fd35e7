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
from msgspec import Struct
from numpy.lib.stride_tricks import as_strided

from archcalc.forward.plan.tiles import TILE, Array, Constants, Epilogue, Limits, Scratch, finish, limit, matrix, over, pieces
from archcalc.forward.plan.workers import Call, Phase

Algorithm = Literal["direct", "im2col", "winograd"]

FEW_PIXELS = 192
"""Below as many rows, a matrix product spends more than a tenth of its time on rearranging the weights."""

PATCHES = 131_072
"""Values of the matrix that windows are copied into, unless that is too few pixels."""


class Geometry(Struct, frozen=True):
    """A convolution over two axes: kernel, stride and dilation on each, padding before and after on each."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    groups: int = 1

    @property
    def pointwise(self) -> bool:
        return self.kernel == (1, 1) and self.stride == (1, 1) and not self.padded

    @property
    def padded(self) -> bool:
        return any(side for pair in self.padding for side in pair)


class Maps(Struct, frozen=True):
    """What a convolution reads and writes, all seen as (N, C, H, W); limits are put on the input as it is read.

    `beyond` is what the padding holds, a value a channel.
    """

    source: Array
    target: Array
    residual: Array | None = None
    limits: Limits = Limits()
    beyond: Array | None = None


def pixels_last(view: Array) -> Array:
    """(N, C, H, W) seen as (N, H, W, C)."""
    return view.transpose(0, 2, 3, 1)


class Product:
    """Products with one matrix of weights and what follows them, for tiles of pixels, on any of the filters."""

    def __init__(self, weights: Array, epilogue: Epilogue, pixels: int) -> None:
        self.weights, self.epilogue = weights, epilogue
        self.constants = Constants(pixels)

    def spare(self, scratch: Scratch, thread: int, pixels: int, filters: int, dtype: Any) -> Array | None:
        """Memory as large as a tile, where the epilogue needs it."""
        return scratch.own(thread, (pixels, filters), dtype) if self.epilogue.curve else None

    def calls(
        self, windows: Array, tile: Array, filters: range, residual: Array | None, spare: Array | None
    ) -> list[Call]:
        """`tile` (pixels × filters) becomes windows · weights and the epilogue."""
        product = partial(np.matmul, windows, self.weights[:, filters.start : filters.stop], out=tile)
        return [product, *self.finish(tile, filters, residual, spare)]

    def finish(self, tile: Array, filters: range, residual: Array | None, spare: Array | None) -> list[Call]:
        unused = tile if spare is None else spare[: len(tile)]
        return finish(tile, self.epilogue, filters, self.constants, unused, residual)


def pointwise(maps: Maps, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch) -> list[Phase]:
    """A 1×1 convolution of stride 1, or a linear layer: `weights` are channels × filters."""
    source, target = matrix(maps.source), matrix(maps.target)
    if source is None or target is None:
        raise ValueError("a product needs channels last in memory")
    return products(source, target, maps, weights, epilogue, threads, scratch)


def products(
    source: Array, target: Array, maps: Maps, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """`target` = `source` · `weights`, shared out by pixels, or by filters where there are few pixels."""
    residual = None if maps.residual is None else matrix(maps.residual)
    pixels, filters = target.shape
    if pixels < FEW_PIXELS * threads and filters >= 16 * threads:
        return _by_filters(source, target, residual, maps.limits, weights, epilogue, threads, scratch)
    size = max(FEW_PIXELS, TILE // filters)
    product = Product(weights, epilogue, size)
    phase: list[list[Call]] = []
    for thread, part in enumerate(over(pixels, threads)):
        calls: list[Call] = []
        limited = scratch.own(thread, (size, source.shape[1]), source.dtype) if not maps.limits.idle else None
        spare = product.spare(scratch, thread, size, filters, target.dtype)
        for piece in pieces(part, size):
            read, rows = source[piece.start : piece.stop], slice(piece.start, piece.stop)
            if limited is not None:
                calls += limit(read, limited[: len(piece)], maps.limits, range(source.shape[1]), product.constants)
                read = limited[: len(piece)]
            rest = None if residual is None else residual[rows]
            calls += product.calls(read, target[rows], range(filters), rest, spare)
        phase.append(calls)
    return [tuple(phase)]


def _by_filters(
    source: Array,
    target: Array,
    residual: Array | None,
    limits: Limits,
    weights: Array,
    epilogue: Epilogue,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    phases: list[Phase] = []
    pixels, filters = target.shape
    product = Product(weights, epilogue, pixels)
    if not limits.idle:
        limited = scratch.shared(source.shape, source.dtype)
        parts = over(pixels, threads)
        phases.append(
            tuple(
                limit(
                    source[p.start : p.stop], limited[p.start : p.stop], limits, range(source.shape[1]), product.constants
                )
                for p in parts
            )
        )
        source = limited
    phase = []
    for thread, part in enumerate(over(filters, threads)):
        columns = slice(part.start, part.stop)
        rest = None if residual is None else residual[:, columns]
        spare = product.spare(scratch, thread, pixels, len(part), target.dtype)
        phase.append(product.calls(source, target[:, columns], part, rest, spare) if part else [])
    return [*phases, tuple(phase)]


class Halo:
    """Rows of a map with the padding around them, in memory of one thread; limits are applied on the way.

    The padding at the sides is written once; that above and below where a tile reaches it.
    """

    def __init__(
        self, maps: Maps, geometry: Geometry, rows: int, thread: int, scratch: Scratch, copy: bool = False
    ) -> None:
        self.maps = maps
        self.source = pixels_last(maps.source)
        _, self.height, self.width, self.channels = self.source.shape
        (self.above, _), (self.left, self.right) = geometry.padding
        self.direct = not copy and not geometry.padded and maps.limits.idle
        if not self.direct:
            shape = (rows, self.left + self.width + self.right, self.channels)
            self.memory = scratch.own(thread, shape, self.source.dtype)
        self.beyond: Any = self.source.dtype.type(0) if maps.beyond is None else maps.beyond

    def sides(self) -> list[Call]:
        """The calls that write the padding at the sides."""
        if self.direct:
            return []
        strips = (self.memory[:, : self.left], self.memory[:, self.left + self.width :])
        return [partial(np.copyto, strip, self.beyond) for strip in strips if strip.size]

    def load(self, image: int, first: int, rows: int, constants: Constants) -> tuple[list[Call], Array]:
        """The calls that bring `rows` padded rows from the padded row `first` on, and where they are then."""
        if self.direct:
            return [], self.source[image, first : first + rows]
        begin, end = max(first - self.above, 0), min(first - self.above + rows, self.height)
        skipped = min(max(self.above - first, 0), rows)
        count = max(end - begin, 0)
        here = self.memory[:rows]
        calls = [
            partial(np.copyto, strip, self.beyond)
            for strip in (here[:skipped], here[skipped + count :])
            if strip.size
        ]
        if count:
            read = self.source[image, begin:end]
            inside = here[skipped : skipped + count, self.left : self.left + self.width]
            if self.maps.limits.idle:
                calls.append(partial(np.copyto, inside, read))
            else:
                calls += limit(read, inside, self.maps.limits, range(self.channels), constants)
        return calls, here


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


def im2col(maps: Maps, geometry: Geometry, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch) -> list[Phase]:
    """Any convolution: `weights` are (groups, kernel height · kernel width · channels of a group, filters of a group)."""
    samples, filters, height, width = maps.target.shape
    groups, deep, per_group = weights.shape
    if groups == 1 and samples * height * width < FEW_PIXELS * threads and filters >= 16 * threads:
        return _im2col_by_filters(maps, geometry, weights[0], epilogue, threads, scratch)
    size = max(1, max(FEW_PIXELS, PATCHES // (groups * deep)) // width)
    product = Product(weights if groups > 1 else weights[0], epilogue, size * width)
    phase: list[list[Call]] = []
    target = pixels_last(maps.target)
    residual = None if maps.residual is None else pixels_last(maps.residual)
    for thread, share in enumerate(rows_of(maps.target, threads)):
        halo = Halo(maps, geometry, needed_rows(geometry, size), thread, scratch)
        patches = scratch.own(thread, (size * width * groups * deep,), target.dtype)
        spare = product.spare(scratch, thread, size * width, filters, target.dtype)
        calls = halo.sides()
        for image, rows in share:
            for piece in pieces(rows, size):
                count = len(piece)
                loads, here = halo.load(image, piece.start * geometry.stride[0], needed_rows(geometry, count), product.constants)
                copied = patches[: count * width * groups * deep].reshape(groups, count, width, *geometry.kernel, -1)
                windows = windows_of(here, geometry, count, width)
                calls += loads
                calls.append(partial(np.copyto, copied, np.moveaxis(by_groups(windows, groups), -2, 0)))
                tile = as_matrix(target[image, piece.start : piece.stop])
                rest = None if residual is None else as_matrix(residual[image, piece.start : piece.stop])
                calls += _grouped(product, copied.reshape(groups, count * width, deep), tile, per_group, rest, spare)
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


def _grouped(
    product: Product, windows: Array, tile: Array, per_group: int, rest: Array | None, spare: Array | None
) -> list[Call]:
    """The product of each group into its part of the tile, then the epilogue on the whole tile."""
    groups, pixels, _ = windows.shape
    out = as_strided(tile, (groups, pixels, per_group), (per_group * tile.itemsize, *tile.strides))
    call: Call = (
        partial(np.matmul, windows[0], product.weights, out=tile)
        if groups == 1
        else partial(np.matmul, windows, product.weights, out=out)
    )
    return [call, *product.finish(tile, range(tile.shape[1]), rest, spare)]


def _im2col_by_filters(
    maps: Maps, geometry: Geometry, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """Few pixels and many filters: all windows are copied first, then each thread computes some of the filters."""
    samples, _, height, width = maps.target.shape
    patches = scratch.shared((samples, height, width, weights.shape[0]), maps.target.dtype)
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
    source = patches.reshape(-1, weights.shape[0])
    target = matrix(maps.target)
    residual = None if maps.residual is None else matrix(maps.residual)
    if target is None:
        raise ValueError("a product needs channels last in memory")
    return [tuple(copying), *_by_filters(source, target, residual, Limits(), weights, epilogue, threads, scratch)]


def taps(
    maps: Maps, geometry: Geometry, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """The definition, taken at its word: a product for each point of the kernel, added up. `weights` as for im2col."""
    samples, filters, height, width = maps.target.shape
    groups, deep, per_group = weights.shape
    kh, kw = geometry.kernel
    points = weights.reshape(groups, kh, kw, deep // (kh * kw), per_group)
    size = max(1, TILE // (width * filters))
    product = Product(weights, epilogue, size * width)
    target = pixels_last(maps.target)
    residual = None if maps.residual is None else pixels_last(maps.residual)
    phase: list[list[Call]] = []
    for thread, share in enumerate(rows_of(maps.target, threads)):
        halo = Halo(maps, geometry, needed_rows(geometry, size), thread, scratch)
        term = scratch.own(thread, (size, groups, width, per_group), target.dtype)
        spare = product.spare(scratch, thread, size * width, filters, target.dtype)
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
