"""An analysis → the tables of the commands: one function each."""

from collections.abc import Callable, Iterable
from typing import Any

from archcalc.analysis.memory import DTYPES, MODELS
from archcalc.analysis.receptive_field import Field, Misalignment
from archcalc.analysis.whole import Analysis
from archcalc.ops.base import axis_names
from archcalc.views.columns import at_least, columns_named, unknown_note
from archcalc.views.layers import Choice, conventions, layer_table
from archcalc.views.table import Column, Fact, Row, Table

SUMMARY = (
    "input",
    "output",
    "kernel",
    "params",
    "params_share",
    "macs",
    "macs_share",
    "activations",
    "rf",
    "stride",
    "padding",
)
SHAPES = ("input", "output", "kernel")
PARAMS = ("output", "weights", "params", "params_share", "buffers")
MACS = ("output", "macs", "macs_share", "flops")
BREAKDOWN = ("macs", "adds", "multiplies", "comparisons", "divisions", "exponentials", "flops")
MEMORY = ("output", "values", "activations", "alive")
LECTURE = ("output", "values", "activations", "counted")
FIELDS = ("output", "kernel", "rf", "stride", "padding")

_QUANTITY = (Column("quantity", ""), Column("value", "", "count"), Column("meaning", "", "prose"))


def largest(choice: Choice, key: str) -> Choice:
    """`--top` without `--sort` asks for the largest of what the table is about."""
    sort = choice.sort or (key if choice.top is not None else "")
    return Choice(choice.depth, sort, choice.top, choice.fold, choice.flat)


def summary(analysis: Analysis, columns: tuple[str, ...], choice: Choice) -> Table:
    """Everything per layer, the totals below."""
    table = layer_table(analysis, analysis.spec.title, columns_named(columns or SUMMARY), choice)
    return _with(table, whole_network(analysis), _misaligned(analysis) if _shows(table, "rf") else ())


def shapes(analysis: Analysis, columns: tuple[str, ...], choice: Choice) -> Table:
    """What flows from layer to layer."""
    return layer_table(analysis, f"{analysis.spec.title}: shapes", columns_named(columns or SHAPES), choice)


def params_per_layer(analysis: Analysis, columns: tuple[str, ...], choice: Choice) -> Table:
    """The parameters of each layer."""
    table = layer_table(
        analysis,
        f"{analysis.spec.title}: parameters",
        columns_named(columns or PARAMS),
        largest(choice, "params"),
    )
    shared = [layer for layer in analysis.params.layers if layer.shared_with and layer.weights]
    notes = [f"{layer.name} uses the weights of {layer.shared_with}: they count there" for layer in shared]
    return _with(table, notes=notes)


def params_total(analysis: Analysis) -> Table:
    """The parameters of the network, by what they are."""
    params, size = analysis.params, analysis.memory.weight_bytes
    arrays: dict[str, int] = {}
    for layer in params.layers:
        for weight in () if layer.shared_with else layer.weights:
            if weight.role == "trainable":
                kind = "biases" if len(weight.shape) == 1 and weight.name.endswith("bias") else "weights"
                arrays[kind] = arrays.get(kind, 0) + weight.count
    rows = [
        Row((f"  {kind}", count, "trainable arrays named bias" if kind == "biases" else ""))
        for kind, count in arrays.items()
    ]
    return Table(
        f"{analysis.spec.title}: parameters",
        conventions(analysis),
        _QUANTITY,
        (
            Row(("params", at_least(analysis, params.params), "trainable"), style="total"),
            *rows,
            Row(("buffers", at_least(analysis, params.buffers), "running statistics and constants, not trained")),
            Row(("weight bytes", at_least(analysis, size), f"(params + buffers) × {analysis.dtype}")),
        ),
        notes=unknown_note(analysis),
    )


def macs_per_layer(analysis: Analysis, columns: tuple[str, ...], choice: Choice, breakdown: bool) -> Table:
    """The operations of each layer, written out."""
    keys = columns or (BREAKDOWN if breakdown else MACS)
    table = layer_table(
        analysis, f"{analysis.spec.title}: operations", columns_named(keys, ("macs",)), largest(choice, "macs")
    )
    return _with(table, notes=(OPERATIONS,))


OPERATIONS = (
    "MACs: multiply-accumulates of convolutions and matrix products, bias left out;"
    " FLOPs = 2·MACs + every other operation"
)


def macs_total(analysis: Analysis) -> Table:
    """The operations of the network by class."""
    cost = analysis.cost
    work = cost.work
    classes = (
        ("additions", work.adds, "biases, means, joins"),
        ("multiplications", work.multiplies, "scales, gates"),
        ("comparisons", work.comparisons, "max, min"),
        ("divisions", work.divisions, "means, normalisation"),
        ("exponentials", work.exponentials, "exp, powers, roots, tanh, erf"),
    )
    rows = [
        Row(
            (
                "MACs",
                at_least(analysis, cost.macs),
                "multiply-accumulates of convolutions and matrix products, bias left out",
            ),
            style="total",
        ),
        *(Row(line) for line in classes if line[1]),
        Row(("FLOPs", at_least(analysis, cost.flops), "2·MACs + all of the above"), style="total"),
    ]
    title, notes = f"{analysis.spec.title}: operations", unknown_note(analysis)
    return Table(title, conventions(analysis), _QUANTITY, tuple(rows), notes=notes)


