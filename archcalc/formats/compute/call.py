"""How an operator is called: its attributes, its opset, and how much memory its results may take."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.errors import Problem, UsageError, enumerate_words, printable
from archcalc.forward.kernels import Array


class Call(Struct, frozen=True):
    """What an operator is told beside its inputs.

    `kind` is the operator's name, `opset` the version of the operator set whose meaning it has, `outputs` how many of
    its outputs are wanted, `limit` how many bytes an array that it makes may have. Missing attributes have ONNX's
    defaults, which the operators name.
    """

    kind: str
    attributes: Mapping[str, Any]
    opset: int
    outputs: int
    limit: int

    def get(self, name: str, default: Any) -> Any:
        """An attribute, or what it is where none is given."""
        return self.attributes.get(name, default)

    def need(self, name: str) -> Any:
        """An attribute that has no default. Raises UsageError where it is missing."""
        if name not in self.attributes:
            raise UsageError(Problem(f"{self.kind} has no attribute '{name}'", None, f"opset {self.opset} asks for it"))
        return self.attributes[name]

    def room(self, shape: Sequence[int], dtype: Any) -> tuple[int, ...]:
        """The shape of an array that is about to be made. Raises UsageError where it would exceed `limit`."""
        sizes = tuple(int(size) for size in shape)
        if any(size < 0 for size in sizes):
            raise UsageError(Problem(f"{self.kind} would make an array of {_shown(sizes)}"))
        size = math.prod(sizes) * np.dtype(dtype).itemsize
        if size > self.limit:
            message = f"{self.kind} would make an array of {_shown(sizes)}, {_bytes(size)}"
            raise UsageError(Problem(message, None, f"at most {_bytes(self.limit)} are allowed"))
        return sizes

    def spread(self, *inputs: Array) -> tuple[Array, ...]:
        """Inputs that are joined element by element, and stretched to each other: room for the result is checked.

        Before opset 7 the second was stretched by `broadcast`, its axes laid from `axis` on.
        """
        if self.opset < 7 and len(inputs) == 2 and "axis" in self.attributes:
            first, second = inputs
            behind = first.ndim - self.attributes["axis"] % max(first.ndim, 1) - second.ndim
            inputs = (first, second.reshape(second.shape + (1,) * behind))
        if len(inputs) > 1:
            self.room(np.broadcast_shapes(*(x.shape for x in inputs)), inputs[0].dtype)
        return inputs


def axes_of(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, those that were counted from behind included. Raises UsageError beyond the rank."""
    beyond = [int(axis) for axis in axes if not -rank <= axis < rank]
    if beyond:
        named = printable(enumerate_words([str(axis) for axis in beyond]), 80)
        raise UsageError(Problem(f"there is no axis {named} among {rank}"))
    return tuple(int(axis) % rank for axis in axes)


def axis_of(axis: int, rank: int) -> int:
    """One axis, counted from the front. Raises UsageError beyond the rank."""
    return axes_of([axis], rank)[0]


def integers(values: Array) -> tuple[int, ...]:
    """An input that holds sizes, axes or places, as Python has them."""
    return tuple(int(value) for value in values.ravel())


def _shown(sizes: Sequence[int]) -> str:
    return printable("×".join(map(str, sizes)), 80) or "one value"


def _bytes(size: int) -> str:
    powers = [power for power in (3, 2, 1) if size >= 1024**power]
    return f"{size // 1024 ** powers[0]} {('KiB', 'MiB', 'GiB')[powers[0] - 1]}" if powers else f"{size} bytes"
