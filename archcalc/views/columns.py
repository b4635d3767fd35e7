"""The columns that tables of layers can have, and how each cell follows from an analysis."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from archcalc.analysis.receptive_field import Field, Global, Nothing, Seen
from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.ops.base import show_kernel, show_shape
from archcalc.views.table import Column, Least

Cell = Callable[[Analysis, int], Any]


class LayerColumn(Struct, frozen=True):
    """A column, its cell for the layer at a position, and whether cells of several layers add up."""

    column: Column
    cell: Cell
    adds: bool = False


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _known(cell: Cell) -> Cell:
    """A cell that nothing is known of, for what stands for an operator that is not ours."""
    return lambda a, i: cell(a, i) if a.graph.nodes[i].op.known else Least(0, bare=True)


def _of_all(cell: Cell) -> Cell:
    """A share, where the whole is known."""
    return lambda a, i: cell(a, i) if a.known else Least(0.0, bare=True)


def at_least(analysis: Analysis, value: int) -> int | Least:
    """A total of a network: no more than a least, where it has layers that are not known."""
    return Least(value) if analysis.graph.unknown else value


def unknown_note(analysis: Analysis) -> tuple[str, ...]:
    """Why totals are no more than a least: the layers whose operators are not known."""
    words = analysis.graph.unknown_words()
    return (f"≥: {words}",) if words else ()


def _input(analysis: Analysis, position: int) -> Any:
    shapes = analysis.graph.inputs(analysis.graph.nodes[position])
    if not shapes:
        return None
    same = len(set(shapes)) == 1
    return (
        shapes[0]
        if len(shapes) == 1
        else f"{len(shapes)} × {show_shape(shapes[0])}"
        if same
        else f"{len(shapes)} inputs"
    )


def _kernel(analysis: Analysis, position: int) -> str:
    node = analysis.graph.nodes[position]
    return show_kernel(node.op, len(analysis.graph.inputs(node)[0]) - 1) if node.inputs else ""


def _field(get: Callable[[Field], Any]) -> Cell:
    """A cell that tells one thing of the receptive field on each axis."""

    def cell(analysis: Analysis, position: int) -> tuple[Any, ...]:
        return tuple(_seen(seen, get) for seen in analysis.fields.layers[position].axes)

    return cell


def _seen(seen: Seen, get: Callable[[Field], Any]) -> Any:
    if isinstance(seen, Field):
        return get(seen)
    return "global" if isinstance(seen, Global) else "none" if isinstance(seen, Nothing) else "?"


def _weights(analysis: Analysis, position: int) -> str:
    weights = analysis.params.layers[position].weights
    if not analysis.graph.nodes[position].op.known:
        return "?"
    return ", ".join(show_shape(weight.shape) for weight in weights if weight.role == "trainable")


def _counted(analysis: Analysis, position: int) -> int:
    layer = analysis.memory.layers[position]
    return layer.bytes if layer.counted else 0


_ALL = (
    LayerColumn(
        Column("layer", "Layer (type)", "name"), lambda a, i: (a.graph.nodes[i].name, a.graph.nodes[i].op.title)
    ),
    LayerColumn(Column("input", "Input shape", "shape", 4), _input),
    LayerColumn(Column("output", "Output shape", "shape"), lambda a, i: a.graph.shapes[i]),
    LayerColumn(Column("kernel", "Kernel", "text", 3), _kernel),
    LayerColumn(Column("weights", "Weights", "text", 5), _weights),
    LayerColumn(Column("params", "Params", "count"), _known(lambda a, i: a.params.layers[i].params), True),
    LayerColumn(
        Column("params_share", "%", "percent", 7),
        _of_all(lambda a, i: _share(a.params.layers[i].params, a.params.params)),
        True,
    ),
    LayerColumn(Column("buffers", "Buffers", "count", 5), _known(lambda a, i: a.params.layers[i].buffers), True),
    LayerColumn(Column("macs", "MACs", "amount"), _known(lambda a, i: a.cost.layers[i].macs), True),
    LayerColumn(
        Column("macs_share", "%", "percent", 7), _of_all(lambda a, i: _share(a.cost.layers[i].macs, a.cost.macs)), True
    ),
    LayerColumn(Column("flops", "FLOPs", "amount", 4), _known(lambda a, i: a.cost.layers[i].flops), True),
    LayerColumn(Column("adds", "Adds", "amount", 5), _known(lambda a, i: a.cost.layers[i].work.adds), True),
    LayerColumn(
        Column("multiplies", "Mults", "amount", 5), _known(lambda a, i: a.cost.layers[i].work.multiplies), True
    ),
    LayerColumn(
        Column("comparisons", "Compares", "amount", 5), _known(lambda a, i: a.cost.layers[i].work.comparisons), True
    ),
    LayerColumn(Column("divisions", "Divs", "amount", 5), _known(lambda a, i: a.cost.layers[i].work.divisions), True),
    LayerColumn(
        Column("exponentials", "Exps", "amount", 5), _known(lambda a, i: a.cost.layers[i].work.exponentials), True
    ),
    LayerColumn(Column("values", "Values", "count", 2), lambda a, i: a.memory.layers[i].values, True),
    LayerColumn(Column("activations", "Act. mem", "bytes", 1), lambda a, i: a.memory.layers[i].bytes, True),
    LayerColumn(Column("counted", "Counted", "bytes", 2), _counted, True),
    LayerColumn(Column("alive", "Alive", "bytes", 1), lambda a, i: a.memory.layers[i].alive_bytes),
    LayerColumn(Column("rf", "RF", "pair", 2), _field(lambda field: field.size)),
    LayerColumn(Column("stride", "Eff. stride", "pair", 6), _field(lambda field: field.stride)),
    LayerColumn(Column("padding", "Eff. pad", "pair", 6), _field(lambda field: field.padding)),
    LayerColumn(Column("centre", "Centre", "pair", 5), _field(lambda field: field.centre)),
)

COLUMNS: dict[str, LayerColumn] = {column.column.key: column for column in _ALL}
"""Key (as in `--columns`) → column."""


def columns_named(keys: "list[str] | tuple[str, ...]", exact: tuple[str, ...] = ()) -> list[LayerColumn]:
    """The columns of these keys, `layer` first; amounts of `exact` keys are written out. Raises UsageError."""
    unknown = [key for key in keys if key not in COLUMNS]
    if unknown:
        problems = (Problem(f"there is no column '{key}'", None, did_you_mean(key, COLUMNS)) for key in unknown)
        raise UsageError(problems)
    found = [COLUMNS[key] for key in dict.fromkeys(("layer", *keys))]
    return [_exactly(column) if column.column.key in exact else column for column in found]


def _exactly(column: LayerColumn) -> LayerColumn:
    plain = column.column
    return LayerColumn(Column(plain.key, plain.title, "count", plain.rank), column.cell, column.adds)
