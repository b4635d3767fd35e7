"""Table → a terminal: as wide as it allows, the most dispensable columns left out first.

Lines whose cells stand on one line are laid out here, since rich takes as long for a row as everything else together;
where prose has to be broken to fit, rich does it.
"""

import os
import shutil
import textwrap
from collections.abc import Iterable
from typing import TextIO

from archcalc.render.cells import ASCII, aligned, is_number, row_texts
from archcalc.render.plain import fact_lines
from archcalc.views.table import Column, Row, Table

_GAP = 2
_LEAST = 16
Part = tuple[str, str]
"""A piece of a line and its style."""


class Pen:
    """Writes styled lines. Only attributes and one colour that is legible on light and dark grounds; nothing is told by
    colour alone. `NO_COLOR` takes the colour away, a dumb terminal the attributes too.
    """

    def __init__(self, stream: TextIO, ascii_only: bool) -> None:
        self._stream = stream
        self._ascii = ascii_only
        header = "1" if os.environ.get("NO_COLOR") else "1;36"
        plain = os.environ.get("TERM") == "dumb"
        self._codes = {} if plain else {"bold": "1", "dim": "2", "header": header}

    def line(self, *parts: Part) -> None:
        styled = (f"\x1b[{self._codes[style]}m{text}\x1b[0m" if style in self._codes else text for text, style in parts)
        text = "".join(styled)
        self._stream.write((text.translate(ASCII) if self._ascii else text) + "\n")


def render(table: Table, stream: TextIO, si: bool = False, ascii_only: bool = False) -> None:
    """Print a table to a terminal."""
    space = shutil.get_terminal_size().columns
    pen = Pen(stream, ascii_only)
    texts = [row_texts(row, table.columns, si) for row in (*table.rows, *table.totals)]
    titles = [column.title for column in table.columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *texts, strict=True)]
    kept, left_out = _fitting(table.columns, widths, space)
    pen.line((table.title, "bold"))
    for line in textwrap.wrap(table.conventions, max(space, 10), break_long_words=False, break_on_hyphens=False):
        pen.line((line, "dim"))
    pen.line()
    if sum(widths[i] + _GAP for i in kept) - _GAP <= space:
        _lay_out(table, texts, pen, kept, widths)
    else:
        _break(table, texts, pen, kept, widths, space)
    for line in fact_lines(table, si, space):
        pen.line((line, ""))
    notes = list(table.notes)
    if any(column.title for column in left_out):
        missing = ", ".join(dict.fromkeys(column.title for column in left_out if column.title))
        choose = " (choose with --columns)" if table.columns[0].kind == "name" else ""
        notes.append(f"left out for want of width: {missing}{choose}")
    if notes:
        pen.line()
    for note in notes:
        for line in textwrap.wrap(note, max(space, 10), initial_indent="• ", subsequent_indent="  "):
            pen.line((line, "dim"))


def _lay_out(table: Table, texts: list[list[str]], pen: Pen, kept: list[int], widths: list[int]) -> None:
    """The grid line by line: every cell fits into its column."""
    columns = table.columns
    if any(columns[i].title for i in kept):
        titles = [aligned(columns[i].title, columns[i], widths[i]) for i in kept]
        pen.line(((" " * _GAP).join(titles).rstrip(), "header"))
    rule = "─" * (sum(widths[i] + _GAP for i in kept) - _GAP)
    pen.line((rule, ""))
    for number, (row, cells) in enumerate(zip((*table.rows, *table.totals), texts, strict=True)):
        if number == len(table.rows):
            pen.line((rule, "dim"))
        _row(row, cells, columns, pen, kept, widths)


def _row(row: Row, texts: list[str], columns: tuple[Column, ...], pen: Pen, kept: list[int], widths: list[int]) -> None:
    cells = [aligned(texts[i], columns[i], widths[i]) for i in kept]
    if row.style != "layer":
        pen.line(((" " * _GAP).join(cells).rstrip(), "bold"))
        return
    parts: list[Part] = []
    for i, cell in zip(kept, cells, strict=True):
        # The operator behind a layer's name steps back; so does a zero.
        dim = _stepping_back(texts[i], columns[i])
        parts += [(cell[:dim], ""), (cell[dim:], "dim")] if dim >= 0 else [(cell, "")]
        parts.append((" " * _GAP, ""))
    pen.line(*_merged(parts[:-1]))


def _stepping_back(text: str, column: Column) -> int:
    """From which character on a cell steps back; −1 for one that does not."""
    if column.kind == "name":
        return text.rindex(" (") if " (" in text else -1
    return 0 if is_number(column) and text in ("0", "0 B", "0.0") else -1


def _merged(parts: Iterable[Part]) -> list[Part]:
    """The parts with neighbours of one style made one: fewer escapes, less to send."""
    merged: list[Part] = []
    for text, style in parts:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        elif text:
            merged.append((text, style))
    return merged


def _break(table: Table, texts: list[list[str]], pen: Pen, kept: list[int], widths: list[int], space: int) -> None:
    """The grid by rich, prose broken so that the rest fits."""
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    grid = RichTable(
        box=box.SIMPLE_HEAD,
        show_header=any(table.columns[i].title for i in kept),
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),  # and one blank that the box puts between columns
        show_edge=False,
    )
    for i in kept:
        column = table.columns[i]
        free = _may_break(column)
        grid.add_column(
            column.title,
            justify="right" if is_number(column) else "left",
            overflow="fold",
            no_wrap=not free,
            min_width=None if free else widths[i],
        )
    for cells in texts:
        grid.add_row(*(cells[i] for i in kept))
    text = io.StringIO()
    Console(file=text, width=space, highlight=False, markup=False, no_color=True).print(grid)
    head, *body = text.getvalue().rstrip("\n").split("\n")
    pen.line((head.rstrip(), "header" if any(table.columns[i].title for i in kept) else ""))
    for line in body:
        pen.line((line.rstrip(), ""))


def _may_break(column: Column) -> bool:
    """Whether the cells of a column may go on in a second line."""
    return column.kind == "prose"


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
