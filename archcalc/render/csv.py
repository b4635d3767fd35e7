"""Table → CSV: exact numbers without units or separators, one line a row, sums left to the reader."""

import csv
import io
from fractions import Fraction
from typing import Any

from archcalc.views.table import Range, Table


def render(table: Table) -> str:
    """A heading line of column keys, then the rows; a tree's scopes and sums are no rows of their own."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [key for column in table.columns for key in ([column.key, "type"] if column.kind == "name" else [column.key])]
    )
    for row in table.rows:
        if row.style == "scope":
            continue
        cells: list[Any] = []
        for column, value in zip(table.columns, row.cells, strict=True):
            cells += list(value) if column.kind == "name" else [_exact(value)]
        writer.writerow(cells)
    return out.getvalue()


def _exact(value: Any) -> Any:
    if isinstance(value, Range):
        return f"{_exact(value.first)}…{_exact(value.last)}"
    if isinstance(value, tuple):
        return "x".join(str(_exact(part)) for part in value)
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return "" if value is None else value
