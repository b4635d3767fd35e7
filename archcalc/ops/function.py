"""Elementary functions, value by value: what networks are written with where no activation or layer has a name.

Work is stated per value x. A sign costs nothing; a function that is a series in hardware counts as an exponential.
"""

from collections.abc import Iterator
from typing import ClassVar

from archcalc.numbers import product
from archcalc.ops.base import (
    NO_WORK,
    SAVES_INPUT,
    SAVES_NOTHING,
    SAVES_OUTPUT,
    Complaint,
    Pointwise,
    Saved,
    Shape,
    Shapes,
    Work,
)


class _Series(Pointwise, frozen=True):
    """One exponential a value."""

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(exponentials=product(output))


class Exp(_Series, frozen=True):
    """The exponential function exp(x). Source: torch.exp."""

    keyword: ClassVar[str] = "exp"

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class Log(_Series, frozen=True):
    """The natural logarithm, NaN below zero. Source: torch.log."""

    keyword: ClassVar[str] = "log"

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Sqrt(_Series, frozen=True):
    """√x, NaN below zero. Source: torch.sqrt."""

    keyword: ClassVar[str] = "sqrt"

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class Erf(_Series, frozen=True):
    """The error function 2/√π·∫₀ˣ exp(−t²) dt. Source: torch.erf."""

    keyword: ClassVar[str] = "erf"

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Sin(_Series, frozen=True):
    """The sine of x in radians. Source: torch.sin."""

    keyword: ClassVar[str] = "sin"

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Cos(_Series, frozen=True):
    """The cosine of x in radians. Source: torch.cos."""

    keyword: ClassVar[str] = "cos"

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Rsqrt(Pointwise, frozen=True):
    """1/√x, NaN below zero: an exponential and a division. Source: torch.rsqrt."""

    keyword: ClassVar[str] = "rsqrt"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(divisions=product(output), exponentials=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class Reciprocal(Pointwise, frozen=True):
    """1/x: one division. Source: torch.reciprocal."""

    keyword: ClassVar[str] = "reciprocal"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(divisions=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class Abs(Pointwise, frozen=True):
    """|x|: a sign costs nothing. Source: torch.abs."""

    keyword: ClassVar[str] = "abs"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Neg(Pointwise, frozen=True):
    """−x: a sign costs nothing. Source: torch.neg."""

    keyword: ClassVar[str] = "neg"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING


class Pow(Pointwise, frozen=True):
    """x^exponent.

    A whole exponent is multiplied out by squaring: x² takes one multiplication, x³ two, x⁴ two; a negative one a
    division more. Any other exponent is an exponential, and NaN below zero. Source: torch.pow.
    """

    keyword: ClassVar[str] = "pow"

    exponent: int | float

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if self.exponent == 0:
            yield Complaint("x⁰ does not depend on x", "exponent", "constant, value: 1, says so")

    def work(self, inputs: Shapes, output: Shape) -> Work:
        values = product(output)
        if isinstance(self.exponent, float):
            return Work(exponentials=values)
        multiplies = values * multiplications(int(self.exponent))
        return Work(multiplies=multiplies, divisions=values) if self.exponent < 0 else Work(multiplies=multiplies)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


def multiplications(exponent: int) -> int:
    """How many multiplications a whole power takes by squaring: x^13 = x·(x²)²·((x²)²)² takes 3 and 2 more."""
    digits = bin(abs(exponent))[2:]
    return len(digits) - 1 + digits.count("1") - 1


class Hardtanh(Pointwise, frozen=True):
    """min(max(x, min_val), max_val): two comparisons. Source: torch.nn.Hardtanh; ONNX calls it Clip."""

    keyword: ClassVar[str] = "hardtanh"

    min_val: float = -1.0
    max_val: float = 1.0

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if self.min_val > self.max_val:
            yield Complaint(f"min_val {self.min_val:g} is above max_val {self.max_val:g}", "min_val")

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=2 * product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT
