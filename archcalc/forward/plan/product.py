"""Matrix products of pixels × channels with channels × filters, and what is done to each tile of the result.

Before it multiplies, BLAS rearranges both matrices; for few pixels that takes as long as the multiplications. Where
OpenBLAS has kernels for small matrices it leaves that out up to a certain size, so weights are stored as blocks of some
filters, small enough for it, and one numpy call multiplies a tile of pixels with all blocks. The deeper the weights
are, the fewer pixels such a product may have, and the more often each weight is read. From how many pixels on blocks
pay is measured, not known: see `fewest_rows`.
"""

import time
from functools import cache, partial
from typing import Any

import numpy as np
from msgspec import Struct, structs
from numpy.lib.stride_tricks import as_strided
from threadpoolctl import threadpool_limits

from archcalc.forward.plan.tiles import Array, Constants, Epilogue, finish
from archcalc.forward.plan.workers import Call

SMALL = 1_000_000
"""Multiplications up to which OpenBLAS takes matrices as they are (100³)."""

WIDTHS = (64, 32)
"""Filters of a block, best first."""

DEPTHS = (1024, 512, 256, 128)
"""Channels of the products on which blocks are tried."""

TRIAL_BYTES = 4 * 2**20
"""Weights that are multiplied in turn in a trial: more than a second-level cache keeps, as in a network."""


class Packed(Struct, frozen=True):
    """Weights as blocks (matrices, blocks, channels, filters of a block); `rows` pixels of a product at a time.

    One block and no `rows`: a product as it is. `rest` are the filters that fill no block of that width.
    """

    values: Array
    rows: int | None = None
    rest: "Packed | None" = None

    @property
    def width(self) -> int:
        """Filters of a block."""
        return int(self.values.shape[3])

    @property
    def whole(self) -> int:
        """Filters in blocks of this width."""
        return int(self.values.shape[1] * self.values.shape[3])

    @property
    def filters(self) -> int:
        return self.whole + (0 if self.rest is None else self.rest.filters)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + (0 if self.rest is None else self.rest.nbytes)

    def matrices(self, part: slice) -> "Packed":
        """Some of the matrices."""
        return Packed(self.values[part], self.rows, None if self.rest is None else self.rest.matrices(part))


