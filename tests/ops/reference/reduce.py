"""Reductions: the values along some axes, one by one."""

import itertools
import math
from collections.abc import Callable

from ..counting import Bench, Grid, Number, add_up, build, of_dim, on_axes


def along(bench: Bench, join: Callable[[list[Number]], Number]) -> Grid:
    op, x = bench.op, bench.inputs[0]
    axes = {of_dim(dim, x) for dim in on_axes(op.dims, 1)}
    kept = [axis for axis in range(x.ndim) if axis not in axes]

    def unit(place: tuple[int, ...]) -> Number:
        at = dict(zip(range(x.ndim) if op.keepdim else kept, place, strict=True))
        return join(
            [
                x[read]
                for read in itertools.product(*(range(n) if a in axes else [at[a]] for a, n in enumerate(x.shape)))
            ]
        )

    sizes = [1 if axis in axes else n for axis, n in enumerate(x.shape) if op.keepdim or axis not in axes]
    return build(tuple(sizes), unit)


def length(numbers: list[Number]) -> Number:
    return add_up([number * number for number in numbers]).through(math.sqrt)
