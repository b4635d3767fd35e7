"""A run → what came out, and where the time and the memory went: tables, and plain data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, TypeAlias

from msgspec import Struct, to_builtins

from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.forward.report import Guess, Report, Spread, is_vector
from archcalc.numbers import product
from archcalc.ops.base import show_shape
from archcalc.views.layers import conventions, sort_index
from archcalc.views.table import Column, Fact, Range, Row, Table

COUNTED = "2*MACs of each step, whatever its algorithm really multiplies, over its median time"

_MS = Column("ms", "ms", "measured")
_TIME_SHARE = Column("time_share", "%", "percent", 3)
_RATE = Column("gflops", "GFLOP/s", "measured")
_PEAK_SHARE = Column("peak_share", "% of peak", "percent", 1)

Answer: TypeAlias = Sequence[Sequence[Guess]] | Sequence[Spread]
"""The likeliest classes of each sample, or how its values are spread."""

COLUMNS = (
    Column("layer", "Layer (type)", "name"),
    Column("output", "Output shape", "shape", 5),
    Column("algorithm", "Algorithm", "text", 2),
    Column("macs", "MACs", "amount", 4),
    _MS,
    _TIME_SHARE,
    _RATE,
    _PEAK_SHARE,
)
"""What a table of steps can have."""


class Step(Struct, frozen=True):
    """One step with what it computes: its name is that of its first layer, its kinds are those of all."""

    layers: tuple[str, ...]
    kinds: tuple[str, ...]
    output: tuple[int, ...]
    algorithm: str
    macs: int
    seconds: float

    @property
    def rate(self) -> float | None:
        """FLOP/s, for what has products."""
        return _rate(self.macs, self.seconds)


def steps_of(analysis: Analysis, report: Report) -> tuple[Step, ...]:
    """The steps of a run with the facts of their layers."""
    nodes, shapes, costs = analysis.graph.nodes, analysis.graph.shapes, analysis.cost.layers
    return tuple(
        Step(
            tuple(nodes[i].name for i in timing.nodes),
            tuple(nodes[i].op.keyword for i in timing.nodes),
            shapes[timing.nodes[-1]],
            timing.algorithm,
            sum(costs[i].macs for i in timing.nodes),
            timing.seconds,
        )
        for timing in report.timings
    )


def _rate(macs: int, seconds: float) -> float | None:
    return 2 * macs / seconds if macs and seconds else None


def output(analysis: Analysis, report: Report, answer: Answer, saved: Mapping[str, str]) -> Table:
    """What came out: the likeliest classes of each sample, or how its values are spread."""
    classes = is_vector(report.output_shape)
    columns, rows = _classes(report, answer) if classes else _values(report, answer)
    notes = []
    if classes and not report.softmax:
        notes.append("the network ends in scores: probabilities are their softmax")
    outputs = product(report.output_shape)
    if classes and report.labels and len(report.labels) != outputs:
        notes.append(f"there are {len(report.labels):,} labels for {outputs:,} classes: classes go by their numbers")
    notes += report.matched
    if report.weights.startswith("random:"):
        notes.append("weights are random: what comes out says nothing about the samples")
    if report.nonfinite:
        notes.append(f"{report.nonfinite:,} of {report.batch * outputs:,} values are NaN or infinite")
    shapes = dict(zip((node.name for node in analysis.graph.nodes), analysis.graph.shapes, strict=True))
    for layer, path in saved.items():
        notes.append(f"saved: {layer}, {show_shape((report.batch, *shapes[layer]))}, in {printable(path, 200)}")
    said = f"{conventions(analysis)} · weights {report.weights} · samples {report.samples}"
    facts = (Fact("Output", report.output_shape, "shape", "of each sample" if report.batch > 1 else ""),)
    return Table(f"{analysis.spec.title}: output", said, columns, rows, (), facts, tuple(notes))


def _classes(report: Report, guesses: Sequence[Any]) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    columns: tuple[Column, ...] = (
        Column("sample", "Sample"),
        Column("rank", "Rank", "count"),
        Column("class", "Class"),
        Column("probability", "Probability %", "percent"),
        Column("score", "Score", "measured", 1),
    )
    rows: list[tuple[Any, ...]] = [
        (name, rank, guess.label or str(guess.index), guess.probability, guess.score)
        for name, best in zip(report.names, guesses, strict=True)
        for rank, guess in enumerate(best, start=1)
    ]
    # One sample needs no name; where the network gives probabilities, they are its scores.
    shown = slice(0 if report.batch > 1 else 1, -1 if report.softmax else None)
    return columns[shown], tuple(Row(row[shown]) for row in rows)


def _values(report: Report, spreads: Sequence[Any]) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    titles = (("min", "Min"), ("mean", "Mean"), ("max", "Max"), ("std", "Std. deviation"))
    rows = (Row((name, one.min, one.mean, one.max, one.std)) for name, one in zip(report.names, spreads, strict=True))
    return (Column("sample", "Sample"), *(Column(key, title, "measured") for key, title in titles)), tuple(rows)


def times(analysis: Analysis, report: Report) -> Table:
    """Where the time went, by kinds of steps, the slowest first; memory below."""
    columns = (
        Column("kind", "Steps of"),
        Column("steps", "Steps", "count", 2),
        Column("macs", "MACs", "amount", 4),
        _MS,
        _TIME_SHARE,
        _RATE,
        _PEAK_SHARE,
    )
    kinds: dict[str, list[Step]] = {}
    steps = steps_of(analysis, report)
    for step in steps:
        kinds.setdefault(step.kinds[0], []).append(step)
    by_time = sorted(kinds.items(), key=lambda item: -sum(step.seconds for step in item[1]))
    rows = [Row((kind, len(group), *_sums(group, steps, report))) for kind, group in by_time]
    total = Row(("total", len(steps), *_sums(steps, steps, report)), style="total")
    return _timed(analysis, report, columns, rows, total, steps)


def columns_named(keys: Sequence[str], sort: str) -> list[Column]:
    """The columns of these keys, all if there are none, `layer` first.

    Raises UsageError for a key, or one to sort by, that is not among them.
    """
    by_key = {column.key: column for column in COLUMNS}
    unknown = [key for key in keys if key not in by_key]
    if unknown:
        problems = (Problem(f"there is no column '{key}'", None, did_you_mean(key, by_key)) for key in unknown)
        raise UsageError(problems)
    columns = [by_key[key] for key in dict.fromkeys(("layer", *(keys or by_key)))]
    if sort:
        sort_index(columns, sort)
    return columns


def times_per_layer(analysis: Analysis, report: Report, keys: Sequence[str], sort: str) -> Table:
    """A row a step; below them their sums. Raises UsageError as `columns_named` does."""
    columns, steps = columns_named(keys, sort), steps_of(analysis, report)
    shown: Sequence[Step] = steps
    if sort:
        key = columns[sort_index(columns, sort)].key
        shown = sorted(steps, key=lambda step: _order(_cells([step], steps, report)[key]), reverse=key != "layer")
    rows = [Row(tuple(_cells([step], steps, report)[column.key] for column in columns)) for step in shown]
    sums = _cells(steps, steps, report) | {"layer": ("total", ""), "output": None, "algorithm": ""}
    total = Row(tuple(sums[column.key] for column in columns), style="total")
    return _timed(analysis, report, columns, rows, total, steps)


def _order(cell: Any) -> Any:
    return (cell is not None, product(cell) if isinstance(cell, tuple) and cell and isinstance(cell[0], int) else cell)


def _sums(steps: Sequence[Step], every: Sequence[Step], report: Report) -> tuple[Any, ...]:
    """MACs, milliseconds, share of the time, GFLOP/s and share of the peak of some steps together."""
    cells = _cells(steps, every, report)
    return tuple(cells[key] for key in ("macs", "ms", "time_share", "gflops", "peak_share"))


def _cells(steps: Sequence[Step], every: Sequence[Step], report: Report) -> dict[str, Any]:
    """The cells of some steps together; those that do not add up are the first one's."""
    macs, seconds = sum(step.macs for step in steps), sum(step.seconds for step in steps)
    whole, rate = sum(step.seconds for step in every), _rate(macs, seconds)
    first = steps[0]
    return {
        "layer": (first.layers[0], " + ".join(first.kinds)),
        "output": first.output,
        "algorithm": first.algorithm,
        "macs": macs,
        "ms": seconds * 1e3,
        "time_share": seconds / whole if whole else 0.0,
        "gflops": None if rate is None else rate / 1e9,
        "peak_share": None if rate is None else rate / report.product_rate,
    }


