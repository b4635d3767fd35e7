"""Rows of a sweep → bytes of a file, chunk by chunk: CSV, JSON lines, and Arrow on its way to Parquet."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct

from archcalc.errors import Problem, UsageError
from archcalc.extras import need
from archcalc.space.operations import Array
from archcalc.space.rows import Rows
from archcalc.space.sweep import Sweep, is_whole, numbers_of

Kind = Literal["int", "float", "text"]
Format = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")
_WHAT = "Parquet"


class Encoding(Struct, frozen=True):
    """A format for the columns of a sweep.

    What it writes can be cut after each chunk; `finish` makes of the pieces, whose ends are given, what users want.
    """

    format: Format
    kinds: dict[str, Kind]

    def prepare(self) -> None:
        """Fail now, and not in an hour, if a package is missing. Raises UsageError."""
        if self.format == "parquet":
            _pyarrow("pyarrow.parquet")

    def head(self) -> bytes:
        """What stands before the first chunk."""
        return _csv([list(self.kinds)]) if self.format == "csv" else b""

    def chunk(self, rows: Rows) -> bytes:
        if self.format == "csv":
            return b"".join(map(_csv, rows.lines()))
        if self.format == "jsonl":
            keys = list(rows.columns)
            parts = ([dict(zip(keys, row, strict=True)) for row in lines] for lines in rows.lines())
            return b"".join(map(msgspec.json.Encoder().encode_lines, parts))
        return self._arrow(rows)

    def finish(self, pieces: str, ends: Sequence[int], path: str) -> None:
        """Put the finished file in the place of `path`, from the file that holds the chunks. It is gone then."""
        if self.format != "parquet":
            os.replace(pieces, path)
            return
        aside = f"{pieces}.parquet"
        try:
            self._parquet(pieces, ends, aside)
            os.replace(aside, path)
        except BaseException:
            if os.path.exists(aside):
                os.unlink(aside)
            raise
        os.unlink(pieces)

    def _schema(self) -> Any:
        arrow = _pyarrow("pyarrow")
        types = {"int": arrow.int64(), "float": arrow.float64(), "text": arrow.string()}
        return arrow.schema([(key, types[kind]) for key, kind in self.kinds.items()])

    def _arrow(self, rows: Rows) -> bytes:
        arrow, schema = _pyarrow("pyarrow"), self._schema()
        columns = []
        for field, (key, column) in zip(schema, rows.columns.items(), strict=True):
            try:
                values = column.tolist() if column.dtype == object else column
                columns.append(arrow.array(values, field.type))
            except OverflowError:
                message = f"{key} goes beyond 64 bits, and Parquet has no such numbers"
                raise UsageError(Problem(message, None, "CSV and JSON lines write them exactly")) from None
        out = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(out, schema) as writer:
            writer.write_batch(arrow.record_batch(columns, schema=schema))
        found: bytes = out.getvalue().to_pybytes()
        return found

    def _parquet(self, pieces: str, ends: Sequence[int], path: str) -> None:
        arrow, parquet = _pyarrow("pyarrow"), _pyarrow("pyarrow.parquet")
        with open(pieces, "rb") as file, parquet.ParquetWriter(path, self._schema()) as writer:
            start = 0
            for end in ends:
                file.seek(start)
                with arrow.ipc.open_stream(arrow.py_buffer(file.read(end - start))) as reader:
                    writer.write_table(reader.read_all())
                start = end


def _pyarrow(module: str) -> Any:
    return need(module, "pyarrow", "parquet", _WHAT)


def _csv(lines: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue().encode()


def packed(rows: Rows) -> bytes:
    """Rows on their way into a later choice, in one line."""
    columns = {key: column.tolist() for key, column in rows.columns.items()}
    return msgspec.json.encode([rows.numbers.tolist(), columns]) + b"\n"


def unpacked(line: bytes, kinds: Mapping[str, Kind]) -> Rows:
    """What `packed` wrote."""
    numbers, columns = msgspec.json.decode(line)
    return Rows(np.array(numbers, np.int64), {key: _column(columns[key], kind) for key, kind in kinds.items()})


def _column(values: list[Any], kind: Kind) -> Array:
    if kind == "float":
        return np.array(values, np.float64)
    if kind == "int" and all(value is not None and -(2**63) <= value < 2**63 for value in values):
        return np.array(values, np.int64)
    found = np.empty(len(values), object)
    found[:] = values
    return found


def kinds_of(sweep: Sweep) -> dict[str, Kind]:
    """What the columns of a sweep hold."""
    numbers = numbers_of(sweep)
    targets = dict(zip(sweep.names, sweep.question.targets, strict=True))
    return {
        key: "text" if key not in numbers else "int" if key not in targets or is_whole(targets[key]) else "float"
        for key in sweep.columns
    }
