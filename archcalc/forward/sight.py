"""Receptive fields held against what units see, along each axis of the input.

On a strip that is long enough (`strips`), the first position that a unit sees is `low` if it is a number behind the
curtain ahead of `low`, and none behind that ahead of `low` + 1; likewise the last. That is shown for a period of
neighbouring units and the first of the next, which fixes size, stride and padding; and behind every curtain, every unit
of every layer has to be what its field predicts, at the ends of a map what is left of the field there.

On the network's own map there are curtains over the first position, the last one, and either half: what is global is a
number behind none of them, unless no layer ever reads what is hidden.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

import numpy as np
from msgspec import Struct

from archcalc.analysis.receptive_field import Field, Global, Nothing, ReceptiveFields, Seen, receptive_fields
from archcalc.forward.claims import Claim, Extent
from archcalc.forward.curtains import FAILURES, Curtain, measure, observe, work_of
from archcalc.forward.kernels import Array
from archcalc.forward.reach import ends
from archcalc.forward.strips import Strip, own_map, strip_for
from archcalc.infer import InferredGraph
from archcalc.ops.base import Gap, Shape, axis_names
from archcalc.ops.source import Input

_MEASURED = 6  # layers an axis that disagree: what lies behind the first ones inherits their fields

Units = Mapping[int, tuple[Array, Array]]
"""Node → its units whose first position is to be shown, and those whose last one is."""


class _View(Struct, frozen=True, eq=False):
    """A map, units whose fields are to be shown on it exactly, and the curtains that do."""

    strip: Strip
    units: Units
    curtains: tuple[Curtain, ...]

    @property
    def work(self) -> float:
        network = self.strip.network
        return sum(work_of(network, node, len(self.curtains)) for node in range(len(network.nodes)))


class FieldProof(Struct, frozen=True):
    """A claim about the receptive field of each node, and the inputs of the strips on which they were observed."""

    claims: tuple[Claim, ...]
    strips: tuple[Shape, ...]


def prove_fields(
    network: InferredGraph, weights: Mapping[str, Array], seed: int, tell: Callable[[float], None]
) -> FieldProof:
    """What the analysis says of receptive fields against what is seen. `tell` is told the share of the work done."""
    fields = receptive_fields(network)
    views = list(_views(network, weights, fields))
    whole, done = sum(view.work for view in views), 0.0

    def advance(work: float) -> None:
        nonlocal done
        done += work
        tell(done / whole)

    looks: dict[tuple[int, int], list[_Look]] = {}
    for view in views:
        for node, miss in observe(view.strip, view.curtains, seed, advance).items():
            looks.setdefault((view.strip.layers[node], view.strip.axis), []).append(_Look(view, node, miss))
    judges = [_Judge(network, weights, fields, axis, seed) for axis in range(len(fields.layers[0].axes))]
    claims = [
        _claim([judge.part(position, looks.get((position, axis), [])) for axis, judge in enumerate(judges)])
        for position in range(len(network.nodes))
    ]
    strips = dict.fromkeys(view.strip.network.input_shape for view in views)
    return FieldProof(tuple(claims), tuple(shape for shape in strips if shape != network.input_shape))


def _views(network: InferredGraph, weights: Mapping[str, Array], fields: ReceptiveFields) -> Iterator[_View]:
    """For each axis the network's own map, and a strip for the layers of each stride."""
    for axis, length in enumerate(network.input_shape[1:]):
        edges = (Curtain(True, 1), Curtain(False, length - 2), Curtain(True, length // 2), Curtain(False, length // 2))
        yield _View(own_map(network, weights, fields, axis), {}, edges)
        layers: dict[tuple[int, int], list[int]] = {}
        for position, (node, layer) in enumerate(zip(network.nodes, fields.layers, strict=True)):
            seen = layer.axes[axis]
            if isinstance(seen, Field) and not isinstance(node.op, Input):
                layers.setdefault((seen.step, seen.period), []).append(position)
        for alike in layers.values():
            strip = strip_for(network, weights, fields, axis, alike)
            units = _units(strip, [strip.layers.index(position) for position in alike])
            yield _View(strip, units, tuple(_curtains(strip, units)))


def _units(strip: Strip, nodes: list[int]) -> Units:
    """Units near either end of the strip, at places that share as many curtains as can be.

    Where there is no full period of them, as on a map that cannot be longer, those that there are.
    """
    fields = {node: field for node in nodes if isinstance(field := strip.fields[node], Field)}
    runs = {node: strip.units(node, field.period + 1) for node, field in fields.items()}
    found: dict[int, tuple[Array, Array]] = {}
    first = max((ends(fields[node], run[0])[0] for node, run in runs.items() if run.size), default=0)
    last = min(
        (ends(fields[node], run[-1] + fields[node].period)[1] for node, run in runs.items() if run.size), default=0
    )
    for node, run in runs.items():
        field = fields[node]
        if not run.size:
            some = strip.units(node, 1)[: field.period + 1]
            found |= {node: (some, some)} if some.size else {}
            continue
        near, far = run[ends(field, run)[0] >= first], run[ends(field, run + field.period)[1] <= last]
        one_more = np.arange(field.period + 1)
        found[node] = (near[0] if near.size else run[-1]) + one_more, (far[-1] if far.size else run[0]) + one_more
    return found


def _curtains(strip: Strip, units: Units) -> Iterator[Curtain]:
    """Two for each position that is to be shown: one that does not hide it, one that hides it and nothing further."""
    edges: dict[Curtain, None] = {}
    for node, (firsts, lasts) in units.items():
        field = strip.fields[node]
        assert isinstance(field, Field)  # noqa: S101 - others have no units to show
        for low in map(int, ends(field, firsts)[0]):
            edges |= {Curtain(True, low): None, Curtain(True, low + 1): None}
        for high in map(int, ends(field, lasts)[1]):
            edges |= {Curtain(False, high): None, Curtain(False, high - 1): None}
    yield from edges


class _Look(Struct, frozen=True, eq=False):
    """A layer on one of the maps, and where it is not as predicted there."""

    view: _View
    node: int
    miss: str


class _Judge:
    """Decides about one axis of the input, layer by layer in their order."""

    def __init__(
        self, network: InferredGraph, weights: Mapping[str, Array], fields: ReceptiveFields, axis: int, seed: int
    ) -> None:
        self._network = network
        self._weights = weights
        self._fields = fields
        self._axis = axis
        self._seed = seed
        self._measured = 0

    def part(self, position: int, looks: list[_Look]) -> Claim:
        """What is claimed of a layer along this axis, and whether it is so everywhere that it was looked at."""
        seen = self._fields.layers[position].axes[self._axis]
        predicted = _predicted(seen)
        # First where its own units are shown, then on other maps.
        misses = [look.miss for look in sorted(looks, key=lambda look: look.node not in look.view.units) if look.miss]
        if isinstance(seen, Gap):
            return Claim(predicted, None, None, seen.reason)
        if misses and isinstance(seen, Field):
            return self._measure(position, seen, misses[0])
        if misses:
            return Claim(predicted, f"not {predicted}", False, misses[0])
        if not looks:
            return Claim(predicted, None, None, "not reached: a layer before it cannot be computed")
        if isinstance(seen, Field) and not any(look.node in look.view.units for look in looks):
            reason = "all of its units see padding too, and on a longer map its field would be another"
            return Claim(predicted, None, None, reason)
        return Claim(predicted, predicted, True, _unread(looks[0]) if isinstance(seen, Global) else "")

    def _measure(self, position: int, field: Field, miss: str) -> Claim:
        """What units in the middle of a map see that has room for more than the field."""
        self._measured += 1
        disagreement = Claim(_predicted(field), None, False, miss)
        if self._measured > _MEASURED:
            return disagreement
        spare = 2 * field.size + 16 * field.step
        strip = strip_for(self._network, self._weights, self._fields, self._axis, [position], spare)
        node = strip.layers.index(position)
        inside = strip.units(node, field.period + 1)
        runs = inside if inside.size else np.arange(len(strip.reaches[node].inside) - field.period)
        if not runs.size:
            return disagreement
        units = runs[len(runs) // 2] + np.arange(field.period + 1)
        try:
            found = measure(strip, node, units, self._seed)
        except FAILURES:
            return disagreement
        if found is None:
            return disagreement
        differ = np.flatnonzero(np.any(np.array(found) != np.array(ends(field, units)), axis=0))
        if differ.size:
            (low, high), (first, last) = ([int(end[differ[0]]) for end in pair] for pair in (ends(field, units), found))
            miss = f"unit {units[differ[0]]} sees {first} to {last}, not {low} to {high}"
        return Claim(_predicted(field), _extent(field, units, *found), False, miss)


def _unread(look: _Look) -> str:
    """What of the network's own map not even a layer that sees everything sees, because no layer reads it."""
    reach, last = look.view.strip.reaches[look.node], look.view.strip.length - 1
    first_seen, last_seen = int(reach.first[0]), int(reach.last[0])
    return (
        ""
        if (first_seen, last_seen) == (0, last)
        else f"0 to {last} but for what no layer reads: {first_seen} to {last_seen}"
    )


def _predicted(seen: Seen) -> "Extent | str":
    if isinstance(seen, Field):
        return Extent(seen.size, seen.stride, seen.padding)
    return "global" if isinstance(seen, Global) else "none" if isinstance(seen, Nothing) else "?"


def _extent(field: Field, units: Array, firsts: Array, lasts: Array) -> Extent:
    """Size, stride and padding as measured on some units, by the period that is predicted."""
    size, period = int((lasts - firsts).max()) + 1, field.period
    step, first = int(firsts[-1] - firsts[0]), int(np.flatnonzero(units % period == 0)[0])
    padding = int(units[first]) // period * step - int(firsts[first])
    return Extent(size, step if period == 1 else Fraction(step, period), padding)


def _claim(parts: list[Claim]) -> Claim:
    """What is claimed along each axis as one claim: it disagrees if one of them does."""
    if not parts:
        return Claim((), (), None, "the input has no spatial axes")
    verdicts = [part.agrees for part in parts]
    agrees = False if False in verdicts else None if None in verdicts else True
    remarks = [part.remark for part in parts]
    if len(set(remarks)) == 1:
        remark = remarks[0]
    else:
        named = zip(axis_names(len(parts) + 1)[1:], remarks, strict=True)
        remark = "; ".join(f"{name}: {said}" for name, said in named if said)
    return Claim(tuple(part.predicted for part in parts), tuple(part.observed for part in parts), agrees, remark)
