"""Operators without inputs: where samples and learned arrays enter the network."""

from collections.abc import Iterator
from typing import ClassVar

from archcalc.ops.base import (
    NO_WORK,
    SAVES_NOTHING,
    Complaint,
    Op,
    Reads,
    Saved,
    Shape,
    Shapes,
    Size,
    Weight,
    Weights,
    Work,
)


class Parameter(Op, frozen=True):
    """A learned array that enters the network: a class token, a table of positions. It takes no input.

    Source: torch.nn.Parameter.
    """

    keyword: ClassVar[str] = "parameter"
    arity: ClassVar[int | None] = 0

    shape: tuple[Size, ...]

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if not self.shape:
            yield Complaint("the shape of a parameter has no axis", "shape", "such as [1, 768]")

    def output(self, inputs: Shapes) -> Shape:
        return self.shape

    def weights(self, inputs: Shapes) -> Weights:
        return (Weight("weight", self.shape),)

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return ()

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Constant(Op, frozen=True):
    """An array that training leaves as it is: one number everywhere, or stored values. It takes no input.

    `value` is the number; without it the values are a buffer, which is not trainable, and come with the weights.
    Source: torch.nn.Module.register_buffer; torch.full.
    """

    keyword: ClassVar[str] = "constant"
    arity: ClassVar[int | None] = 0

    shape: tuple[Size, ...]
    value: float | None = None

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if not self.shape:
            yield Complaint("the shape of a constant has no axis", "shape", "such as [1, 768]")

    def output(self, inputs: Shapes) -> Shape:
        return self.shape

    def weights(self, inputs: Shapes) -> Weights:
        return (Weight("value", self.shape, "constant"),) if self.value is None else ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return ()

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Input(Op, frozen=True):
    """Where samples enter. Specs say it as `input:` and not as a layer."""

    keyword: ClassVar[str] = "input"
    arity: ClassVar[int | None] = 0

    shape: tuple[Size, ...]

    def output(self, inputs: Shapes) -> Shape:
        return self.shape

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return ()

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING
