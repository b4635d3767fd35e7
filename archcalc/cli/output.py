"""A table or a document → where the user wants it, in the format the user wants."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from archcalc.cli.options import Output
from archcalc.views.table import Table

_ENDINGS = {".md": "markdown", ".tex": "latex", ".html": "html", ".htm": "html", ".csv": "csv", ".json": "json"}


def chosen_format(output: Output) -> str:
    """The format asked for, else the one of the file's ending, else a table: plain wherever no terminal reads it."""
    if output.format and output.format != "table":
        return output.format
    if output.path is not None:
        ending = os.path.splitext(output.path)[1].lower()
        return "plain" if output.format == "table" else _ENDINGS.get(ending, "plain")
    return "table" if sys.stdout.isatty() else "plain"


def emit(table: Table, output: Output, document: Callable[[], dict[str, Any]]) -> None:
    """Write a result; `document` is what JSON shows of it."""
    emit_all((table,), output, document)


def emit_all(tables: Sequence[Table], output: Output, document: Callable[[], dict[str, Any]]) -> None:
    """Write a result that is told in several tables, one below the other."""
    kind = chosen_format(output)
    if kind == "json":
        from archcalc.render import json

        write(json.render(document()), output)
    elif kind == "table":
        from archcalc.render import terminal

        for number, table in enumerate(tables):
            sys.stdout.write("\n" if number else "")
            terminal.render(table, sys.stdout, output.si, output.ascii or not has_signs())
    else:
        write("\n".join(_text(table, kind, output) for table in tables), output)


def _text(table: Table, kind: str, output: Output) -> str:
    if kind == "csv":
        from archcalc.render import csv

        return csv.render(table)
    if kind == "plain":
        from archcalc.render import plain

        return plain.render(table, output.si)
    from archcalc.render import markup

    return markup.render(table, kind, output.si)  # type: ignore[arg-type]


def write(text: str, output: Output) -> None:
    """Write text to stdout, or to a file: aside first and then renamed, so that it is whole or untouched."""
    signless = output.path is None and not has_signs()
    if output.ascii or signless:
        from archcalc.render.cells import ASCII

        text = text.translate(ASCII)
        text = text.encode("ascii", "backslashreplace").decode() if signless else text
    if output.path is None:
        click.echo(text, nl=False)
        return
    from archcalc.files import write_whole

    write_whole(output.path, lambda file: file.write(text.encode("utf-8")))


def has_signs(signs: str = "×·−…") -> bool:
    """Whether the terminal can show ×, · and −, or others."""
    try:
        signs.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
