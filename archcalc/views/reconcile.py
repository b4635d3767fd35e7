"""What other tools print → tables: one tool by operator, or all tools a row each."""

from archcalc.analysis.reconcile import Difference, Reconciliation
from archcalc.analysis.whole import Analysis
from archcalc.views.layers import conventions
from archcalc.views.table import Column, Fact, Row, Table

_OPERATORS = (
    Column("operator", "Operator"),
    Column("layers", "Layers", "count", 3),
    Column("ours", "Our MACs", "count"),
    Column("theirs", "Theirs", "count"),
    Column("difference", "Difference", "count"),
    Column("share", "%", "percent", 4),
    Column("why", "Why", "prose", 1),
)
_TOOLS = (
    Column("tool", "Tool"),
    Column("version", "Version", rank=3),
    Column("prints", "Prints", "count"),
    Column("least", "At least", "count", 2),
    Column("most", "At most", "count", 2),
    Column("difference", "Difference", "count", 4),
    Column("share", "%", "percent"),
    Column("causes", "Main causes", "prose", 1),
)
_CAUSES = 3


def tool_table(analysis: Analysis, result: Reconciliation) -> Table:
    """A row an operator that either side counts, the sums, and what the number of the tool depends on."""
    rows = tuple(
        Row((row.keyword, row.layers, row.ours, row.theirs, row.difference, _share(result, row.difference), row.reason))
        for row in result.rows
        if row.ours or row.theirs
    )
    layers = sum(row.layers for row in result.rows)
    sums = ("total", layers, result.ours, result.theirs, result.difference, _share(result, result.difference), "")
    facts = () if result.exact else tuple(_range(result))
    notes = [f"{result.tool} {result.version}: {note}" for note in result.notes]
    silent = [row.keyword for row in result.rows if not row.ours and not row.theirs]
    if silent:
        notes.append(f"counted 0 by both: {', '.join(silent)}")
    title = f"{analysis.spec.title}: what {result.tool} {result.version} prints"
    return Table(title, conventions(analysis), _OPERATORS, rows, (Row(sums, style="total"),), facts, tuple(notes))


def tools_table(analysis: Analysis, results: list[Reconciliation]) -> Table:
    """A row a tool: what it prints, how far that is from our MACs, and the operators that make most of it."""
    rows = [Row(("archcalc", "", analysis.cost.macs, analysis.cost.macs, analysis.cost.macs, 0, 0.0, ""))]
    for result in results:
        share = _share(result, result.difference)
        cells = (result.tool, result.version, result.theirs, result.least, result.most, result.difference, share)
        rows.append(Row((*cells, _causes(result))))
    notes = ["--tool NAME shows every operator"]
    if not all(result.exact for result in results):
        notes.insert(0, "at least, at most: a tool counts modules and functions differently, and a graph has neither")
    return Table(
        f"{analysis.spec.title}: what other tools print as MACs",
        conventions(analysis),
        _TOOLS,
        tuple(rows),
        notes=tuple(notes),
    )


def _range(result: Reconciliation) -> tuple[Fact, Fact]:
    return (
        Fact("At least", result.least, "count", "where the network is written the other way, see the notes"),
        Fact("At most", result.most, "count"),
    )


def _share(result: Reconciliation, difference: int) -> float:
    return difference / result.ours if result.ours else 0.0


def _causes(result: Reconciliation) -> str:
    """The operators that differ most, each with its share of our MACs, or as a number where that is too small."""
    different = [row for row in result.rows if row.difference]
    different.sort(key=lambda row: -abs(row.difference))
    words = [_cause(result, row) for row in different[:_CAUSES]]
    more = len(different) - _CAUSES
    return "; ".join(words) + (f"; {more} more" if more > 0 else "")


def _cause(result: Reconciliation, row: Difference) -> str:
    share = f"{_share(result, row.difference):+.2%}"
    words = f"{row.difference:+,}" if share in ("+0.00%", "-0.00%") else share
    return f"{row.keyword} {words.replace('-', '−')} ({row.reason})"
