"""Pooling: with windows, adaptive, and over everything."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from msgspec.structs import replace

from archcalc.numbers import ceil_div, gcd, minimum, product
from archcalc.ops.base import (
    SAVES_INPUT,
    SAVES_NOTHING,
    Complaint,
    Count,
    Extra,
    Op,
    PerAxis,
    Reads,
    Remainder,
    Saved,
    Shape,
    Shapes,
    Size,
    Weights,
    Window,
    Work,
    both_sides,
    needs_rank,
    per_axis_fits,
    spread,
)
from archcalc.ops.conv import Sides, remainders_of, undivided, window_fits
from archcalc.ops.function import multiplications


class _Pool(Op, frozen=True):
    """What max and average pooling share: windows as of a convolution, one channel at a time.

    Output size per axis: ⌊(n − span + p_before + p_after)/s⌋ + 1; with `ceil_mode` the quotient is rounded up, and a
    last window that would begin in the padding behind the input is dropped: at most ⌊(n + p_before − 1)/s⌋ + 1 windows.
    Source: torch.nn.MaxPool2d; Caffe's pooling layer is `ceil_mode: true`.
    """

    kernel_size: PerAxis
    stride: PerAxis | Literal["kernel_size"] = "kernel_size"
    padding: Count | tuple[Sides, ...] = 0
    ceil_mode: bool = False

    def _spacing(self) -> PerAxis:
        """The dilation, where an operator has one."""
        return 1

    def _windows(self, rank: int) -> tuple[Window, ...]:
        stride = self.kernel_size if self.stride == "kernel_size" else self.stride
        geometry = zip(*(spread(a, rank) for a in (self.kernel_size, stride, self._spacing())), strict=True)
        return tuple(Window(axis, k, s, 0, d) for axis, (k, s, d) in enumerate(geometry, start=1))

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        rank = len(inputs[0]) - 1
        wrong = [*needs_rank(inputs, range(2, 5), f"{self.keyword} needs channels and 1 to 3 spatial axes")]
        stride = () if self.stride == "kernel_size" else ("stride",)
        wrong += per_axis_fits(self, rank, "kernel_size", *stride, "padding")
        if not wrong:
            windows, pads = self._windows(rank), both_sides(self.padding, rank)
            if any(max(pad) > window.span // 2 for window, pad in zip(windows, pads, strict=True)):
                wrong.append(
                    Complaint("padding is more than half of the kernel: a window could miss the input", "padding")
                )
            # Rounded up, even a window larger than the input has a place.
            if not self.ceil_mode or any(size < 1 for size in self.output(inputs)):
                wrong += window_fits(windows, pads, inputs[0])
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        rank = len(inputs[0]) - 1
        axes = zip(inputs[0][1:], self._windows(rank), both_sides(self.padding, rank), strict=True)
        return (inputs[0][0], *(self._positions(n, window, *pad) for n, window, pad in axes))

    def _positions(self, n: int, window: Window, before: int, after: int) -> int:
        reach = n - window.span + (before + after)
        if not self.ceil_mode:
            return reach // window.stride + 1
        return minimum(ceil_div(reach, window.stride), (n + before - 1) // window.stride) + 1

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        rank = len(inputs[0]) - 1
        padded = zip(self._windows(rank), both_sides(self.padding, rank), strict=True)
        return ((Window(0), *(Window(w.axis, w.kernel, w.stride, before, w.dilation) for w, (before, _) in padded)),)

    def remainders(self, inputs: Shapes) -> tuple[Remainder, ...]:
        rank = len(inputs[0]) - 1
        found = remainders_of(self._windows(rank), both_sides(self.padding, rank), inputs[0])
        # Rounded up, a last window reaches beyond the end and reads what is left over.
        return tuple(replace(left, unread=0) for left in found) if self.ceil_mode else found

    def notes(self, inputs: Shapes) -> Iterator[str]:
        yield from undivided(self.remainders(inputs))


class MaxPool(_Pool, frozen=True):
    """The maximum of each window: kernel − 1 comparisons an output, padding counted as if it were read."""

    keyword: ClassVar[str] = "maxpool"

    dilation: PerAxis = 1

    def _spacing(self) -> PerAxis:
        return self.dilation

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        wrong = [*per_axis_fits(self, len(inputs[0]) - 1, "dilation")]
        yield from wrong or super().check(inputs)

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=product(output) * (product(spread(self.kernel_size, len(output) - 1)) - 1))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0,), extras=(Extra("indices", product(output), "index"),))


class AvgPool(_Pool, frozen=True):
    """The mean of each window: kernel − 1 additions and one division an output, padding counted as if it were read.

    `count_include_pad` decides what the sum is divided by; it changes the numbers, not how many there are.
    """

    keyword: ClassVar[str] = "avgpool"

    count_include_pad: bool = True

    def work(self, inputs: Shapes, output: Shape) -> Work:
        outputs = product(output)
        return Work(adds=outputs * (product(spread(self.kernel_size, len(output) - 1)) - 1), divisions=outputs)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class LpPool(_Pool, frozen=True):
    """The norm (Σ x^p)^(1/p) of each window, p being `norm_type`: its length for 2, its sum for 1.

    Per output of a window of k: k powers, multiplied out as in `pow`, k − 1 additions, and a root where p is not 1;
    padding counted as if it were read, and worth nothing. Where p is odd the sum may be below zero and has no root: it
    is NaN, as in torch. What hangs over the end in `ceil_mode` is worth nothing either; torch scales what there is of
    such a window up as if it were whole.
    Source: torch.nn.LPPool2d; ONNX's LpPool, which has |x| for x.
    """

    keyword: ClassVar[str] = "lp_pool"

    norm_type: Size = 2

    def work(self, inputs: Shapes, output: Shape) -> Work:
        outputs, values = product(output), product(spread(self.kernel_size, len(output) - 1))
        return Work(
            adds=outputs * (values - 1),
            multiplies=outputs * values * multiplications(int(self.norm_type)),
            exponentials=outputs if self.norm_type != 1 else 0,
        )

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class _AdaptivePool(Op, frozen=True):
    """What both adaptive poolings share: output unit i of o reads ⌊i·n/o⌋ … ⌈(i + 1)·n/o⌉ − 1 of n.

    All windows of one axis together read n + o − gcd(n, o) units. On the input spread out by o, every window is n + o
    − 1 points wide and n further than the one before it.
    Source: torch.nn.AdaptiveAvgPool2d.
    """

    output_size: PerAxis

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        yield from needs_rank(inputs, range(2, 5), f"{self.keyword} needs channels and 1 to 3 spatial axes")
        yield from per_axis_fits(self, len(inputs[0]) - 1, "output_size")

    def output(self, inputs: Shapes) -> Shape:
        return (inputs[0][0], *spread(self.output_size, len(inputs[0]) - 1))

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        sizes = enumerate(zip(inputs[0][1:], spread(self.output_size, len(output) - 1), strict=True), start=1)
        # One output unit reads everything, and says so; more of them share the axis out.
        return ((Window(0), *(None if o == 1 else Window(a, n + o - 1, n, o - 1, 1, o) for a, (n, o) in sizes)),)

    def _reads(self, inputs: Shapes, output: Shape) -> int:
        """Input units read by all windows of one sample, counted as often as they are read."""
        return product((inputs[0][0], *(n + o - gcd(n, o) for n, o in zip(inputs[0][1:], output[1:], strict=True))))


class AdaptiveMaxPool(_AdaptivePool, frozen=True):
    """The maximum of each bin: one comparison less than there are units in it."""

    keyword: ClassVar[str] = "adaptive_maxpool"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=self._reads(inputs, output) - product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0,), extras=(Extra("indices", product(output), "index"),))


class AdaptiveAvgPool(_AdaptivePool, frozen=True):
    """The mean of each bin: one addition less than there are units in it, and one division."""

    keyword: ClassVar[str] = "adaptive_avgpool"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(adds=self._reads(inputs, output) - product(output), divisions=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class _GlobalPool(Op, frozen=True):
    """What both global poolings share: each channel becomes one number, its spatial axes become 1."""

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        yield from needs_rank(inputs, range(2, 5), f"{self.keyword} needs channels and 1 to 3 spatial axes")

    def output(self, inputs: Shapes) -> Shape:
        return (inputs[0][0], *(1 for _ in inputs[0][1:]))

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return ((Window(0), *(None for _ in output[1:])),)


class GlobalMaxPool(_GlobalPool, frozen=True):
    """The maximum of each channel: one comparison less than it has units."""

    keyword: ClassVar[str] = "global_maxpool"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=inputs[0][0] * (product(inputs[0][1:]) - 1))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0,), extras=(Extra("indices", product(output), "index"),))


class GlobalAvgPool(_GlobalPool, frozen=True):
    """The mean of each channel: one addition less than it has units, and one division."""

    keyword: ClassVar[str] = "global_avgpool"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(adds=inputs[0][0] * (product(inputs[0][1:]) - 1), divisions=inputs[0][0])

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING
