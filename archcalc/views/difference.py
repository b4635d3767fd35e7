"""What turns one network into another → tables: a row an edit, or a row a layer."""

from collections.abc import Collection, Sequence
from typing import Any

from archcalc.analysis.difference import TOTALS, Difference, Part
from archcalc.analysis.edits import Edit
from archcalc.analysis.receptive_field import Field
from archcalc.analysis.whole import Analysis
from archcalc.views.columns import unknown_note
from archcalc.views.layers import conventions
from archcalc.views.table import Change, Column, Fact, Row, Table

_AMOUNTS = (
    Column("params", "Params", "amount"),
    Column("buffers", "Buffers", "amount", 6),
    Column("macs", "MACs", "amount"),
    Column("flops", "FLOPs", "amount", 5),
    Column("activation_bytes", "Act. mem", "bytes", 2),
    Column("peak_activation_bytes", "Peak mem", "bytes", 3),
)
_EDITS = (
    Column("number", "#", "number"),
    Column("edit", "Edit", "prose"),
    Column("layers", "Layers", "count", 4),
    *_AMOUNTS,
)
_LAYERS = (
    Column("sign", ""),
    Column("layer", "Layer (type)", "name"),
    Column("what", "What", "prose", 7),
    Column("output", "Output shape", "text", 1),
    Column("edits", "By", "text", 2),
    *_AMOUNTS[:-1],
)
_MOST_NAMES = 3


def edits_table(before: Analysis, after: Analysis, found: Difference) -> Table:
    """A row for each edit and for what several do together, and the totals that they sum to."""
    shown = [column for column in _EDITS if column.key != "buffers" or any(part.amounts[1] for part in found.parts)]
    names = [[node.name for node in analysis.graph.nodes] for analysis in (before, after)]
    texts = [edit_text(edit, names[bool(edit.after)]) for edit in found.edits]
    parts = sorted(found.parts, key=lambda part: not part.edits)  # what no edit did comes last
    rows = [_row(part, texts) for part in parts]
    sums = (
        ("before", [total.before for total in found.totals]),
        ("after", [total.after for total in found.totals]),
        ("change", [Change(total.change) for total in found.totals]),
    )
    totals = [Row(("", name, None, *amounts), style="total") for name, amounts in sums]
    keep = [_EDITS.index(column) for column in shown]
    return Table(
        _title(before, after),
        _conventions(before, after),
        tuple(shown),
        tuple(_kept(row, keep) for row in rows),
        tuple(_kept(row, keep) for row in totals),
        tuple(_facts(before, after, found)),
        (*_notes(found), *dict.fromkeys(note for side in (before, after) for note in unknown_note(side))),
    )


def layers_table(before: Analysis, after: Analysis, found: Difference) -> Table:
    """A row for each layer that was added, removed or changed, or costs something else because of what it reads."""
    index = before.graph.graph.index(), after.graph.graph.index()
    edit_of = {name: edit for edit in found.edits for name in edit.after}
    rows = []
    for layer in sorted(found.layers, key=lambda layer: index[1].get(layer.after, -1)):
        side, name = (1, layer.after) if layer.after else (0, layer.before)
        analysis = (before, after)[side]
        position = index[side][name]
        keyword = analysis.graph.nodes[position].op.keyword
        sign, what = _said(layer.before, layer.after, edit_of.get(layer.after), layer.edits, found.edits)
        shape = _shape(analysis, position)
        if layer.before and layer.after:
            was = _shape(before, index[0][layer.before])
            shape = shape if was == shape else f"{was} → {shape}"
        by = "+".join(str(number + 1) for number in layer.edits)
        rows.append(Row((sign, (name, keyword), what, shape, by, *map(Change, layer.amounts[:-1]))))
    sums = ("", ("change", ""), "", "", "", *(Change(total.change) for total in found.totals[:-1]))
    return Table(
        f"{_title(before, after)}: layer by layer",
        _conventions(before, after),
        _LAYERS,
        tuple(rows),
        (Row(sums, style="total"),),
        notes=("By: the edits that a layer differs by, numbered as without --per-layer",),
    )


def _said(
    before: str, after: str, own: Edit | None, edits: tuple[int, ...], all_edits: Sequence[Edit]
) -> tuple[str, str]:
    """The sign of a layer's part, and what was done to it."""
    if not before or not after:
        return ("+", "added") if after else ("−", "removed")
    if own is not None and len(edits) == 1 and all_edits[edits[0]] is own:
        return "~", _changes(own)
    return "", "reads other shapes" if before == after else f"reads other shapes; was {before}"


def document(before: Analysis, after: Analysis, found: Difference) -> dict[str, Any]:
    """The difference as plain data: exact numbers, positions of edits counted from 0."""
    return {
        "before": before.spec.name,
        "after": after.spec.name,
        "inputs": [list(before.graph.input_shape), list(after.graph.input_shape)],
        "batch": after.batch,
        "dtype": after.dtype,
        "totals": {
            total.name: {"before": total.before, "after": total.after, "change": total.change} for total in found.totals
        },
        "edits": [
            {
                "kind": edit.kind,
                "ops": list(edit.keywords),
                "places": edit.places,
                "before": list(edit.before),
                "after": list(edit.after),
                "changes": [
                    {"argument": change.argument, "before": change.before, "after": change.after}
                    for change in edit.changes
                ],
            }
            for edit in found.edits
        ],
        "parts": [
            {"edits": list(part.edits), "layers": part.layers, **dict(zip(TOTALS, part.amounts, strict=True))}
            for part in found.parts
        ],
        "layers": [
            {
                "before": layer.before or None,
                "after": layer.after or None,
                "edits": list(layer.edits),
                **dict(zip(TOTALS[:-1], layer.amounts, strict=False)),
            }
            for layer in found.layers
        ],
        "unchanged_layers": found.same,
    }


