"""What was done to one network to make another of it: layers put in, taken out, changed, or made to read others."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from archcalc.analysis.alignment import Alignment
from archcalc.graph import Node
from archcalc.infer import InferredGraph
from archcalc.ops.base import Op

Kind = Literal["added", "removed", "changed", "rewired"]


class Change(Struct, frozen=True):
    """An argument with its value on either side; `inputs` and `shares` are the layers that are read or shared with."""

    argument: str
    before: Any
    after: Any


class Edit(Struct, frozen=True):
    """One thing that was done, wherever it was done: layers by name on either side, `changes` where they differ.

    `places` is how often it was done: the same layers put in at different places are several.
    """

    kind: Kind
    keywords: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    places: int = 1


class Edits(Struct, frozen=True):
    """All edits in the order of the networks, and which of them layers belong to, by their positions.

    `removed` are positions in the first network; `added`, and the `paired` ones that were changed, in the second.
    """

    edits: tuple[Edit, ...]
    removed: Mapping[int, int]
    added: Mapping[int, int]
    paired: Mapping[int, int]


Run = tuple[int, ...]
_Key = tuple[Kind, object, tuple[Change, ...]]


def find_edits(before: InferredGraph, after: InferredGraph, alignment: Alignment) -> Edits:
    """The edits that turn the first network into the second. Alike ones are one edit of several places."""
    groups: dict[_Key, list[tuple[Run, Run]]] = {}
    for run in _runs(alignment.removed):
        groups.setdefault(("removed", tuple(before.nodes[i].op for i in run), ()), []).append((run, ()))
    for run in _runs(alignment.added):
        groups.setdefault(("added", tuple(after.nodes[j].op for j in run), ()), []).append(((), run))
    roots = roots_of(before, alignment.removed), roots_of(after, alignment.added)
    partners = {j: i for i, j in alignment.pairs}
    for i, j in alignment.pairs:
        one, other = before.nodes[i], after.nodes[j]
        changes = (*_changed_arguments(one.op, other.op), *_changed_sharing(before, one, after, other))
        if changes:
            groups.setdefault(("changed", one.op.keyword, changes), []).append(((i,), (j,)))
        elif _reads_others([roots[0][p] for p in one.inputs], [roots[1][p] for p in other.inputs], partners):
            read = Change("inputs", _names(before, one.inputs), _names(after, other.inputs))
            groups.setdefault(("rewired", one.op.keyword, (read,)), []).append(((i,), (j,)))
    return _numbered(before, after, groups)


def roots_of(network: InferredGraph, strangers: Iterable[int]) -> list[int | None]:
    """For each layer the nearest at or before it that is no stranger: that the other network has too.

    The way back goes through the first of several inputs: the one whose shape a join keeps.
    """
    unknown, roots = set(strangers), list[int | None]()
    for position, node in enumerate(network.nodes):
        if position in unknown:
            roots.append(roots[node.inputs[0]] if node.inputs else None)
        else:
            roots.append(position)
    return roots


def _numbered(before: InferredGraph, after: InferredGraph, groups: Mapping[_Key, list[tuple[Run, Run]]]) -> Edits:
    """Groups of alike edits → edits in the order in which the first place of each stands in the second network."""

    def place(key: _Key) -> tuple[int, int]:
        left, right = groups[key][0]
        return (right[0], 1) if right else (left[0], 0)

    edits: list[Edit] = []
    removed, added, paired = dict[int, int](), dict[int, int](), dict[int, int]()
    for number, key in enumerate(sorted(groups, key=place)):
        kind, _, changes = key
        left, right = ([i for place in groups[key] for i in place[side]] for side in (0, 1))
        nodes = [before.nodes[i] for i in left] or [after.nodes[j] for j in right]
        keywords = tuple(dict.fromkeys(node.op.keyword for node in nodes))
        edits.append(Edit(kind, keywords, _names(before, left), _names(after, right), changes, len(groups[key])))
        removed.update(dict.fromkeys(left if kind == "removed" else (), number))
        added.update(dict.fromkeys(right if kind == "added" else (), number))
        paired.update(dict.fromkeys(right if kind in ("changed", "rewired") else (), number))
    return Edits(tuple(edits), removed, added, paired)


def _names(network: InferredGraph, positions: Iterable[int]) -> tuple[str, ...]:
    return tuple(network.nodes[position].name for position in positions)


def _runs(positions: Iterable[int]) -> list[Run]:
    """Neighbours together."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and runs[-1][-1] == position - 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return [tuple(run) for run in runs]


def _reads_others(theirs: Sequence[int | None], mine: Sequence[int | None], partners: Mapping[int, int]) -> bool:
    """Whether a layer reads other layers than before, those put in and taken out looked through.

    Where it reads more of them or fewer, the ones that came or went were edited, and it was not.
    """
    if len(theirs) != len(mine):
        return False
    return list(theirs) != [None if root is None else partners[root] for root in mine]


def _changed_arguments(one: Op, other: Op) -> Iterable[Change]:
    if one == other:
        return
    before: Mapping[str, Any] = msgspec.structs.asdict(one)
    after: Mapping[str, Any] = msgspec.structs.asdict(other)
    for name in before:
        if before[name] != after[name]:
            yield Change(name, before[name], after[name])


def _changed_sharing(before: InferredGraph, one: Node, after: InferredGraph, other: Node) -> Iterable[Change]:
    """Whether a layer has weights of its own on one side and another's on the other."""
    if (one.shares is None) != (other.shares is None):
        owners = (
            None if node.shares is None else graph.nodes[node.shares].name
            for graph, node in ((before, one), (after, other))
        )
        yield Change("shares", *owners)
