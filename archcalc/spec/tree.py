"""YAML text → located tree: scalars, sequences and mappings that know their line and column.

Read with PyYAML's parser event by event rather than through `yaml.compose`: nothing recurses, and the bounds on depth
and size hold while the text is read. Scalars are resolved here, by few rules: `null`, `true`, `false`, decimal
numbers; the rest is text, so `no` stays `no` and `3:30` stays `3:30`. Tags, anchors, aliases and duplicate keys are
refused by name.
"""

import math
import re
from typing import Any, NoReturn, TypeAlias

import yaml
from msgspec import Struct

from archcalc.errors import Problem, Problems, Source, Span, SpecError, has_controls, printable

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 1_000_000
MAX_DEPTH = 100
MAX_DIGITS = 18  # fits int64, as arrays of variants need

_TWICE = "write a block and call it twice"
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*\Z")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, bool | None] = {"null": None, "~": None, "": None, "true": True, "false": False}


class Scalar(Struct, frozen=True, gc=False):
    value: str | int | float | bool | None
    span: Span


class Sequence(Struct, frozen=True):
    items: list["Tree"]
    span: Span


class Mapping(Struct, frozen=True):
    """Keys are text; `keys` holds where each stands, `entries` its value, both in the order of the text."""

    entries: dict[str, "Tree"]
    keys: dict[str, Span]
    span: Span


Tree: TypeAlias = Scalar | Sequence | Mapping


def is_number(text: str) -> bool:
    """Whether a scalar without quotes is read as a number."""
    return _INTEGER.match(text) is not None or _FLOAT.match(text) is not None


def plain(tree: Tree) -> object:
    """The values alone: lists, dicts and scalars. Depth is bounded by `MAX_DEPTH`."""
    if isinstance(tree, Scalar):
        return tree.value
    if isinstance(tree, Sequence):
        return [plain(item) for item in tree.items]
    return {key: plain(value) for key, value in tree.entries.items()}


def describe(tree: Tree) -> str:
    """What a value is, in words, for errors that expected something else."""
    if isinstance(tree, Sequence):
        return "a list"
    if isinstance(tree, Mapping):
        return "a mapping"
    return shown(tree.value)


