"""Networks → what their page tells: plain data, in which a text that stands in many places is kept once.

Everything a reader sees is written here, by the functions that write it elsewhere: the page itself only lays out, looks
up and, for receptive fields, adds and multiplies whole numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from archcalc.analysis.explain import Explanation, Section, Step, explain_layers, explain_network
from archcalc.analysis.receptive_field import Field, Global, LayerField, seen_note
from archcalc.analysis.training import training_memory
from archcalc.analysis.whole import Analysis
from archcalc.errors import printable
from archcalc.ops.base import axis_names
from archcalc.views.columns import COLUMNS, LayerColumn
from archcalc.views.document import CONVENTIONS
from archcalc.views.layers import Choice, layer_table, sortable
from archcalc.views.reports import SUMMARY, summary
from archcalc.views.table import Kind, Row, Table

SAFE = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly."""


class Writing(Struct, frozen=True):
    """How numbers become texts: a cell of a kind, and the result of a step. Renderers know."""

    cell: Callable[[Any, Kind], str]
    result: Callable[[Step], str]


class _Page:
    """What all networks of a page share while it is put together."""

    def __init__(self, writing: Writing) -> None:
        self.writing = writing
        self.texts: dict[str, int] = {}
        self.sections: dict[Section, int] = {}
        self.told: list[Any] = []

    def text(self, text: str) -> int:
        """The number of a text. What would turn the page's writing round is shown and not obeyed."""
        clean = "\n".join(map(printable, text.split("\n")))
        return self.texts.setdefault(clean, len(self.texts))

    def section(self, section: Section) -> int:
        """The number of a part of a derivation: repeats of a block have most of theirs in common."""
        known = self.sections.get(section)
        if known is not None:
            return known
        steps = [
            [self.text(part) for part in (step.label, step.formula, step.values, self.writing.result(step))]
            for step in section.steps
        ]
        self.told.append([self.text(section.title), self.text(section.result), steps])
        return self.sections.setdefault(section, len(self.sections))

    def explanation(self, explanation: Explanation, network: str) -> dict[str, Any]:
        return {
            "title": self.text(explanation.title.removeprefix(f"{network} · ")),
            "sections": [self.section(section) for section in explanation.sections],
            "notes": [self.text(note) for note in explanation.notes],
        }


def page(analyses: Sequence[Analysis], drawings: Sequence[str], writing: Writing) -> dict[str, Any]:
    """The data of a page about these networks, each with its drawing as SVG, or "". Numbers that stand for texts are
    their places in `texts`."""
    parts = _Page(writing)
    networks = [
        {**_network(analysis, parts), "drawing": drawing} for analysis, drawing in zip(analyses, drawings, strict=True)
    ]
    return {
        "networks": networks,
        "columns": [_column(column, parts) for column in COLUMNS.values()],
        "conventions": [[parts.text(key.replace("_", " ")), parts.text(said)] for key, said in CONVENTIONS.items()],
        "sections": parts.told,
        "texts": list(parts.texts),
    }


def _column(column: LayerColumn, parts: _Page) -> dict[str, Any]:
    plain = column.column
    of = plain.key.partition("_")[0]
    label = f"{COLUMNS[of].column.title} in % of all" if plain.title == "%" else plain.title
    return {
        "key": plain.key,
        "title": parts.text(plain.title),
        "label": parts.text(label),
        "number": plain.kind in ("count", "amount", "bytes", "percent", "pair"),
        "shown": plain.key in SUMMARY or plain.key == "layer",
        "narrow": plain.key in ("layer", "output", "params", "macs"),
    }


def _network(analysis: Analysis, parts: _Page) -> dict[str, Any]:
    columns = list(COLUMNS.values())
    table = layer_table(analysis, analysis.spec.title, columns, Choice(fold=False))
    whole = summary(analysis, (), Choice())
    layers = [row for row in table.rows if row.style == "layer"]
    title = analysis.spec.title or analysis.spec.name
    return {
        "name": parts.text(analysis.spec.name),
        "title": parts.text(title),
        "conventions": parts.text(table.conventions),
        "facts": [
            [parts.text(fact.label), parts.text(parts.writing.cell(fact.value, fact.kind)), parts.text(fact.remark)]
            for fact in whole.facts
        ],
        "notes": [parts.text(note) for note in whole.notes if not note.startswith("×n")],
        "whole": parts.explanation(explain_network(analysis), title),
        "rows": [_row(row, table, parts) for row in table.rows],
        "total": _row(table.totals[0], table, parts),
        "ranks": [_ranks(layers, index) for index in range(len(columns))],
        "layers": [
            _layer(analysis, position, parts.explanation(explanation, title), parts)
            for position, explanation in enumerate(explain_layers(analysis))
        ],
        "axes": [parts.text(name) for name in axis_names(len(analysis.graph.input_shape))[1:]],
        "input": list(analysis.graph.input_shape[1:]),
        "last": _last(analysis),
        "parts": _parts(analysis, table),
        "memory": _memory(analysis, parts),
    }


