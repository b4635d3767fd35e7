"""Conditions on the quantities of a network: `params < 5M and macs <= 300M`, `peak > 320KiB or not (layers < 50)`.

    condition  = all, "or" between them
    all        = one, "and" between them
    one        = "not" one | "(" condition ")" | operand sign operand, and further signs: 1M < params <= 5M
    sign       = < <= > >= == != (or ≤ ≥ ≠)
    operand    = a quantity | a number with a unit (`archcalc.space.amounts`)

A count is held against a count, bytes against bytes: 5M of bytes could be meant either way.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NoReturn

from msgspec import Struct

from archcalc.errors import Problem, Problems, Source, Span, UsageError, did_you_mean, printable
from archcalc.space.amounts import BYTES, COUNTS, NUMBER, UNITS, Amount, exact
from archcalc.space.quantities import ALIASES
from archcalc.space.terms import SIGNS, TURNED, And, Condition, Name, Not, Or, Part, Term

MAX_LENGTH = 2000
MAX_LEVELS = 30

_ALSO = {"≤": "<=", "≥": ">=", "≠": "!="}
_MEANT = {"=": "==", "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "=<": "<=", "=>": ">=", "<>": "!="}
_TOKEN = re.compile(
    rf"(?P<number>(?:{NUMBER})\s*(?P<unit>(?!(?:and|or|not)\b)[A-Za-z]*))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign>[<>=!]=|<>|=[<>]|&&|\|\||[<>≤≥≠=!&|])"
    r"|(?P<bracket>[()])"
)
_SUCH = "such as 'params < 5M and peak <= 320KiB'"


def parse_condition(text: str, known: Mapping[str, str], place: "str | Span" = "condition") -> Condition:
    """A condition over the quantities of `known`, which maps keys to kinds; `ALIASES` stand for their keys.

    `place` is what the text is called in errors (`--where`), or where it begins. Raises UsageError: all unknown names
    and units at once, else the first place where the grammar is broken.
    """
    start = place if isinstance(place, Span) else Span(Source(place, text), 1, 1, len(text))
    if len(text) > MAX_LENGTH:
        raise UsageError(Problem(f"a condition of more than {MAX_LENGTH:,} characters", start))
    reader = _Reader(text, known, start)
    root = reader.condition(0)
    reader.end()
    if reader.problems:
        raise UsageError(reader.problems)
    return Condition(" ".join(text.split()), root, start)


class _Token(Struct, frozen=True):
    kind: str
    text: str
    start: int
    unit: str = ""


class _Reader:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str, known: Mapping[str, str], place: Span) -> None:
        self.text = text
        self.known = known
        self.place = place
        self.problems = Problems()
        self.tokens = list(self._tokens())
        self.at = 0

    def _span(self, start: int, width: int = 1) -> Span:
        return Span(self.place.source, self.place.line, self.place.column + start, max(width, 1))

    def _fail(self, message: str, token: _Token, hint: str = "") -> NoReturn:
        problem = Problem(message, self._span(token.start, len(token.text)), hint)
        raise UsageError([*self.problems, problem])

    def _tokens(self) -> Iterator[_Token]:
        position = 0
        while position < len(self.text):
            if self.text[position].isspace():
                position += 1
                continue
            match = _TOKEN.match(self.text, position)
            if match is None:
                sign = printable(self.text[position])
                self._fail(f"'{sign}' cannot stand in a condition", _Token("", sign, position), _SUCH)
            kind = match.lastgroup if match.lastgroup != "unit" else "number"
            words = match.group().rstrip()
            yield _Token(str(kind), _ALSO.get(words, words), position, match["unit"] or "")
            position = match.end()
        yield _Token("end", "", len(self.text))

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def _takes(self, word: str) -> bool:
        """Whether the next token is this word; it is read then."""
        if self.token.kind in ("name", "bracket") and self.token.text == word:
            self.at += 1
            return True
        return False

    def condition(self, level: int) -> Part:
        parts = [self._all(level)]
        while self._takes("or"):
            parts.append(self._all(level))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self, level: int) -> Part:
        parts = [self._one(level)]
        while self._takes("and"):
            parts.append(self._one(level))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self, level: int) -> Part:
        if level > MAX_LEVELS:
            self._fail(f"this is nested more than {MAX_LEVELS} levels deep", self.token)
        if self._takes("not"):
            return Not(self._one(level + 1))
        opening = self.token
        if self._takes("("):
            inner = self.condition(level + 1)
            if not self._takes(")"):
                if self.token.kind == "end":
                    self._fail("this bracket is not closed", opening)
                self._unexpected("')', 'and' or 'or'")
            return inner
        return self._comparison()

    def end(self) -> None:
        if self.token.kind != "end":
            self._unexpected("'and', 'or' or the end")

    def _unexpected(self, expected: str) -> NoReturn:
        token = self.token
        meant = _MEANT.get(token.text)
        if token.kind == "end":
            self._fail(f"the condition ends where {expected} is expected", token, _SUCH)
        hint = f"write '{meant}'" if meant else _SUCH
        self._fail(f"{expected} is expected here, this is '{printable(token.text, 40)}'", token, hint)

    def _comparison(self) -> Part:
        operands = [(self.token, self._operand())]
        signs: list[str] = []
        while self.token.kind == "sign" and (self.token.text in SIGNS or not signs):
            if self.token.text not in SIGNS:
                self._unexpected("a comparison (< <= > >= == !=)")
            signs.append(self.token.text)
            self.at += 1
            operands.append((self.token, self._operand()))
        if not signs:
            self._unexpected("a comparison (< <= > >= == !=)")
        terms: list[Part] = []
        for (left, a), sign, (right, b) in zip(operands, signs, operands[1:], strict=False):
            term = self._term(left, a, sign, right, b)
            if term is not None:
                terms.append(term)
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _operand(self) -> Name | Amount | None:
        """The next operand; None, with the problem noted, for an unknown name or unit."""
        token = self.token
        if token.kind == "number":
            self.at += 1
            return self._amount(token)
        if token.kind != "name" or token.text in ("and", "or", "not"):
            self._unexpected("a quantity or a number")
        self.at += 1
        key = token.text if token.text in self.known else ALIASES.get(token.text, token.text)
        kind = self.known.get(key)
        if kind is None:
            names = [*self.known, *(alias for alias, meant in ALIASES.items() if meant in self.known)]
            span = self._span(token.start, len(token.text))
            message = f"there is no quantity '{printable(token.text, 40)}'"
            self.problems.append(Problem(message, span, did_you_mean(token.text, names) or _among(self.known)))
            return None
        return Name(key, kind)

    def _amount(self, token: _Token) -> Amount | None:
        number = token.text[: len(token.text) - len(token.unit)].rstrip()
        if token.unit not in UNITS:
            span = self._span(token.start + len(token.text) - len(token.unit), len(token.unit))
            message = f"there is no unit '{printable(token.unit, 20)}'"
            cased = [unit for unit in UNITS if unit.lower() == token.unit.lower()]
            hint = f"did you mean '{cased[0]}'?" if cased else did_you_mean(token.unit, filter(None, UNITS))
            self.problems.append(Problem(message, span, hint))
            return None
        try:
            return Amount(exact(number, token.unit), token.unit, token.text)
        except ValueError as error:
            self.problems.append(Problem(str(error), self._span(token.start, len(token.text))))
            return None

    def _term(
        self, left: _Token, a: Name | Amount | None, sign: str, right: _Token, b: Name | Amount | None
    ) -> Term | None:
        """One comparison, its sides in order; None, with the problem noted, where they cannot be compared."""
        if a is None or b is None:
            return None
        end = right.start + len(right.text)
        span = self._span(left.start, end - left.start)
        if isinstance(a, Amount):
            if isinstance(b, Amount):
                self.problems.append(Problem("two numbers are compared here", span, "a quantity and a number are"))
                return None
            a, b, sign = b, a, TURNED[sign]
        problem = _of_one_kind(a, b, span)
        if problem is not None:
            self.problems.append(problem)
            return None
        return Term(a, sign, b, " ".join(self.text[left.start : end].split()), span)


def _among(known: Mapping[str, str]) -> str:
    return f"there is {', '.join(list(known)[:16])}" if known else ""


def _of_one_kind(left: Name, right: Name | Amount, span: Span) -> Problem | None:
    """What is wrong with the units of a comparison."""
    in_bytes = left.kind == "bytes"
    if isinstance(right, Name):
        if in_bytes != (right.kind == "bytes"):
            return Problem(f"{left.key} and {right.key} have different units", span)
    elif in_bytes and right.unit in COUNTS:
        number = right.text[: -len(right.unit)].rstrip()
        return Problem(f"{left.key} is in bytes", span, f"{number}{right.unit}iB, or {number}{_decimal(right.unit)}")
    elif not in_bytes and right.unit in BYTES:
        return Problem(f"{left.key} is not in bytes", span, f"units: {', '.join(COUNTS)}")
    return None


def _decimal(unit: str) -> str:
    return f"{'k' if unit == 'K' else unit}B"