def _title(before: Analysis, after: Analysis) -> str:
    if before.spec.title == after.spec.title:
        return f"{after.spec.title}: what was changed"
    return f"{before.spec.title} → {after.spec.title}"


def _conventions(before: Analysis, after: Analysis) -> str:
    one, other = conventions(before), conventions(after)
    if one == other:
        return other
    shape = "×".join(map(str, before.graph.input_shape))
    return other.replace("input ", f"input {shape} → ", 1)


def _kept(row: Row, keep: Sequence[int]) -> Row:
    return Row(tuple(row.cells[i] for i in keep), style=row.style)


def _row(part: Part, texts: Sequence[str]) -> Row:
    if len(part.edits) == 1:
        number, text = str(part.edits[0] + 1), texts[part.edits[0]]
    elif part.edits:
        number, text = "", f"{_listed([str(edit + 1) for edit in part.edits])} together"
    else:
        number, text = "", "the peak lies elsewhere"
    return Row((number, text, part.layers or None, *map(Change, part.amounts)))


def _listed(words: Sequence[str]) -> str:
    """`1 and 2`; a long row of neighbours is `1 to 9`."""
    if len(words) > _MOST_NAMES and int(words[-1]) - int(words[0]) == len(words) - 1:
        return f"{words[0]} to {words[-1]}"
    return ", ".join(words[:-1]) + f" and {words[-1]}"


def edit_text(edit: Edit, names: Sequence[str]) -> str:
    """An edit in words: `conv1: stride 4 → 2`, `+ stage2.6 … stage2.22 (170 layers)`; `names` are all there are."""
    where = _where(edit, names)
    if edit.kind in ("added", "removed"):
        sign = "+" if edit.kind == "added" else "−"
        return f"{sign} {where}" + (f" ({edit.keywords[0]})" if len(edit.keywords) == 1 else "")
    return f"{where}: {_changes(edit)}"


def _where(edit: Edit, names: Sequence[str]) -> str:
    found = edit.after or edit.before
    each = len(found) // edit.places
    if len(found) <= _MOST_NAMES:
        return ", ".join(found)
    if each == 1:
        return f"{found[0]} and {edit.places - 1} more"
    first, last = (_scope(name, set(found), names) for name in (found[0], found[each - 1]))
    text = f"{first} ({each} layers)" if first == last else f"{first} … {last} ({each} layers)"
    text = ", ".join(found[:each]) if each <= _MOST_NAMES else text
    return text + _more(edit.places - 1)


def _more(places: int) -> str:
    return "" if not places else " and at 1 more place" if places == 1 else f" and at {places} more places"


def _scope(name: str, found: Collection[str], names: Sequence[str]) -> str:
    """The outermost scope of a layer that was put in or taken out as a whole; else the layer."""
    parts = name.split(".")
    for end in range(1, len(parts)):
        scope = ".".join(parts[:end])
        if all(other in found for other in names if other.startswith(f"{scope}.")):
            return scope
    return name


def _changes(edit: Edit) -> str:
    if edit.kind == "rewired":
        read = edit.changes[0]
        return f"reads {', '.join(read.after)} instead of {', '.join(read.before)}"
    return ", ".join(f"{change.argument} {_value(change.before)} → {_value(change.after)}" for change in edit.changes)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "×".join(map(_value, value))
    return "none" if value is None else str(value)


def _shape(analysis: Analysis, position: int) -> str:
    return "×".join(map(str, analysis.graph.shapes[position]))


def _facts(before: Analysis, after: Analysis, found: Difference) -> list[Fact]:
    """What is no sum: the output, and the receptive field that papers quote."""
    facts = [Fact("Unchanged", f"{found.same} of {len(after.graph.nodes)} layers", "text")]
    shapes = _shape(before, -1), _shape(after, -1)
    facts.append(Fact("Output", shapes[1] if shapes[0] == shapes[1] else " → ".join(shapes), "text"))
    fields = _last_field(before), _last_field(after)
    facts.append(Fact("Receptive field", fields[1] if fields[0] == fields[1] else " → ".join(fields), "text"))
    return facts


def _last_field(analysis: Analysis) -> str:
    last = analysis.fields.last
    if last is None:
        return "none"
    return "×".join(str(seen.size) if isinstance(seen, Field) else "global" for seen in last.axes) + f" ({last.name})"


def _notes(found: Difference) -> list[str]:
    if not found.edits:
        return ["the two are the same, layer by layer"]
    notes = ["every column sums to its change exactly"]
    if any(len(part.edits) > 1 for part in found.parts):
        notes.append("together: layers that read shapes which several edits made; no part of these is one edit's alone")
    if any(not part.edits for part in found.parts):
        notes.append("the peak lies elsewhere: tensors alive at one network's peak and not at the other's")
    return notes
