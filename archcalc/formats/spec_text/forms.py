"""What lines of a spec have in common: a form with holes, and the values that fill them.

Two stretches of a network can be written by one text exactly if their forms are the same; what differs is in the
values. Forms are numbered, equal ones alike, so that sequences of them are compared as numbers.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from archcalc.ops.base import Op

Text: TypeAlias = tuple[str, ...]
"""A name whose numbers are holes: `conv{}_{}` is ("conv", "_", "")."""

_NUMBER = re.compile(r"(?<![0-9])(0|[1-9][0-9]{0,8})(?![0-9])")


class Series(tuple[Any, ...]):
    """The values of one hole in the turns of a loop; those of loops within loops are series of series."""

    __slots__ = ()


class Layer(Struct, frozen=True):
    """An operator. `inputs` is None where it takes what flows; `branches` hold forms.

    `held` are long lists among its arguments: they are no argument that a block would be called with. `listed`: the
    names of its inputs are one hole, a list, and not each a text of its own.
    """

    op: type[Op]
    name: Text | None
    inputs: tuple[Text, ...] | None = None
    shares: Text | None = None
    branches: tuple[tuple[int, ...], ...] | None = None
    held: tuple[Any, ...] = ()
    listed: bool = False


class Call(Struct, frozen=True):
    """A block, by its number."""

    block: int
    name: Text
    inputs: Text | None


class Loop(Struct, frozen=True):
    """Forms that are written several times."""

    body: tuple[int, ...]


Form: TypeAlias = Layer | Call | Loop


class Argument(Struct, frozen=True):
    """An argument of a block: its name, and the kind of its values as `Hole` has it."""

    name: str
    kind: str


class Hole(Struct, frozen=True):
    """What a value is for: an argument by its `label`, or a number of turns, in a name or in the name of an input.

    `kind` tells numbers of channels or features (`wide`), numbers of turns, and lists of names from all others; `owner`
    numbers the layers and calls of a text in their order, `form` is what it is there; `loops` are the indices
    of the loops around it from the outside in.
    """

    label: str
    kind: str
    owner: int
    form: int
    loops: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether it is a number within a name, which counts on more often than it doubles."""
        return self.label in (NAME, INPUTS) or self.kind == TURNS

    @property
    def wide(self) -> bool:
        return self.kind == WIDE


NAME, INPUTS, TURNS = "", "inputs", "repeat"
WIDE, LISTS = "wide", "sources"
_WIDE = frozenset({"out_channels", "out_features", "groups", "embed_dim"})
INNER = "j"
"""The index within a list that is worked out."""
INDICES = ("i", "stage", "group", "part", "chapter")
"""What the index of a loop is called: of one without loops in it, of one with such loops in it, and so on."""


class Line(Struct, frozen=True):
    """A form by number, with its values and the last node it writes."""

    form: int
    values: tuple[Any, ...]
    last: int


class Forms:
    """All forms of one text, each with a number; mutable while the text is made."""

    def __init__(self) -> None:
        self.all: list[Form] = []
        self.numbers: dict[Form, int] = {}
        self.lines: list[int] = []
        self.arguments: dict[type[Op], dict[str, Any]] = {}
        self.blocks: list[tuple[Argument, ...]] = []
        self.depths: list[int] = []

    def number(self, form: Form) -> int:
        found = self.numbers.get(form)
        if found is None:
            found = self.numbers[form] = len(self.all)
            self.all.append(form)
            self.lines.append(self._height(form))
            depth = max((self.depths[inner] for inner in self.inner(form)), default=0)
            self.depths.append(depth + isinstance(form, Loop))
        return found

    def inner(self, form: Form) -> Iterator[int]:
        """The forms within a form, in the order in which their values stand."""
        if isinstance(form, Loop):
            yield from form.body
        elif isinstance(form, Layer):
            for branch in form.branches or ():
                yield from branch

    def arguments_of(self, op: type[Op]) -> dict[str, Any]:
        """The arguments of an operator with the values they have by themselves."""
        if op not in self.arguments:
            self.arguments[op] = {field.name: field.default for field in msgspec.structs.fields(op)}
        return self.arguments[op]

    def index(self, number: int) -> str:
        """What the index of a loop is called."""
        return INDICES[min(self.depths[number], len(INDICES)) - 1]

    def _own(self, form: Form) -> Iterator[tuple[str, str]]:
        """A form's own holes in the order of its values: their labels and kinds."""
        if isinstance(form, Loop):
            yield TURNS, TURNS
            return
        for _ in (form.name or ())[1:]:
            yield NAME, ""
        if isinstance(form, Call):
            for _ in (form.inputs or ())[1:]:
                yield INPUTS, ""
            yield from ((argument.name, argument.kind) for argument in self.blocks[form.block])
            return
        yield from ((label, WIDE if label in _WIDE else "") for label in self.arguments_of(form.op))
        if form.listed:
            yield LISTS, LISTS
        for text in (*(form.inputs or ()), *((form.shares,) if form.shares else ())):
            for _ in text[1:]:
                yield INPUTS, ""

    def holes(self, forms: Sequence[int]) -> list[Hole]:
        """What the values of a sequence of forms are for, in their order."""
        found: list[Hole] = []
        self._collect(forms, (), count(), found)
        return found

    def _collect(self, forms: Sequence[int], loops: tuple[str, ...], owners: Iterator[int], found: list[Hole]) -> None:
        """`holes` of forms within loops; its depth is bounded as that of parts is."""
        for number, owner in zip(forms, owners, strict=False):
            form = self.all[number]
            found += [Hole(label, kind, owner, number, loops) for label, kind in self._own(form)]
            inner = tuple(self.inner(form))
            if inner:
                around = (*loops, self.index(number)) if isinstance(form, Loop) else loops
                self._collect(inner, around, owners, found)

    def _height(self, form: Form) -> int:
        """About how many lines a form takes."""
        inside = sum(self.lines[inner] for inner in self.inner(form))
        if isinstance(form, Loop):
            return inside + 4
        if isinstance(form, Layer) and form.branches is not None:
            return inside + 1 + sum(not branch for branch in form.branches)
        return 1


def parted(name: str) -> tuple[Text, tuple[int, ...]]:
    """A name as its texts and the whole numbers between them."""
    parts = _NUMBER.split(name)
    return tuple(parts[::2]), tuple(map(int, parts[1::2]))
