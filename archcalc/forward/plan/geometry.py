"""What operators over one or two axes state about their windows, as geometry over two axes."""

from typing import Any

from msgspec import Struct, structs

from archcalc.ops.base import both_sides, spread
from archcalc.ops.conv import sides

Pair = tuple[int, int]


class Geometry(Struct, frozen=True):
    """Windows over two axes: kernel, stride and dilation on each, padding before and after on each."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: tuple[Pair, Pair]
    groups: int = 1

    @property
    def pointwise(self) -> bool:
        """Whether each output reads the one pixel at its own place."""
        return self.kernel == (1, 1) and self.stride == (1, 1) and not self.padded

    @property
    def padded(self) -> bool:
        return any(side for pair in self.padding for side in pair)


def two(sizes: tuple[int, ...]) -> Pair:
    """One or two spatial sizes as two: a line is a map of height 1."""
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def _two_sides(pads: tuple[Pair, ...]) -> tuple[Pair, Pair]:
    return ((0, 0), pads[0]) if len(pads) == 1 else (pads[0], pads[1])


def geometry_of(op: Any, shape: tuple[int, ...]) -> Geometry:
    """That of a convolution on an input (C, W) or (C, H, W)."""
    rank = len(shape) - 1
    kernel, stride, dilation = (two(spread(value, rank)) for value in (op.kernel_size, op.stride, op.dilation))
    return Geometry(kernel, stride, dilation, _two_sides(sides(op, (shape,))), op.groups)


def pooling_of(op: Any, shape: tuple[int, ...]) -> Geometry | None:
    """That of a pooling; None for an adaptive one whose bins are not all alike."""
    output = op.output((shape,))
    if op.keyword.startswith("adaptive"):
        if any(n % o for n, o in zip(shape[1:], output[1:], strict=True)):
            return None
        kernel = two(tuple(n // o for n, o in zip(shape[1:], output[1:], strict=True)))
        return Geometry(kernel, kernel, (1, 1), ((0, 0), (0, 0)))
    windows = op.windows((shape,), output)[0][1:]
    kernel, stride, dilation = (
        two(tuple(getattr(window, name) for window in windows)) for name in ("kernel", "stride", "dilation")
    )
    return Geometry(kernel, stride, dilation, _two_sides(both_sides(op.padding, len(windows))))


def covering(geometry: Geometry, sizes: Pair, output: Pair) -> Geometry:
    """The same with padding behind as far as the last window reaches: in ceil mode, beyond the operator's own."""
    axes = zip(sizes, output, geometry.kernel, geometry.stride, geometry.dilation, geometry.padding, strict=True)
    pads = [
        (before, max(after, (count - 1) * s + d * (k - 1) + 1 - n - before))
        for n, count, k, s, d, (before, after) in axes
    ]
    return structs.replace(geometry, padding=(pads[0], pads[1]))
