"""Stacks of layers side by side → a table."""

from collections.abc import Sequence
from typing import Any

from archcalc.analysis.stacks import Cost
from archcalc.views.table import Column, Row, Table

_COLUMNS = (
    Column("stack", "Stack"),
    Column("rf", "RF", "pair"),
    Column("stride", "Stride", "pair", 7),
    Column("weights", "Weights"),
    Column("params", "Params", "count", 2),
    Column("params_ratio", "×", "ratio", 3),
    Column("macs", "MACs", "amount"),
    Column("macs_ratio", "×", "ratio", 4),
    Column("nonlinearities", "ReLUs", "count", 1),
    Column("activations", "Act. mem", "bytes", 5),
    Column("output", "Output", "shape", 6),
)


def stacks_table(costs: Sequence[Cost], conventions: str) -> Table:
    """A row a stack, weights in closed form; `×`: the number as a multiple of the first stack's."""
    first = costs[0]
    rows = [
        Row(
            (
                cost.text,
                cost.size,
                cost.stride,
                str(cost.weights),
                cost.params,
                _ratio(cost.params, first.params),
                cost.macs,
                _ratio(cost.macs, first.macs),
                cost.nonlinearities,
                cost.activation_bytes,
                cost.output,
            )
        )
        for cost in costs
    ]
    alone = len(costs) == 1
    columns = tuple(column for column in _COLUMNS if not (alone and column.kind == "ratio"))
    keep = [_COLUMNS.index(column) for column in columns]
    return Table(
        "Stacks side by side" if not alone else "A stack",
        conventions,
        columns,
        tuple(Row(tuple(row.cells[i] for i in keep)) for row in rows),
        notes=tuple(_notes(costs)),
    )


def document(costs: Sequence[Cost]) -> dict[str, Any]:
    """The stacks as plain data; closed forms are the factors of C², C and 1, as fractions in words."""
    return {
        "stacks": [
            {
                "stack": cost.text,
                "receptive_field": list(cost.size),
                "effective_stride": list(cost.stride),
                "weights": [str(cost.weights.square), str(cost.weights.linear), str(cost.weights.constant)],
                "params": cost.params,
                "macs": cost.macs,
                "flops": cost.flops,
                "nonlinearities": cost.nonlinearities,
                "activation_bytes": cost.activation_bytes,
                "output": list(cost.output),
            }
            for cost in costs
        ]
    }


def _ratio(value: int, first: int) -> float | None:
    return value / first if first else None


def _notes(costs: Sequence[Cost]) -> list[str]:
    notes = ["×: as a multiple of the first"] if len(costs) > 1 else []
    seen = list(dict.fromkeys((cost.size, cost.stride) for cost in costs))
    if len(costs) > 1:
        alike = len(seen) == 1
        notes.append("all see the same" if alike else "they do not see the same: compare with care")
    return [
        *notes,
        "a ReLU behind each convolution; padded so that stride 1 keeps the size;"
        " activations: the input and the outputs of convolutions and poolings (model lecture)",
    ]
