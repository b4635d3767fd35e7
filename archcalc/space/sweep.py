"""Sweeps: the quantities of every variant of a network, in chunks of columns, worked out when they are asked for."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.analysis.memory import MODELS, Model
from archcalc.builder import Overrides
from archcalc.builder.overrides import declared_argument
from archcalc.errors import Problem, Problems, ShapeError, SpecError, UsageError, did_you_mean
from archcalc.network import changed
from archcalc.space.axes import Between, Listed, Steps
from archcalc.space.conditions import parse_condition
from archcalc.space.engine import Answer, Impossible, Question, answers, spread_out
from archcalc.space.points import Chunks, Draw, Points, chunks_of, count_of, drawn_points, grid_points
from archcalc.space.quantities import ALIASES, NUMERIC, QUANTITIES
from archcalc.space.rows import Choice, Rows, joined
from archcalc.space.spelling import Spelling, as_option
from archcalc.space.targets import Target, shown_value, targets_of
from archcalc.space.terms import Condition
from archcalc.spec import zoo
from archcalc.spec.model import Spec
from archcalc.spec.tree import plain

MOST_VARIANTS = 10**9
CHUNK = 131_072
METHODS = ("uniform", "sobol")

Report = Callable[[float], object]


class Chunk(Struct, frozen=True):
    """A run of variants: the rows that are possible and wanted, and what is to be said of the others.

    `count` are all, `excluded` those that `where` leaves out, `impossible` those that cannot be, by what is wrong.
    """

    number: int
    count: int
    rows: Rows
    excluded: int
    impossible: tuple[Impossible, ...]


class Sweep(Struct, frozen=True):
    """The variants of a network and what is asked of each. Iterating gives chunks of rows, in the order of variants.

    `columns` names the columns of rows: the targets first, then quantities.
    """

    question: Question
    draw: Draw | None
    condition: Condition | None
    columns: tuple[str, ...]
    names: tuple[str, ...]
    layers: int
    chunks: Chunks

    @property
    def count(self) -> int:
        """How many variants there are, impossible ones among them."""
        return self.chunks.total

    def __iter__(self) -> Iterator[Chunk]:
        return map(self.chunk, range(len(self.chunks)))

    def points(self, number: int) -> Points:
        axes = [target.axis for target in self.question.targets]
        start, count = self.chunks.bounds(number)
        return grid_points(axes, start, count) if self.draw is None else drawn_points(axes, self.draw, start, count)

    def chunk(self, number: int, report: Report = lambda share: None) -> Chunk:
        """One run of variants; `report` hears how much of it is done."""
        with _collecting():
            return self._chunk(number, report)

    def _chunk(self, number: int, report: Report) -> Chunk:
        points = self.points(number)
        start = int(points.rows.flat[0])
        table, impossible = _Table(self, points, start), list[Impossible]()
        done = 0
        for answer in answers(self.question, points, self.layers):
            if isinstance(answer, Answer):
                table.take(answer)
                done += answer.points.count
            else:
                impossible.append(answer)
                done += len(answer.rows)
            report(done / points.count)
        rows = table.rows()
        wanted = rows if self.condition is None else rows.taken(_wanted(self.condition, rows))
        shown = Rows(wanted.numbers, {key: wanted.columns[key] for key in self.columns})
        impossible.sort(key=lambda answer: min(answer.rows))
        return Chunk(number, points.count, shown, len(rows) - len(wanted), tuple(impossible))

    def chosen(self, choice: Choice) -> Rows:
        """The rows of all chunks that a choice keeps: a Pareto front, or the best."""
        kept: Rows | None = None
        for chunk in self:
            found = choice.chosen(chunk.rows)
            kept = found if kept is None else choice.chosen(joined([kept, found]))
        assert kept is not None  # noqa: S101 - a sweep has a chunk
        return kept


@contextmanager
def _collecting() -> Iterator[None]:
    """The garbage collector, which the command line leaves off for its short runs: what builds a network has cycles."""
    enabled = gc.isenabled()
    gc.enable()
    try:
        yield
    finally:
        if not enabled:
            gc.disable()


class _Table:
    """The columns of a chunk while answers come in, in any order."""

    def __init__(self, sweep: Sweep, points: Points, start: int) -> None:
        self.start = start
        self.possible = np.zeros(points.count, bool)
        self.columns: dict[str, Any] = {}
        self.keys = sweep.question.keys
        self.targets = list(zip(sweep.names, sweep.question.targets, points.picks, strict=True))
        self.shape = points.rows.shape

    def take(self, answer: Answer) -> None:
        places = answer.points.rows.ravel() - self.start
        self.possible[places] = True
        shape = answer.points.rows.shape
        for key, value in answer.values.items():
            found = spread_out(value, shape).ravel()
            column = self.columns.get(key)
            if column is None:
                column = self.columns[key] = np.zeros(len(self.possible), found.dtype)
            elif column.dtype != found.dtype:
                column = self.columns[key] = column.astype(object)
            column[places] = found

    def rows(self) -> Rows:
        numbers = np.flatnonzero(self.possible)
        columns = {name: _settings(target, np.broadcast_to(pick, self.shape).ravel())[numbers]
                   for name, target, pick in self.targets}  # fmt: skip
        for key in self.keys:
            empty = np.zeros(len(self.possible), object if QUANTITIES[key].kind == "shape" else np.int64)
            columns[key] = self.columns.get(key, empty)[numbers]  # there is none where nothing is possible
        return Rows(numbers + self.start, columns)


def _settings(target: Target, picks: Any) -> Any:
    """A target's column: numbers, or texts as `--set` takes them."""
    axis = target.axis
    if not isinstance(axis, Listed) or is_number(target):
        return axis.column(picks)
    texts = np.empty(axis.size, object)
    texts[:] = [shown_value(target, plain(tree)) for tree in axis.trees]
    return texts[picks]


