"""Stretches of a sequence that are one body several times over: found in near-linear time, smallest bodies first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from archcalc.formats.spec_text.fit import Expr
from archcalc.formats.spec_text.forms import Form, Forms, Hole, Layer, Line, Loop, Series
from archcalc.formats.spec_text.listed import express

LONGEST_BODY = 1000
LOOKED_BACK = 6
"""How many earlier places of the same form are tried as one turn before."""
DEEPEST = 4
"""Loops within loops."""
WORTH = 4
"""Lines that a loop saves at least, but for one in a loop."""
LINE = 24
"""About the characters that a line has beside its arguments; a formula has to earn more than it takes."""


class Run(Struct, frozen=True):
    """`turns` times a body of `size` lines, from place `start` on."""

    start: int
    size: int
    turns: int


def collapse(sequences: list[list[Line]], forms: Forms, eager: bool) -> list[list[Line]]:
    """The sequences with repeats written as loops, where that is shorter; equal stretches alike in all of them.

    Runs of the smallest bodies are taken first, then what repeats with these written as loops. `eager` takes runs that
    are only worth it if they lie in a loop themselves.
    """
    for _ in range(DEEPEST):
        bodies = _worthwhile(sequences, forms, eager)
        if not bodies:
            break
        sequences = [_written(sequence, bodies, forms) for sequence in sequences]
    return sequences


def _worthwhile(sequences: list[list[Line]], forms: Forms, eager: bool) -> set[tuple[int, ...]]:
    """The bodies that are worth a loop; of those that overlap in a sequence the smaller first."""
    gains: dict[tuple[int, ...], float] = defaultdict(float)
    for lines in sequences:
        numbers = [line.form for line in lines]
        for run in _chosen(_runs(numbers), numbers, forms):
            body = tuple(numbers[run.start : run.start + run.size])
            gains[body] += _gain(lines, run, body, forms, eager)
    return {body for body, gain in gains.items() if gain > 0}


def _runs(numbers: Sequence[int]) -> Iterator[Run]:
    """All maximal runs whose body is no run itself, as far as `LOOKED_BACK` shows them."""
    places: dict[int, list[int]] = defaultdict(list)
    looked: dict[int, int] = {}
    for place, number in enumerate(numbers):
        before = places[number]
        for other in before[-LOOKED_BACK:]:
            size = place - other
            if size > LONGEST_BODY or looked.get(size, -1) >= place:
                continue
            start = place
            while start > size and numbers[start - 1] == numbers[start - 1 - size]:
                start -= 1
            end = place + 1
            while end < len(numbers) and numbers[end] == numbers[end - size]:
                end += 1
            looked[size] = end
            if end - start >= size:
                yield Run(start - size, size, (end - start) // size + 1)
        before.append(place)


def _chosen(runs: Iterator[Run], numbers: Sequence[int], forms: Forms) -> list[Run]:
    """Runs that do not overlap, small bodies before large ones, each begun where a person would."""
    taken = bytearray(len(numbers))
    found = []
    for run in sorted(runs, key=lambda run: (run.size, run.start)):
        end = run.start + run.size * run.turns
        if any(taken[run.start : end]):
            continue
        run = _begun(run, numbers, forms)
        end = run.start + run.size * run.turns
        if any(taken[run.start : end]):
            continue
        taken[run.start : end] = b"\1" * (end - run.start)
        found.append(run)
    return found


def _begun(run: Run, numbers: Sequence[int], forms: Forms) -> Run:
    """The run shifted, where it can be, so that its body begins with a layer of weights, a join or a block."""
    for start in range(run.start, run.start + run.size):
        if not _fits(run, start, numbers):
            break
        if _leads(forms.all[numbers[start]]):
            return Run(start, run.size, run.turns)
    return run


def _fits(run: Run, start: int, numbers: Sequence[int]) -> bool:
    """Whether as many turns fit from `start` on."""
    last = start + run.size * run.turns - 1
    return last < len(numbers) and numbers[last] == numbers[last - run.size]


def _leads(form: Form) -> bool:
    return not isinstance(form, Layer) or form.branches is not None or "out_channels" in form.op.__struct_fields__


def _gain(lines: list[Line], run: Run, body: tuple[int, ...], forms: Forms, eager: bool) -> float:
    """About how many characters a loop saves; negative where it saves too few lines to be read for."""
    height = sum(forms.lines[form] for form in body)
    saved = (run.turns - 1) * height
    if saved < WORTH and not eager:
        return -LINE
    columns = _columns(lines, run)
    asked = 0.0
    for hole, column in zip(forms.holes(body), columns, strict=True):
        asked += _price(column, hole)
    return saved * LINE - asked / 3 if eager else saved * LINE - 3 * LINE - asked


def _price(column: Series, hole: Hole) -> float:
    """What it takes to write a hole of a loop."""
    tables: list[Any] = []

    def table(values: list[Any]) -> Expr:
        tables.append(values[0])
        return Expr(formula="values")

    def parameter(values: list[Any], _: Hole) -> Expr:
        return Expr(values[0])

    hole = msgspec.structs.replace(hole, loops=("turn", *hole.loops))
    expression = express([column], hole, parameter, table)
    price = len(expression.formula) + sum(len(str(values)) for values in tables)
    return price * (3 if hole.counts and tables else 1)


def _columns(lines: list[Line], run: Run) -> list[Series]:
    """For each hole of the body its values, turn by turn."""
    rows = []
    for turn in range(run.turns):
        start = run.start + turn * run.size
        rows.append([value for line in lines[start : start + run.size] for value in line.values])
    return [Series(column) for column in zip(*rows, strict=True)]


def _written(lines: list[Line], bodies: set[tuple[int, ...]], forms: Forms) -> list[Line]:
    """The lines with every stretch of these bodies as a loop, of one turn if need be: equal texts stay equal."""
    numbers = [line.form for line in lines]
    by_first: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for body in sorted(bodies, key=len, reverse=True):
        by_first[body[0]].append(body)
    written: list[Line] = []
    place = 0
    while place < len(lines):
        run = next(filter(None, (_run_of(body, numbers, place) for body in by_first[numbers[place]])), None)
        if run is None:
            written.append(lines[place])
            place += 1
            continue
        body = tuple(numbers[place : place + run.size])
        place += run.size * run.turns
        values = (run.turns, *_columns(lines, run))
        written.append(Line(forms.number(Loop(body)), values, lines[place - 1].last))
    return written


def unrolled(instances: list[list[Line]], forms: Forms) -> list[list[Line]]:
    """The instances of one text without the loops that are as many turns in all and save next to nothing."""
    loops = {
        place
        for place, line in enumerate(instances[0])
        if isinstance(form := forms.all[line.form], Loop)
        and len({lines[place].values[0] for lines in instances}) == 1
        and (line.values[0] - 1) * sum(forms.lines[inner] for inner in form.body) < WORTH
    }
    if not loops:
        return instances
    return [
        [turn for place, line in enumerate(lines) for turn in (_turns(line, forms) if place in loops else [line])]
        for lines in instances
    ]


def _turns(line: Line, forms: Forms) -> Iterator[Line]:
    """The lines of a loop written out."""
    form = forms.all[line.form]
    assert isinstance(form, Loop)  # noqa: S101
    for turn in range(line.values[0]):
        values = iter([column[turn] for column in line.values[1:]])
        for inner in form.body:
            yield Line(inner, tuple(islice(values, len(forms.holes((inner,))))), line.last)


def _run_of(body: tuple[int, ...], numbers: list[int], place: int) -> Run | None:
    size, turns = len(body), 0
    while tuple(numbers[place + turns * size : place + (turns + 1) * size]) == body:
        turns += 1
    return Run(place, size, turns) if turns else None
