"""Random operators with geometry, beyond those that facts are tested on: with groups, and in three dimensions."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from ops.cases import Sample

from archcalc import ops
from archcalc.ops.base import Window

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def convolutions(draw: Draw, most_groups: int = 3) -> Sample:
    """In one to three dimensions, with groups, strides, dilations and paddings that differ by axis and side."""
    rank = draw(st.integers(1, 3))
    axes = []
    for _ in range(rank):
        kernel, stride, dilation = (draw(st.integers(1, most)) for most in (3, 3, 2))
        pads = draw(st.tuples(st.integers(0, 3), st.integers(0, 2)))
        n = max(1, Window(0, kernel, dilation=dilation).span - sum(pads)) + draw(st.integers(0, 6 - 2 * rank + 1))
        axes.append((n, kernel, stride, pads, dilation))
    sizes, kernels, strides, paddings, dilations = zip(*axes, strict=True)
    groups, channels, filters = (draw(st.integers(1, most)) for most in (most_groups, 2, 2))
    op = ops.Conv(groups * filters, kernels, strides, paddings, dilations, groups, draw(st.booleans()))
    return Sample(op, ((groups * channels, *sizes),))


@st.composite
def average_poolings(draw: Draw) -> Sample:
    """Of every way of counting."""
    axes, ceil_mode = [], draw(st.booleans())
    for _ in range(draw(st.integers(1, 2))):
        kernel, stride = (draw(st.integers(1, most)) for most in (4, 4))
        pads = draw(st.tuples(*[st.integers(0, kernel // 2)] * 2))
        n = max(1, kernel - sum(pads) - (stride - 1 if ceil_mode else 0)) + draw(st.integers(0, 7))
        axes.append((n, kernel, stride, pads))
    sizes, kernels, strides, paddings = zip(*axes, strict=True)
    return Sample(ops.AvgPool(kernels, strides, paddings, ceil_mode, draw(st.booleans())), ((2, *sizes),))
