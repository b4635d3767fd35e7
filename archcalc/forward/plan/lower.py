"""Network → steps: what is computed together, where each output lies, what is left to whoever reads it."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct, structs

from archcalc.forward.plan import steps
from archcalc.forward.plan.choose import Choice, choose
from archcalc.forward.plan.conv import Geometry
from archcalc.forward.plan.convolve import Convolution, bind_convolution, prepare
from archcalc.forward.plan.fuse import CURVES, LIMITING, PASSING, Chain, chain_from, consumers_of
from archcalc.forward.plan.pool import pool, window_counts
from archcalc.forward.plan.product import blocks_pay
from archcalc.forward.plan.steps import Bind, Memory, Step, as_map
from archcalc.forward.plan.tiles import Array, Epilogue, Limits, Scratch
from archcalc.forward.plan.values import Affine, Storage, Value, limits_before, side_by_side
from archcalc.forward.plan.workers import Phase
from archcalc.forward.weights import weights_of
from archcalc.infer import InferredGraph
from archcalc.ops.base import axis_of, both_sides, spread
from archcalc.ops.conv import sides


class Lowered(Struct, frozen=True):
    """Steps in order, the storages they use, where samples go, and the values of the nodes that are asked for."""

    steps: tuple[Step, ...]
    storages: tuple[Storage, ...]
    inputs: tuple[Value, ...]
    values: dict[int, Value]


def lower(
    network: InferredGraph,
    weights: Mapping[str, Array],
    batch: int,
    keep: Collection[int] = (),
    algorithm: Choice | None = None,
) -> Lowered:
    """The steps of a network; the outputs of the nodes in `keep`, and its own, are there as they are at the end."""
    lowering = _Lowering(network, weights, batch, {*keep, len(network.nodes) - 1}, algorithm)
    for position in range(len(network.nodes)):
        if position not in lowering.done:
            lowering.node(position)
    inputs = tuple(lowering.values[i] for i, node in enumerate(network.nodes) if node.op.keyword == "input")
    wanted = {position: lowering.values[position] for position in lowering.kept}
    return Lowered(tuple(lowering.steps), tuple(lowering.storages), inputs, wanted)


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How an output (N, C, …) lies in memory; what has no further axes lies as it is."""
    return (shape[0], *shape[2:], shape[1])


def see_channels_last(storage: Array) -> Array:
    return np.moveaxis(storage, -1, 1)


