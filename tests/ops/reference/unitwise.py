"""Activations: each output is made from the one input at its own place."""

import math
from collections.abc import Callable
from typing import Any

from ..counting import Number, multiply


def sigmoid(x: Number) -> Number:
    return 1.0 / ((-x).through(math.exp) + 1.0)


def hardsigmoid(x: Number) -> Number:
    return (x + 3.0).larger(0.0).smaller(6.0) / 6.0


def gelu(op: Any, x: Number) -> Number:
    if op.approximate == "none":
        return x * 0.5 * ((x * 0.5**0.5).through(math.erf) + 1.0)
    cubic = x * x * x * 0.044715
    return x * 0.5 * (((x + cubic) * (2 / math.pi) ** 0.5).through(math.tanh) + 1.0)


def partial(function: Callable[[float], float]) -> Callable[[float], float]:
    """A function that has no value everywhere: NaN there."""

    def everywhere(value: float) -> float:
        try:
            return function(value)
        except ValueError:
            return math.nan

    return everywhere


def power(op: Any, x: Number) -> Number:
    if isinstance(op.exponent, float):
        return x.through(partial(lambda value: math.pow(value, op.exponent)))
    result = whole_power(x, abs(op.exponent))
    return 1.0 / result if op.exponent < 0 else result


def whole_power(x: Number, exponent: int) -> Number:
    """From its binary digits, least first: what has been squared so far goes in where there is a 1."""
    factors, square = [], x
    while exponent:
        factors += [square] if exponent % 2 else []
        exponent //= 2
        square = square * square if exponent else square
    return multiply(factors)


def elu(x: Number, alpha: float, stretch: Callable[[Number], Number] = lambda x: x) -> Number:
    return x.if_positive((stretch(x).through(math.exp) - 1.0) * alpha)


def softplus(op: Any, x: Number) -> Number:
    scaled = x * op.beta
    return x.if_above(scaled, op.threshold, (scaled.through(math.exp) + 1.0).through(math.log) / op.beta)


def mish(x: Number) -> Number:
    return x * (x.through(math.exp) + 1.0).through(math.log).through(math.tanh)


UNITWISE: dict[str, Callable[[Any, Number], Number]] = {
    "relu": lambda op, x: x.larger(0.0),
    "relu6": lambda op, x: x.larger(0.0).smaller(6.0),
    "leaky_relu": lambda op, x: x.if_positive(x * op.negative_slope),
    "sigmoid": lambda op, x: sigmoid(x),
    "tanh": lambda op, x: x.through(math.tanh),
    "gelu": gelu,
    "silu": lambda op, x: x * sigmoid(x),
    "hardsigmoid": lambda op, x: hardsigmoid(x),
    "hardswish": lambda op, x: x * hardsigmoid(x),
    "hardtanh": lambda op, x: x.larger(op.min_val).smaller(op.max_val),
    "threshold": lambda op, x: x.if_above(x, op.threshold, Number(op.value, 0, x.tally)),
    "elu": lambda op, x: elu(x, op.alpha),
    "selu": lambda op, x: elu(x, 1.6732632423543772848170429916717) * 1.0507009873554804934193349852946,
    "celu": lambda op, x: elu(x, op.alpha, lambda x: x / op.alpha),
    "softplus": softplus,
    "softsign": lambda op, x: x / ((x if x.value > 0 else -x) + 1.0),
    "mish": lambda op, x: mish(x),
    "exp": lambda op, x: x.through(math.exp),
    "log": lambda op, x: x.through(partial(math.log)),
    "sqrt": lambda op, x: x.through(partial(math.sqrt)),
    "rsqrt": lambda op, x: 1.0 / x.through(partial(math.sqrt)),
    "reciprocal": lambda op, x: 1.0 / x,
    "pow": power,
    "abs": lambda op, x: x if x.value > 0 else -x,
    "neg": lambda op, x: -x,
    "erf": lambda op, x: x.through(math.erf),
    "sin": lambda op, x: x.through(math.sin),
    "cos": lambda op, x: x.through(math.cos),
    "dropout": lambda op, x: x,
    "drop_path": lambda op, x: x,
    "identity": lambda op, x: x,
}
