"""What closed forms are held against: the analysis of one variant, number by number."""

import random
from typing import Any

from archcalc.analysis.receptive_field import Field
from archcalc.analysis.whole import Analysis
from archcalc.symbolic.results import Derivation

SIZES = {2: ("C", "L"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}


def totals_of(analysis: Analysis) -> dict[str, Any]:
    """The totals that a closed form states, of plain numbers."""
    last = analysis.fields.last
    return {
        "params": analysis.params.params,
        "buffers": analysis.params.buffers,
        "weight_bytes": analysis.memory.weight_bytes,
        "macs": analysis.cost.macs,
        "flops": analysis.cost.flops,
        "activation_bytes": analysis.memory.activation_bytes,
        "peak_activation_bytes": analysis.memory.peak_bytes,
        "receptive_field": None if last is None else tuple(s.size for s in last.axes if isinstance(s, Field)),
        "output": analysis.graph.shapes[-1],
    }


def some_values(derivation: Derivation, chance: random.Random, largest: int = 300) -> dict[str, int]:
    """Values of the symbols: each at the low end of its range or, as often, anywhere above."""
    found = {}
    for symbol in derivation.symbols:
        low, high = derivation.ranges[symbol.name]
        steps = max(0, min(high, max(largest, low + 3 * symbol.period)) - low) // symbol.period
        found[symbol.name] = low + symbol.period * chance.choice([0, chance.randint(0, steps)])
    return found


def shape_with(shape: tuple[int, ...], values: dict[str, int]) -> tuple[int, ...]:
    """The input's shape with the sizes that symbols stand for."""
    return tuple(values.get(name, size) for name, size in zip(SIZES.get(len(shape), ()), shape, strict=False)) or shape


def differences(derivation: Derivation, values: dict[str, int], analysis: Analysis) -> dict[str, Any]:
    """What a closed form states otherwise than the analysis: nothing. What it does not state is left out."""
    stated, counted = derivation.at(**values), totals_of(analysis)
    return {
        key: (form, counted[key])
        for key, form in stated.items()
        if key not in derivation.reasons and form != counted[key]
    }