class _Lowering:
    """What is known while a network is lowered, node by node."""

    def __init__(
        self,
        network: InferredGraph,
        weights: Mapping[str, Array],
        batch: int,
        kept: Collection[int],
        algorithm: Choice | None,
    ) -> None:
        self.network, self.weights, self.batch, self.kept, self.algorithm = network, weights, batch, kept, algorithm
        self.consumers = consumers_of(network)
        self.dtype = next((array.dtype for array in weights.values()), np.dtype(np.float32))
        self.blocks = blocks_pay(self.dtype)
        self.values: dict[int, Value] = {}
        self.storages: list[Storage] = []
        self.steps: list[Step] = []
        self.done: set[int] = set()
        self.places = self._places()
        self.roots: dict[int, Value] = {}
        self.lazy: dict[int, bool] = {}

    # Where outputs lie.

    def shape(self, position: int) -> tuple[int, ...]:
        return (self.batch, *self.network.shapes[position])

    def op(self, position: int) -> Any:
        return self.network.nodes[position].op

    def inputs(self, position: int) -> tuple[int, ...]:
        return self.network.nodes[position].inputs

    def _places(self) -> dict[int, tuple[int, int]]:
        """For what is an input of a concatenation of channels: which, and at which channel its own begin."""
        places: dict[int, tuple[int, int]] = {}
        for position, node in reversed(list(enumerate(self.network.nodes))):
            if node.op.keyword != "concat" or axis_of(getattr(node.op, "dim", 1), len(self.network.shapes[position])):
                continue
            begin = 0
            for producer in node.inputs:
                places.setdefault(producer, (position, begin))
                begin += self.network.shapes[producer][0]
        return places

    def target(self, position: int, affine: Affine = Affine(), limits: Limits = Limits()) -> Value:
        """Where a step is to write the output of a node: into the concatenation that it is part of, or new memory."""
        if position not in self.roots:
            place = self.places.get(position)
            if place is None:
                self.roots[position] = self.fresh(self.shape(position))
            else:
                whole, begin = self.target(place[0]), place[1]
                part = slice(begin, begin + self.network.shapes[position][0])
                self.roots[position] = Value(whole.storage, partial(_part, whole.see, part))
        root = self.roots[position]
        return Value(root.storage, root.see, affine, limits)

    def fresh(self, shape: tuple[int, ...]) -> Value:
        """New memory for an output of a shape, channels last where there are maps."""
        last = channels_last(shape) if len(shape) > 2 else shape
        self.storages.append(Storage(last))
        return Value(len(self.storages) - 1, see_channels_last if len(shape) > 2 else _as_it_is)

    def view(self, value: Value) -> Array:
        """A value in memory that nobody touches: for its shape and strides."""
        return value.see(np.empty(self.storages[value.storage].shape, self.dtype))

    # What may be left to whoever reads a node.

    def leaves(self, position: int) -> bool:
        """Whether scale and offset may be left to all who read this node."""
        if position not in self.lazy:
            self.lazy[position] = (
                position not in self.kept
                and bool(self.consumers[position])
                and all(self.takes(consumer, position) for consumer in self.consumers[position])
            )
        return self.lazy[position]

    def takes(self, consumer: int, position: int) -> bool:
        """Whether a node can read numbers that are not yet values."""
        op = self.op(consumer)
        if op.keyword in ("conv", "batchnorm", *LIMITING):
            return self.on_maps(position) and (op.keyword != "batchnorm" or op.track_running_stats)
        if op.keyword == "avgpool":
            return self.on_maps(position) and not (op.count_include_pad and op.padding)
        if op.keyword in ("maxpool", "global_avgpool", "global_maxpool"):
            return self.on_maps(position)
        if op.keyword == "add":
            return all(self.shape(producer) == self.shape(consumer) for producer in self.inputs(consumer))
        if op.keyword == "concat":
            return consumer == self.places.get(position, (-1, 0))[0] and self.leaves(consumer)
        if op.keyword in PASSING:
            return self.leaves(consumer)
        return False

    def on_maps(self, position: int) -> bool:
        """Whether a node's output is a map that the fast steps work on."""
        return len(self.network.shapes[position]) in (2, 3)

    # What each node becomes.

    def node(self, position: int) -> None:
        keyword = self.op(position).keyword
        lowered = LOWERED.get(keyword, _Lowering.by_rule)
        lowered(self, position)
        self.done.add(position)

    def add_step(
        self, nodes: tuple[int, ...], algorithm: str, reads: tuple[Value, ...], writes: Value, bind: Bind
    ) -> None:
        self.steps.append(Step(nodes, algorithm, reads, writes, bind))
        self.values[nodes[-1]] = writes
        self.done.update(nodes)

    def by_rule(self, position: int) -> None:
        """Any operator, by the reference kernel."""
        reads = tuple(self.plain(producer) for producer in self.inputs(position))
        target = self.target(position)
        stored = weights_of(self.network, position, self.weights)
        bind = partial(steps.by_rule, self.op(position), reads, target, stored)
        self.add_step((position,), "reference", reads, target, bind)

    def plain(self, position: int) -> Value:
        """The output of a node as values; a copy of it, if it is not."""
        value = self.values[position]
        if value.plain:
            return value
        target = self.fresh(self.shape(position))
        self.steps.append(Step((position,), "copy", (value,), target, partial(steps.copy, value, target)))
        return target

    def pass_on(self, position: int) -> None:
        """Nothing is computed: the output is the input."""
        value = self.values[self.inputs(position)[0]]
        if position in self.kept and not value.plain:
            value = self.plain(self.inputs(position)[0])
        self.values[position] = value

    def rearrange(self, position: int) -> None:
        """The same numbers in another order or shape: a view where memory allows it, a copy otherwise."""
        producer = self.inputs(position)[0]
        source, op, shape = self.plain(producer), self.op(position), self.shape(position)
        rearranged = partial(_rearranged, source.see, VIEWS[op.keyword], op, shape)
        memory = np.empty(self.storages[source.storage].shape, self.dtype)
        if np.may_share_memory(rearranged(memory), memory):
            self.values[position] = Value(source.storage, rearranged)
            return
        self.storages.append(Storage(shape))
        target = Value(len(self.storages) - 1, _as_it_is)
        bind = partial(steps.dealt_out, source, target)
        self.add_step((position,), "copy", (source,), target, bind)

    def parameter(self, position: int) -> None:
        """A learned array, the same for all samples."""
        array = weights_of(self.network, position, self.weights)["weight"]
        self.storages.append(Storage(array.shape, array))
        self.values[position] = Value(len(self.storages) - 1, partial(_for_each, self.batch))

    def input(self, position: int) -> None:
        """Where samples are copied to."""
        self.values[position] = self.fresh(self.shape(position))

    def concat(self, position: int) -> None:
        """Inputs that were not written into their place are copied there."""
        along = axis_of(self.op(position).dim, len(self.network.shapes[position]))
        if along:
            self.by_rule(position)
            return
        root, begin, parts = self.target(position), 0, []
        for producer in self.inputs(position):
            count = self.network.shapes[producer][0]
            value, here = self.values[producer], self.roots.get(producer)
            if here is None or self.places[producer] != (position, begin) or value.see is not here.see:
                target = Value(root.storage, partial(_part, root.see, slice(begin, begin + count)))
                read = (value,)
                self.steps.append(Step((position,), "copy", read, target, partial(steps.copy, value, target)))
                value = target
            parts.append((value.affine, count))
            begin += count
        self.values[position] = self.target(position, side_by_side(parts))

    def batchnorm(self, position: int) -> None:
        """Scale and offset of each channel, left to whoever reads them where that is possible."""
        op, producer = self.op(position), self.inputs(position)[0]
        value = self.values[producer]
        if not op.track_running_stats or not self.on_maps(position):
            self.by_rule(position)
            return
        scale, offset = self.statistics(position)
        affine = value.affine.then(scale, offset)
        if self.leaves(position) and affine.gentle and affine.near(offset) and value.limits.idle:
            self.values[position] = Value(value.storage, value.see, affine)
            return
        self.map_step(position, value, affine, Limits())

    def statistics(self, position: int) -> tuple[Array, Array]:
        """A batch norm as scale and offset: gamma/√(var + eps), beta − mean·scale."""
        stored = {k: v.astype(np.float64) for k, v in weights_of(self.network, position, self.weights).items()}
        scale = stored.get("weight", 1.0) / np.sqrt(stored["running_var"] + self.op(position).eps)
        return scale, stored.get("bias", 0.0) - stored["running_mean"] * scale

    def map_step(self, position: int, value: Value, affine: Affine, after: Limits, curve: str = "") -> None:
        """A step that makes values of the numbers of another node."""
        target = self.target(position)
        slope = getattr(self.op(position), "negative_slope", 0.0)
        bind = partial(steps.mapped, value, target, affine, after, curve, slope)
        self.add_step((position,), "elementwise", (value,), target, bind)

    def limiting(self, position: int) -> None:
        """ReLU and its like: limits on numbers, put on by a convolution that reads nothing else, or at once."""
        producer = self.inputs(position)[0]
        value = self.values[producer]
        low, high = LIMITING[self.op(position).keyword]
        if not value.limits.idle or not self.on_maps(position):
            self.by_rule(position)
            return
        if not self.leaves(position):
            self.map_step(position, value, value.affine, limits_before(Affine(), low, high, self.dtype, self.network.shapes[position][0]))
            return
        channels = self.network.shapes[position][0]
        limits = limits_before(value.affine, low, high, self.dtype, channels)
        readers = self.consumers[position]
        if len(readers) == 1 and self.op(readers[0]).keyword == "conv":
            self.values[position] = Value(value.storage, value.see, value.affine, limits)
            return
        target = self.target(position, value.affine)
        limited = Value(value.storage, value.see, Affine(), limits)
        bind = partial(steps.mapped, limited, target, Affine(), Limits(), "", 0.0)
        self.add_step((position,), "elementwise", (value,), target, bind)

    def curve(self, position: int) -> None:
        if not self.on_maps(position):
            self.by_rule(position)
            return
        value = self.plain(self.inputs(position)[0])
        self.map_step(position, value, Affine(), Limits(), self.op(position).keyword)

    def join(self, position: int) -> None:
        """Sums and products of maps of up to two axes."""
        if len(self.network.shapes[position]) > 3:
            self.by_rule(position)
            return
        keyword, reads = self.op(position).keyword, []
        offset: Affine = Affine()
        for producer in self.inputs(position):
            value = self.values[producer]
            lazily = keyword == "add" and self.leaves(position) and value.affine.scale is None and value.limits.idle
            if not lazily:
                value = self.plain(producer)
            if value.affine.offset is not None:
                offset = offset.then(np.ones(len(value.affine.offset)), value.affine.offset)
            reads.append(value)
        target = self.target(position, Affine(None, offset.offset))
        factor = 1 / len(reads) if keyword == "mean" else 1.0
        bind = partial(steps.joined, JOINS[keyword], tuple(reads), target, factor)
        self.add_step((position,), "elementwise", tuple(reads), target, bind)

    def linear(self, position: int) -> None:
        """On one row of features a sample; on more positions it is a 1×1 convolution over them."""
        chain = self.chain(position)
        source = self.plain(self.inputs(position)[0])
        stored = weights_of(self.network, position, self.weights)
        limits, curve, slope = self.activation(chain)
        if len(self.network.shapes[position]) > 1:
            self.by_rule(position)
            return
        target = self.target(chain.last)
        bind = partial(steps.flat_linear, source, target, stored["weight"], stored.get("bias"), limits, curve, slope)
        self.add_step(chain.nodes, "direct", (source,), target, bind)

    def chain(self, position: int) -> Chain:
        return chain_from(self.network, self.consumers, position, self.kept, self.values)

    def activation(self, chain: Chain) -> tuple[Limits, str, float]:
        """The activation of a chain on values: limits, or the name of a curve and its slope."""
        if chain.activation is None:
            return Limits(), "", 0.0
        op = self.op(chain.activation)
        if op.keyword in LIMITING:
            channels = self.network.shapes[chain.last][0]
            return limits_before(Affine(), *LIMITING[op.keyword], self.dtype, channels), "", 0.0
        return Limits(), op.keyword, getattr(op, "negative_slope", 0.0)

    def conv(self, position: int) -> None:
        """A convolution with all that can be computed with it."""
        if not self.on_maps(position):
            self.by_rule(position)
            return
        chain = self.chain(position)
        op, source = self.op(position), self.values[self.inputs(position)[0]]
        residual = None
        if chain.residual is not None:
            residual = self.values[chain.residual]
            if residual.affine.scale is not None or not residual.limits.idle:
                residual = self.plain(chain.residual)
        stored = weights_of(self.network, position, self.weights)
        kernel, bias = stored["weight"].astype(np.float64), stored.get("bias", np.zeros(op.out_channels))
        bias = bias.astype(np.float64)
        for norm in chain.norms:
            scale, offset = self.statistics(norm)
            kernel, bias = kernel * scale.reshape(-1, *(1,) * (kernel.ndim - 1)), bias * scale + offset
        if kernel.ndim == 3:
            kernel = kernel[:, :, None]
        own = bias
        kernel, bias, beyond = _taken_in(source.affine, kernel, bias, op.groups)
        if residual is not None and residual.affine.offset is not None:
            bias = bias + residual.affine.offset
        limits, curve, slope = self.activation(chain)
        left = Affine()
        if not curve and self.leaves(chain.last) and np.any(bias) and Affine(None, bias).near(own):
            left, bias = Affine(None, bias), np.zeros(0)
            if chain.activation is not None:
                keyword = self.op(chain.activation).keyword
                limits = limits_before(left, *LIMITING[keyword], self.dtype, op.out_channels)
        epilogue = Epilogue(bias.astype(self.dtype) if np.any(bias) else None, limits, curve, slope)
        geometry = geometry_of(op, self.network.shapes[self.inputs(position)[0]])
        target = self.target(chain.last, left)
        algorithm = choose(geometry, kernel.shape, self.shape(position), self.algorithm)
        packed = prepare(algorithm, kernel, op.groups, self.dtype, self.blocks)
        convolution = Convolution(algorithm, geometry, packed, epilogue, beyond)
        reads = (source,) if residual is None else (source, residual)
        bind = partial(bind_convolution, convolution, source, residual, target)
        self.add_step(chain.nodes, algorithm, reads, target, bind)

    def pool(self, position: int) -> None:
        """Max and average pooling; adaptive pooling where all its bins are alike."""
        op, producer = self.op(position), self.inputs(position)[0]
        shape = self.network.shapes[producer]
        if not self.on_maps(producer):
            self.by_rule(position)
            return
        source = self.values[producer]
        maximum = "max" in op.keyword
        lazily = self.leaves(position) and source.affine.scale is None and source.limits.idle
        if not lazily:
            source = self.plain(producer)
        geometry = pooling_of(op, shape)
        if geometry is None:
            self.by_rule(position)
            return
        sizes, output = _two(shape[1:]), _two(self.network.shapes[position][1:])
        include = getattr(op, "count_include_pad", False)
        counts = None if maximum else window_counts(sizes, output, geometry, include, self.dtype)
        target = self.target(position, source.affine)
        bind = partial(_bind_pool, source, target, covering(geometry, sizes, output), counts)
        self.add_step((position,), "separable", (source,), target, bind)

    def over_all(self, position: int) -> None:
        """Global pooling."""
        producer = self.inputs(position)[0]
        source = self.values[producer]
        if not self.on_maps(producer):
            self.by_rule(position)
            return
        if not self.leaves(position) or source.affine.scale is not None or not source.limits.idle:
            source = self.plain(producer)
        target = self.target(position, source.affine)
        function = steps.average_all if self.op(position).keyword == "global_avgpool" else steps.largest_of_all
        self.add_step((position,), "reduction", (source,), target, partial(function, source, target))

    def lrn(self, position: int) -> None:
        if not self.on_maps(position):
            self.by_rule(position)
            return
        op, source = self.op(position), self.plain(self.inputs(position)[0])
        target = self.target(position)
        bind = partial(steps.local_response, source, target, op.size, op.alpha, op.beta, op.k)
        self.add_step((position,), "elementwise", (source,), target, bind)


