"""An array of a file of weights: what it is, and its values, mapped or unpacked when they are asked for."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from archcalc.errors import Problem, UsageError, printable
from archcalc.forward.kernels import Array
from archcalc.numbers import product
from archcalc.ops.base import Shape

PIECE = 1 << 18
"""Values that are looked at at once."""

BITS = {"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16, "float8_e4m3fn": 8, "float8_e5m2": 8}
"""Floating-point types of files → bits of a value. numpy has all but bfloat16 and those of 8 bits."""

FLOATS = ("float16", "bfloat16", "float32", "float64")
"""Those that networks are computed from."""


class Raw(Protocol):
    """Values in the order of memory, as the file has them; bfloat16 as uint16, or as float32 already."""

    def whole(self) -> Array:
        """All of them, one after the other: a map of the file where it can be one."""
        ...

    def pieces(self) -> Iterator[Array]:
        """The same by pieces of `PIECE` values at most, checked against the file's checksum where it has one."""
        ...


class Entry(Struct, frozen=True):
    """An array of a file. `place` is where it is stored, if it is there as in memory: file and offset.

    `fortran` arrays have their first axis last in memory.
    """

    name: str
    shape: Shape
    dtype: str
    raw: Raw
    fortran: bool = False
    place: tuple[str, int] | None = None

    @property
    def count(self) -> int:
        return product(self.shape)

    @property
    def bytes(self) -> int:
        return self.count * (BITS[self.dtype] // 8 if self.dtype in BITS else np.dtype(self.dtype).itemsize)

    def array(self) -> Array:
        """The values, mapped from the file if they are there as in memory; bfloat16, which numpy has not, as float32.

        Raises UsageError where they cannot be read.
        """
        return _numbers(self.raw.whole(), self.dtype).reshape(self.shape, order="F" if self.fortran else "C")

    def pieces(self) -> Iterator[Array]:
        """The values in the order in which they are stored, a piece at a time: memory stays flat."""
        for piece in self.raw.pieces():
            yield _numbers(piece, self.dtype)


def _numbers(raw: Array, dtype: str) -> Array:
    if dtype != "bfloat16" or raw.dtype.kind == "f":
        return raw
    widened = np.zeros((raw.size, 2), "<u2")  # a bfloat16 is the upper half of a float32
    widened[:, 1] = raw
    return widened.view("<f4").reshape(-1)


class Held(Struct, frozen=True):
    """Values that are an array already, or become one when they are asked for."""

    get: Any  # () -> Array

    def whole(self) -> Array:
        array: Array = self.get()
        return array.reshape(-1)

    def pieces(self) -> Iterator[Array]:
        flat = self.whole()
        for begin in range(0, flat.size, PIECE):
            yield flat[begin : begin + PIECE]


def entry_of(name: str, array: Array) -> Entry:
    """An array in memory as an entry."""
    fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    flat = array.ravel(order="K" if fortran else "C")
    return Entry(name, array.shape, array.dtype.newbyteorder("=").name, Held(lambda: flat), fortran)


class WeightFile(Mapping[str, Array]):
    """The arrays of a file by their names. `entries` say what they are without reading them."""

    def __init__(self, path: str | os.PathLike[str], kind: str, entries: Mapping[str, Entry]) -> None:
        self.path, self.kind, self.entries = os.fspath(path), kind, entries

    @property
    def shown(self) -> str:
        """The path, safe to print."""
        return printable(self.path, 200)

    @property
    def weights(self) -> Mapping[str, Entry]:
        """What may be a weight: in a model file, arrays of floating-point numbers; the others are its arithmetic."""
        if self.kind != "onnx":
            return self.entries
        return {name: entry for name, entry in self.entries.items() if entry.dtype in FLOATS and entry.shape}

    def __getitem__(self, name: str) -> Array:
        return self.entries[name].array()

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def unreadable(path: str, error: OSError) -> UsageError:
    """What is said of a file that the system does not give."""
    return UsageError(Problem(f"'{printable(path, 200)}' cannot be read: {error.strerror or error}"))
