"""Receptive fields: which part of the input a unit of each layer can see, exact on any graph.

Units of a layer lie on the input at regular steps. Unit u of a layer sees the input positions from u·stride + low to
u·stride + high on an axis; a layer that reads `kernel` units, `dilation` apart, from position u·s − p of the layer
before it sees

    stride' = stride·s        low' = low − stride·p        high' = high + stride·(span − 1 − p)

so that size' = size + (span − 1)·stride and padding' = padding + p·stride, with size = high − low + 1 and padding =
−low: Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks (Distill, 2019). Where ways
join, a unit sees the union of what it sees along each. Where inputs are spread out (transposed convolution,
interpolation, adaptive pooling), the pattern repeats only every few units: lows and highs are then kept for each unit
of a period.
"""

from math import gcd, lcm
from operator import index
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from archcalc.infer import InferredGraph
from archcalc.ops.base import POINTWISE, Gap, Reads, Window

if TYPE_CHECKING:  # only spread grids need fractions, and importing them takes as long as a small network
    from fractions import Fraction

MAX_PERIOD = 4096


class Field(Struct, frozen=True, gc=False):
    """What units of a layer see of one axis of the input.

    Unit m·period + i sees from m·step + lows[i] to m·step + highs[i]; `period` is 1 unless an input was spread out.
    `axis` is the layer's axis that runs along this axis of the input.
    """

    axis: int
    step: int
    lows: tuple[int, ...]
    highs: tuple[int, ...]

    @property
    def period(self) -> int:
        return len(self.lows)

    @property
    def size(self) -> int:
        """The number of input positions from the first to the last seen; the largest, where units differ."""
        return max(high - low for low, high in zip(self.lows, self.highs, strict=True)) + 1

    @property
    def smallest(self) -> int:
        return min(high - low for low, high in zip(self.lows, self.highs, strict=True)) + 1

    @property
    def stride(self) -> "int | Fraction":
        """Input positions from one unit to the next: a fraction behind an upsampling."""
        if self.period == 1:
            return self.step
        from fractions import Fraction

        return Fraction(index(self.step), self.period)

    @property
    def padding(self) -> int:
        """How far unit 0 begins before the input: the effective padding."""
        return -self.lows[0]

    @property
    def centre(self) -> "float | Fraction":
        """Where unit 0 looks: (low + high)/2; on a spread grid unit 0 as the average of a period has it."""
        if self.period == 1:
            return (self.lows[0] + self.highs[0]) / 2
        from fractions import Fraction

        middles = sum(low + high for low, high in zip(self.lows, self.highs, strict=True))
        return Fraction(index(middles - self.step * (self.period - 1)), 2 * self.period)


class Global(Struct, frozen=True):
    """Every unit sees the whole axis: behind global pooling, flatten, linear layers and attention."""


class Nothing(Struct, frozen=True):
    """The layer does not depend on the input: a learned parameter."""


Seen = Field | Global | Nothing | Gap
"""What a layer sees of one axis of the input; a Gap where it cannot be said, and why."""


class Way(Struct, frozen=True):
    """One of the ways that join at a merge: the layer it comes through and what that sees."""

    layer: str
    size: int
    stride: "int | Fraction"
    padding: int
    centre: "float | Fraction"


class Misalignment(Struct, frozen=True):
    """A merge whose ways disagree on axes: units at the same place look at different places of the input.

    `axes` count the input's spatial axes from 0. `offset` is how far the centres of unit 0 lie apart; `same_stride`
    whether that stays so for all units.
    """

    merge: str
    axes: tuple[int, ...]
    ways: tuple[Way, ...]
    offset: "float | Fraction"
    same_stride: bool


class LayerField(Struct, frozen=True, gc=False):
    """What a layer sees of each spatial axis of the input."""

    name: str
    axes: tuple[Seen, ...]


