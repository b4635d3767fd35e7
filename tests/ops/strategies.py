"""Random operators with geometry, in one and two dimensions, and inputs that fit them."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from archcalc import ops
from archcalc.ops.base import Window

from .cases import Sample

Draw = Callable[[st.SearchStrategy[Any]], Any]


def _sides(draw: Draw, most: int) -> tuple[int, int]:
    side = st.integers(0, most)
    return draw(side), draw(side)


@st.composite
def convolutions(draw: Draw) -> Sample:
    """Kernels, strides, dilations and paddings that differ by axis and side."""
    axes = []
    for _ in range(draw(st.integers(1, 2))):
        window = draw(st.builds(Window, st.just(0), st.integers(1, 4), st.integers(1, 4), dilation=st.integers(1, 3)))
        pads = _sides(draw, 4)
        n = max(1, window.span - sum(pads)) + draw(st.integers(0, 6))
        axes.append((n, window.kernel, window.stride, pads, window.dilation))
    sizes, kernel, stride, padding, dilation = zip(*axes, strict=True)
    return Sample(ops.Conv(1, kernel, stride, padding, dilation, bias=False), ((1, *sizes),))


@st.composite
def same_convolutions(draw: Draw) -> Sample:
    kernel, stride, dilation, n = (draw(st.integers(1, most)) for most in (5, 4, 3, 12))
    return Sample(ops.Conv(1, kernel, stride, "same", dilation, bias=False), ((1, n),))


@st.composite
def transposed_convolutions(draw: Draw) -> Sample:
    axes = []
    for _ in range(draw(st.integers(1, 2))):
        n, kernel, stride, dilation = (draw(st.integers(1, most)) for most in (5, 4, 4, 3))
        extra = draw(st.integers(0, max(stride, dilation) - 1))
        whole = (n - 1) * stride + dilation * (kernel - 1) + 1 + extra
        axes.append((n, kernel, stride, draw(st.integers(0, (whole - 1) // 2)), extra, dilation))
    sizes, kernels, strides, paddings, extras, dilations = zip(*axes, strict=True)
    op = ops.ConvTranspose(1, kernels, strides, paddings, extras, dilations, bias=False)
    return Sample(op, ((1, *sizes),))


@st.composite
def poolings(draw: Draw) -> Sample:
    """In ceil mode the only window may hang over the end of its input by less than its stride."""
    axes, ceil_mode = [], draw(st.booleans())
    for _ in range(draw(st.integers(1, 2))):
        kernel, stride, dilation = (draw(st.integers(1, most)) for most in (4, 4, 2))
        span = Window(0, kernel, dilation=dilation).span
        pads = _sides(draw, span // 2)
        n = max(1, span - sum(pads) - (stride - 1 if ceil_mode else 0)) + draw(st.integers(0, 8))
        axes.append((n, kernel, stride, pads, dilation))
    sizes, kernels, strides, paddings, dilations = zip(*axes, strict=True)
    return Sample(ops.MaxPool(kernels, strides, paddings, ceil_mode, dilations), ((1, *sizes),))


@st.composite
def adaptive_poolings(draw: Draw) -> Sample:
    axes = draw(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=2))
    sizes, bins = zip(*axes, strict=True)
    return Sample(ops.AdaptiveAvgPool(bins), ((1, *sizes),))


@st.composite
def upsamplings(draw: Draw) -> Sample:
    """To any size, smaller ones too, or by a factor; by the nearest value or by interpolation."""
    axes = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(1, 5)), min_size=1, max_size=2))
    sizes, targets, factors = zip(*axes, strict=True)
    mode = draw(st.sampled_from(["nearest", *{1: ["linear"], 2: ["bilinear", "bicubic"]}[len(axes)]]))
    given = {"size": targets} if draw(st.booleans()) else {"scale_factor": factors}
    corners = mode != "nearest" and draw(st.booleans())
    return Sample(ops.Upsample(**given, mode=mode, align_corners=corners), ((1, *sizes),))


@st.composite
def slices(draw: Draw) -> Sample:
    """Bounds from either end, or left out."""
    n = draw(st.integers(1, 12))
    start = draw(st.integers(0, n - 1))
    end = draw(st.integers(start + 1, n))
    begin = draw(st.sampled_from([start, start - n]))
    finish = draw(st.sampled_from([end, end - n if end < n else None]))
    return Sample(ops.Slice(1, begin, finish, draw(st.integers(1, 4))), ((n, 2),))


@st.composite
def paddings(draw: Draw) -> Sample:
    """Zeros around, and crops."""
    n = draw(st.integers(1, 8))
    before = draw(st.integers(1 - n, 4))
    after = draw(st.integers(1 - n - min(before, 0), 4))
    return Sample(ops.Pad(((before, after),)), ((1, n),))


GEOMETRIES: dict[str, st.SearchStrategy[Sample]] = {
    "conv": convolutions(),
    "conv-same": same_convolutions(),
    "conv_transpose": transposed_convolutions(),
    "maxpool": poolings(),
    "adaptive_avgpool": adaptive_poolings(),
    "upsample": upsamplings(),
    "slice": slices(),
    "pad": paddings(),
}
