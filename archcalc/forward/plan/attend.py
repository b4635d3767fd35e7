"""The middle of self-attention: softmax(q·kᵀ/√d)·v, head by head."""

import math
from functools import partial

import numpy as np
from msgspec import Struct

from archcalc.forward.plan.steps import Memory
from archcalc.forward.plan.tiles import Scratch, over
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
            calls += [
                partial(np.matmul, query, key.T, out=scores),
                partial(np.multiply, scores, number(1 / math.sqrt(deep)), out=scores),
                partial(np.max, scores, axis=1, keepdims=True, out=row),
                partial(np.subtract, scores, row, out=scores),
                partial(np.exp, scores, out=scores),
                partial(np.sum, scores, axis=1, keepdims=True, out=row),
                partial(np.divide, scores, row, out=scores),
                partial(np.matmul, scores, value, out=write[sample, :, begin : begin + deep]),
            ]
        phase.append(calls)
    return [tuple(phase)]
