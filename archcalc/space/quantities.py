"""The totals of a network by name, in one place: what budgets, sweeps and solve speak of.

Each is plain arithmetic on the results of an `Analysis`, and never compares a size: it runs on analyses whose numbers
are numpy arrays, thousands of variants at once, as it does on ints.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

from msgspec import Struct

from archcalc.analysis.receptive_field import Field
from archcalc.analysis.whole import Analysis

Kind = Literal["count", "amount", "bytes", "number", "shape"]
"""What a quantity is measured in, by the words of `views.table`; shapes are shown and not compared."""


class Quantity(Struct, frozen=True):
    """A total of a network: its key, the title of its column, its unit, what it is in words, and how it follows."""

    key: str
    title: str
    kind: Kind
    meaning: str
    of: Callable[[Analysis], Any]


def depth(analysis: Analysis) -> int:
    """Weighted layers on the longest way from input to output: the number in the name of VGG-16 and ResNet-50.

    Weighted are convolutions and matrix products with weights of their own, not the scales of normalisation. Where
    ways part, the longer counts: a gate's two convolutions (squeeze-and-excite) lie on it, a projection beside three
    convolutions does not.
    """
    longest: list[int] = []
    for node, params, cost in zip(analysis.graph.nodes, analysis.params.layers, analysis.cost.layers, strict=True):
        weighted = bool(params.weights) and not _is_nothing(cost.macs)
        longest.append(max((longest[producer] for producer in node.inputs), default=0) + weighted)
    return max(longest)


def _is_nothing(number: Any) -> bool:
    """Whether a layer states no operations; the operations of many variants at once are an array, and some."""
    return isinstance(number, int) and number == 0


def _receptive_field(analysis: Analysis) -> int | None:
    """The size on the first spatial axis, of the last layer that does not see everything; None where none has one."""
    last = analysis.fields.last
    if last is None:
        return None
    return next(seen.size for seen in last.axes if isinstance(seen, Field))


_ALL = (
    Quantity("params", "Params", "count", "trainable parameters", lambda a: a.params.params),
    Quantity("buffers", "Buffers", "count", "running statistics, not trained", lambda a: a.params.buffers),
    Quantity("weight_bytes", "Weights", "bytes", "(params + buffers) × data type", lambda a: a.memory.weight_bytes),
    Quantity("macs", "MACs", "amount", "multiply-accumulates of the batch, bias left out", lambda a: a.cost.macs),
    Quantity("flops", "FLOPs", "amount", "2·MACs + every other operation", lambda a: a.cost.flops),
    Quantity(
        "activation_bytes", "Activations", "bytes", "activations under --model", lambda a: a.memory.activation_bytes
    ),
    Quantity("peak_activation_bytes", "Peak", "bytes", "the most that is alive at once", lambda a: a.memory.peak_bytes),
    Quantity(
        "memory_bytes",
        "Memory",
        "bytes",
        "weights and the peak of activations together",
        lambda a: a.memory.weight_bytes + a.memory.peak_bytes,
    ),
    Quantity("layers", "Layers", "count", "operators, the input not among them", lambda a: len(a.graph.nodes) - 1),
    Quantity("depth", "Depth", "count", "weighted layers on the longest way", depth),
    Quantity("receptive_field", "RF", "count", "of the last layer that has one, on its first axis", _receptive_field),
    Quantity("input", "Input", "shape", "one sample", lambda a: a.graph.input_shape),
    Quantity("output", "Output", "shape", "of the last layer", lambda a: a.graph.shapes[-1]),
)

QUANTITIES: dict[str, Quantity] = {quantity.key: quantity for quantity in _ALL}

ALIASES = {
    "activations": "activation_bytes",
    "memory": "memory_bytes",
    "peak": "peak_activation_bytes",
    "rf": "receptive_field",
    "weights": "weight_bytes",
}
"""Shorter names, as commands and tables have them → the keys that they mean."""

NUMERIC: dict[str, Kind] = {quantity.key: quantity.kind for quantity in _ALL if quantity.kind != "shape"}
"""What conditions may compare, and in which unit it is."""


def measure(analysis: Analysis, keys: Iterable[str]) -> dict[str, Any]:
    """The quantities of these keys; nothing else is worked out."""
    return {key: QUANTITIES[key].of(analysis) for key in keys}
