"""Parts of a place → lines: forms with the values that fill them."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from archcalc.formats.spec_text.forms import Call, Forms, Layer, Line, Text, parted
from archcalc.formats.spec_text.parts import Part, parts_of
from archcalc.formats.spec_text.places import Place, reference, unnamed
from archcalc.formats.spec_text.runs import collapse
from archcalc.graph import Node

LONGEST = 16
"""Values of a list that an argument of a block may be."""
Called = Mapping[str, tuple[int, tuple[Any, ...]]]
"""By the path of a place the block that writes it, and the values of that block's arguments."""


class UnsayableError(Exception):
    """In these `places` a layer reads another which no name reaches from there; nobody sees it."""

    def __init__(self, places: set[str]) -> None:
        super().__init__(*places)
        self.places = places


def lines_of(place: Place, nodes: tuple[Node, ...], forms: Forms, called: Called, flat: bool) -> list[Line]:
    """The lines of a place, those of branches with their repeats as loops; `flat` finds no branches."""
    maker = _Maker(place, nodes, forms, called, frozenset(unnamed(place, nodes)))
    return maker.lines(parts_of(place, nodes, flat), place.entry)


class _Maker(Struct, frozen=True):
    place: Place
    nodes: tuple[Node, ...]
    forms: Forms
    called: Called
    unnamed: frozenset[int]

    def lines(self, parts: Sequence[Part], flow: int) -> list[Line]:
        """The lines of parts, `flow` being the node that flows into the first."""
        lines = []
        for part in parts:
            lines.append(self._call(part, flow) if part.place is not None else self._layer(part, flow))
            flow = part.last
        return lines

    def _call(self, part: Part, flow: int) -> Line:
        assert part.place is not None  # noqa: S101
        name, values = parted(self.place.local(part.place.path))
        inputs: Text | None = None
        if part.wants is not None and part.wants != flow:
            inputs, more = self._reference(part.wants)
            values += more
        block, arguments = self.called[part.place.path]
        return Line(self.forms.number(Call(block, name, inputs)), values + arguments, part.last)

    def _layer(self, part: Part, flow: int) -> Line:
        node = self.nodes[part.position]
        name: Text | None = None
        values: tuple[Any, ...] = ()
        if part.position not in self.unnamed:
            name, values = parted(self.place.local(node.name))
        arguments = tuple(getattr(node.op, argument) for argument in self.forms.arguments_of(type(node.op)))
        held = tuple(value for value in arguments if isinstance(value, tuple) and len(value) > LONGEST)
        values += arguments
        inputs: tuple[Text, ...] | None = None
        listed = self._listed(part, node) if part.wants != flow else None
        if listed:
            values += (listed,)
        elif part.wants != flow and node.op.arity != 0:
            inputs, more = self._references(node.inputs)
            values += more
        shares: Text | None = None
        if node.shares is not None:
            shares, more = self._reference(node.shares, shared=True)
            values += more
        branches: tuple[tuple[int, ...], ...] | None = None
        if part.branches is not None:
            assert part.wants == flow  # noqa: S101 - branches are taken from what flows
            branches, more = self._branches(part.branches, flow)
            values += more
        form = Layer(type(node.op), name, inputs, shares, branches, held, bool(listed))
        return Line(self.forms.number(form), values, part.last)

    def _branches(
        self, branches: Sequence[Sequence[Part]], flow: int
    ) -> tuple[tuple[tuple[int, ...], ...], tuple[Any, ...]]:
        """The forms of branches, and the values of all of them."""
        written = [collapse([self.lines(branch, flow)], self.forms, eager=False)[0] for branch in branches]
        values = tuple(value for lines in written for line in lines for value in line.values)
        return tuple(tuple(line.form for line in lines) for lines in written), values

    def _listed(self, part: Part, node: Node) -> tuple[str, ...] | None:
        """The names of what a concatenation reads, as a list that may grow from one to the next; None for any other."""
        outside = self.place.parent is not None and max(node.inputs, default=part.first) < self.place.start
        if node.op.keyword != "concat" or part.branches is not None or not (outside or len(node.inputs) > 2):
            return None
        names = [reference(self.place, source, self.nodes, entry=False) for source in node.inputs]
        found = tuple(name for name in names if name is not None)
        return found if len(found) == len(names) else None

    def _references(self, targets: Sequence[int]) -> tuple[tuple[Text, ...], tuple[int, ...]]:
        found = [self._reference(target) for target in targets]
        return tuple(text for text, _ in found), tuple(number for _, numbers in found for number in numbers)

    def _reference(self, target: int, shared: bool = False) -> tuple[Text, tuple[int, ...]]:
        """How this place calls a node. Raises UnsayableError."""
        text = reference(self.place, target, self.nodes, entry=not shared)
        if text is None:
            raise UnsayableError({self.place.path})
        return parted(text)
