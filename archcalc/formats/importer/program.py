"""The form between frontends and our graph: operators by ONNX's names on named values."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from archcalc.formats.onnx_file import Stored

Dim = int | str | None
"""A size, the name of one that is not fixed, or nothing at all."""


class Tensor(Struct, frozen=True):
    """An array of the program, and what is known of where it comes from.

    `path` is the dotted name that a state dict has for it, where it has one. `trainable` is None where the file does
    not say.
    """

    stored: Stored
    path: str = ""
    trainable: bool | None = None


class Operation(Struct, frozen=True):
    """A call of an operator. Inputs that are left out are empty names.

    Attributes are decoded: int, float, str, `Tensor`, `Program` (a branch), and tuples of them. `scope` is the dotted
    path of the module that called it, `label` what the file calls it.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    label: str = ""
    scope: str = ""
    domain: str = ""


class Program(Struct, frozen=True):
    """A network as a frontend reads it; operations in an order in which each comes after what it reads.

    `stated` are shapes that the file notes for values. `apart` says that arrays which are equal are stored each by
    itself: then layers that read one array share it, be it a vector. `ours` says that we wrote it: labels are the names
    of layers.
    """

    name: str
    inputs: Mapping[str, tuple[Dim, ...]]
    tensors: Mapping[str, Tensor]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
    opset: int
    stated: Mapping[str, tuple[Dim, ...]] = {}
    apart: bool = False
    ours: bool = False

    def read(self) -> Iterator[str]:
        """The names of values that its operations read, those within branches too, and of its outputs."""
        yield from self.outputs
        for operation in self.operations:
            yield from operation.inputs
            for branch in operation.attributes.values():
                if isinstance(branch, Program):
                    yield from branch.read()
