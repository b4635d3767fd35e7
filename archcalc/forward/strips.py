"""Maps on which receptive fields can be observed: the same layers with the same weights on a map that is long enough.

A field that is larger than the map has no unit that shows both of its ends. A strip is as long along one axis of the
input as the fields of some layers ask for, and as narrow along the others as the layers allow; only what these layers
depend on is computed. It is used where every layer of it is said to see the same along that axis as in the network, and
has the same weights. Elsewhere (adaptive pooling, learned maps) there is the network's own map.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import lcm

import msgspec
import numpy as np
from msgspec import Struct
from numpy.lib.stride_tricks import sliding_window_view

from archcalc.analysis.receptive_field import Field, ReceptiveFields, Seen, receptive_fields
from archcalc.forward.kernels import Array
from archcalc.forward.reach import Reach, reaches_of
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, propagate
from archcalc.ops.base import Shape
from archcalc.ops.reshape import Pad
from archcalc.ops.source import Input

LONGEST = 1 << 15
_TRIES = 8


class Strip(Struct, frozen=True, eq=False):
    """A map and what there is on it, to look along one axis of the input.

    `layers` are the positions of its nodes in the network that it was made from, `fields` what they are said to see,
    `reaches` what is left of that on this map. Where padding mirrors, it holds what lies elsewhere: layers behind it
    are not `plain`, and only units inside can be told what they see.
    """

    network: InferredGraph
    weights: Mapping[str, Array]
    layers: tuple[int, ...]
    axis: int
    fields: tuple[Seen, ...]
    reaches: tuple[Reach, ...]
    plain: tuple[bool, ...]

    @property
    def length(self) -> int:
        return self.network.input_shape[self.axis + 1]

    def units(self, node: int, wanted: int) -> Array:
        """The first units of each run of `wanted` neighbours that are all inside."""
        inside = self.reaches[node].inside
        if len(inside) < wanted:
            return np.empty(0, int)
        return np.flatnonzero(sliding_window_view(inside, wanted).all(axis=-1))


def own_map(network: InferredGraph, weights: Mapping[str, Array], fields: ReceptiveFields, axis: int) -> Strip:
    """The network as it is."""
    return _strip(network, weights, tuple(range(len(network.nodes))), axis, fields)


def strip_for(
    network: InferredGraph,
    weights: Mapping[str, Array],
    fields: ReceptiveFields,
    axis: int,
    layers: Sequence[int],
    spare: int = 0,
) -> Strip:
    """A map on which each of these layers has a period of units inside and the first of the next, and `spare` room.

    It is the network's own, less what the layers do not depend on, where no other will do.
    """
    positions = _needed(network, layers)
    weights = {**weights, **dict(_shared(network, weights, positions))}
    own = _reduced(network, positions)
    seen = [fields.layers[position].axes[axis] for position in positions]
    chosen = set(layers)
    wanted = {node: seen[node] for node, position in enumerate(positions) if position in chosen}
    longest = max(field.size + 3 * field.step for field in wanted.values() if isinstance(field, Field))
    for length in _lengths(own.input_shape[axis + 1], longest + spare, seen):
        found = _sized(own, axis, length, None)
        if found is None or not _same(found, own, seen, axis):
            continue
        strip = _strip(found, weights, positions, axis, fields)
        if all(strip.units(node, field.period + 1).size for node, field in wanted.items() if isinstance(field, Field)):
            return _strip(_narrowed(found, own, seen, axis), weights, positions, axis, fields)
    return _strip(own, weights, positions, axis, fields)


def _strip(
    network: InferredGraph,
    weights: Mapping[str, Array],
    positions: tuple[int, ...],
    axis: int,
    fields: ReceptiveFields,
) -> Strip:
    seen = tuple(fields.layers[position].axes[axis] for position in positions)
    plain: list[bool] = []
    for node in network.nodes:
        mirrors = isinstance(node.op, Pad) and node.op.mode != "constant"
        plain.append(all(plain[i] for i in node.inputs) and not mirrors)
    return Strip(network, weights, positions, axis, seen, reaches_of(network, seen), tuple(plain))


def _needed(network: InferredGraph, layers: Sequence[int]) -> tuple[int, ...]:
    """The layers and all that they depend on, in order."""
    found, pending = set(layers), list(layers)
    while pending:
        for producer in network.nodes[pending.pop()].inputs:
            if producer not in found:
                found.add(producer)
                pending.append(producer)
    return tuple(sorted(found))


def _shared(
    network: InferredGraph, weights: Mapping[str, Array], positions: Sequence[int]
) -> Iterator[tuple[str, Array]]:
    """The weights of layers that use another's, under names of their own: the other may not be on the map."""
    for position in positions:
        node = network.nodes[position]
        if node.shares is not None:
            owner = network.nodes[node.shares].name
            for weight in network.weights(position):
                yield f"{node.name}.{weight.name}", weights[f"{owner}.{weight.name}"]


