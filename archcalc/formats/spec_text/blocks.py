"""Texts that several stretches share → a block: what differs becomes its arguments."""

import keyword
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from archcalc.formats.spec_text.fit import ANY, Expr, same
from archcalc.formats.spec_text.forms import INDICES, INNER, INPUTS, NAME, TURNS, Argument, Forms, Hole, Layer, Line
from archcalc.formats.spec_text.listed import express
from archcalc.spec.expressions import FUNCTIONS
from archcalc.spec.schema import RESERVED, TRAINING

SHORT = {
    "out_channels": "out",
    "out_features": "out",
    "kernel_size": "k",
    TURNS: "depth",
    NAME: "n",
    INPUTS: "source",
    "embed_dim": "dim",
    "num_heads": "heads",
}
PLURAL = {
    "out": "widths",
    "k": "kernels",
    "n": "numbers",
}
SMALL = 8
"""Up to here equal numbers may mean different things."""
HELD = {*RESERVED, *INDICES, INNER, *FUNCTIONS, TRAINING, "input", "args", "classes", "layers", "required"}
"""Words that no argument or variable is called by."""

_MARK = re.compile("\0([0-9]+)\0")


class Given(Struct, frozen=True):
    """An argument of a block with the value that stands for it where it is left out; `required` where none does."""

    name: str
    required: bool
    default: Any = None


class Block(Struct, frozen=True):
    """A text: its forms, and what stands in their holes; `arguments` are those that the holes ask for."""

    forms: tuple[int, ...]
    holes: tuple[Expr, ...]
    arguments: tuple[Given, ...]
    instances: int


class Tables:
    """The lists that expressions look values up in: `vars` of the spec, each list once."""

    def __init__(self) -> None:
        self.lists: dict[str, tuple[Any, ...]] = {}

    def find(self, values: tuple[Any, ...], label: str) -> Expr:
        """The variable that holds a list."""
        for name, known in self.lists.items():
            if repr(known) == repr(values):
                return Expr(formula=name)
        name = unique(plural(label), {*self.lists, *HELD})
        self.lists[name] = values
        return Expr(formula=name)


def block_of(instances: Sequence[Sequence[Line]], forms: Forms, tables: Tables) -> tuple[Block, list[tuple[Any, ...]]]:
    """The block that writes all instances, whose forms are equal, and for each the values of its arguments."""
    body = tuple(line.form for line in instances[0])
    rows = [[value for line in lines for value in line.values] for lines in instances]
    holes = forms.holes(body)
    if len(rows) == 1:
        alone = [_alone(value, hole, tables) for hole, value in zip(holes, rows[0], strict=True)]
        forms.blocks.append(())
        return Block(body, tuple(alone), (), 1), [()]
    wanted = _Arguments(forms)
    marked = [wanted.solved([row[number] for row in rows], hole, number, tables) for number, hole in enumerate(holes)]
    names = wanted.names(marked, holes, {*tables.lists, *HELD})
    named = [_named(expression, names) for expression in marked]
    given = tuple(_given(name, column) for name, column in zip(names, wanted.columns, strict=True))
    kinds = [hole.kind for hole in wanted.holes]
    forms.blocks.append(tuple(Argument(name, kind) for name, kind in zip(names, kinds, strict=True)))
    values = [tuple(column[instance] for column in wanted.columns) for instance in range(len(rows))]
    return Block(body, tuple(named), given, len(rows)), values


def _alone(value: Any, hole: Hole, tables: Tables) -> Expr:
    """What stands in a hole of a text that is written once."""
    if not hole.loops:
        return Expr(value)
    label = SHORT.get(hole.label, hole.label)
    return express([value], hole, lambda column, _: _known(column)[0], lambda found: tables.find(found[0], label))


def _known(column: list[Any]) -> tuple[Expr, bool]:
    """The value that all of a column are, if they are one; what no turn asks for is like any."""
    known = [value for value in column if value is not ANY]
    alike = all(same(value, known[0]) for value in known[1:])
    return Expr(known[0] if known else 0), alike


