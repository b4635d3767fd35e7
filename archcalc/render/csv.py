"""Table → CSV: exact numbers without units or separators, one line a row, sums left to the reader."""

import csv
import io
from typing import Any

from archcalc.views.table import Cell, Change, Column, Least, Marked, Range, Table

_AXES = {1: ("",), 2: ("_h", "_w"), 3: ("_d", "_h", "_w")}


def render(table: Table) -> str:
    """A heading line of column keys, then the rows; a tree's scopes and sums are no rows of their own.

    A layer's name and type are two columns, a number per axis one column an axis.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    rows = [row for row in table.rows if row.style != "scope"]
    widths = [_width(column, [row.cells[index] for row in rows]) for index, column in enumerate(table.columns)]
    writer.writerow([key for column, width in zip(table.columns, widths, strict=True) for key in _keys(column, width)])
    for row in rows:
        cells: list[Any] = []
        for value, width in zip(row.cells, widths, strict=True):
            cells += [_exact(value)] if width == 1 else map(_exact, value or ("",) * width)
        writer.writerow(cells)
    return out.getvalue()


def _width(column: Column, values: list[Any]) -> int:
    """How many columns of CSV a column makes."""
    return 2 if column.kind == "name" else max([1, *map(len, values)]) if column.kind == "pair" else 1


def _keys(column: Column, width: int) -> list[str]:
    if column.kind == "name":
        return [column.key, "type"]
    return [column.key + axis for axis in _AXES.get(width, ("",))]


def _exact(value: Any) -> Any:
    if isinstance(value, Least):
        return "?" if value.bare else f"≥{_exact(value.value)}"
    if isinstance(value, Range):
        return f"{_exact(value.first)}…{_exact(value.last)}"
    if isinstance(value, Cell):
        return _exact(value.value)
    if isinstance(value, (Change, Marked)):
        return value.value
    if isinstance(value, tuple):
        return "x".join(str(_exact(part)) for part in value)
    if isinstance(value, (str, float, int)):
        return value
    return "" if value is None else float(value)
