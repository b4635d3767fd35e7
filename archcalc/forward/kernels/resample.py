"""Resampling along an axis: each unit of the result is a weighted sum of units of the map."""

from collections.abc import Callable
from functools import reduce
from typing import TypeAlias

import numpy as np

from archcalc.forward.kernels import Array, along

Curve: TypeAlias = Callable[[Array], Array]
"""How much a unit counts, by its distance."""


def resample(x: Array, axis: int, places: Array, shares: Array) -> Array:
    """y[i] = Σ_t shares[i, t]·x[places[i, t]] along an axis; both are (units of the result, taps)."""
    factors = shares.astype(x.dtype)
    taps = (x.take(places[:, t], axis) * along(factors[:, t], axis, x.ndim) for t in range(places.shape[1]))
    return reduce(np.add, taps)


def between(
    points: Array, n: int, curve: Curve, reach: int, zoom: float = 1.0, outside: bool = True
) -> tuple[Array, Array]:
    """Which of `n` units are seen from fractional `points`, and with what shares: what `resample` takes.

    A unit at distance d has share curve(d·zoom), as far as `reach`; a zoom below 1 widens the curve, so that nothing
    between the points is left out (antialiasing), and shares then sum to 1 again. Units beyond the edge are the unit
    at the edge, or without `outside` left out. A unit that is left out or lies as far as `reach` is not read: not even
    0 times, which is NaN if the unit is.
    """
    width = int(np.ceil(reach / zoom))
    seen = np.floor(points)[:, None] + np.arange(1 - width, width + 1)
    distances = (seen - points[:, None]) * zoom
    shares, read = curve(distances), np.abs(distances) < reach
    if not outside:
        read &= (seen >= 0) & (seen < n)
        shares = np.where(read, shares, 0)
    if not outside or zoom < 1:
        shares = shares / shares.sum(1, keepdims=True)
    places = np.clip(seen, 0, n - 1).astype(np.int64)
    most = places[np.arange(len(places)), shares.argmax(1)]
    return np.where(read, places, most[:, None]), shares


def triangle(distance: Array) -> Array:
    """max(1 − |d|, 0): linear interpolation."""
    share: Array = np.maximum(1 - np.abs(distance), 0)
    return share


def cubic(distance: Array, a: float = -0.75) -> Array:
    """The cubic convolution kernel of Keys (1981), which reaches 2 units far; `a` is its slope at 1."""
    d = np.abs(distance)
    near: Array = ((a + 2) * d - (a + 3)) * d * d + 1
    far: Array = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
