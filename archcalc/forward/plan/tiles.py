"""Cutting maps into tiles, and what is done to a tile while it is in the cache.

Maps are seen as torch sees them, (N, C, H, W), with the channels last in memory. `rows` are pixels then, and a map is a
matrix of pixels × channels.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from archcalc.forward.kernels.unitwise import gelu
from archcalc.forward.plan.workers import Call

Array = npt.NDArray[Any]

TILE = 32_768
"""Values of a tile: with what is read to make it, it stays in a second-level cache of half a MiB."""


FINISH = 16_384
"""Values that are finished at a time: what is repeated for each channel is then as small, and stays in the cache."""


class Scratch:
    """Memory that a step uses while it runs: some for each thread, some shared. Steps use it one after the other.

    Made without room it hands out fresh arrays and adds up how much room would have been needed.
    """

    def __init__(self, own: Sequence[Array | None], shared: Array | None) -> None:
        self._room = [*own, shared]
        self._used = [0] * len(self._room)
        self._most = [0] * len(self._room)

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
        if room is None or not room.size:
            return np.empty(shape, dtype)
        taken: Array = room[begin : begin + size].view(dtype).reshape(shape)
        return taken

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


FREE = Limits()
"""No limits."""


class Curve(Struct, frozen=True):
    """An activation that is not a limit; `slope` is that of `leaky_relu`.

    `unit` computes it, where no faster form is known.
    """

    name: str
    slope: float = 0.0
    unit: Callable[[Array], Array] | None = None

    @property
    def room(self) -> int:
        """Arrays as large as a tile that it computes in."""
        return 0 if self.unit is not None else 2 if self.name == "gelu" else 1


class Epilogue(Struct, frozen=True):
    """What happens to a tile behind the products: plus what lies in another map, plus a bias, limits, a curve."""

    bias: Array | None = None
    limits: Limits = FREE
    curve: Curve | None = None

    def spare(self, scratch: Scratch, thread: int, shape: tuple[int, int], dtype: Any) -> Array | None:
        """Memory that the epilogue needs for tiles of up to this shape."""
        return None if self.curve is None else scratch.own(thread, (self.curve.room * shape[0], shape[1]), dtype)


def over(count: int, parts: int) -> list[range]:
    """`count` things dealt out to `parts`, in order, as evenly as can be."""
    return [range(count * part // parts, count * (part + 1) // parts) for part in range(parts)]


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

    A call over a whole tile is faster than one in which numpy repeats a row.
    """

    def __init__(self) -> None:
        self._tiles: dict[tuple[int, int, int], Array] = {}

    def over(self, values: Array, pixels: int, channels: range) -> Array:
        """Those of some channels, for a tile of pixels; as one row where the tile is a large one."""
        part = values[channels.start : channels.stop]
        if pixels == 1 or len(channels) * pixels > 2 * TILE:
            return part
        key = (id(values), channels.start, channels.stop)
        if key not in self._tiles or len(self._tiles[key]) < pixels:
            self._tiles[key] = np.tile(part, (pixels, 1))
        return self._tiles[key][:pixels]


