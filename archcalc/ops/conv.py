"""Convolutions and their transposes, in one, two and three dimensions."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from archcalc.numbers import ceil_div, maximum, product
from archcalc.ops.base import (
    SAVES_INPUT,
    Complaint,
    Count,
    Op,
    PerAxis,
    Reads,
    Remainder,
    Role,
    Saved,
    Shape,
    Shapes,
    Size,
    Weight,
    Weights,
    Window,
    Work,
    both_sides,
    needs_rank,
    per_axis_fits,
    show_shape,
    spread,
)

Sides = Count | tuple[Count, Count]
Padding = Count | Literal["same", "valid"] | tuple[Sides, ...]


def sides(op: "Conv", inputs: Shapes) -> tuple[tuple[int, int], ...]:
    """Padding before and after, per axis.

    `same` pads so that n becomes ⌈n/s⌉: max((⌈n/s⌉ − 1)·s + span − n, 0) in all, the odd one behind (TensorFlow's rule;
    at stride 1 it is torch's too).
    """
    rank = len(inputs[0]) - 1
    if op.padding == "same":
        pads = []
        for window, n in zip(unpadded(op, rank), inputs[0][1:], strict=True):
            whole = maximum((ceil_div(n, window.stride) - 1) * window.stride + window.span - n, 0)
            pads.append((whole // 2, whole - whole // 2))
        return tuple(pads)
    return both_sides(0 if op.padding == "valid" else op.padding, rank)


def unpadded(op: "Conv", rank: int) -> tuple[Window, ...]:
    """The windows of the spatial axes before padding is known."""
    geometry = zip(*(spread(a, rank) for a in (op.kernel_size, op.stride, op.dilation)), strict=True)
    return tuple(Window(axis, k, s, 0, d) for axis, (k, s, d) in enumerate(geometry, start=1))


class Conv(Op, frozen=True):
    """A convolution over 1, 2 or 3 spatial axes.

    Output size per axis: ⌊(n − span + p_before + p_after)/s⌋ + 1 with span = d·(k − 1) + 1; always rounded down.
    Weights: out_channels × in_channels/groups × kernel. MACs: one for each weight at each output position; a bias adds
    one addition an output. Padding: a number, `same`, `valid`, one number an axis, or [before, after] an axis.
    With `trainable: false` kernel and bias are buffers that nobody learns, such as those of a blur.
    Source: torch.nn.Conv2d; Dumoulin and Visin, A guide to convolution arithmetic (2016).
    """

    keyword: ClassVar[str] = "conv"

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1
    groups: Size = 1
    bias: bool = True
    trainable: bool = True

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        shape, rank = inputs[0], len(inputs[0]) - 1
        wrong = [*needs_rank(inputs, range(2, 5), "conv needs channels and 1 to 3 spatial axes")]
        wrong += per_axis_fits(self, rank, "kernel_size", "stride", "padding", "dilation")
        if shape[0] % self.groups:
            wrong.append(Complaint(f"{self.groups} groups do not divide {shape[0]} input channels", "groups"))
        if self.out_channels % self.groups:
            wrong.append(Complaint(f"{self.groups} groups do not divide {self.out_channels} output channels", "groups"))
        if not wrong:
            wrong += window_fits(unpadded(self, rank), sides(self, inputs), shape)
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        windows = unpadded(self, len(inputs[0]) - 1)
        return (
            self.out_channels,
            *(
                (n - window.span + (before + after)) // window.stride + 1
                for n, window, (before, after) in zip(inputs[0][1:], windows, sides(self, inputs), strict=True)
            ),
        )

    def weights(self, inputs: Shapes) -> Weights:
        kernel = spread(self.kernel_size, len(inputs[0]) - 1)
        return kernel_and_bias(self, (self.out_channels, inputs[0][0] // self.groups, *kernel))

    def work(self, inputs: Shapes, output: Shape) -> Work:
        kernel = spread(self.kernel_size, len(inputs[0]) - 1)
        outputs = product((*output[1:], output[0]))
        macs = outputs * product((*kernel, inputs[0][0] // self.groups))
        return Work(macs=macs, adds=outputs) if self.bias else Work(macs=macs)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        padded = zip(unpadded(self, len(inputs[0]) - 1), sides(self, inputs), strict=True)
        return ((None, *(Window(w.axis, w.kernel, w.stride, before, w.dilation) for w, (before, _) in padded)),)

    def remainders(self, inputs: Shapes) -> tuple[Remainder, ...]:
        return remainders_of(unpadded(self, len(inputs[0]) - 1), sides(self, inputs), inputs[0])

    def notes(self, inputs: Shapes) -> Iterator[str]:
        yield from undivided(self.remainders(inputs))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class ConvTranspose(Op, frozen=True):
    """A transposed convolution over 1, 2 or 3 spatial axes.

    Output size per axis: (n − 1)·s − 2·p + span + output_padding. Weights: in_channels × out_channels/groups × kernel.
    MACs: one for each weight at each *input* position; a bias adds one addition an output.
    With `trainable: false` kernel and bias are buffers, such as those of bilinear interpolation.
    Source: torch.nn.ConvTranspose2d.
    """

    keyword: ClassVar[str] = "conv_transpose"

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1
    padding: Count | tuple[Count, ...] = 0
    output_padding: Count | tuple[Count, ...] = 0
    dilation: PerAxis = 1
    groups: Size = 1
    bias: bool = True
    trainable: bool = True

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        shape, rank = inputs[0], len(inputs[0]) - 1
        wrong = [*needs_rank(inputs, range(2, 5), "conv_transpose needs channels and 1 to 3 spatial axes")]
        wrong += per_axis_fits(self, rank, "kernel_size", "stride", "padding", "output_padding", "dilation")
        if shape[0] % self.groups:
            wrong.append(Complaint(f"{self.groups} groups do not divide {shape[0]} input channels", "groups"))
        if self.out_channels % self.groups:
            wrong.append(Complaint(f"{self.groups} groups do not divide {self.out_channels} output channels", "groups"))
        if not wrong:
            steps = zip(*(spread(a, rank) for a in (self.output_padding, self.stride, self.dilation)), strict=True)
            if any(extra >= max(s, d) for extra, s, d in steps):
                wrong.append(Complaint("output_padding must be below the stride or the dilation", "output_padding"))
            output = self.output(inputs)
            if any(size < 1 for size in output[1:]):
                wrong.append(Complaint(f"padding leaves nothing of the output: {show_shape(output)}", "padding"))
        yield from wrong

    def _geometry(self, rank: int) -> tuple[tuple[Window, int, int], ...]:
        """Per axis the forward convolution's window, its padding and the output padding."""
        arguments = (self.kernel_size, self.stride, self.dilation, self.padding, self.output_padding)
        axes = zip(*(spread(a, rank) for a in arguments), strict=True)
        return tuple((Window(axis, k, s, 0, d), p, o) for axis, (k, s, d, p, o) in enumerate(axes, start=1))

    def output(self, inputs: Shapes) -> Shape:
        axes = zip(inputs[0][1:], self._geometry(len(inputs[0]) - 1), strict=True)
        return (self.out_channels, *((n - 1) * w.stride - (p + p) + w.span + extra for n, (w, p, extra) in axes))

    def weights(self, inputs: Shapes) -> Weights:
        kernel = spread(self.kernel_size, len(inputs[0]) - 1)
        return kernel_and_bias(self, (inputs[0][0], self.out_channels // self.groups, *kernel))

    def work(self, inputs: Shapes, output: Shape) -> Work:
        kernel = spread(self.kernel_size, len(inputs[0]) - 1)
        macs = product((*inputs[0][1:], inputs[0][0], *kernel, self.out_channels // self.groups))
        return Work(macs=macs, adds=product((*output[1:], output[0]))) if self.bias else Work(macs=macs)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        # The transpose slides the same kernel over the input spread by the stride, padded by span − 1 − p.
        geometry = self._geometry(len(inputs[0]) - 1)
        return ((None, *(Window(w.axis, w.kernel, 1, w.span - 1 - p, w.dilation, w.stride) for w, p, _ in geometry)),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


def kernel_and_bias(op: Conv | ConvTranspose, shape: Shape) -> Weights:
    """What a convolution with a kernel of this shape stores."""
    role: Role = "trainable" if op.trainable else "constant"
    weight = Weight("weight", shape, role)
    return (weight, Weight("bias", (op.out_channels,), role)) if op.bias else (weight,)


def window_fits(windows: tuple[Window, ...], pads: tuple[tuple[int, int], ...], shape: Shape) -> Iterator[Complaint]:
    """A complaint when a kernel is larger than the padded axis it slides over."""
    for window, (before, after), n in zip(windows, pads, shape[1:], strict=True):
        if window.span > n + before + after:
            padded = f" with padding {before} + {after}" if before or after else ""
            kernel = f"kernel {window.kernel}" + (f" (dilated to {window.span})" if window.dilation > 1 else "")
            yield Complaint(f"{kernel} is larger than its input of {n}{padded}", "kernel_size")
            return


def remainders_of(
    windows: tuple[Window, ...], pads: tuple[tuple[int, int], ...], shape: Shape
) -> tuple[Remainder, ...]:
    """What each axis leaves over when windows are placed from its beginning and rounded down."""
    found = []
    for window, (before, after), n in zip(windows, pads, shape[1:], strict=True):
        rest = (n - window.span + before + after) % window.stride
        # Padding that is not reached is no loss, only rows of the input; a stride beyond the kernel skips on purpose.
        unread = max(0, rest - after) if window.stride <= window.span else 0
        found.append(Remainder(window, before, after, n, rest, unread))
    return tuple(found)


def undivided(remainders: tuple[Remainder, ...]) -> Iterator[str]:
    """A note when a stride leaves rows at the far end that no window reads, with the nearest sizes that fit."""
    notes: dict[str, None] = {}  # in order, and once where axes are alike
    for left in remainders:
        if left.unread:
            n, window, both = left.size, left.window, left.before + left.after
            rows = "the last row is" if left.unread == 1 else f"the last {left.unread} rows are"
            padding = f" + {both}" if both else ""
            sizes = " or ".join(str(size) for size in (n - left.rest, n - left.rest + window.stride) if size > 0)
            more = window.stride - left.rest
            notes[
                f"({n} − {window.span}{padding})/{window.stride} is not whole: {rows} never read;"
                f" an input of {sizes}, or padding of {more} more in all, would fit"
            ] = None
    yield from notes
