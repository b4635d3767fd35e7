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
    """Whole powers from their binary digits, least first: what has been squared so far goes in where there is a 1."""
    if isinstance(op.exponent, float):
        return x.through(partial(lambda value: math.pow(value, op.exponent)))
    factors, square, rest = [], x, abs(op.exponent)
    while rest:
        factors += [square] if rest % 2 else []
        rest //= 2
        square = square * square if rest else square
    result = multiply(factors)
    return 1.0 / result if op.exponent < 0 else result


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
