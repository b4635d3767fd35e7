"""Operator → kernel: how each operator's arguments and stated facts become arguments of a kernel.

A rule is called as `rule(op, inputs, weights)`: inputs with their batch, weights by their bare names. It never computes
again what the operator states: padding, positions and windows are asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from archcalc.forward.kernels import Array, function, movement, norm, pool, product, reduce, unitwise
from archcalc.forward.kernels.erf import erf
from archcalc.forward.kernels.resample import cubic, triangle
from archcalc.ops.base import Shape, Window, axis_of, both_sides, spread
from archcalc.ops.conv import sides

Weights: TypeAlias = Mapping[str, Array]
Rule: TypeAlias = Callable[[Any, Sequence[Array], Weights], Array]
Unit: TypeAlias = Callable[[Any, Array], Array]


def sample_shape(x: Array) -> Shape:
    """The shape that operators speak of: without the batch."""
    return tuple(x.shape[1:])


def axis(dim: int, x: Array) -> int:
    """The axis of an array that torch's `dim` means."""
    return axis_of(dim, x.ndim - 1) + 1


def _conv(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    stride, dilation = (spread(argument, x.ndim - 2) for argument in (op.stride, op.dilation))
    pads = sides(op, (sample_shape(x),))
    return product.conv(x, weights["weight"], weights.get("bias"), stride, pads, dilation, op.groups)


def _conv_transpose(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    arguments = (op.stride, op.padding, op.output_padding, op.dilation)
    stride, padding, extra, dilation = (spread(argument, x.ndim - 2) for argument in arguments)
    pads = [(each, each) for each in padding]
    return product.conv_transpose(x, weights["weight"], weights.get("bias"), stride, pads, extra, dilation, op.groups)


def _attention(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    query, key, value = inputs if len(inputs) == 3 else (inputs[0],) * 3
    matrices = weights["in_proj_weight"], weights["out_proj.weight"]
    biases = weights.get("in_proj_bias"), weights.get("out_proj.bias")
    return product.attention(query, key, value, op.num_heads, matrices, biases)


def _scaled_dot_product(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    query, key, value, *added = inputs
    mask = added[0] if added else None
    return product.scaled_dot_product_attention(query, key, value, mask, op.scale, op.is_causal)


def _windows(op: Any, x: Array) -> tuple[Shape, list[Window]]:
    """How many positions a pooling states for each spatial axis, and its window there."""
    shapes = (sample_shape(x),)
    output = op.output(shapes)
    return output[1:], op.windows(shapes, output)[0][1:]


def _maxpool(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    positions, windows = _windows(op, inputs[0])
    geometry = zip(*((w.kernel, w.stride, w.padding, w.dilation) for w in windows), strict=True)
    return pool.maxpool(inputs[0], positions, *geometry)


def _avgpool(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    positions, windows = _windows(op, inputs[0])
    kernel, stride = zip(*((w.kernel, w.stride) for w in windows), strict=True)
    pads = both_sides(op.padding, len(positions))
    return pool.avgpool(inputs[0], positions, kernel, stride, pads, op.count_include_pad)


def _lp_pool(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    positions, windows = _windows(op, inputs[0])
    kernel, stride, before, dilation = zip(*((w.kernel, w.stride, w.padding, w.dilation) for w in windows), strict=True)
    return pool.lp_pool(inputs[0], positions, kernel, stride, before, dilation, op.norm_type)


def _batchnorm(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    affine = weights.get("weight"), weights.get("bias")
    if not op.track_running_stats:
        return norm.instance_norm(inputs[0], *affine, op.eps)
    return norm.batchnorm(inputs[0], weights["running_mean"], weights["running_var"], *affine, op.eps)


def _layernorm(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    return norm.layernorm(x, _read_whole(op, x), weights.get("weight"), weights.get("bias"), op.eps)


def _rms_norm(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    return norm.rms_norm(inputs[0], _read_whole(op, inputs[0]), weights.get("weight"), op.eps)


def _read_whole(op: Any, x: Array) -> list[int]:
    """The axes that a layer normalises over are those that it reads whole."""
    reads = op.windows((sample_shape(x),), sample_shape(x))[0]
    return [position for position, window in enumerate(reads, start=1) if window is None]


def _layer_scale(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    scaled: Array = np.moveaxis(np.moveaxis(x, axis(op.dim, x), -1) * weights["gamma"], -1, axis(op.dim, x))
    return scaled


def _pad(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    channels, padding = both_sides((op.channels,), 1), both_sides(op.padding, x.ndim - 2)
    return movement.pad(x, (*channels, *padding), op.mode)


def _upsample(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    sizes = op.output((sample_shape(inputs[0]),))[1:]
    if op.mode == "nearest":
        return movement.upsample_nearest(inputs[0], sizes)
    curve, reach = (cubic, 2) if op.mode == "bicubic" else (triangle, 1)
    return movement.interpolated(inputs[0], sizes, op.align_corners, curve, reach)


def _reshaped(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    return movement.reshape(inputs[0], op.output((sample_shape(inputs[0]),)))


def _reduced(kernel: Callable[[Array, Sequence[int], bool], Array]) -> Rule:
    def rule(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
        dims = op.dims if isinstance(op.dims, tuple) else (op.dims,)
        return kernel(inputs[0], [axis(dim, inputs[0]) for dim in dims], op.keepdim)

    return rule


def _roll(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    shifts, axes = zip(*op.turns(inputs[0].ndim - 1), strict=True)
    return movement.roll(inputs[0], shifts, [along + 1 for along in axes])


def _constant(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    """One number has no type of its own: whoever knows that of the samples gives it theirs."""
    return weights["value"][None] if op.value is None else movement.repeated(op.value, (1, *op.shape))


def _on_values(unit: Unit) -> Rule:
    return lambda op, inputs, weights: unit(op, inputs[0])


UNITWISE: dict[str, Unit] = {
    "relu": lambda op, x: unitwise.relu(x),
    "relu6": lambda op, x: unitwise.relu6(x),
    "leaky_relu": lambda op, x: unitwise.leaky_relu(x, op.negative_slope),
    "sigmoid": lambda op, x: unitwise.sigmoid(x),
    "tanh": lambda op, x: unitwise.tanh(x),
    "gelu": lambda op, x: unitwise.gelu_tanh(x) if op.approximate == "tanh" else unitwise.gelu(x),
    "silu": lambda op, x: unitwise.silu(x),
    "hardsigmoid": lambda op, x: unitwise.hardsigmoid(x),
    "hardswish": lambda op, x: unitwise.hardswish(x),
    "hardtanh": lambda op, x: function.hardtanh(x, op.min_val, op.max_val),
    "threshold": lambda op, x: unitwise.threshold(x, op.threshold, op.value),
    "elu": lambda op, x: unitwise.elu(x, op.alpha),
    "selu": lambda op, x: unitwise.selu(x),
    "celu": lambda op, x: unitwise.celu(x, op.alpha),
    "softplus": lambda op, x: unitwise.softplus(x, op.beta, op.threshold),
    "softsign": lambda op, x: unitwise.softsign(x),
    "mish": lambda op, x: unitwise.mish(x),
    "exp": lambda op, x: function.exp(x),
    "log": lambda op, x: function.log(x),
    "sqrt": lambda op, x: function.sqrt(x),
    "rsqrt": lambda op, x: function.rsqrt(x),
    "reciprocal": lambda op, x: function.reciprocal(x),
    "pow": lambda op, x: function.power(x, op.exponent),
    "abs": lambda op, x: np.abs(x),
    "neg": lambda op, x: -x,
    "erf": lambda op, x: erf(x),
    "sin": lambda op, x: np.sin(x),
    "cos": lambda op, x: np.cos(x),
    "dropout": lambda op, x: x,
    "drop_path": lambda op, x: x,
    "identity": lambda op, x: x,
}
"""Keyword → what happens to each value on its own, without weights."""

RULES: dict[str, Rule] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "linear": lambda op, inputs, weights: product.linear(inputs[0], weights["weight"], weights.get("bias")),
    "matmul": lambda op, inputs, weights: product.matmul(*inputs),
    "multihead_attention": _attention,
    "scaled_dot_product_attention": _scaled_dot_product,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "lp_pool": _lp_pool,
    "adaptive_maxpool": lambda op, inputs, weights: pool.adaptive_maxpool(inputs[0], _windows(op, inputs[0])[0]),
    "adaptive_avgpool": lambda op, inputs, weights: pool.adaptive_avgpool(inputs[0], _windows(op, inputs[0])[0]),
    "global_maxpool": lambda op, inputs, weights: pool.global_maxpool(inputs[0]),
    "global_avgpool": lambda op, inputs, weights: pool.global_avgpool(inputs[0]),
    "reduce_mean": _reduced(reduce.mean),
    "reduce_sum": _reduced(reduce.sum_),
    "reduce_max": _reduced(reduce.largest),
    "reduce_min": _reduced(reduce.smallest),
    "reduce_l2": _reduced(reduce.l2),
    "batchnorm": _batchnorm,
    "layernorm": _layernorm,
    "groupnorm": lambda op, inputs, weights: norm.groupnorm(
        inputs[0], op.num_groups, weights.get("weight"), weights.get("bias"), op.eps
    ),
    "instance_norm": lambda op, inputs, weights: norm.instance_norm(
        inputs[0], weights.get("weight"), weights.get("bias"), op.eps
    ),
    "rms_norm": _rms_norm,
    "lrn": lambda op, inputs, weights: norm.lrn(inputs[0], op.size, op.alpha, op.beta, op.k),
    "layer_scale": _layer_scale,
    **{keyword: _on_values(unit) for keyword, unit in UNITWISE.items()},
    "prelu": lambda op, inputs, weights: unitwise.prelu(inputs[0], weights["weight"]),
    "softmax": lambda op, inputs, weights: unitwise.softmax(inputs[0], axis(op.dim, inputs[0])),
    "log_softmax": lambda op, inputs, weights: unitwise.log_softmax(inputs[0], axis(op.dim, inputs[0])),
    "add": lambda op, inputs, weights: movement.add(inputs),
    "sub": lambda op, inputs, weights: movement.sub(*inputs),
    "mul": lambda op, inputs, weights: movement.mul(inputs),
    "div": lambda op, inputs, weights: movement.div(*inputs),
    "mean": lambda op, inputs, weights: movement.mean(inputs),
    "max": lambda op, inputs, weights: movement.largest(inputs),
    "min": lambda op, inputs, weights: movement.smallest(inputs),
    "concat": lambda op, inputs, weights: movement.concat(inputs, axis(op.dim, inputs[0])),
    "slice": lambda op, inputs, weights: movement.cut(inputs[0], axis(op.dim, inputs[0]), op.start, op.end, op.step),
    "split": lambda op, inputs, weights: movement.split(inputs[0], op.chunks, op.index, axis(op.dim, inputs[0])),
    "index_select": lambda op, inputs, weights: movement.index_select(inputs[0], axis(op.dim, inputs[0]), op.index),
    "channel_shuffle": lambda op, inputs, weights: movement.channel_shuffle(inputs[0], op.groups),
    "pixel_shuffle": lambda op, inputs, weights: movement.pixel_shuffle(inputs[0], op.upscale_factor, op.mode),
    "pixel_unshuffle": lambda op, inputs, weights: movement.pixel_unshuffle(inputs[0], op.downscale_factor, op.mode),
    "roll": _roll,
    "flatten": _reshaped,
    "reshape": _reshaped,
    "permute": lambda op, inputs, weights: movement.permute(inputs[0], op.dims),
    "expand": lambda op, inputs, weights: movement.expand(inputs[0], op.output((sample_shape(inputs[0]),))),
    "pad": _pad,
    "upsample": _upsample,
    "parameter": lambda op, inputs, weights: weights["weight"][None],
    "constant": _constant,
}
"""Keyword → rule, for every operator but `input`. What reads no sample is the same for all: its batch is 1."""


def _away_from_zero(x: Array) -> Array:
    return np.maximum(np.abs(x), 2.0**-10)


def _of_moderate_size(x: Array) -> Array:
    return np.minimum(x, 8)


_WITHIN: dict[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("log", "sqrt", "rsqrt", "reciprocal", "pow", "div", "lp_pool"), _away_from_zero),
    "exp": _of_moderate_size,
}
"""Keyword → what its last input becomes where only NaN may give NaN: numbers that the operator has values for."""


def total_rules() -> dict[str, Rule]:
    """The rules, with those of functions that are not defined everywhere run on numbers where they are.

    What is drawn at random does not care where a logarithm has values, and a network that gives NaN for reasons of its
    own tells nothing about what was hidden by NaN.
    """

    def within(rule: Rule, moved: Callable[[Array], Array]) -> Rule:
        return lambda op, inputs, weights: rule(op, [*inputs[:-1], moved(inputs[-1])], weights)

    return {**RULES, **{keyword: within(RULES[keyword], moved) for keyword, moved in _WITHIN.items()}}
