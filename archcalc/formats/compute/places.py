"""Values by their places: gathered, scattered, found, counted up."""

from collections.abc import Callable

import numpy as np

from archcalc.errors import Problem, UsageError
from archcalc.formats.compute.call import Call, axis_of
from archcalc.forward.kernels import Array


def gather(call: Call, x: Array, indices: Array) -> Array:
    """The slices at `indices` along an axis: (*a, n, *b) and (*i) give (*a, *i, *b)."""
    axis = axis_of(call.get("axis", 0), x.ndim)
    call.room((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    return np.asarray(x.take(indices.astype(np.int64), axis))


def gather_elements(call: Call, x: Array, indices: Array) -> Array:
    """At each place of `indices`, the value whose place along one axis it names."""
    axis = axis_of(call.get("axis", 0), x.ndim)
    call.room(indices.shape, x.dtype)
    kept = tuple(slice(None) if a == axis else slice(n) for a, n in enumerate(indices.shape))
    return np.take_along_axis(x[kept], indices.astype(np.int64), axis)


def gather_nd(call: Call, x: Array, indices: Array) -> Array:
    """What lies at the places that the last axis of `indices` spells out, sample by sample for `batch_dims` axes."""
    batch = call.get("batch_dims", 0)
    if x.shape[:batch] != indices.shape[:batch]:
        raise UsageError(Problem(f"GatherND of {x.shape} by {indices.shape} over {batch} axes of batches"))
    depth = indices.shape[-1]
    call.room((*indices.shape[:-1], *x.shape[batch + depth :]), x.dtype)
    own = [
        np.arange(n).reshape([-1 if a == axis else 1 for a in range(indices.ndim - 1)])
        for axis, n in enumerate(indices.shape[:batch])
    ]
    return np.asarray(x[(*own, *np.moveaxis(indices.astype(np.int64), -1, 0))])


def scatter_nd(_: Call, x: Array, indices: Array, updates: Array) -> Array:
    """A copy in which `updates` lie at the places that the last axis of `indices` spells out."""
    result = x.copy()
    result[tuple(np.moveaxis(indices.astype(np.int64), -1, 0))] = updates
    return result


def nonzero(_: Call, x: Array) -> Array:
    """The places of all values but zero, one column each."""
    return np.asarray(np.nonzero(np.atleast_1d(x)), np.int64)


def cumulative_sum(call: Call, x: Array, axis: Array) -> Array:
    """Sums of all units up to each one along an axis; `exclusive` without itself, `reverse` from behind."""
    along = axis_of(int(axis.reshape(())), x.ndim)
    turned = np.flip(x, along) if call.get("reverse", 0) else x
    sums = np.cumsum(turned, along, dtype=x.dtype)
    if call.get("exclusive", 0):
        sums = sums - turned
    return np.flip(sums, along) if call.get("reverse", 0) else sums


def triangle(call: Call, x: Array, diagonal: Array | None = None) -> Array:
    """The upper or lower triangle of each matrix, zeros beyond it."""
    k = 0 if diagonal is None else int(diagonal.reshape(()))
    rows, columns = x.shape[-2:]
    k = max(min(k, columns), -rows)
    return np.triu(x, k) if call.get("upper", 1) else np.tril(x, k)


OPERATORS: dict[str, Callable[..., Array]] = {
    "CumSum": cumulative_sum,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "NonZero": nonzero,
    "ScatterND": scatter_nd,
    "Trilu": triangle,
}
