"""What a rule is given: the place of one layer in the model, and what it becomes there, as plain data."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from archcalc.formats.onnx_file import INNER
from archcalc.ops.base import Shape, Shapes


class Call(Struct, frozen=True):
    """One node of the model: the type of operator, the values it reads and gives by name, and its attributes."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class Layer:
    """One layer while a rule writes it.

    `inputs` are the names of the values that it reads, `shapes` and `output` their shapes without the batch. Values
    between its nodes and constants are called `{layer}#{number}`, as no layer is; the last node that a rule writes
    gives the layer's own value, `{layer}`. `batch` is 0 where it is known only when the model runs: then it is that of
    the value `entry`.
    """

    def __init__(
        self,
        name: str,
        owner: str,
        inputs: Sequence[str],
        shapes: Shapes,
        output: Shape,
        batch: int,
        dtype: np.dtype[Any],
        entry: str,
    ) -> None:
        self.name = name
        self.inputs = tuple(inputs)
        self.shapes = shapes
        self.output = output
        self.batch = batch
        self.constants: dict[str, npt.NDArray[Any]] = {}
        self._owner = owner
        self._dtype = dtype
        self._entry = entry
        self._calls: list[Call] = []
        self._made = 0

    @property
    def rank(self) -> int:
        """The number of spatial axes of what it reads."""
        return len(self.shapes[0]) - 1

    @property
    def epsilon(self) -> float:
        """The distance from 1 to the next number of the type of the weights."""
        return float(np.finfo(self._dtype).eps)

    @property
    def calls(self) -> list[Call]:
        """Its nodes in order; the last one has the name of the layer."""
        *before, last = self._calls
        return [*before, Call(last.kind, last.inputs, (self.name,), last.attributes)]

    def weight(self, name: str) -> str:
        """The initialiser of one of its weights, or of the layer's whose weights it shares."""
        return f"{self._owner}.{name}"

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Writes a node of one output; an input that is left out is an empty name, as in the format."""
        (output,) = self.nodes(kind, 1, *inputs, **attributes)
        return output

    def nodes(self, kind: str, count: int, *inputs: str, **attributes: Any) -> tuple[str, ...]:
        """Writes a node of `count` outputs."""
        outputs = tuple(self._fresh() for _ in range(count))
        self._calls.append(Call(kind, inputs, outputs, attributes))
        return outputs

    def whole(self, *numbers: int) -> str:
        """A constant of whole numbers: sizes, axes, bounds."""
        return self._constant(np.array(numbers, dtype=np.int64))

    def number(self, values: npt.ArrayLike) -> str:
        """A constant of the type of the weights."""
        return self._constant(np.asarray(values, dtype=self._dtype))

    def reshaped(self, value: str, *sizes: int) -> str:
        """The value in another shape, the batch in front of it: to Reshape, 0 is the size that was there."""
        return self.node("Reshape", value, self.whole(self.batch, *sizes))

    def with_batch(self, *sizes: int) -> str:
        """A shape as a value, the batch in front of it."""
        if self.batch:
            return self.whole(self.batch, *sizes)
        return self.node("Concat", self.node("Shape", self._entry, end=1), self.whole(*sizes), axis=0)

    def _constant(self, array: npt.NDArray[Any]) -> str:
        name = self._fresh()
        self.constants[name] = array
        return name

    def _fresh(self) -> str:
        self._made += 1
        return f"{self.name}{INNER}{self._made}"


Rule = Callable[[Any, Layer], object]
"""Writes the nodes of an operator; what it returns is not used."""
