"""What is known while a network is lowered to steps: where outputs lie, and what is left to whoever reads them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.forward.plan import steps
from archcalc.forward.plan.choose import Choice
from archcalc.forward.plan.fuse import LIMITING, PASSING, Chain, chain_from, consumers_of
from archcalc.forward.plan.product import fewest_rows
from archcalc.forward.plan.steps import Bind, Step, as_map
from archcalc.forward.plan.tiles import Array, Curve, Limits, matrix
from archcalc.forward.plan.tune import Tuner
from archcalc.forward.plan.values import Affine, Storage, Value, last_to_channels
from archcalc.forward.weights import weights_of
from archcalc.infer import InferredGraph
from archcalc.ops.base import axis_of


class Options(Struct, frozen=True):
    """What a plan is to be: see `compile_plan`."""

    batch: int
    threads: int
    dtype: "np.dtype[Any]"
    algorithm: Choice | None = None
    tune: bool = False
    keep: tuple[int, ...] = ()


class Place(Struct, frozen=True):
    """Where an output lies in a concatenation of channels."""

    whole: int
    begin: int


class Lowering:
    """The state of one lowering. It is filled node by node, in order."""

    def __init__(self, network: InferredGraph, weights: Mapping[str, Array], options: Options) -> None:
        self.network, self.weights, self.options = network, weights, options
        self.batch, self.dtype = options.batch, options.dtype
        self.kept = {*options.keep, len(network.nodes) - 1}
        self.consumers = consumers_of(network)
        self.fewest_rows = fewest_rows(self.dtype)
        self.tuner = Tuner(self.dtype, self.fewest_rows) if options.tune else None
        self.values: dict[int, Value] = {}
        self.storages: list[Storage] = []
        self.steps: list[Step] = []
        self.places = _places(network)
        self.roots: dict[int, Value] = {}
        self.leaves, self.leaves_limits = ([False] * len(network.nodes) for _ in range(2))
        for position in reversed(range(len(network.nodes))):
            self.leaves[position] = self._may_leave(position)
            self.leaves_limits[position] = self._may_leave_limits(position)

    def shape(self, position: int) -> tuple[int, ...]:
        """The shape of an output, with its batch."""
        return (self.batch, *self.network.shapes[position])

    def op(self, position: int) -> Any:
        return self.network.nodes[position].op

    def inputs(self, position: int) -> tuple[int, ...]:
        return self.network.nodes[position].inputs

    def stored(self, position: int) -> dict[str, Array]:
        """The weights of a node by their bare names."""
        return weights_of(self.network, position, self.weights)

    def on_maps(self, position: int) -> bool:
        """Whether a node's output is a map of one or two axes, which is what the fast steps work on."""
        return len(self.network.shapes[position]) in (2, 3)

    def chain(self, position: int) -> Chain:
        return chain_from(self.network, self.consumers, position, self.kept, self.values)

    # Where outputs lie.

    def target(self, position: int, features: bool = False) -> Value:
        """Where a step is to write the output of a node: into the concatenation that it is part of, or new memory."""
        if features and position not in self.roots:
            self.places.pop(position, None)
        if position not in self.roots:
            self.roots[position] = self._placed(position) or self.fresh(self.shape(position), features)
        return self.roots[position]

    def _placed(self, position: int) -> Value | None:
        """The part of the outermost concatenation that a node's output is."""
        whole, begin = position, 0
        while whole in self.places:
            begin += self.places[whole].begin
            whole = self.places[whole].whole
        if whole == position:
            return None
        if whole not in self.roots:
            self.roots[whole] = self.fresh(self.shape(whole))
        part = slice(begin, begin + self.network.shapes[position][0])
        return self.roots[whole].then(partial(channels_of, part))

    def fresh(self, shape: tuple[int, ...], features: bool = False) -> Value:
        """New memory for an output (N, C, …): channels last, or with `features` its own last axis last."""
        last_is_last = features or len(shape) < 3
        self.storages.append(Storage(shape if last_is_last else (shape[0], *shape[2:], shape[1])))
        return Value(len(self.storages) - 1, () if last_is_last else (last_to_channels,))

    def view(self, value: Value) -> Array:
        """A value in memory that nobody touches: for its shape and strides."""
        return value.through(np.empty(self.storages[value.storage].shape, self.dtype))

    def features_last(self, value: Value) -> bool:
        """Whether the last axis of an output is last in memory, as for tokens × features, and not its channels."""
        view = self.view(value)
        return view.ndim > 2 and view.strides[-1] == view.itemsize and view.strides[1] > view.strides[-1]

    # What may be left to whoever reads a node.

    def _may_leave(self, position: int) -> bool:
        """Whether scale and offset may be left to all who read this node. Those who do are known by then."""
        readers = self.consumers[position]
        return position not in self.kept and bool(readers) and all(self._takes(reader, position) for reader in readers)

    def _takes(self, reader: int, position: int) -> bool:
        """Whether a node can read numbers that are not yet values."""
        op = self.op(reader)
        if not self.on_maps(position):
            return op.keyword in PASSING and self.leaves[reader]
        if op.keyword in ("conv", "maxpool", "global_avgpool", "global_maxpool", *LIMITING):
            return True
        if op.keyword == "batchnorm":
            return bool(op.track_running_stats)
        if op.keyword == "avgpool":
            return not (op.count_include_pad and op.padding)
        if op.keyword == "add":
            return all(self.shape(producer) == self.shape(reader) for producer in self.inputs(reader))
        if op.keyword == "concat":
            place = self.places.get(position)
            return place is not None and place.whole == reader and self.leaves[reader]
        return op.keyword in PASSING and self.leaves[reader]

    def _may_leave_limits(self, position: int) -> bool:
        """Whether limits may be left to who reads this node: to one convolution, which puts them on as it reads.

        On the way there a maximum, which does not care, makes fewer numbers of them, and a concatenation longer rows.
        """
        if position in self.kept or len(self.consumers[position]) != 1 or not self.on_maps(position):
            return False
        reader = self.consumers[position][0]
        op = self.op(reader)
        if op.keyword == "concat":
            place = self.places.get(position)
            return place is not None and place.whole == reader and self.leaves_limits[reader]
        if op.keyword == "maxpool" or op.keyword in PASSING:
            return self.leaves_limits[reader]
        return bool(op.keyword == "conv")

    def limits_wait(self, position: int) -> bool:
        """Whether limits are better left to others than put on by the step that makes the numbers of a node.

        As long as these are in the cache it costs next to nothing, unless they lie between those of other nodes.
        """
        return self.leaves_limits[position] and self.op(self.consumers[position][0]).keyword != "conv"

    # Steps.

    def add_step(
        self, nodes: tuple[int, ...], algorithm: str, reads: tuple[Value, ...], writes: Value, bind: Bind
    ) -> None:
        """A step that computes nodes; what it writes is the output of the last of them."""
        self.steps.append(Step(nodes, algorithm, reads, writes, bind))
        for position in nodes:
            self.values[position] = writes

    def copied(self, position: int, value: Value, target: Value) -> Value:
        """A step on behalf of a node that brings values to another place."""
        self.steps.append(Step((position,), "copy", (value,), target, partial(steps.copy, value, target)))
        return target

    def plain(self, position: int) -> Value:
        """The output of a node as values: itself, or a copy."""
        value = self.values[position]
        return value if value.plain else self.copied(position, value, self.fresh(self.shape(position)))

    def channels_last(self, position: int, plain: bool = False) -> Value:
        """The output of a node as pixels × channels in memory: itself, or a copy, which is plain."""
        value = self.values[position]
        suits = matrix(as_map(self.view(value))) is not None
        if suits and (value.plain or not plain):
            return value
        return self.copied(position, value, self.fresh(self.shape(position)))

    def rows_of_features(self, position: int) -> Value:
        """The output of a node as rows × features in memory, with the features seen as its channels."""
        value = turned(self.plain(position))
        if matrix(as_map(self.view(value))) is None:
            fresh = self.fresh(self.shape(position), features=True)
            value = turned(self.copied(position, self.values[position], fresh))
        return value

    def by_rule(self, position: int) -> None:
        """Any operator, by the reference kernel."""
        reads = tuple(self.plain(producer) for producer in self.inputs(position))
        target = self.target(position, bool(reads) and self.features_last(reads[0]))
        bind = partial(steps.by_rule, self.op(position), reads, target, self.stored(position))
        self.add_step((position,), "reference", reads, target, bind)

    def mapped(
        self,
        position: int,
        value: Value,
        affine: Affine,
        after: Limits,
        curve: Curve | None = None,
        features: bool = False,
    ) -> None:
        """A step that makes values of the numbers of another node.

        With `features` what is given for each channel is for each unit of the last axis.
        """
        target = self.target(position, features)
        read, write = (turned(value), turned(target)) if features else (value, target)
        bind = partial(steps.mapped, read, write, affine, after, curve)
        self.add_step((position,), "elementwise", (value,), target, bind)


def _places(network: InferredGraph) -> dict[int, Place]:
    """For the inputs of concatenations of channels of maps: in which, and at which channel their own begin."""
    places: dict[int, Place] = {}
    for position, node in reversed(list(enumerate(network.nodes))):
        rank = len(network.shapes[position])
        if node.op.keyword != "concat" or rank != 3 or axis_of(getattr(node.op, "dim", 1), rank):
            continue
        begin = 0
        for producer in node.inputs:
            places.setdefault(producer, Place(position, begin))
            begin += network.shapes[producer][0]
    return places


def turned(value: Value) -> Value:
    """Features seen as channels, whatever is left to be done."""
    return Value(value.storage, (*value.views, last_to_channels), value.affine, value.limits)


def channels_of(part: slice, array: Array) -> Array:
    """Some of the channels of an output."""
    return array[:, part]