class ReceptiveFields(Struct, frozen=True):
    """The receptive fields of all layers, the misaligned merges, and the last layer that has a field of its own."""

    layers: tuple[LayerField, ...]
    misaligned: tuple[Misalignment, ...]

    @property
    def last(self) -> LayerField | None:
        """The last layer before everything is global: the field that papers quote for a network."""
        return next(
            (layer for layer in reversed(self.layers) if any(isinstance(seen, Field) for seen in layer.axes)), None
        )


def seen_note(layer: LayerField) -> str:
    """Why a layer has no receptive field in numbers; empty where it has."""
    if not layer.axes:
        return "the input has no spatial axes"
    for seen in layer.axes:
        if isinstance(seen, Gap):
            return seen.reason
        if isinstance(seen, Global):
            return "global: every unit sees the whole input"
        if isinstance(seen, Nothing):
            return "does not depend on the input"
    return ""


def receptive_fields(network: InferredGraph) -> ReceptiveFields:
    """The receptive field of every layer on every spatial axis of the input: the formula and its source stand above."""
    rank = len(network.input_shape) - 1
    layers: list[LayerField] = []
    misaligned: list[Misalignment] = []
    for position, node in enumerate(network.nodes):
        if not node.inputs:
            entry = node.op.keyword == "input"
            axes: tuple[Seen, ...] = tuple(input_field(axis + 1) if entry else Nothing() for axis in range(rank))
            layers.append(LayerField(node.name, axes))
            continue
        windows = network.windows(position)
        found: list[Seen] = []
        for axis in range(rank):
            ways = [follow(layers[i].axes[axis], reads) for i, reads in zip(node.inputs, windows, strict=True)]
            seen, misfit = _join(ways, node.name, axis, [network.nodes[i].name for i in node.inputs])
            found.append(seen)
            _note(misfit, misaligned)
        layers.append(LayerField(node.name, tuple(found)))
    return ReceptiveFields(tuple(layers), tuple(misaligned))


def _note(misfit: Misalignment | None, misaligned: list[Misalignment]) -> None:
    """Take a misalignment in; one that differs from the last in the axis only is the same on one axis more."""
    if misfit is None:
        return
    last = misaligned[-1] if misaligned else None
    if last is not None and msgspec.structs.replace(last, axes=misfit.axes) == misfit:
        misaligned[-1] = msgspec.structs.replace(last, axes=(*last.axes, *misfit.axes))
    else:
        misaligned.append(misfit)


def input_field(axis: int) -> Field:
    """What the input sees of itself: each unit one position."""
    return Field(axis, 1, (0,), (0,))


def follow(seen: Seen, reads: Reads) -> Seen:
    """What a layer sees through one of its inputs, of which `seen` is known."""
    if not isinstance(seen, Field) or reads is POINTWISE[len(reads)]:
        return seen
    for axis, entry in enumerate(reads):
        if isinstance(entry, Window) and entry.axis == seen.axis:
            return through(seen, entry, axis)
    return next((entry for entry in reads if isinstance(entry, Gap)), Global())


def grow(size: int, stride: int, padding: int, window: Window) -> tuple[int, int, int]:
    """Size, effective stride and effective padding behind a window, from those before it; on any kind of number."""
    return size + (window.span - 1) * stride, stride * window.stride, padding + window.padding * stride


def through(field: Field, window: Window, axis: int) -> Field | Gap:
    """The field of units that read a window of units with a known field; `axis` is theirs."""
    if field.period > 1 or window.upsample > 1:
        return _through_spread(field, window, axis)
    size, stride, padding = grow(field.size, field.step, field.padding, window)
    return Field(axis, stride, (-padding,), (size - padding - 1,))