JOINS: dict[str, Any] = {"add": np.add, "mean": np.add, "mul": np.multiply, "max": np.maximum}

LOWERED: dict[str, Callable[[_Lowering, int], None]] = {
    "input": _Lowering.input,
    "parameter": _Lowering.parameter,
    "conv": _Lowering.conv,
    "linear": _Lowering.linear,
    "maxpool": _Lowering.pool,
    "avgpool": _Lowering.pool,
    "adaptive_avgpool": _Lowering.pool,
    "adaptive_maxpool": _Lowering.pool,
    "global_avgpool": _Lowering.over_all,
    "global_maxpool": _Lowering.over_all,
    "batchnorm": _Lowering.batchnorm,
    "lrn": _Lowering.lrn,
    "concat": _Lowering.concat,
    **dict.fromkeys(LIMITING, _Lowering.limiting),
    **dict.fromkeys(CURVES, _Lowering.curve),
    **dict.fromkeys(PASSING, _Lowering.pass_on),
    **dict.fromkeys(JOINS, _Lowering.join),
    **dict.fromkeys(("flatten", "reshape", "permute", "slice", "split"), _Lowering.rearrange),
}
"""Operator → how it is lowered; all others run their reference kernel."""

VIEWS: dict[str, Callable[[Any, Array, tuple[int, ...]], Array]] = {
    "flatten": lambda op, x, shape: x.reshape(shape),
    "reshape": lambda op, x, shape: x.reshape(shape),
    "permute": lambda op, x, shape: x.transpose(op.dims),
    "slice": lambda op, x, shape: _sliced(x, op),
    "split": lambda op, x, shape: _split(x, op, shape),
}
"""Operators that only look at the same numbers in another way."""


