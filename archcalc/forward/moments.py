"""How large the values of a freshly initialised network are: mean and mean square of each output, as predicted.

With weights of variance 2/fan_in, a convolution or linear layer gives 2·E[x²], less what its windows read beyond the
map; an activation what it makes of normally distributed values (a ReLU of mean 0 one half: He et al. 2015, Delving Deep
into Rectifiers, section 2.2); a sum adds means and variances, a normalisation resets both. Units are taken for
independent, and pooling for choosing among them: a prediction is right within a factor, which is all that it is for.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from archcalc.forward.rules import UNITWISE
from archcalc.infer import InferredGraph
from archcalc.numbers import ceil_div, product
from archcalc.ops.base import Shapes, Window, axis_of, spread


class Moments(NamedTuple):
    """Mean and mean square of the values of an output."""

    mean: float
    square: float

    @property
    def variance(self) -> float:
        return max(self.square - self.mean * self.mean, 0.0)


STANDARD = Moments(0.0, 1.0)
PARAMETER_BOUND = 0.02
"""Learned parameters begin within ± this."""
CONSTANT_SPREAD = 0.5
"""Stored constants begin within 1 ± this."""
PRELU_SLOPE = 0.25
"""He et al. 2015, section 2.1; torch's default too."""

_LARGEST = 1e100

Given: TypeAlias = Sequence[Moments]
Prediction: TypeAlias = Callable[[Any, Given, Shapes], Moments]


def predict(network: InferredGraph) -> list[Moments]:
    """Mean and mean square of the output of each node, for samples of mean 0 and variance 1."""
    result: list[Moments] = []
    for node in network.nodes:
        given = [result[producer] for producer in node.inputs]
        result.append(PREDICTIONS[node.op.keyword](node.op, given, network.inputs(node)))
    return result


def _multiplied(op: Any, given: Given, shapes: Shapes) -> Moments:
    return Moments(0.0, 2 * given[0].square)


def _convolved(op: Any, given: Given, shapes: Shapes) -> Moments:
    """By its taps that lie on the map; the others read zeros."""
    output = op.output(shapes)
    axes = zip(shapes[0][1:], output[1:], op.windows(shapes, output)[0][1:], strict=True)
    share = math.prod(_taps_on_the_map(n, count, window) / (count * window.kernel) for n, count, window in axes)
    return Moments(0.0, 2 * given[0].square * share)


def _taps_on_the_map(n: int, positions: int, window: Window) -> int:
    """How many points of all windows of an axis are units of it: 0 ≤ u·stride + tap·dilation − padding < n."""
    inside = 0
    for tap in range(window.kernel):
        offset = tap * window.dilation - window.padding
        first, last = ceil_div(-offset, window.stride), (n - 1 - offset) // window.stride
        inside += max(0, min(last, positions - 1) - max(first, 0) + 1)
    return inside


def _attended(op: Any, given: Given, shapes: Shapes) -> Moments:
    """Two projections; the softmax between them mixes values as if one of them had nearly all of the weight."""
    return Moments(0.0, 4 * given[-1].square)


def _mixed(op: Any, given: Given, shapes: Shapes) -> Moments:
    """Values, mixed as if one of them had nearly all of the weight."""
    return given[2]


def _matmul(op: Any, given: Given, shapes: Shapes) -> Moments:
    a, b = given
    terms = shapes[0][-1]
    mean = terms * a.mean * b.mean
    return Moments(mean, terms * (a.square * b.square - (a.mean * b.mean) ** 2) + mean * mean)


def _standardised(op: Any, given: Given, shapes: Shapes) -> Moments:
    return STANDARD


def _by_running_statistics(op: Any, given: Given, shapes: Shapes) -> Moments:
    """The mean is left where it is, and the mean square becomes 1: see `random_weights`."""
    if not op.track_running_stats or not given[0].square:
        return STANDARD
    return _scaled(given[0], 1 / math.sqrt(given[0].square))


def _lrn(op: Any, given: Given, shapes: Shapes) -> Moments:
    return _scaled(given[0], (op.k + op.alpha * given[0].square) ** -op.beta)


def _scaled(moments: Moments, factor: float) -> Moments:
    return Moments(moments.mean * factor, moments.square * factor * factor)


