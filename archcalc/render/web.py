"""Table → HTML of our own: a table that a browser, a reader of screens and a notebook understand, with nothing in it
that a text could break out of."""

from html import escape
from typing import Any

from archcalc.errors import printable
from archcalc.render.cells import cell_text, is_number, row_texts
from archcalc.views.table import Column, Row, Table

_INDENT = " " * 3  # no-break spaces: HTML folds ordinary ones


def safe(text: str) -> str:
    """A text as HTML shows it: no markup of its own, no signs that turn the direction of writing."""
    return escape(printable(text))


def fragment(table: Table, si: bool = False) -> str:
    """The table under its title and conventions, its facts and notes below."""
    head = "".join(f'<th scope="col"{_side(column)}>{safe(column.title)}</th>' for column in table.columns)
    rows = "\n".join(_row(row, table.columns, si) for row in (*table.rows, *table.totals))
    remarks = [
        *(f"{fact.label}: {cell_text(fact.value, fact.kind, si)}{_remark(fact.remark)}" for fact in table.facts),
        *table.notes,
    ]
    items = "".join(f"<li>{safe(remark)}</li>\n" for remark in remarks)
    return (
        '<div class="archcalc">\n<table>\n'
        f"<caption><strong>{safe(table.title)}</strong> <span>{safe(table.conventions)}</span></caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n"
        + (f"<ul>\n{items}</ul>\n" if items else "")
        + "</div>\n"
    )


def _remark(remark: str) -> str:
    return f" ({remark})" if remark else ""


def _side(column: Column) -> str:
    return ' align="right"' if is_number(column) else ' align="left"'


def _row(row: Row, columns: tuple[Column, ...], si: bool) -> str:
    texts = row_texts(row, columns, si, _INDENT)
    cells = [
        _bar(value) if column.kind == "bar" else f"<td{_side(column)}>{safe(text)}</td>"
        for text, value, column in zip(texts[1:], row.cells[1:], columns[1:], strict=True)
    ]
    return f'<tr class="{row.style}"><th scope="row" align="left">{safe(texts[0])}</th>{"".join(cells)}</tr>'


def _bar(share: Any) -> str:
    """A share as a bar that needs no style."""
    width = 0.0 if share is None else float(share) * 100
    return (
        '<td><svg class="bar" width="72" height="8" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width:.4g}" height="10" fill="currentColor" opacity="0.55"/></svg></td>'
    )
