"""Activations and element-wise joins in Keras."""

from typing import Any

from archcalc.formats.sources.keras.layouts import Place
from archcalc.formats.sources.layout import literal
from archcalc.formats.sources.said import Said, each, made


def relu(op: Any, place: Place) -> Said:
    return made("layers.ReLU")


def relu6(op: Any, place: Place) -> Said:
    return made("layers.ReLU", ("max_value", 6.0, None))


def leaky_relu(op: Any, place: Place) -> Said:
    return made("layers.LeakyReLU", ("negative_slope", op.negative_slope, 0.3))


def prelu(op: Any, place: Place) -> Said:
    """One slope for all, or one a channel: shared along the other axes."""
    axes = range(1, 1 + len(place.output))
    shared = tuple(axis for axis in axes if op.num_parameters == 1 or axis != place.axis(1))
    return made("layers.PReLU", ("shared_axes", shared or None, None))


def activation(name: str) -> Any:
    """The rule of an activation that Keras knows by name."""

    def rule(op: Any, place: Place) -> Said:
        return made("layers.Activation", ("activation", name))

    return rule


def gelu(op: Any, place: Place) -> Said:
    return Said(f"ops.gelu({{0}}, approximate={op.approximate == 'tanh'})")


def softmax(op: Any, place: Place) -> Said:
    axis = place.axis(op.dim)
    return made("layers.Softmax", ("axis", -1 if axis == len(place.output) else axis, -1))


def log_softmax(op: Any, place: Place) -> Said:
    return Said(f"ops.log_softmax({{0}}, axis={place.axis(op.dim)})")


def threshold(op: Any, place: Place) -> Said:
    return Said(f"ops.where({{0}} > {literal(op.threshold)}, {{0}}, {literal(op.value)})")


def elu(op: Any, place: Place) -> Said:
    return made("layers.ELU", ("alpha", op.alpha, 1.0))


def celu(op: Any, place: Place) -> Said:
    return Said(f"ops.celu({{0}}, {literal(op.alpha)})")


def softplus(op: Any, place: Place) -> Said:
    """Beyond the threshold it is x itself, as in torch."""
    arguments = ("beta", op.beta, 1.0), ("threshold", op.threshold, 20.0)
    return made("scaled_softplus", *arguments)


def dropout(op: Any, place: Place) -> Said:
    return made("layers.Dropout", ("rate", op.p))


def drop_path(op: Any, place: Place) -> Said:
    """Dropout whose choice is the same for all values of a sample."""
    noise = (None, *(1 for _ in place.output))
    return made("layers.Dropout", ("rate", op.p), ("noise_shape", noise, None))


def identity(op: Any, place: Place) -> Said:
    return made("layers.Identity")


def add(op: Any, place: Place) -> Said:
    return _joined(" + ", place)


def mul(op: Any, place: Place) -> Said:
    return _joined(" * ", place)


def mean(op: Any, place: Place) -> Said:
    """With p, a class of the source that drops inputs while it is trained."""
    if len(place.inputs) == 1:
        return made("layers.Identity")
    if op.p:
        return made("DropMean", ("p", op.p), form=f"{{self}}([{', '.join(each(place.inputs))}])")
    return Said(f"({' + '.join(each(place.inputs))}) / {len(place.inputs)}")


def largest(op: Any, place: Place) -> Said:
    return in_turn("ops.maximum", place)


def in_turn(function: str, place: Place) -> Said:
    """A function of two, of more than two one after the other."""
    form, *others = each(place.inputs)
    for other in others:
        form = f"{function}({form}, {other})"
    return Said(form) if others else made("layers.Identity")


def _joined(sign: str, place: Place) -> Said:
    return Said(sign.join(each(place.inputs))) if len(place.inputs) > 1 else made("layers.Identity")


def sub(op: Any, place: Place) -> Said:
    return Said("{0} - {1}")


def div(op: Any, place: Place) -> Said:
    return Said("{0} / {1}")


def smallest(op: Any, place: Place) -> Said:
    return in_turn("ops.minimum", place)
