"""Activations and element-wise joins in torch."""

from typing import Any

from archcalc.formats.sources.said import Said, each, made
from archcalc.ops.base import Shape, Shapes, axis_of


def relu(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.ReLU")


def relu6(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.ReLU6")


def leaky_relu(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.LeakyReLU", ("negative_slope", op.negative_slope, 0.01))


def prelu(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.PReLU", ("num_parameters", op.num_parameters, 1))


def sigmoid(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Sigmoid")


def tanh(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Tanh")


def gelu(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.GELU", ("approximate", op.approximate, "none"))


def silu(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.SiLU")


def hardsigmoid(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Hardsigmoid")


def hardswish(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Hardswish")


def softmax(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Softmax", ("dim", 1 + axis_of(op.dim, len(output)), None))


def log_softmax(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.LogSoftmax", ("dim", 1 + axis_of(op.dim, len(output)), None))


def threshold(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Threshold", ("threshold", op.threshold), ("value", op.value))


def elu(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.ELU", ("alpha", op.alpha, 1.0))


def selu(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.SELU")


def celu(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.CELU", ("alpha", op.alpha, 1.0))


def softplus(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Softplus", ("beta", op.beta, 1.0), ("threshold", op.threshold, 20.0))


def softsign(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Softsign")


def mish(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Mish")


def dropout(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Dropout", ("p", op.p, 0.5))


def drop_path(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("DropPath", ("p", op.p, 0.0))


def identity(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Identity")


def add(op: Any, inputs: Shapes, output: Shape) -> Said:
    return _joined(" + ", inputs)


def mul(op: Any, inputs: Shapes, output: Shape) -> Said:
    return _joined(" * ", inputs)


def mean(op: Any, inputs: Shapes, output: Shape) -> Said:
    """With p, a class of the source that drops inputs while it is trained."""
    if op.p and len(inputs) > 1:
        return made("DropMean", ("p", op.p), form=f"{{self}}({', '.join(each(inputs))})")
    return Said(f"({' + '.join(each(inputs))}) / {len(inputs)}") if len(inputs) > 1 else made("nn.Identity")


def largest(op: Any, inputs: Shapes, output: Shape) -> Said:
    return in_turn("torch.maximum", inputs)


def in_turn(function: str, inputs: Shapes) -> Said:
    """A function of two, of more than two one after the other."""
    form, *others = each(inputs)
    for other in others:
        form = f"{function}({form}, {other})"
    return Said(form) if others else made("nn.Identity")


def _joined(sign: str, inputs: Shapes) -> Said:
    return Said(sign.join(each(inputs))) if len(inputs) > 1 else made("nn.Identity")


def sub(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said("{0} - {1}")


def div(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said("{0} / {1}")


def smallest(op: Any, inputs: Shapes, output: Shape) -> Said:
    return in_turn("torch.minimum", inputs)
