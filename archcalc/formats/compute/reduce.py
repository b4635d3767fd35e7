"""Reductions: sums, means, extremes and norms over axes."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from archcalc.formats.compute.call import Call, axes_of
from archcalc.formats.compute.shapes import given_axes
from archcalc.forward.kernels import Array, reduce

Reduction: TypeAlias = Callable[[Array, tuple[int, ...], bool], Any]
"""What an array is over some axes, which stay with size 1 or go."""


def reduction(function: Reduction, since: int = 18) -> Callable[..., Array]:
    """An operator that reduces; its axes are an input since an opset. No axes are all, or none if it is told so."""

    def reduced(call: Call, x: Array, axes: Array | None = None) -> Array:
        stated = given_axes(call, axes, since)
        if not stated:
            stated = () if call.get("noop_with_empty_axes", 0) else tuple(range(x.ndim))
        result: Array = np.asarray(function(x, axes_of(stated, x.ndim), bool(call.get("keepdims", 1))))
        return result.astype(x.dtype, copy=False)

    return reduced


def _prod(x: Array, axes: tuple[int, ...], keep: bool) -> Any:
    return x.prod(axis=axes, keepdims=keep, dtype=x.dtype)


def _l1(x: Array, axes: tuple[int, ...], keep: bool) -> Any:
    return reduce.sum_(np.abs(x), axes, keep)


def _sum_of_squares(x: Array, axes: tuple[int, ...], keep: bool) -> Any:
    return reduce.sum_(x * x, axes, keep)


def _log_of_sum(x: Array, axes: tuple[int, ...], keep: bool) -> Any:
    return np.log(reduce.sum_(x, axes, keep))


def _log_of_sum_of_exp(x: Array, axes: tuple[int, ...], keep: bool) -> Any:
    largest = reduce.largest(x, axes, True)
    largest = np.where(np.isfinite(largest), largest, 0)
    total = np.log(reduce.sum_(np.exp(x - largest), axes, True)) + largest
    return total if keep else total.squeeze(axes)


def place(find: Callable[..., Any]) -> Callable[[Call, Array], Array]:
    """Where along an axis an extreme lies: its first place, or its last."""

    def found(call: Call, x: Array) -> Array:
        axis = axes_of([call.get("axis", 0)], x.ndim)[0]
        keep = bool(call.get("keepdims", 1))
        if not call.get("select_last_index", 0):
            return np.asarray(find(x, axis=axis, keepdims=keep), np.int64)
        last: Array = x.shape[axis] - 1 - find(np.flip(x, axis), axis=axis, keepdims=keep)
        return np.asarray(last, np.int64)

    return found


OPERATORS: dict[str, Callable[..., Array]] = {
    "ArgMax": place(np.argmax),
    "ArgMin": place(np.argmin),
    "ReduceL1": reduction(_l1),
    "ReduceL2": reduction(reduce.l2),
    "ReduceLogSum": reduction(_log_of_sum),
    "ReduceLogSumExp": reduction(_log_of_sum_of_exp),
    "ReduceMax": reduction(reduce.largest),
    "ReduceMean": reduction(reduce.mean),
    "ReduceMin": reduction(reduce.smallest),
    "ReduceProd": reduction(_prod),
    "ReduceSum": reduction(reduce.sum_, since=13),
    "ReduceSumSquare": reduction(_sum_of_squares),
}
