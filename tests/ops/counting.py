"""Numbers that count what is done with them and remember what they were made from.

The naive code of `reference/` runs on them: what it does, loop by loop, is what `work` has to state, and what its
outputs were made from is what `windows` has to state.
"""

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from archcalc.ops.base import Op, Shapes, Weight

Grid = npt.NDArray[np.object_]
"""An array of Numbers."""


class Number:
    """A float, the set of stored values it depends on (one bit each), and the tally its operations are added to.

    An operation counts in the tally of its left operand; a plain float may stand on either side.
    """

    __slots__ = ("reads", "tally", "value")

    def __init__(self, value: float, reads: int, tally: Counter[str]) -> None:
        self.value = value
        self.reads = reads
        self.tally = tally

    def _made(self, kind: str, value: float, *others: "Operand") -> "Number":
        self.tally[kind] += 1
        reads = self.reads
        for other in others:
            reads |= other.reads if isinstance(other, Number) else 0
        return Number(value, reads, self.tally)

    def __add__(self, other: "Operand") -> "Number":
        return self._made("adds", self.value + _value(other), other)

    def __sub__(self, other: "Operand") -> "Number":
        return self._made("adds", self.value - _value(other), other)

    def __mul__(self, other: "Operand") -> "Number":
        product = self._made("multiplies", self.value * _value(other), other)
        # A factor that is 0 for every input, as in an interpolation that hits a unit, leaves nothing to depend on; a
        # whole number is one of a curve's values, which is 0 by chance.
        return Number(0.0, 0, self.tally) if isinstance(other, float) and other == 0.0 else product

    def __truediv__(self, other: "Operand") -> "Number":
        return self._made("divisions", self.value / _value(other), other)

    def __rtruediv__(self, other: float) -> "Number":
        return self._made("divisions", other / self.value)

    def __neg__(self) -> "Number":
        return Number(-self.value, self.reads, self.tally)  # a sign is free

    def mac(self, a: "Number", b: "Operand") -> "Number":
        """self + a·b, as one multiply-accumulate."""
        return self._made("macs", self.value + a.value * _value(b), a, b)

    def larger(self, other: "Operand") -> "Number":
        """The larger of the two: one comparison."""
        return self._made("comparisons", max(self.value, _value(other)), other)

    def smaller(self, other: "Operand") -> "Number":
        """The smaller of the two: one comparison."""
        return self._made("comparisons", min(self.value, _value(other)), other)

    def if_positive(self, otherwise: "Number") -> "Number":
        """Itself where it is above zero: one comparison."""
        return self._made("comparisons", self.value if self.value > 0 else otherwise.value, otherwise)

    def if_above(self, measure: "Number", bound: float, otherwise: "Number") -> "Number":
        """Itself where a measure is above a bound: one comparison."""
        return self._made("comparisons", self.value if measure.value > bound else otherwise.value, measure, otherwise)

    def through(self, function: Callable[[float], float]) -> "Number":
        """A function that is a series in hardware."""
        return self._made("exponentials", function(self.value))


Operand: TypeAlias = "Number | float"


def _value(operand: Operand) -> float:
    return operand.value if isinstance(operand, Number) else operand


def add_up(numbers: Iterable[Number]) -> Number:
    return reduce(lambda a, b: a + b, numbers)


def multiply(numbers: Iterable[Number]) -> Number:
    return reduce(lambda a, b: a * b, numbers)


def largest(numbers: Iterable[Number]) -> Number:
    return reduce(lambda a, b: a.larger(b), numbers)


def smallest(numbers: Iterable[Number]) -> Number:
    return reduce(lambda a, b: a.smaller(b), numbers)


def on_axes(argument: Any, rank: int) -> tuple[Any, ...]:
    """An argument per axis: one stands for all."""
    return argument if isinstance(argument, tuple) else (argument,) * rank


def on_sides(argument: Any, rank: int) -> list[tuple[int, int]]:
    """An argument per axis, before and after: one stands for both."""
    return [side if isinstance(side, tuple) else (side, side) for side in on_axes(argument, rank)]


def of_dim(dim: int, grid: Grid) -> int:
    """The axis of a `dim`, where the batch is 0 and −1 the last."""
    return range(-1, grid.ndim)[dim]


def indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every place of a shape."""
    return iter(np.ndindex(*shape))


def build(shape: tuple[int, ...], unit: Callable[[tuple[int, ...]], Number]) -> Grid:
    """The grid of `shape` whose unit at each place is `unit(place)`."""
    grid = np.empty(shape, dtype=object)
    for place in indices(shape):
        grid[place] = unit(place)
    return grid


def bits_of(grid: Grid) -> int:
    """Everything that some number of a grid depends on."""
    return reduce(operator.or_, (number.reads for number in grid.flat))


class Bench:
    """An operator with inputs and weights filled in, ready for its reference code.

    `tally` counts what is done for a sample; what is done to weights alone is done once, when they are loaded, and not
    counted. Weights have the shapes that the operator states, so that a reference that needs others fails.
    """

    def __init__(self, op: Op, shapes: Shapes) -> None:
        self.op: Any = op
        self.tally: Counter[str] = Counter()
        self.loading: Counter[str] = Counter()
        self.zero = Number(0.0, 0, self.tally)
        self.stored = 0
        self.inputs = [self._fill(shape, self.tally) for shape in shapes]
        self.input_bits = self.stored
        stated: tuple[Weight, ...] = op.weights(shapes)
        self.weights = {weight.name: self._fill(weight.shape, self.loading) for weight in stated}

    def _fill(self, shape: tuple[int, ...], tally: Counter[str]) -> Grid:
        grid = np.empty(shape, dtype=object)
        for place in indices(shape):
            # Values without a pattern: positive for weights, as variances are, and of both signs for inputs.
            value = math.sin(1.0 + 2.3 * self.stored)
            grid[place] = Number(value if tally is self.tally else 0.5 + abs(value), 1 << self.stored, tally)
            self.stored += 1
        return grid
