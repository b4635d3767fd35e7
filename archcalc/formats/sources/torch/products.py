"""Matrix products, attention and normalisation in torch."""

from typing import Any

from archcalc.formats.sources.program import Unsayable
from archcalc.formats.sources.said import Said, alike, made
from archcalc.ops.base import Shape, Shapes, axis_of


def linear(op: Any, inputs: Shapes, output: Shape) -> Said:
    arguments = ("in_features", inputs[0][-1]), ("out_features", op.out_features), ("bias", op.bias, True)
    return made("nn.Linear", *arguments)


def matmul(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said("{0} @ {1}")


def multihead_attention(op: Any, inputs: Shapes, output: Shape) -> Said:
    query, key, value = ("{0}", "{1}", "{2}") if len(inputs) == 3 else ("{0}", "{0}", "{0}")
    return made(
        "nn.MultiheadAttention",
        ("embed_dim", op.embed_dim),
        ("num_heads", op.num_heads),
        ("bias", op.bias, True),
        ("batch_first", True, False),
        form=f"{{self}}({query}, {key}, {value}, need_weights=False)[0]",
    )


def batchnorm(op: Any, inputs: Shapes, output: Shape) -> Said:
    """By the statistics of each sample, it is normalisation of groups of one channel: torch's would be the batch's."""
    if not op.track_running_stats:
        channels = inputs[0][0]
        return _group_norm(channels, channels, op)
    axes = max(1, len(inputs[0]) - 1)
    if axes > 3:
        raise Unsayable(f"torch normalises batches of up to 3 spatial axes, not {axes}")
    arguments = ("num_features", inputs[0][0]), ("eps", op.eps, 1e-5), ("affine", op.affine, True)
    return made(f"nn.BatchNorm{axes}d", *arguments)


def groupnorm(op: Any, inputs: Shapes, output: Shape) -> Said:
    return _group_norm(op.num_groups, inputs[0][0], op)


def _group_norm(groups: int, channels: int, op: Any) -> Said:
    arguments = ("num_groups", groups), ("num_channels", channels), ("eps", op.eps, 1e-5), ("affine", op.affine, True)
    return made("nn.GroupNorm", *arguments)


def layernorm(op: Any, inputs: Shapes, output: Shape) -> Said:
    """torch normalises the last axes: an axis before them is moved there and back by a class of the source."""
    shape = inputs[0]
    affine = ("eps", op.eps, 1e-5), ("elementwise_affine", op.elementwise_affine, True), ("bias", op.bias, True)
    if op.dim is None:
        sizes = op.normalized_shape if isinstance(op.normalized_shape, tuple) else shape[-1:]
        return made("nn.LayerNorm", ("normalized_shape", sizes[0] if len(sizes) == 1 else sizes), *affine)
    along = axis_of(op.dim, len(shape))
    if along == len(shape) - 1:
        return made("nn.LayerNorm", ("normalized_shape", shape[along]), *affine)
    return made("LayerNormAlong", ("dim", 1 + along), ("normalized_shape", shape[along]), *affine)


def lrn(op: Any, inputs: Shapes, output: Shape) -> Said:
    arguments = ("size", op.size), ("alpha", op.alpha, 1e-4), ("beta", op.beta, 0.75), ("k", op.k, 1.0)
    return made("nn.LocalResponseNorm", *arguments)


def layer_scale(op: Any, inputs: Shapes, output: Shape) -> Said:
    along = axis_of(op.dim, len(inputs[0]))
    behind = len(inputs[0]) - 1 - along
    return made("LayerScale", ("channels", inputs[0][along]), ("behind", alike(behind), 0))


def scaled_dot_product_attention(op: Any, inputs: Shapes, output: Shape) -> Said:
    options = ["attn_mask={3}"] if len(inputs) == 4 else []
    options += ["is_causal=True"] if op.is_causal else []
    options += [f"scale={op.scale!r}"] if op.scale is not None else []
    return Said(f"F.scaled_dot_product_attention({', '.join(['{0}', '{1}', '{2}', *options])})")


def rms_norm(op: Any, inputs: Shapes, output: Shape) -> Said:
    """torch normalises the last axes: an axis before them is moved there and back by a class of the source."""
    shape = inputs[0]
    options = ("eps", op.eps, None), ("elementwise_affine", op.elementwise_affine, True)
    along = len(shape) - 1 if op.dim is None else axis_of(op.dim, len(shape))
    if along < len(shape) - 1:
        return made("RMSNormAlong", ("dim", 1 + along), ("normalized_shape", shape[along]), *options)
    sizes = op.normalized_shape if isinstance(op.normalized_shape, tuple) else shape[-1:]
    return made("nn.RMSNorm", ("normalized_shape", sizes[0] if len(sizes) == 1 else sizes), *options)


def instance_norm(op: Any, inputs: Shapes, output: Shape) -> Said:
    arguments = ("num_features", inputs[0][0]), ("eps", op.eps, 1e-5), ("affine", op.affine, False)
    return made(f"nn.InstanceNorm{len(output) - 1}d", *arguments)
