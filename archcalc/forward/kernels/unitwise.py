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


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x where it is above zero, else alpha·(exp(x) − 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al. 2017, Self-Normalizing Neural Networks, equation 14."""


def selu(x: Array, alpha: float = SELU_ALPHA, scale: float = SELU_SCALE) -> Array:
    """scale·elu(x, alpha)."""
    return elu(x, alpha) * scale


def celu(x: Array, alpha: float = 1.0) -> Array:
    """x where it is above zero, else alpha·(exp(x/alpha) − 1)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def softplus(x: Array, beta: float = 1.0, threshold: float = math.inf) -> Array:
    """log(1 + exp(beta·x))/beta, written so that exp never overflows; x itself where beta·x is above `threshold`."""
    steep = x * beta
    result = (np.log1p(np.exp(-np.abs(steep))) + np.maximum(steep, 0)) / beta
    return result if threshold == math.inf else np.where(steep > threshold, x, result)


def softsign(x: Array) -> Array:
    """x/(1 + |x|)."""
    result: Array = x / (1 + np.abs(x))
    return result


def mish(x: Array) -> Array:
    """x·tanh(softplus(x))."""
    return x * tanh(softplus(x))


def threshold(x: Array, least: float, value: float) -> Array:
    """x where it is above `least`, else `value`."""
    return np.where(x <= least, np.asarray(value, x.dtype), x)


def softmax(x: Array, axis: int) -> Array:
    """exp(x − max)/Σ exp(x − max) along an axis."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    result: Array = powers / powers.sum(axis=axis, keepdims=True)
    return result


def log_softmax(x: Array, axis: int) -> Array:
    """x − max − log Σ exp(x − max) along an axis: the logarithm of softmax."""
    shifted = x - x.max(axis=axis, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return result