def _as_it_is(storage: Array) -> Array:
    return storage


def _part(see: Callable[[Array], Array], part: slice, storage: Array) -> Array:
    return see(storage)[:, part]


def _for_each(samples: int, storage: Array) -> Array:
    return np.broadcast_to(storage, (samples, *storage.shape))


def _rearranged(
    see: Callable[[Array], Array], how: Callable[[Any, Array, tuple[int, ...]], Array], op: Any, shape: tuple[int, ...], storage: Array
) -> Array:
    return how(op, see(storage), shape)


def _sliced(x: Array, op: Any) -> Array:
    along = axis_of(op.dim, x.ndim - 1) + 1
    return x[(*(slice(None),) * along, slice(op.start, op.end, op.step))]


def _split(x: Array, op: Any, shape: tuple[int, ...]) -> Array:
    along = axis_of(op.dim, x.ndim - 1) + 1
    size = shape[along]
    return x[(*(slice(None),) * along, slice(op.index * size, (op.index + 1) * size))]


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


def _two(sizes: tuple[int, ...]) -> tuple[int, int]:
    """One or two spatial sizes as two: a line is a map of height 1."""
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def geometry_of(op: Any, shape: tuple[int, ...]) -> Geometry:
    """A convolution over one or two axes as one over two."""
    rank = len(shape) - 1
    kernel, stride, dilation = (spread(value, rank) for value in (op.kernel_size, op.stride, op.dilation))
    pads = sides(op, (shape,))
    if rank == 1:
        return Geometry((1, kernel[0]), (1, stride[0]), (1, dilation[0]), ((0, 0), pads[0]), op.groups)
    return Geometry(kernel, stride, dilation, pads, op.groups)