def memory_per_layer(analysis: Analysis, columns: tuple[str, ...], choice: Choice) -> Table:
    """The memory of each layer's output."""
    keys = columns or (MEMORY if analysis.model == "peak" else LECTURE)
    title = f"{analysis.spec.title}: memory, model {analysis.model}"
    table = layer_table(
        analysis, title, columns_named(keys), largest(choice, "activations" if analysis.model == "peak" else "counted")
    )
    return _with(table, notes=(_MODEL[analysis.model],))


_MODEL = {
    "lecture": "lecture: the input and the outputs of convolutions, windowed poolings and matrix products",
    "all": "all: the output of every layer",
    "peak": "peak: the most that is alive at once; an output dies behind its last use, none is computed in place",
}


def memory_total(analysis: Analysis) -> Table:
    """The memory of the network under the chosen model, and for the peak the tensors that make it."""
    memory, params = analysis.memory, analysis.params
    columns = (Column("quantity", ""), Column("values", "Values", "count"), Column("bytes", "Bytes", "bytes"))
    stored, size = params.params + params.buffers, DTYPES[memory.dtype]
    rows = [Row(("weights", at_least(analysis, stored), at_least(analysis, memory.weight_bytes)))]
    rows.append(Row((f"activations ({memory.model})", memory.values, memory.activation_bytes), style="total"))
    if memory.model == "peak":
        rows += [Row((f"  {tensor.name}", tensor.bytes // size, tensor.bytes)) for tensor in memory.alive]
    together = [memory.values + stored, memory.weight_bytes + memory.activation_bytes]
    rows.append(Row(("together", *(at_least(analysis, number) for number in together)), style="total"))
    notes = [
        *unknown_note(analysis),
        _MODEL[memory.model],
        f"other models: --model {' or '.join(m for m in MODELS if m != memory.model)}",
    ]
    if memory.model == "peak":
        notes.insert(0, f"activations are at their peak while {memory.peak_layer} runs")
    title = f"{analysis.spec.title}: memory of a forward pass"
    return Table(title, conventions(analysis), columns, tuple(rows), notes=tuple(notes))


def fields(analysis: Analysis, columns: tuple[str, ...], choice: Choice) -> Table:
    """The receptive field of each layer."""
    table = layer_table(analysis, f"{analysis.spec.title}: receptive fields", columns_named(columns or FIELDS), choice)
    notes = list(_misaligned(analysis))
    last = analysis.fields.last
    if last is not None:
        notes.insert(0, f"the last field that is not global is that of {last.name}")
    return _with(table, notes=notes)


def _shows(table: Table, key: str) -> bool:
    return any(column.key == key for column in table.columns)


def _misaligned(analysis: Analysis) -> list[str]:
    found, rank = analysis.fields.misaligned, len(analysis.graph.input_shape) - 1
    more = [f"and {len(found) - 10} more misaligned merges"] if len(found) > 10 else []
    return [misalignment_text(one, rank) for one in found[:10]] + more


def misalignment_text(found: Misalignment, rank: int) -> str:
    """Which merge is misaligned, by which ways, by how much."""
    ways = "; ".join(f"{way.layer} sees {way.size} at stride {way.stride}, padding {way.padding}" for way in found.ways)
    by = f"centres {float(found.offset):g} pixels apart" if found.same_stride else "different strides"
    where = "" if len(found.axes) == rank else " on " + ", ".join(axis_names(rank + 1)[axis + 1] for axis in found.axes)
    return f"misaligned at {found.merge}{where} ({by}): {ways}"


def whole_network(analysis: Analysis) -> tuple[Fact, ...]:
    """What a network is in a few numbers."""
    params, memory, last = analysis.params, analysis.memory, analysis.fields.last
    facts = [
        Fact("Params", at_least(analysis, params.params), "count", _with_weight_bytes(analysis)),
        Fact("MACs", at_least(analysis, analysis.cost.macs), "count"),
        Fact("FLOPs", at_least(analysis, analysis.cost.flops), "count", "2·MACs + every other operation"),
        Fact("Weights", at_least(analysis, memory.weight_bytes), "bytes", analysis.dtype),
        Fact("Activations", memory.activation_bytes, "bytes", _model_remark(analysis)),
    ]
    if last is not None:
        sizes, strides, pads = (
            tuple(get(seen) if isinstance(seen, Field) else "global" for seen in last.axes) for get in _TOLD
        )
        facts.append(
            Fact("Receptive field", sizes, "shape", f"at {last.name}: stride {_same(strides)}, padding {_same(pads)}")
        )
    return tuple(facts)


_TOLD: tuple[Callable[[Field], Any], ...] = (lambda f: f.size, lambda f: f.stride, lambda f: f.padding)


def _same(values: tuple[Any, ...]) -> str:
    return "×".join(dict.fromkeys(map(str, values)))


def _with_weight_bytes(analysis: Analysis) -> str:
    return f"and {analysis.params.buffers:,} buffers" if analysis.params.buffers else ""


def _model_remark(analysis: Analysis) -> str:
    peak = analysis.model == "peak"
    return (
        f"model {analysis.model}: alive while {analysis.memory.peak_layer} runs" if peak else f"model {analysis.model}"
    )


def _with(table: Table, facts: tuple[Fact, ...] = (), notes: Iterable[str] = ()) -> Table:
    return Table(table.title, table.conventions, table.columns, table.rows, table.totals, facts, (*table.notes, *notes))
