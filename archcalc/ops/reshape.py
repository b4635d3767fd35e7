"""Operators that move, select, repeat or drop values, and compute nothing (but for interpolation)."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from archcalc.numbers import maximum, product
from archcalc.ops.base import (
    NO_WORK,
    POINTWISE,
    SAVES_NOTHING,
    Complaint,
    Gap,
    Op,
    PerAxis,
    Pointwise,
    Reads,
    Saved,
    Shape,
    Shapes,
    Size,
    Weights,
    Window,
    Work,
    axis_of,
    both_sides,
    dim_fits,
    needs_rank,
    per_axis_fits,
    show_shape,
    spread,
)


class _Movement(Op, frozen=True):
    """What all of them share: no weights and no work."""

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Flatten(_Movement, frozen=True):
    """Makes one axis of the axes from `start_dim` to `end_dim`, their sizes multiplied.

    A unit behind it has no place on the map any more: receptive fields are called global. Source: torch.nn.Flatten.
    """

    keyword: ClassVar[str] = "flatten"
    views: ClassVar[bool] = True

    start_dim: int = 1
    end_dim: int = -1

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        rank = len(inputs[0])
        wrong = [*dim_fits(self.start_dim, rank, "start_dim"), *dim_fits(self.end_dim, rank, "end_dim")]
        if not wrong and axis_of(self.start_dim, rank) > axis_of(self.end_dim, rank):
            wrong.append(Complaint(f"start_dim {self.start_dim} lies behind end_dim {self.end_dim}", "start_dim"))
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        first, last = axis_of(self.start_dim, len(inputs[0])), axis_of(self.end_dim, len(inputs[0]))
        return (*inputs[0][:first], product(inputs[0][first : last + 1]), *inputs[0][last + 1 :])

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        first, last = axis_of(self.start_dim, len(inputs[0])), axis_of(self.end_dim, len(inputs[0]))
        if first == last:
            return (POINTWISE[len(output)],)
        behind = POINTWISE[len(inputs[0])][last + 1 :]
        return ((*POINTWISE[first], None, *behind),)


class Reshape(_Movement, frozen=True):
    """The same values in another shape, which leaves the batch out as `input:` does; one size may be −1.

    Source: torch.reshape.
    """

    keyword: ClassVar[str] = "reshape"
    views: ClassVar[bool] = True

    shape: tuple[int, ...]

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        known, values = product(size for size in self.shape if size != -1), product(inputs[0])
        if not self.shape or any(size < 1 and size != -1 for size in self.shape) or self.shape.count(-1) > 1:
            yield Complaint(f"{list(self.shape)} is not a shape", "shape", "sizes from 1, at most one −1")
        elif values % known if -1 in self.shape else values != known:
            yield Complaint(
                f"{show_shape(inputs[0])} is {values} values, {list(self.shape)} does not hold them", "shape"
            )

    def output(self, inputs: Shapes) -> Shape:
        if -1 not in self.shape:
            return self.shape
        rest = product(inputs[0]) // product(size for size in self.shape if size != -1)
        return tuple(rest if size == -1 else size for size in self.shape)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        moved = Gap("reshape deals the units out anew")
        return (tuple(moved for _ in output),)


class Permute(_Movement, frozen=True):
    """Exchanges axes: `dims` are torch's, the batch (0) first and in its place. Source: torch.permute."""

    keyword: ClassVar[str] = "permute"
    views: ClassVar[bool] = True

    dims: tuple[int, ...]

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        rank = len(inputs[0])
        if self.dims[:1] != (0,) or sorted(self.dims) != list(range(rank + 1)):
            hint = f"0 (the batch), then 1 to {rank} in the new order"
            yield Complaint(f"{list(self.dims)} does not order the axes of {show_shape(inputs[0])}", "dims", hint)

    def output(self, inputs: Shapes) -> Shape:
        return tuple(inputs[0][dim - 1] for dim in self.dims[1:])

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return (tuple(Window(dim - 1) for dim in self.dims[1:]),)


