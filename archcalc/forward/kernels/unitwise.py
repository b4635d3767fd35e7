"""Activations and softmax."""

import math

import numpy as np

from archcalc.forward.kernels import Array, along
from archcalc.forward.kernels.erf import erf


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.minimum(np.maximum(x, 0), 6)


def leaky_relu(x: Array, slope: float) -> Array:
    """x where it is above zero, else slope·x."""
    return np.where(x > 0, x, x * slope)


def prelu(x: Array, slope: Array) -> Array:
    """x where it is above zero, else slope·x, with one slope for all channels or one for each.

    A slope of as many axes as x is stretched to it.
    """
    return np.where(x > 0, x, x * (slope if slope.ndim == x.ndim else along(slope, 1, x.ndim)))


def sigmoid(x: Array) -> Array:
    """1/(1 + exp(−x)), written so that exp never overflows."""
    small = np.exp(-np.abs(x))
    result: Array = np.where(x < 0, small, 1) / (1 + small)
    return result


def tanh(x: Array) -> Array:
    """tanh(x)."""
    result: Array = np.tanh(x)
    return result


def gelu(x: Array) -> Array:
    """x/2·(1 + erf(x/√2))."""
    result: Array = x / 2 * (1 + erf(x * math.sqrt(0.5)))
    return result


def gelu_tanh(x: Array) -> Array:
    """x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))."""
    result: Array = x / 2 * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return result


def silu(x: Array) -> Array:
    """x·sigmoid(x)."""
    return x * sigmoid(x)


def hardsigmoid(x: Array, alpha: float = 1 / 6, beta: float = 0.5) -> Array:
    """min(max(alpha·x + beta, 0), 1); torch's is that of 1/6 and 1/2."""
    return np.minimum(np.maximum(x * alpha + beta, 0), 1)


def hardswish(x: Array) -> Array:
    """x·hardsigmoid(x)."""
    return x * hardsigmoid(x)


def softmax(x: Array, axis: int) -> Array:
    """exp(x − max)/Σ exp(x − max) along an axis."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    result: Array = powers / powers.sum(axis=axis, keepdims=True)
    return result
