"""Attention without its projections: softmax(scale·q·kᵀ)·v, head by head, so that few scores are there at once."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.forward.plan.steps import Memory
from archcalc.forward.plan.tiles import Array, Scratch, over
from archcalc.forward.plan.values import Value
from archcalc.forward.plan.workers import Call, Phase


class Heads(Struct, frozen=True):
    """How many, and how many features each has."""

    count: int
    features: int


def attend(heads: Heads, projected: Value, mixed: Value, memory: Memory, threads: int, scratch: Scratch) -> list[Phase]:
    """`projected` holds queries, keys and values side by side: (N, tokens, 3·features); `mixed` has a third of that."""
    read, write = projected.seen(memory), mixed.seen(memory)
    samples, tokens, features = write.shape
    number, deep = write.dtype.type, heads.features
    phase: list[list[Call]] = []
    for thread, share in enumerate(over(samples * heads.count, threads)):
        scores = scratch.own(thread, (tokens, tokens), write.dtype)
        row = scratch.own(thread, (tokens, 1), write.dtype)
        calls: list[Call] = []
        for index in share:
            sample, begin = index // heads.count, index % heads.count * deep
            query, key, value = (read[sample, :, i * features + begin :][:, :deep] for i in range(3))
            calls += _scored(query, key, scores, number(1 / math.sqrt(deep)))
            calls += _mixed(scores, row, value, write[sample, :, begin : begin + deep])
        phase.append(calls)
    return [tuple(phase)]


def attend_apart(
    sources: Sequence[Value],
    target: Value,
    scale: float,
    causal: bool,
    memory: Memory,
    threads: int,
    scratch: Scratch,
) -> list[Phase]:
    """Queries, keys and values that lie apart, and perhaps what is added to the scores."""
    query, key, value, *added = (source.seen(memory) for source in sources)
    write = target.seen(memory)
    rows, columns = query.shape[-2], key.shape[-2]
    masks = [np.broadcast_to(mask, (*write.shape[:-2], rows, columns)) for mask in added]
    hidden = ~np.tri(rows, columns, dtype=bool) if causal else None
    number, heads = write.dtype.type, list(np.ndindex(*write.shape[:-2]))
    phase: list[list[Call]] = []
    for thread, share in enumerate(over(len(heads), threads)):
        scores = scratch.own(thread, (rows, columns), write.dtype)
        row = scratch.own(thread, (rows, 1), write.dtype)
        calls: list[Call] = []
        for head in heads[share.start : share.stop]:
            calls += _scored(query[head], key[head], scores, number(scale))
            calls += [partial(np.add, scores, mask[head], out=scores) for mask in masks]
            if hidden is not None:
                calls.append(partial(np.copyto, scores, number(-np.inf), where=hidden))
            calls += _mixed(scores, row, value[head], write[head])
        phase.append(calls)
    return [tuple(phase)]


def _scored(query: Array, key: Array, scores: Array, scale: Any) -> list[Call]:
    return [partial(np.matmul, query, key.T, out=scores), partial(np.multiply, scores, scale, out=scores)]


def _mixed(scores: Array, row: Array, value: Array, out: Array) -> list[Call]:
    """The softmax of scores in place, `row` being room for a number each, and values by their shares."""
    return [
        partial(np.max, scores, axis=1, keepdims=True, out=row),
        partial(np.subtract, scores, row, out=scores),
        partial(np.exp, scores, out=scores),
        partial(np.sum, scores, axis=1, keepdims=True, out=row),
        partial(np.divide, scores, row, out=scores),
        partial(np.matmul, scores, value, out=out),
    ]
