"""What units see, by experiment: part of the input is NaN, and where NaN comes out something of it was seen.

NaN passes through sums, products (even with zero), maxima and exponentials, and from one unit to another only where
that one is read. Behind a curtain of NaN over all positions ahead of t, just those units are numbers that see nothing
ahead of t. The samples of a batch are behind different curtains. Functions that are not defined everywhere are run
where they are (`total_rules`).
"""

from collections.abc import Callable, Iterator, Sequence
from math import sqrt

import numpy as np
from msgspec import Struct

from archcalc.analysis.receptive_field import Field, Global, Seen, follow
from archcalc.forward.draws import uniform
from archcalc.forward.kernels import Array
from archcalc.forward.reach import ends, met_units
from archcalc.forward.reference import run_reference
from archcalc.forward.rules import total_rules
from archcalc.forward.strips import Strip
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.ops.base import NO_WORK, Gap, Reads, Shape, Window, show_shape
from archcalc.ops.source import Input

FAILURES = (ArithmeticError, IndexError, KeyError, TypeError, ValueError)
"""What is raised where arrays do not fit together as they should."""

_VALUES = 1 << 24  # of the largest output of a batch
_NODE = 5e6  # multiply-accumulates in the time that a node takes besides its own

Advance = Callable[[float], None]
"""Told of work that is done, in multiply-accumulates."""


class Curtain(Struct, frozen=True):
    """NaN at all positions of an axis ahead of `edge`, or at all behind it."""

    ahead: bool
    edge: int

    def over(self, length: int) -> slice:
        return slice(0, max(self.edge, 0)) if self.ahead else slice(max(self.edge + 1, 0), length)

    def hides(self, first: Array, last: Array) -> Array:
        """Whether it hides something of what lies between two positions."""
        hidden: Array = first < self.edge if self.ahead else last > self.edge
        return hidden

    @property
    def hidden(self) -> str:
        return f"what lies {'ahead of' if self.ahead else 'behind'} {self.edge}"


def work_of(network: InferredGraph, position: int, curtains: int) -> float:
    """How long a node takes behind some curtains."""
    return curtains * network.work(position).macs + _NODE


def observe(strip: Strip, curtains: Sequence[Curtain], seed: int, advance: Advance) -> dict[int, str]:
    """For each node that could be computed where its units are not what its field predicts; empty where they are."""
    found: dict[int, str] = {}
    parted = _parted(strip.network, strip.fields)
    for batch in _batches(strip, curtains):
        done = -1
        try:
            with np.errstate(all="ignore"):
                for node, output in _run(strip, batch, seed):
                    found[node] = found.get(node) or _miss(strip, node, parted[node], np.isnan(output), batch)
                    done = node
                    advance(work_of(strip.network, node, len(batch)))
        except FAILURES as error:
            return {**{node: miss for node, miss in found.items() if node <= done}, done + 1: failure(error)}
    return found


def failure(error: Exception) -> str:
    """An error of a kernel in a few words."""
    if isinstance(error, KeyError):
        return f"cannot be computed: what it reads is not there any more ({error})"
    return f"cannot be computed: {type(error).__name__}: {error}"


def measure(strip: Strip, node: int, units: Array, seed: int) -> tuple[Array, Array] | None:
    """The first and the last position that units of a node see, by bisection; None where one of them sees nothing."""
    length = strip.length
    # The last edge at which a curtain ahead hides nothing, the first at which it does; likewise from the other end.
    clear, hit = np.zeros(len(units), int), np.full(len(units), length)
    clear_behind, hit_behind = np.full(len(units), length - 1), np.full(len(units), -1)
    if not (_blind(strip, node, units, True, hit, seed) & ~_blind(strip, node, units, True, clear, seed)).all():
        return None
    while (hit - clear > 1).any() or (clear_behind - hit_behind > 1).any():
        middle = (clear + hit) // 2
        blind = _blind(strip, node, units, True, middle, seed)
        clear, hit = np.where(blind, clear, middle), np.where(blind, middle, hit)
        middle = (clear_behind + hit_behind) // 2
        blind = _blind(strip, node, units, False, middle, seed)
        clear_behind, hit_behind = np.where(blind, clear_behind, middle), np.where(blind, middle, hit_behind)
    return hit - 1, hit_behind + 1


def _blind(strip: Strip, node: int, units: Array, ahead: bool, edges: Array, seed: int) -> Array:
    """Whether each unit is NaN behind a curtain of its own."""
    curtains = [Curtain(ahead, int(edge)) for edge in edges]
    field = strip.fields[node]
    assert isinstance(field, Field)  # noqa: S101 - others are not measured
    with np.errstate(all="ignore"):
        output = next(output for position, output in _run(strip, curtains, seed) if position == node)
    return _along(np.isnan(output), field)[np.arange(len(units)), units]


def _run(strip: Strip, curtains: Sequence[Curtain], seed: int) -> Iterator[tuple[int, Array]]:
    return run_reference(strip.network, strip.weights, _samples(strip, curtains, seed), rules=total_rules())