def is_number(target: Target) -> bool:
    """Whether everything that a target takes is a number."""
    if isinstance(target.axis, (Steps, Between)):
        return True
    return all(type(plain(tree)) in (int, float) for tree in target.axis.trees)


def is_whole(target: Target) -> bool:
    """Whether everything that a target takes is an int."""
    if isinstance(target.axis, Steps):
        return type(target.axis.number(0)) is int
    return isinstance(target.axis, Listed) and all(type(plain(tree)) is int for tree in target.axis.trees)


def _wanted(condition: Condition, rows: Rows) -> Any:
    """Which rows a condition holds for; none of those that have no number for it."""
    known = np.ones(len(rows), bool)
    values = {}
    for key in condition.names:
        column = rows.columns.get(key)
        if column is not None and column.dtype == object:
            known &= np.array([value is not None for value in column], bool)
        values[key] = column
    if not len(rows):
        return known
    held = condition.holds({key: column[known] for key, column in values.items() if column is not None})
    known[known] = np.asarray(held, bool)
    return known


def sweep(
    network: str | os.PathLike[str],
    set: Mapping[str, Any],  # noqa: A002 - the word of the command line
    *,
    sample: int | None = None,
    seed: int = 0,
    method: str = "uniform",
    columns: Sequence[str] = (),
    where: str = "",
    model: Model = "peak",
    training: bool = False,
    chunk: int = CHUNK,
    spell: Spelling = as_option,
) -> Sweep:
    """The variants of a network, by name or path, that `set` spans, with the quantities of `columns` (or all).

    `set` maps targets to what they take: variables (`width`, or `vars.width`), arguments of layers (`conv1.stride`),
    `input` (sizes of squares, or whole shapes), `batch` and `dtype`; values are a `range`, a list, one value, or a text
    as the command line has it (`"32:256:8"`, `"log:32:256"`). They span a grid, the last target changing fastest, or,
    with `sample`, that many points drawn from `seed`: `uniform`, or `sobol`. A design space (`spaces/regnet`) says
    itself what its variables range over: that is swept where `set` is empty.

    Nothing is worked out before it is asked for: iterating gives chunks of rows. Raises ArchcalcError for targets,
    columns and conditions that mean nothing, and for more than a thousand million variants; they write options by
    `spell`.
    """
    spec, wrong = zoo.read(os.fspath(network))
    if wrong:
        raise SpecError(wrong)
    targets = targets_of(spec, set or spec.ranges, spell)
    problems = Problems(_sample_problems(targets, sample, seed, method, spell))
    if model not in MODELS:
        problems.append(Problem(f"there is no memory model '{model}'", None, did_you_mean(model, MODELS)))
    if problems:
        raise UsageError(problems)
    draw = None if sample is None else Draw(sample, seed, method)
    shape, layers = _base(spec, targets, training)
    names = tuple(column_name(target) for target in targets)
    shown = _columns(columns, names)
    known = NUMERIC | {name: "number" for name, target in zip(names, targets, strict=True) if is_number(target)}
    condition = parse_condition(where, known, spell("where", "")) if where else None
    needed = dict.fromkeys((*shown, *(condition.names if condition else ())))
    keys = tuple(key for key in needed if key in QUANTITIES and key not in names)
    question = Question(spec, targets, keys, shape, model, training)
    chunks = chunks_of([target.axis for target in targets], draw, max(1, chunk))
    return Sweep(question, draw, condition, shown, names, layers, chunks)


