"""Findings about budgets → a table, and the same as plain data."""

from typing import Any, Literal

from msgspec import Struct

from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem
from archcalc.space.budgets import Finding, Gap
from archcalc.space.quantities import QUANTITIES
from archcalc.views.table import Cell, Column, Kind, Row, Table

_COLUMNS = (
    Column("network", "Network"),
    Column("condition", "Fail on"),
    Column("value", "Value", "number"),
    Column("limit", "Limit", "number", 1),
    Column("verdict", "Verdict"),
    Column("by", "By", "number"),
    Column("share", "%", "percent", 2),
)
_UNDER = Column("under", "Under", "text", 3)
_TERM = Column("term", "Comparison")
FAILS, PASSES = "FAILS", "passes"


def table(findings: list[Finding], flat: bool = False) -> Table:
    """A row a condition; those made of several comparisons have a row for each below.

    `flat` has comparisons only, for spreadsheets. Conventions have a column where networks differ in them.
    """
    said = [*dict.fromkeys(finding.under for finding in findings)]
    own = flat or len(said) > 1
    rows: list[Row] = []
    for finding in findings:
        rows += [_with(row, finding.under) if own else row for row in (_flat if flat else _rows)(finding)]
    failing = sum(finding.fails for finding in findings)
    notes = [f"{_counted(len(findings), 'budget')}: {failing} {'fails' if failing == 1 else 'fail'}"]
    notes.append("By: how far value and limit are apart: what has to go where a budget fails, what is left elsewhere")
    shown = said[0] if len(said) == 1 else "each under its own conventions"
    columns = (*_COLUMNS[:2], _TERM, *_COLUMNS[2:]) if flat else _COLUMNS
    columns = (columns[0], _UNDER, *columns[1:]) if own else columns
    return Table("Budgets", shown, columns, tuple(rows), notes=tuple(notes))


def _with(row: Row, under: str) -> Row:
    return Row((row.cells[0], under if row.cells[0] else "", *row.cells[1:]))


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _rows(finding: Finding) -> list[Row]:
    verdict = FAILS if finding.fails else PASSES
    if len(finding.gaps) == 1:
        (gap,) = finding.gaps
        value, limit, by, share = _cells(gap)
        return [Row((finding.network, finding.condition.text, value, limit, verdict, by, share))]
    rows = [Row((finding.network, finding.condition.text, None, None, verdict, None, None))]
    for gap in finding.gaps:
        value, limit, by, share = _cells(gap)
        rows.append(Row(("", f"  {gap.term.text}", value, limit, "true" if gap.holds else "false", by, share)))
    return rows


def _flat(finding: Finding) -> list[Row]:
    verdict, text = FAILS if finding.fails else PASSES, finding.condition.text
    rows = []
    for gap in finding.gaps:
        value, limit, by, share = _cells(gap)
        rows.append(Row((finding.network, text, gap.term.text, value, limit, verdict, by, share)))
    return rows


def _cells(gap: Gap) -> tuple[Any, ...]:
    """Amounts are written out: a limit may lie between two that look the same in three digits."""
    kind: Kind = "bytes" if QUANTITIES[gap.term.left.key].kind == "bytes" else "count"
    value, limit, by = (Cell(_number(n), kind) for n in (gap.value, gap.limit, abs(gap.difference)))
    return value, limit, by, gap.share


Status = Literal["passes", "fails", "error"]


class Case(Struct, frozen=True):
    """One finding, or one problem, as a CI system takes it: what it is about, what became of it, and where it stands.

    `file` is empty where no file of the user's is concerned, `line` and `column` are 0 where none is.
    """

    group: str
    name: str
    status: Status
    message: str
    file: str = ""
    line: int = 0
    column: int = 0


def case_of(finding: Finding, file: str) -> Case:
    """A condition stands in a file of budgets, or is about the file of the network."""
    span = finding.condition.span
    status: Status = "fails" if finding.fails else "passes"
    if span.source.name.startswith("--"):
        return Case(finding.network, finding.condition.text, status, outcome(finding), file, 1 if file else 0)
    where = (span.source.name, span.line, span.column)
    return Case(finding.network, finding.condition.text, status, outcome(finding), *where)


def case_of_problem(network: str, problem: Problem) -> Case:
    """What is wrong with a network or a file of budgets."""
    message = "\n".join(filter(None, (problem.message, problem.hint, *problem.details)))
    span = problem.span
    if span is None or span.source.name.startswith(("--", "<")):
        return Case(network, "is valid", "error", message)
    return Case(network, "is valid", "error", message, span.source.name, span.line, span.column)


def _number(value: Any) -> int | float:
    return int(value) if value == int(value) else float(value)


def outcome(finding: Finding) -> str:
    """A finding in a line: `params > 5M fails: params is 11,689,512, over by 6,689,512 (133.8%)`."""
    parts = [_sentence(gap) for gap in finding.gaps]
    return f"{finding.condition.text} {'fails' if finding.fails else 'passes'}: {'; '.join(parts)}"


def _sentence(gap: Gap) -> str:
    unit = " bytes" if QUANTITIES[gap.term.left.key].kind == "bytes" else ""
    said = f"{gap.term.left.key} is {_number(gap.value):,}{unit}"
    if not gap.difference:
        return f"{said}, at the limit"
    share = "" if gap.share is None else f" ({gap.share:.1%})"
    side = "over" if gap.difference > 0 else "under"
    return f"{said}, {side} the limit by {_number(abs(gap.difference)):,}{share}"


def network(name: str, analysis: Analysis) -> dict[str, Any]:
    """What JSON says of a network that is valid."""
    return {
        "network": name,
        "input": list(analysis.graph.input_shape),
        "batch": analysis.batch,
        "dtype": analysis.dtype,
        "mode": "train" if analysis.training else "infer",
        "layers": len(analysis.graph.nodes) - 1,
    }


def document(findings: list[Finding], networks: list[dict[str, Any]]) -> dict[str, Any]:
    """What JSON shows: the networks that are valid, and each condition with its comparisons."""
    return {
        "networks": networks,
        "budgets": [
            {
                "network": finding.network,
                "under": finding.under,
                "fail_on": finding.condition.text,
                "fails": finding.fails,
                "comparisons": [_comparison(gap) for gap in finding.gaps],
            }
            for finding in findings
        ],
    }


def _comparison(gap: Gap) -> dict[str, Any]:
    return {
        "quantity": gap.term.left.key,
        "sign": gap.term.sign,
        "value": _number(gap.value),
        "limit": _number(gap.limit),
        "difference": _number(gap.difference),
        "share": gap.share,
        "holds": gap.holds,
    }
