"""3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): 36 products where 4·4·3·3 = 144 are in the definition.

A tile of 4×4 outputs is Aᵀ[(G g Gᵀ) ∘ (Bᵀ d B)]A with g the 3×3 kernel, d the 6×6 inputs it reads and ∘ element by
element; summed over channels, ∘ becomes 36 matrix products. Both transforms are done axis by axis on shifted views of
many tiles at once. In float32 the result is off by about 1e-5 of the largest value, some ten times as much as a sum of
products.
Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016), section 4.3.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct, structs

from archcalc.forward.plan.conv import Geometry, Halo, Maps, Product, as_matrix, pixels_last
from archcalc.forward.plan.tiles import TILE, Array, Epilogue, Scratch, over, pieces
from archcalc.forward.plan.workers import Call, Phase

# G of the paper: what a kernel's three values become on one axis.
_KERNEL = np.array(
    [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
)

OWN_BYTES = 6 * 2**20
"""Transformed tiles of one thread: more tiles use the rearranged weights more often, fewer stay in the cache."""

LARGE_WEIGHTS = 2 * 2**20
SHARED_BYTES = 24 * 2**20


def fits(geometry: Geometry) -> bool:
    """Whether the algorithm is defined for a convolution."""
    return (geometry.kernel, geometry.stride, geometry.dilation, geometry.groups) == ((3, 3), (1, 1), (1, 1), 1)


def transform_weights(weights: Array, dtype: Any) -> Array:
    """(3, 3, channels, filters) → (36, channels, filters): G g Gᵀ for each pair."""
    wide = np.einsum("ai,bj,ijcf->abcf", _KERNEL, _KERNEL, weights, optimize=True)
    return np.ascontiguousarray(wide.reshape(36, *weights.shape[2:]), dtype)


class _Tiles(Struct, frozen=True):
    """Rows of tiles of one sample, and where their transformed values are kept: (6, 6, rows of tiles, columns, depth)."""

    image: int
    rows: range
    inputs: Array
    outputs: Array


def winograd(maps: Maps, geometry: Geometry, weights: Array, epilogue: Epilogue, threads: int, scratch: Scratch) -> list[Phase]:
    """`weights` as `transform_weights` makes them.

    Where the weights are large, all tiles are transformed first and the 36 products shared out, so that each weight is
    read once; otherwise each thread takes some rows of tiles through all three stages.
    """
    samples, filters, height, width = maps.target.shape
    down, across = -(-height // 4), -(-width // 4)
    channels = weights.shape[1]
    dtype = maps.target.dtype
    a_tile = 36 * (channels + filters) * dtype.itemsize
    whole = samples * down * across * a_tile
    product = Product(weights, epilogue, max(1, TILE // filters))
    if weights.nbytes > LARGE_WEIGHTS and whole <= SHARED_BYTES:
        return _together(maps, geometry, product, threads, scratch)
    rows = max(1, min(OWN_BYTES // (a_tile * across), -(-samples * down // threads)))
    phase = []
    for thread, part in enumerate(over(samples * down, threads)):
        inputs = scratch.own(thread, (6, 6, rows * across * channels), dtype)
        outputs = scratch.own(thread, (6, 6, rows * across * filters), dtype)
        stages = _Stages(maps, geometry, product, rows, thread, scratch)
        calls = stages.begin()
        for image, piece in _within_samples(part, down, rows):
            count = len(piece)
            read = inputs[:, :, : count * across * channels].reshape(6, 6, count, across, channels)
            made = outputs[:, :, : count * across * filters].reshape(6, 6, count, across, filters)
            tiles = _Tiles(image, piece, read, made)
            calls += stages.transform(tiles)
            # Slices of the last axis: the 36 matrices are apart by the room for `rows`, each in one piece itself.
            calls.append(partial(np.matmul, _matrices(read), weights, out=_matrices(made)))
            calls += stages.invert(tiles)
        phase.append(calls)
    return [tuple(phase)]


def _together(maps: Maps, geometry: Geometry, product: Product, threads: int, scratch: Scratch) -> list[Phase]:
    samples, filters, height, width = maps.target.shape
    down, across = -(-height // 4), -(-width // 4)
    channels, dtype = product.weights.shape[1], maps.target.dtype
    inputs = scratch.shared((6, 6, samples * down, across, channels), dtype)
    outputs = scratch.shared((6, 6, samples * down, across, filters), dtype)
    read, made = _matrices(inputs), _matrices(outputs)
    first, second, third = [], [], []
    for thread, (rows, matrices) in enumerate(zip(over(samples * down, threads), over(36, threads), strict=True)):
        most = max(1, min(len(rows), down))
        stages = _Stages(maps, geometry, product, most, thread, scratch)
        share = [
            _Tiles(image, piece, inputs[:, :, begin : begin + len(piece)], outputs[:, :, begin : begin + len(piece)])
            for image, piece in _within_samples(rows, down, most)
            for begin in (image * down + piece.start,)
        ]
        part = slice(matrices.start, matrices.stop)
        first.append(stages.begin() + [call for tiles in share for call in stages.transform(tiles)])
        second.append([partial(np.matmul, read[part], product.weights[part], out=made[part])])
        third.append([call for tiles in share for call in stages.invert(tiles)])
    return [tuple(first), tuple(second), tuple(third)]


def _within_samples(rows: range, down: int, most: int) -> list[tuple[int, range]]:
    """Rows of tiles counted over all samples, as samples and ranges of at most `most` rows in each."""
    parts = []
    for image in range(rows.start // down, -(-rows.stop // down)):
        begin, end = max(rows.start, image * down), min(rows.stop, (image + 1) * down)
        parts += [(image, piece) for piece in pieces(range(begin - image * down, end - image * down), most)]
    return parts


def _matrices(tiles: Array) -> Array:
    """(6, 6, rows, columns, depth) as 36 matrices of tiles × depth, without a copy."""
    far, near, _, right, deep = tiles.strides
    assert far == 6 * near
    shape = (36, tiles.shape[2] * tiles.shape[3], tiles.shape[4])
    return np.lib.stride_tricks.as_strided(tiles, shape, (near, right, deep))


class _Stages:
    """The first and the last stage for one thread: shifted views into tiles, and tiles into rows of the output."""

    def __init__(
        self, maps: Maps, geometry: Geometry, product: Product, rows: int, thread: int, scratch: Scratch
    ) -> None:
        _, filters, self.height, self.width = maps.target.shape
        self.across = -(-self.width // 4)
        channels, dtype = maps.source.shape[1], maps.target.dtype
        (above, below), (left, _) = geometry.padding
        # Tiles may hang over the right edge: what they read there has to be numbers, and is the padding's.
        wide = structs.replace(geometry, padding=((above, below), (left, 4 * self.across + 2 - left - maps.source.shape[3])))
        self.halo = Halo(maps, wide, 4 * rows + 2, thread, scratch, copy=True)
        self.product = product
        columns = 4 * self.across + 2
        self.half = scratch.own(thread, (6, rows, columns, channels), dtype)
        self.spares = [scratch.own(thread, (rows * max(columns * channels, 6 * self.across * channels),), dtype) for _ in range(3)]
        self.turned = scratch.own(thread, (4, 6, rows, self.across, filters), dtype)
        self.others = [scratch.own(thread, (6 * rows * self.across * filters,), dtype) for _ in range(3)]
        self.filters = filters
        self.target = pixels_last(maps.target)
        self.residual = None if maps.residual is None else pixels_last(maps.residual)
        self.spare = product.spare(scratch, thread, max(1, TILE // filters), filters, dtype)

    def begin(self) -> list[Call]:
        return self.halo.sides()

    def transform(self, tiles: _Tiles) -> list[Call]:
        """Bᵀ d B of each tile: first down the rows, then across the columns."""
        count, columns, channels = len(tiles.rows), 4 * self.across + 2, tiles.inputs.shape[-1]
        loads, rows = self.halo.load(tiles.image, 4 * tiles.rows.start, 4 * count + 2, self.product.constants)
        half = self.half[:, :count]
        calls = loads + _inputs([rows[i : i + 4 * count - 3 : 4] for i in range(6)], list(half), self.spares)
        shifted = [half[:, :, j : j + 4 * self.across - 3 : 4] for j in range(6)]
        return calls + _inputs(shifted, [tiles.inputs[:, j] for j in range(6)], self.spares)

    def invert(self, tiles: _Tiles) -> list[Call]:
        """Aᵀ m A of each tile into the rows of the output, as far as they and the columns exist; then the epilogue."""
        count, first = len(tiles.rows), 4 * tiles.rows.start
        turned = self.turned[:, :, :count]
        calls = _outputs([tiles.outputs[i] for i in range(6)], list(turned), self.others)
        last = min(first + 4 * count, self.height)
        for i in range(4):
            target = self.target[tiles.image, first + i : last : 4]
            if len(target):
                products = [turned[i, j, : len(target)] for j in range(6)]
                calls += _outputs(products, [target[:, j::4] for j in range(4)], self.others)
        return calls + self._finish(tiles.image, first, last)

    def _finish(self, image: int, first: int, last: int) -> list[Call]:
        calls = []
        for piece in pieces(range(first, last), max(1, TILE // (self.width * self.filters))):
            rows = slice(piece.start, piece.stop)
            tile = as_matrix(self.target[image, rows])
            rest = None if self.residual is None else as_matrix(self.residual[image, rows])
            calls += self.product.finish(tile, range(self.filters), rest, self.spare)
        return calls


def _like(spares: Sequence[Array], array: Array) -> list[Array]:
    """The spare arrays in the shape of another one."""
    return [spare[: array.size].reshape(array.shape) for spare in spares]


def _inputs(d: Sequence[Array], out: Sequence[Array], spares: Sequence[Array]) -> list[Call]:
    """Bᵀ on one axis, its common parts computed once:

    4·d0 − 5·d2 + d4,  ±(d3 − 4·d1) + (d4 − 4·d2),  ±2·(d3 − d1) + (d4 − d2),  4·d1 − 5·d3 + d5.
    """
    four = d[0].dtype.type(4)
    p, q, s = _like(spares, d[0])
    multiply, add, subtract = np.multiply, np.add, np.subtract
    return [
        partial(multiply, d[2], four, out=p),
        partial(subtract, d[4], p, out=p),
        partial(multiply, d[1], four, out=q),
        partial(subtract, d[3], q, out=q),
        partial(add, p, q, out=out[1]),
        partial(subtract, p, q, out=out[2]),
        partial(subtract, d[4], d[2], out=p),
        partial(subtract, d[3], d[1], out=q),
        partial(add, q, q, out=q),
        partial(add, p, q, out=out[3]),
        partial(subtract, p, q, out=out[4]),
        partial(subtract, d[0], d[2], out=s),
        partial(multiply, s, four, out=s),
        partial(add, s, p, out=out[0]),
        partial(subtract, d[5], d[3], out=s),
        partial(add, q, q, out=q),
        partial(subtract, s, q, out=out[5]),
    ]


def _outputs(m: Sequence[Array], out: Sequence[Array], spares: Sequence[Array]) -> list[Call]:
    """Aᵀ on one axis; an output that has fewer tiles than the others takes the first of them:

    m0 + (m1 + m2) + (m3 + m4),  (m1 − m2) + 2·(m3 − m4),  (m1 + m2) + 4·(m3 + m4),  (m1 − m2) + 8·(m3 − m4) + m5.
    """
    four = m[0].dtype.type(4)
    p, q, r = _like(spares, m[0])
    multiply, add, subtract = np.multiply, np.add, np.subtract

    def cut(array: Array, to: Array) -> Array:
        return array[..., : to.shape[-2], :]

    return [
        partial(add, m[1], m[2], out=p),
        partial(add, m[3], m[4], out=q),
        partial(add, m[0], p, out=r),
        partial(add, cut(r, out[0]), cut(q, out[0]), out=out[0]),
        partial(multiply, q, four, out=q),
        partial(add, cut(p, out[2]), cut(q, out[2]), out=out[2]),
        partial(subtract, m[1], m[2], out=p),
        partial(subtract, m[3], m[4], out=q),
        partial(add, q, q, out=q),
        partial(add, cut(p, out[1]), cut(q, out[1]), out=out[1]),
        partial(multiply, q, four, out=q),
        partial(add, p, q, out=p),
        partial(add, cut(p, out[3]), cut(m[5], out[3]), out=out[3]),
    ]
