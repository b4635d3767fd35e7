"""Networks side by side → tables: a row a network, or a row a stage or a kind of layer and a column a network."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from archcalc.analysis.training import training_memory
from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.space.quantities import ALIASES, QUANTITIES, Quantity
from archcalc.spec.model import Published
from archcalc.views.columns import unknown_note
from archcalc.views.layers import conventions, sort_index
from archcalc.views.table import Column, Kind, Least, Mark, Marked, Row, Table

ACCURACIES = {"top1": "Top-1", "top5": "Top-5"}
"""What was published and cannot be computed, in percent."""

DEFAULT = (
    "input",
    "depth",
    "params",
    "macs",
    "flops",
    "weight_bytes",
    "peak_activation_bytes",
    "training_bytes",
    "receptive_field",
    "top1",
)
TRAINING = Quantity(
    "training_bytes",
    "Training",
    "bytes",
    "peak of a training step with sgd",
    lambda analysis: training_memory(analysis.graph, analysis.batch, analysis.dtype).peak_bytes,
)
"""A quantity of networks that are built one by one: it follows every tensor, and is not worked out of many at once."""

_KNOWN = {**QUANTITIES, TRAINING.key: TRAINING}
_LESS_IS_BETTER = (
    "params",
    "macs",
    "flops",
    "weight_bytes",
    "activation_bytes",
    "peak_activation_bytes",
    "memory_bytes",
    "training_bytes",
)
_WITH_BARS = ("params", "macs")
_RANKS = {
    "input": 6,
    "depth": 5,
    "flops": 7,
    "weight_bytes": 8,
    "receptive_field": 3,
    "peak_activation_bytes": 2,
    "training_bytes": 4,
}


class Wishes(Struct, frozen=True):
    """Which quantities (their keys), sorted by which, against which network (its position); `flat` for a spreadsheet:
    names instead of titles, and no bars."""

    keys: tuple[str, ...] = ()
    sort: str = ""
    baseline: int | None = None
    bars: bool = True
    flat: bool = False


def quantities_named(keys: Iterable[str]) -> tuple[str, ...]:
    """The keys that names or their short forms mean. Raises UsageError with each that means nothing."""
    found = [ALIASES.get(key, key) for key in keys]
    known = [*_KNOWN, *ALIASES, *ACCURACIES]
    unknown = [key for key in found if key not in known]
    if unknown:
        raise UsageError(Problem(f"there is no quantity '{key}'", None, did_you_mean(key, known)) for key in unknown)
    return tuple(dict.fromkeys(found))


def measured(analyses: Sequence[Analysis], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """The quantities of each network."""
    return [{key: _measured(analysis, key) for key in keys or DEFAULT} for analysis in analyses]


def _measured(analysis: Analysis, key: str) -> Any:
    if key in ACCURACIES:
        return getattr(published(analysis).get(key), "value", None)
    return _KNOWN[key].of(analysis)


def published(analysis: Analysis) -> dict[str, Published]:
    """The accuracies that somebody reported of a network: the first that its spec has of each."""
    found: dict[str, Published] = {}
    for number in analysis.spec.published:
        if number.metric in ACCURACIES:
            found.setdefault(number.metric, number)
    return found


def networks_table(analyses: Sequence[Analysis], wishes: Wishes) -> Table:
    """A row a network. The least of what is better small is marked as best, the largest as worst; with a baseline every
    number has its ratio to that network's beside it, without one a bar that shows its share of the largest."""
    keys = wishes.keys or DEFAULT
    values = measured(analyses, keys)
    columns = [Column("network", "Network")]
    cells: list[list[Any]] = [[analysis.spec.name if wishes.flat else _title(analysis) for analysis in analyses]]
    for key in keys:
        column = [found[key] for found in values]
        if key in ACCURACIES:
            columns.append(Column(key, f"{ACCURACIES[key]} %", "measured", 1))
            cells.append(_marked(column, best=max) if _one_dataset(analyses, key) else column)
            continue
        quantity = _KNOWN[key]
        columns.append(Column(key, quantity.title, quantity.kind, _RANKS.get(key, 4)))
        marked = _marked(column, best=min) if key in _LESS_IS_BETTER else column
        cells.append(_least(analyses, marked))
        if wishes.baseline is not None and quantity.kind != "shape":
            columns.append(Column(f"{key}_ratio", "×", "ratio", 1))
            cells.append([_ratio(value, column[wishes.baseline]) for value in column])
        elif wishes.bars and not wishes.flat and key in _WITH_BARS:
            columns.append(Column(f"{key}_bar", "", "bar", 9))
            cells.append([_share(value, column) for value in column])
    rows = [Row(tuple(row)) for row in zip(*cells, strict=True)]
    if wishes.sort:
        by = sort_index(columns, ALIASES.get(wishes.sort, wishes.sort))
        rows.sort(key=lambda row: _order(row.cells[by]), reverse=columns[by].kind not in ("text", "shape"))
    return Table(
        f"{len(analyses)} networks" if len(analyses) > 1 else "1 network",
        _conventions(analyses),
        tuple(columns),
        tuple(rows),
        notes=tuple(_notes(analyses, columns, wishes)),
    )


