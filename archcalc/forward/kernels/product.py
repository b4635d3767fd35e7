"""Convolutions, linear layers, and attention: whatever is a matrix product."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from archcalc.forward.kernels import Array, along
from archcalc.forward.kernels.unitwise import softmax
from archcalc.forward.kernels.window import Index, Sides, padded, span_of, windows

_COLUMNS = 1 << 22  # values of windows laid out at once: 16 MiB of float32


def conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Sequence[int],
    sides: Sides,
    dilation: Sequence[int],
    groups: int = 1,
) -> Array:
    """A convolution: (N, C, *n) and (O, C/groups, *kernel) give (N, O, *positions).

    y[o] = bias[o] + Σ_{c, tap} weight[o, c, tap]·x[c, position·s + tap·d − before], c in the group of o. Windows are
    laid out as columns, a few output rows at a time, and multiplied by the filters as rows.
    """
    rank, filters = weight.ndim - 2, len(weight)
    seen = windows(padded(x, sides), weight.shape[2:], stride, dilation)
    positions = seen.shape[2 : 2 + rank]
    rows = weight.reshape(groups, filters // groups, -1)
    result = np.empty((len(x), filters, *positions), x.dtype)
    step = max(1, _COLUMNS // (x.shape[1] * math.prod(weight.shape[2:]) * math.prod(positions[1:])))
    for sample, begin in itertools.product(range(len(x)), range(0, positions[0], step)):
        # (C, *positions, *kernel) → (C, *kernel, *positions)
        part = np.moveaxis(seen[sample, :, begin : begin + step], range(1, 1 + rank), range(-rank, 0))
        columns = part.reshape(groups, rows.shape[2], -1)
        result[sample, :, begin : begin + step] = (rows @ columns).reshape(filters, *part.shape[-rank:])
    return result if bias is None else result + along(bias, 1, x.ndim)


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Sequence[int],
    sides: Sides,
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int = 1,
) -> Array:
    """A transposed convolution: (N, C, *n) and (C, O/groups, *kernel) give (N, O, *((n − 1)·s − p − q + span + extra)).

    Every input unit u adds x[u]·weight[tap] to the output at u·s + tap·d − p; what falls beyond the output, p units
    before it and q behind it (the two `sides` of an axis), is dropped.
    """
    kernel, sizes = weight.shape[2:], x.shape[2:]
    axes = list(zip(sizes, kernel, stride, dilation, output_padding, strict=True))
    whole = [(n - 1) * s + span_of(k, d) + extra for n, k, s, d, extra in axes]
    result = np.zeros((len(x), weight.shape[1] * groups, *whole), x.dtype)
    units = x.reshape(len(x), groups, x.shape[1] // groups, -1)
    for tap in np.ndindex(*kernel):
        factors = weight[(slice(None), slice(None), *tap)].reshape(groups, units.shape[2], -1)
        written = factors.swapaxes(1, 2) @ units
        places: Index = (
            ...,
            *(slice(t * d, t * d + (n - 1) * s + 1, s) for t, (n, _, s, d, _) in zip(tap, axes, strict=True)),
        )
        result[places] += written.reshape(len(x), -1, *sizes)
    shown: Index = (..., *(slice(p, size - q) for (p, q), size in zip(sides, whole, strict=True)))
    return result[shown] if bias is None else result[shown] + along(bias, 1, x.ndim)


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """y = x·Wᵀ + b on the last axis: (…, in) and (out, in) give (…, out)."""
    result: Array = x @ weight.T
    return result if bias is None else result + bias


def matmul(a: Array, b: Array) -> Array:
    """(…, m, k) and (…, k, n) give (…, m, n)."""
    product: Array = a @ b
    return product


def attention(
    query: Array,
    key: Array,
    value: Array,
    heads: int,
    weights: tuple[Array, Array],
    biases: tuple[Array | None, Array | None] = (None, None),
) -> Array:
    """Multi-head attention over (N, tokens, features): softmax(q·kᵀ/√d)·v per head of d features, then a projection.

    `weights` are (3·E, E), which projects queries, keys and values, and (E, E), which projects what was mixed; `biases`
    likewise (3·E) and (E).
    """
    (into, out), (bias_into, bias_out) = weights, biases
    matrices = np.split(into, 3)
    shifts = [None] * 3 if bias_into is None else np.split(bias_into, 3)
    q, k, v = (
        _by_head(linear(x, matrix, shift), heads)
        for x, matrix, shift in zip((query, key, value), matrices, shifts, strict=True)
    )
    mixed = scaled_dot_product_attention(q, k, v).swapaxes(1, 2).reshape(query.shape)
    return linear(mixed, out, bias_out)


def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    added: Array | None = None,
    scale: float | None = None,
    causal: bool = False,
) -> Array:
    """softmax(scale·q·kᵀ + added)·v: (…, L, E), (…, S, E) and (…, S, V) give (…, L, V); `scale` is 1/√E.

    `causal` hides the keys behind a query's own place: it reads those up to it, and the first in any case.
    """
    scores = query @ key.swapaxes(-1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if added is not None:
        scores = scores + added
    if causal:
        rows, columns = scores.shape[-2:]
        scores = np.where(np.arange(columns) <= np.arange(rows)[:, np.newaxis], scores, -np.inf)
    mixed: Array = softmax(scores, -1) @ value
    return mixed


def _by_head(x: Array, heads: int) -> Array:
    """(N, tokens, features) → (N, heads, tokens, features/heads)."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)
