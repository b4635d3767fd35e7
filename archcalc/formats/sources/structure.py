"""A network as bodies: what each scope of names reads, does in which order, and gives."""

import heapq
from collections.abc import Iterator, Sequence

from msgspec import Struct

from archcalc.infer import InferredGraph
from archcalc.ops.source import Input

DEEPEST = 60
"""Levels of scopes in one another; what is deeper keeps its dots."""


class Step(Struct, frozen=True):
    """One layer (`node` is its position) or a scope of them, under the names that lead to it."""

    path: tuple[str, ...]
    node: int = -1
    body: "Body | None" = None


class Body(Struct, frozen=True):
    """A scope that can be computed in one go.

    `inputs` are the positions of the nodes outside that it reads, `outputs` those within that are read outside; both in
    the order of execution, the output of the network before other ends.
    """

    path: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step, ...]

    def scopes(self) -> "Iterator[Body]":
        """The bodies in it, each behind those that it is made of, and itself as the last."""
        for step in self.steps:
            if step.body is not None:
                yield from step.body.scopes()
        yield self


class _Scope:
    """A level of names: layers and scopes in it, and the positions of all below."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.children: dict[tuple[str, bool], _Scope | int] = {}
        self.positions: list[int] = []


def structure(network: InferredGraph) -> Body:
    """The network as one body.

    A scope is a step of its own where all of it can be computed at once: where nothing outside stands between its
    layers, it reads something, and it shares no weights with layers outside. Other scopes are open: their layers are
    steps of the scope around them, under longer names.
    """
    return _Builder(network).body(_tree(network))


def _tree(network: InferredGraph) -> _Scope:
    root = _Scope("")
    for position, node in enumerate(network.nodes):
        *scopes, last = node.name.split(".", DEEPEST)
        scope = root
        scope.positions.append(position)
        for name in scopes:
            inner = scope.children.setdefault((name, True), _Scope(f"{scope.path}{name}."))
            assert isinstance(inner, _Scope)  # noqa: S101 - the key says so
            scope = inner
            scope.positions.append(position)
        scope.children[last, False] = position
    return root


class _Builder:
    """What building needs to know of the network: who reads whom, and which scopes are open."""

    def __init__(self, network: InferredGraph) -> None:
        self.network = network
        self.readers: list[list[int]] = [[] for _ in network.nodes]
        for position, node in enumerate(network.nodes):
            for producer in node.inputs:
                self.readers[producer].append(position)
        self.open = _sharing(network)

    def body(self, scope: _Scope) -> Body:
        """A scope as a body; its layers that are the inputs of the network are no steps of it."""
        items = self._ordered(self._items(scope, ()))
        steps = tuple(
            Step(path, child) if isinstance(child, int) else Step(path, -1, self.body(child)) for path, child in items
        )
        return Body(scope.path[:-1], self._inputs(scope), self._outputs(scope), steps)

    def _inputs(self, scope: _Scope) -> tuple[int, ...]:
        inside = set(scope.positions)
        outside = {p for position in scope.positions for p in self.network.nodes[position].inputs if p not in inside}
        entries = {position for position in scope.positions if isinstance(self.network.nodes[position].op, Input)}
        return tuple(sorted(outside | entries))

    def _outputs(self, scope: _Scope) -> tuple[int, ...]:
        """The last node of the network is its output; others that nobody reads are further ends of it."""
        inside, last = set(scope.positions), len(self.network.nodes) - 1
        read = [
            position
            for position in scope.positions
            if position == last or not self.readers[position] or not inside.issuperset(self.readers[position])
        ]
        return tuple(sorted(read, key=lambda position: (position != last, position)))

    def _items(self, scope: _Scope, path: tuple[str, ...]) -> "list[_Item]":
        """The layers and scopes in a scope, those of open scopes in their place."""
        items: list[_Item] = []
        for (name, _), child in scope.children.items():
            if isinstance(child, int):
                if not isinstance(self.network.nodes[child].op, Input):
                    items.append(((*path, name), child))
            elif child.path in self.open or (name, False) in scope.children or not self._inputs(child):
                items += self._items(child, (*path, name))
            else:
                items.append(((*path, name), child))
        return items

    def _ordered(self, items: "list[_Item]") -> "list[_Item]":
        """Items in an order in which each comes after all that it reads; a scope that has none is opened."""
        while True:
            positions = [[child] if isinstance(child, int) else child.positions for _, child in items]
            owner = {position: number for number, inside in enumerate(positions) for position in inside}
            needs = [
                {owner[p] for position in inside for p in self.network.nodes[position].inputs if p in owner} - {number}
                for number, inside in enumerate(positions)
            ]
            order = _topological(needs, [inside[0] for inside in positions])
            if len(order) == len(items):
                return [items[number] for number in order]
            number = next(
                n for n in _circular(needs, set(range(len(items))) - set(order)) if not isinstance(items[n][1], int)
            )
            path, scope = items[number]
            assert isinstance(scope, _Scope)  # noqa: S101 - layers alone have no circle
            self.open.add(scope.path)
            items[number : number + 1] = self._items(scope, path)


_Item = tuple[tuple[str, ...], "_Scope | int"]


def _sharing(network: InferredGraph) -> set[str]:
    """The scopes around a layer and around the one whose weights it shares, up to the one around both."""
    found = set()
    for node in network.nodes:
        if node.shares is not None:
            paths = [name.split(".", DEEPEST)[:-1] for name in (node.name, network.nodes[node.shares].name)]
            common = 0
            while common < min(map(len, paths)) and paths[0][common] == paths[1][common]:
                common += 1
            found |= {".".join(path[:end]) + "." for path in paths for end in range(common + 1, len(path) + 1)}
    return found


def _topological(needs: Sequence[set[int]], first: Sequence[int]) -> list[int]:
    """Numbers in an order in which each comes after those that it needs, else by `first`; without those in circles."""
    missing = [set(need) for need in needs]
    wanted: list[list[int]] = [[] for _ in needs]
    for number, need in enumerate(needs):
        for other in need:
            wanted[other].append(number)
    ready = [(first[number], number) for number, need in enumerate(missing) if not need]
    heapq.heapify(ready)
    order = []
    while ready:
        _, number = heapq.heappop(ready)
        order.append(number)
        for other in wanted[number]:
            missing[other].discard(number)
            if not missing[other]:
                heapq.heappush(ready, (first[other], other))
    return order


def _circular(needs: Sequence[set[int]], among: set[int]) -> Iterator[int]:
    """Those that need themselves by way of others."""
    for number in sorted(among):
        seen: set[int] = set()
        pending = list(needs[number])
        while pending:
            other = pending.pop()
            if other not in seen:
                seen.add(other)
                pending += needs[other]
        if number in seen:
            yield number
