"""Elementary functions. Where one has no value it is NaN, and infinite at a pole, without a warning."""

import numpy as np

from archcalc.forward.kernels import Array


def exp(x: Array) -> Array:
    """exp(x)."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asanyarray(np.exp(x))


def log(x: Array) -> Array:
    """The natural logarithm."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asanyarray(np.log(x))


def sqrt(x: Array) -> Array:
    """√x."""
    with np.errstate(invalid="ignore"):
        return np.asanyarray(np.sqrt(x))


def rsqrt(x: Array) -> Array:
    """1/√x."""
    return reciprocal(sqrt(x))


def reciprocal(x: Array) -> Array:
    """1/x."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.asanyarray(1 / x)


def power(x: Array, exponent: int | float) -> Array:
    """x^exponent: a whole power is multiplied out by squaring, a root taken by the function for it."""
    with np.errstate(all="ignore"):
        if isinstance(exponent, int):
            result = whole_power(x, abs(exponent))
            return result if exponent > 0 else np.asanyarray(1 / result)
        if abs(exponent) == 0.5:
            return sqrt(x) if exponent > 0 else rsqrt(x)
        return np.asanyarray(x**exponent)


def whole_power(x: Array, exponent: int) -> Array:
    """x^exponent for a whole exponent from 1."""
    result, digit = x, 1 << exponent.bit_length() - 1
    while digit > 1:
        digit >>= 1
        result = result * result
        result = result * x if exponent & digit else result
    return result


def hardtanh(x: Array, low: float, high: float) -> Array:
    """min(max(x, low), high)."""
    return np.minimum(np.maximum(x, low), high)
