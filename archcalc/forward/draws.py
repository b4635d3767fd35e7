"""Random numbers that are the same bits everywhere: on every machine and with every version of numpy."""

import hashlib

import numpy as np

from archcalc.forward.kernels import Array
from archcalc.ops.base import Shape

_CHUNK = 1 << 16  # 64-bit words drawn at once: they stay in the processor's cache


def uniform(shape: Shape, bound: float, seed: int, name: str, dtype: str = "float32") -> Array:
    """An array of U(−bound, bound) in steps of bound/2²³, its stream chosen by seed and name.

    numpy keeps the raw stream of a bit generator for all versions, and not what its Generator makes of it. Each half of
    a raw word, the lower one first, gives one value: its upper 24 bits as a whole number from −2²³ to 2²³ − 1, times
    bound/2²³. Both steps are exact or rounded once in float32, whatever `dtype`: an array of float64 holds the same
    numbers.
    """
    entropy = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest(), "little")
    stream = np.random.PCG64(np.random.SeedSequence(entropy))
    result = np.empty(shape, dtype)
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
