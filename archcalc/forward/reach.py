"""What a map leaves units to see: windows are followed unit by unit, back to the input, and end where a map ends."""

import operator
from collections.abc import Sequence
from functools import reduce

import numpy as np
from msgspec import Struct

from archcalc.analysis.receptive_field import Field, Seen
from archcalc.forward.kernels import Array
from archcalc.infer import InferredGraph
from archcalc.ops.base import Window

NOWHERE = 1 << 40
"""The first position of what sees nothing: behind all others. Its last is −1."""


class Reach(Struct, frozen=True, eq=False):
    """What the windows of all layers, one after the other, leave each unit of a layer to see along an axis.

    `first` and `last` are the positions that it sees; of a layer that is global, those of all its units together.
    `inside` tells whether all that it depends on lies on maps and nothing in padding: there a field has to be exact.
    `solid`, whether through each input it sees something and not only padding.
    """

    first: Array
    last: Array
    inside: Array
    solid: Array


def ends(field: Field, units: Array) -> tuple[Array, Array]:
    """The first and the last position that units see, as a field says."""
    turn, within = np.divmod(units, field.period)
    return turn * field.step + np.array(field.lows)[within], turn * field.step + np.array(field.highs)[within]


def reaches_of(network: InferredGraph, seen: Sequence[Seen]) -> tuple[Reach, ...]:
    """For each layer what is left to see along an axis of which it is said to see `seen`."""
    found: list[Reach] = []
    for position, (node, field) in enumerate(zip(network.nodes, seen, strict=True)):
        if not isinstance(field, Field):
            found.append(_together([found[producer] for producer in node.inputs]))
            continue
        size = network.shapes[position][field.axis]
        ways = [
            _through(found[producer], reads[field.axis], size)
            for producer, reads in zip(node.inputs, network.windows(position), strict=True)
            if isinstance(seen[producer], Field)  # else it does not depend on the input of the network
        ]
        found.append(_joined(ways) if ways else _itself(size))
    return tuple(found)


def _itself(size: int) -> Reach:
    """What the input of a network sees of itself."""
    return Reach(np.arange(size), np.arange(size), np.ones(size, bool), np.ones(size, bool))


def _together(reaches: Sequence[Reach]) -> Reach:
    """What is seen by all units of all inputs of a layer that is global; nothing, if there are none."""
    first = min((reach.first.min() for reach in reaches), default=NOWHERE)
    last = max((reach.last.max() for reach in reaches), default=-1)
    return Reach(np.array([first]), np.array([last]), np.empty(0, bool), np.empty(0, bool))


def _joined(ways: Sequence[Reach]) -> Reach:
    """What is seen through one input or another."""
    return Reach(
        reduce(np.minimum, [way.first for way in ways]),
        reduce(np.maximum, [way.last for way in ways]),
        reduce(operator.and_, [way.inside for way in ways]),
        reduce(operator.and_, [way.solid for way in ways]),
    )


def _through(reach: Reach, window: Window | object, count: int) -> Reach:
    """What `count` units see through a window."""
    assert isinstance(window, Window)  # noqa: S101 - or the layer would have no field along this axis
    units, on_grid, met = met_units(window, count, len(reach.first))
    first = np.where(met, reach.first[units], NOWHERE).min(axis=1)
    last = np.where(met, reach.last[units], -1).max(axis=1)
    inside, solid = ((met & reach.inside[units]) | ~on_grid).all(axis=1), (met & reach.solid[units]).any(axis=1)
    return Reach(first, last, np.asarray(inside), np.asarray(solid))


def met_units(window: Window, count: int, size: int) -> tuple[Array, Array, Array]:
    """For each of `count` units and each point of its window the unit of `size` that it meets, if it meets one.

    Then whether a unit could lie there, on a spread grid, and whether one does.
    """
    starts = np.arange(count) * window.stride - window.padding
    points = starts[:, np.newaxis] + window.dilation * np.arange(window.kernel)
    units, between = np.divmod(points, window.upsample)
    on_grid = between == 0
    return units.clip(0, size - 1), on_grid, on_grid & (units >= 0) & (units < size)
