"""A file that is written in chunks and survives whatever ends the process: what is done is done, and done once.

Beside FILE grow FILE.partial, with the chunks, and FILE.journal, with a line for each chunk that is safely in it: where
it ends, and what is to be said of its variants. A chunk without a whole line does not count, and is cut off when the
work goes on. When all are there, the partial file becomes FILE and the journal goes.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from archcalc.errors import Problem, Source, Span, UsageError, printable
from archcalc.space.report import Tally

Result = TypeVar("Result")


class _Head(Struct, frozen=True):
    archcalc_sweep: int
    sweep: str


class _Line(Struct, frozen=True):
    chunk: int
    end: int
    tally: Tally


class Journal:
    """The chunks of one sweep on their way into one file. `ends` are where they end, `tally` what they hold."""

    def __init__(self, path: str, sweep: str, chunks: int, resume: bool) -> None:
        self.path = path
        self.chunks = chunks
        self.partial = f"{path}.partial"
        self.journal = f"{path}.journal"
        self.tally = Tally()
        self.ends: list[int] = []
        self._sweep = sweep
        if os.path.exists(self.journal):
            if not resume:
                hint = f"--resume goes on with it; remove '{printable(self.journal, 200)}' to begin anew"
                raise UsageError(Problem(f"'{printable(path, 200)}' is begun and not finished", None, hint))
            self._read()

    def _read(self) -> None:
        """Take over what a journal says is done. Raises UsageError where it is of another sweep, or says too much."""
        with open(self.journal, "rb") as file:
            lines = file.read().split(b"\n")[:-1]  # a line without its end was never written
        try:
            head = msgspec.json.decode(lines[0], type=_Head) if lines else None
            done = [msgspec.json.decode(line, type=_Line) for line in lines[1:]]
        except msgspec.DecodeError:
            raise UsageError(Problem(f"'{printable(self.journal, 200)}' is not a journal of a sweep")) from None
        if head is None:
            return
        if head.sweep != self._sweep:
            message = f"'{printable(self.journal, 200)}' is of another sweep"
            raise UsageError(Problem(message, None, "remove it, or write to another file"))
        if len(done) == self.chunks and os.path.exists(self.path) and not os.path.exists(self.partial):
            os.unlink(self.journal)  # all was done but this
            return
        size = os.path.getsize(self.partial) if os.path.exists(self.partial) else 0
        if [line.chunk for line in done] != list(range(len(done))) or (done and size < done[-1].end):
            message = f"'{printable(self.partial, 200)}' has less than its journal says"
            raise UsageError(Problem(message, None, "remove both to begin anew"))
        for line in done:
            self.ends.append(line.end)
            self.tally = self.tally.with_other(line.tally)

    def write(
        self, head: bytes, chunks: Iterator[tuple[bytes, Tally]], finish: Callable[[str, list[int]], None]
    ) -> None:
        """Write what is not there yet, each chunk safely before the next is asked for, and finish the file.

        Raises UsageError where it cannot be written; what is done until then is kept for `--resume`.
        """
        with self._said(), open(self.partial, "r+b" if self.ends else "wb") as file:
            file.truncate(self.ends[-1] if self.ends else 0)
            file.seek(0, os.SEEK_END)
            with open(self.journal, "ab" if self.ends else "wb") as journal:
                if not self.ends:
                    file.write(head)
                    _append(journal, _Head(1, self._sweep))
                self._cut_torn_line(journal)
                for blob, tally in chunks:
                    file.write(blob)
                    _flush(file)
                    self.ends.append(file.tell())
                    self.tally = self.tally.with_other(tally)
                    _append(journal, _Line(len(self.ends) - 1, self.ends[-1], tally))
        with self._said():
            finish(self.partial, self.ends)
            os.unlink(self.journal)

    def _cut_torn_line(self, journal: Any) -> None:
        with open(self.journal, "rb") as file:
            text = file.read()
        journal.truncate(text.rfind(b"\n") + 1)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = error.strerror or str(error)
            hint = "--resume goes on from where it is" if self.ends else ""
            raise UsageError(
                Problem(f"'{printable(self.path, 200)}' cannot be written: {reason}", None, hint)
            ) from None


def _append(file: Any, line: Struct) -> None:
    file.write(msgspec.json.encode(line) + b"\n")
    _flush(file)


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def fingerprint(*parts: Any) -> str:
    """Equal for sweeps that give the same rows in the same chunks, whatever their files are called."""
    return hashlib.sha256(msgspec.json.encode([_essence(part) for part in parts])).hexdigest()


def _essence(value: Any) -> Any:
    """A value without the places where it stands."""
    if isinstance(value, (Span, Source)):
        return None
    if isinstance(value, Struct):
        fields = [_essence(getattr(value, name)) for name in value.__struct_fields__]
        return [type(value).__name__, *fields]
    if isinstance(value, dict):
        return [[str(key), _essence(inner)] for key, inner in value.items()]
    if isinstance(value, (list, tuple)):
        return [_essence(inner) for inner in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
