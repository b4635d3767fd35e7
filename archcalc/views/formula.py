"""Closed forms → tables, equations and a document."""

from collections.abc import Sequence
from typing import Any

from archcalc.symbolic.field import MOST
from archcalc.symbolic.printing import Writer, letter
from archcalc.symbolic.results import Derivation, Formulas, LayerForms
from archcalc.views.table import Cell, Column, Row, Table

TITLES = {
    "params": "Params",
    "buffers": "Buffers",
    "macs": "MACs",
    "flops": "FLOPs",
    "weight_bytes": "Weights, bytes",
    "activation_bytes": "Activations, bytes",
    "peak_activation_bytes": "Peak, bytes",
    "receptive_field": "Receptive field",
    "output": "Output",
}
_LAYER_COLUMNS = (
    Column("layer", "Layer (type)", "name"),
    Column("output", "Output"),
    Column("params", "Params"),
    Column("macs", "MACs"),
    Column("activation_bytes", "Act. bytes", rank=1),
    Column("receptive_field", "RF", rank=2),
)


def tables(formulas: Formulas, per_layer: bool = False) -> list[Table]:
    """A table a derivation: a row a total, with its value where the network stands; `per_layer` one of the layers."""
    found = [_totals(formulas, derivation, Writer(derivation.field)) for derivation in _derivations(formulas)]
    if per_layer:
        found.append(_layers(formulas, formulas.best, Writer(formulas.best.field)))
    last = found[-1]
    return [*found[:-1], Table(last.title, last.conventions, last.columns, last.rows, notes=tuple(_notes(formulas)))]


def _derivations(formulas: Formulas) -> list[Derivation]:
    return [derivation for derivation in (formulas.general, formulas.even) if derivation is not None]


def _totals(formulas: Formulas, derivation: Derivation, writer: Writer) -> Table:
    here = derivation.at()
    rows = []
    for key, title in TITLES.items():
        form = derivation.totals[key]
        if form is None:
            rows.append(Row((title, derivation.reasons[key], None)))
        else:
            rows.append(Row((title, _text(form, writer), _value(here[key]))))
    values = ", ".join(f"{symbol.name} = {symbol.value:,}" for symbol in derivation.symbols)
    columns = (Column("quantity", ""), Column("form", "Closed form", "prose"), Column("here", values, "count"))
    again = derivation is formulas.even and formulas.general is not None
    title = f"{formulas.title}: closed forms" + (" where strides come out even" if again else "")
    return Table(title, _conventions(formulas, derivation, writer), columns, tuple(rows))


def _value(value: Any) -> Any:
    return (
        Cell(value, "shape" if len(value) > 1 else "count")
        if isinstance(value, tuple) and len(value) != 1
        else (value[0] if isinstance(value, tuple) else value)
    )


def _layers(formulas: Formulas, derivation: Derivation, writer: Writer) -> Table:
    rows = tuple(Row(_layer_cells(layer, writer)) for layer in derivation.layers)
    return Table(f"{formulas.title}: layers", _conventions(formulas, derivation, writer), _LAYER_COLUMNS, rows)


def _layer_cells(layer: LayerForms, writer: Writer) -> tuple[Any, ...]:
    seen = "" if layer.receptive_field is None else _text(layer.receptive_field, writer)
    numbers = (layer.params, layer.macs, layer.activation_bytes)
    return ((layer.name, layer.op), _text(layer.output, writer), *map(writer.text, numbers), seen)


def _text(form: Any, writer: Writer) -> str:
    """A form, or a shape of them: 2048 × ⌈H/32⌉ × ⌈W/32⌉."""
    if not isinstance(form, tuple):
        return writer.text(form)
    texts = [writer.text(size) for size in form]
    if all(text.replace(",", "").isalnum() for text in texts):
        return "×".join(texts) or "1"
    # A sum by itself, as flatten gives one, needs no brackets.
    return " × ".join(
        f"({text})" if " " in text and len(texts) > 1 and not _is_closed(text) else text for text in texts
    )


def _is_closed(text: str) -> bool:
    """Whether all spaces of a text are inside brackets."""
    depth = 0
    for sign in text:
        depth += (sign in "(⌊⌈") - (sign in ")⌋⌉")
        if sign == " " and not depth:
            return False
    return True


def _conventions(formulas: Formulas, derivation: Derivation, writer: Writer) -> str:
    batch = [] if formulas.batch == "batch" else [f"batch {formulas.batch}"]
    return " · ".join([*_where(derivation, writer), *batch, formulas.dtype])


