"""Where the output of a node lies, and what has to be done to the numbers there to have its values.

What is the same for a whole channel need not be computed pixel by pixel: value = scale · number + offset. A bias in
front of a ReLU makes it max(x + b, 0) = max(x, −b) + b: one pass, with the offset b left to whoever reads it. A
convolution takes scale and offset into its weights and bias when the network is planned, at no cost when it runs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.forward.plan.tiles import FREE, Array, Limits

STEEP = 1e-4
"""Scales that are apart by more than this would make offsets too large to subtract without loss."""

GROWTH = 8.0
"""How much larger than a layer's own biases an offset may be. What a layer takes in, its weights multiply: left to the
next reader again and again, offsets grow from layer to layer until nothing is left of the values beside them."""


class Affine(Struct, frozen=True):
    """scale · number + offset, each one float64 a channel; None stands for 1 and 0."""

    scale: Array | None = None
    offset: Array | None = None

    @property
    def idle(self) -> bool:
        return self.scale is None and self.offset is None

    def then(self, scale: Array, offset: Array) -> "Affine":
        """This one, and then another."""
        mine = np.zeros_like(offset) if self.offset is None else self.offset
        return Affine(scale if self.scale is None else scale * self.scale, scale * mine + offset)

    def near(self, own: Array) -> bool:
        """Whether the offset is no larger than biases of this size should make it."""
        return self.offset is None or bool(np.abs(self.offset).max() <= GROWTH * np.abs(own).max())

    @property
    def gentle(self) -> bool:
        """Whether numbers and values are of similar size, whatever the channel."""
        if self.scale is None:
            return True
        size = np.abs(self.scale)
        return bool(size.min() > STEEP * size.max())


IDLE = Affine()
"""Numbers that are the values."""


def side_by_side(parts: Sequence[tuple[Affine, int]]) -> Affine:
    """That of channels side by side, each part with its number of channels."""
    if all(affine.idle for affine, _ in parts):
        return IDLE
    scales = [np.ones(count) if affine.scale is None else affine.scale for affine, count in parts]
    offsets = [np.zeros(count) if affine.offset is None else affine.offset for affine, count in parts]
    scale = None if all(affine.scale is None for affine, _ in parts) else np.concatenate(scales)
    return Affine(scale, np.concatenate(offsets))


def limits_side_by_side(parts: Sequence[tuple[Limits, int]], dtype: Any) -> Limits:
    """Those of channels side by side, each part with its number of channels."""

    def joined(bounds: list[Array | None], none: float) -> Array | None:
        if all(bound is None for bound in bounds):
            return None
        whole = (
            np.full(count, none, dtype) if bound is None else bound
            for bound, (_, count) in zip(bounds, parts, strict=True)
        )
        return np.concatenate(list(whole))

    return Limits(
        joined([limits.low for limits, _ in parts], -np.inf), joined([limits.high for limits, _ in parts], np.inf)
    )


def limits_before(affine: Affine, low: float | None, high: float | None, dtype: Any, channels: int) -> Limits:
    """The limits on numbers that are `low` and `high` on values; where a scale is negative, they change places.

    The scale has to be gentle, so that it is nowhere 0.
    """
    scale = np.ones(channels) if affine.scale is None else affine.scale
    offset = np.zeros(channels) if affine.offset is None else affine.offset
    floor = -np.inf * np.sign(scale) if low is None else (low - offset) / scale
    ceiling = np.inf * np.sign(scale) if high is None else (high - offset) / scale
    lows, highs = np.where(scale > 0, floor, ceiling), np.where(scale > 0, ceiling, floor)
    return Limits(
        None if np.all(lows == -np.inf) else lows.astype(dtype),
        None if np.all(highs == np.inf) else highs.astype(dtype),
    )


class Storage(Struct, frozen=True):
    """A piece of the arena, or (with `constant`) an array that no step writes. `shape` is as it lies in memory."""

    shape: tuple[int, ...]
    constant: Array | None = None


View = Callable[[Array], Array]


def last_to_channels(array: Array) -> Array:
    """(N, …, C), channels last in memory, as (N, C, …)."""
    return np.moveaxis(array, -1, 1)


class Value(Struct, frozen=True):
    """The output of a node: its storage, how that is seen as the node's output (N, C, …), and what is to be done yet.

    `views` are taken one after the other. `limits` are put on the numbers by whoever reads them, before `affine`.
    """

    storage: int
    views: tuple[View, ...] = ()
    affine: Affine = IDLE
    limits: Limits = FREE

    @property
    def plain(self) -> bool:
        """Whether the numbers are the values."""
        return self.affine.idle and self.limits.idle

    def seen(self, memory: Sequence[Array]) -> Array:
        """The numbers, as the output of the node that made them."""
        return self.through(memory[self.storage])

    def through(self, array: Array) -> Array:
        """Any array of the storage's shape, as the output of the node."""
        for view in self.views:
            array = view(array)
        return array

    def then(self, *views: View) -> "Value":
        """The same numbers seen in another way, as values."""
        return Value(self.storage, (*self.views, *views))

    def left(self, affine: Affine, limits: Limits = FREE) -> "Value":
        """The same numbers with something else left to be done."""
        return Value(self.storage, self.views, affine, limits)