def pooling_of(op: Any, shape: tuple[int, ...]) -> Geometry | None:
    """The windows of a pooling over one or two axes; None where they are not all alike."""
    rank = len(shape) - 1
    output = op.output((shape,))
    if op.keyword.startswith("adaptive"):
        if any(n % o for n, o in zip(shape[1:], output[1:], strict=True)):
            return None
        kernel = _two(tuple(n // o for n, o in zip(shape[1:], output[1:], strict=True)))
        return Geometry(kernel, kernel, (1, 1), ((0, 0), (0, 0)))
    windows = op.windows((shape,), output)[0][1:]
    pads = both_sides(op.padding, rank)
    kernel, stride, dilation = (
        _two(tuple(getattr(window, name) for window in windows)) for name in ("kernel", "stride", "dilation")
    )
    return Geometry(kernel, stride, dilation, ((0, 0), pads[0]) if rank == 1 else pads)


def covering(geometry: Geometry, sizes: tuple[int, int], output: tuple[int, int]) -> Geometry:
    """The same with padding behind as far as the last window reaches."""
    pads = []
    for n, count, k, s, d, (before, after) in zip(
        sizes, output, geometry.kernel, geometry.stride, geometry.dilation, geometry.padding, strict=True
    ):
        pads.append((before, max(after, (count - 1) * s + d * (k - 1) + 1 - n - before)))
    return structs.replace(geometry, padding=(pads[0], pads[1]))


def _bind_pool(
    source: Value, target: Value, geometry: Geometry, counts: Array | None, memory: Memory, threads: int, scratch: Scratch
) -> list[Phase]:
    read, write = as_map(steps.seen(source, memory)), as_map(steps.seen(target, memory))
    return pool(read, write, geometry, source.limits, counts, threads, scratch)
