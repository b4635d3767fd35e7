"""Findings about published numbers → tables."""

from typing import Any

from archcalc.analysis.verify import Finding, Search
from archcalc.spec.model import Spec
from archcalc.views.table import Column, Row, Table

_COLUMNS = (
    Column("network", "Network"),
    Column("layer", "Layer", rank=4),
    Column("metric", "Metric"),
    Column("published", "Published", "count"),
    Column("computed", "Computed", "count"),
    Column("verdict", "Verdict"),
    Column("why", "Why", "prose", 1),
    Column("source", "Source", "prose", 3),
)
_SEARCH = (
    Column("metric", "Metric"),
    Column("value", "Value", "count"),
    Column("variant", "Variant", "prose"),
    Column("convention", "Counted as", "prose"),
)
_MOST = 40


def table(findings: list[Finding]) -> Table:
    """A row a published number, and how many there are of each verdict."""
    rows = tuple(
        Row(
            (
                finding.network,
                finding.published.layer,
                finding.published.metric,
                _number(finding.published.value),
                finding.computed,
                finding.verdict if finding.as_declared else f"{finding.verdict} (declared {finding.published.expect})",
                finding.why,
                finding.published.source,
            )
        )
        for finding in findings
    )
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.verdict] = counts.get(finding.verdict, 0) + 1
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    notes = [f"{len(findings)} published numbers: {said}" if findings else "no number is published in these specs"]
    notes += dict.fromkeys(f"{f.network}: {f.published.note}" for f in findings if f.published.note)
    return Table("Published numbers against arithmetic", "batch 1", _COLUMNS, rows, notes=tuple(notes))


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
