"""Reductions: along some axes all values become one."""

from collections.abc import Sequence

import numpy as np

from archcalc.forward.kernels import Array, highest, lowest


def mean(x: Array, axes: Sequence[int], keepdims: bool) -> Array:
    """The mean along axes."""
    reduced: Array = x.mean(axis=tuple(axes), keepdims=keepdims)
    return reduced


def sum_(x: Array, axes: Sequence[int], keepdims: bool) -> Array:
    """The sum along axes."""
    reduced: Array = x.sum(axis=tuple(axes), keepdims=keepdims)
    return reduced


def largest(x: Array, axes: Sequence[int], keepdims: bool) -> Array:
    """The maximum along axes; of nothing −∞, or the lowest whole number."""
    reduced: Array = x.max(axis=tuple(axes), keepdims=keepdims, initial=lowest(x.dtype))
    return reduced


def smallest(x: Array, axes: Sequence[int], keepdims: bool) -> Array:
    """The minimum along axes; of nothing ∞, or the highest whole number."""
    reduced: Array = x.min(axis=tuple(axes), keepdims=keepdims, initial=highest(x.dtype))
    return reduced


def l2(x: Array, axes: Sequence[int], keepdims: bool) -> Array:
    """The root of the sum of squares along axes."""
    reduced: Array = np.sqrt((x * x).sum(axis=tuple(axes), keepdims=keepdims))
    return reduced
