"""An analysis → the JSON contract: the same keys for every command, exact numbers, conventions said."""

from collections.abc import Callable
from typing import Any

from archcalc.analysis.receptive_field import Field, LayerField, seen_note
from archcalc.analysis.whole import Analysis

CONVENTIONS = {
    "macs": "multiply-accumulates of convolutions and matrix products, bias left out",
    "flops": "2*macs + additions, multiplications, comparisons, divisions and exponentials",
    "params": "trainable; running statistics and constants are buffers; shared weights count once",
    "shapes": "channels first, without the batch",
    "receptive_field": "per spatial axis of the input; null where it is global or cannot be said, see note",
    "peak_activation_bytes": "most that is alive at once in execution order, nothing in place",
}


def document(analysis: Analysis) -> dict[str, Any]:
    """The contract of docs/json.md as plain data."""
    memory, notes = analysis.memory, dict[str, list[str]]()
    unknown = [node.name for node in analysis.graph.unknown]
    for node, note in analysis.graph.notes():
        notes.setdefault(node.name, []).append(note)
    return {
        "network": analysis.spec.name,
        "title": analysis.spec.title,
        "input": list(analysis.graph.input_shape),
        "batch": analysis.batch,
        "dtype": analysis.dtype,
        "mode": "train" if analysis.training else "infer",
        "conventions": {**CONVENTIONS, "activation_bytes": f"totals: model {memory.model}; layers: the output"},
        "layers": [_layer(analysis, i, notes) for i in range(len(analysis.graph.nodes))],
        "totals": {
            "params": analysis.params.params,
            "buffers": analysis.params.buffers,
            "macs": analysis.cost.macs,
            "flops": analysis.cost.flops,
            "weight_bytes": memory.weight_bytes,
            "activation_bytes": memory.activation_bytes,
            "peak_activation_bytes": memory.peak_bytes,
            **({"at_least": unknown} if unknown else {}),
        },
    }


def _layer(analysis: Analysis, position: int, notes: dict[str, list[str]]) -> dict[str, Any]:
    node = analysis.graph.nodes[position]
    params, cost = analysis.params.layers[position], analysis.cost.layers[position]
    seen = analysis.fields.layers[position]
    layer = {
        "name": node.name,
        "op": node.op.keyword,
        "inputs": [analysis.graph.nodes[i].name for i in node.inputs],
        "output": list(analysis.graph.shapes[position]),
        "params": params.params,
        "buffers": params.buffers,
        "macs": cost.macs,
        "flops": cost.flops,
        "activation_bytes": analysis.memory.layers[position].bytes,
        "receptive_field": _axes(seen, lambda field: field.size),
        "effective_stride": _axes(seen, lambda field: field.stride),
        "effective_padding": _axes(seen, lambda field: field.padding),
    }
    if not node.op.known:
        layer |= {"kind": getattr(node.op, "kind", ""), **dict.fromkeys(("params", "buffers", "macs", "flops"))}
    remarks = [*filter(None, [seen_note(seen)]), *notes.get(node.name, ())]
    return {**layer, "note": "; ".join(remarks)} if remarks else layer


def _axes(layer: LayerField, get: Callable[[Field], Any]) -> list[Any] | None:
    """One number an axis; None where an axis has none, or the input has no axes at all."""
    if not layer.axes or not any(isinstance(seen, Field) for seen in layer.axes):
        return None
    return [_plain(get(seen)) if isinstance(seen, Field) else None for seen in layer.axes]


def _plain(value: Any) -> int | float:
    return int(value) if value.denominator == 1 else float(value)
