"""A network made linear, with weights of our own choosing: what paths are counted against.

The naive forward pass of tests/analysis does the geometry; here are the weights. `run` is given a value for each weight
by `draw`; joins and maxima become sums, and what is divided by is counted unit by unit.
"""

from collections.abc import Callable
from functools import reduce
from math import gcd, prod
from typing import Any

import numpy as np
from analysis import forward as naive
from analysis.forward import Array, per_axis

from archcalc.infer import InferredGraph
from archcalc.ops.conv import Conv
from archcalc.ops.join import Concat

Draw = Callable[[tuple[int, ...]], Array]
"""The weights of a convolution by their shape: kernel, input channels, output channels."""


class _Drawn:
    """Stands where the naive pass expects its random numbers."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Array:
        # The naive pass divides by the input channels.
        return self._draw(shape) * shape[-2]


def equal(shape: tuple[int, ...]) -> Array:
    """Weights that make a unit the mean of all that its filter meets."""
    return np.full(shape, 1 / prod(shape[:-1]))


def run(network: InferredGraph, x: Array, draw: Draw = equal) -> list[Array]:
    """The outputs of all layers, from inputs that begin with the batch."""
    outputs: list[Array] = []
    drawn: Any = _Drawn(draw)
    for node in network.nodes:
        inputs, op = [outputs[producer] for producer in node.inputs], node.op
        if op.keyword == "input":
            outputs.append(x)
        elif op.keyword == "parameter":
            outputs.append(np.zeros((len(x), *op.shape)))
        elif op.keyword in naive.PASSING:
            outputs.append(inputs[0])
        elif op.keyword in naive.JOINS:
            outputs.append(reduce(np.add, inputs))
        elif isinstance(op, Concat):
            outputs.append(np.concatenate(inputs, axis=op.dim))
        elif op.keyword in RULES:
            outputs.append(RULES[op.keyword](op, inputs[0], drawn))
        else:
            outputs.append(naive.RULES[op.keyword](op, inputs[0], 0.0, drawn))
    return outputs


def jacobian(network: InferredGraph, draw: Draw = equal) -> list[Array]:
    """For each layer the derivatives of its units by those of the input: input channel, place, channel, place."""
    values = prod(network.input_shape)
    one_each = np.eye(values).reshape(values, *network.input_shape)
    return [out.reshape(*network.input_shape, *out.shape[1:]) for out in run(network, one_each, draw)]


def _conv_transpose(op: Any, x: Array, drawn: Any) -> Array:
    """Of k taps every s-th meets a unit: what was drawn for k is s times as much."""
    return naive.conv_transpose(op, x, 0.0, drawn) * float(prod(per_axis(op.stride, x.ndim - 2)))


def _pool(op: Any, x: Array, drawn: Any) -> Array:
    """A mean, padding counted, whatever the pooling does: a convolution of each channel for itself."""
    rank = x.ndim - 2
    stride = op.kernel_size if op.stride == "kernel_size" else op.stride
    dilation = op.dilation if op.keyword == "maxpool" else 1
    arguments = (op.kernel_size, stride, dilation, op.padding)
    kernel, stride, dilation, padding = (per_axis(value, rank) for value in arguments)
    sides = []
    for n, k, s, d, side, count in zip(x.shape[2:], kernel, stride, dilation, padding, _counts(op, x), strict=True):
        before = side if isinstance(side, int) else side[0]
        sides.append((before, max(0, (count - 1) * s + d * (k - 1) + 1 - n - before)))
    channels = x.shape[1]
    mean = Conv(channels, tuple(kernel), tuple(stride), tuple(sides), tuple(dilation), groups=channels)
    return naive.conv(mean, x, 0.0, _Drawn(equal))  # type: ignore[arg-type]


def _counts(op: Any, x: Array) -> tuple[int, ...]:
    counts: tuple[int, ...] = op.output((x.shape[1:],))[1:]
    return counts


def _adaptive_pool(op: Any, x: Array, drawn: Any) -> Array:
    """Sums of the bins, divided by how many units one holds on average."""
    for axis, out in enumerate(per_axis(op.output_size, x.ndim - 2), start=2):
        n = x.shape[axis]
        bins = [range(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]
        met = (n + out - gcd(n, out)) / out
        x = np.stack([x.take(list(units), axis).sum(axis) for units in bins], axis) / met
    return x


def _upsample(op: Any, x: Array, drawn: Any) -> Array:
    """Interpolation as the plain sum of the neighbours that it reads, divided by how many those are on average."""
    if op.mode == "nearest":
        return naive.upsample(op, x, 0.0, drawn)
    given = per_axis(op.scale_factor if op.size is None else op.size, x.ndim - 2)
    for axis, number in enumerate(given, start=2):
        n = x.shape[axis]
        out = n * number if op.size is None else number
        wide = np.pad(x, [(3, 3) if a == axis else (0, 0) for a in range(x.ndim)])
        parts, neighbours = [], []
        for i in range(out):
            whole = max(out - 1, 1) if op.align_corners else 2 * out
            low, rest = divmod(i * (n - 1) if op.align_corners else (2 * i + 1) * n - out, whole)
            more = 1 if op.mode == "bicubic" else 0
            read = range(low - more, low + 1 + more + bool(rest))
            parts.append(sum(wide.take(unit + 3, axis) for unit in read))
            neighbours.append(len(read))
        x = np.stack(parts, axis) / np.mean(neighbours)
    return x


def _pad(op: Any, x: Array, drawn: Any) -> Array:
    more = (op.channels, op.channels) if isinstance(op.channels, int) else op.channels
    return np.pad(naive.pad(op, x, 0.0, drawn), [(0, 0), more, *[(0, 0)] * (x.ndim - 2)])


RULES: dict[str, Callable[[Any, Array, Any], Array]] = {
    "conv_transpose": _conv_transpose,
    "maxpool": _pool,
    "avgpool": _pool,
    "adaptive_avgpool": _adaptive_pool,
    "upsample": _upsample,
    "pad": _pad,
}
