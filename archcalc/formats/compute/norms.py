"""Normalisation."""

from collections.abc import Callable

import numpy as np

from archcalc.errors import Problem, UsageError
from archcalc.formats.compute.call import Call, axis_of
from archcalc.forward.kernels import Array, norm


def batchnorm(call: Call, x: Array, scale: Array, shift: Array, mean: Array, var: Array) -> tuple[Array, ...]:
    """By running statistics, or in training by those of the batch, which then update the running ones.

    Training is asked for by `training_mode` since opset 14, and before by asking for the further outputs: the running
    statistics, and then the batch's own.
    """
    eps, keep = call.get("epsilon", 1e-5), call.get("momentum", 0.9)
    if not call.get("spatial", 1):
        raise UsageError(Problem("BatchNormalization of each unit (spatial 0) is not computed"))
    if not (call.get("training_mode", 0) if call.opset >= 14 else call.outputs > 1):
        return (norm.batchnorm(x, mean, var, scale, shift, eps).astype(x.dtype, copy=False),)
    axes = (0, *range(2, x.ndim))
    own_mean, own_var = x.mean(axes), x.var(axes)
    running = [(keep * old + (1 - keep) * new).astype(old.dtype) for old, new in ((mean, own_mean), (var, own_var))]
    y = norm.batchnorm(x, own_mean, own_var, scale, shift, eps).astype(x.dtype, copy=False)
    return (y, *running) if call.opset >= 14 else (y, *running, own_mean, own_var)


def instance_norm(call: Call, x: Array, scale: Array, shift: Array) -> Array:
    """Each channel of each sample by its own statistics."""
    return norm.instance_norm(x, scale, shift, call.get("epsilon", 1e-5))


def layernorm(call: Call, x: Array, scale: Array, shift: Array | None = None) -> tuple[Array, ...]:
    """Over the axes from `axis` on; further outputs are the means and 1/√(variance + eps).

    Statistics are those of float32 at least, whatever the type.
    """
    axis, eps = axis_of(call.get("axis", -1), x.ndim), call.get("epsilon", 1e-5)
    axes = tuple(range(axis, x.ndim))
    wide = x.astype(np.promote_types(x.dtype, np.float32), copy=False)
    gamma, beta = (None if w is None else np.broadcast_to(w, x.shape[axis:]) for w in (scale, shift))
    y = norm.layernorm(wide, axes, gamma, beta, eps).astype(x.dtype, copy=False)
    if call.outputs < 2:
        return (y,)
    return y, wide.mean(axes, keepdims=True), 1 / np.sqrt(wide.var(axes, keepdims=True) + eps)


def groupnorm(call: Call, x: Array, scale: Array, shift: Array) -> Array:
    """Each group of channels by its own statistics; a factor for each group before opset 21, then for each channel."""
    groups = call.need("num_groups")
    if groups < 1 or x.shape[1] % groups:
        raise UsageError(Problem(f"GroupNormalization of {x.shape[1]} channels in {groups} groups"))
    if call.opset < 21:
        scale, shift = (w.repeat(x.shape[1] // groups) for w in (scale, shift))
    return norm.groupnorm(x, groups, scale, shift, call.get("epsilon", 1e-5))


def lrn(call: Call, x: Array) -> Array:
    """x/(bias + alpha/size·Σ x²)^beta over neighbouring channels; an even window has one more behind its channel."""
    size = call.need("size")
    if size < 1:
        raise UsageError(Problem(f"LRN over {size} channels"))
    call.room((len(x), x.shape[1] + size - 1, *x.shape[2:]), x.dtype)
    alpha, beta, k = (call.get(name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    return norm.lrn(x, size, alpha, beta, k, (size - 1) // 2)


OPERATORS: dict[str, Callable[..., Array | tuple[Array, ...]]] = {
    "BatchNormalization": batchnorm,
    "GroupNormalization": groupnorm,
    "InstanceNormalization": instance_norm,
    "LRN": lrn,
    "LayerNormalization": layernorm,
}
