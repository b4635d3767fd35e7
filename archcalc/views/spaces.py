"""Design spaces → a table of what their variables range over, and the same as plain data."""

from typing import Any

from archcalc.spec.model import Spec, expression_of
from archcalc.spec.ranges import Range, Values
from archcalc.spec.tree import plain
from archcalc.views.table import Column, Row, Table

_COLUMNS = (
    Column("name", "Space"),
    Column("title", "Title", rank=2),
    Column("variable", "Variable"),
    Column("default", "Default"),
    Column("range", "Range", "prose"),
)


def table(spaces: dict[str, Spec], flat: bool) -> Table:
    """A row a variable that can be set; the name of its space stands in the first, or (`flat`) in every row."""
    rows = []
    for name, spec in spaces.items():
        for number, variable in enumerate(_settable(spec)):
            shown = number == 0 or flat
            default = _text(plain(spec.variables[variable]))
            given = spec.ranges.get(variable)
            cells = (name if shown else "", spec.title if shown else "", variable, default, _in_words(given))
            rows.append(Row(cells))
    notes = ("a member of a space is a network: archcalc summary spaces/regnet --set vars.d=16",)
    return Table("Design spaces", "ranges: low:high:step, both ends included", _COLUMNS, tuple(rows), notes=notes)


def _settable(spec: Spec) -> list[str]:
    """The variables that are not worked out from others."""
    return [name for name, tree in spec.variables.items() if expression_of(tree) is None]


def _text(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_words(values: Values | None) -> str:
    if values is None:
        return ""
    if isinstance(values, Range):
        return f"{values.low}:{values.high}:{values.step}"
    return ", ".join(map(_text, values))


def document(spaces: dict[str, Spec]) -> dict[str, Any]:
    """What JSON shows of design spaces."""
    return {
        "spaces": [{"name": name, "title": spec.title, "variables": _variables(spec)} for name, spec in spaces.items()]
    }


def _variables(spec: Spec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _settable(spec):
        values = spec.ranges.get(name)
        given: Any = None
        if isinstance(values, Range):
            given = {"low": values.value(0), "high": values.value(len(values) - 1), "step": float(values.step)}
        elif values is not None:
            given = list(values)
        found[name] = {"default": plain(spec.variables[name]), "range": given}
    return found
