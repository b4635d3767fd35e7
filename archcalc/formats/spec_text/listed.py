"""Lists of names that grow, as a concatenation of all that came before takes them: `[…] + [f"layer{j + 1}" …]`."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from archcalc.formats.spec_text.fit import ANY, Expr, Parameter, mapped, solve
from archcalc.formats.spec_text.forms import INNER, LISTS, TURNS, Hole, Text, parted

FEWEST = 3
"""Names that go on from each other in the longest of the lists."""

Parameters = Callable[[list[Any], Hole], Expr]


class _Names(Struct, frozen=True):
    """Names that differ in one number, which counts on from `first`: that at `place` among the `numbers` of `text`."""

    text: Text
    numbers: tuple[int, ...]
    place: int
    first: int

    def ending(self, names: tuple[str, ...]) -> int:
        """How many of these names, from the first on, a list ends with."""
        if not names:
            return 0
        text, numbers = parted(names[-1])
        if text != self.text or any(
            one != other for at, (one, other) in enumerate(zip(numbers, self.numbers, strict=True)) if at != self.place
        ):
            return 0
        count = numbers[self.place] - self.first + 1
        return (
            count
            if count > 0 and names[-count:] == tuple(self.written(str(self.first + i)) for i in range(count))
            else 0
        )

    def written(self, number: str) -> str:
        numbers = [str(one) for one in self.numbers]
        numbers[self.place] = number
        return self.text[0] + "".join(one + after for one, after in zip(numbers, self.text[1:], strict=True))


def express(column: list[Any], hole: Hole, parameter: Parameters, table: Parameter) -> Expr:
    """The expression of a hole (`solve`), for lists of names with what they go on by worked out."""
    if hole.kind == LISTS:
        lists: list[tuple[str, ...]] = []
        mapped(column, len(hole.loops), lambda names: None if names is ANY else lists.append(names))
        names = _going_on(max(lists, key=len, default=()))
        counts = {names.ending(one) for one in lists} if names is not None else {0}
        if names is not None and max(counts) >= FEWEST and len(counts) > 1:
            return _formula(column, names, hole, parameter, table)
    return solve(column, hole.loops, hole.counts, lambda values: parameter(values, hole), table)


def _formula(column: list[Any], names: _Names, hole: Hole, parameter: Parameters, table: Parameter) -> Expr:
    def head(one: Any) -> Any:
        return one if one is ANY else one[: len(one) - names.ending(one)]

    def count(one: Any) -> Any:
        return one if one is ANY else names.ending(one)

    depth, turns = len(hole.loops), msgspec.structs.replace(hole, label=TURNS, kind=TURNS)
    heads = solve(mapped(column, depth, head), hole.loops, False, lambda values: parameter(values, hole), table)
    counts = solve(mapped(column, depth, count), hole.loops, True, lambda values: parameter(values, turns), table)
    number = f"{{{INNER} + {names.first}}}" if names.first else f"{{{INNER}}}"
    tail = f'[f"{names.written(number)}" for {INNER} in range({counts})]'
    return Expr(formula=tail if heads == Expr(()) else f"{heads.operand} + {tail}", whole=False)


def _going_on(names: tuple[str, ...]) -> _Names | None:
    """The names that a list ends with and that differ in one number, as many as there are."""
    if not names:
        return None
    *before, (text, numbers) = [parted(name) for name in names]
    if not numbers:
        return None
    place, count = len(numbers) - 1, 1
    for other_text, other in reversed(before):
        differing = [at for at, (one, two) in enumerate(zip(numbers, other, strict=False)) if one != two]
        if other_text != text or len(differing) != 1:
            break
        place = differing[0] if count == 1 else place
        if differing[0] != place or other[place] != numbers[place] - count:
            break
        count += 1
    return _Names(text, numbers, place, numbers[place] - count + 1)
