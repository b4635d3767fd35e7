"""Names with dots → the scopes that are written as blocks, and what is called how within each."""

from collections.abc import Collection, Iterator

from archcalc.builder.names import INPUT, Member, Scope, numbered_name
from archcalc.graph import Node
from archcalc.spec.schema import is_layer_name

DEEPEST = 40
"""Scopes within scopes; deeper ones stay in the names of their layers."""


class Place:
    """A scope with layers (positions) and scopes in it, from node `start` to before `end`.

    `entry` is the node that flows into it, where it `reads` any; `scope` the same scope as the language looks names up
    in it.
    """

    def __init__(self, path: str, parent: "Place | None", start: int, end: int) -> None:
        self.path = path
        self.parent = parent
        self.items: list[int | Place] = []
        self.start = start
        self.end = end
        self.entry = 0
        self.reads = True
        self.scope = Scope(None, 0)

    def local(self, name: str) -> str:
        """A full name as it is said in this place."""
        return name[len(self.path) + 1 :] if self.path else name

    def layers(self, nodes: tuple[Node, ...]) -> Iterator[str]:
        """What its members are called in it, in their order."""
        for item in self.items:
            yield self.local(nodes[item].name if isinstance(item, int) else item.path)


def places_of(nodes: tuple[Node, ...], flat: bool, dissolved: Collection[str]) -> list[Place]:
    """The places of a network, inner ones before those they lie in; the last is the whole network.

    A scope is a place where its layers follow each other and the language can say its name; that of any other stays in
    the names of its layers, with its dot. So do those in `dissolved`, those of one member, and all if `flat`.
    """
    broken = set(dissolved)
    root = _tree(nodes, None if flat else broken | _interrupted(nodes))
    ordered: list[Place] = []
    pending = [root]
    while pending:
        place = pending.pop()
        ordered.append(place)
        pending += [item for item in place.items if isinstance(item, Place)]
    for place in ordered:
        _connect(place, nodes)
    for place in ordered:
        place.scope.settle()
    return ordered[::-1]


def _scopes(name: str) -> list[str]:
    """The paths of the scopes around a layer, the outermost first: a, a.b of a.b.conv."""
    paths: list[str] = []
    dot = name.find(".")
    while dot >= 0 and len(paths) < DEEPEST:
        paths.append(name[:dot])
        dot = name.find(".", dot + 1)
    return paths


def _interrupted(nodes: tuple[Node, ...]) -> set[str]:
    """Paths of scopes that others interrupt, that are layers as well, or whose members the language cannot name."""
    closed: set[str] = set()
    opened: list[str] = []
    bad = {node.name for node in nodes}
    for node in nodes:
        paths = _scopes(node.name)
        shared = 0
        while shared < min(len(paths), len(opened)) and paths[shared] == opened[shared]:
            shared += 1
        closed.update(opened[shared:])
        bad.update(path for path in paths[shared:] if path in closed)
        opened = paths
        for path, member in zip(paths, [*paths, node.name][1:], strict=True):
            local = member[len(path) + 1 :]
            if local == INPUT or not is_layer_name(local):
                bad.add(path)
    return bad | {path for path in closed.union(opened) if not is_layer_name(path.rpartition(".")[2])}


def _tree(nodes: tuple[Node, ...], broken: set[str] | None) -> Place:
    root = Place("", None, 1, len(nodes))
    opened = [root]
    for position, node in enumerate(nodes[1:], 1):
        paths = [] if broken is None else [path for path in _scopes(node.name) if path not in broken]
        shared = 0
        while shared < min(len(paths), len(opened) - 1) and paths[shared] == opened[shared + 1].path:
            shared += 1
        del opened[shared + 1 :]
        for path in paths[shared:]:
            place = Place(path, opened[-1], position, position)
            opened[-1].items.append(place)
            opened.append(place)
        opened[-1].items.append(position)
        for place in opened[1:]:
            place.end = position + 1
    _prune(root)
    return root


def _prune(root: Place) -> None:
    """Take out places of one member: that member goes one level up. Depth is bounded by `DEEPEST`."""
    for index, item in enumerate(root.items):
        if isinstance(item, Place):
            _prune(item)
            if len(item.items) == 1:
                root.items[index] = only = item.items[0]
                if isinstance(only, Place):
                    only.parent = root


def _connect(place: Place, nodes: tuple[Node, ...]) -> None:
    """What flows in, and the scope with its members by name. Outer places come before inner ones."""
    before = place.start - 1
    place.entry, place.reads = (0, True) if place.parent is None else (before, False)
    if place.parent is not None:
        for position in range(place.start, place.end):
            outside = [source for source in nodes[position].inputs if source < place.start]
            if outside:
                place.entry, place.reads = before if before in outside else outside[0], True
                break
    place.scope = Scope(place.parent.scope if place.parent else None, place.entry)
    place.scope.last = place.end - 1
    if place.parent is not None:
        place.parent.scope.add(Member(place.parent.local(place.path), "", scope=place.scope), None)
    else:
        place.scope.path = ""
    for item in place.items:
        if isinstance(item, int):
            place.scope.add(Member(place.local(nodes[item].name), "", item), None)


def unnamed(place: Place, nodes: tuple[Node, ...]) -> set[int]:
    """Positions of the layers that need no name: the language calls them so by itself.

    Follows `Scope.settle`: a layer may stay without a name where the next free number of its keyword is its own. It is
    as right when some of these are named after all.
    """
    found: set[int] = set()
    used: set[str] = set()
    counts: dict[str, int] = {}
    for item, name in zip(place.items, place.layers(nodes), strict=True):
        if isinstance(item, int):
            word = nodes[item].op.keyword
            count = counts.get(word, 0) + 1
            while (made := numbered_name(word, count)) in used:
                count += 1
            counts[word] = count - 1
            if made == name:
                found.add(item)
                counts[word] = count
        used.add(name)
    return found


def reference(place: Place, target: int, nodes: tuple[Node, ...], entry: bool = True) -> str | None:
    """What a layer in `place` calls the node `target`; None if no name reaches it past others of the same name.

    The shortest that means it: what flows in is `input`, the last layer of a scope may be called by the scope.
    """
    if entry and place.scope.find(INPUT) == target:
        return INPUT
    around: Place | None = place
    while around is not None:
        if target == 0 or around.start <= target < around.end:
            for text in _sayings(around, target, nodes):
                if place.scope.find(text) == target:
                    return text
        around = around.parent
    return None


def _sayings(place: Place, target: int, nodes: tuple[Node, ...]) -> Iterator[str]:
    name = place.local(nodes[target].name)
    dot = name.find(".")
    while dot > 0:
        member = place.scope.below(name[:dot])
        if member is not None and member.scope is not None and member.scope.last == target:
            yield name[:dot]
        dot = name.find(".", dot + 1)
    yield name