class _Arguments:
    """The arguments that a block turns out to need, one for each column of values that no other gives."""

    def __init__(self, forms: Forms) -> None:
        self.forms = forms
        self.columns: list[list[Any]] = []
        self.holes: list[Hole] = []

    def solved(self, column: list[Any], hole: Hole, number: int, tables: Tables) -> Expr:
        label = SHORT.get(hole.label, hole.label)

        def parameter(values: list[Any], asked: Hole) -> Expr:
            value, alike = _known(values)
            return value if alike else self._found(values, asked)

        return express(column, hole, parameter, lambda found: tables.find(found[0], label))

    def _found(self, column: list[Any], hole: Hole) -> Expr:
        """The argument that has these values, or from which they follow; a new one where there is none."""
        for number, other in enumerate(self.columns):
            theirs = self.holes[number]
            related = theirs.wide and hole.wide
            if not related and _is_wide(column) and column == other:
                return Expr(formula=f"\0{number}\0")
            if hole.kind == theirs.kind == TURNS:
                offset = _offset(column, other)
                if offset is not None:
                    return Expr(formula=f"\0{number}\0 {'+' if offset > 0 else '-'} {abs(offset)}", whole=False)
            if theirs.label != hole.label and not related:
                half = hole.label == "padding" and theirs.label == "kernel_size" and theirs.owner == hole.owner
                pairs = zip(column, other, strict=True)
                if half and all(value is ANY or _is_half(value, base) for value, base in pairs):
                    return Expr(formula=f"\0{number}\0//2", whole=False)
                continue
            if all(value is ANY or same(value, base) for value, base in zip(column, other, strict=True)):
                return Expr(formula=f"\0{number}\0")
            if related:
                found = _multiple(column, other, number)
                if found is not None:
                    return found
        usual = Counter(map(_hashed, (value for value in column if value is not ANY))).most_common(1)[0][0][1]
        self.columns.append([usual if value is ANY else value for value in column])
        self.holes.append(hole)
        return Expr(formula=f"\0{len(self.columns) - 1}\0")

    def names(self, marked: Sequence[Expr], holes: Sequence[Hole], held: set[str]) -> list[str]:
        """What the arguments are called: `out`, or where there are several by their layers: `expand`, `n1x1`."""
        shorts = [SHORT.get(hole.label, hole.label) for hole in self.holes]
        several = {short for short, count in Counter(shorts).items() if count > 1}
        titles = _titles(self.forms, holes, marked)
        names: list[str] = []
        for short, hole in zip(shorts, self.holes, strict=True):
            title = titles.get(hole.owner, "")
            if short in several and title:
                short = _of_width(title) if hole.wide else f"{short}_{title}"
            names.append(unique(short, {*names, *held}))
        return names


def _titles(forms: Forms, holes: Sequence[Hole], marked: Sequence[Expr]) -> dict[int, str]:
    """What the layer of a hole is called, as far as it is the same in all instances and can stand in a name."""
    titles: dict[int, str] = {}
    numbers: dict[tuple[int, int], list[str]] = {}
    for hole, expression in zip(holes, marked, strict=True):
        values = numbers.setdefault((hole.owner, hole.form), [])
        if hole.label == NAME:
            values.append("" if expression.formula else str(expression.value))
    for (owner, number), values in numbers.items():
        form = forms.all[number]
        text = getattr(form, "name", None)
        if text is not None:
            joined = "".join(part for pair in zip(text, [*values, ""], strict=False) for part in pair)
            titles[owner] = re.sub(r"[^A-Za-z0-9]+", "_", joined).strip("_")
        elif isinstance(form, Layer):
            titles[owner] = form.op.keyword
    return titles


def _of_width(title: str) -> str:
    return f"n{title}" if title[0].isdigit() else title


def _hashed(value: Any) -> tuple[str, Any]:
    return type(value).__name__, value


def _offset(column: list[Any], other: list[Any]) -> int | None:
    """What a column of numbers is always above another, other than nothing."""
    found = {value - base for value, base in zip(column, other, strict=True) if value is not ANY}
    return found.pop() if len(found) == 1 and found != {0} else None


def _is_wide(column: list[Any]) -> bool:
    """Whether values are hardly equal to others by chance: sizes, and not kernels or strides."""
    return all(type(value) is int and value > SMALL for value in column)


def _is_half(value: Any, base: Any) -> bool:
    return type(value) is int and type(base) is int and value == base // 2


def _multiple(column: list[Any], other: list[Any], number: int) -> Expr | None:
    """`4*width` or `width//4`, where that gives a whole column and two values at least show it."""
    pairs = {(value, base) for value, base in zip(column, other, strict=True) if value is not ANY}
    if len({base for _, base in pairs}) < 2 or any(type(part) is not int for pair in pairs for part in pair):
        return None
    value, base = next(iter(pairs))
    if value % base == 0 and all(mine == theirs * (value // base) for mine, theirs in pairs):
        return Expr(formula=f"{value // base}*\0{number}\0", whole=False)
    if base % value == 0 and all(mine * (base // value) == theirs for mine, theirs in pairs):
        return Expr(formula=f"\0{number}\0//{base // value}", whole=False)
    return None


def _named(expression: Expr, names: Sequence[str]) -> Expr:
    if "\0" not in expression.formula:
        return expression
    return Expr(formula=_MARK.sub(lambda mark: names[int(mark[1])], expression.formula), whole=expression.whole)


def _given(name: str, column: list[Any]) -> Given:
    """Left out where it has the value that it mostly has."""
    (_, usual), times = Counter(map(_hashed, column)).most_common(1)[0]
    return Given(name, False, usual) if 2 * times > len(column) else Given(name, True)


def unique(wish: str, taken: set[str]) -> str:
    """A name in the language for what may be called so by nobody else: `wish`, or with a number behind it."""
    wish = wish if wish.isidentifier() and wish.isascii() and not keyword.iskeyword(wish) else f"x_{wish}"
    name, count = wish, 1
    while name in taken:
        count += 1
        name = f"{wish}_{count}" if wish[-1:].isdigit() else f"{wish}{count}"
    return name


def plural(label: str) -> str:
    return PLURAL.get(label, label if label.endswith("s") else f"{label}s")
