"""A naive forward pass in float64, written for measuring what depends on what.

All weights are positive, so that nothing cancels and a larger input gives a larger output everywhere it is read. What
lies beyond a map is `edge`: 0 to measure, NaN to find the units that read beyond a map anywhere on their way. Shapes
here begin with the batch.
"""

import itertools
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from archcalc.infer import InferredGraph
from archcalc.ops.join import Concat

Array = npt.NDArray[np.float64]
Place = tuple[int, ...]

# Layers that neither move nor mix positions. That they change values is of no matter here.
PASSING = ("relu", "tanh", "batchnorm", "dropout", "drop_path", "identity", "lrn")
JOINS: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "mean": np.add,
    "mul": np.multiply,
    "max": np.maximum,
}


def run(network: InferredGraph, x: Array, edge: float = 0.0) -> list[Array]:
    """The outputs of all layers. Weights depend on the position of the layer only."""
    outputs: list[Array] = []
    for position, node in enumerate(network.nodes):
        inputs, op = [outputs[producer] for producer in node.inputs], node.op
        if op.keyword == "input":
            outputs.append(x)
        elif op.keyword in PASSING:
            outputs.append(inputs[0])
        elif op.keyword in JOINS:
            outputs.append(reduce(JOINS[op.keyword], inputs))
        elif isinstance(op, Concat):
            outputs.append(np.concatenate(inputs, axis=op.dim))
        else:
            outputs.append(RULES[op.keyword](op, inputs[0], edge, np.random.default_rng(position)))
    return outputs


def per_axis(value: Any, rank: int) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value] * rank


def padded(x: Array, sides: Iterable[Any], edge: float) -> Array:
    """`x` with `edge` around its spatial axes; a number pads both sides alike."""
    pairs = [(side, side) if isinstance(side, int) else tuple(side) for side in sides]
    return np.pad(x, [(0, 0), (0, 0), *pairs], constant_values=edge)


def taps(x: Array, kernel: list[int], stride: list[int], dilation: list[int]) -> Iterable[tuple[Place, Array]]:
    """For each point of the kernel, what it meets at all places of the output."""
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)]
    for tap in itertools.product(*map(range, kernel)):
        places = (
            slice(t * d, t * d + (count - 1) * s + 1, s)
            for t, d, s, count in zip(tap, dilation, stride, counts, strict=True)
        )
        yield tap, x[(slice(None), slice(None), *places)]


def mix(weight: Array, x: Array) -> Array:
    """Every output channel is a mean of all input channels, weighted."""
    return np.moveaxis(np.tensordot(x, weight / weight.shape[0], axes=(1, 0)), -1, 1)


