"""Padding, and what sliding windows see: the geometry that convolutions and poolings share."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from archcalc.forward.kernels import Array

Sides: TypeAlias = Sequence[tuple[int, int]]
"""Per axis what is added before and after."""

Index: TypeAlias = tuple[Any, ...]
"""What arrays are indexed by: a slice an axis, or a number, or `...`."""


def padded(x: Array, sides: Sides, value: float = 0.0) -> Array:
    """`x` with `value` around its last axes; a negative side crops."""
    if not any(before or after for before, after in sides):
        return x
    axes = list(zip(x.shape[x.ndim - len(sides) :], sides, strict=True))
    kept: Index = (..., *(slice(max(0, -before), n - max(0, -after)) for n, (before, after) in axes))
    leading = [(0, 0)] * (x.ndim - len(sides))
    widths = [*leading, *((max(0, before), max(0, after)) for before, after in sides)]
    return np.pad(x[kept], widths, constant_values=value)


def span_of(kernel: int, dilation: int) -> int:
    """From the first to the last point that a window reads: d·(k − 1) + 1."""
    return dilation * (kernel - 1) + 1


def windows(x: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Array:
    """All windows over the last axes, as a view: (…, *n) becomes (…, *positions, *kernel).

    positions = ⌊(n − span)/s⌋ + 1 per axis.
    """
    spans = tuple(span_of(k, d) for k, d in zip(kernel, dilation, strict=True))
    everywhere = sliding_window_view(x, spans, axis=tuple(range(-len(spans), 0)))
    steps: Index = (..., *(slice(None, None, step) for step in (*stride, *dilation)))
    return everywhere[steps]