def _through(unit: Callable[[Any, np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Prediction:
    """What a function makes of normally distributed values, by a sum over a fine grid."""

    def prediction(op: Any, given: Given, shapes: Shapes) -> Moments:
        z = np.arange(-8, 8, 1 / 16)
        density = np.exp(-z * z / 2) / (16 * math.sqrt(2 * math.pi))
        # What grows beyond all bounds is taken for as large as can still be squared.
        y = np.clip(unit(op, given[0].mean + math.sqrt(given[0].variance) * z), -_LARGEST, _LARGEST)
        return Moments(float(density @ y), float(density @ (y * y)))

    return prediction


def _at_its_size(unit: Callable[[Any, np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Prediction:
    """What a function with a pole, or without values below zero, makes of a number of the size that is usual."""

    def prediction(op: Any, given: Given, shapes: Shapes) -> Moments:
        value = float(unit(op, np.array([math.sqrt(given[0].square) or 1.0]))[0])
        return Moments(value, value * value)

    return prediction


def _power(op: Any, given: Given, shapes: Shapes) -> Moments:
    whole = isinstance(op.exponent, int) and op.exponent > 0
    return (_through if whole else _at_its_size)(UNITWISE["pow"])(op, given, shapes)


def _softmax(op: Any, given: Given, shapes: Shapes) -> Moments:
    """Even shares."""
    share = 1 / shapes[0][axis_of(op.dim, len(shapes[0]))]
    return Moments(share, share * share)


def _log_softmax(op: Any, given: Given, shapes: Shapes) -> Moments:
    """Values less what all of them have in common."""
    mean = -math.log(shapes[0][axis_of(op.dim, len(shapes[0]))]) - given[0].variance / 2
    return Moments(mean, given[0].variance + mean * mean)


def _normed(op: Any, given: Given, shapes: Shapes) -> Moments:
    """Of a whole window of values of the size that is usual; where they are just added up, taken for independent."""
    count = product(spread(op.kernel_size, len(shapes[0]) - 1))
    if op.norm_type == 1:
        mean = count * given[0].mean
        return Moments(mean, count * given[0].variance + mean * mean)
    size = count ** (1 / op.norm_type) * math.sqrt(given[0].square)
    return Moments(size, size * size)


def _add(op: Any, given: Given, shapes: Shapes) -> Moments:
    mean = sum(one.mean for one in given)
    return Moments(mean, sum(one.variance for one in given) + mean * mean)


def _sub(op: Any, given: Given, shapes: Shapes) -> Moments:
    mean = given[0].mean - given[1].mean
    return Moments(mean, given[0].variance + given[1].variance + mean * mean)


def _div(op: Any, given: Given, shapes: Shapes) -> Moments:
    """By divisors of the size that is usual; those near 0, of which the mean of quotients is made, are left out."""
    size = math.sqrt(given[1].square) or 1.0
    return _scaled(given[0], 1 / size)


def _mul(op: Any, given: Given, shapes: Shapes) -> Moments:
    return Moments(math.prod(one.mean for one in given), math.prod(one.square for one in given))


def _mean(op: Any, given: Given, shapes: Shapes) -> Moments:
    return _scaled(_add(op, given, shapes), 1 / len(given))


def _summed(op: Any, given: Given, shapes: Shapes) -> Moments:
    """As many as go into an output, taken for independent."""
    terms = product(shapes[0]) / product(op.output(shapes))
    mean = terms * given[0].mean
    return Moments(mean, terms * given[0].variance + mean * mean)


def _length(op: Any, given: Given, shapes: Shapes) -> Moments:
    square = product(shapes[0]) / product(op.output(shapes)) * given[0].square
    return Moments(math.sqrt(square), square)


def _constant(op: Any, given: Given, shapes: Shapes) -> Moments:
    return Moments(1.0, 1 + CONSTANT_SPREAD**2 / 3) if op.value is None else Moments(op.value, op.value * op.value)


def _largest(op: Any, given: Given, shapes: Shapes) -> Moments:
    return max(given, key=lambda one: one.square)


def _concat(op: Any, given: Given, shapes: Shapes) -> Moments:
    values = [product(shape) for shape in shapes]
    mean, square = (
        sum(n * m for n, m in zip(values, of, strict=True)) / sum(values) for of in zip(*given, strict=True)
    )
    return Moments(mean, square)


def _unchanged(op: Any, given: Given, shapes: Shapes) -> Moments:
    return given[0]


def _padded(op: Any, given: Given, shapes: Shapes) -> Moments:
    """Zeros take their part in the mean."""
    share = min(1.0, product(shapes[0]) / product(op.output(shapes))) if op.mode == "constant" else 1.0
    return Moments(given[0].mean * share, given[0].square * share)


PREDICTIONS: dict[str, Prediction] = {
    "input": lambda op, given, shapes: STANDARD,
    "parameter": lambda op, given, shapes: Moments(0.0, PARAMETER_BOUND**2 / 3),
    "constant": _constant,
    "conv": _convolved,
    "conv_transpose": _multiplied,
    "linear": _multiplied,
    "matmul": _matmul,
    "multihead_attention": _attended,
    "scaled_dot_product_attention": _mixed,
    "batchnorm": _by_running_statistics,
    "layernorm": _standardised,
    "groupnorm": _standardised,
    "instance_norm": _standardised,
    "rms_norm": _standardised,
    "lrn": _lrn,
    "layer_scale": _unchanged,
    **{keyword: _through(unit) for keyword, unit in UNITWISE.items()},
    **{keyword: _at_its_size(UNITWISE[keyword]) for keyword in ("log", "sqrt", "rsqrt", "reciprocal")},
    "pow": _power,
    "prelu": _through(lambda op, x: np.where(x > 0, x, x * PRELU_SLOPE)),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "lp_pool": _normed,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "mean": _mean,
    "max": _largest,
    "min": _largest,
    "reduce_sum": _summed,
    "reduce_l2": _length,
    "concat": _concat,
    "pad": _padded,
    **dict.fromkeys(("maxpool", "avgpool", "adaptive_maxpool", "adaptive_avgpool"), _unchanged),
    **dict.fromkeys(("global_maxpool", "global_avgpool", "upsample"), _unchanged),
    **dict.fromkeys(("reduce_mean", "reduce_max", "reduce_min"), _unchanged),
    **dict.fromkeys(("index_select", "pixel_shuffle", "pixel_unshuffle", "roll", "expand"), _unchanged),
    **dict.fromkeys(("slice", "split", "channel_shuffle", "flatten", "reshape", "permute"), _unchanged),
}
"""Keyword → mean and mean square of the output, from those of the inputs and their shapes."""
