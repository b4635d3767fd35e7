"""Cutting maps into tiles, and what is done to a tile while it is in the cache.

Maps are seen as torch sees them, (N, C, H, W), with the channels last in memory. `rows` are pixels then, and a map is a
matrix of pixels × channels.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from archcalc.forward.plan.workers import Call

Array = npt.NDArray[Any]

TILE = 32_768
"""Values of a tile: with what is read to make it, it stays in a second-level cache of half a MiB."""


class Scratch:
    """Memory that a step uses while it runs: some for each thread, some shared. Steps use it one after the other.

    Made without room it hands out fresh arrays and adds up how much room would have been needed.
    """

    def __init__(self, threads: int, own: int = 0, shared: int = 0) -> None:
        self._room = [np.empty(own, np.uint8) if own else None for _ in range(threads)]
        self._room.append(np.empty(shared, np.uint8) if shared else None)
        self._used = [0] * (threads + 1)
        self._most = [0] * (threads + 1)

    def own(self, thread: int, shape: Sequence[int], dtype: Any) -> Array:
        """An array that only one thread uses."""
        return self._take(thread, shape, dtype)

    def shared(self, shape: Sequence[int], dtype: Any) -> Array:
        """An array that all threads use; what one writes the others may read behind the end of a phase."""
        return self._take(-1, shape, dtype)

    def _take(self, place: int, shape: Sequence[int], dtype: Any) -> Array:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        begin = self._used[place]
        self._used[place] = begin + -(-size // 64) * 64
        self._most[place] = max(self._most[place], self._used[place])
        room = self._room[place]
        if room is None:
            return np.empty(shape, dtype)
        return room[begin : begin + size].view(dtype).reshape(shape)

    def release(self) -> None:
        """A step is bound: the next one may use the same memory."""
        self._used = [0] * len(self._used)

    @property
    def needed(self) -> tuple[int, int]:
        """Bytes for each thread, and bytes shared."""
        return max(self._most[:-1]), self._most[-1]


class Limits(Struct, frozen=True):
    """Element by element: not below `low`, not above `high`, each one value a channel."""

    low: Array | None = None
    high: Array | None = None

    @property
    def idle(self) -> bool:
        return self.low is None and self.high is None


Curve = Literal["silu", "sigmoid", "hardswish", "hardsigmoid", "tanh", "leaky_relu"]


class Epilogue(Struct, frozen=True):
    """What happens to a tile behind the products: plus what lies in another map, plus a bias, limits, a curve."""

    bias: Array | None = None
    limits: Limits = Limits()
    curve: str = ""
    slope: float = 0.0


def over(count: int, parts: int) -> list[range]:
    """`count` things dealt out to `parts`, in order, as evenly as can be."""
    edges = [count * part // parts for part in range(parts + 1)]
    return [range(begin, end) for begin, end in zip(edges, edges[1:], strict=False)]


def pieces(whole: range, size: int) -> Iterator[range]:
    """A range in equal pieces of at most `size`."""
    count = -(-len(whole) // max(size, 1))
    for part in over(len(whole), count) if count else []:
        yield range(whole.start + part.start, whole.start + part.stop)


def matrix(view: Array) -> Array | None:
    """A channels-last map (N, C, …) as pixels × channels, without a copy; None where its memory does not allow it."""
    last = np.moveaxis(view, 1, -1)
    steps, sizes = last.strides, last.shape
    if sizes[-1] > 1 and steps[-1] != last.itemsize:
        return None
    pitch = next((step for step, size in zip(steps[-2::-1], sizes[-2::-1], strict=True) if size > 1), steps[-2])
    expected = pitch
    for step, size in zip(steps[-2::-1], sizes[-2::-1], strict=True):
        if size > 1 and step != expected:
            return None
        expected *= size
    pixels = int(np.prod(sizes[:-1]))
    return np.lib.stride_tricks.as_strided(last, (pixels, sizes[-1]), (pitch, last.itemsize))


class Constants:
    """Per-channel numbers repeated over the pixels of a tile, each made once.

    A call over a whole tile is twice as fast as one in which numpy repeats a row.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._tiles: dict[tuple[int, int, int], Array] = {}

    def over(self, values: Array, pixels: int, channels: range) -> Array:
        if pixels == 1 or len(channels) * pixels > 2 * TILE:
            return values[channels.start : channels.stop]
        key = (id(values), channels.start, channels.stop)
        if key not in self._tiles:
            part = values[channels.start : channels.stop]
            self._tiles[key] = np.tile(part, (max(pixels, self._pixels), 1))
        return self._tiles[key][:pixels]


def finish(
    tile: Array, epilogue: Epilogue, channels: range, constants: Constants, spare: Array, residual: Array | None
) -> list[Call]:
    """The calls that do `epilogue` to a tile of pixels × channels in place; `spare` is as large as the tile."""
    calls: list[Call] = []
    pixels = tile.shape[0]
    if residual is not None:
        calls.append(partial(np.add, tile, residual, out=tile))
    if epilogue.bias is not None:
        calls.append(partial(np.add, tile, constants.over(epilogue.bias, pixels, channels), out=tile))
    calls += limit(tile, tile, epilogue.limits, channels, constants)
    if epilogue.curve:
        calls += curve(tile, epilogue.curve, epilogue.slope, spare)
    return calls


def limit(source: Array, tile: Array, limits: Limits, channels: range, constants: Constants) -> list[Call]:
    """`tile` (… × pixels × channels) becomes `source` within its limits."""
    calls: list[Call] = []
    pixels = tile.shape[-2]
    if limits.low is not None:
        low = constants.over(limits.low, pixels, channels)
        calls.append(partial(np.maximum, source, low, out=tile))
        source = tile
    if limits.high is not None:
        high = constants.over(limits.high, pixels, channels)
        calls.append(partial(np.minimum, source, high, out=tile))
    return calls


def curve(tile: Array, name: str, slope: float, spare: Array) -> list[Call]:
    """An activation in place, in as few passes as numpy allows."""
    one, three, six, sixth = (tile.dtype.type(number) for number in (1, 3, 6, 1 / 6))
    zero = tile.dtype.type(0)
    if name == "tanh":
        return [partial(np.tanh, tile, out=tile)]
    if name == "leaky_relu":
        join = np.maximum if slope <= 1 else np.minimum
        return [partial(np.multiply, tile, tile.dtype.type(slope), out=spare), partial(join, tile, spare, out=tile)]
    if name in ("sigmoid", "silu"):
        logistic: list[Call] = [
            partial(np.negative, tile, out=spare),
            partial(np.exp, spare, out=spare),
            partial(np.add, spare, one, out=spare),
        ]
        last = partial(np.divide, one if name == "sigmoid" else tile, spare, out=tile)
        return [*logistic, last]
    gate: list[Call] = [
        partial(np.add, tile, three, out=spare),
        partial(np.maximum, spare, zero, out=spare),
        partial(np.minimum, spare, six, out=spare),
    ]
    if name == "hardsigmoid":
        return [*gate, partial(np.multiply, spare, sixth, out=tile)]
    return [*gate, partial(np.multiply, tile, spare, out=tile), partial(np.multiply, tile, sixth, out=tile)]
