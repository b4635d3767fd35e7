"""What training asks for beyond one forward pass → tables."""

from archcalc.analysis.expected import Expected
from archcalc.analysis.split import Split
from archcalc.analysis.whole import Analysis
from archcalc.views.layers import conventions
from archcalc.views.table import Column, Fact, Row, Table


def expected_table(analysis: Analysis, result: Expected) -> Table:
    """A row a layer that draws lots; below them the expectation and the spread."""
    columns = (
        Column("drop", "Layer that draws lots"),
        Column("survival", "Reads %", "percent"),
        Column("computed", "Computed %", "percent"),
    )
    rows = tuple(Row((drop.name, drop.survival, drop.computed)) for drop in result.drops)
    facts: tuple[Fact, ...] = (
        Fact("Branches", len(result.drops), "count"),
        Fact("Expected branches", f"{result.blocks:,.2f}", "number", "the sum of what is read of each"),
        Fact("MACs", result.macs, "count", "with every branch"),
        Fact("Expected MACs", f"{result.expected_macs:,.2f}", "number", f"{_share(result):.4%} of them"),
        Fact("Deviation", f"{result.deviation:,.2f}", "number", "standard deviation from step to step"),
        Fact("Worst-case peak", analysis.memory.peak_bytes, "bytes", "activations with every branch, forward"),
    )
    if result.columns:
        mean = sum(result.columns) / len(result.columns)
        costs = ", ".join(f"{cost:,.0f}" for cost in result.columns)
        facts += (
            Fact("One column", f"{mean:,.2f}", "number", f"global drop-path; deepest first: {costs}"),
            Fact("Half and half", f"{(mean + result.expected_macs) / 2:,.2f}", "number", "local and global by turns"),
        )
    notes = [] if result.drops else ["no branch is dropped in this network: its cost is the same in every step"]
    title = f"{analysis.spec.title}: a training step in expectation"
    return Table(title, conventions(analysis), columns, rows, facts=facts, notes=tuple(notes))


def _share(result: Expected) -> float:
    return result.expected_macs / result.macs if result.macs else 1.0


def split_table(analysis: Analysis, result: Split) -> Table:
    """A row a layer with weights of its own or that is sent something; numbers are of one device."""
    columns = (
        Column("layer", "Layer"),
        Column("reads", "Reads"),
        Column("params", "Params", "count"),
        Column("values", "Values", "count"),
        Column("received", "Received", "bytes"),
    )
    shown = (layer for layer in result.layers if layer.params or layer.received_bytes)
    rows = tuple(Row((layer.name, layer.reads, layer.params, layer.values, layer.received_bytes)) for layer in shown)
    total = Row(("total", "", result.params, None, result.received_bytes), style="total")
    notes = (
        "own: the channels of its own device; across: those of the others too; input: the image, which all have",
        f"numbers are of one of {result.devices} devices; layers without weights work on what lies at hand",
    )
    title = f"{analysis.spec.title}: over {result.devices} devices"
    return Table(title, conventions(analysis), columns, rows, (total,), notes=notes)
