"""Table → a terminal, by rich: as wide as the terminal allows, the most dispensable columns left out first."""

import io
import textwrap
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from archcalc.render.cells import ASCII, is_number, row_texts
from archcalc.render.plain import fact_lines
from archcalc.views.table import Column, Row, Table

# Only attributes and one colour that is legible on light and dark grounds; nothing is told by colour alone.
_STYLES = {"layer": "", "scope": "bold", "total": "bold"}
_HEADER = "bold cyan"
_GAP = 2
_LEAST = 16


def render(table: Table, stream: TextIO, si: bool = False, ascii_only: bool = False) -> None:
    """Print a table to a terminal."""
    console = Console(file=_Ascii(stream) if ascii_only else stream, highlight=False)  # type: ignore[arg-type]
    widths = _widths(table, si)
    kept, left_out = _fitting(table.columns, widths, console.width)
    grid = RichTable(
        box=box.SIMPLE_HEAD,
        show_header=any(table.columns[i].title for i in kept),
        header_style=_HEADER,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),  # and one blank that the box puts between columns
        show_edge=False,
    )
    for i in kept:
        column = table.columns[i]
        right = is_number(column)
        grid.add_column(
            column.title,
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=not _may_break(column),
            min_width=None if _may_break(column) else widths[i],
        )
    for row in table.rows:
        grid.add_row(*_texts(row, table, kept, si), style=_STYLES[row.style])
    if table.totals:
        grid.add_section()
    for row in table.totals:
        grid.add_row(*_texts(row, table, kept, si), style=_STYLES[row.style])
    console.print(Text(table.title, "bold"))
    console.print(Text(table.conventions, "dim"))
    console.print()
    console.print(grid)
    for line in fact_lines(table, si, console.width):
        console.print(Text(line))
    notes = list(table.notes)
    if left_out:
        titles = ", ".join(dict.fromkeys(column.title for column in left_out))
        choose = " (choose with --columns)" if table.columns[0].kind == "name" else ""
        notes.append(f"left out for want of width: {titles}{choose}")
    if notes:
        console.print()
    bullet = "* " if ascii_only else "• "
    for note in notes:
        for line in textwrap.wrap(note, console.width, initial_indent=bullet, subsequent_indent="  "):
            console.print(Text(line, "dim"))


class _Ascii(io.TextIOBase):
    """A stream that writes ASCII signs for those beyond it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text.translate(ASCII))

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _texts(row: Row, table: Table, kept: list[int], si: bool) -> list[Text]:
    texts = row_texts(row, table.columns, si)
    cells = [Text(texts[i]) for i in kept]
    for cell, i in zip(cells, kept, strict=True):
        # The operator behind a layer's name steps back; so does a zero.
        if table.columns[i].kind == "name" and row.style == "layer" and " (" in cell.plain:
            cell.stylize("dim", cell.plain.rindex(" ("))
        elif cell.plain in ("0", "0 B", "0.0") and row.style == "layer":
            cell.stylize("dim")
    return cells


def _may_break(column: Column) -> bool:
    """Whether the cells of a column may go on in a second line."""
    return column.kind == "prose"


def _widths(table: Table, si: bool) -> list[int]:
    rows = [row_texts(row, table.columns, si) for row in (*table.rows, *table.totals)]
    return [max([len(column.title), *(len(row[i]) for row in rows)]) for i, column in enumerate(table.columns)]


def _fitting(columns: tuple[Column, ...], widths: list[int], space: int) -> tuple[list[int], list[Column]]:
    """The columns that fit side by side, and those that had to go: the highest rank first, among equals the last.

    Prose takes as little as `_LEAST`: it can be broken.
    """
    least = [min(width, _LEAST) if _may_break(column) else width for column, width in zip(columns, widths, strict=True)]
    kept = list(range(len(columns)))
    while sum(least[i] + _GAP for i in kept) - _GAP > space:
        dispensable = [i for i in kept if columns[i].rank]
        if not dispensable:
            break
        kept.remove(max(dispensable, key=lambda i: (columns[i].rank, i)))
    return kept, [column for i, column in enumerate(columns) if i not in kept]