def _timed(
    analysis: Analysis, report: Report, columns: Sequence[Column], rows: list[Row], total: Row, steps: Sequence[Step]
) -> Table:
    said = f"{conventions(analysis)} · {report.execution} · {_threads(report)}"
    notes = ["GFLOP/s: 2·MACs a second, whatever the algorithm really multiplies; peak: that of plain products"]
    counts = Counter(step.algorithm for step in steps if step.kinds[0] == "conv")
    if counts and report.execution == "fast":
        asked = f" ({report.algorithm} wherever it is defined)" if report.algorithm else ""
        notes.append("convolutions: " + ", ".join(f"{n} {name}" for name, n in counts.most_common()) + asked)
    if any(name.startswith("winograd") for name in counts):
        notes.append("Winograd multiplies less than is counted, and may be beyond 100% of the peak")
    without = _without_steps(analysis, report)
    if without:
        notes.append(f"no steps of their own: {without}; their readers do them, or see the same numbers otherwise")
    title, facts = f"{analysis.spec.title}: time", (*_speed(report), *_memory(analysis, report))
    return Table(title, said, tuple(columns), tuple(rows), (total,), facts, tuple(notes))


def _without_steps(analysis: Analysis, report: Report) -> str:
    """Which kinds of layers no step computes, and how many of each; samples are there from the beginning."""
    timed = {position for timing in report.timings for position in timing.nodes}
    nodes = enumerate(analysis.graph.nodes)
    kinds = Counter(node.op.keyword for i, node in nodes if i not in timed and node.op.keyword != "input")
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def _threads(report: Report) -> str:
    return "1 thread" if report.threads == 1 else f"{report.threads} threads"


