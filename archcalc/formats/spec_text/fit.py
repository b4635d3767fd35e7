"""Values of a hole, turn by turn → an expression over the indices of the loops around it."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from archcalc.formats.spec_text.forms import Series

ANY: Any = type("Any", (), {"__repr__": lambda self: "ANY"})()
"""The place of a value that no turn asks for."""


class Expr(Struct, frozen=True):
    """A value as it is, or a `formula`.

    `whole`: it can stand beside an operator without brackets; `choice` is set where it tells the first turn of a loop
    from the rest: the index, and the two values.
    """

    value: Any = None
    formula: str = ""
    whole: bool = True
    choice: tuple[str, Any, Any] | None = None

    def __str__(self) -> str:
        return self.formula or python(self.value)

    @property
    def operand(self) -> str:
        return str(self) if self.whole else f"({self})"


Parameter = Callable[[list[Any]], Expr]
"""What the language has for a value that no loop changes: itself, or an argument of the block."""


def python(value: Any) -> str:
    """A value as it is written within an expression."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(python, value))}]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def solve(nested: list[Any], loops: Sequence[str], number: bool, parameter: Parameter, table: Parameter) -> Expr:
    """One expression for the values of a hole in every instance of a text.

    `nested` has for each instance a value or, for each of `loops` from the outside in, a series. `number`: the value is
    a whole number in a name, which grows with the turns more often than it doubles. What no formula gives is looked up
    in a table.
    """
    if not loops:
        return parameter(nested)
    rows = [series for value in nested for series in _innermost(value, len(loops))]

    def outside(values: list[Any]) -> Expr:
        fed = iter(values)
        raised = [_regrouped(value, len(loops), fed) for value in nested]
        return solve(raised, loops[:-1], number, parameter, table)

    index = loops[-1]
    if all(_alike(row) for row in rows):
        return outside([next((value for value in row if value is not ANY), ANY) for row in rows])
    if len(rows) > 1:
        longest = _in_common(rows)
        if longest is not None:
            return solve([Series(longest)], [index], number, lambda column: _literal(column[0]), table)
    steps = [_step(row, number) for row in rows]
    if all(step is not None for step in steps) and max(map(len, rows)) > (1 if number else 2):
        return _line(outside([step[0] for step in steps if step]), outside([step[1] for step in steps if step]), index)
    if all(_alike(row[1:]) for row in rows):
        rest = [next((value for value in row[1:] if value is not ANY), ANY) for row in rows]
        return _choice(outside([row[0] for row in rows]), outside(rest), index)
    ratios = [_ratio(row) for row in rows]
    if all(ratio is not None for ratio in ratios) and max(map(len, rows)) > 2:
        first, factor = outside([pair[0] for pair in ratios if pair]), outside([pair[1] for pair in ratios if pair])
        power = f"{factor.operand}**{index}"
        return Expr(formula=power if first == Expr(1) else f"{first.operand}*{power}", whole=False)
    found = outside([tuple(_filled(row)) for row in rows])
    found = found if found.formula else table([found.value])
    return Expr(formula=f"{found.operand}[{index}]")


def _literal(value: Any) -> Expr:
    return Expr(None if value is ANY else value)


def _innermost(value: Any, depth: int) -> Iterator[Series]:
    if depth == 1:
        yield value
        return
    for inner in value:
        yield from _innermost(inner, depth - 1)


def _regrouped(value: Any, depth: int, fed: Iterator[Any]) -> Any:
    """The nest of series with each innermost one replaced by the next of `fed`."""
    return next(fed) if depth == 1 else Series(_regrouped(inner, depth - 1, fed) for inner in value)


def mapped(nested: list[Any], depth: int, of: Callable[[Any], Any]) -> list[Any]:
    """The column with `of` each value in it, whose series are `depth` deep."""
    if depth == 0:
        return [of(value) for value in nested]
    return [Series(mapped(list(inner), depth - 1, of)) for inner in nested]


def same(one: Any, other: Any) -> bool:
    """Equal and of one kind: 1 is not True."""
    return type(one) is type(other) and one == other


def _alike(row: Sequence[Any]) -> bool:
    known = [value for value in row if value is not ANY]
    return all(same(value, known[0]) for value in known[1:])


def _in_common(rows: list[Series]) -> tuple[Any, ...] | None:
    """The longest row, where all rows are its beginning."""
    longest: Series = max(rows, key=len)
    for row in rows:
        if any(value is ANY or not same(value, longest[i]) for i, value in enumerate(row)):
            return None
    return longest


def _whole(row: Sequence[Any]) -> bool:
    return all(type(value) is int for value in row)


def _step(row: Series, number: bool) -> tuple[Any, Any] | None:
    """First value and difference of an arithmetic row."""
    if not row or not _whole(row):
        return None
    if len(row) == 1:
        return row[0], ANY
    step = row[1] - row[0]
    if any(after - before != step for before, after in pairwise(row)):
        return None
    return (row[0], step) if step > 0 or number else None


def _ratio(row: Series) -> tuple[Any, Any] | None:
    """First value and ratio of a geometric row."""
    if not row or not _whole(row) or row[0] < 1:
        return None
    if len(row) == 1:
        return row[0], ANY
    ratio = row[1] // row[0]
    if ratio < 2 or any(before * ratio != after for before, after in pairwise(row)):
        return None
    return row[0], ratio


def _line(first: Expr, step: Expr, index: str) -> Expr:
    turns = index if step == Expr(1) else f"{step.operand}*{index}"
    if first == Expr(0):
        return Expr(formula=turns, whole=step == Expr(1))
    if not first.formula and first.value < 0:
        return Expr(formula=f"{turns} - {-first.value}", whole=False)
    return Expr(formula=f"{turns} + {first.operand}", whole=False)


def _choice(first: Expr, rest: Expr, index: str) -> Expr:
    """`2 if i == 0 and stage > 0 else 1`."""
    if first.choice is not None and not rest.formula:
        outer, one, other = first.choice
        if same(one, rest.value):
            return Expr(formula=f"{python(other)} if {index} == 0 and {outer} > 0 else {rest}", whole=False)
        if same(other, rest.value):
            return Expr(formula=f"{python(one)} if {index} == 0 and {outer} == 0 else {rest}", whole=False)
    plain = not first.formula and not rest.formula
    if plain and first.value is True and rest.value is False:
        return Expr(formula=f"{index} == 0", whole=False, choice=(index, True, False))
    if plain and first.value is False and rest.value is True:
        return Expr(formula=f"{index} > 0", whole=False, choice=(index, False, True))
    formula = f"{first.operand} if {index} == 0 else {rest.operand}"
    return Expr(formula=formula, whole=False, choice=(index, first.value, rest.value) if plain else None)


def _filled(row: Series) -> Iterator[Any]:
    """The row with what nobody asks for taken from its neighbour, or 0, which formulas can reckon with."""
    before = next((value for value in row if value is not ANY), 0)
    for value in row:
        before = before if value is ANY else value
        yield before
