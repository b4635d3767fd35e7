"""Weights of a network: their names, and fresh ones.

All of them are one flat mapping from `"{node}.{weight}"` (`conv1.weight`, `stage1.0.bn1.running_mean`) to arrays of the
shapes that operators state. A node that shares another's weights has no entries of its own.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import numpy as np

from archcalc.errors import Problem, UsageError, enumerate_words, printable
from archcalc.forward.draws import uniform
from archcalc.forward.kernels import Array
from archcalc.forward.moments import CONSTANT_SPREAD, PARAMETER_BOUND, PRELU_SLOPE, predict
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.ops.base import Weight

DTYPES = ("float16", "float32", "float64")
"""What networks are computed in."""


def stored(network: InferredGraph) -> Iterator[tuple[str, int, Weight]]:
    """Name in the mapping, position of the node and stated weight, of all that is stored."""
    for position, node in enumerate(network.nodes):
        if node.shares is None:
            for weight in network.weights(position):
                yield f"{node.name}.{weight.name}", position, weight


def weights_of(network: InferredGraph, position: int, weights: Mapping[str, Array]) -> dict[str, Array]:
    """The weights of one node by their bare names, its own or those that it shares."""
    node = network.nodes[position]
    owner = node if node.shares is None else network.nodes[node.shares]
    return {weight.name: weights[f"{owner.name}.{weight.name}"] for weight in network.weights(position)}


Start: TypeAlias = float | Literal["he", "small", "near 1", "predicted"]

_MATRIX: dict[str, Start] = {"weight": "he", "bias": 0.0}
_AFFINE: dict[str, Start] = {"weight": 1.0, "bias": 0.0}

INITIAL: dict[str, dict[str, Start]] = {
    "conv": _MATRIX,
    "conv_transpose": _MATRIX,
    "linear": _MATRIX,
    "multihead_attention": {"in_proj_weight": "he", "out_proj.weight": "he", "in_proj_bias": 0.0, "out_proj.bias": 0.0},
    "batchnorm": {**_AFFINE, "running_mean": 0.0, "running_var": "predicted"},
    "layernorm": _AFFINE,
    "groupnorm": _AFFINE,
    "instance_norm": _AFFINE,
    "rms_norm": {"weight": 1.0},
    "layer_scale": {"gamma": 1.0},
    "prelu": {"weight": PRELU_SLOPE},
    "parameter": {"weight": "small"},
    "constant": {"value": "near 1"},
}
"""Keyword → how each of its weights begins: a number for all values, or one of the ways of `random_weights`."""


def random_weights(network: InferredGraph, seed: int = 0, dtype: str = "float32") -> dict[str, Array]:
    """Weights as a network has them before training: the same bits on every machine for the same seed.

    Matrices and kernels are U(−b, b) with b = √(6/fan_in) (He et al. 2015, Delving Deep into Rectifiers; fan_in is how
    many products an output sums up), biases 0, normalisation's factors 1, PReLU's slope 0.25, learned parameters
    U(−0.02, 0.02). Stored constants are U(0.5, 1.5): near 1, so that neither products nor quotients with them grow or
    vanish from layer to layer, and no two alike. Layer scale is 1 and not the customary 1e-6, with which a network
    would hardly show what its blocks compute. Running means are 0 and running variances the mean square of what comes
    in, as `moments` predicts it: with 1 in their place, a residual network of hundreds of blocks overflows. A layer's
    numbers depend on the seed and its name only, its running variances on the layers before it. Raises UsageError for a
    `dtype` that is not in DTYPES.
    """
    check_type(dtype)
    predicted = predict(network)
    result: dict[str, Array] = {}
    for name, position, weight in stored(network):
        node = network.nodes[position]
        start = INITIAL[node.op.keyword][weight.name]
        if start == "he":
            bound = math.sqrt(6 / fan_in(network, position, weight))
            result[name] = uniform(weight.shape, bound, seed, name, dtype)
        elif start == "small":
            result[name] = uniform(weight.shape, PARAMETER_BOUND, seed, name, dtype)
        elif start == "near 1":
            result[name] = (1 + uniform(weight.shape, CONSTANT_SPREAD, seed, name)).astype(dtype)
        else:
            value = _rounded(predicted[node.inputs[0]].square) if start == "predicted" else start
            result[name] = np.full(weight.shape, value, dtype)
    return result


def check_type(dtype: str) -> None:
    """Raises UsageError for a type that networks are not computed in."""
    if dtype not in DTYPES:
        raise UsageError(
            Problem(f"networks are not computed in {printable(dtype, 60)}", None, f"there is {enumerate_words(DTYPES)}")
        )


def fan_in(network: InferredGraph, position: int, weight: Weight) -> float:
    """How many products an output sums up: all of a layer's, shared out evenly, where one matrix makes them all.

    A matrix beside others has a row for each of its outputs.
    """
    matrices = [other for other in network.weights(position) if len(other.shape) > 1]
    if len(matrices) == 1:
        return network.work(position).macs / product(network.shapes[position])
    return product(weight.shape[1:])


def _rounded(value: float) -> float:
    """To 8 significant bits, so that the last bit of a machine's exp, in which machines differ, does not matter."""
    fraction, exponent = math.frexp(value)
    return math.ldexp(round(fraction * 256), exponent - 8)
