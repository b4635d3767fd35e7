"""Sweeps as tables and documents: a row a variant, and what is to be said of the others."""

from typing import Any

from msgspec import Struct

from archcalc.space.encode import documents
from archcalc.space.engine import Question
from archcalc.space.points import Draw
from archcalc.space.quantities import QUANTITIES
from archcalc.space.rows import Rows
from archcalc.space.sweep import Sweep, numbers_of
from archcalc.space.tally import Tally
from archcalc.views.document import CONVENTIONS
from archcalc.views.table import Column, Fact, Kind, Row, Table

MOST_SHOWN = 100
"""Rows of a table that nobody limits: more are for files."""

_RANKS = {
    "buffers": 7,
    "activation_bytes": 6,
    "output": 6,
    "layers": 5,
    "depth": 5,
    "memory_bytes": 4,
    "flops": 4,
    "receptive_field": 3,
    "weight_bytes": 2,
    "peak_activation_bytes": 1,
}
"""What goes first where a terminal is narrow."""


class Shown(Struct, frozen=True):
    """A sweep with the rows to be shown, and in words how they were chosen."""

    sweep: Sweep
    rows: Rows
    tally: Tally
    choice: str = ""


def table(shown: Shown) -> Table:
    """A row for each variant; numbers of variants below, and why some are impossible."""
    sweep, tally, rows = shown.sweep, shown.tally, shown.rows
    numbers = numbers_of(sweep)
    columns = tuple(_column(key, key in sweep.names, key in numbers) for key in sweep.columns)
    notes = list(reason_notes(tally))
    if len(rows) > MOST_SHOWN and not shown.choice:
        notes.insert(0, f"the first {MOST_SHOWN} of {len(rows):,} rows: --top N shows more, -o FILE.csv has all")
        rows = rows.taken(slice(0, MOST_SHOWN))
    cells = zip(*rows.lists(), strict=True)
    facts = [Fact("Variants", tally.variants, "count", how(sweep))]
    if tally.impossible:
        facts.append(Fact("Impossible", tally.impossible, "count", "why is noted below"))
    if sweep.condition is not None:
        facts.append(Fact("Left out", tally.excluded, "count", f"not {sweep.condition.text}"))
    if shown.choice:
        facts.append(Fact("Chosen", len(shown.rows), "count", shown.choice))
    return Table(
        f"{sweep.question.spec.title}: sweep",
        conventions(sweep),
        columns,
        tuple(Row(tuple(row)) for row in cells),
        (),
        tuple(facts),
        tuple(notes),
    )


def _column(key: str, target: bool, number: bool) -> Column:
    if target:
        return Column(key, key, "number" if number else "text")
    quantity = QUANTITIES[key]
    kind: Kind = quantity.kind if quantity.kind != "shape" else "text"
    return Column(key, quantity.title, kind, _RANKS.get(key, 0))


def how(sweep: Sweep) -> str:
    """How variants come about: `a grid of 29 × 3`, `drawn uniformly, seed 0`."""
    if sweep.draw is not None:
        return _drawn(sweep.draw)
    sizes = [str(target.axis.size) for target in sweep.question.targets]
    return f"a grid of {' × '.join(sizes)}"


def _drawn(draw: Draw) -> str:
    return f"drawn {'uniformly' if draw.method == 'uniform' else 'by a Sobol sequence'}, seed {draw.seed}"


def conventions(sweep: Sweep) -> str:
    """What all variants have in common, on top of the table."""
    question = sweep.question
    swept = {target.setting for target in question.targets}
    fixed = [] if "input" in swept or not question.shape else [f"input {'×'.join(map(str, question.shape))}"]
    fixed += [] if "batch" in swept else ["batch 1"]
    fixed += [] if "dtype" in swept else ["float32"]
    return " · ".join([*fixed, f"activations: model {question.model}", *_mode(question)])


def _mode(question: Question) -> list[str]:
    return ["training"] if question.training else []


def reason_notes(tally: Tally) -> list[str]:
    """Why variants are impossible, a line a reason, each with an example."""
    notes = []
    for reason in tally.reasons:
        settings = ", ".join(f"{name}={value}" for name, value in reason.settings.items())
        place = f"{reason.place}: " if reason.place else ""
        notes.append(f"{reason.count:,} impossible as {settings} is: {place}{reason.message}")
    if tally.unsaid:
        notes.append(f"{tally.unsaid:,} impossible for further reasons")
    return notes


def document(shown: Shown) -> dict[str, Any]:
    """The sweep as JSON has it: exact numbers, conventions and reasons with them."""
    sweep, tally = shown.sweep, shown.tally
    question, draw = sweep.question, sweep.draw
    return {
        "network": question.spec.name,
        "title": question.spec.title,
        "mode": "train" if question.training else "infer",
        "conventions": {**CONVENTIONS, "activation_bytes": f"model {question.model}"},
        "variants": tally.variants,
        "drawn": None if draw is None else {"count": draw.count, "method": draw.method, "seed": draw.seed},
        "where": None if sweep.condition is None else sweep.condition.text,
        "choice": shown.choice or None,
        "excluded": tally.excluded,
        "impossible": tally.impossible,
        "reasons": [
            {"message": r.message, "place": r.place, "count": r.count, "variant": r.variant, "settings": r.settings}
            for r in tally.reasons
        ],
        "rows": documents(shown.rows),
    }