Group = Callable[[Analysis, int], str]


def groups_table(analyses: Sequence[Analysis], by: str, of: str, bars: bool = True) -> Table:
    """A column a network, a row for each stage or kind of layer that any of them has; `of` says of what."""
    names = _unique([analysis.spec.name for analysis in analyses])
    groups, amount = _GROUPS[by], _AMOUNTS[of]
    sums: list[dict[str, int]] = []
    for analysis in analyses:
        found: dict[str, int] = {}
        for position in range(len(analysis.graph.nodes)):
            name = groups(analysis, position)
            found[name] = found.get(name, 0) + amount(analysis, position)
        sums.append(found)
    kind: Kind = "bytes" if of == "activation_bytes" else "amount"
    columns = [Column(by, by.capitalize())]
    for name in names:
        columns.append(Column(name, name, kind))
        columns += [Column(f"{name}_bar", "", "bar", 2)] if bars else []
    rows = []
    for group in _ordered(by, sums):
        cells: list[Any] = [group]
        for found in sums:
            cells.append(found.get(group))
            cells += [_share(found.get(group, 0), list(found.values()))] if bars else []
        rows.append(Row(tuple(cells)))
    totals: list[Any] = ["total"]
    for found in sums:
        totals += [sum(found.values()), None] if bars else [sum(found.values())]
    notes = [f"{_MEANINGS[of]}, by {_BY[by]}"] + (["bars: shares of the largest in their column"] if bars else [])
    return Table(
        f"{', '.join(names)}: {of} by {by}",
        _conventions(analyses),
        tuple(columns),
        tuple(row for row in rows if any(row.cells[1 :: 2 if bars else 1])),
        (Row(tuple(totals), style="total"),),
        notes=tuple(notes),
    )


def document(analyses: Sequence[Analysis], wishes: Wishes) -> dict[str, Any]:
    """The comparison as plain data: exact numbers, and layers by kind."""
    keys = wishes.keys or DEFAULT
    return {
        "baseline": None if wishes.baseline is None else analyses[wishes.baseline].spec.name,
        "batch": analyses[0].batch,
        "dtype": analyses[0].dtype,
        "networks": [
            {
                "network": analysis.spec.name,
                "title": analysis.spec.title,
                **found,
                "layers_by_kind": _kinds(analysis),
                "published": [
                    {
                        "metric": number.metric,
                        "value": number.value,
                        "dataset": number.dataset,
                        "source": number.source,
                        "note": number.note,
                    }
                    for number in published(analysis).values()
                ],
            }
            for analysis, found in zip(analyses, measured(analyses, keys), strict=True)
        ],
    }


def group_document(analyses: Sequence[Analysis], by: str, of: str) -> dict[str, Any]:
    """The same sums as `groups_table` as plain data."""
    table = groups_table(analyses, by, of, bars=False)
    networks = {
        column.key: {row.cells[0]: row.cells[number] or 0 for row in table.rows}
        for number, column in enumerate(table.columns[1:], start=1)
    }
    return {"by": by, "of": of, "batch": analyses[0].batch, "dtype": analyses[0].dtype, "networks": networks}


def _title(analysis: Analysis) -> str:
    return analysis.spec.title or analysis.spec.name