def _speed(report: Report) -> list[Fact]:
    passes = [seconds * 1e3 for seconds in report.passes]
    told = "" if len(passes) == 1 else f"median of {len(passes)}, "
    remark = f"ms: {told}behind a pass that does not count; samples in and output out"
    facts = [Fact("One pass", median(passes), "measured", remark)]
    if len(passes) > 1:
        facts.append(Fact("  all", Range(min(passes), max(passes)), "measured", "ms, from the fastest to the slowest"))
    peak = "GFLOP/s, by plain products of float32 matrices on as many cores"
    return [*facts, Fact("Peak", report.product_rate / 1e9, "measured", peak)]


def _memory(analysis: Analysis, report: Report) -> list[Fact]:
    memory, predicted, planned = analysis.memory, report.predicted, report.planned
    alive = f"predicted: model peak, alive while {memory.peak_layer} runs"
    facts = [Fact("Weights", predicted.weights, "bytes"), Fact("Activations", memory.peak_bytes, "bytes", alive)]
    if planned is not None:
        facts.append(Fact("  planned", planned.activations, "bytes", "as the plan has laid them out"))
        facts.append(Fact("  scratch", planned.scratch, "bytes", "what the plan's steps work in"))
    parts = "weights, rearranged ones, activations, scratch" if planned else "weights, activations, scratch"
    facts.append(Fact("Memory", predicted.total, "bytes", f"predicted: {parts}"))
    if report.taken_bytes is not None:
        facts.append(Fact("  taken", report.taken_bytes, "bytes", "in this process at most, beyond what it had before"))
    return facts


def document(analysis: Analysis, report: Report, answer: Answer, saved: Mapping[str, str]) -> dict[str, Any]:
    """What JSON shows of a run: keys that are always there, with null where there is nothing."""
    found = [{"sample": name, "found": to_builtins(one)} for name, one in zip(report.names, answer, strict=True)]
    classes = is_vector(report.output_shape)
    return {
        "execution": report.execution,
        "algorithm": report.algorithm,
        "threads": report.threads,
        "weights": report.weights,
        "matched": list(report.matched),
        "samples": report.samples,
        "output": {"shape": list(report.output_shape), "softmax": report.softmax, "nonfinite": report.nonfinite},
        "classes": found if classes else None,
        "values": None if classes else found,
        "times": _times(analysis, report) if report.passes else None,
        "memory": _bytes(report) if report.passes else None,
        "saved": dict(saved),
    }


def _times(analysis: Analysis, report: Report) -> dict[str, Any]:
    steps = steps_of(analysis, report)
    macs = sum(step.macs for step in steps)
    return {
        "counted": COUNTED,
        "passes": list(report.passes),
        "median": median(report.passes),
        "flops_per_second": _rate(macs, sum(step.seconds for step in steps)),
        "peak_flops_per_second": report.product_rate,
        "steps": [
            {
                "name": step.layers[0],
                "layers": list(step.layers),
                "ops": list(step.kinds),
                "output": list(step.output),
                "algorithm": step.algorithm,
                "macs": step.macs,
                "seconds": step.seconds,
                "flops_per_second": step.rate,
                "share_of_peak": None if step.rate is None else step.rate / report.product_rate,
            }
            for step in steps
        ],
    }


def _bytes(report: Report) -> dict[str, Any]:
    predicted = {**to_builtins(report.predicted), "total": report.predicted.total}
    return {"predicted": predicted, "planned": to_builtins(report.planned), "taken": report.taken_bytes}
