"""Layers of a place → parts: joins take in the branches that lie before them."""

from msgspec import Struct

from archcalc.formats.spec_text.places import Place
from archcalc.graph import Node

DEEPEST = 12
"""Joins within joins; a spec is read to 100 levels of YAML."""


class Part(Struct, frozen=True):
    """A layer (`position`), with the branches it joins where it is written so, or a place.

    It spans the nodes from `first` to `last`. `wants` is the node that has to flow in; None where that is all the same.
    """

    first: int
    last: int
    wants: int | None
    position: int = -1
    place: Place | None = None
    branches: tuple[tuple["Part", ...], ...] | None = None
    depth: int = 0


def parts_of(place: Place, nodes: tuple[Node, ...], flat: bool) -> list[Part]:
    """The parts of a place in order; without branches if `flat`."""
    parts: list[Part] = []
    ends = {place.entry: -1}
    for item in place.items:
        if isinstance(item, Place):
            part = Part(item.start, item.end - 1, item.entry if item.reads else None, place=item)
        else:
            node = nodes[item]
            flows = len(node.inputs) == 1 and node.op.arity != 0
            part = Part(item, item, node.inputs[0] if flows else None, item)
            if not flat and _joins(node):
                part = _joined(part, node, parts, ends) or part
        ends[part.last] = len(parts)
        parts.append(part)
    return parts


def _joins(node: Node) -> bool:
    return len(node.inputs) > 1 and (node.op.arity == 2 or (node.op.arity is None and node.op.fewest > 1))


def _joined(part: Part, node: Node, parts: list[Part], ends: dict[int, int]) -> Part | None:
    """The join with its branches, which are taken from the end of `parts`; None where it is none of branches.

    The branches have to lie side by side in the order of its inputs, the last right before it, and begin with one and
    the same node: an input that lies before all others, as an empty branch; else what the second branch begins with.
    """
    found = [ends.get(source) for source in node.inputs]
    cuts = [cut for cut in found if cut is not None]
    if len(cuts) < len(found):
        return None
    base = min(cuts)
    later = [cut for cut in cuts if cut != base]
    if not later or later != sorted(set(later)) or later[-1] != len(parts) - 1:
        return None
    start = base
    if not _begin_alike(parts, [base, *later[:-1]], node.inputs[cuts.index(base)]):
        # All inputs come out of branches: the first of them begins behind what the second begins with.
        fork = parts[base + 1].wants
        start = ends.get(fork, base) if fork is not None else base
        if start >= base or cuts.count(base) > 1 or cuts[0] != base:
            return None
        if fork is None or not _begin_alike(parts, [start, *cuts[:-1]], fork):
            return None
    branches, before = [], start
    for cut in cuts:
        branches.append(tuple(parts[before + 1 : cut + 1]) if cut > start else ())
        before = max(before, cut)
    depth = 1 + max(inner.depth for branch in branches for inner in branch)
    if depth > DEEPEST:
        return None
    wants = node.inputs[cuts.index(base)] if start == base else parts[base + 1].wants
    for inner in parts[start + 1 :]:
        ends.pop(inner.last, None)
    first = parts[start + 1].first
    del parts[start + 1 :]
    return Part(first, part.last, wants, part.position, None, tuple(branches), depth)


def _begin_alike(parts: list[Part], cuts: list[int], fork: int) -> bool:
    """Whether the branches behind all `cuts` begin with `fork`, or with what takes no input."""
    return all(parts[cut + 1].wants in (fork, None) for cut in cuts)
