"""Normalisation, and learned factors per channel."""

from typing import Any

import numpy as np

from archcalc.formats.onnx.layer import Layer
from archcalc.numbers import product
from archcalc.ops.base import axis_of


def batchnorm(op: Any, layer: Layer) -> None:
    if not op.track_running_stats:
        _by_its_own_statistics(op, layer)
        return
    affine = _affine(layer, layer.shapes[0][:1], op.affine, op.affine)
    running = (layer.weight("running_mean"), layer.weight("running_var"))
    layer.node("BatchNormalization", layer.inputs[0], *affine, *running, epsilon=op.eps)


def _by_its_own_statistics(op: Any, layer: Layer) -> None:
    """Each channel of each sample by its mean and variance; InstanceNormalization wants spatial axes."""
    axes = layer.whole(*range(2, 2 + layer.rank))

    def mean(value: str) -> str:
        return layer.node("ReduceMean", value, axes, noop_with_empty_axes=1)

    apart = layer.node("Sub", layer.inputs[0], mean(layer.inputs[0]))
    variance = mean(layer.node("Mul", apart, apart))
    deviation = layer.node("Sqrt", layer.node("Add", variance, layer.number(op.eps)))
    value = layer.node("Div", apart, deviation)
    if op.affine:
        gamma, beta = (_along(layer, layer.weight(name), 0) for name in ("weight", "bias"))
        layer.node("Add", layer.node("Mul", value, gamma), beta)


def layernorm(op: Any, layer: Layer) -> None:
    """ONNX normalises the last axes; an axis before them is put there and back."""
    shape = layer.shapes[0]
    if op.dim is None:
        sizes = op.normalized_shape if isinstance(op.normalized_shape, tuple) else shape[-1:]
        affine = _affine(layer, sizes, op.elementwise_affine, op.bias)
        layer.node("LayerNormalization", layer.inputs[0], *affine, axis=-len(sizes), epsilon=op.eps)
        return
    along = axis_of(op.dim, len(shape))
    affine = _affine(layer, shape[along : along + 1], op.elementwise_affine, op.bias)
    order = [axis for axis in range(1 + len(shape)) if axis != 1 + along]
    last = layer.node("Transpose", layer.inputs[0], perm=(*order, 1 + along))
    value = layer.node("LayerNormalization", last, *affine, axis=-1, epsilon=op.eps)
    layer.node("Transpose", value, perm=[int(axis) for axis in np.argsort((*order, 1 + along))])


def rms_norm(op: Any, layer: Layer) -> None:
    """Written out: a node of its own came with opset 23."""
    shape, x = layer.shapes[0], layer.inputs[0]
    count = len(op.normalized_shape) if isinstance(op.normalized_shape, tuple) else 1
    axes = range(len(shape) - count, len(shape)) if op.dim is None else (axis_of(op.dim, len(shape)),)
    mean = layer.node("ReduceMean", layer.node("Mul", x, x), layer.whole(*(1 + axis for axis in axes)))
    eps = layer.number(layer.epsilon if op.eps is None else op.eps)
    value = layer.node("Div", x, layer.node("Sqrt", layer.node("Add", mean, eps)))
    if op.elementwise_affine:
        gamma = layer.weight("weight") if op.dim is None else _along(layer, layer.weight("weight"), axes[0])
        layer.node("Mul", value, gamma)


def instance_norm(op: Any, layer: Layer) -> None:
    affine = _affine(layer, layer.shapes[0][:1], op.affine, op.affine)
    layer.node("InstanceNormalization", layer.inputs[0], *affine, epsilon=op.eps)


def groupnorm(op: Any, layer: Layer) -> None:
    affine = _affine(layer, layer.shapes[0][:1], op.affine, op.affine)
    layer.node("GroupNormalization", layer.inputs[0], *affine, num_groups=op.num_groups, epsilon=op.eps)


def lrn(op: Any, layer: Layer) -> None:
    """ONNX's window of an even size begins one channel later than torch's: there the sum is a mean over channels."""
    x = layer.inputs[0]
    if op.size % 2:
        layer.node("LRN", x, size=op.size, alpha=op.alpha, beta=op.beta, bias=op.k)
        return
    channels, positions = layer.shapes[0][0], product(layer.shapes[0][1:])
    squares = layer.reshaped(layer.node("Mul", x, x), 1, channels, positions)
    pads = layer.whole(0, 0, op.size // 2, 0, 0, 0, (op.size - 1) // 2, 0)
    means = layer.node("AveragePool", layer.node("Pad", squares, pads), kernel_shape=(op.size, 1))
    shaped = layer.reshaped(means, *layer.shapes[0])
    scale = layer.node("Add", layer.node("Mul", shaped, layer.number(op.alpha)), layer.number(op.k))
    layer.node("Div", x, layer.node("Pow", scale, layer.number(op.beta)))


def layer_scale(op: Any, layer: Layer) -> None:
    along = axis_of(op.dim, len(layer.shapes[0]))
    layer.node("Mul", layer.inputs[0], _along(layer, layer.weight("gamma"), along))


def _affine(layer: Layer, sizes: tuple[int, ...], scaled: bool, shifted: bool) -> tuple[str, ...]:
    """Gamma and beta, which ONNX wants even where there are none."""
    gamma = layer.weight("weight") if scaled else layer.number(np.ones(sizes))
    beta = layer.weight("bias") if scaled and shifted else layer.number(np.zeros(sizes))
    return gamma, beta


def _along(layer: Layer, vector: str, axis: int) -> str:
    """A vector laid along one axis of the input, so that it is stretched over those behind."""
    behind = len(layer.shapes[0]) - 1 - axis
    return layer.node("Reshape", vector, layer.whole(-1, *(1 for _ in range(behind)))) if behind else vector
