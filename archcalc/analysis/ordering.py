"""Another order of execution whose peak of memory is lower: an order is a choice wherever branches are.

Between two cuts, where a single tensor is all that goes on, the order of one part does not matter to the others. Each
part is searched by itself for the order whose most is least: from the set of layers that have run, whatever their
order, the same is alive, so that sets are the states, and the best way to a set is one whose largest memory so far is
the smallest. Parts of few branches are searched through; in others only the most promising sets are followed.
Source: Liberis and Lane, Neural Networks on Microcontrollers: Saving Memory by
Operator Reordering (2020).
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from archcalc.analysis.training import cuts
from archcalc.graph import Graph
from archcalc.infer import InferredGraph
from archcalc.numbers import product

MOST_STATES = 20_000
"""Sets of layers that are looked at in one part before only the best are followed."""

_BEAM = 64


class Ordering(Struct, frozen=True):
    """An order of a network's layers (their positions); `exact` says whether none is better, outputs all apart."""

    order: tuple[int, ...]
    before_bytes: int
    after_bytes: int
    exact: bool


def best_order(network: InferredGraph, batch: int = 1, value_bytes: int = 4) -> Ordering:
    """The order with the lowest peak that was found, never worse than the one that there is; outputs lie apart."""
    sizes = [
        product(shape) * batch * value_bytes if node.inputs or node.op.keyword == "input" else 0
        for node, shape in zip(network.nodes, network.shapes, strict=True)
    ]
    readers = [0] * len(sizes)
    for position, node in enumerate(network.nodes):
        for producer in node.inputs:
            readers[producer] |= 1 << position
    readers[-1] |= 1 << len(sizes)  # whoever asked for the output
    search = _Search(
        [tuple(dict.fromkeys(node.inputs)) for node in network.nodes], _conditions(network), sizes, readers
    )
    order: list[int] = []
    exact = True
    ends = [position + 1 for position in cuts(network)]
    for start, end in zip([0, *ends], [*ends, len(sizes)], strict=True):
        part = list(range(start, end))
        if len(part) > 2:
            part, whole = search.part(part)
            exact = exact and whole
        order += part
    before, after = search.peak(range(len(sizes))), search.peak(order)
    if after >= before:
        return Ordering(tuple(range(len(sizes))), before, before, exact)
    return Ordering(tuple(order), before, after, exact)


def _conditions(network: InferredGraph) -> list[tuple[int, ...]]:
    """What comes before each layer besides its inputs: the layer whose weights it uses, inputs that stand
    before it as an input; and before the last layer, which is the output, all others."""
    found: list[tuple[int, ...]] = []
    entries: tuple[int, ...] = ()
    for position, node in enumerate(network.nodes):
        found.append(() if node.shares is None else (node.shares,))
        if not node.inputs:
            found[-1] += entries
            entries = (position,)
    found[-1] = tuple(range(len(found) - 1))
    return found


def reordered(network: InferredGraph, order: Sequence[int]) -> InferredGraph:
    """The same network with its layers in another order, in which each still comes behind all it reads."""
    place = {old: new for new, old in enumerate(order)}
    nodes = []
    for old in order:
        node = network.nodes[old]
        shares = None if node.shares is None else place[node.shares]
        nodes.append(msgspec.structs.replace(node, inputs=tuple(place[i] for i in node.inputs), shares=shares))
    return InferredGraph(Graph(network.name, tuple(nodes)), tuple(network.shapes[old] for old in order))


class _Search(Struct, frozen=True):
    """What is known of each layer: its inputs, what else comes before, the bytes of its output, its readers as bits."""

    inputs: Sequence[tuple[int, ...]]
    conditions: Sequence[tuple[int, ...]]
    sizes: list[int]
    readers: list[int]

    def run(self, layer: int, done: int, alive: int) -> tuple[int, int]:
        """What is alive while a layer runs behind the layers of `done`, and after it."""
        during = alive + self.sizes[layer]
        done |= 1 << layer
        after = during - sum(self.sizes[i] for i in self.inputs[layer] if not self.readers[i] & ~done)
        return during, after if self.readers[layer] & ~done else after - self.sizes[layer]

    def peak(self, order: Sequence[int]) -> int:
        done = alive = most = 0
        for layer in order:
            during, alive = self.run(layer, done, alive)
            most = max(most, during)
            done |= 1 << layer
        return most

    def part(self, layers: list[int]) -> tuple[list[int], bool]:
        """The best order of layers that follow one another, everything before them having run; whether it is optimal.

        Level by level: all sets of k layers that can have run, each with its best way.
        """
        outside = (1 << layers[0]) - 1
        alive = sum(self.sizes[i] for i in range(layers[0]) if self.readers[i] & ~outside and self.sizes[i])
        states: dict[int, tuple[int, int, tuple[int, ...]]] = {outside: (alive, alive, ())}
        seen, exact = 0, True
        for _ in layers:
            found: dict[int, tuple[int, int, tuple[int, ...]]] = {}
            for done, (most, now, way) in states.items():
                for layer in layers:
                    if done >> layer & 1 or not all(
                        done >> i & 1 for i in (*self.inputs[layer], *self.conditions[layer])
                    ):
                        continue
                    during, after = self.run(layer, done, now)
                    state, largest = done | 1 << layer, max(most, during)
                    if state not in found or largest < found[state][0]:
                        found[state] = (largest, after, (*way, layer))
            seen += len(found)
            if seen > MOST_STATES and len(found) > _BEAM:
                exact = False
                found = dict(sorted(found.items(), key=lambda item: item[1][:2])[:_BEAM])
            states = found
        _, _, way = min(states.values())
        return list(way), exact
