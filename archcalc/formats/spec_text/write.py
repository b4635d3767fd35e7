"""Blocks → the lines of a spec: one a layer, arguments that are as they are by themselves left out."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from msgspec import NODEFAULT, Struct

from archcalc.errors import Problem, UsageError
from archcalc.formats.spec_text.blocks import Block
from archcalc.formats.spec_text.fit import Expr, same
from archcalc.formats.spec_text.forms import Call, Forms, Layer, Loop, Text
from archcalc.spec.tree import MAX_DIGITS, is_number

WIDTH = 120

_IN_BRACES = re.compile(r"(?!=\Z)[A-Za-z0-9_/=][A-Za-z0-9_/.*+()<>=\" -]*(?<! )\Z")
_ON_A_LINE = re.compile(r"(?!=\Z)[A-Za-z0-9_/=][A-Za-z0-9_/.*+()<>=\"'\[\]{}, -]*(?<! )\Z")
_WORDS = ("null", "true", "false", "~", "")


class Writer(Struct, frozen=True):
    """What blocks are called and ask for, and which of them stand in one place only."""

    forms: Forms
    blocks: Sequence[Block]
    names: Sequence[str]
    bare: Mapping[int, str] = {}

    def text(self, block: Block, indent: int) -> list[str]:
        """The layers of a block, indented."""
        holes = iter(block.holes)
        return [line for number in block.forms for line in self._lines(number, holes, indent)]

    def _lines(self, number: int, holes: Iterator[Expr], indent: int) -> list[str]:
        form = self.forms.all[number]
        if isinstance(form, Layer):
            return self._layer(form, holes, indent)
        return self._call(form, holes, indent) if isinstance(form, Call) else self._loop(form, number, holes, indent)

    def _layer(self, form: Layer, holes: Iterator[Expr], indent: int) -> list[str]:
        name = [] if form.name is None else [("name", _name(form.name, holes))]
        arguments = []
        for argument, default in self.forms.arguments_of(form.op).items():
            value = next(holes)
            if value.formula or default is NODEFAULT or not same(value.value, default):
                arguments.append((argument, value))
        words: list[tuple[str, Any]] = name + arguments
        if form.listed:
            words.append(("inputs", next(holes)))
        if form.inputs is not None:
            words.append(("inputs", [_name(text, holes) for text in form.inputs]))
        if form.shares is not None:
            words.append(("shares", _name(form.shares, holes)))
        if form.branches is None:
            return _entry(form.op.keyword, words, indent)
        lines = [f"{' ' * indent}- {form.op.keyword}:"]
        for branch in form.branches:
            inner = [line for number in branch for line in self._lines(number, holes, indent + 6)]
            dash = " " * (indent + 4) + "- "
            lines += [dash + inner[0][indent + 6 :], *inner[1:]] if inner else [f"{dash}[]"]
        return lines + _on_lines(words, indent + 2)

    def _call(self, form: Call, holes: Iterator[Expr], indent: int) -> list[str]:
        name = _name(form.name, holes)
        inputs = [] if form.inputs is None else [("inputs", _name(form.inputs, holes))]
        words: list[tuple[str, Any]] = [("name", name)]
        if form.block in self.bare and self.bare[form.block] == name.value:
            words = []
        for argument in self.blocks[form.block].arguments:
            value = next(holes)
            if value.formula or argument.required or not same(value.value, argument.default):
                words.append((argument.name, value))
        return _entry(self.names[form.block], words + inputs, indent)

    def _loop(self, form: Loop, number: int, holes: Iterator[Expr], indent: int) -> list[str]:
        turns, index = next(holes), self.forms.index(number)
        if not turns.formula and turns.value == 1:
            return [line for inner in form.body for line in self._lines(inner, holes, indent)]
        inside = [line for inner in form.body for line in self._lines(inner, holes, indent + 4)]
        dash, space = " " * indent + "- ", " " * (indent + 2)
        counted = [f"{space}as: {index}"] if any(re.search(rf"\b{index}\b", line) for line in inside) else []
        return [f"{dash}repeat: {_yaml(turns, False)}", *counted, f"{space}scope: false", f"{space}layers:", *inside]


def _name(text: Text, holes: Iterator[Expr]) -> Expr:
    """A name with what stands in its holes: a word, an index alone, or an f-string."""
    values = [next(holes) for _ in text[1:]]
    if not any(value.formula for value in values):
        return Expr("".join(_between(text, [str(value.value) for value in values])))
    if len(values) == 1 and not any(text):
        return values[0]
    pieces = [f"{{{value}}}" if value.formula else str(value.value) for value in values]
    return Expr(formula=f'f"{"".join(_between(text, pieces))}"')


def _between(text: Text, values: Sequence[str]) -> Iterator[str]:
    yield text[0]
    for value, after in zip(values, text[1:], strict=True):
        yield value
        yield after


def _entry(keyword: str, words: Iterable[tuple[str, Any]], indent: int) -> list[str]:
    """A layer with its arguments: in braces where they fit a line, else one a line."""
    said = [(key, _yaml(value)) for key, value in words]
    dash = " " * indent + "- "
    if not said:
        return [f"{dash}{keyword}"]
    line = f"{dash}{keyword}: {{{', '.join(f'{key}: {value}' for key, value in said)}}}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{dash}{keyword}:", *_on_lines(words, indent + 4)]


def _on_lines(words: Iterable[tuple[str, Any]], indent: int) -> list[str]:
    """One word a line, lists that are too long for it broken between their values."""
    lines = []
    for key, value in words:
        text = f"{' ' * indent}{key}: {_yaml(value, False)}"
        if len(text) > WIDTH and text.endswith("]"):
            lines += wrap(
                text, WIDTH, subsequent_indent=" " * (indent + 2), break_long_words=False, break_on_hyphens=False
            )
        else:
            lines.append(text)
    return lines


def _yaml(value: Any, braces: bool = True) -> str:
    """A value, an expression or a list of either, such that it can stand in braces or only on a line of its own."""
    if isinstance(value, Expr):
        return quoted(f"={value.formula}", braces) if value.formula else _yaml(value.value, braces)
    if isinstance(value, (tuple, list)):
        if len(value) == 1 and isinstance(value[0], Expr):
            return _yaml(value[0], braces)
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, str):
        return quoted(value, braces)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else _number(value)


def mapping(key: str, words: Iterable[tuple[str, Any]], indent: int) -> list[str]:
    """A mapping of plain values: in braces where it fits a line, else one a line."""
    words = list(words)
    line = f"{' ' * indent}{key}: {{{', '.join(f'{name}: {_yaml(value)}' for name, value in words)}}}"
    return [line] if len(line) <= WIDTH else [f"{' ' * indent}{key}:", *_on_lines(words, indent + 2)]


def plain_value(value: Any) -> str:
    """A value without expressions as YAML."""
    return _yaml(value)


def _number(value: float) -> str:
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        text = str(int(value))
        if len(text.lstrip("-")) < MAX_DIGITS:
            return text
    elif math.isfinite(value):
        return re.sub(r"e([-+])0*", r"e\1", repr(value)).replace("e+", "e")
    raise UsageError(Problem(f"a spec has no way to write the number {value}"))


def quoted(text: str, braces: bool = True, number: bool = True) -> str:
    """A text as a YAML scalar that is read as text, or (`number`) as a whole number that is written so."""
    if number and re.fullmatch(r"0|[1-9][0-9]{0,15}", text):
        return text
    if (_IN_BRACES if braces else _ON_A_LINE).match(text) and not is_number(text) and text not in _WORDS:
        return text
    return f"'{text.replace(chr(39), chr(39) * 2)}'" if text.isprintable() else json.dumps(text)
