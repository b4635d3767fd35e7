"""Chunks and rows of a sweep → plain data."""

from archcalc.builder.program import has_expression
from archcalc.space.engine import Impossible
from archcalc.space.report import Reason, Swept, Tally
from archcalc.space.rows import Rows
from archcalc.space.sweep import Chunk, Sweep, numbers_of


def tally_of(chunk: Chunk) -> Tally:
    """What is to be said of the variants of a chunk."""
    impossible = sum(len(found.rows) for found in chunk.impossible)
    counted = Tally(chunk.count, len(chunk.rows), chunk.excluded, impossible)
    return Tally(reasons=tuple(map(_reason, chunk.impossible))).with_other(counted)


def _reason(impossible: Impossible) -> Reason:
    problem = impossible.problems[0]
    place = "" if problem.span is None else problem.span.place
    return Reason(problem.message, place, len(impossible.rows), min(impossible.rows), impossible.settings)


def swept(sweep: Sweep, rows: Rows, tally: Tally, choice: str = "") -> Swept:
    """A sweep with the rows that are to be shown, and in words how they were chosen."""
    question, draw = sweep.question, sweep.draw
    settings = {target.setting for target in question.targets}
    follows = question.spec.input is not None and has_expression(question.spec.input)
    open_input = (
        "input" in settings or not question.shape or (follows and any(t.owner == "vars" for t in question.targets))
    )
    fixed = [] if open_input else [f"input {'×'.join(map(str, question.shape))}"]
    fixed += [] if "batch" in settings else ["batch 1"]
    fixed += [] if "dtype" in settings else ["float32"]
    return Swept(
        question.spec.name,
        question.spec.title,
        sweep.columns,
        sweep.names,
        tuple(numbers_of(sweep)),
        [list(row) for row in zip(*rows.lists(), strict=True)],
        tally,
        () if draw else tuple(target.axis.size or 0 for target in question.targets),
        {"count": draw.count, "method": draw.method, "seed": draw.seed} if draw else None,
        tuple(fixed),
        question.model,
        question.training,
        sweep.condition.text if sweep.condition else "",
        choice,
    )
