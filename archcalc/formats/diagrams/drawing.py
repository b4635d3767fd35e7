"""Network → boxes, frames and arrows: what is drawn, whoever draws it."""

from collections import deque
from collections.abc import Iterator, Sequence

from msgspec import Struct

from archcalc.graph import Node
from archcalc.infer import InferredGraph
from archcalc.ops.base import NO_WORK, Reads, show_kernel, show_shape

DEEPEST = 100
"""Levels of frames in one another."""


class Box(Struct, frozen=True):
    """A layer, or a scope (or several alike, one behind the other) whose layers are not drawn.

    `lines` are what stands in it; `kind` says what it is, for its colour: input, weights, window, join, scope or other.
    `layers` are the positions of all layers it stands for: of every copy where a frame shows one of many.
    """

    name: str
    lines: tuple[str, ...]
    kind: str
    layers: tuple[int, ...] = ()


class Frame(Struct, frozen=True):
    """A scope that is drawn open: boxes, by their number, and further frames, in order.

    Where it is the first of `times` alike, one behind the other, it stands for all of them.
    """

    name: str
    members: "tuple[int | Frame, ...]"
    times: int = 1


class Drawing(Struct, frozen=True):
    """Boxes by number, the frames around them, and arrows from box to box in the order of execution."""

    name: str
    boxes: tuple[Box, ...]
    members: tuple[int | Frame, ...]
    arrows: tuple[tuple[int, int], ...]


