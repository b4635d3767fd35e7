"""Activations: each output is made from the one input at its own place."""

import math
from collections.abc import Callable
from typing import Any

from ..counting import Number


def sigmoid(x: Number) -> Number:
    return 1.0 / ((-x).through(math.exp) + 1.0)


def hardsigmoid(x: Number) -> Number:
    return (x + 3.0).larger(0.0).smaller(6.0) / 6.0


def gelu(op: Any, x: Number) -> Number:
    if op.approximate == "none":
        return x * 0.5 * ((x * 0.5**0.5).through(math.erf) + 1.0)
    cubic = x * x * x * 0.044715
    return x * 0.5 * (((x + cubic) * (2 / math.pi) ** 0.5).through(math.tanh) + 1.0)


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
    "dropout": lambda op, x: x,
    "drop_path": lambda op, x: x,
    "identity": lambda op, x: x,
}
