"""What differs between scopes that are alike → the parameters of their one definition, and what they are called."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from archcalc.formats.sources.layout import is_plain, snake
from archcalc.formats.sources.said import NO_DEFAULT, Argument
from archcalc.ops.base import Shape

BY_NAME = "by name"
"""The default of a parameter that has none but is written by its name."""

_WIDTHS = {
    "in_channels": "channels",
    "out_channels": "channels",
    "num_features": "channels",
    "num_channels": "channels",
    "channels": "channels",
    "filters": "channels",
    "in_features": "features",
    "out_features": "features",
    "normalized_shape": "features",
    "embed_dim": "features",
    "units": "features",
}
"""Arguments that say how wide a layer is, and what they are the number of."""

_ENDS = ("in_channels", "out_channels", "in_features", "out_features")
"""Parameters that every reader knows: they are written by their place."""


class Parameter(Struct, frozen=True):
    """A parameter with its value for each scope of the group."""

    name: str
    default: Any
    values: tuple[Any, ...]

    @property
    def annotation(self) -> str:
        """The type of all its values."""
        kinds = dict.fromkeys(type(value).__name__ for value in self.values)
        return " | ".join(
            "tuple[int, ...]" if kind == "tuple" else "None" if kind == "NoneType" else kind for kind in kinds
        )


def parameters_of(
    leaves: Sequence[Sequence[Argument]], places: Sequence[tuple[str, ...]], shapes: Sequence[tuple[Shape, Shape]]
) -> tuple[tuple[Parameter, ...], list[str | None]]:
    """The parameters, those without a default first, and for each leaf the name of its own, or None.

    `leaves` are the arguments of each scope, in the same order; `places` the paths of the layers that they belong to;
    `shapes` what flows into and out of each scope. Arguments that are equal in every scope stay numbers; those that
    differ alike share a parameter. A parameter has the default of its argument where some scope is content with it.
    """
    found: dict[Any, Parameter] = {}
    columns: list[str | None] = []
    taken = {"self", "x", "y", "z", "name"}
    for column, place in zip(zip(*leaves, strict=True), places, strict=True):
        values = tuple(leaf.value for leaf in column)
        key = tuple((type(value), value) for value in values)
        if len(set(key)) == 1:
            columns.append(None)
            continue
        if key not in found:
            name = _name(column[0].name, values, place, shapes, taken)
            taken.add(name)
            found[key] = Parameter(name, _default(name, column), values)
        columns.append(found[key].name)
    ordered = sorted(
        found.values(),
        key=lambda p: (_ENDS.index(p.name) if p.name in _ENDS else 4) if p.default in (NO_DEFAULT, BY_NAME) else 5,
    )
    return tuple(ordered), columns


def _default(name: str, column: Sequence[Argument]) -> Any:
    default = column[0].default
    if any(type(leaf.value) is type(default) and leaf.value == default for leaf in column):
        return default
    return NO_DEFAULT if name in _ENDS else BY_NAME


def _name(
    argument: str,
    values: tuple[Any, ...],
    place: tuple[str, ...],
    shapes: Sequence[tuple[Shape, Shape]],
    taken: set[str],
) -> str:
    """What a parameter is called: by the end of the scope whose width it is, else by its argument and layer."""
    layer = snake("_".join(place))
    if argument in _WIDTHS:
        ends = (
            [before[0] for before, _ in shapes],
            [after[0] for _, after in shapes],
            [before[-1] for before, _ in shapes],
            [after[-1] for _, after in shapes],
        )
        for name, sizes in zip(_ENDS, ends, strict=True):
            if list(values) == sizes and name not in taken:
                return name
        word = _WIDTHS[argument]
        base = f"{layer}_{word}" if is_plain(layer) else f"{word}_{layer}"
    else:
        base = (
            argument if argument not in taken else f"{layer}_{argument}" if is_plain(layer) else f"{argument}_{layer}"
        )
    base = base if is_plain(base) else "value"
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name