def _unique(names: list[str]) -> list[str]:
    """Names told apart where a network is there twice."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    ]


def _conventions(analyses: Sequence[Analysis]) -> str:
    """What all have in common; inputs where they are alike."""
    every = list(dict.fromkeys(conventions(analysis) for analysis in analyses))
    return every[0] if len(every) == 1 else "each at its own input · " + every[0].partition(" · ")[2]


def _least(analyses: Sequence[Analysis], column: list[Any]) -> list[Any]:
    """The numbers of networks with layers that are not known are no more than a least, and neither best nor worst."""
    bare = [cell.value if isinstance(cell, Marked) else cell for cell in column]
    return [
        Least(value) if analysis.graph.unknown and isinstance(value, int) else cell
        for analysis, value, cell in zip(analyses, bare, column, strict=True)
    ]


def _marked(column: list[Any], best: Callable[[Iterable[Any]], Any]) -> list[Any]:
    """The numbers with the best and the worst marked; where all are equal, none is."""
    known = [value for value in column if value is not None]
    low, high = min(known, default=None), max(known, default=None)
    if low == high:
        return column
    marks: dict[Any, Mark] = {value: "best" if value == best(known) else "worst" for value in (low, high)}
    return [None if value is None else Marked(value, marks.get(value, "")) for value in column]


def _one_dataset(analyses: Sequence[Analysis], key: str) -> bool:
    """Whether accuracies are of one dataset: those of two are not better or worse."""
    return len({found[key].dataset for found in map(published, analyses) if key in found}) == 1


def _ratio(value: Any, baseline: Any) -> float | None:
    return value / baseline if value is not None and baseline else None


def _share(value: Any, column: Sequence[Any]) -> float:
    largest = max(column, default=0)
    return value / largest if largest else 0.0


def _order(cell: Any) -> Any:
    value = cell.value if isinstance(cell, Marked) else cell
    return (value is not None, value)


def _notes(analyses: Sequence[Analysis], columns: Sequence[Column], wishes: Wishes) -> list[str]:
    notes = []
    if len(analyses) > 1 and any(column.key in _LESS_IS_BETTER for column in columns):
        notes.append("✓ best, ✗ worst of a column: the least of what is spent, the most of what is right")
    if wishes.baseline is not None:
        notes.append(f"×: how many times that of {_title(analyses[wishes.baseline])}")
    shown = [_KNOWN[column.key] for column in columns if column.key in _KNOWN and column.kind != "shape"]
    notes.append("; ".join(f"{quantity.title}: {quantity.meaning}" for quantity in shown))
    for key in [column.key for column in columns if column.key in ACCURACIES]:
        sources: dict[str, list[str]] = {}
        for analysis, found in zip(analyses, map(published, analyses), strict=True):
            if key in found:
                said = f", {found[key].note}" if found[key].note else ""
                sources.setdefault(f"{found[key].dataset}, {found[key].source}{said}", []).append(_title(analysis))
        notes += [f"{ACCURACIES[key]} of {' and '.join(titles)}: {source}" for source, titles in sources.items()]
    notes += [f"{_title(analysis)}, {note}" for analysis in analyses for note in unknown_note(analysis)]
    return [note for note in notes if note]


def _stage(analysis: Analysis, position: int) -> str:
    """How much smaller than the input the maps are, to the nearest power of two; what has no map, a vector."""
    shape, before = analysis.graph.shapes[position], analysis.graph.input_shape
    if len(shape) < 2 or len(shape) != len(before):
        return "no map"
    small, ratio = 1, before[1] / shape[1]
    while ratio > small * 2**0.5:
        small *= 2
    return f"1/{small}" if small > 1 else "1/1"


def _kind(analysis: Analysis, position: int) -> str:
    return analysis.graph.nodes[position].op.keyword


_GROUPS: dict[str, Group] = {"stage": _stage, "kind": _kind}
_BY = {"stage": "how much smaller than the input maps are, to a power of two", "kind": "operator"}
BY = tuple(_GROUPS)

_AMOUNTS: dict[str, Callable[[Analysis, int], int]] = {
    "macs": lambda analysis, i: analysis.cost.layers[i].macs,
    "params": lambda analysis, i: analysis.params.layers[i].params,
    "flops": lambda analysis, i: analysis.cost.layers[i].flops,
    "activation_bytes": lambda analysis, i: analysis.memory.layers[i].bytes,
    "layers": lambda analysis, i: int(bool(analysis.graph.nodes[i].inputs)),
}
_MEANINGS = {
    "macs": "multiply-accumulates",
    "params": "trainable parameters",
    "flops": "2·MACs + every other operation",
    "activation_bytes": "bytes of all outputs",
    "layers": "operators, the input not among them",
}
OF = tuple(_AMOUNTS)


def _kinds(analysis: Analysis) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in analysis.graph.nodes:
        if node.inputs:
            found[node.op.keyword] = found.get(node.op.keyword, 0) + 1
    return found


def _ordered(by: str, sums: Sequence[dict[str, int]]) -> list[str]:
    """Stages from the largest maps to the smallest; kinds by how much all networks together spend on them."""
    every = list(dict.fromkeys(group for found in sums for group in found))
    if by == "stage":
        return sorted(every, key=lambda group: (group == "no map", int(group.partition("/")[2] or 0)))
    return sorted(every, key=lambda group: -sum(found.get(group, 0) for found in sums))
