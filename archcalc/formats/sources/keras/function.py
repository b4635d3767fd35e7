"""Elementary functions and reductions in Keras."""

from collections.abc import Callable
from typing import Any

from archcalc.formats.sources.keras.layouts import Place, Wants
from archcalc.formats.sources.layout import literal
from archcalc.formats.sources.said import Said
from archcalc.ops.base import Shapes, axis_of

Rule = Callable[[Any, Place], Said]


def function(name: str) -> Rule:
    """The rule of a function of one tensor."""
    return lambda op, place: Said(f"ops.{name}({{0}})")


def neg(op: Any, place: Place) -> Said:
    return Said("-{0}")


def power(op: Any, place: Place) -> Said:
    return Said(f"ops.power({{0}}, {literal(op.exponent)})")


def hardtanh(op: Any, place: Place) -> Said:
    return Said(f"ops.clip({{0}}, {literal(op.min_val)}, {literal(op.max_val)})")


def wants_of_reduction(op: Any, inputs: Shapes) -> Wants:
    """Wherever channels are, if all axes stay, or if the channels alone do; else the order of the others counts."""
    rank = len(inputs[0])
    axes = {axis_of(dim, rank) for dim in _dims(op)}
    return "any" if op.keepdim or axes == set(range(1, rank)) else "ours"


def reduction(name: str) -> Rule:
    """The rule of a reduction along axes."""
    return lambda op, place: Said(f"ops.{name}({{0}}, {_axes(op, place)})")


def reduce_l2(op: Any, place: Place) -> Said:
    return Said(f"ops.sqrt(ops.sum(ops.square({{0}}), {_axes(op, place)}))")


def _axes(op: Any, place: Place) -> str:
    axes = tuple(sorted(place.axis(dim) for dim in _dims(op)))
    keepdims = ", keepdims=True" if op.keepdim else ""
    return f"axis={literal(axes[0] if len(axes) == 1 else axes)}{keepdims}"


def _dims(op: Any) -> tuple[int, ...]:
    return op.dims if isinstance(op.dims, tuple) else (op.dims,)
