"""Where a text went wrong, what was expected, and how to say it.

Every error that reaches a user is an `ArchcalcError` holding one or more `Problem`s, each with the `Span` of the
text that caused it. The room at the bottom of the house: it imports nothing of ours.
"""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

# Small values that cannot be part of a cycle are kept from the garbage collector (`gc=False`), here and in the other
# rooms: with hundreds of thousands of them its passes would take longer than all else.

_EXCERPT_WIDTH = 100
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML counts lines
# What a terminal would obey, what turns the direction of writing, and halves of characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
MOST_PROBLEMS = 100


class Source(Struct, frozen=True, gc=False):
    """A text and the name users know it by: a path, `<stdin>`, `--set`."""

    name: str
    text: str


class Span(Struct, frozen=True, gc=False):
    """A stretch of one line of a source; `line` and `column` count from 1, `width` in characters."""

    source: Source
    line: int
    column: int
    width: int = 1

    @property
    def place(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def excerpt(self, remark: str) -> list[str]:
        """The line itself and a row of carets under the stretch, with `remark` behind them."""
        lines = _LINE_BREAK.split(self.source.text, self.line)
        line = lines[self.line - 1] if len(lines) >= self.line else ""
        # A hostile or generated line may be megabytes long: show the part around the stretch.
        start = max(0, self.column - _EXCERPT_WIDTH // 2) if len(line) > _EXCERPT_WIDTH else 0
        shown = printable(line[start : start + _EXCERPT_WIDTH])
        carets = "^" * max(1, min(self.width, len(shown) - (self.column - 1 - start)))
        margin = f"{self.line:>4} | "
        under = " " * (len(margin) - 2) + "| " + " " * (self.column - 1 - start) + carets
        return [margin + shown, f"{under} {remark}".rstrip()]


class Problem(Struct, frozen=True, gc=False):
    """One thing that is wrong.

    `message` says what; `hint` what would be right (it stands behind the carets); `details` are further lines, such as
    the producers of the shapes that do not fit.
    """

    message: str
    span: Span | None = None
    hint: str = ""
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.span is None:
            head = [f"{self.message}; {self.hint}" if self.hint else self.message]
        else:
            head = [f"{self.span.place}: {self.message}", *self.span.excerpt(self.hint)]
        return "\n".join([*head, *(f"       {detail}" for detail in self.details)])


class ArchcalcError(Exception):
    """Any error a user can cause. `problems` holds every one that was found, in the order of the text."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def __reduce__(self) -> tuple[type["ArchcalcError"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class Problems(list[Problem]):
    """Problems as they are found.

    With `once`, only the first at each place counts: what a loop finds wrong there, it finds in every turn. Beyond
    `MOST_PROBLEMS` nobody reads on: then they are raised as they stand.
    """

    def __init__(self, problems: Iterable[Problem] = (), once: bool = False) -> None:
        super().__init__()
        self._once = once
        self._said: set[Span | Problem] = set()
        self.extend(problems)

    def said(self, span: Span | None) -> bool:
        """Whether something has been said of a place already."""
        return span is not None and span in self._said

    def append(self, problem: Problem) -> None:
        place = problem.span if self._once and problem.span is not None else problem
        if place in self._said:
            return
        self._said.add(place)
        super().append(problem)
        if len(self) > MOST_PROBLEMS:
            more = Problem(f"more than {MOST_PROBLEMS} problems: these are the first")
            raise SpecError([*self[:MOST_PROBLEMS], more])

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.append(problem)

    def __iadd__(self, problems: Iterable[Problem]) -> "Problems":  # type: ignore[misc, override]
        self.extend(problems)
        return self


class SpecError(ArchcalcError):
    """A spec that cannot be read: its YAML, its words, its arguments, its names."""


class ShapeError(ArchcalcError):
    """A network whose shapes do not fit together."""


class UsageError(ArchcalcError):
    """A request that cannot be met: an unknown network, layer, column or format."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """A hint with the nearest candidate, or with all of them when they are few and none is near.

    >>> did_you_mean("kernal_size", ["kernel_size", "stride"])
    "did you mean 'kernel_size'?"
    """
    import difflib

    known = sorted(set(candidates))
    # Comparing is quadratic in the length: an absurdly long name is near to nothing.
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6) if len(name) < 100 else []
    if near:
        return f"did you mean '{near[0]}'?"
    if 0 < len(known) <= 16:
        return "there is " + enumerate_words(known)
    return ""


def has_controls(text: str) -> bool:
    """Whether a text holds control characters other than line breaks and tabs."""
    return _CONTROL.search(text.translate(_WHITE)) is not None


_WHITE = dict.fromkeys(map(ord, "\n\t"), " ")


def enumerate_words(words: Sequence[str], joint: str = "and") -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def printable(text: str, limit: int = 0) -> str:
    """`text` with control characters shown as `�`, cut at `limit` characters (0: not cut): safe to print anywhere."""
    clean = _CONTROL.sub("�", text.replace("\t", " "))
    return clean[: limit - 1] + "…" if limit and len(clean) > limit else clean
