"""Network → steps: what each operator becomes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.forward.plan import steps
from archcalc.forward.plan.fuse import CURVES, LIMITING, PASSING, curve_of
from archcalc.forward.plan.geometry import covering, pooling_of, two
from archcalc.forward.plan.lower_products import attention, conv, linear, scaled_dot_product_attention, statistics
from archcalc.forward.plan.lowering import Lowering, Options, channels_of, turned
from archcalc.forward.plan.pool import window_counts
from archcalc.forward.plan.steps import Step
from archcalc.forward.plan.tiles import FREE, Array, Limits
from archcalc.forward.plan.values import IDLE, Affine, Storage, Value, limits_before, limits_side_by_side, side_by_side
from archcalc.infer import InferredGraph
from archcalc.ops.base import axis_of


class Lowered(Struct, frozen=True):
    """Steps in order, the storages they use, where samples go, and the values of the nodes that are asked for."""

    steps: tuple[Step, ...]
    storages: tuple[Storage, ...]
    inputs: tuple[Value, ...]
    values: dict[int, Value]


def lower(network: InferredGraph, weights: Mapping[str, Array], options: Options) -> Lowered:
    """The steps of a network; the outputs of the nodes that are kept, and its own, are there at the end."""
    low = Lowering(network, weights, options)
    for position in range(len(network.nodes)):
        if position not in low.values:
            LOWERED.get(low.op(position).keyword, Lowering.by_rule)(low, position)
    inputs = tuple(low.values[i] for i, node in enumerate(network.nodes) if node.op.keyword == "input")
    return Lowered(
        tuple(low.steps), tuple(low.storages), inputs, {position: low.values[position] for position in low.kept}
    )


def _input(low: Lowering, position: int) -> None:
    """Where samples are copied to."""
    low.values[position] = low.target(position)


def _parameter(low: Lowering, position: int) -> None:
    """A learned array."""
    _stored(low, position, low.stored(position)["weight"])


def _constant(low: Lowering, position: int) -> None:
    """Stored values, or an array full of one number."""
    op = low.op(position)
    array = low.stored(position)["value"] if op.value is None else np.full(op.shape, op.value, low.dtype)
    _stored(low, position, array)


def _stored(low: Lowering, position: int, array: Array) -> None:
    """What no step makes, the same for all samples."""
    low.storages.append(Storage(array.shape, array))
    low.values[position] = Value(len(low.storages) - 1, (partial(_for_each, low.batch),))


def _pass_on(low: Lowering, position: int) -> None:
    """Nothing is computed: the output is the input."""
    producer = low.inputs(position)[0]
    low.values[position] = low.values[producer] if low.leaves[position] else low.plain(producer)


def _rearrange(low: Lowering, position: int) -> None:
    """The same numbers in another order or shape: a view where memory allows it, a copy otherwise."""
    source, op, shape = low.plain(low.inputs(position)[0]), low.op(position), low.shape(position)
    value = source.then(partial(VIEWS[op.keyword], op, shape))
    memory = np.empty(low.storages[source.storage].shape, low.dtype)
    if np.may_share_memory(value.through(memory), memory):
        low.values[position] = value
        return
    target = low.fresh(shape, features=True)
    low.add_step((position,), "copy", (source,), target, partial(steps.dealt_out, source, target))


def _concat(low: Lowering, position: int) -> None:
    """Inputs that were not written into their place are copied there."""
    rank = len(low.network.shapes[position])
    if rank != 3 or axis_of(low.op(position).dim, rank):
        low.by_rule(position)
        return
    root, begin, parts, limits = low.target(position), 0, list[tuple[Affine, int]](), list[tuple[Limits, int]]()
    for producer in low.inputs(position):
        count, value = low.network.shapes[producer][0], low.values[producer]
        place = low.places.get(producer)
        there = place is not None and (place.whole, place.begin) == (position, begin)
        stays = value.limits.idle or low.leaves_limits[position]
        if not there or not stays or value.views != low.target(producer).views:
            value = low.copied(position, value, root.then(partial(channels_of, slice(begin, begin + count))))
        parts.append((value.affine, count))
        limits.append((value.limits, count))
        begin += count
    low.values[position] = root.left(side_by_side(parts), limits_side_by_side(limits, low.dtype))


def _batchnorm(low: Lowering, position: int) -> None:
    """Scale and offset of each channel, left to whoever reads them where that is possible."""
    value = low.values[low.inputs(position)[0]]
    if not low.op(position).track_running_stats or not low.on_maps(position):
        low.by_rule(position)
        return
    scale, offset = statistics(low, position)
    affine = value.affine.then(scale, offset)
    if low.leaves[position] and affine.gentle and affine.near(offset) and value.limits.idle:
        low.values[position] = value.left(affine)
    else:
        low.mapped(position, value, affine, FREE)


def _limit(low: Lowering, position: int) -> None:
    """ReLU and its like: limits on numbers, put on by a convolution that reads nothing else, or at once."""
    value, channels = low.values[low.inputs(position)[0]], low.network.shapes[position][0]
    bounds = LIMITING[low.op(position).keyword]
    if not value.limits.idle or not low.on_maps(position):
        low.by_rule(position)
        return
    if not low.leaves[position]:
        features = value.affine.idle and low.features_last(value)
        after = limits_before(IDLE, *bounds, low.dtype, low.network.shapes[position][-1] if features else channels)
        low.mapped(position, value, value.affine, after, None, features)
        return
    limits, readers = limits_before(value.affine, *bounds, low.dtype, channels), low.consumers[position]
    if len(readers) == 1 and low.op(readers[0]).keyword == "conv":
        low.values[position] = value.left(value.affine, limits)
        return
    target = low.target(position)
    bind = partial(steps.mapped, value.left(IDLE, limits), target, IDLE, FREE, None)
    low.add_step((position,), "elementwise", (value,), target.left(value.affine), bind)


def _bend(low: Lowering, position: int) -> None:
    """Other activations."""
    if not low.on_maps(position):
        low.by_rule(position)
        return
    value = low.plain(low.inputs(position)[0])
    low.mapped(position, value, IDLE, FREE, curve_of(low.op(position)), low.features_last(value))


def _layer_scale(low: Lowering, position: int) -> None:
    """A factor for each feature of tokens, or each channel of a map."""
    op, value, rank = low.op(position), low.plain(low.inputs(position)[0]), len(low.network.shapes[position])
    features = low.features_last(value)
    if not low.on_maps(position) or axis_of(op.dim, rank) != (rank - 1 if features else 0):
        low.by_rule(position)
        return
    gamma = low.stored(position)["gamma"].astype(np.float64)
    low.mapped(position, value, Affine(gamma, np.zeros(len(gamma))), FREE, None, features)


def _layernorm(low: Lowering, position: int) -> None:
    """Over the axis that is last in memory, be it features or channels."""
    op, value, rank = low.op(position), low.plain(low.inputs(position)[0]), len(low.network.shapes[position])
    features = low.features_last(value)
    reads = op.windows((low.network.shapes[position],), low.network.shapes[position])[0]
    whole = [axis for axis, window in enumerate(reads) if window is None]
    if not low.on_maps(position) or whole != [rank - 1 if features else 0]:
        low.by_rule(position)
        return
    target = low.target(position, features)
    read, write = (turned(value), turned(target)) if features else (value, target)
    stored = low.stored(position)
    bind = partial(steps.standardised, read, write, op.eps, stored.get("weight"), stored.get("bias"))
    low.add_step((position,), "elementwise", (value,), target, bind)


def _join(low: Lowering, position: int) -> None:
    """Maps joined value by value."""
    if not low.on_maps(position):
        low.by_rule(position)
        return
    keyword, reads = low.op(position).keyword, list[Value]()
    offset = IDLE
    for producer in low.inputs(position):
        value = low.values[producer]
        left = keyword == "add" and low.leaves[position] and value.affine.scale is None and value.limits.idle
        if not left:
            value = low.plain(producer)
        if value.affine.offset is not None:
            offset = offset.then(np.ones(len(value.affine.offset)), value.affine.offset)
        reads.append(value)
    features = all(low.features_last(value) for value in reads)
    target = low.target(position, features)
    sources, write = (tuple(map(turned, reads)), turned(target)) if features else (tuple(reads), target)
    factor = 1 / len(reads) if keyword == "mean" else 1.0
    bind = partial(steps.joined, JOINS[keyword], sources, write, factor)
    low.add_step((position,), "elementwise", tuple(reads), target.left(Affine(None, offset.offset)), bind)


def _pool(low: Lowering, position: int) -> None:
    """Max and average pooling; adaptive pooling where all its bins are alike."""
    op, producer = low.op(position), low.inputs(position)[0]
    shape = low.network.shapes[producer]
    geometry = pooling_of(op, shape) if low.on_maps(producer) else None
    if geometry is None:
        low.by_rule(position)
        return
    source = _for_pooling(low, position)
    sizes, output = two(shape[1:]), two(low.network.shapes[position][1:])
    counts = None
    if "max" not in op.keyword:
        counts = window_counts(sizes, output, geometry, getattr(op, "count_include_pad", False), low.dtype)
    target = low.target(position)
    bind = partial(steps.pooled, source, target, covering(geometry, sizes, output), counts)
    low.add_step((position,), "separable", (source,), target.left(source.affine, source.limits), bind)


def _for_pooling(low: Lowering, position: int) -> Value:
    """What a pooling reads: an offset may stay, a maximum and a mean do not care for it, nor a maximum for limits."""
    producer = low.inputs(position)[0]
    source = low.values[producer]
    limits_stay = source.limits.idle or (low.op(position).keyword == "maxpool" and low.leaves_limits[position])
    stays = low.leaves[position] and source.affine.scale is None and limits_stay
    return source if stays else low.plain(producer)


def _pool_all(low: Lowering, position: int) -> None:
    """Global pooling."""
    if not low.on_maps(low.inputs(position)[0]):
        low.by_rule(position)
        return
    source, target = _for_pooling(low, position), low.target(position)
    mean = low.op(position).keyword == "global_avgpool"
    bind = partial(steps.over_all, np.add if mean else np.maximum, mean, source, target)
    low.add_step((position,), "reduction", (source,), target.left(source.affine), bind)


def _reduce(low: Lowering, position: int) -> None:
    """A reduction of the whole map, channel by channel, is a global pooling."""
    op, producer = low.op(position), low.inputs(position)[0]
    shape = low.network.shapes[producer]
    dims = op.dims if isinstance(op.dims, tuple) else (op.dims,)
    if not low.on_maps(producer) or sorted(axis_of(dim, len(shape)) for dim in dims) != list(range(1, len(shape))):
        low.by_rule(position)
        return
    source, target = low.plain(producer), low.target(position)
    bind = partial(steps.over_all, REDUCED[op.keyword], op.keyword == "reduce_mean", source, target)
    low.add_step((position,), "reduction", (source,), target, bind)


def _lrn(low: Lowering, position: int) -> None:
    if not low.on_maps(position):
        low.by_rule(position)
        return
    op, source, target = low.op(position), low.channels_last(low.inputs(position)[0], plain=True), low.target(position)
    bind = partial(steps.local_response, source, target, op.size, op.alpha, op.beta, op.k)
    low.add_step((position,), "elementwise", (source,), target, bind)


JOINS: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "mean": np.add,
    "max": np.maximum,
    "min": np.minimum,
}

REDUCED: dict[str, Any] = {
    "reduce_mean": np.add,
    "reduce_sum": np.add,
    "reduce_max": np.maximum,
    "reduce_min": np.minimum,
}

LOWERED: dict[str, Callable[[Lowering, int], None]] = {
    "input": _input,
    "parameter": _parameter,
    "constant": _constant,
    "conv": conv,
    "linear": linear,
    "multihead_attention": attention,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "maxpool": _pool,
    "avgpool": _pool,
    "adaptive_avgpool": _pool,
    "adaptive_maxpool": _pool,
    "global_avgpool": _pool_all,
    "global_maxpool": _pool_all,
    "batchnorm": _batchnorm,
    "layernorm": _layernorm,
    "layer_scale": _layer_scale,
    "lrn": _lrn,
    "concat": _concat,
    **dict.fromkeys(LIMITING, _limit),
    **dict.fromkeys(CURVES, _bend),
    **dict.fromkeys(PASSING, _pass_on),
    **dict.fromkeys(JOINS, _join),
    **dict.fromkeys(REDUCED, _reduce),
    **dict.fromkeys(("flatten", "reshape", "permute", "slice", "split"), _rearrange),
}
"""Operator → how it is lowered; all others run their reference kernel."""

VIEWS: dict[str, Callable[[Any, tuple[int, ...], Array], Array]] = {
    "flatten": lambda op, shape, x: x.reshape(shape),
    "reshape": lambda op, shape, x: x.reshape(shape),
    "permute": lambda op, shape, x: x.transpose(op.dims),
    "slice": lambda op, shape, x: _along(x, op.dim, slice(op.start, op.end, op.step)),
    "split": lambda op, shape, x: _along(x, op.dim, _chunk(op, shape)),
}
"""Operators that only look at the same numbers in another way."""


def _along(x: Array, dim: int, part: slice) -> Array:
    """Some of the units along torch's `dim`."""
    viewed: Array = x[(*(slice(None),) * (axis_of(dim, x.ndim - 1) + 1), part)]
    return viewed


def _chunk(op: Any, shape: tuple[int, ...]) -> slice:
    size = shape[axis_of(op.dim, len(shape) - 1) + 1]
    return slice(op.index * size, (op.index + 1) * size)


def _for_each(samples: int, array: Array) -> Array:
    return np.broadcast_to(array, (samples, *array.shape))