def _reduced(network: InferredGraph, positions: Sequence[int]) -> InferredGraph:
    """The network of some of its nodes, which depend on no others."""
    place = {position: i for i, position in enumerate(positions)}

    def moved(node: Node) -> Node:
        return msgspec.structs.replace(node, inputs=tuple(place[i] for i in node.inputs), shares=None)

    nodes = tuple(moved(network.nodes[position]) for position in positions)
    return InferredGraph(Graph(network.name, nodes), tuple(network.shapes[position] for position in positions))


def _lengths(own: int, least: int, seen: Sequence[Seen]) -> Iterator[int]:
    """Sizes to try, longer and longer.

    All of them leave the same rest as the network's own size behind every stride: padding that depends on the size
    (`same`) is then the same.
    """
    turn = lcm(*(field.step for field in seen if isinstance(field, Field) and field.step))
    first = own + -(-(least - own) // turn) * turn
    for _ in range(_TRIES):
        if first > LONGEST:
            return
        yield first
        first += -(-first // (4 * turn)) * turn


def _sized(network: InferredGraph, axis: int, length: int, breadth: int | None) -> InferredGraph | None:
    """The same layers on an input of another size along `axis`, at most `breadth` along others; None if none fits."""

    def entry(node: Node, shape: Shape) -> Node:
        if not isinstance(node.op, Input):
            return node
        spatial = [length if i == axis else n if breadth is None else min(n, breadth) for i, n in enumerate(shape[1:])]
        return msgspec.structs.replace(node, op=Input((shape[0], *spatial)))

    nodes = tuple(entry(node, shape) for node, shape in zip(network.nodes, network.shapes, strict=True))
    graph = Graph(network.name, nodes)
    shapes, problems = propagate(graph)
    return None if problems else InferredGraph(graph, tuple(shape for shape in shapes if shape is not None))


def _same(found: InferredGraph, own: InferredGraph, seen: Sequence[Seen], axis: int) -> bool:
    """Whether layers have the same weights on another map and are said to see the same along an axis.

    Along the others each has to have a unit that sees something through each of its inputs, and not only padding.
    """
    if any(found.weights(i) != own.weights(i) for i in range(len(own.nodes))):
        return False
    across = list(zip(*(layer.axes for layer in receptive_fields(found).layers), strict=True))
    if list(across[axis]) != list(seen):
        return False
    return all(
        reach.solid.any()
        for other, fields in enumerate(across)
        if other != axis
        for reach, field in zip(reaches_of(found, fields), fields, strict=True)
        if isinstance(field, Field)
    )


def _narrowed(found: InferredGraph, own: InferredGraph, seen: Sequence[Seen], axis: int) -> InferredGraph:
    """As narrow along the other axes as goes, by halving the interval."""
    length = found.input_shape[axis + 1]
    low, high = 1, max((n for i, n in enumerate(own.input_shape[1:]) if i != axis), default=1)
    best = found
    while low < high:
        middle = (low + high) // 2
        narrow = _sized(own, axis, length, middle)
        if narrow is not None and _same(narrow, own, seen, axis):
            best, high = narrow, middle
        else:
            low = middle + 1
    return best
