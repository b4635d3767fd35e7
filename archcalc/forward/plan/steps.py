"""What a plan does, step by step. A step reads and writes storages; bound to memory it becomes phases of calls."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.forward.plan.conv import pixels_last, rows_of
from archcalc.forward.plan.tiles import TILE, Array, Constants, Limits, Scratch, curve, limit, matrix, over, pieces
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


def seen(value: Value, memory: Memory) -> Array:
    """The numbers of a value, as the output of the node that made it."""
    return value.see(memory[value.storage])


def as_map(view: Array) -> Array:
    """An output (N, C, …) of up to two further axes as (N, C, H, W)."""
    while view.ndim < 4:
        view = np.expand_dims(view, 2)
    return view


def alone(calls: list[Call], threads: int) -> list[Phase]:
    """Calls on the first thread."""
    return [(calls, *([] for _ in range(threads - 1)))]


def copy(source: Value, target: Value, memory: Memory, threads: int, scratch: Scratch) -> list[Phase]:
    """The values of `source` at another place, plain."""
    return mapped(source, target, source.affine, Limits(), "", 0.0, memory, threads, scratch)


def dealt_out(source: Value, target: Value, memory: Memory, threads: int, scratch: Scratch) -> list[Phase]:
    """The numbers of `source` in its own order of axes, whatever it is in memory, into `target`, which is contiguous."""
    read = seen(source, memory)
    return alone([partial(np.copyto, seen(target, memory).reshape(read.shape), read)], threads)


def mapped(
    source: Value,
    target: Value,
    affine: Affine,
    after: Limits,
    function: str,
    slope: float,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """Number by number: limits of the source, scale and offset of the channel, limits, an activation."""
    read, write = seen(source, memory), seen(target, memory)
    if read.ndim > 4 or read.shape != write.shape:
        raise ValueError("a map has up to two axes behind its channels")
    read, write = pixels_last(as_map(read)), pixels_last(as_map(write))
    channels, width = write.shape[3], write.shape[2]
    rows = max(1, TILE // (width * channels))
    constants = Constants(width)
    scale, offset = (None if v is None else v.astype(write.dtype) for v in (affine.scale, affine.offset))
    phase: list[list[Call]] = []
    for thread, share in enumerate(rows_of(as_map(seen(target, memory)), threads)):
        spare = scratch.own(thread, (rows, width, channels), write.dtype) if function else None
        calls: list[Call] = []
        for image, part in share:
            for piece in pieces(part, rows):
                here = slice(piece.start, piece.stop)
                one, other = read[image, here], write[image, here]
                before = len(calls)
                calls += limit(one, other, source.limits, range(channels), constants)
                if scale is not None:
                    one = one if len(calls) == before else other
                    calls.append(partial(np.multiply, one, constants.over(scale, width, range(channels)), out=other))
                if offset is not None:
                    one = one if len(calls) == before else other
                    calls.append(partial(np.add, one, constants.over(offset, width, range(channels)), out=other))
                if not after.idle:
                    one = one if len(calls) == before else other
                    calls += limit(one, other, after, range(channels), constants)
                if len(calls) == before and not _same(one, other):
                    calls.append(partial(np.copyto, other, one))
                if spare is not None:
                    calls += curve(other, function, slope, spare[: len(piece)])
        phase.append(calls)
    return [tuple(phase)]


def _same(a: Array, b: Array) -> bool:
    return bool(a.__array_interface__["data"] == b.__array_interface__["data"] and a.strides == b.strides)


def joined(
    ufunc: Any, sources: Sequence[Value], target: Value, factor: float, memory: Memory, threads: int, scratch: Scratch
) -> list[Phase]:
    """All inputs joined by one operation, a size of 1 stretched; then times `factor`, if it is not 1."""
    write = seen(target, memory)
    reads = [np.broadcast_to(seen(source, memory), write.shape) for source in sources]
    if write.ndim > 4:
        raise ValueError("a map has up to two axes behind its channels")
    write_map, maps = pixels_last(as_map(write)), [pixels_last(as_map(read)) for read in reads]
    rows = max(1, TILE // (write_map.shape[2] * write_map.shape[3]))
    phase: list[list[Call]] = []
    for share in rows_of(as_map(write), threads):
        calls: list[Call] = []
        for image, part in share:
            for piece in pieces(part, rows):
                here = slice(piece.start, piece.stop)
                out, first = write_map[image, here], maps[0][image, here]
                for other in maps[1:]:
                    calls.append(partial(ufunc, first, other[image, here], out=out))
                    first = out
                if factor != 1:
                    calls.append(partial(np.multiply, first, out.dtype.type(factor), out=out))
        phase.append(calls)
    return [tuple(phase)]


def flat_linear(
    source: Value,
    target: Value,
    weights: Array,
    bias: Array | None,
    limits: Limits,
    function: str,
    slope: float,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """A linear layer on one row of features a sample; `weights` lie as they are stored, out × in, and are read once."""
    x, y = seen(source, memory), seen(target, memory)
    samples, deep = x.shape
    constants = Constants(samples)
    phase: list[list[Call]] = []
    for thread, part in enumerate(over(y.shape[1], threads)):
        out = y[:, part.start : part.stop]
        calls = _rows_by_weights(x, weights[part.start : part.stop], out)
        if bias is not None:
            calls.append(partial(np.add, out, bias[part.start : part.stop], out=out))
        calls += limit(out, out, limits, part, constants)
        if function:
            calls += curve(out, function, slope, scratch.own(thread, out.shape, out.dtype))
        phase.append(calls if part else [])
    return [tuple(phase)]


SMALL_PRODUCT = 1_000_000
"""Multiplications up to which OpenBLAS multiplies without rearranging its operands first."""


def _rows_by_weights(x: Array, weights: Array, out: Array) -> list[Call]:
    """out = x · weightsᵀ. For a few samples as many small products: rearranging the weights would cost more than them."""
    samples, deep = x.shape
    count = SMALL_PRODUCT // (samples * deep)
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
    read, write = pixels_last(as_map(seen(source, memory))), pixels_last(as_map(seen(target, memory)))
    _, _, width, channels = write.shape
    rows = max(1, TILE // (2 * width * channels))
    number = write.dtype.type
    phase: list[list[Call]] = []
    before = size // 2
    for thread, share in enumerate(rows_of(as_map(seen(target, memory)), threads)):
        # Squares with zeros beyond the first and the last channel.
        squares = scratch.own(thread, (rows, width, channels + size - 1), write.dtype)
        sums = scratch.own(thread, (rows, width, channels), write.dtype)
        calls: list[Call] = [partial(np.copyto, squares, number(0))]
        for image, part in share:
            for piece in pieces(part, rows):
                count = len(piece)
                x, y = read[image, piece.start : piece.stop], write[image, piece.start : piece.stop]
                total = sums[:count]
                shifted = [squares[:count, :, i : i + channels] for i in range(size)]
                calls.append(partial(np.multiply, x, x, out=squares[:count, :, before : before + channels]))
                calls.append(partial(np.copyto, total, shifted[0]))
                calls += [partial(np.add, total, other, out=total) for other in shifted[1:]]
                calls.append(partial(np.multiply, total, number(alpha / size), out=total))
                calls.append(partial(np.add, total, number(k), out=total))
                calls += _power(total, beta, y)
                calls.append(partial(np.divide, x, total, out=y))
        phase.append(calls)
    return [tuple(phase)]


def _power(base: Array, exponent: float, spare: Array) -> list[Call]:
    """A power in place; that of 3/4 by two square roots, which are several times as fast."""
    if exponent != 0.75:
        return [partial(np.power, base, base.dtype.type(exponent), out=base)]
    return [
        partial(np.sqrt, base, out=base),
        partial(np.sqrt, base, out=spare),
        partial(np.multiply, base, spare, out=base),
    ]


def by_rule(
    op: Any, sources: Sequence[Value], target: Value, weights: Mapping[str, Array], memory: Memory, threads: int, scratch: Scratch
) -> list[Phase]:
    """What has no faster form here: the reference kernel, copied to where the output lies."""
    reads, write = [seen(source, memory) for source in sources], seen(target, memory)

    def call() -> None:
        np.copyto(write, RULES[op.keyword](op, reads, weights))

    return alone([call], threads)


def average_all(source: Value, target: Value, memory: Memory, threads: int, scratch: Scratch) -> list[Phase]:
    """The mean of each channel, shared out by channels."""
    return _over_all(np.add, source, target, True, memory, threads)


def largest_of_all(source: Value, target: Value, memory: Memory, threads: int, scratch: Scratch) -> list[Phase]:
    """The maximum of each channel, likewise."""
    return _over_all(np.maximum, source, target, False, memory, threads)


def _over_all(ufunc: Any, source: Value, target: Value, mean: bool, memory: Memory, threads: int) -> list[Phase]:
    read, write = pixels_last(as_map(seen(source, memory))), pixels_last(as_map(seen(target, memory)))
    samples, height, width, channels = read.shape
    phase: list[list[Call]] = []
    for part in over(channels, threads):
        calls: list[Call] = []
        here = slice(part.start, part.stop)
        for image in range(samples):
            pixels, out = matrix(read[image : image + 1, :, :, here].transpose(0, 3, 1, 2)), write[image, 0, 0, here]
            calls.append(
                partial(ufunc.reduce, read[image, :, :, here], axis=(0, 1), out=out)
                if pixels is None
                else partial(ufunc.reduce, pixels, axis=0, out=out)
            )
        if mean:
            out = write[:, 0, 0, here]
            calls.append(partial(np.multiply, out, out.dtype.type(1 / (height * width)), out=out))
        phase.append(calls if part else [])
    return [tuple(phase)]