def _where(derivation: Derivation, writer: Writer) -> list[str]:
    """For which values closed forms hold: `for H, W multiples of 32, from 32`."""
    groups: dict[str, list[str]] = {}
    for symbol in derivation.symbols:
        low, high = derivation.ranges[symbol.name]
        if symbol.residue:
            what = f"= {symbol.period}·{letter(symbol, derivation.field)} + {symbol.residue}"
            groups[f"{symbol.name} {what}, {_between(low, high, symbol.period)}"] = []
        else:
            what = f"divisible by {symbol.period}, " if symbol.period > 1 else ""
            groups.setdefault(what + _between(low, high, symbol.period), []).append(symbol.name)
    told = [f"{', '.join(names)} {what}" if names else what for what, names in groups.items()]
    conditions = [writer.condition(condition) for condition in derivation.conditions]
    return ["for " + "; ".join(told), *([f"where {', '.join(conditions)}"] if conditions else [])]


def _between(low: int, high: int, period: int) -> str:
    return f"from {low:,}" + (f" to {high:,}" if high + period <= MOST else "")


def _notes(formulas: Formulas) -> list[str]:
    """What has to be said once: ranges, signs, what else could be a symbol, and what could not."""
    derivation = formulas.best
    chosen = {symbol.name for symbol in derivation.symbols}
    notes = [f"true for all whole numbers of these ranges, up to {MOST:,}: derived, not fitted"]
    notes.append("activations: the input and every output; peak: the most that is alive at once, nothing in place")
    if (
        formulas.general is not None
        and formulas.even is None
        and max(formulas.general.periods().values(), default=1) > 1
    ):
        notes.append("no period up to 4,096 removes all floors: --assume 'H % N == R' chooses one")
    for name, reason in formulas.left_out.items():
        notes.append(f"{name} is no symbol here: {reason}")
    others = [f"{name} ({meaning})" for name, meaning in formulas.meanings.items() if name not in chosen]
    if others:
        notes.append("--over takes also " + ", ".join(others))
    return notes


def equations(formulas: Formulas) -> list[tuple[str, list[tuple[str, str]]]]:
    """A heading a derivation, with its totals in LaTeX: name and expression. What cannot be stated is left out."""
    found = []
    for derivation in _derivations(formulas):
        writer = Writer(derivation.field)
        lines = []
        for key, title in TITLES.items():
            form = derivation.totals[key]
            if isinstance(form, tuple):
                lines.append((title, r" \times ".join(map(writer.latex, form)) or "1"))
            elif form is not None:
                lines.append((title, writer.latex(form)))
        found.append((f"{formulas.title}, {_conventions(formulas, derivation, writer)}", lines))
    return found


def document(formulas: Formulas, per_layer: bool = False) -> dict[str, Any]:
    """Closed forms as texts that sympy.sympify reads, for whatever else is to be done with them."""
    best = formulas.best
    return {
        "network": formulas.network,
        "title": formulas.title,
        "batch": formulas.batch,
        "dtype": formulas.dtype,
        "symbols": [
            {"name": symbol.name, "value": symbol.value, "meaning": formulas.meanings[symbol.name]}
            for symbol in best.symbols
        ],
        "forms": [_form_document(derivation, per_layer) for derivation in _derivations(formulas)],
        "left_out": dict(formulas.left_out),
    }


def _form_document(derivation: Derivation, per_layer: bool) -> dict[str, Any]:
    writer = Writer(derivation.field)
    found: dict[str, Any] = {
        "symbols": [
            {
                "name": symbol.name,
                "written": letter(symbol, derivation.field),
                "period": symbol.period,
                "residue": symbol.residue,
                "value": symbol.value,
                "range": list(derivation.ranges[symbol.name]),
            }
            for symbol in derivation.symbols
        ],
        "conditions": [
            f"{writer.parsable(condition.form)} {'>' if condition.strict else '>='} 0"
            for condition in derivation.conditions
        ],
        "totals": {key: _parsable(derivation.totals[key], writer) for key in TITLES},
        "reasons": dict(derivation.reasons),
    }
    if per_layer:
        found["layers"] = [_layer_document(layer, writer) for layer in derivation.layers]
    return found


def _layer_document(layer: LayerForms, writer: Writer) -> dict[str, Any]:
    keys: Sequence[str] = ("output", "params", "macs", "flops", "activation_bytes", "receptive_field")
    return {"name": layer.name, "op": layer.op, **{key: _parsable(getattr(layer, key), writer) for key in keys}}


def _parsable(form: Any, writer: Writer) -> Any:
    if isinstance(form, tuple):
        return [writer.parsable(size) for size in form]
    return None if form is None else writer.parsable(form)
