"""Findings about published numbers → tables."""

from typing import Any

from archcalc.analysis.verify import Finding, Search
from archcalc.spec.model import Spec
from archcalc.views.table import Column, Row, Table

_COLUMNS = (
    Column("network", "Network"),
    Column("layer", "Layer", rank=1),
    Column("metric", "Metric"),
    Column("published", "Published", "amount"),
    Column("computed", "Computed", "count"),
    Column("verdict", "Verdict", "prose"),
    Column("source", "Source", "prose", 2),
)
_WHY = Column("why", "Why")
_SEARCH = (
    Column("metric", "Metric"),
    Column("value", "Value", "count"),
    Column("variant", "Variant", "prose"),
    Column("convention", "Counted as", "prose"),
)
_MOST = 40


def table(findings: list[Finding], with_reasons: bool = False) -> Table:
    """A row a published number, and how many there are of each verdict.

    Reasons are too long for a column: they are notes, but for what matches, which needs none. `with_reasons` makes a
    column of them all the same, for spreadsheets.
    """
    rows = tuple(Row((*_cells(finding), finding.why) if with_reasons else _cells(finding)) for finding in findings)
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.verdict] = counts.get(finding.verdict, 0) + 1
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    notes = [f"{len(findings)} published numbers: {said}" if findings else "no number is published in these specs"]
    notes += [_reason(finding) for finding in findings if finding.verdict != "match"]
    columns = (*_COLUMNS, _WHY) if with_reasons else _COLUMNS
    return Table("Published numbers against arithmetic", "batch 1", columns, rows, notes=tuple(notes))


def _cells(finding: Finding) -> tuple[Any, ...]:
    published = finding.published
    verdict = finding.verdict if finding.as_declared else f"{finding.verdict} (declared {published.expect})"
    number = _number(published.value)
    return finding.network, published.layer, published.metric, number, finding.computed, verdict, published.source


def _reason(finding: Finding) -> str:
    """How a number that does not match goes together with arithmetic, and what the spec says of it."""
    published = finding.published
    of = f"{finding.network} {published.layer}".rstrip()
    note = f" ({published.note})" if published.note else ""
    return f"{of}, {published.metric} {_number(published.value):,}: {finding.verdict}: {finding.why}{note}"


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def search_table(spec: Spec, wanted: dict[str, str], found: dict[str, Search]) -> Table:
    """The variants that give a number, nearest first; the range in reach where none does."""
    rows, notes = [], []
    for metric, result in found.items():
        rows += [Row((metric, count.value, words, count.convention)) for words, count in result.matches[:_MOST]]
        tried = f"{result.tried} variants of {', '.join(spec.alternatives) or 'nothing'} tried"
        if not result.matches:
            low, high = result.reach
            notes.append(
                f"no variant has {metric} {wanted[metric]}: they reach from {low:,.0f} to {high:,.0f}; {tried}"
            )
        else:
            more = len(result.matches) - _MOST
            notes.append(f"{metric} {wanted[metric]}: {tried}" + (f"; {more} more matches" if more > 0 else ""))
    if not spec.alternatives:
        notes.append(f"{spec.name} declares no alternatives for its vars: only ways of counting were tried")
    asked = ", ".join(f"{metric} {text}" for metric, text in wanted.items())
    return Table(f"{spec.title}: which variant has {asked}?", "batch 1", _SEARCH, tuple(rows), notes=tuple(notes))


def search_plain(found: dict[str, Search]) -> dict[str, Any]:
    """The same for JSON."""
    return {
        metric: {
            "matches": [
                {"variant": words, "value": count.value, "convention": count.convention}
                for words, count in result.matches
            ],
            "reach": list(result.reach),
            "tried": result.tried,
        }
        for metric, result in found.items()
    }