class Slice(_Movement, frozen=True):
    """The units from `start` up to but without `end` along `dim`, every `step`-th of them.

    `start` and `end` may count from the end (−1 is the last unit); `end` left out is the size. Source: Python's slices;
    torch.select keeps no axis, this keeps one of size 1.
    """

    keyword: ClassVar[str] = "slice"
    views: ClassVar[bool] = True

    dim: int = 1
    start: int = 0
    end: int | None = None
    step: Size = 1

    def _bounds(self, size: int) -> tuple[int, int]:
        start = self.start + size if self.start < 0 else self.start
        end = size if self.end is None else self.end + size if self.end < 0 else self.end
        return start, end

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        wrong = list(dim_fits(self.dim, len(inputs[0])))
        if not wrong:
            size = inputs[0][axis_of(self.dim, len(inputs[0]))]
            start, end = self._bounds(size)
            if not 0 <= start < end <= size:
                wrong.append(
                    Complaint(f"slice takes {start} up to {end} of {size} units", "end" if end > size else "start")
                )
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        along = axis_of(self.dim, len(inputs[0]))
        start, end = self._bounds(inputs[0][along])
        return (*inputs[0][:along], (end - start - 1) // self.step + 1, *inputs[0][along + 1 :])

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        along = axis_of(self.dim, len(output))
        start, _ = self._bounds(inputs[0][along])
        axes = POINTWISE[len(output)]
        return ((*axes[:along], Window(along, 1, self.step, -start), *axes[along + 1 :]),)


class Split(_Movement, frozen=True):
    """Part `index` of `chunks` equal parts along `dim` (1: channels).

    Source: torch.chunk, where the parts are equal.
    """

    keyword: ClassVar[str] = "split"
    views: ClassVar[bool] = True

    chunks: Size
    index: int = 0
    dim: int = 1

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        wrong = list(dim_fits(self.dim, len(inputs[0])))
        if not 0 <= self.index < self.chunks:
            wrong.append(
                Complaint(f"there is no part {self.index} of {self.chunks}", "index", f"0 to {self.chunks - 1}")
            )
        if not wrong:
            size = inputs[0][axis_of(self.dim, len(inputs[0]))]
            if size % self.chunks:
                wrong.append(Complaint(f"{self.chunks} parts do not divide {size}", "chunks"))
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        along = axis_of(self.dim, len(inputs[0]))
        return (*inputs[0][:along], inputs[0][along] // self.chunks, *inputs[0][along + 1 :])

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        along = axis_of(self.dim, len(output))
        axes = POINTWISE[len(output)]
        return ((*axes[:along], Window(along, 1, 1, -(self.index * output[along])), *axes[along + 1 :]),)


class ChannelShuffle(Pointwise, frozen=True):
    """Deals the channels of `groups` groups out in turn. Source: torch.nn.ChannelShuffle; Zhang et al. (2018)."""

    keyword: ClassVar[str] = "channel_shuffle"

    groups: Size

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if inputs[0][0] % self.groups:
            yield Complaint(f"{self.groups} groups do not divide {inputs[0][0]} channels", "groups")

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return ((None, *POINTWISE[len(output)][1:]),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Pad(_Movement, frozen=True):
    """Zeros (or another constant, or values of the map itself) around the spatial axes; negative padding crops.

    Receptive fields take what is put around for zeros, whatever the mode: they say where a unit looks.

    `padding`: one number, one number an axis, or [before, after] an axis. `channels` adds channels of zeros, as
    ResNet's shortcut without weights does. Source: torch.nn.functional.pad.
    """

    keyword: ClassVar[str] = "pad"

    padding: int | tuple[int | tuple[int, int], ...] = 0
    channels: int | tuple[int, int] = 0
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"

    def _sides(self, axes: int) -> tuple[tuple[int, int], ...]:
        """What is added before and after on each axis, channels first."""
        return (*both_sides((self.channels,), 1), *both_sides(self.padding, axes - 1))

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        axes = len(inputs[0])
        wrong = [*needs_rank(inputs, range(2, 5), "pad needs channels and 1 to 3 spatial axes")]
        wrong += per_axis_fits(self, axes - 1, "padding")
        if self.channels not in (0, (0, 0)) and self.mode != "constant":
            wrong.append(Complaint(f"mode {self.mode} has no channels to add", "channels"))
        if not wrong:
            for axis, (n, (before, after)) in enumerate(zip(inputs[0], self._sides(axes), strict=True)):
                argument = "padding" if axis else "channels"
                if n + before + after < 1 or n + min(before, 0) < 1 or n + min(after, 0) < 1:
                    wrong.append(Complaint(f"{argument} {before} and {after} leaves nothing of {n}", argument))
                elif self.mode in ("reflect", "circular") and max(before, after) > n - (self.mode == "reflect"):
                    message = f"{self.mode} padding {max(before, after)} is more than there is of {n}"
                    wrong.append(Complaint(message, argument))
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        axes = zip(inputs[0], self._sides(len(inputs[0])), strict=True)
        return tuple(n + (before + after) for n, (before, after) in axes)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        sides = self._sides(len(output))
        return (tuple(Window(axis, 1, 1, before) for axis, (before, _) in enumerate(sides)),)


class Upsample(Op, frozen=True):
    """Makes maps larger: by a whole `scale_factor`, or to `size`; by the nearest value or by interpolation.

    From n to o units, unit i reads ⌊i·n/o⌋ (nearest), or on each axis the two (linear) or four (bicubic) units around
    (i + ½)·n/o − ½; with `align_corners` those around i·(n − 1)/(o − 1), so that the first and the last units are those
    of the map. Work of interpolation from t units on each of r axes: t^r multiplications and t^r − 1 additions an
    output. Bicubic is the convolution kernel of Keys (1981) with a = −0.75.
    Source: torch.nn.Upsample.
    """

    keyword: ClassVar[str] = "upsample"

    scale_factor: PerAxis | None = None
    size: PerAxis | None = None
    mode: Literal["nearest", "linear", "bilinear", "trilinear", "bicubic"] = "nearest"
    align_corners: bool = False

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        rank = len(inputs[0]) - 1
        yield from needs_rank(inputs, range(2, 5), "upsample needs channels and 1 to 3 spatial axes")
        if (self.scale_factor is None) == (self.size is None):
            yield Complaint("upsample takes either scale_factor or size")
        else:
            yield from per_axis_fits(self, rank, "size" if self.scale_factor is None else "scale_factor")
        needed = {"bilinear": 2, "trilinear": 3, "bicubic": 2}.get(self.mode, rank)
        if needed != rank:
            hint = "" if self.mode == "bicubic" else "'linear' fits any"
            yield Complaint(f"mode {self.mode} is for {needed} spatial axes, this has {rank}", "mode", hint)
        if self.align_corners and self.mode == "nearest":
            yield Complaint("align_corners is for interpolation, this takes the nearest value", "align_corners")

    @property
    def _reach(self) -> int:
        """How many units away interpolation reads, and on either side."""
        return 2 if self.mode == "bicubic" else 1

    def _ratios(self, shape: Shape) -> tuple[tuple[int, int], ...]:
        """Per spatial axis n and o of the docstring; 1 and the factor where a scale factor is given."""
        rank = len(shape) - 1
        if self.size is None:
            return tuple((1, factor) for factor in spread(self.scale_factor or 1, rank))
        return tuple(zip(shape[1:], spread(self.size, rank), strict=True))

    def output(self, inputs: Shapes) -> Shape:
        if self.size is not None:
            return (inputs[0][0], *spread(self.size, len(inputs[0]) - 1))
        return (inputs[0][0], *(n * o for n, (_, o) in zip(inputs[0][1:], self._ratios(inputs[0]), strict=True)))

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        if self.mode == "nearest":
            return NO_WORK
        taps = (2 * self._reach) ** (len(output) - 1)
        return Work(adds=product((*output, taps - 1)), multiplies=product((*output, taps)))

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        ratios = enumerate(self._ratios(inputs[0]), start=1)
        if self.mode == "nearest":
            return ((Window(0), *(Window(axis, o, n, o - 1, 1, o) for axis, (n, o) in ratios)),)
        r = self._reach
        if self.align_corners:
            # One unit lies on the first; of o, 1/(o − 1) apart, each reads what lies less than `reach` units from it.
            sizes = zip(inputs[0][1:], (maximum(o - 1, 1) for o in output[1:]), strict=True)
            steps = enumerate(sizes, start=1)
            return ((Window(0), *(Window(a, 2 * r * m - 1, n - 1, r * m - 1, 1, m) for a, (n, m) in steps)),)
        # On a grid 2·o apart the neighbours of (2·i·n + n − o)/(2·o) lie within 2·r·o − 1 on either side of it.
        sides = ((a, 2 * r * o - 1, n, o) for a, (n, o) in ratios)
        return ((Window(0), *(Window(a, 2 * side + 1, 2 * n, side + o - n, 1, 2 * o) for a, side, n, o in sides)),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING
