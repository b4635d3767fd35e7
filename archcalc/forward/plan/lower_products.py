"""Convolutions, linear layers and attention: what is folded into their weights, and which algorithm computes them."""

from functools import partial

import numpy as np

from archcalc.forward.plan import steps
from archcalc.forward.plan.attend import Heads, attend, attend_apart
from archcalc.forward.plan.choose import Algorithm, choose
from archcalc.forward.plan.convolve import Convolution, bind_convolution, prepare
from archcalc.forward.plan.fuse import LIMITING, Chain, curve_of
from archcalc.forward.plan.geometry import Geometry, geometry_of, two
from archcalc.forward.plan.lowering import Lowering, turned
from archcalc.forward.plan.product import pack
from archcalc.forward.plan.tiles import FREE, Array, Curve, Epilogue, Limits
from archcalc.forward.plan.values import IDLE, Affine, Value, limits_before

ONE_TO_ONE = Geometry((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0)))


def statistics(low: Lowering, position: int) -> tuple[Array, Array]:
    """A batch norm as scale and offset: gamma/√(var + eps), beta − mean·scale."""
    stored = {name: array.astype(np.float64) for name, array in low.stored(position).items()}
    scale = stored.get("weight", 1.0) / np.sqrt(stored["running_var"] + low.op(position).eps)
    return scale, stored.get("bias", 0.0) - stored["running_mean"] * scale


def activation(low: Lowering, chain: Chain, affine: Affine, channels: int) -> tuple[Limits, Curve | None]:
    """The activation of a chain, on numbers to which `affine` is left."""
    if chain.activation is None:
        return FREE, None
    op = low.op(chain.activation)
    if op.keyword in LIMITING:
        return limits_before(affine, *LIMITING[op.keyword], low.dtype, channels), None
    return FREE, curve_of(op)


def conv(low: Lowering, position: int) -> None:
    """A convolution with all that can be computed with it."""
    if not low.on_maps(position):
        low.by_rule(position)
        return
    op, chain, producer = low.op(position), low.chain(position), low.inputs(position)[0]
    source = low.channels_last(producer)
    residual = None if chain.residual is None else _residual(low, chain.residual)
    kernel, own = _folded(low, chain)
    kernel, bias, beyond = _taken_in(source.affine, kernel, own, op.groups)
    if residual is not None and residual.affine.offset is not None:
        bias = bias + residual.affine.offset
    left = _left(low, chain, bias, own)
    limits, curve = activation(low, chain, left, op.out_channels)
    now, later = (FREE, limits) if low.limits_wait(chain.last) else (limits, FREE)
    added = bias.astype(low.dtype) if left.idle and np.any(bias) else None
    geometry = geometry_of(op, low.network.shapes[producer])
    algorithm = _algorithm(low, position, geometry, kernel.shape)
    packed = prepare(algorithm, geometry, kernel, low.dtype, low.fewest_rows)
    convolution = Convolution(algorithm, geometry, packed, Epilogue(added, now, curve), beyond)
    target = low.target(chain.last)
    reads = (source,) if residual is None else (source, residual)
    bind = partial(bind_convolution, convolution, source, residual, target)
    low.add_step(chain.nodes, algorithm, reads, target.left(left, later), bind)


def _algorithm(low: Lowering, position: int, geometry: Geometry, kernel: tuple[int, ...]) -> Algorithm:
    """By cost, unless it is forced or to be measured."""
    source, target = low.shape(low.inputs(position)[0]), low.shape(position)
    if low.tuner is not None and low.options.algorithm is None:
        return low.tuner.fastest(geometry, kernel, *((*size[:2], *two(size[2:])) for size in (source, target)))
    return choose(geometry, kernel, target, low.options.threads, low.options.algorithm)


def _residual(low: Lowering, position: int) -> Value:
    """What is added to a convolution: an offset may stay, it is added to the bias."""
    value = low.channels_last(position)
    return value if value.affine.scale is None and value.limits.idle else low.plain(position)


def _folded(low: Lowering, chain: Chain) -> tuple[Array, Array]:
    """Kernel (filters, channels of a group, height, width) and bias in float64, batch norms folded into them."""
    stored = low.stored(chain.first)
    kernel = stored["weight"].astype(np.float64)
    bias = stored["bias"].astype(np.float64) if "bias" in stored else np.zeros(len(kernel))
    for norm in chain.norms:
        scale, offset = statistics(low, norm)
        kernel, bias = kernel * scale.reshape(-1, *(1,) * (kernel.ndim - 1)), bias * scale + offset
    return (kernel[:, :, None] if kernel.ndim == 3 else kernel), bias


def _taken_in(affine: Affine, kernel: Array, bias: Array, groups: int) -> tuple[Array, Array, Array | None]:
    """A kernel that reads numbers in place of values, its bias, and the number that stands for the value 0."""
    if affine.idle:
        return kernel, bias, None
    filters, per_group = kernel.shape[:2]
    channels = per_group * groups
    scale = np.ones(channels) if affine.scale is None else affine.scale
    offset = np.zeros(channels) if affine.offset is None else affine.offset
    # The channels that each filter reads, those of its group.
    mine = np.repeat(np.arange(channels).reshape(groups, per_group), filters // groups, axis=0)
    bias = bias + np.einsum("fcij,fc->f", kernel, offset[mine])
    return kernel * scale[mine][:, :, None, None], bias, -offset / scale


def _left(low: Lowering, chain: Chain, bias: Array, own: Array) -> Affine:
    """The bias as an offset left to the readers, where they take it, the activation lets it pass and it stays small."""
    offset = Affine(None, bias)
    bends = chain.activation is not None and low.op(chain.activation).keyword not in LIMITING
    return offset if low.leaves[chain.last] and not bends and np.any(bias) and offset.near(own) else IDLE


def linear(low: Lowering, position: int) -> None:
    """On one row of features a sample, weights are read as they are stored; on tokens it is a 1×1 convolution."""
    chain, producer, stored = low.chain(position), low.inputs(position)[0], low.stored(position)
    features = low.network.shapes[position][-1]
    if len(low.network.shapes[position]) == 1:
        source, target = low.plain(producer), low.target(chain.last)
        limits, curve = activation(low, chain, IDLE, features)
        residual = None if chain.residual is None else low.plain(chain.residual)
        epilogue = Epilogue(stored.get("bias"), limits, curve)
        reads = (source,) if residual is None else (source, residual)
        bind = partial(steps.flat_linear, source, residual, target, stored["weight"], epilogue)
        low.add_step(chain.nodes, "direct", reads, target, bind)
        return
    if not low.on_maps(position):
        low.by_rule(position)
        return
    source, target = low.rows_of_features(producer), low.target(chain.last, features=True)
    rest = None if chain.residual is None else low.rows_of_features(chain.residual)
    limits, curve = activation(low, chain, IDLE, features)
    convolution = on_rows(low, stored["weight"], Epilogue(stored.get("bias"), limits, curve))
    reads = (source,) if rest is None else (source, rest)
    bind = partial(bind_convolution, convolution, source, rest, turned(target))
    low.add_step(chain.nodes, "direct", reads, target, bind)


def on_rows(low: Lowering, weight: Array, epilogue: Epilogue) -> Convolution:
    """A linear layer on rows of features, `weight` being out × in: a 1×1 convolution."""
    return Convolution("direct", ONE_TO_ONE, pack(weight.T[None], low.fewest_rows), epilogue, None)


def attention(low: Lowering, position: int) -> None:
    """Self-attention on tokens; other forms by the reference kernel."""
    op, producers = low.op(position), low.inputs(position)
    if len(producers) != 1 or not low.on_maps(position):
        low.by_rule(position)
        return
    stored, source, target = low.stored(position), low.rows_of_features(producers[0]), low.target(position, True)
    samples, tokens, features = low.shape(position)
    projected = low.fresh((samples, tokens, 3 * features), features=True)
    mixed = low.fresh((samples, tokens, features), features=True)
    inner = on_rows(low, stored["in_proj_weight"], Epilogue(stored.get("in_proj_bias")))
    outer = on_rows(low, stored["out_proj.weight"], Epilogue(stored.get("out_proj.bias")))
    heads = Heads(op.num_heads, features // op.num_heads)
    own = (position,)
    low.add_step(own, "direct", (source,), projected, partial(bind_convolution, inner, source, None, turned(projected)))
    low.add_step(own, "attention", (projected,), mixed, partial(attend, heads, projected, mixed))
    back = turned(mixed)
    low.add_step(own, "direct", (mixed,), target, partial(bind_convolution, outer, back, None, turned(target)))


def scaled_dot_product_attention(low: Lowering, position: int) -> None:
    """Head by head: scores of all of them at once can be many times as large as what goes in."""
    op, sources = low.op(position), tuple(map(low.plain, low.inputs(position)))
    target = low.target(position, features=True)
    scale = low.network.inputs(low.network.nodes[position])[0][-1] ** -0.5 if op.scale is None else op.scale
    bind = partial(attend_apart, sources, target, scale, op.is_causal)
    low.add_step((position,), "attention", sources, target, bind)
