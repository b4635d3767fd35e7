"""Activations, softmax, and element-wise joins."""

from functools import reduce
from typing import Any

from archcalc.formats.onnx.layer import Layer, Rule
from archcalc.ops.base import axis_of


def relu(op: Any, layer: Layer) -> None:
    layer.node("Relu", layer.inputs[0])


def relu6(op: Any, layer: Layer) -> None:
    layer.node("Clip", layer.inputs[0], layer.number(0.0), layer.number(6.0))


def leaky_relu(op: Any, layer: Layer) -> None:
    layer.node("LeakyRelu", layer.inputs[0], alpha=op.negative_slope)


def prelu(op: Any, layer: Layer) -> None:
    """One slope a channel has to be laid along the channels: ONNX stretches from the last axis."""
    slope = layer.weight("weight")
    if op.num_parameters > 1:
        slope = layer.node("Reshape", slope, layer.whole(-1, *(1 for _ in range(layer.rank))))
    layer.node("PRelu", layer.inputs[0], slope)


def sigmoid(op: Any, layer: Layer) -> None:
    layer.node("Sigmoid", layer.inputs[0])


def tanh(op: Any, layer: Layer) -> None:
    layer.node("Tanh", layer.inputs[0])


def gelu(op: Any, layer: Layer) -> None:
    layer.node("Gelu", layer.inputs[0], approximate=op.approximate)


def silu(op: Any, layer: Layer) -> None:
    layer.node("Mul", layer.inputs[0], layer.node("Sigmoid", layer.inputs[0]))


def hardsigmoid(op: Any, layer: Layer) -> None:
    layer.node("HardSigmoid", layer.inputs[0], alpha=1 / 6, beta=0.5)


def hardswish(op: Any, layer: Layer) -> None:
    layer.node("HardSwish", layer.inputs[0])


def threshold(op: Any, layer: Layer) -> None:
    x = layer.inputs[0]
    above = layer.node("Greater", x, layer.number(op.threshold))
    layer.node("Where", above, x, layer.number(op.value))


def elu(op: Any, layer: Layer) -> None:
    layer.node("Elu", layer.inputs[0], alpha=op.alpha)


def selu(op: Any, layer: Layer) -> None:
    layer.node("Selu", layer.inputs[0])


def celu(op: Any, layer: Layer) -> None:
    layer.node("Celu", layer.inputs[0], alpha=op.alpha)


def softplus(op: Any, layer: Layer) -> None:
    """From 20 on the curve is its asymptote but for 2e-9: only a threshold below that is written."""
    x, scaled = layer.inputs[0], layer.inputs[0]
    if op.beta != 1:
        scaled = layer.node("Mul", x, layer.number(op.beta))
    value = layer.node("Softplus", scaled)
    if op.beta != 1:
        value = layer.node("Div", value, layer.number(op.beta))
    if op.threshold < 20:
        layer.node("Where", layer.node("Greater", scaled, layer.number(op.threshold)), x, value)


def softsign(op: Any, layer: Layer) -> None:
    layer.node("Softsign", layer.inputs[0])


def mish(op: Any, layer: Layer) -> None:
    layer.node("Mish", layer.inputs[0])


def log_softmax(op: Any, layer: Layer) -> None:
    layer.node("LogSoftmax", layer.inputs[0], axis=1 + axis_of(op.dim, len(layer.shapes[0])))


def softmax(op: Any, layer: Layer) -> None:
    layer.node("Softmax", layer.inputs[0], axis=1 + axis_of(op.dim, len(layer.shapes[0])))


def identity(op: Any, layer: Layer) -> None:
    """Dropout and drop-path too: at inference they do nothing."""
    layer.node("Identity", layer.inputs[0])


def add(op: Any, layer: Layer) -> None:
    _in_turn("Add", layer)


def mul(op: Any, layer: Layer) -> None:
    _in_turn("Mul", layer)


def sub(op: Any, layer: Layer) -> None:
    layer.node("Sub", *layer.inputs)


def div(op: Any, layer: Layer) -> None:
    layer.node("Div", *layer.inputs)


def mean(op: Any, layer: Layer) -> None:
    layer.node("Mean", *layer.inputs)


def largest(op: Any, layer: Layer) -> None:
    layer.node("Max", *layer.inputs)


def smallest(op: Any, layer: Layer) -> None:
    layer.node("Min", *layer.inputs)


def reduced(kind: str) -> Rule:
    """A reduction, along axes that count the batch."""

    def rule(op: Any, layer: Layer) -> None:
        dims = op.dims if isinstance(op.dims, tuple) else (op.dims,)
        axes = layer.whole(*(1 + axis_of(dim, len(layer.shapes[0])) for dim in dims))
        layer.node(kind, layer.inputs[0], axes, keepdims=int(op.keepdim))

    return rule


def _in_turn(kind: str, layer: Layer) -> None:
    """A node of two inputs for each input after the first."""
    if len(layer.inputs) > 1:
        reduce(lambda a, b: layer.node(kind, a, b), layer.inputs)
    else:
        layer.node("Identity", layer.inputs[0])
