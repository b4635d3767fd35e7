"""Operators that join branches: element by element, or side by side."""

from collections.abc import Iterator
from itertools import combinations
from typing import ClassVar

from archcalc.numbers import product, total
from archcalc.ops.base import (
    NO_WORK,
    POINTWISE,
    SAVES_NOTHING,
    Choices,
    Complaint,
    Extra,
    Gap,
    Op,
    Probability,
    Reads,
    Saved,
    Shape,
    Shapes,
    Weights,
    Work,
    axis_of,
    can_stretch,
    dim_fits,
    show_shape,
    stretched,
    stretched_reads,
)


class _Elementwise(Op, frozen=True):
    """What the element-wise joins share: equal shapes, where a size of 1 is stretched to the size of the others."""

    arity: ClassVar[int | None] = None

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if not can_stretch(inputs):
            shapes = dict.fromkeys(show_shape(shape) for shape in inputs)
            yield Complaint(f"{self.keyword} cannot join {' and '.join(shapes)}", hint="the shapes must be equal")

    def output(self, inputs: Shapes) -> Shape:
        return stretched(inputs)

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return tuple(stretched_reads(shape, output) for shape in inputs)


def saves_all(inputs: Shapes, output: Shape) -> Saved:
    """The derivative by one input needs the others, and of more than two what was joined so far."""
    between = (Extra("joined so far", (len(inputs) - 2) * product(output)),) if len(inputs) > 2 else ()
    return Saved(tuple(range(len(inputs))), extras=between)


class Add(_Elementwise, frozen=True):
    """The sum of all inputs: one addition a value for each input after the first (ResNet's shortcut)."""

    keyword: ClassVar[str] = "add"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(adds=product((len(inputs) - 1, *output)))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Mul(_Elementwise, frozen=True):
    """The product of all inputs: one multiplication a value for each input after the first (a gate)."""

    keyword: ClassVar[str] = "mul"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(multiplies=product((len(inputs) - 1, *output)))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return saves_all(inputs, output)


class Mean(_Elementwise, frozen=True):
    """The mean of all inputs: additions as in `add`, and one division a value (FractalNet's join).

    `p` drops each input with that probability in a step of training, but never all: where lots would, one of
    them, drawn evenly, stays. Source: Larsson et al. (2017), section 4, local drop-path.
    """

    keyword: ClassVar[str] = "mean"

    p: Probability = 0.0

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(adds=product((len(inputs) - 1, *output)), divisions=product(output))

    def training_reads(self, inputs: int) -> Choices:
        if not self.p:
            return super().training_reads(inputs)
        p, everything = self.p, range(inputs)
        choices = []
        for count in range(1, inputs + 1):
            chance = (1 - p) ** count * p ** (inputs - count) + (p**inputs / inputs if count == 1 else 0.0)
            choices += [(chance, kept) for kept in combinations(everything, count)]
        return tuple(choices)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Max(_Elementwise, frozen=True):
    """The largest of all inputs: one comparison a value for each input after the first (maxout)."""

    keyword: ClassVar[str] = "max"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=product((len(inputs) - 1, *output)))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return saves_all(inputs, output)


class Min(_Elementwise, frozen=True):
    """The smallest of all inputs: one comparison a value for each input after the first."""

    keyword: ClassVar[str] = "min"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=product((len(inputs) - 1, *output)))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return saves_all(inputs, output)


class Sub(_Elementwise, frozen=True):
    """The first input less the second: one subtraction a value, counted as an addition. Source: torch.sub."""

    keyword: ClassVar[str] = "sub"
    arity: ClassVar[int | None] = 2

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(adds=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Div(_Elementwise, frozen=True):
    """The first input divided by the second: one division a value. Source: torch.div."""

    keyword: ClassVar[str] = "div"
    arity: ClassVar[int | None] = 2

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(divisions=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return saves_all(inputs, output)


class Concat(Op, frozen=True):
    """The inputs side by side along `dim` (1: channels); all other sizes are equal. Nothing is computed.

    Source: torch.cat.
    """

    keyword: ClassVar[str] = "concat"
    arity: ClassVar[int | None] = None

    dim: int = 1

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        wrong = list(dim_fits(self.dim, len(inputs[0])))
        if not wrong:
            along = axis_of(self.dim, len(inputs[0]))
            others = [shape[:along] + shape[along + 1 :] for shape in inputs]
            if any(len(shape) != len(inputs[0]) for shape in inputs) or any(sizes != others[0] for sizes in others):
                shapes = dict.fromkeys(show_shape(shape) for shape in inputs)
                hint = "all other sizes must be equal"
                wrong.append(Complaint(f"concat along dim {self.dim} cannot join {' and '.join(shapes)}", hint=hint))
        yield from wrong

    def output(self, inputs: Shapes) -> Shape:
        along, first = axis_of(self.dim, len(inputs[0])), inputs[0]
        return (*first[:along], total(shape[along] for shape in inputs), *first[along + 1 :])

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        along = axis_of(self.dim, len(output))
        # Which input a unit reads depends on where it lies along the joined axis.
        joined = Gap("concat joins along this axis: units read one input or another")
        return tuple(
            (*(POINTWISE[len(output)][:along]), joined, *(POINTWISE[len(output)][along + 1 :])) for _ in inputs
        )

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING
