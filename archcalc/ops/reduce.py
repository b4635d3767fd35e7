"""Reductions: along some axes all values become one."""

from collections.abc import Iterator
from typing import ClassVar

from archcalc.numbers import product
from archcalc.ops.base import (
    SAVES_BOTH,
    SAVES_NOTHING,
    Complaint,
    Op,
    Reads,
    Saved,
    Shape,
    Shapes,
    Weights,
    Window,
    Work,
    axis_of,
    dim_fits,
    show_shape,
)


class _Reduction(Op, frozen=True):
    """The axes `dims` (torch's: 0 is the batch) are read whole and vanish; with `keepdim` they stay, of size 1.

    Each of r outputs is made of m values. A unit still has its place along the axes that remain.
    """

    dims: int | tuple[int, ...]
    keepdim: bool = False

    def _axes(self, rank: int) -> tuple[int, ...]:
        dims = self.dims if isinstance(self.dims, tuple) else (self.dims,)
        return tuple(axis_of(dim, rank) for dim in dims)

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        rank = len(inputs[0])
        dims = self.dims if isinstance(self.dims, tuple) else (self.dims,)
        wrong = [complaint for dim in dims for complaint in dim_fits(dim, rank, "dims")]
        if not dims:
            wrong.append(Complaint(f"{self.keyword} has no axis to reduce", "dims", f"some of 1 to {rank}"))
        elif not wrong and any(axis in self._axes(rank)[:place] for place, axis in enumerate(self._axes(rank))):
            wrong.append(Complaint(f"{list(dims)} names an axis of {show_shape(inputs[0])} twice", "dims"))
        elif not wrong and len(dims) == rank and not self.keepdim:
            message = f"{self.keyword} leaves no axis of {show_shape(inputs[0])}"
            wrong.append(Complaint(message, "dims", "keepdim: true leaves axes of size 1"))
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        axes = self._axes(len(inputs[0]))
        if self.keepdim:
            return tuple(1 if axis in axes else size for axis, size in enumerate(inputs[0]))
        return tuple(size for axis, size in enumerate(inputs[0]) if axis not in axes)

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        axes, rank = self._axes(len(inputs[0])), len(inputs[0])
        if self.keepdim:
            return (tuple(None if axis in axes else Window(axis) for axis in range(rank)),)
        return (tuple(Window(axis) for axis in range(rank) if axis not in axes),)

    def _counts(self, inputs: Shapes) -> tuple[int, int]:
        """How many outputs there are, and of how many values each is made."""
        axes = self._axes(len(inputs[0]))
        outputs = product(size for axis, size in enumerate(inputs[0]) if axis not in axes)
        return outputs, product(size for axis, size in enumerate(inputs[0]) if axis in axes)


class ReduceMean(_Reduction, frozen=True):
    """The mean along some axes: m − 1 additions and one division an output. Source: torch.mean."""

    keyword: ClassVar[str] = "reduce_mean"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        outputs, values = self._counts(inputs)
        return Work(adds=outputs * (values - 1), divisions=outputs)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class ReduceSum(_Reduction, frozen=True):
    """The sum along some axes: m − 1 additions an output. Source: torch.sum."""

    keyword: ClassVar[str] = "reduce_sum"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        outputs, values = self._counts(inputs)
        return Work(adds=outputs * (values - 1))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class ReduceMax(_Reduction, frozen=True):
    """The largest value along some axes: m − 1 comparisons an output. Source: torch.amax."""

    keyword: ClassVar[str] = "reduce_max"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        outputs, values = self._counts(inputs)
        return Work(comparisons=outputs * (values - 1))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_BOTH


class ReduceMin(_Reduction, frozen=True):
    """The smallest value along some axes: m − 1 comparisons an output. Source: torch.amin."""

    keyword: ClassVar[str] = "reduce_min"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        outputs, values = self._counts(inputs)
        return Work(comparisons=outputs * (values - 1))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_BOTH


class ReduceL2(_Reduction, frozen=True):
    """The Euclidean length √Σx² along some axes: m squares, m − 1 additions and a root an output.

    Source: torch.linalg.vector_norm.
    """

    keyword: ClassVar[str] = "reduce_l2"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        outputs, values = self._counts(inputs)
        return Work(adds=outputs * (values - 1), multiplies=outputs * values, exponentials=outputs)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_BOTH