def pack(weights: Array, fewest: int | None) -> Packed:
    """(matrices, channels, filters) in blocks, where a block product may have at least `fewest` pixels; None: never."""
    matrices, deep, filters = weights.shape
    widths = (*(width for width in WIDTHS if width <= filters), *([filters] if filters < WIDTHS[-1] else []))
    able = [width for width in widths if fewest is not None and SMALL // (deep * width) >= fewest]
    if not able:
        return Packed(np.ascontiguousarray(weights[:, None]))
    width = next((width for width in able if filters % width == 0), able[0])
    whole = filters // width * width
    split = weights[..., :whole].reshape(matrices, deep, whole // width, width).transpose(0, 2, 1, 3)
    rest = pack(weights[..., whole:], fewest) if whole < filters else None
    return Packed(np.ascontiguousarray(split), SMALL // (deep * width), rest)


def multiply(read: Array, packed: Packed, filters: range, out: Array) -> list[Call]:
    """out = read · weights for some filters, those of whole blocks as long as there are whole blocks.

    `read` is (matrices, pixels, channels) and `out` (matrices, pixels, those filters), each with its last axis in one
    piece; if there is one matrix of weights, all of them are multiplied by it.
    """
    if packed.rest is not None and filters.stop > packed.whole:
        first = range(filters.start, max(filters.start, packed.whole))
        calls = multiply(read, structs.replace(packed, rest=None), first, out[..., : len(first)]) if first else []
        behind = range(max(filters.start - packed.whole, 0), filters.stop - packed.whole)
        return calls + multiply(read, packed.rest, behind, out[..., len(first) :])
    if packed.rows is None:
        weights = packed.values[:, 0, :, filters.start : filters.stop]
        if len(read) == 1:
            return [partial(np.matmul, read[0], weights[0], out=out[0])]
        return [partial(np.matmul, read, weights, out=out)]
    width, rows = packed.width, packed.rows
    weights = packed.values[:, None, filters.start // width : filters.stop // width]
    pixels = read.shape[1]
    whole = pixels // rows * rows
    calls = []
    for begin, count, size in ((0, whole // rows, rows), (whole, 1, pixels - whole)):
        if count and size:
            calls.append(_blocks(read[:, begin:], weights, out[:, begin:], count, size))
    return calls


def _blocks(read: Array, weights: Array, out: Array, count: int, size: int) -> Call:
    """`count` groups of `size` pixels, each times every block."""
    _, _, blocks, deep, width = weights.shape
    far, down, right = read.strides
    left = as_strided(read, (len(read), count, 1, size, deep), (far, down * size, 0, down, right))
    far, down, right = out.strides
    into = as_strided(out, (len(out), count, blocks, size, width), (far, down * size, right * width, down, right))
    return partial(np.matmul, left, weights, out=into)


class Product:
    """Products with one set of weights and the epilogue that follows, for tiles of pixels, on any of the filters."""

    def __init__(self, packed: Packed, epilogue: Epilogue) -> None:
        self.packed, self.epilogue = packed, epilogue
        self.constants = Constants()

    def calls(
        self, read: Array, tile: Array, filters: range, residual: Array | None, spare: Array | None
    ) -> list[Call]:
        """`tile` (pixels × filters) becomes read · weights and the epilogue."""
        return [*multiply(read[None], self.packed, filters, tile[None]), *self.finish(tile, filters, residual, spare)]

    def finish(self, tile: Array, filters: range, residual: Array | None, spare: Array | None) -> list[Call]:
        """The calls of the epilogue alone."""
        return finish(tile, self.epilogue, filters, self.constants, spare, residual)


@cache
def fewest_rows(dtype: "np.dtype[Any]") -> int | None:
    """How many pixels block products must have here to be faster than one product; None if they never are.

    Measured once, in some 50 ms, by halving DEPTHS. Where OpenBLAS has kernels for small matrices (AVX-512, SVE) blocks
    pay: on some processors (Zen 4) down to 12 pixels, on others (Sapphire Rapids) only where weights are not deep.
    Elsewhere they are a little slower, and another BLAS may have other limits.
    """
    failing, paying = -1, len(DEPTHS)
    while paying - failing > 1:
        middle = (paying + failing) // 2
        if _blocks_pay(DEPTHS[middle], dtype):
            paying = middle
        else:
            failing = middle
    # Somewhat deeper products than the one tried are as well off.
    return None if paying == len(DEPTHS) else SMALL // (DEPTHS[paying] * WIDTHS[0]) * 3 // 4


def _blocks_pay(deep: int, dtype: "np.dtype[Any]") -> bool:
    """Whether products of a few pixels with some matrices of weights take at most 0.95 of the time in blocks."""
    pixels, filters = 98, 256
    read, out = np.ones((1, pixels, deep), dtype), np.empty((1, pixels, filters), dtype)
    count = TRIAL_BYTES // (deep * filters * dtype.itemsize)
    weights = [np.ones((1, deep, filters), dtype) for _ in range(count)]
    whole, blocks = (
        [call for matrix in weights for call in multiply(read, pack(matrix, fewest), range(filters), out)]
        for fewest in (None, 1)
    )
    with threadpool_limits(1, user_api="blas"):
        # In turns, so that a machine whose speed drifts is fair to both.
        pairs = [(shortest(whole, 1), shortest(blocks, 1)) for _ in range(4)]
    return min(second for _, second in pairs) < 0.95 * min(first for first, _ in pairs)


def shortest(calls: list[Call], runs: int) -> float:
    """The seconds of the shortest of several runs of all calls."""
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        for call in calls:
            call()
        taken.append(time.perf_counter() - began)
    return min(taken)