def finish(
    tile: Array, epilogue: Epilogue, channels: range, constants: Constants, spare: Array | None, residual: Array | None
) -> list[Call]:
    """The calls that do `epilogue` to a tile of pixels × channels in place, a few pixels at a time."""
    calls: list[Call] = []
    for part in pieces(range(len(tile)), max(1, FINISH // tile.shape[1])):
        here = tile[part.start : part.stop]
        if residual is not None:
            calls.append(partial(np.add, here, residual[part.start : part.stop], out=here))
        if epilogue.bias is not None:
            calls.append(partial(np.add, here, constants.over(epilogue.bias, len(here), channels), out=here))
        calls += limit(here, here, epilogue.limits, channels, constants)
        if epilogue.curve is not None and spare is not None:
            calls += bend(here, epilogue.curve, spare)
    return calls


def limit(source: Array, tile: Array, limits: Limits, channels: range, constants: Constants) -> list[Call]:
    """`tile` (… × pixels × channels) becomes `source` within its limits."""
    calls: list[Call] = []
    # Where pixels do not follow one another in memory, numpy goes row by row in any case.
    pixels = tile.shape[-2] if _in_rows(source) and _in_rows(tile) else 1
    if limits.low is not None:
        low = constants.over(limits.low, pixels, channels)
        calls.append(partial(np.maximum, source, low, out=tile))
        source = tile
    if limits.high is not None:
        high = constants.over(limits.high, pixels, channels)
        calls.append(partial(np.minimum, source, high, out=tile))
    return calls


def _in_rows(view: Array) -> bool:
    return bool(view.strides[-2] == view.shape[-1] * view.itemsize)


def bend(tile: Array, curve: Curve, spare: Array) -> list[Call]:
    """An activation in place, in as few passes as numpy allows; `spare` has room for it."""
    if curve.unit is not None:
        return [partial(_bend_by, curve.unit, tile)]
    one, slope = (tile.dtype.type(number) for number in (1, curve.slope))
    here = spare[: len(tile)]
    if curve.name == "tanh":
        return [partial(np.tanh, tile, out=tile)]
    if curve.name == "leaky_relu":
        join = np.maximum if curve.slope <= 1 else np.minimum
        return [partial(np.multiply, tile, slope, out=here), partial(join, tile, here, out=tile)]
    if curve.name in ("sigmoid", "silu"):
        return [
            partial(np.negative, tile, out=here),
            partial(np.exp, here, out=here),
            partial(np.add, here, one, out=here),
            partial(np.divide, one if curve.name == "sigmoid" else tile, here, out=tile),
        ]
    if curve.name == "gelu":
        return _gelu(tile, here, spare[len(tile) : 2 * len(tile)])
    return _hard(tile, curve.name, here)


def _bend_by(unit: Callable[[Array], Array], tile: Array) -> None:
    np.copyto(tile, unit(tile))


def _hard(tile: Array, name: str, spare: Array) -> list[Call]:
    """min(max(x + 3, 0), 6)/6, and x times that."""
    zero, three, six = (tile.dtype.type(number) for number in (0, 3, 6))
    gate: list[Call] = [
        partial(np.add, tile, three, out=spare),
        partial(np.maximum, spare, zero, out=spare),
        partial(np.minimum, spare, six, out=spare),
    ]
    if name == "hardsigmoid":
        return [*gate, partial(np.divide, spare, six, out=tile)]
    return [*gate, partial(np.multiply, tile, spare, out=tile), partial(np.divide, tile, six, out=tile)]


# Abramowitz and Stegun (1964), 7.1.26: erf(x) = 1 − (a1·t + … + a5·t⁵)·exp(−x²) with t = 1/(1 + p·x), off by at most
# 1.5e-7 for x ≥ 0.
_ERF_P = 0.3275911
_ERF_A = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def _gelu(tile: Array, a: Array, b: Array) -> list[Call]:
    """x·Φ(x) = max(x, 0) − |x|/2·(1 − erf(|x|/√2)): exact to float32; float64 takes the reference kernel's series."""
    if tile.dtype != np.float32:
        return [lambda: np.copyto(tile, gelu(tile))]
    number = tile.dtype.type
    series: list[Call] = [partial(np.multiply, a, number(_ERF_A[0]), out=b)]
    for coefficient in _ERF_A[1:]:
        series += [partial(np.add, b, number(coefficient), out=b), partial(np.multiply, b, a, out=b)]
    return [
        partial(np.abs, tile, out=a),
        partial(np.multiply, a, number(_ERF_P / math.sqrt(2)), out=a),
        partial(np.add, a, number(1), out=a),
        partial(np.reciprocal, a, out=a),
        *series,
        partial(np.multiply, tile, tile, out=a),
        partial(np.multiply, a, number(-0.5), out=a),
        partial(np.exp, a, out=a),
        partial(np.multiply, b, a, out=b),
        partial(np.abs, tile, out=a),
        partial(np.multiply, b, a, out=b),
        partial(np.multiply, b, number(0.5), out=b),
        partial(np.add, tile, a, out=tile),
        partial(np.multiply, tile, number(0.5), out=tile),
        partial(np.subtract, tile, b, out=tile),
    ]
