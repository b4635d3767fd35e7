"""Rooflines → tables: a row a processor, or a row a layer."""

from collections.abc import Sequence
from typing import Any

from archcalc.analysis.roofline import Roofline
from archcalc.analysis.whole import Analysis
from archcalc.views.columns import COLUMNS, LayerColumn, unknown_note
from archcalc.views.layers import Choice, conventions, layer_table
from archcalc.views.table import Column, Fact, Row, Table

_PROCESSORS = (
    Column("processor", "Processor"),
    Column("kind", "Kind", rank=7),
    Column("peak", "Peak FLOP/s", "amount", 5),
    Column("bandwidth", "B/s", "amount", 6),
    Column("ridge", "Ridge", "measured", 4),
    Column("arithmetic", "% by arith.", "percent", 3),
    Column("ms", "Time ≥ ms", "measured"),
    Column("fused_ms", "fused ≥ ms", "measured", 1),
    Column("rate", "Samples/s ≤", "measured", 2),
)
BOUNDS = (
    "bounds, not forecasts: each layer at the peak of arithmetic or of memory, whichever takes longer",
    "fused: the input and all weights read once, the output written once, nothing else moved",
)


def processors_table(analysis: Analysis, found: Sequence[Roofline]) -> Table:
    """A row a processor: what it has, and the least time that the network takes on it."""
    rows = []
    for roof in sorted(found, key=lambda roof: roof.seconds):
        arithmetic = sum(layer.seconds for layer in roof.layers if layer.bound == "arithmetic")
        hardware = roof.hardware
        rows.append(
            Row(
                (
                    hardware.title,
                    hardware.kind,
                    hardware.peak[roof.dtype],
                    hardware.bandwidth,
                    roof.ridge,
                    arithmetic / roof.seconds if roof.seconds else 0.0,
                    1e3 * roof.seconds,
                    1e3 * roof.fused_seconds,
                    roof.batch / roof.fused_seconds if roof.fused_seconds else None,
                )
            )
        )
    return Table(
        f"{analysis.spec.title}: rooflines",
        conventions(analysis),
        _PROCESSORS,
        tuple(rows),
        facts=tuple(_energy(found[0])),
        notes=(
            *unknown_note(analysis),
            *BOUNDS,
            "ridge: FLOPs a byte from which on arithmetic is the bound;"
            " % by arith.: how much of the time it is; samples a second: at most, fused",
        ),
    )


def layers_table(analysis: Analysis, roof: Roofline, keys: Sequence[str], choice: Choice) -> Table:
    """A row a layer: what it computes and moves, which of the two binds it, and the least time."""
    columns = {column.column.key: column for column in _layer_columns(roof)}
    chosen = [COLUMNS["layer"], *(columns.get(key) or COLUMNS[key] for key in keys or columns)]
    table = layer_table(analysis, f"{analysis.spec.title} on {roof.hardware.title}", chosen, choice)
    hardware = roof.hardware
    facts = [
        Fact("Peak", hardware.peak[roof.dtype], "amount", f"operations a second in {roof.dtype}"),
        Fact("Bandwidth", hardware.bandwidth, "amount", "bytes a second"),
        Fact("Ridge", roof.ridge, "measured", "FLOPs a byte: above it arithmetic is the bound"),
        Fact("Time", 1e3 * roof.seconds, "measured", "ms at least, layer by layer"),
        Fact("Fused", 1e3 * roof.fused_seconds, "measured", "ms at least, however the layers are joined"),
        *_energy(roof),
    ]
    source = f"{hardware.title}: {hardware.source}" + (f"; {hardware.note}" if hardware.note else "")
    return Table(
        table.title,
        table.conventions,
        table.columns,
        table.rows,
        table.totals,
        tuple(facts),
        (*table.notes, *BOUNDS, source),
    )


LAYER_KEYS = ("flops", "moved", "intensity", "bound", "us", "time_share")


def _layer_columns(roof: Roofline) -> list[LayerColumn]:
    return [
        COLUMNS["flops"],
        LayerColumn(Column("moved", "Moved", "bytes", 2), lambda _, i: roof.layers[i].bytes, True),
        LayerColumn(Column("intensity", "FLOPs/B", "measured", 3), lambda _, i: roof.layers[i].intensity),
        LayerColumn(Column("bound", "Bound by", "text", 1), lambda _, i: roof.layers[i].bound),
        LayerColumn(Column("us", "Time ≥ µs", "measured"), lambda _, i: 1e6 * roof.layers[i].seconds, True),
        LayerColumn(
            Column("time_share", "%", "percent", 4),
            lambda _, i: roof.layers[i].seconds / roof.seconds if roof.seconds else 0.0,
            True,
        ),
    ]


def document(analysis: Analysis, found: Sequence[Roofline]) -> dict[str, Any]:
    """The bounds as plain data, seconds and joules."""
    return {
        "network": analysis.spec.name,
        "input": list(analysis.graph.input_shape),
        "batch": analysis.batch,
        "dtype": analysis.dtype,
        "flops": analysis.cost.flops,
        "rooflines": [
            {
                "processor": roof.hardware.name,
                "kind": roof.hardware.kind,
                "peak": roof.hardware.peak[roof.dtype],
                "bandwidth": roof.hardware.bandwidth,
                "source": roof.hardware.source,
                "note": roof.hardware.note,
                "ridge": roof.ridge,
                "seconds": roof.seconds,
                "fused_seconds": roof.fused_seconds,
                "bytes": roof.bytes,
                "fused_bytes": roof.fused_bytes,
                "joules": roof.joules,
                "fused_joules": roof.fused_joules,
                "layers": [
                    {
                        "name": layer.name,
                        "flops": layer.flops,
                        "bytes": layer.bytes,
                        "intensity": layer.intensity,
                        "bound": layer.bound,
                        "seconds": layer.seconds,
                    }
                    for layer in roof.layers
                ],
            }
            for roof in found
        ],
    }


def _energy(roof: Roofline) -> list[Fact]:
    """The least energy, which depends on the data type and not on the processor: figures of one process, said."""
    if roof.joules is None or roof.fused_joules is None:
        return []
    remark = "mJ at least, layer by layer; {:.3g} fused: 45 nm, Horowitz 2014, DRAM at its lower end; not a forecast"
    return [Fact("Energy", 1e3 * roof.joules, "measured", remark.format(1e3 * roof.fused_joules))]