def _batches(strip: Strip, curtains: Sequence[Curtain]) -> Iterator[Sequence[Curtain]]:
    size = max(1, _VALUES // max(product(shape) for shape in strip.network.shapes))
    return (curtains[begin : begin + size] for begin in range(0, len(curtains), size))


def _samples(strip: Strip, curtains: Sequence[Curtain], seed: int) -> list[Array]:
    """The same random values for each input of the network behind each of the curtains."""
    samples = []
    for node, shape in zip(strip.network.nodes, strip.network.shapes, strict=True):
        if isinstance(node.op, Input):
            values = uniform(shape, sqrt(3), seed, f"samples.{node.name}")
            batch = np.repeat(values[np.newaxis], len(curtains), axis=0)
            for sample, curtain in zip(batch, curtains, strict=True):
                np.moveaxis(sample, strip.axis + 1, 0)[curtain.over(strip.length)] = np.nan
            samples.append(batch)
    return samples


def _along(blind: Array, field: Field) -> Array:
    """Sample by unit: whether any value at a unit's place along the axis of a field is NaN."""
    others = tuple(axis for axis in range(1, blind.ndim) if axis != field.axis + 1)
    return np.asarray(blind.any(axis=others))


def _miss(strip: Strip, node: int, parted: frozenset[int], blind: Array, curtains: Sequence[Curtain]) -> str:
    """What of an output is not as predicted; nothing if all of it is."""
    seen, stated = strip.fields[node], strip.network.shapes[node]
    if blind.shape[1:] != stated:
        return f"{show_shape(blind.shape[1:])} came out, where {show_shape(stated)} was stated"
    if isinstance(seen, Gap):
        return ""
    if isinstance(seen, Field):
        return _field_miss(strip, node, seen, _along(blind, seen), curtains)
    united = blind.any(axis=tuple(axis + 1 for axis in parted)).reshape(len(blind), -1)
    reach = strip.reaches[node]
    hidden = np.concatenate([curtain.hides(reach.first, reach.last) for curtain in curtains])
    wrong = united != hidden[:, np.newaxis]
    if not wrong.any():
        return ""
    sample = int(wrong.any(axis=1).argmax())
    count = f"{wrong[sample].sum()} of {wrong.shape[1]} units"
    return f"{count} {'do not see' if hidden[sample] else 'see'} {curtains[sample].hidden}"


def _field_miss(strip: Strip, node: int, field: Field, blind: Array, curtains: Sequence[Curtain]) -> str:
    """The same along the axis of a field. Where padding is seen too, of a field is left what lies on maps."""
    reach = strip.reaches[node]
    stated = ends(field, np.arange(blind.shape[1]))
    first, last = (np.where(reach.inside, *pair) for pair in zip(stated, (reach.first, reach.last), strict=True))
    predicted = np.stack([curtain.hides(first, last) for curtain in curtains])
    wrong = (blind != predicted) & (reach.inside | strip.plain[node])
    if not wrong.any():
        return ""
    sample, unit = (int(at) for at in np.argwhere(wrong)[0])
    return f"unit {unit} {'sees' if blind[sample, unit] else 'does not see'} {curtains[sample].hidden}"


def _parted(network: InferredGraph, fields: Sequence[Seen]) -> list[frozenset[int]]:
    """For each node that is global the axes of its output along which units see different parts, and not all the same.

    What flatten deals out, concat puts side by side and padding adds keeps what it saw; whatever reads along such an
    axis and computes with it sees all of it.
    """
    found: list[frozenset[int]] = []
    for position, (node, seen) in enumerate(zip(network.nodes, fields, strict=True)):
        ways = []
        if isinstance(seen, Global):
            moves = network.work(position) == NO_WORK
            for producer, reads in zip(node.inputs, network.windows(position), strict=True):
                way = _parted_way(reads, fields[producer], found[producer], moves)
                ways.append(way | _added(reads, network.shapes[producer], network.shapes[position]) if moves else way)
        side_by_side = any(isinstance(entry, Gap) for reads in network.windows(position) for entry in reads)
        merge = frozenset[int].union if side_by_side else frozenset[int].intersection
        found.append(merge(*ways) if ways else frozenset())
    return found


def _parted_way(reads: Reads, seen: Seen, before: frozenset[int], moves: bool) -> frozenset[int]:
    """The same for what comes from one input, which is parted along `before`."""
    anew = frozenset(axis for axis, entry in enumerate(reads) if not isinstance(entry, Window))
    followed = {entry.axis: axis for axis, entry in enumerate(reads) if isinstance(entry, Window)}
    if not isinstance(follow(seen, reads), Global):  # another input makes the node global: beside this one, or over it
        return anew if any(isinstance(entry, Gap) for entry in reads) else frozenset(range(len(reads)))
    dealt = not isinstance(seen, Global) or bool(before - set(followed))
    return frozenset(followed[axis] for axis in before if axis in followed) | (anew if moves and dealt else frozenset())


def _added(reads: Reads, shape: Shape, output: Shape) -> frozenset[int]:
    """The axes along which some units of what only moves values read nothing: padding."""
    windows = {axis: entry for axis, entry in enumerate(reads) if isinstance(entry, Window)}
    return frozenset(
        axis
        for axis, window in windows.items()
        if not met_units(window, output[axis], shape[window.axis])[-1].any(axis=1).all()
    )
