"""Matrix products, attention and softmax rows."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ..counting import Bench, Grid, Number, add_up, build, largest


def dense(bench: Bench, x: Grid, weight: Grid, bias: Grid | None) -> Grid:
    """y = x·Wᵀ + b on the last axis."""

    def unit(place: tuple[int, ...]) -> Number:
        *row, feature = place
        result = bench.zero
        for value, factor in zip(x[tuple(row)], weight[feature], strict=True):
            result = result.mac(value, factor)
        return result if bias is None else result + bias[feature]

    return build((*x.shape[:-1], len(weight)), unit)


def linear(bench: Bench) -> Grid:
    return dense(bench, bench.inputs[0], bench.weights["weight"], bench.weights["bias"] if bench.op.bias else None)


def matmul(bench: Bench) -> Grid:
    a, b = bench.inputs

    def unit(place: tuple[int, ...]) -> Number:
        *batch, row, column = place
        result = bench.zero
        for left, right in zip(a[(*batch, row)], b[(*batch, slice(None), column)], strict=True):
            result = result.mac(left, right)
        return result

    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = np.broadcast_to(a, (*leading, *a.shape[-2:])), np.broadcast_to(b, (*leading, *b.shape[-2:]))
    return build((*a.shape[:-1], b.shape[-1]), unit)


def softmax(row: Sequence[Number]) -> list[Number]:
    top = largest(row)
    powers = [(value - top).through(math.exp) for value in row]
    whole = add_up(powers)
    return [power / whole for power in powers]


def scaled_dot_product_attention(bench: Bench) -> Grid:
    """Hidden scores are worked with like others, and are worth nothing."""
    op, (query, key, value, *added) = bench.op, bench.inputs
    scale = query.shape[-1] ** -0.5 if op.scale is None else op.scale
    result = np.empty((*query.shape[:-1], value.shape[-1]), dtype=object)
    for *head, row in np.ndindex(query.shape[:-1]):
        keys, values = key[tuple(head)], value[tuple(head)]
        scores = [score * scale for score in dense(bench, query[tuple(head)][row : row + 1], keys, None)[0]]
        for mask in added:
            stretched = np.broadcast_to(mask, (*query.shape[:-1], len(keys)))
            scores = [a + b for a, b in zip(scores, stretched[(*head, row)], strict=True)]
        hidden = Number(-math.inf, 0, bench.tally)
        scores = [hidden if op.is_causal and at > row else score for at, score in enumerate(scores)]
        shares = softmax(scores)
        for feature in range(value.shape[-1]):
            mixed = bench.zero
            for share, of_token in zip(shares, values, strict=True):
                mixed = mixed.mac(of_token[feature], share)
            result[(*head, row, feature)] = mixed
    return result


def multihead_attention(bench: Bench) -> Grid:
    op, weights = bench.op, bench.weights
    sources = bench.inputs * 3 if len(bench.inputs) == 1 else bench.inputs
    matrices = np.split(weights["in_proj_weight"], 3)
    biases = np.split(weights["in_proj_bias"], 3) if op.bias else [None] * 3
    query, key, value = (dense(bench, *terms) for terms in zip(sources, matrices, biases, strict=True))
    width = op.embed_dim // op.num_heads
    mixed = np.full(query.shape, bench.zero)
    for head, row in itertools.product(range(op.num_heads), range(len(query))):
        columns = range(head * width, (head + 1) * width)
        scores = dense(bench, query[row : row + 1, columns], key[:, columns], None)[0]
        shares = softmax([score * width**-0.5 for score in scores])
        for column, (token, share) in itertools.product(columns, enumerate(shares)):
            mixed[row, column] = mixed[row, column].mac(value[token, column], share)
    return dense(bench, mixed, weights["out_proj.weight"], weights["out_proj.bias"] if op.bias else None)