def _row(row: Row, table: Table, parts: _Page) -> list[int]:
    """Depth, whether it is a layer, the operator's title, and a text a column."""
    name, operator = row.cells[0]
    cells = zip(row.cells[1:], table.columns[1:], strict=True)
    texts = [name, *(parts.writing.cell(value, column.kind) for value, column in cells)]
    return [row.depth, int(row.style == "layer"), parts.text(operator), *map(parts.text, texts)]


def _ranks(layers: Sequence[Row], column: int) -> list[int] | None:
    """The place of each layer's cell among the different ones of its column; None where all are equal."""
    keys = [sortable(row.cells[column]) for row in layers]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return [places[key] for key in keys] if len(places) > 1 else None


def _layer(analysis: Analysis, position: int, derivation: dict[str, Any], parts: _Page) -> dict[str, Any]:
    node, seen = analysis.graph.nodes[position], analysis.fields.layers[position]
    return {
        "name": parts.text(node.name),
        **derivation,
        "shape": [exact(size) for size in analysis.graph.shapes[position]],
        "field": _field(seen),
        "said": parts.text(seen_note(seen)),
    }


def _field(seen: LayerField) -> list[Any]:
    """On each axis of the input: the layer's own axis along it, the step, lows and highs of a period; "all" where
    every unit sees the whole axis, None where it cannot be said."""
    return [
        [axis.axis, exact(axis.step), list(map(exact, axis.lows)), list(map(exact, axis.highs))]
        if isinstance(axis, Field)
        else "all"
        if isinstance(axis, Global)
        else None
        for axis in seen.axes
    ]


def exact(number: int) -> int | str:
    """A whole number as JSON keeps it: its digits, where a reader could round it."""
    return number if -SAFE <= number <= SAFE else str(number)


def _last(analysis: Analysis) -> int:
    """The layer whose field a reader sees first: the one that papers quote."""
    last = analysis.fields.last
    return 0 if last is None else analysis.graph.graph.index()[last.name]


_MOST_PARTS = 40


def _parts(analysis: Analysis, table: Table) -> list[list[Any]]:
    """Where parameters and operations sit: the outermost rows (by place) and their shares, as many as can be read;
    of more those that take most, and None for the others together."""
    keys = [column.key for column in table.columns]
    shares = [
        (analysis.params.params, keys.index("params")),
        (analysis.cost.macs, keys.index("macs")),
    ]
    found = []
    for place, row in enumerate(table.rows):
        numbers = [_amount(row.cells[column]) / whole if whole else 0.0 for whole, column in shares]
        if row.depth == 0 and any(numbers):
            found.append((place, *numbers))
    kept = sorted(found, key=lambda part: -max(part[1:]))[:_MOST_PARTS]
    rest = [sum(part[i] for part in found) - sum(part[i] for part in kept) for i in (1, 2)]
    more = [[None, *rest]] if len(found) > len(kept) else []
    return [*map(list, sorted(kept)), *more]


def _amount(cell: Any) -> int:
    return cell if isinstance(cell, int) else int(cell.value)


def _memory(analysis: Analysis, parts: _Page) -> list[dict[str, Any]]:
    """What is in memory at each step: while each layer runs, and in a step of training forward and back again."""

    def line(title: str, steps: Sequence[str], numbers: Sequence[int]) -> dict[str, Any]:
        written = [parts.text(parts.writing.cell(number, "bytes")) for number in numbers]
        ticks = [[float(tick), parts.text(parts.writing.cell(tick, "bytes"))] for tick in _ticks(max(numbers))]
        return {
            "title": parts.text(title),
            "heights": [float(number) for number in numbers],
            "texts": written,
            "steps": list(map(parts.text, steps)),
            "ticks": ticks,
        }

    layers = analysis.memory.layers
    named = [layer.name for layer in layers]
    found = [line("Inference: outputs alive while each layer runs", named, [layer.alive_bytes for layer in layers])]
    if analysis.known:
        trained = training_memory(analysis.graph, analysis.batch, analysis.dtype)
        bytes_ = [trained.constant_bytes + alive for alive in trained.timeline.alive()]
        title = "A step of training (plain SGD): weights, what is kept for the backward pass, gradients"
        found.append(line(title, trained.timeline.steps, bytes_))
    return found


def _ticks(most: int) -> range:
    """Three to four round numbers of bytes up to the most."""
    step = 1 << max(0, (most // 3).bit_length() - 1)
    while most // step > 4:
        step *= 2
    return range(step, most + 1, step)