def conv(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    rank = x.ndim - 2
    kernel, stride, dilation = (per_axis(value, rank) for value in (op.kernel_size, op.stride, op.dilation))
    sides = [] if isinstance(op.padding, str) else per_axis(op.padding, rank)
    if op.padding == "valid":
        sides = [0] * rank
    if op.padding == "same":  # ⌈n/s⌉ outputs; the odd one of the padding goes behind
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True):
            whole = max(((n + s - 1) // s - 1) * s + d * (k - 1) + 1 - n, 0)
            sides.append((whole // 2, whole - whole // 2))
    inputs = np.split(padded(x, sides, edge), op.groups, axis=1)
    outputs = []
    for part in inputs:
        weight = rng.uniform(0.5, 1.5, (*kernel, part.shape[1], op.out_channels // op.groups))
        outputs.append(sum(mix(weight[tap], seen) for tap, seen in taps(part, kernel, stride, dilation)))
    return np.concatenate(outputs, axis=1)


def conv_transpose(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    """Every input unit spreads the kernel over the output; the input goes on as `edge` beyond its ends."""
    rank = x.ndim - 2
    arguments = (op.kernel_size, op.stride, op.dilation, op.padding, op.output_padding)
    axes = list(zip(*(per_axis(value, rank) for value in arguments), strict=True))
    more = [(d * (k - 1) + extra) // s + 1 for k, s, d, _, extra in axes]
    wide = padded(x, more, edge)
    whole = [(n - 1) * s + d * (k - 1) + 1 for n, (k, s, d, _, _) in zip(wide.shape[2:], axes, strict=True)]
    out = np.zeros((len(x), op.out_channels, *whole))
    weight = rng.uniform(0.5, 1.5, (*(axis[0] for axis in axes), x.shape[1], op.out_channels))
    for tap in itertools.product(*(range(axis[0]) for axis in axes)):
        places = (
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, n, (_, s, d, _, _) in zip(tap, wide.shape[2:], axes, strict=True)
        )
        out[(slice(None), slice(None), *places)] += mix(weight[tap], wide)
    crop = []
    for n, m, (k, s, d, p, extra) in zip(x.shape[2:], more, axes, strict=True):
        crop.append(slice(m * s + p, m * s + (n - 1) * s + d * (k - 1) + 1 + extra - p))
    return out[(slice(None), slice(None), *crop)]


def pool(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    rank = x.ndim - 2
    stride = op.kernel_size if op.stride == "kernel_size" else op.stride
    gaps = op.dilation if op.keyword == "maxpool" else 1  # means are not dilated
    kernel, stride, dilation = (per_axis(value, rank) for value in (op.kernel_size, stride, gaps))
    sides = [(side, side) if isinstance(side, int) else side for side in per_axis(op.padding, rank)]
    hanging = []
    for n, (before, after), k, s, d in zip(x.shape[2:], sides, kernel, stride, dilation, strict=True):
        over = -(n + before + after - d * (k - 1) - 1) % s if op.ceil_mode else 0
        last = n + before + after + over - d * (k - 1) - 1
        hanging.append((before, after + over if last < n + before else after))
    seen = (part for _, part in taps(padded(x, hanging, edge), kernel, stride, dilation))
    return reduce(np.maximum if op.keyword == "maxpool" else np.add, seen)


def adaptive_pool(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    for axis, out in enumerate(per_axis(op.output_size, x.ndim - 2), start=2):
        n = x.shape[axis]
        bins = [range(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]
        x = np.stack([x.take(list(units), axis).max(axis) for units in bins], axis)
    return x


def global_pool(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    largest: Array = x.max(axis=tuple(range(2, x.ndim)), keepdims=True)
    return largest


def upsample(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    given = per_axis(op.scale_factor if op.size is None else op.size, x.ndim - 2)
    for axis, number in enumerate(given, start=2):
        n = x.shape[axis]
        out = n * number if op.size is None else number
        if op.mode == "nearest":
            x = x.take([i * n // out for i in range(out)], axis)
            continue
        # Between the units around (i + ½)·n/out − ½, or i·(n − 1)/(out − 1); the map goes on as `edge` on either side.
        wide = np.pad(x, [(3, 3) if a == axis else (0, 0) for a in range(x.ndim)], constant_values=edge)
        parts = []
        for i in range(out):
            whole = max(out - 1, 1) if op.align_corners else 2 * out
            low, rest = divmod(i * (n - 1) if op.align_corners else (2 * i + 1) * n - out, whole)
            if op.mode == "bicubic":  # by powers: none of the four shares is 0, which a field could not tell from none
                parts.append(sum(wide.take(low + 3 + k, axis) * 2.0**k for k in (-1, 0, 1, *([2] if rest else []))))
                continue
            part = wide.take(low + 3, axis)
            parts.append(part if not rest else part * (1 - rest / whole) + wide.take(low + 4, axis) * rest)
        x = np.stack(parts, axis)
    return x


def pad(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    """Other modes than zeros read inside of the map, but not at a step: for a field they are beyond it too."""
    sides = [(side, side) if isinstance(side, int) else side for side in per_axis(op.padding, x.ndim - 2)]
    wide = padded(x, [(max(before, 0), max(after, 0)) for before, after in sides], edge)
    crop = (slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(wide.shape[2:], sides, strict=True))
    return wide[(slice(None), slice(None), *crop)]


def cut(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    places = [slice(None)] * x.ndim
    places[op.dim] = slice(op.start, op.end, op.step)
    return x[tuple(places)]


def split(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    part: Array = np.split(x, op.chunks, axis=op.dim)[op.index]
    return part


def shuffle(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    dealt = x.reshape(len(x), op.groups, -1, *x.shape[2:]).swapaxes(1, 2)
    return dealt.reshape(x.shape)


def linear(op: Any, x: Array, edge: float, rng: np.random.Generator) -> Array:
    weight = rng.uniform(0.5, 1.5, (x.shape[-1], op.out_features))
    return np.tensordot(x, weight, axes=(-1, 0))


RULES: dict[str, Callable[[Any, Array, float, np.random.Generator], Array]] = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "maxpool": pool,
    "avgpool": pool,
    "adaptive_maxpool": adaptive_pool,
    "adaptive_avgpool": adaptive_pool,
    "global_maxpool": global_pool,
    "global_avgpool": global_pool,
    "upsample": upsample,
    "pad": pad,
    "slice": cut,
    "split": split,
    "channel_shuffle": shuffle,
    "linear": linear,
    "permute": lambda op, x, edge, rng: x.transpose(op.dims),
    "flatten": lambda op, x, edge, rng: x.reshape(len(x), -1),
}
