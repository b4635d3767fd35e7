"""Operators that deal values out anew: between channels and places, around an axis, or several times."""

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar, Literal

from archcalc.ops.base import (
    POINTWISE,
    SAVES_NOTHING,
    Complaint,
    Count,
    Gap,
    Reads,
    Saved,
    Shape,
    Shapes,
    Size,
    Window,
    axis_of,
    dim_fits,
    needs_rank,
    show_shape,
)
from archcalc.ops.reshape import _Movement

DealtOut = Literal["crd", "dcr"]


class PixelShuffle(_Movement, frozen=True):
    """Makes a map `upscale_factor` times larger of its channels: C·r²×H×W becomes C×H·r×W·r.

    Mode `crd`, which is torch's: place (h·r + i, w·r + j) of channel c is channel c·r² + i·r + j of (h, w); mode `dcr`,
    which is ONNX's other one: channel (i·r + j)·C + c.
    Source: torch.nn.PixelShuffle; Shi et al. (2016), sub-pixel convolution; ONNX's DepthToSpace.
    """

    keyword: ClassVar[str] = "pixel_shuffle"

    upscale_factor: Size
    mode: DealtOut = "crd"

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        wrong = [*needs_rank(inputs, range(3, 4), "pixel_shuffle needs channels and 2 spatial axes")]
        squared = self.upscale_factor * self.upscale_factor
        if not wrong and inputs[0][0] % squared:
            message = f"upscale_factor² = {squared} does not divide {inputs[0][0]} channels"
            wrong.append(Complaint(message, "upscale_factor"))
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        r = self.upscale_factor
        channels, height, width = inputs[0]
        return (channels // (r * r), height * r, width * r)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        # Unit u reads ⌊u/r⌋, as in an upsampling to the nearest value.
        r = self.upscale_factor
        return ((None, *(Window(axis, r, 1, r - 1, 1, r) for axis in (1, 2))),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class PixelUnshuffle(_Movement, frozen=True):
    """Makes channels of the places of a map: C×H·r×W·r becomes C·r²×H×W with r = `downscale_factor`.

    It undoes `pixel_shuffle` of the same factor and mode. Each channel reads one place of an r×r window: the receptive
    field is that of all channels together.
    Source: torch.nn.PixelUnshuffle; ONNX's SpaceToDepth is mode `dcr`.
    """

    keyword: ClassVar[str] = "pixel_unshuffle"

    downscale_factor: Size
    mode: DealtOut = "crd"

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        wrong = [*needs_rank(inputs, range(3, 4), "pixel_unshuffle needs channels and 2 spatial axes")]
        r = self.downscale_factor
        if not wrong and any(size % r for size in inputs[0][1:]):
            message = f"downscale_factor {r} does not divide {show_shape(inputs[0][1:])}"
            wrong.append(Complaint(message, "downscale_factor"))
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        r = self.downscale_factor
        channels, height, width = inputs[0]
        return (channels * (r * r), height // r, width // r)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        r = self.downscale_factor
        return ((None, Window(1, r, r), Window(2, r, r)),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Roll(_Movement, frozen=True):
    """Moves units along an axis by so many places; what leaves at one end comes back at the other.

    `shifts` and `dims` are one number each, or as many of one as of the other. Source: torch.roll; Liu et al., Swin
    Transformer (2021), which shifts its windows so.
    """

    keyword: ClassVar[str] = "roll"

    shifts: int | tuple[int, ...]
    dims: int | tuple[int, ...]

    def turns(self, rank: int) -> tuple[tuple[int, int], ...]:
        """Each shift and the axis it is along."""
        shifts = self.shifts if isinstance(self.shifts, tuple) else (self.shifts,)
        dims = self.dims if isinstance(self.dims, tuple) else (self.dims,)
        return tuple((shift, axis_of(dim, rank)) for shift, dim in zip(shifts, dims, strict=True))

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        shifts = self.shifts if isinstance(self.shifts, tuple) else (self.shifts,)
        dims = self.dims if isinstance(self.dims, tuple) else (self.dims,)
        for dim in dims:
            yield from dim_fits(dim, len(inputs[0]), "dims")
        if len(shifts) != len(dims) or not dims:
            yield Complaint(f"roll has {len(shifts)} shifts and {len(dims)} dims", "shifts", "one shift for each dim")

    def output(self, inputs: Shapes) -> Shape:
        return inputs[0]

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        rolled = [axis for _, axis in self.turns(len(output))]
        gap = Gap("roll brings what leaves at one end of this axis back at the other")
        return (tuple(gap if axis in rolled else window for axis, window in enumerate(POINTWISE[len(output)])),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Expand(_Movement, frozen=True):
    """Repeats what has size 1: each axis gets the size in `shape`, where −1 keeps its own.

    `shape` leaves the batch out, as that of `reshape` does. It may begin with further axes, along which everything is
    repeated. Source: torch.Tensor.expand.
    """

    keyword: ClassVar[str] = "expand"
    views: ClassVar[bool] = True

    shape: tuple[int, ...]

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        new = len(self.shape) - len(inputs[0])
        if not self.shape or any(size < 1 and size != -1 for size in self.shape) or -1 in self.shape[: max(new, 0)]:
            hint = "sizes from 1, or −1 for an axis that keeps its own"
            yield Complaint(f"{list(self.shape)} is not a shape to expand to", "shape", hint)
        elif new < 0 or any(n not in (1, m) and m != -1 for n, m in zip(inputs[0], self.shape[new:], strict=True)):
            hint = "only a size of 1 is repeated"
            yield Complaint(f"{show_shape(inputs[0])} cannot be expanded to {list(self.shape)}", "shape", hint)

    def output(self, inputs: Shapes) -> Shape:
        new = len(self.shape) - len(inputs[0])
        kept = zip(inputs[0], self.shape[new:], strict=True)
        return (*self.shape[:new], *(n if m == -1 else m for n, m in kept))

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        new = len(self.shape) - len(inputs[0])
        # As in a join, a stretched axis is read with stride 0, which is 1//m.
        kept = enumerate(zip(inputs[0], self.shape[new:], strict=True))
        return (
            (*(None for _ in range(new)), *(Window(axis, stride=1 if m == -1 else n // m) for axis, (n, m) in kept)),
        )

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class IndexSelect(_Movement, frozen=True):
    """The units `index` along `dim`, in this order; a unit may come several times.

    Where the distance from each to the next is the same and not negative, that is a window; else there is none.
    Source: torch.index_select.
    """

    keyword: ClassVar[str] = "index_select"

    dim: int
    index: tuple[Count, ...]

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        wrong = list(dim_fits(self.dim, len(inputs[0])))
        if not self.index:
            wrong.append(Complaint("index_select selects nothing", "index", "such as [0, 2]"))
        elif not wrong:
            size = inputs[0][axis_of(self.dim, len(inputs[0]))]
            if max(self.index) >= size:
                wrong.append(Complaint(f"there is no unit {max(self.index)} of {size}", "index", f"0 to {size - 1}"))
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        along = axis_of(self.dim, len(inputs[0]))
        return (*inputs[0][:along], len(self.index), *inputs[0][along + 1 :])

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        along, axes = axis_of(self.dim, len(output)), POINTWISE[len(output)]
        steps = [following - one for one, following in pairwise(self.index)] or [1]
        read: Window | Gap = Gap("index_select takes units of this axis in no regular order")
        if all(step == steps[0] for step in steps[1:]) and steps[0] >= 0:
            read = Window(along, 1, steps[0], -self.index[0])
        return ((*axes[:along], read, *axes[along + 1 :]),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING
