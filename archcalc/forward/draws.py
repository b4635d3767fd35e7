"""Random numbers that are the same bits everywhere: on every machine and with every version of numpy."""

import hashlib
import math

import numpy as np

from archcalc.forward.kernels import Array
from archcalc.ops.base import Shape

_CHUNK = 1 << 16  # 64-bit words drawn at once: they stay in the processor's cache
_LN2 = 0.6931471805599453


def uniform(shape: Shape, bound: float, seed: int, name: str, dtype: str = "float32") -> Array:
    """An array of U(−bound, bound) in steps of bound/2²³, its stream chosen by seed and name.

    numpy keeps the raw stream of a bit generator for all versions, and not what its Generator makes of it. Each half of
    a raw word, the lower one first, gives one value: its upper 24 bits as a whole number from −2²³ to 2²³ − 1, times
    bound/2²³. Both steps are exact or rounded once in float32, whatever `dtype`: an array of float64 holds the same
    numbers.
    """
    stream, result = _stream(seed, name), np.empty(shape, dtype)
    values, factor = result.reshape(-1), np.float32(bound * 2.0**-23)
    for begin in range(0, values.size, 2 * _CHUNK):
        part = values[begin : begin + 2 * _CHUNK]
        halves = stream.random_raw((part.size + 1) // 2).astype("<u8", copy=False).view("<i4")[: part.size]
        np.right_shift(halves, 8, out=halves)
        if dtype == "float32":
            np.multiply(halves, factor, out=part, dtype=np.float32, casting="unsafe")
        else:
            part[:] = np.multiply(halves, factor, dtype=np.float32, casting="unsafe")
    return result


def normal(shape: Shape, seed: int, name: str, dtype: str = "float32") -> Array:
    """An array of standard normal values, rounded to float32, its stream chosen by seed and name.

    Marsaglia's polar method (Marsaglia and Bray 1964): the halves of a raw word are a point (u, v) of the square
    (−1, 1)², at the middles of steps of 2⁻³¹; if it lies in the circle, s = u² + v² < 1, both of (u, v)·√(−2·ln s/s)
    are values, in this order. All of it is arithmetic that IEEE 754 rounds in one way, the logarithm too.
    """
    stream, result = _stream(seed, name), np.empty(shape, dtype)
    values, done = result.reshape(-1), 0
    while done < values.size:
        words = stream.random_raw(min(_CHUNK, values.size - done))
        points = (words.astype("<u8", copy=False).view("<i4").reshape(-1, 2) + 0.5) * 2.0**-31
        squares = points[:, 0] * points[:, 0] + points[:, 1] * points[:, 1]
        inside = squares < 1
        points, squares = points[inside], squares[inside]
        found = (points * np.sqrt(-2.0 * _logarithm(squares) / squares)[:, np.newaxis]).reshape(-1)
        part = found[: values.size - done].astype(np.float32)
        values[done : done + part.size] = part
        done += part.size
    return result


def _stream(seed: int, name: str) -> np.random.PCG64:
    entropy = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest(), "little")
    return np.random.PCG64(np.random.SeedSequence(entropy))


def _logarithm(x: Array) -> Array:
    """ln x of positive numbers: what a machine's library gives for it may be another's but for the last bit.

    x = m·2ᵉ with √½ ≤ m < √2; ln m = 2·artanh r = 2·(r + r³/3 + r⁵/5 + …) with r = (m − 1)/(m + 1), |r| < 0.172.
    """
    fraction, exponent = np.frexp(x)
    low = fraction < math.sqrt(0.5)
    fraction, exponent = np.where(low, 2 * fraction, fraction), exponent - low
    ratio = (fraction - 1) / (fraction + 1)
    square, series = ratio * ratio, np.full_like(x, 1 / 19)
    for odd in range(17, 0, -2):
        series = series * square + 1 / odd
    result: Array = 2 * ratio * series + exponent * _LN2
    return result