class _Scope:
    """A level of the tree while it is built: layers (by position) and scopes in order, and all below it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = path.rpartition(".")[2]
        self.children: dict[str | int, _Scope | int] = {}
        self.positions: list[int] = []


def draw(network: InferredGraph, depth: int | None = None, fold: bool = False) -> Drawing:
    """The drawing of a network, to a depth of names.

    `stage0.1.conv1` is three deep: at depth 1 `stage0` is a box, at depth 2 a frame in which `1` is a box. Scopes that
    stand one behind the other and hold the same layers, with the same shapes, share a box that says how many they are;
    with `fold` they share a frame, too, and a frame around no more than a frame is one with it. What is deeper than
    DEEPEST stays folded.
    """
    pen = _Pen(network, min(DEEPEST, depth or DEEPEST), fold)
    members = pen.members(_tree(network), 1)
    arrows: dict[tuple[int, int], None] = {}
    for position, node in enumerate(network.nodes):
        for producer in node.inputs:
            arrow = pen.owner[producer], pen.owner[position]
            if arrow[0] != arrow[1] and not pen.leaves_a_copy(producer, position):
                arrows[arrow] = None
    return Drawing(network.name, pen.finished(), members, tuple(arrows))


def _tree(network: InferredGraph) -> _Scope:
    root = _Scope("")
    for position, node in enumerate(network.nodes):
        scope = root
        scope.positions.append(position)
        for name in node.name.split(".")[:-1]:
            inner = scope.children.setdefault(name, _Scope(f"{scope.path}.{name}".lstrip(".")))
            assert isinstance(inner, _Scope)  # noqa: S101 - positions are numbers, scopes are names
            scope = inner
            scope.positions.append(position)
        scope.children[position] = position
    return root


class _Pen:
    """What is drawn so far: boxes, and for each layer the number of the box that it is in.

    `copies` says of layers that a frame stands for in which copy of which frame they are, from the inside out.
    """

    def __init__(self, network: InferredGraph, depth: int, fold: bool) -> None:
        self.network = network
        self.depth = depth
        self.fold = fold
        self.boxes: list[Box] = []
        self.owner: dict[int, int] = {}
        self.copies: dict[int, dict[int, int]] = {}
        self.frames = 0

    def members(self, scope: _Scope, level: int) -> "tuple[int | Frame, ...]":
        """What stands in a scope at a level of depth."""
        found: list[int | Frame] = []
        children = deque(scope.children.values())
        while children:
            child = children.popleft()
            if isinstance(child, int):
                found.append(self._box(_layer(self.network, child), [child]))
                continue
            alike = [child]
            if self.fold or level >= self.depth:
                while children and isinstance(following := children[0], _Scope) and self._repeats(alike[-1], following):
                    alike.append(following)
                    children.popleft()
            if level < self.depth:
                found.append(self._frame(alike, level))
            else:
                found.append(self._box(_folded(self.network, alike), [p for s in alike for p in s.positions]))
        return tuple(found)

    def leaves_a_copy(self, producer: int, consumer: int) -> bool:
        """Whether an arrow would lead from one copy to the next of what is drawn once."""
        there = self.copies.get(consumer, {})
        return any(there.get(frame, copy) != copy for frame, copy in self.copies.get(producer, {}).items())

    def finished(self) -> tuple[Box, ...]:
        """The boxes, each with the layers that it stands for."""
        layers: list[list[int]] = [[] for _ in self.boxes]
        for position in sorted(self.owner):
            layers[self.owner[position]].append(position)
        return tuple(
            Box(box.name, box.lines, box.kind, tuple(own)) for box, own in zip(self.boxes, layers, strict=True)
        )

    def _frame(self, alike: "Sequence[_Scope]", level: int) -> Frame:
        """The first of scopes that are alike, drawn open; the layers of the others are where those of the first are."""
        first = alike[0]
        members, name = self.members(first, level + 1), _name_of(alike)
        if self.fold and len(alike) == 1 and len(members) == 1 and isinstance(inner := members[0], Frame):
            return Frame(f"{name}.{inner.name}", inner.members, inner.times)
        frame = Frame(name, members, len(alike))
        if len(alike) > 1:
            self.frames += 1
            for copy, scope in reversed(tuple(enumerate(alike))):
                for position, model in zip(scope.positions, first.positions, strict=True):
                    self.owner[position] = self.owner[model]
                    self.copies[position] = {**self.copies.get(model, {}), self.frames: copy}
        return frame

    def _box(self, box: Box, positions: Sequence[int]) -> int:
        self.boxes.append(box)
        self.owner.update(dict.fromkeys(positions, len(self.boxes) - 1))
        return len(self.boxes) - 1

    def _repeats(self, scope: _Scope, following: _Scope) -> bool:
        """Whether `following` holds the same as `scope`, and reads nothing but what leaves it."""
        if len(scope.positions) != len(following.positions):
            return False
        if list(self._contents(scope)) != list(self._contents(following)):
            return False
        inside = {*scope.positions, *following.positions}
        return all(p in inside for position in following.positions for p in self.network.nodes[position].inputs)

    def _contents(self, scope: _Scope) -> "Iterator[tuple[str, object, object]]":
        for position in scope.positions:
            node = self.network.nodes[position]
            yield (
                node.name.removeprefix(scope.path),
                node.op,
                (self.network.inputs(node), self.network.shapes[position]),
            )


def _layer(network: InferredGraph, position: int) -> Box:
    node = network.nodes[position]
    kernel = show_kernel(node.op, len(network.inputs(node)[0]) - 1) if node.inputs else ""
    name = node.name.rpartition(".")[2]
    kind = " ".join(filter(None, (node.op.keyword, kernel)))
    named = () if name == node.op.keyword else (name,)
    lines = (*named, kind, *_numbers(network, [position], show_shape(network.shapes[position])))
    return Box(node.name, lines, _kind(network, position, node))


def _folded(network: InferredGraph, scopes: Sequence[_Scope]) -> Box:
    first = scopes[0]
    positions = [position for scope in scopes for position in scope.positions]
    block = network.graph.blocks.get(f"{first.path}.", "")
    layers = "1 layer" if len(first.positions) == 1 else f"{len(first.positions)} layers"
    times = f"{len(scopes)} × " if len(scopes) > 1 else ""
    shape = show_shape(network.shapes[positions[-1]])
    return Box(
        first.path,
        (_name_of(scopes), times + (f"{block}, {layers}" if block else layers), *_numbers(network, positions, shape)),
        "scope",
    )


def _name_of(scopes: Sequence[_Scope]) -> str:
    first, last = scopes[0], scopes[-1]
    return first.name if len(scopes) == 1 else f"{first.name}–{last.name}"


def _numbers(network: InferredGraph, positions: Sequence[int], shape: str) -> tuple[str, ...]:
    """The shape that leaves it, and how many parameters it has where it has any; shared ones count at their owner."""
    params = sum(
        weight.count
        for position in positions
        if network.nodes[position].shares is None
        for weight in network.weights(position)
        if weight.role == "trainable"
    )
    return (shape, f"{params:,} params") if params else (shape,)


def _kind(network: InferredGraph, position: int, node: Node) -> str:
    """What a layer is, told by its facts."""
    if not node.inputs:
        return "input" if not network.weights(position) else "weights"
    if len(node.inputs) > 1:
        return "join"
    if any(weight.role == "trainable" for weight in network.weights(position)):
        return "weights"
    around = network.work(position) != NO_WORK and any(map(_looks_around, network.windows(position)))
    return "window" if around else "other"


def _looks_around(reads: Reads) -> bool:
    """Whether an output unit reads more than the unit at its own place: pooling, softmax."""
    return any(axis is None or getattr(axis, "kernel", 1) > 1 for axis in reads)
