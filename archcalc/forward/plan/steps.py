"""What a plan does, step by step. A step reads and writes storages; bound to memory it becomes phases of calls."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.halo import pixels_last, rows_of
from archcalc.forward.plan.pool import pool
from archcalc.forward.plan.product import SMALL
from archcalc.forward.plan.tiles import (
    FREE,
    TILE,
    Array,
    Constants,
    Curve,
    Epilogue,
    Limits,
    Scratch,
    bend,
    finish,
    limit,
    matrix,
    over,
    pieces,
)
from archcalc.forward.plan.values import Affine, Value
from archcalc.forward.plan.workers import Call, Phase
from archcalc.forward.rules import RULES

Memory = Sequence[Array]
"""The array of each storage."""

Bind = Callable[[Memory, int, Scratch], list[Phase]]


class Step(Struct, frozen=True):
    """One step: the nodes it computes, the first giving it its name; what it reads, and what it writes."""

    nodes: tuple[int, ...]
    algorithm: str
    reads: tuple[Value, ...]
    writes: Value
    bind: Bind


def as_map(view: Array) -> Array:
    """An output (N, C, …) of up to two further axes as (N, C, H, W)."""
    while view.ndim < 4:
        view = np.expand_dims(view, 2)
    return view


def alone(calls: list[Call], threads: int) -> list[Phase]:
    """Calls on the first thread."""
    return [(calls, *([] for _ in range(threads - 1)))]


def by_tiles(
    target: Value, memory: Memory, threads: int, calls: Callable[[int, int, slice], list[Call]], large: int = 1
) -> list[Phase]:
    """A phase over tiles of rows of a map, `calls(thread, sample, rows)` each; `large` times smaller than usual."""
    write = as_map(target.seen(memory))
    size = tile_rows(write, large)
    return [
        tuple(
            [
                call
                for image, rows in share
                for piece in pieces(rows, size)
                for call in calls(thread, image, slice(piece.start, piece.stop))
            ]
            for thread, share in enumerate(rows_of(write, threads))
        )
    ]


def tile_rows(view: Array, large: int = 1) -> int:
    """How many rows of a map make a tile."""
    return max(1, TILE // (large * int(view.shape[1]) * int(view.shape[3])))


def last(value: Value, memory: Memory) -> Array:
    """A value as rows × pixels × channels of each sample."""
    return pixels_last(as_map(value.seen(memory)))


def copy(source: Value, target: Value, memory: Memory, threads: int, scratch: Scratch) -> list[Phase]:
    """The values of `source` at another place, plain."""
    if source.seen(memory).ndim > 4:
        return alone([partial(np.copyto, target.seen(memory), source.seen(memory))], threads)
    return mapped(source, target, source.affine, FREE, None, memory, threads, scratch)


def dealt_out(source: Value, target: Value, memory: Memory, threads: int, scratch: Scratch) -> list[Phase]:
    """The numbers of `source` in its own order of axes into `target`, which is in one piece."""
    read = source.seen(memory)
    return alone([partial(np.copyto, target.seen(memory).reshape(read.shape), read)], threads)


def mapped(
    source: Value,
    target: Value,
    affine: Affine,
    after: Limits,
    curve: Curve | None,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """Number by number: limits of the source, scale and offset of the channel, limits, an activation."""
    read, write = last(source, memory), last(target, memory)
    _, _, width, channels = write.shape
    constants, every = Constants(), range(channels)
    spares = [
        scratch.own(thread, (curve.room * tile_rows(as_map(target.seen(memory))), width, channels), write.dtype)
        for thread in range(threads)
        if curve is not None
    ]
    scale, offset = (None if v is None else v.astype(write.dtype) for v in (affine.scale, affine.offset))

    def calls(thread: int, image: int, rows: slice) -> list[Call]:
        one, other = read[image, rows], write[image, rows]
        done: list[Call] = []
        done += limit(one, other, source.limits, every, constants)
        if scale is not None:
            done.append(partial(np.multiply, other if done else one, constants.over(scale, width, every), out=other))
        if offset is not None:
            done.append(partial(np.add, other if done else one, constants.over(offset, width, every), out=other))
        done += limit(other if done else one, other, after, every, constants)
        if not done:
            done.append(partial(np.copyto, other, one))
        return done if curve is None else done + bend(other, curve, spares[thread])

    return by_tiles(target, memory, threads, calls)


def joined(
    ufunc: Any, sources: Sequence[Value], target: Value, factor: float, memory: Memory, threads: int, scratch: Scratch
) -> list[Phase]:
    """All inputs joined by one operation, a size of 1 stretched; then times `factor`, if it is not 1."""
    write = last(target, memory)
    shape = target.seen(memory).shape
    reads = [pixels_last(as_map(np.broadcast_to(source.seen(memory), shape))) for source in sources]

    def calls(thread: int, image: int, rows: slice) -> list[Call]:
        out, first = write[image, rows], reads[0][image, rows]
        done: list[Call] = []
        for other in reads[1:]:
            done.append(partial(ufunc, first, other[image, rows], out=out))
            first = out
        if factor != 1:
            done.append(partial(np.multiply, first, out.dtype.type(factor), out=out))
        return done or [partial(np.copyto, out, first)]

    return by_tiles(target, memory, threads, calls)


def standardised(
    source: Value,
    target: Value,
    eps: float,
    weight: Array | None,
    bias: Array | None,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """Mean 0 and variance 1 over the channels of each pixel, then times `weight` and plus `bias`."""
    read, write = last(source, memory), last(target, memory)
    _, _, width, channels = write.shape
    size, number = tile_rows(as_map(target.seen(memory)), 2), write.dtype.type
    squares = [scratch.own(thread, (size, width, channels), write.dtype) for thread in range(threads)]
    sums = [scratch.own(thread, (size, width, 1), write.dtype) for thread in range(threads)]

    def calls(thread: int, image: int, rows: slice) -> list[Call]:
        x, y = read[image, rows], write[image, rows]
        square, total = squares[thread][: len(x)], sums[thread][: len(x)]
        done: list[Call] = [
            partial(np.mean, x, axis=-1, keepdims=True, out=total),
            partial(np.subtract, x, total, out=y),
            partial(np.multiply, y, y, out=square),
            partial(np.mean, square, axis=-1, keepdims=True, out=total),
            partial(np.add, total, number(eps), out=total),
            partial(np.sqrt, total, out=total),
            partial(np.divide, y, total, out=y),
        ]
        if weight is not None:
            done.append(partial(np.multiply, y, weight, out=y))
        if bias is not None:
            done.append(partial(np.add, y, bias, out=y))
        return done

    return by_tiles(target, memory, threads, calls, large=2)


def pooled(
    source: Value,
    target: Value,
    geometry: Geometry,
    counts: Array | None,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """Pooling with windows: see `pool`."""
    read, write = as_map(source.seen(memory)), as_map(target.seen(memory))
    return pool(read, write, geometry, counts, threads, scratch)


def over_all(
    ufunc: Any, mean: bool, source: Value, target: Value, memory: Memory, threads: int, scratch: Scratch
) -> list[Phase]:
    """All pixels of each channel joined to one number, divided by their number for a `mean`; shared out by channels."""
    read, write = last(source, memory), last(target, memory)
    samples, height, width, channels = read.shape
    phase: list[list[Call]] = []
    for part in over(channels, threads):
        here, calls = slice(part.start, part.stop), list[Call]()
        for image in range(samples if part else 0):
            pixels = matrix(read[image : image + 1, :, :, here].transpose(0, 3, 1, 2))
            out = write[image, 0, 0, here]
            if pixels is None:
                calls.append(partial(ufunc.reduce, read[image, :, :, here], axis=(0, 1), out=out))
            else:
                calls.append(partial(ufunc.reduce, pixels, axis=0, out=out))
        if mean and part:
            out = write[:, 0, 0, here]
            calls.append(partial(np.divide, out, out.dtype.type(height * width), out=out))
        phase.append(calls)
    return [tuple(phase)]


def local_response(
    source: Value,
    target: Value,
    size: int,
    alpha: float,
    beta: float,
    k: float,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """x/(k + alpha/size·Σ x²)^beta over neighbouring channels, the sum by shifted additions."""
    read, write = last(source, memory), last(target, memory)
    _, _, width, channels = write.shape
    rows, number, before = tile_rows(as_map(target.seen(memory)), 2), write.dtype.type, size // 2
    # Squares with zeros beyond the first and the last channel.
    squares = [scratch.own(thread, (rows, width, channels + size - 1), write.dtype) for thread in range(threads)]
    totals = [scratch.own(thread, (rows, width, channels), write.dtype) for thread in range(threads)]

    def calls(thread: int, image: int, here: slice) -> list[Call]:
        x, y = read[image, here], write[image, here]
        square, total = squares[thread][: len(x)], totals[thread][: len(x)]
        shifted = [square[:, :, i : i + channels] for i in range(size)]
        parts = [square[:, :, :before], square[:, :, before + channels :]]
        return [
            *(partial(np.copyto, part, number(0)) for part in parts if part.size),
            partial(np.multiply, x, x, out=shifted[before]),
            partial(np.copyto, total, shifted[0]),
            *(partial(np.add, total, other, out=total) for other in shifted[1:]),
            partial(np.multiply, total, number(alpha / size), out=total),
            partial(np.add, total, number(k), out=total),
            *_power(total, beta, y),
            partial(np.divide, x, total, out=y),
        ]

    return by_tiles(target, memory, threads, calls, large=2)


def _power(base: Array, exponent: float, spare: Array) -> list[Call]:
    """A power in place; that of 3/4 by two square roots, which are several times as fast."""
    if exponent != 0.75:
        return [partial(np.power, base, base.dtype.type(exponent), out=base)]
    return [
        partial(np.sqrt, base, out=base),
        partial(np.sqrt, base, out=spare),
        partial(np.multiply, base, spare, out=base),
    ]


def flat_linear(
    source: Value,
    residual: Value | None,
    target: Value,
    weights: Array,
    epilogue: Epilogue,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """A linear layer on one row of features a sample; `weights` lie as they are stored, out × in, and are read once."""
    x, y = source.seen(memory), target.seen(memory)
    rest = None if residual is None else residual.seen(memory)
    constants = Constants()
    phase: list[list[Call]] = []
    for thread, part in enumerate(over(y.shape[1], threads)):
        if not part:
            phase.append([])
            continue
        here = slice(part.start, part.stop)
        out = y[:, here]
        spare = epilogue.spare(scratch, thread, out.shape, out.dtype)
        calls = rows_by_weights(x, weights[here], out)
        calls += finish(out, epilogue, part, constants, spare, None if rest is None else rest[:, here])
        phase.append(calls)
    return [tuple(phase)]


def rows_by_weights(x: Array, weights: Array, out: Array) -> list[Call]:
    """out = x · weightsᵀ. For a few samples as many small products: rearranging the weights costs more than they do."""
    samples, deep = x.shape
    count = SMALL // (samples * deep)
    count = 1 << max(count.bit_length() - 1, 0)  # a power of 2 divides most numbers of features
    whole = len(weights) // count * count
    if samples == 1 or samples > 16 or count < 2 or whole == 0:
        return [partial(np.matmul, x, weights.T, out=out)]
    blocks = weights[:whole].reshape(whole // count, count, deep).transpose(0, 2, 1)
    parts = np.lib.stride_tricks.as_strided(
        out, (whole // count, samples, count), (count * out.strides[1], *out.strides)
    )
    calls: list[Call] = [partial(np.matmul, x, blocks, out=parts)]
    if whole < len(weights):
        calls.append(partial(np.matmul, x, weights[whole:].T, out=out[:, whole:]))
    return calls


def by_rule(
    op: Any,
    sources: Sequence[Value],
    target: Value,
    weights: Mapping[str, Array],
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """What has no faster form here: the reference kernel, copied to where the output lies."""
    reads, write = [source.seen(memory) for source in sources], target.seen(memory)

    def call() -> None:
        np.copyto(write, RULES[op.keyword](op, reads, weights))

    return alone([call], threads)
