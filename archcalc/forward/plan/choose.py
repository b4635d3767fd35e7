"""Which algorithm computes a convolution."""

from typing import Literal

from archcalc.forward.plan.conv import Geometry
from archcalc.forward.plan.winograd import fits

Choice = Literal["direct", "im2col", "winograd"]

PASS = 16.0
"""Multiply-adds of a matrix product in the time of one number in an element-wise pass, about (of one thread)."""

UNPACK = 16.0
"""Likewise for rearranging one weight."""


def choose(geometry: Geometry, kernel: tuple[int, ...], output: tuple[int, ...], forced: Choice | None = None) -> str:
    """`direct`, `depthwise`, `im2col` or `winograd`, by what each would take; what is forced, where it is defined.

    `kernel` is (filters, channels of a group, height, width), `output` (N, filters, …).
    """
    filters, channels, kh, kw = kernel
    depthwise = geometry.groups > 1 and channels == 1 and filters == geometry.groups
    if forced == "winograd" and fits(geometry):
        return "winograd"
    if geometry.pointwise and geometry.groups == 1:
        return "im2col" if forced == "im2col" else "direct"
    if forced is not None and forced != "winograd":
        return "depthwise" if depthwise and forced == "direct" else forced
    if depthwise:
        return "depthwise"
    if fits(geometry) and _winograd_cost(channels, output) < _im2col_cost(channels, output):
        return "winograd"
    return "im2col"


def _im2col_cost(channels: int, output: tuple[int, ...]) -> float:
    samples, filters, *sizes = output
    pixels = samples * sizes[0] * sizes[-1]
    products = 9 * channels * filters
    return pixels * products + UNPACK * products + PASS * pixels * 9 * channels / 2


def _winograd_cost(channels: int, output: tuple[int, ...]) -> float:
    """17 passes for the inputs and 13 for the outputs, on each axis; and four times the weights to rearrange."""
    samples, filters, *sizes = output
    tiles = samples * -(-sizes[0] // 4) * -(-sizes[-1] // 4)
    products = 36 * channels * filters
    passes = channels * 17 * (4 + 6) + filters * 13 * (6 + 4)
    return tiles * products + UNPACK * products + PASS * tiles * passes
