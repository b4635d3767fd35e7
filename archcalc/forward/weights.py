"""Weights of a network: their names, fresh ones, those of a file, and whether they fit.

All of them are one flat mapping from `"{node}.{weight}"` (`conv1.weight`, `stage1.0.bn1.running_mean`) to arrays of the
shapes that operators state. A node that shares another's weights has no entries of its own.
"""

import math
import os
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Literal, TypeAlias

import numpy as np

from archcalc.errors import MOST_PROBLEMS, Problem, UsageError, did_you_mean, enumerate_words, printable
from archcalc.files import write_whole
from archcalc.forward.draws import uniform
from archcalc.forward.kernels import Array
from archcalc.forward.moments import CONSTANT_SPREAD, PARAMETER_BOUND, PRELU_SLOPE, predict
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.ops.base import Shape, Weight, show_shape

DTYPES = ("float16", "float32", "float64")
"""What networks are computed in."""

_MOST_HINTS = 20


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
    _check_type(dtype)
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


def _check_type(dtype: str) -> None:
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


def fit_weights(
    network: InferredGraph, arrays: Mapping[str, Array], source_name: str = "weights", dtype: str = "float32"
) -> dict[str, Array]:
    """Arrays by their names → all weights of the network, in its order and as `dtype`.

    Raises UsageError with everything that is wrong: arrays of another shape or kind, values that are no numbers, names
    that the network does not know, and what is missing.
    """
    _check_type(dtype)
    shapes = {name: weight.shape for name, _, weight in stored(network)}
    result: dict[str, Array] = {}
    problems = []
    for name, shape in shapes.items():
        if name in arrays:
            fitted, reason = _fitted(name, arrays[name], shape, dtype)
            result[name] = fitted
            if reason:
                problems.append(Problem(f"{source_name}: '{name}' {reason}"))
    missing, unknown = [name for name in shapes if name not in arrays], [name for name in arrays if name not in shapes]
    for name in unknown:
        # Where nothing fits, the file is for another network, and comparing thousands of names takes seconds.
        hint = did_you_mean(name, missing or shapes) if len(unknown) <= _MOST_HINTS else ""
        problems.append(Problem(f"{source_name}: {network.name} has no weight '{printable(name, 100)}'", None, hint))
    problems += [Problem(f"{source_name}: '{name}' {show_shape(shapes[name])} is missing") for name in missing]
    if len(problems) > MOST_PROBLEMS:
        more = Problem(f"{source_name}: and {len(problems) - MOST_PROBLEMS} more that do not fit {network.name}")
        problems[MOST_PROBLEMS:] = [more]
    if problems:
        raise UsageError(problems)
    return result


def _fitted(name: str, array: Array, shape: Shape, dtype: str) -> tuple[Array, str]:
    """An array as `dtype`, and what is wrong with it."""
    if array.shape != shape:
        return array, f"is {show_shape(array.shape)}, where {show_shape(shape)} belongs"
    if array.dtype.kind != "f":
        return array, f"holds {array.dtype} and not floating-point numbers"
    with np.errstate(over="ignore"):  # what overflows is told below
        fitted: Array = np.ascontiguousarray(array, dtype)
    wrong = fitted.size - np.count_nonzero(np.isfinite(fitted))
    if wrong:
        values = "1 value that is" if wrong == 1 else f"{wrong} values that are"
        return fitted, f"holds {values} NaN, infinite or too large for {dtype}"
    if name.endswith(".running_var") and fitted.min() < 0:
        return fitted, "holds negative variances"
    return fitted, ""


def save_weights(path: str | os.PathLike[str], weights: Mapping[str, Array]) -> None:
    """Write an `.npz` file, whole or not at all. Raises UsageError where it cannot be written."""

    def write(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, array in weights.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    write_whole(os.fspath(path), write)


def load_weights(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays of an `.npz` file by their names, whatever network they are for.

    Python objects, which can run code when they are loaded, are refused. Raises UsageError for a file that cannot be
    read, is none of this kind, or is damaged.
    """
    shown = printable(os.fspath(path), 200)
    try:
        with open(path, "rb") as file:
            if file.read(4) not in (b"PK\3\4", b"PK\5\6"):  # how zip archives begin, full ones and empty ones
                raise UsageError(Problem(f"'{shown}' is not an .npz file", None, "numpy.savez writes them"))
            file.seek(0)
            return _arrays(file, shown)
    except OSError as error:
        raise UsageError(Problem(f"'{shown}' cannot be read: {error.strerror or error}")) from None


def _arrays(file: IO[bytes], shown: str) -> dict[str, Array]:
    result: dict[str, Array] = {}
    name = ""
    try:
        with warnings.catch_warnings(), np.load(file, allow_pickle=False) as archive:
            warnings.simplefilter("ignore", UserWarning)  # that a file was written by Python 2
            for name in archive.files:
                array = archive[name]
                if not isinstance(array, np.ndarray):
                    raise UsageError(Problem(f"'{shown}': '{printable(name, 100)}' is no array"))
                result[name] = array
    except _DAMAGE as error:
        within = f"'{printable(name, 100)}' in it " if name else ""
        reason = printable(str(error).partition("\n")[0], 200) or type(error).__name__
        raise UsageError(Problem(f"'{shown}': {within}cannot be loaded: {reason}")) from None
    return result


# What zipfile and numpy's reader of headers, which are Python literals, raise for bytes that are not as they should be.
_DAMAGE = (
    *(EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
