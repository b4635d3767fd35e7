"""3×3 convolutions of stride 1 by Winograd's F(m×m, 3×3): (m + 2)² products where 9·m² are in the definition.

A tile of m×m outputs is Aᵀ[(G g Gᵀ) ∘ (Bᵀ d B)]A with g the 3×3 kernel, d the (m + 2)×(m + 2) inputs it reads and ∘
element by element; summed over channels, ∘ becomes (m + 2)² matrix products. Both transforms are done axis by axis on
shifted views of many tiles at once. m = 4 saves most products (36 for 144), m = 2 (16 for 36) needs fewer additions and
wastes less on small maps. In float32 F(4×4) is off by about 1e-5 of the largest value, ten times as much as a sum of
products; F(2×2) hardly more than that.
Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016), sections 4.1 and 4.3.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from msgspec import Struct, structs

from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.halo import Halo, Maps, as_matrix, pixels_last
from archcalc.forward.plan.product import Packed, Product, multiply
from archcalc.forward.plan.tiles import TILE, Array, Epilogue, Scratch, over, pieces
from archcalc.forward.plan.workers import Call, Phase

Parts = Sequence[Array]
Transform = Callable[[Parts, Parts, Parts], list[Call]]
"""Inputs and outputs along one axis, and three arrays as large as an input to compute in."""


class Form(Struct, frozen=True):
    """F(m×m, 3×3): G, and Bᵀ and Aᵀ as what they do along one axis."""

    size: int
    kernel: tuple[tuple[float, ...], ...]
    inputs: Transform
    outputs: Transform

    @property
    def reach(self) -> int:
        """Inputs under a tile on one axis."""
        return self.size + 2


def _inputs_4(d: Parts, out: Parts, spares: Parts) -> list[Call]:
    """Bᵀ of F(4, 3), its common parts computed once:

    4·d0 − 5·d2 + d4,  ±(d3 − 4·d1) + (d4 − 4·d2),  ±2·(d3 − d1) + (d4 − d2),  4·d1 − 5·d3 + d5.
    """
    four = d[0].dtype.type(4)
    p, q, s = spares
    multiply_, add, subtract = np.multiply, np.add, np.subtract
    return [
        partial(multiply_, d[2], four, out=p),
        partial(subtract, d[4], p, out=p),
        partial(multiply_, d[1], four, out=q),
        partial(subtract, d[3], q, out=q),
        partial(add, p, q, out=out[1]),
        partial(subtract, p, q, out=out[2]),
        partial(subtract, d[4], d[2], out=p),
        partial(subtract, d[3], d[1], out=q),
        partial(add, q, q, out=q),
        partial(add, p, q, out=out[3]),
        partial(subtract, p, q, out=out[4]),
        partial(subtract, d[0], d[2], out=s),
        partial(multiply_, s, four, out=s),
        partial(add, s, p, out=out[0]),
        partial(subtract, d[5], d[3], out=s),
        partial(add, q, q, out=q),
        partial(subtract, s, q, out=out[5]),
    ]


def _outputs_4(m: Parts, out: Parts, spares: Parts) -> list[Call]:
    """Aᵀ of F(4, 3):

    m0 + (m1 + m2) + (m3 + m4),  (m1 − m2) + 2·(m3 − m4),  (m1 + m2) + 4·(m3 + m4),  (m1 − m2) + 8·(m3 − m4) + m5.
    """
    four = m[0].dtype.type(4)
    p, q, r = spares
    multiply_, add, subtract = np.multiply, np.add, np.subtract
    return [
        partial(add, m[1], m[2], out=p),
        partial(add, m[3], m[4], out=q),
        partial(add, m[0], p, out=r),
        partial(add, *_cut(out[0], r, q), out=out[0]),
        partial(multiply_, q, four, out=q),
        partial(add, *_cut(out[2], p, q), out=out[2]),
        partial(subtract, m[1], m[2], out=p),
        partial(subtract, m[3], m[4], out=q),
        partial(add, q, q, out=q),
        partial(add, *_cut(out[1], p, q), out=out[1]),
        partial(multiply_, q, four, out=q),
        partial(add, p, q, out=p),
        partial(add, *_cut(out[3], p, m[5]), out=out[3]),
    ]


def _inputs_2(d: Parts, out: Parts, spares: Parts) -> list[Call]:
    """Bᵀ of F(2, 3): d0 − d2, d1 + d2, d2 − d1, d1 − d3."""
    return [
        partial(np.subtract, d[0], d[2], out=out[0]),
        partial(np.add, d[1], d[2], out=out[1]),
        partial(np.subtract, d[2], d[1], out=out[2]),
        partial(np.subtract, d[1], d[3], out=out[3]),
    ]


def _outputs_2(m: Parts, out: Parts, spares: Parts) -> list[Call]:
    """Aᵀ of F(2, 3): m0 + (m1 + m2), (m1 − m2) − m3."""
    p = spares[0]
    return [
        partial(np.add, m[1], m[2], out=p),
        partial(np.add, *_cut(out[0], m[0], p), out=out[0]),
        partial(np.subtract, m[1], m[2], out=p),
        partial(np.subtract, *_cut(out[1], p, m[3]), out=out[1]),
    ]


def _cut(to: Array, *arrays: Array) -> tuple[Array, ...]:
    """As many tiles of each array as an output has: the last tile of a row may hang over its end."""
    return tuple(array[..., : to.shape[-2], :] for array in arrays)


F4 = Form(
    4,
    (
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    _inputs_4,
    _outputs_4,
)
F2 = Form(2, ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)), _inputs_2, _outputs_2)

OWN_BYTES = 3 * 2**20
"""Transformed tiles of one thread: more tiles use the weights more often, fewer stay in the cache."""

LARGE_WEIGHTS = 2 * 2**20
SHARED_BYTES = 24 * 2**20
"""Weights larger than this are read once for all tiles, if the transformed tiles are not larger than that."""


def fits(geometry: Geometry) -> bool:
    """Whether the algorithm is defined for a convolution."""
    return (geometry.kernel, geometry.stride, geometry.dilation, geometry.groups) == ((3, 3), (1, 1), (1, 1), 1)


def transform_weights(weights: Array, form: Form) -> Array:
    """(3, 3, channels, filters) → ((m + 2)², channels, filters): G g Gᵀ for each pair."""
    kernel = np.array(form.kernel)
    wide: Array = np.einsum("ai,bj,ijcf->abcf", kernel, kernel, weights, optimize=True)
    return wide.reshape(form.reach**2, *weights.shape[2:])


class _Tiles(Struct, frozen=True):
    """Rows of tiles of one sample, and where their transformed values are: (m + 2, m + 2, rows, columns, depth)."""

    image: int
    rows: range
    inputs: Array
    outputs: Array


def winograd(
    maps: Maps, geometry: Geometry, weights: Packed, form: Form, epilogue: Epilogue, threads: int, scratch: Scratch
) -> list[Phase]:
    """`weights` are packed as `transform_weights` makes them.

    Where they are large, all tiles are transformed first and the products shared out, so that each weight is read once;
    otherwise each thread takes some rows of tiles through all three stages.
    """
    samples, filters, height, width = maps.target.shape
    down, across = -(-height // form.size), -(-width // form.size)
    channels, dtype, reach = maps.source.shape[1], maps.target.dtype, form.reach
    a_tile = reach**2 * (channels + filters) * dtype.itemsize
    product = Product(weights, epilogue)
    if weights.nbytes > LARGE_WEIGHTS and samples * down * across * a_tile <= SHARED_BYTES:
        return _together(maps, geometry, form, product, threads, scratch)
    rows = max(1, min(OWN_BYTES // (a_tile * across), -(-samples * down // threads)))
    phase = []
    for thread, part in enumerate(over(samples * down, threads)):
        inputs = scratch.own(thread, (reach, reach, rows * across * channels), dtype)
        outputs = scratch.own(thread, (reach, reach, rows * across * filters), dtype)
        stages = _Stages(maps, geometry, form, product, rows, thread, scratch)
        calls = stages.begin()
        for image, piece in _within_samples(part, down, rows):
            count = len(piece)
            read = inputs[:, :, : count * across * channels].reshape(reach, reach, count, across, channels)
            made = outputs[:, :, : count * across * filters].reshape(reach, reach, count, across, filters)
            tiles = _Tiles(image, piece, read, made)
            calls += stages.transform(tiles)
            calls += multiply(_matrices(read), weights, range(filters), _matrices(made))
            calls += stages.invert(tiles)
        phase.append(calls)
    return [tuple(phase)]


def _together(
    maps: Maps, geometry: Geometry, form: Form, product: Product, threads: int, scratch: Scratch
) -> list[Phase]:
    samples, filters, height, width = maps.target.shape
    down, across = -(-height // form.size), -(-width // form.size)
    dtype, reach = maps.target.dtype, form.reach
    inputs = scratch.shared((reach, reach, samples * down, across, maps.source.shape[1]), dtype)
    outputs = scratch.shared((reach, reach, samples * down, across, filters), dtype)
    read, made = _matrices(inputs), _matrices(outputs)
    first, second, third = [], [], []
    shares = zip(over(samples * down, threads), over(reach**2, threads), strict=True)
    for thread, (rows, matrices) in enumerate(shares):
        most = max(1, min(len(rows), down))
        stages = _Stages(maps, geometry, form, product, most, thread, scratch)
        share = [
            _Tiles(image, piece, inputs[:, :, begin : begin + len(piece)], outputs[:, :, begin : begin + len(piece)])
            for image, piece in _within_samples(rows, down, most)
            for begin in (image * down + piece.start,)
        ]
        part = slice(matrices.start, matrices.stop)
        mine = product.packed.matrices(part)
        first.append(stages.begin() + [call for tiles in share for call in stages.transform(tiles)])
        second.append(multiply(read[part], mine, range(filters), made[part]))
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
    """(m + 2, m + 2, rows, columns, depth) as (m + 2)² matrices of tiles × depth, without a copy."""
    reach, _, rows, columns, depth = tiles.shape
    _, near, _, right, deep = tiles.strides
    return np.lib.stride_tricks.as_strided(tiles, (reach**2, rows * columns, depth), (near, right, deep))


class _Stages:
    """The first and the last stage for one thread: shifted views into tiles, and tiles into rows of the output.

    Columns are dealt out by their place in a tile, so that those at the same place lie together.
    """

    def __init__(
        self,
        maps: Maps,
        geometry: Geometry,
        form: Form,
        product: Product,
        rows: int,
        thread: int,
        scratch: Scratch,
    ) -> None:
        _, self.filters, self.height, self.width = maps.target.shape
        self.form, self.product = form, product
        self.across = -(-self.width // form.size)
        channels, dtype = maps.source.shape[1], maps.target.dtype
        # Tiles may hang over the right edge: what they read there has to be numbers, and is the padding's.
        (above, below), (left, _) = geometry.padding
        wide = ((above, below), (left, form.size * (self.across + 1) - left - maps.source.shape[3]))
        padded = structs.replace(geometry, padding=wide)
        self.halo = Halo(maps, padded, form.size * rows + 2, thread, scratch, phases=form.size)
        self.half = scratch.own(thread, (form.reach, rows, form.size, self.across + 1, channels), dtype)
        self.turned = scratch.own(thread, (form.size, form.reach, rows, self.across, self.filters), dtype)
        largest = rows * form.reach * (self.across + 1) * max(channels, self.filters)
        self.room = [scratch.own(thread, (largest,), dtype) for _ in range(3)]
        self.target = pixels_last(maps.target)
        self.residual = None if maps.residual is None else pixels_last(maps.residual)
        self.spare = product.epilogue.spare(scratch, thread, (max(1, TILE // self.filters), self.filters), dtype)

    def begin(self) -> list[Call]:
        return self.halo.sides()

    def spares(self, array: Array) -> list[Array]:
        """Arrays to compute in, in the shape of another one."""
        return [room[: array.size].reshape(array.shape) for room in self.room]

    def transform(self, tiles: _Tiles) -> list[Call]:
        """Bᵀ d B of each tile: first down the rows, then across the columns."""
        size, reach, count = self.form.size, self.form.reach, len(tiles.rows)
        loads, rows = self.halo.load(tiles.image, size * tiles.rows.start, size * count + 2, self.product.constants)
        half = self.half[:, :count]
        last = size * (count - 1) + 1
        down = [rows[i : i + last : size] for i in range(reach)]
        calls = loads + self.form.inputs(down, list(half), self.spares(down[0]))
        across = [half[:, :, j % size, j // size : j // size + self.across] for j in range(reach)]
        return calls + self.form.inputs(across, [tiles.inputs[:, j] for j in range(reach)], self.spares(across[0]))

    def invert(self, tiles: _Tiles) -> list[Call]:
        """Aᵀ m A of each tile into the rows of the output, as far as they and the columns exist; then the epilogue."""
        size, reach, count = self.form.size, self.form.reach, len(tiles.rows)
        turned = self.turned[:, :, :count]
        products = [tiles.outputs[i] for i in range(reach)]
        calls = self.form.outputs(products, list(turned), self.spares(products[0]))
        first = size * tiles.rows.start
        end = min(first + size * count, self.height)
        for i in range(size):
            target = self.target[tiles.image, first + i : end : size]
            if len(target):
                products = [turned[i, j, : len(target)] for j in range(reach)]
                results = [target[:, j::size] for j in range(size)]
                calls += self.form.outputs(products, results, self.spares(products[0]))
        return calls + self._finish(tiles.image, first, end)

    def _finish(self, image: int, first: int, last: int) -> list[Call]:
        calls = []
        for piece in pieces(range(first, last), max(1, TILE // (self.width * self.filters))):
            rows = slice(piece.start, piece.stop)
            tile = as_matrix(self.target[image, rows])
            rest = None if self.residual is None else as_matrix(self.residual[image, rows])
            calls += self.product.finish(tile, range(self.filters), rest, self.spare)
        return calls
