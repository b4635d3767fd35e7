"""Table → markdown, LaTeX and HTML, by tabulate."""

import html
from typing import Literal

from tabulate import tabulate

from archcalc.render.cells import cell_text, is_number, row_texts
from archcalc.views.table import Table

Markup = Literal["markdown", "latex", "html"]
_FORMATS = {"markdown": "github", "latex": "latex_booktabs", "html": "html"}
_INDENT = " "  # a no-break space: markup folds ordinary ones


def render(table: Table, markup: Markup, si: bool = False) -> str:
    """The table with its title, conventions, facts and notes in a markup language."""
    rows = [row_texts(row, table.columns, si, _INDENT * 2) for row in (*table.rows, *table.totals)]
    body = tabulate(
        rows,
        headers=[column.title for column in table.columns],
        tablefmt=_FORMATS[markup],
        colalign=["right" if is_number(column) else "left" for column in table.columns] if rows else None,
        disable_numparse=True,
    )
    facts = [
        f"{fact.label}: {cell_text(fact.value, fact.kind, si)}" + (f" ({fact.remark})" if fact.remark else "")
        for fact in table.facts
    ]
    return _FRAMES[markup](table, body, [*facts, *table.notes])


def _markdown(table: Table, body: str, remarks: list[str]) -> str:
    lines = [f"**{table.title}** ({table.conventions})", "", body]
    return "\n".join([*lines, *([""] if remarks else []), *(f"- {remark}" for remark in remarks)]) + "\n"


def _html(table: Table, body: str, remarks: list[str]) -> str:
    head = f"<h2>{html.escape(table.title)}</h2>\n<p>{html.escape(table.conventions)}</p>\n"
    items = "".join(f"<li>{html.escape(remark)}</li>\n" for remark in remarks)
    return head + body + (f"\n<ul>\n{items}</ul>\n" if items else "\n")


def _latex(table: Table, body: str, remarks: list[str]) -> str:
    comments = "".join(f"% {line}\n" for line in (table.title, table.conventions))
    # × and the other signs of the field stand in text: LaTeX sets them with T1 fonts and UTF-8, its default since 2018.
    return comments + body + "\n" + "".join(f"% {remark}\n" for remark in remarks)


_FRAMES = {"markdown": _markdown, "html": _html, "latex": _latex}
