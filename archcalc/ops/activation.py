"""Element-wise activations, softmax, and the regularisers that do nothing at inference.

Work is stated per value x as written in each docstring; a comparison is one `max` or `min`.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

from archcalc.numbers import product
from archcalc.ops.base import (
    NO_WORK,
    POINTWISE,
    SAVES_INPUT,
    SAVES_NOTHING,
    SAVES_OUTPUT,
    Complaint,
    Extra,
    Op,
    Pointwise,
    Reads,
    Saved,
    Shape,
    Shapes,
    Size,
    Weight,
    Weights,
    Work,
    axis_of,
    dim_fits,
)


class ReLU(Pointwise, frozen=True):
    """max(x, 0): one comparison. Source: torch.nn.ReLU."""

    keyword: ClassVar[str] = "relu"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class ReLU6(Pointwise, frozen=True):
    """min(max(x, 0), 6): two comparisons. Source: torch.nn.ReLU6."""

    keyword: ClassVar[str] = "relu6"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=2 * product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class LeakyReLU(Pointwise, frozen=True):
    """x if x > 0 else negative_slope·x: one comparison and one multiplication. Source: torch.nn.LeakyReLU."""

    keyword: ClassVar[str] = "leaky_relu"

    negative_slope: float = 0.01

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=product(output), multiplies=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class PReLU(Pointwise, frozen=True):
    """x if x > 0 else a·x with learned a, one for all channels or one for each: a comparison and a multiplication.

    Source: torch.nn.PReLU; He et al., Delving Deep into Rectifiers (2015).
    """

    keyword: ClassVar[str] = "prelu"

    num_parameters: Size = 1

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if self.num_parameters not in (1, inputs[0][0]):
            hint = f"1, or {inputs[0][0]} for one a channel"
            yield Complaint(f"prelu has {self.num_parameters} parameters", "num_parameters", hint)

    def weights(self, inputs: Shapes) -> Weights:
        return (Weight("weight", (self.num_parameters,)),)

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=product(output), multiplies=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Sigmoid(Pointwise, frozen=True):
    """1/(1 + exp(−x)): an exponential, an addition and a division. Source: torch.nn.Sigmoid."""

    keyword: ClassVar[str] = "sigmoid"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, divisions=n, exponentials=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class Tanh(Pointwise, frozen=True):
    """tanh(x): one exponential. Source: torch.nn.Tanh."""

    keyword: ClassVar[str] = "tanh"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(exponentials=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class GELU(Pointwise, frozen=True):
    """x/2·(1 + erf(x/√2)): an exponential, three multiplications, an addition.

    With `approximate: tanh`, x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))): an exponential, six multiplications, two
    additions. Source: torch.nn.GELU; Hendrycks and Gimpel, Gaussian Error Linear Units (2016).
    """

    keyword: ClassVar[str] = "gelu"

    approximate: Literal["none", "tanh"] = "none"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        if self.approximate == "tanh":
            return Work(adds=2 * n, multiplies=6 * n, exponentials=n)
        return Work(adds=n, multiplies=3 * n, exponentials=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class SiLU(Pointwise, frozen=True):
    """x·sigmoid(x), also called swish: an exponential, an addition, a division and a multiplication.

    Source: torch.nn.SiLU; Ramachandran et al., Searching for Activation Functions (2017).
    """

    keyword: ClassVar[str] = "silu"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, multiplies=n, divisions=n, exponentials=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class HardSigmoid(Pointwise, frozen=True):
    """min(max(x + 3, 0), 6)/6: an addition, two comparisons and a division. Source: torch.nn.Hardsigmoid."""

    keyword: ClassVar[str] = "hardsigmoid"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, comparisons=2 * n, divisions=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class HardSwish(Pointwise, frozen=True):
    """x·hardsigmoid(x): an addition, two comparisons, a division and a multiplication. Source: torch.nn.Hardswish."""

    keyword: ClassVar[str] = "hardswish"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, multiplies=n, comparisons=2 * n, divisions=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Threshold(Pointwise, frozen=True):
    """x if x > threshold else value: one comparison. Source: torch.nn.Threshold."""

    keyword: ClassVar[str] = "threshold"

    threshold: float
    value: float

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(comparisons=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class ELU(Pointwise, frozen=True):
    """x if x > 0 else alpha·(exp(x) − 1): a comparison, an exponential, a subtraction and a multiplication.

    Source: torch.nn.ELU; Clevert, Unterthiner and Hochreiter, Exponential Linear Units (2016).
    """

    keyword: ClassVar[str] = "elu"

    alpha: float = 1.0

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, multiplies=n, comparisons=n, exponentials=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class SELU(Pointwise, frozen=True):
    """1.0507·elu(x) with alpha 1.6733, which keep mean 0 and variance 1: as `elu`, and a multiplication.

    Source: torch.nn.SELU; Klambauer et al., Self-Normalizing Neural Networks (2017).
    """

    keyword: ClassVar[str] = "selu"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, multiplies=2 * n, comparisons=n, exponentials=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class CELU(Pointwise, frozen=True):
    """x if x > 0 else alpha·(exp(x/alpha) − 1): as `elu`, and a division.

    Source: torch.nn.CELU; Barron, Continuously Differentiable Exponential Linear Units (2017).
    """

    keyword: ClassVar[str] = "celu"

    alpha: float = 1.0

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if not self.alpha > 0:
            yield Complaint(f"celu has alpha {self.alpha:g}", "alpha", "a number above 0")

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, multiplies=n, comparisons=n, divisions=n, exponentials=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Softplus(Pointwise, frozen=True):
    """log(1 + exp(beta·x))/beta, and x itself where beta·x > threshold.

    A multiplication, a comparison, two exponentials, an addition and a division. Source: torch.nn.Softplus.
    """

    keyword: ClassVar[str] = "softplus"

    beta: float = 1.0
    threshold: float = 20.0

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if not self.beta > 0:
            yield Complaint(f"softplus has beta {self.beta:g}", "beta", "a number above 0")

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, multiplies=n, comparisons=n, divisions=n, exponentials=2 * n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class Softsign(Pointwise, frozen=True):
    """x/(1 + |x|): an addition and a division; a sign costs nothing. Source: torch.nn.Softsign."""

    keyword: ClassVar[str] = "softsign"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(adds=product(output), divisions=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0,), extras=(Extra("1 + |x|", product(output)),))


class Mish(Pointwise, frozen=True):
    """x·tanh(log(1 + exp(x))): three exponentials, an addition and a multiplication.

    Source: torch.nn.Mish; Misra, Mish: A Self Regularized Non-Monotonic Activation Function (2020).
    """

    keyword: ClassVar[str] = "mish"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n, multiplies=n, exponentials=3 * n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class _Shares(Op, frozen=True):
    """The axis is `dim` (1: the channels or classes)."""

    dim: int = 1

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        yield from dim_fits(self.dim, len(inputs[0]))

    def output(self, inputs: Shapes) -> Shape:
        return inputs[0]

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        along = axis_of(self.dim, len(output))
        return (tuple(None if axis == along else window for axis, window in enumerate(POINTWISE[len(output)])),)

    def _rows(self, output: Shape) -> int:
        along = axis_of(self.dim, len(output))
        return product(size for axis, size in enumerate(output) if axis != along)


class Softmax(_Shares, frozen=True):
    """exp(x − max)/Σ exp(x − max) along an axis.

    Per row of m: m − 1 comparisons, m subtractions, m exponentials, m − 1 additions, m divisions.
    Source: torch.nn.Softmax.
    """

    keyword: ClassVar[str] = "softmax"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n, rows = product(output), self._rows(output)
        return Work(adds=2 * n - rows, comparisons=n - rows, divisions=n, exponentials=n)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class LogSoftmax(_Shares, frozen=True):
    """x − max − log Σ exp(x − max) along an axis.

    Per row of m: m − 1 comparisons, 2·m subtractions, m exponentials, m − 1 additions, and the logarithm.
    Source: torch.nn.LogSoftmax.
    """

    keyword: ClassVar[str] = "log_softmax"

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n, rows = product(output), self._rows(output)
        return Work(adds=3 * n - rows, comparisons=n - rows, exponentials=n + rows)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_OUTPUT


class Identity(Pointwise, frozen=True):
    """Passes its input on: a name for a place in the network. Source: torch.nn.Identity."""

    keyword: ClassVar[str] = "identity"
    views: ClassVar[bool] = True

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_NOTHING
