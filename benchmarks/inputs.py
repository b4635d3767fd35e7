"""What networks are fed with to compare programs: samples, and weights of which no two channels are alike."""

from typing import Any

import numpy as np
import numpy.typing as npt

from archcalc.forward.weights import random_weights
from archcalc.infer import InferredGraph

Array = npt.NDArray[Any]


def samples(network: InferredGraph, batch: int) -> Array:
    """Values of both signs, the same in every process."""
    return np.random.default_rng(1).standard_normal((batch, *network.input_shape), dtype=np.float32)


def varied_weights(network: InferredGraph) -> dict[str, Array]:
    """Fresh weights whose biases are not 0 and whose statistics and factors differ by channel.

    As they are drawn, a program that mixed channels up there, or left a bias out, would not be found out.
    """
    rng = np.random.default_rng(2)
    weights = random_weights(network)
    for vector in (array for array in weights.values() if array.ndim == 1):
        vector *= rng.uniform(0.8, 1.2, vector.shape)
        vector += rng.uniform(0.0, 0.05, vector.shape)
    return weights