def shown(value: object) -> str:
    """A value in words, as a spec would write it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{printable(value, 40)}'"
    if isinstance(value, int) and abs(value) >= 2**63:
        return "a number beyond 64 bits"
    if isinstance(value, (list, tuple)):
        return "a list" if len(value) > 8 else printable(f"[{', '.join(map(shown, value))}]", 60)
    return printable(str(value), 60)


def read_tree(source: Source) -> Tree:
    """The located tree of a YAML text.

    Raises SpecError with every tag, anchor, alias and duplicate key in it, and the first error of syntax.
    """
    reader = _Reader(source)
    tree = reader.read()
    if reader.problems:
        raise SpecError(reader.problems)
    if tree is None:
        raise SpecError(Problem(f"{source.name} is empty", hint="a spec begins with 'archcalc: 1'"))
    return tree


class _Reader:
    """One pass over the parser's events, with the open collections on an explicit stack."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems = Problems()
        self.root: Tree | None = None
        self.nodes = 0
        self.open: list[Sequence | Mapping] = []
        # For each open collection the key that waits for its value; always None in a sequence.
        self.waiting: list[tuple[str, Span] | None] = []

    def read(self) -> Tree | None:
        if "\0" in self.source.text:
            raise SpecError(Problem(f"{self.source.name} is not text", hint="it has NUL characters"))
        try:
            self.source.text.encode()
        except UnicodeEncodeError as error:
            self._stop(f"{self.source.name} is not text: half a character at {error.start}", None)
        # libyaml where PyYAML was built with it; its pure Python twin gives the same events.
        loader = getattr(yaml, "CLoader", yaml.SafeLoader)
        try:
            for event in yaml.parse(self.source.text, Loader=loader):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            span = None if mark is None else Span(self.source, mark.line + 1, mark.column + 1)
            words = " ".join(filter(None, (error.context, error.problem)))
            self._stop(f"this is not YAML: {words}", span)
        except yaml.reader.ReaderError as error:
            self._stop(f"{self.source.name} is not YAML: {error.reason} at character {error.position}", None)
        return self.root

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._place(self._scalar(event), event)
        elif kind is yaml.SequenceStartEvent:
            self._begin(Sequence([], self._span(event)), event)
        elif kind is yaml.MappingStartEvent:
            self._begin(Mapping({}, {}, self._span(event)), event)
        elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
            self.open.pop()
            self.waiting.pop()
        elif kind is yaml.AliasEvent:
            self._problem(
                f"aliases are not allowed in a spec: *{printable(event.anchor, 60)}",
                event,
                "write a block and call it twice",
            )
            self._place(Scalar(None, self._span(event)), event)
        elif kind is yaml.DocumentStartEvent and self.root is not None:
            self._stop("a file holds one spec, and here begins another", self._span(event))

    def _begin(self, tree: Sequence | Mapping, event: Any) -> None:
        self._place(tree, event)
        self.open.append(tree)
        self.waiting.append(None)
        if len(self.open) > MAX_DEPTH:
            self._stop(f"nested deeper than {MAX_DEPTH} levels", tree.span)

    def _place(self, tree: Tree, event: Any) -> None:
        """Put a value where it belongs: into the sequence, behind its key, or at the root."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._stop(f"{self.source.name} has more than {MAX_NODES:,} values", None)
        if not isinstance(event, yaml.AliasEvent) and (event.tag is not None or event.anchor is not None):
            self._refuse(event)
        if not self.open:
            self.root = tree
            return
        parent = self.open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(tree)
        elif self.waiting[-1] is None:
            self.waiting[-1] = self._key(parent, tree, event)
        else:
            name, span = self.waiting[-1]
            self.waiting[-1] = None
            if name not in parent.entries:
                parent.entries[name], parent.keys[name] = tree, span

    def _key(self, parent: Mapping, tree: Tree, event: Any) -> tuple[str, Span]:
        if not isinstance(tree, Scalar):
            self._problem("a key must be a word", event, f"this is {describe(tree)}")
            return "", tree.span
        name: str = event.value if isinstance(event, yaml.ScalarEvent) else ""
        if name in parent.entries:
            first = parent.keys[name]
            detail = f"first at line {first.line}, column {first.column}"
            self.problems.append(Problem(f"'{printable(name, 40)}' stands here twice", tree.span, "", (detail,)))
        return name, tree.span

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        span = self._span(event)
        if has_controls(text):
            self._problem("this text has control characters", event)
        if not event.implicit[0]:
            return Scalar(text, span)  # quoted
        if text in _WORDS:
            return Scalar(_WORDS[text], span)
        if text[0] in "0123456789+-.":
            if _INTEGER.match(text):
                if len(text) > MAX_DIGITS:
                    self._problem(f"a number of more than {MAX_DIGITS} digits", event)
                    return Scalar(0, span)
                return Scalar(int(text.replace("_", "")), span)
            if _FLOAT.match(text):
                number = float(text)
                if math.isinf(number):
                    self._problem("this number is too large", event)
                return Scalar(number, span)
        return Scalar(text, span)

    def _refuse(self, event: Any) -> None:
        if event.tag is not None:
            self._problem(f"tags are not allowed in a spec: {printable(event.tag, 60)}", event, "leave it out")
        if event.anchor is not None:
            anchor = printable(event.anchor, 60)
            self._problem(f"anchors are not allowed in a spec: &{anchor}", event, "use vars or blocks")

    def _problem(self, message: str, event: Any, hint: str = "") -> None:
        self.problems.append(Problem(message, self._span(event), hint))

    def _stop(self, message: str, span: Span | None) -> NoReturn:
        raise SpecError([*self.problems, Problem(message, span)]) from None

    def _span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return Span(self.source, start.line + 1, start.column + 1, max(1, width))