def numbers_of(sweep: Sweep) -> dict[str, str]:
    """The columns of a sweep that are numbers, and in which unit."""
    found: dict[str, str] = {}
    for name, target in zip(sweep.names, sweep.question.targets, strict=True):
        found |= {name: "number"} if is_number(target) else {}
    return found | {key: NUMERIC[key] for key in sweep.columns if key in NUMERIC and key not in sweep.names}


def column_name(target: Target) -> str:
    """What the column of a target is called: by its name, and in full where a quantity has that name."""
    if target.owner == "vars":
        return target.setting if target.word in QUANTITIES else target.word
    return target.setting


def _sample_problems(
    targets: Sequence[Target], sample: int | None, seed: int, method: str, spell: Spelling
) -> Iterator[Problem]:
    """What is wrong with how many variants there are, and with how they are drawn."""
    if not targets:
        yield Problem("a sweep changes something", None, f"{spell('set', '')} says what, such as width=32:256:8")
    if method not in METHODS:
        yield Problem(f"there is no way to draw called '{method}'", None, did_you_mean(method, METHODS))
    if seed < 0:
        yield Problem(f"a seed is a whole number from 0, this is {seed}")
    if sample is not None:
        if not 0 < sample <= MOST_VARIANTS:
            yield Problem(f"a sample has from 1 to {MOST_VARIANTS:,} variants, not {sample:,}")
        return
    for target in targets:
        if isinstance(target.axis, Between):
            yield Problem(f"{target.name} has no steps", target.span, f"low:high:step, or {spell('sample', 'N')}")
        elif isinstance(target.axis, Steps) and target.axis.log:
            yield Problem("log: says how to draw, and a grid takes all", target.span, f"{spell('sample', 'N')} draws")
    count = count_of([target.axis for target in targets])
    if MOST_VARIANTS < count < float("inf"):
        yield Problem(f"this grid has {int(count):,} variants", None, f"{spell('sample', 'N')} draws N of them")


def _base(spec: Spec, targets: Sequence[Target], training: bool) -> tuple[tuple[int, ...], int]:
    """The input's shape and the number of layers of the network as it is. Raises UsageError for unknown layers.

    Where variables change, so may the layers there are; then it is seen of each variant what it has.
    """
    try:
        graph = changed(spec, Overrides(training=training)).graph
    except (SpecError, ShapeError):
        if any(target.setting == "input" for target in targets):
            raise
        return (), 200
    if not any(target.owner == "vars" for target in targets):
        problems = Problems()
        for target in targets:
            if target.owner:
                declared_argument(graph.graph, target.owner, target.word, target.span, problems)
        if problems:
            raise UsageError(problems)
    return graph.input_shape, len(graph.nodes)


def _columns(asked: Sequence[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """Targets, and the quantities asked for, or all of them. Raises UsageError."""
    keys = [key if key in QUANTITIES or key in names else ALIASES.get(key, key) for key in asked]
    unknown = [key for key in keys if key not in QUANTITIES and key not in names]
    if unknown:
        known = [*QUANTITIES, *ALIASES, *names]
        raise UsageError(Problem(f"there is no column '{key}'", None, did_you_mean(key, known)) for key in unknown)
    return tuple(dict.fromkeys((*names, *(keys or QUANTITIES))))
