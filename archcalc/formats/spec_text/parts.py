"""Layers of a place → parts: joins take in the branches that lie before them."""

from itertools import pairwise

from msgspec import Struct

from archcalc.formats.spec_text.places import Place
from archcalc.graph import Node

DEEPEST = 12
"""Joins within joins; a spec is read to 100 levels of YAML."""


class Part(Struct, frozen=True):
    """A layer (`position`), with the branches it joins where it is written so, or a place.

    It spans the nodes from `first` to `last`. `wants` is the node that has to flow in; None where it names what it
    reads, or reads nothing (`source`).
    """

    first: int
    last: int
    wants: int | None
    position: int = -1
    place: Place | None = None
    branches: tuple[tuple["Part", ...], ...] | None = None
    depth: int = 0
    source: bool = False


def parts_of(place: Place, nodes: tuple[Node, ...], flat: bool) -> list[Part]:
    """The parts of a place in order; without branches if `flat`."""
    pile = _Pile(place.entry)
    for item in place.items:
        if isinstance(item, Place):
            part = Part(item.start, item.end - 1, item.entry if item.reads else None, place=item, source=not item.reads)
        else:
            node = nodes[item]
            wants = node.inputs[0] if len(node.inputs) == 1 else None
            part = Part(item, item, wants, item, source=not node.inputs)
            if not flat and _joins(node):
                part = _joined(part, node, pile) or part
        pile.add(part)
    return pile.parts


class _Pile:
    """The parts so far. `ends` has the place of each by its last node, and −1 for what flows in; `stops` counts the
    parts up to each that do not take what flows.
    """

    def __init__(self, entry: int) -> None:
        self.entry = entry
        self.parts: list[Part] = []
        self.ends = {entry: -1}
        self.stops: list[int] = []

    def add(self, part: Part) -> None:
        flow = self.parts[-1].last if self.parts else self.entry
        stops = self.stops[-1] if self.stops else 0
        self.ends[part.last] = len(self.parts)
        self.parts.append(part)
        self.stops.append(stops + (not part.source and part.wants != flow))

    def taken(self, start: int) -> list[Part]:
        """Take away the parts from `start` on."""
        parts = self.parts[start:]
        for part in parts:
            self.ends.pop(part.last, None)
        del self.parts[start:]
        del self.stops[start:]
        return parts

    def branches(self, cuts: list[int], fork: int) -> bool:
        """Whether the stretches between these places are branches: they begin with `fork`, or with what takes no input,
        and each part takes what the one before it gives.
        """
        for before, last in pairwise(cuts):
            first = self.parts[before + 1]
            if not (first.source or first.wants == fork) or self.stops[last] > self.stops[before + 1]:
                return False
        return True


def _joins(node: Node) -> bool:
    return len(node.inputs) > 1 and (node.op.arity == 2 or (node.op.arity is None and node.op.fewest > 1))


def _joined(part: Part, node: Node, pile: _Pile) -> Part | None:
    """The join with its branches, which are taken from the pile; None where it is none of branches.

    The branches have to lie side by side in the order of its inputs, the last right before it, and begin with one and
    the same node: an input that lies before all others, as an empty branch; else what the second branch begins with.
    """
    cuts = [cut for source in node.inputs if (cut := pile.ends.get(source)) is not None]
    base = min(cuts, default=0)
    later = [cut for cut in cuts if cut != base]
    if len(cuts) < len(node.inputs) or not later or later != sorted(set(later)) or later[-1] != len(pile.parts) - 1:
        return None
    start, fork = base, node.inputs[cuts.index(base)]
    if not pile.branches([base, *later], fork):
        # All inputs come out of branches: the first of them begins behind what the second begins with.
        wanted = pile.parts[base + 1].wants
        before = None if wanted is None else pile.ends.get(wanted)
        if wanted is None or before is None or before >= base or cuts[0] != base or len(later) < len(cuts) - 1:
            return None
        start, fork = before, wanted
        if not pile.branches([start, *cuts], fork):
            return None
    stretches = {last: (before, last) for before, last in pairwise([start, *([base] if base > start else []), *later])}
    spans = [stretches.get(cut) for cut in cuts]
    depth = 1 + max(inner.depth for inner in pile.parts[start + 1 :])
    if depth > DEEPEST:
        return None
    taken = pile.taken(start + 1)
    branches = tuple(() if span is None else tuple(taken[span[0] - start : span[1] - start]) for span in spans)
    return Part(taken[0].first, part.last, fork, part.position, None, branches, depth)
