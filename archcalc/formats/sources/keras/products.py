"""Matrix products, attention and normalisation in Keras."""

from typing import Any

from archcalc.formats.sources.keras.layouts import Place
from archcalc.formats.sources.said import CALLED, Said, each, made
from archcalc.ops.base import Shapes, axis_of


def linear(op: Any, place: Place) -> Said:
    return made("layers.Dense", ("units", op.out_features), ("use_bias", op.bias, True))


def matmul(op: Any, place: Place) -> Said:
    return Said("ops.matmul({0}, {1})")


def multihead_attention(op: Any, place: Place) -> Said:
    arguments = ("num_heads", op.num_heads), ("key_dim", op.embed_dim // op.num_heads), ("use_bias", op.bias, True)
    form = "{self}({0}, {2}, key={1})" if len(place.inputs) == 3 else "{self}({0}, {0})"
    return made("layers.MultiHeadAttention", *arguments, form=form)


def batchnorm(op: Any, place: Place) -> Said:
    """By the statistics of each sample, it is normalisation of groups of one channel."""
    if not op.track_running_stats:
        return _group_norm(place.inputs[0][0], op, place)
    return made(
        "layers.BatchNormalization",
        ("axis", _channels(place), -1),
        ("epsilon", op.eps, 1e-3),
        ("center", op.affine, True),
        ("scale", op.affine, True),
    )


def groupnorm(op: Any, place: Place) -> Said:
    return _group_norm(op.num_groups, op, place)


def _group_norm(groups: int, op: Any, place: Place) -> Said:
    return made(
        "layers.GroupNormalization",
        ("groups", groups),
        ("axis", _channels(place), -1),
        ("epsilon", op.eps, 1e-3),
        ("center", op.affine, True),
        ("scale", op.affine, True),
    )


def _channels(place: Place) -> int:
    """The axis of the channels, −1 where they are the last."""
    return -1 if place.last or len(place.output) == 1 else 1


def wants_of_layernorm(op: Any, inputs: Shapes) -> Any:
    return "ours" if op.dim is None else "any"


def layernorm(op: Any, place: Place) -> Said:
    """Of backends not all normalise an axis that is not the last: it is moved there and back."""
    form = CALLED
    count = len(op.normalized_shape) if isinstance(op.normalized_shape, tuple) else 1
    if op.dim is not None and place.axis(op.dim) < len(place.output):
        axis = place.axis(op.dim)
        form = f"ops.moveaxis({{self}}(ops.moveaxis({{0}}, {axis}, -1)), -1, {axis})"
    return made(
        "layers.LayerNormalization",
        ("axis", -1 if count == 1 else tuple(range(-count, 0)), -1),
        ("epsilon", op.eps, 1e-3),
        ("center", op.elementwise_affine and op.bias, True),
        ("scale", op.elementwise_affine, True),
        form=form,
    )


def lrn(op: Any, place: Place) -> Said:
    arguments = ("size", op.size), ("alpha", op.alpha, 1e-4), ("beta", op.beta, 0.75), ("k", op.k, 1.0)
    return made("local_response_norm", *arguments)


def layer_scale(op: Any, place: Place) -> Said:
    behind = len(place.output) - place.axis(op.dim)
    return made("LayerScale", ("channels", place.inputs[0][axis_of(op.dim, len(place.output))]), ("behind", behind, 0))


def scaled_dot_product_attention(op: Any, place: Place) -> Said:
    scale = place.inputs[0][-1] ** -0.5 if op.scale is None else op.scale
    form = f"{{self}}({', '.join(each(place.inputs))})"
    return made("scaled_attention", ("scale", scale, None), ("causal", op.is_causal, False), form=form)


def rms_norm(op: Any, place: Place) -> Said:
    """The class of the source: Keras's own has no epsilon of the machine, and always weights."""
    shape, rank = place.inputs[0], len(place.output)
    if op.dim is None:
        count = len(op.normalized_shape) if isinstance(op.normalized_shape, tuple) else 1
        axes, sizes = tuple(range(-count, 0)), shape[-count:]
    else:
        axes, sizes = (place.axis(op.dim) - rank - 1,), (shape[axis_of(op.dim, rank)],)
    options = ("epsilon", op.eps, None), ("scale", op.elementwise_affine, True)
    return made("RMSNorm", ("axes", axes), ("sizes", sizes), *options)


def instance_norm(op: Any, place: Place) -> Said:
    return _group_norm(place.inputs[0][0], op, place)
