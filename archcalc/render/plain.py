"""Table → aligned text without colour or lines: what goes through a pipe.

Our own forty lines, because importing tabulate takes longer than everything else that `archcalc params` does.
"""

import sys
import textwrap

from archcalc.render.cells import aligned, cell_text, row_texts
from archcalc.views.table import Table


def render(table: Table, si: bool = False) -> str:
    """The whole table, as wide as it needs to be."""
    titles = [column.title for column in table.columns]
    body = [row_texts(row, table.columns, si) for row in table.rows]
    sums = [row_texts(row, table.columns, si) for row in table.totals]
    widths = [max(map(len, cells)) for cells in zip(titles, *body, *sums, strict=True)]

    def line(cells: list[str]) -> str:
        return "  ".join(map(aligned, cells, table.columns, widths)).rstrip()

    rule = "  ".join("-" * width for width in widths)
    lines = [table.title, table.conventions, ""]
    if any(titles):
        lines += [line(titles), rule]
    lines += map(line, body)
    if sums:
        lines += [rule, *map(line, sums)]
    lines += fact_lines(table, si)
    lines += ["", *(f"note: {note}" for note in table.notes)] if table.notes else []
    return "\n".join(lines) + "\n"


def fact_lines(table: Table, si: bool, space: int = sys.maxsize) -> list[str]:
    """The facts below a table, aligned; remarks are broken where a line would be longer than `space`."""
    if not table.facts:
        return []
    values = [cell_text(fact.value, fact.kind, si) for fact in table.facts]
    label, width = max(len(fact.label) for fact in table.facts), max(map(len, values))
    lines = [""]
    for fact, value in zip(table.facts, values, strict=True):
        start = f"{fact.label:<{label}}  {value:>{width}}  "
        room = max(20, space - len(start))
        remarks = [fact.remark] if len(fact.remark) <= room else textwrap.wrap(fact.remark, room)
        lines += [(start + remarks[0]).rstrip(), *(" " * len(start) + remark for remark in remarks[1:])]
    return lines