def _through_spread(field: Field, window: Window, axis: int) -> Field | Gap:
    """As `through`, unit by unit over one period."""
    spread = field.period * window.upsample
    shared = gcd(window.stride, spread) or spread
    period = spread // shared
    if period > MAX_PERIOD:
        return Gap(f"its pattern repeats only every {period} units")
    lows, highs = [], []
    for unit in range(period):
        met = _met(unit * window.stride - window.padding, window)
        if not met:
            return Gap("some units read nothing: the kernel passes between the units of a spread grid")
        # Fields begin and end in the order of units but for a period: as many from either end tell all.
        lows.append(min(_edge(field.lows, field, u) for u in met[: field.period]))
        highs.append(max(_edge(field.highs, field, u) for u in met[-field.period :]))
    return _shortest(Field(axis, field.step * (window.stride // shared), tuple(lows), tuple(highs)))


def _met(start: int, window: Window) -> range:
    """The units that a window meets on the spread grid from `start` on: points d apart that are multiples of f."""
    turn = window.upsample // gcd(window.dilation, window.upsample)  # points from one unit met to the next
    points = (j for j in range(min(turn, window.kernel)) if (start + j * window.dilation) % window.upsample == 0)
    first = next(points, None)
    if first is None:
        return range(0)
    count = (window.kernel - 1 - first) // turn + 1
    step = turn * window.dilation // window.upsample
    unit = (start + first * window.dilation) // window.upsample
    return range(unit, unit + count * step, step)


def _edge(edges: tuple[int, ...], field: Field, unit: int) -> int:
    """Where a unit beyond the first period begins or ends."""
    return unit // field.period * field.step + edges[unit % field.period]


def _shortest(field: Field) -> Field:
    """The same field with the shortest period that tells it."""
    for period in range(1, field.period):
        if field.period % period or field.step % (field.period // period):
            continue
        step = field.step // (field.period // period)
        if all(
            field.lows[i] == field.lows[i % period] + i // period * step
            and field.highs[i] == field.highs[i % period] + i // period * step
            for i in range(field.period)
        ):
            return Field(field.axis, step, field.lows[:period], field.highs[:period])
    return field


def _join(ways: list[Seen], merge: str, axis: int, producers: list[str]) -> tuple[Seen, Misalignment | None]:
    """The union of what is seen along all ways, and what they disagree about."""
    if len(ways) == 1:
        return ways[0], None
    seeing = [(way, name) for way, name in zip(ways, producers, strict=True) if not isinstance(way, Nothing)]
    fields = [way for way, _ in seeing if isinstance(way, Field)]
    if len(fields) < len(seeing):
        gaps = (way for way, _ in seeing if isinstance(way, Gap))
        return next(gaps, Global()), None
    if not fields:
        return Nothing(), None
    if len({field.axis for field in fields}) > 1:
        return Gap("axes are exchanged on one way only"), None
    same_stride = all(field.stride == fields[0].stride for field in fields[1:])
    union: Seen = _union(fields) if same_stride else Gap(f"ways of different strides meet at {merge}")
    centres = [field.centre for field in fields]
    offset = max(centres) - min(centres)
    if same_stride and not offset:
        return union, None
    told: list[Way] = []
    for way, name in zip(fields, (n for _, n in seeing), strict=True):
        new = Way(name, way.size, way.stride, way.padding, way.centre)
        told += [] if new in told else [new]
    return union, Misalignment(merge, (axis,), tuple(told), offset, same_stride)


def _union(fields: list[Field]) -> Field | Gap:
    """From the first position any of them sees to the last; all have one stride, so a common period exists."""
    period = lcm(*(field.period for field in fields))
    if period > MAX_PERIOD:
        return Gap(f"its pattern repeats only every {period} units")
    spread = [_repeated(field, period) for field in fields]
    lows = tuple(min(field.lows[i] for field in spread) for i in range(period))
    highs = tuple(max(field.highs[i] for field in spread) for i in range(period))
    return _shortest(Field(fields[0].axis, spread[0].step, lows, highs))


def _repeated(field: Field, period: int) -> Field:
    if field.period == period:
        return field
    times = period // field.period
    lows = tuple(low + turn * field.step for turn in range(times) for low in field.lows)
    highs = tuple(high + turn * field.step for turn in range(times) for high in field.highs)
    return Field(field.axis, field.step * times, lows, highs)
