"""What `archcalc sweep` does once its words are read: kept from the command, which help and completion import."""

import os
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import click
import msgspec
from msgspec import Struct

from archcalc import __version__
from archcalc.cli.options import Output
from archcalc.cli.output import chosen_format, emit
from archcalc.cli.progress import Bar
from archcalc.errors import Problem, UsageError, printable
from archcalc.files import write_whole
from archcalc.space.cluster import chunks_on, client_of
from archcalc.space.encode import FORMATS, Encoding, kinds_of, packed, unpacked
from archcalc.space.engine import Impossible, single
from archcalc.space.journal import Journal, fingerprint
from archcalc.space.quantities import ALIASES
from archcalc.space.report import Tally
from archcalc.space.request import read_request
from archcalc.space.rows import Best, Choice, Front, Rows, joined, objectives_of
from archcalc.space.sweep import CHUNK, Chunk, Sweep, numbers_of, sweep
from archcalc.space.tally import swept, tally_of
from archcalc.views import sweep as views

if TYPE_CHECKING:
    from archcalc.cli.sweep import Wishes

_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_MOST_IN_JSON = 1_000_000


class Work(Struct, frozen=True):
    """A sweep, which of its rows are kept and that in words, and where it is worked out."""

    sweep: Sweep
    choices: tuple[Choice, ...]
    words: str
    dask: str | None

    def chosen(self, rows: Rows) -> Rows:
        for choice in self.choices:
            rows = choice.chosen(rows)
        return rows


def work_of(network: str, wishes: "Wishes", dask: str | None) -> Work:
    """The work that a command line, or a sweep file with it, asks for. Raises ArchcalcError."""
    request = read_request(network)
    changes: dict[str, Any] = {} if request is None else dict(request.set)
    typed: set[str] = set()
    for change in wishes.set:
        target, sign, values = change.partition("=")
        if not sign or not target.strip():
            raise UsageError(Problem(f"--set {printable(change, 60)} changes nothing", None, "such as width=32:256:8"))
        name = target.strip()
        if name in typed:
            raise UsageError(Problem(f"'{printable(name, 60)}' is set twice"))
        changes[name] = values
        typed.add(name)
    said = {} if request is None else dict(request.options)
    said |= {key: value for key, value in msgspec.structs.asdict(wishes).items() if value is not None and key != "set"}
    columns = said.get("columns", ())
    if isinstance(columns, str):
        columns = tuple(filter(None, (key.strip() for key in columns.split(","))))
    found = sweep(
        network if request is None else request.network,
        changes,
        sample=said.get("sample"),
        seed=said.get("seed", 0),
        method=said.get("method", "uniform"),
        columns=columns,
        where=said.get("where", ""),
        model=said.get("model", "peak"),
        training=said.get("mode") == "train",
        chunk=said.get("chunk") or CHUNK,
    )
    return Work(found, *_choices(found, said), dask)


def _choices(sweep: Sweep, said: dict[str, Any]) -> tuple[tuple[Choice, ...], str]:
    """Which rows are kept, in the order of the choices, and that in words."""
    known = numbers_of(sweep)
    choices: list[Choice] = []
    words = []
    if said.get("pareto"):
        choices.append(Front(objectives_of(said["pareto"], known, ALIASES, "--pareto")))
        words.append(f"no other is better in {said['pareto']} together")
    if said.get("sort") or said.get("top"):
        order = objectives_of(said["sort"], known, ALIASES, "--sort") if said.get("sort") else ()
        choices.append(Best(said.get("top") or sys.maxsize, order))
        words += [f"the first {said['top']:,}"] if said.get("top") else []
        words += [f"sorted by {said['sort']}"] if order else []
    return tuple(choices), ", ".join(words)


def sweep_into(work: Work, output: Output, resume: bool) -> bool:
    """Write the rows where and as they are wanted; whether any variant is possible. Raises ArchcalcError."""
    kind = _kind(output)
    if resume and (kind not in FORMATS or output.path is None):
        raise UsageError(Problem("--resume goes on with a file", None, "-o FILE.csv, FILE.jsonl or FILE.parquet"))
    with Bar(work.sweep.question.spec.title, work.sweep.count) as bar:
        if kind not in FORMATS:
            most = _most(work, kind)
            rows, tally = _gathered(work, bar, most)
            bar.close()
            shown = swept(work.sweep, rows.taken(slice(0, most)), tally, work.words)
            if tally.impossible < tally.variants:
                emit(views.table(shown), output, lambda: views.document(shown))
        else:
            tally = _streamed(work, output, Encoding(kind, kinds_of(work.sweep)), resume, bar)
            bar.close()
            for note in views.reason_notes(tally):
                click.echo(f"note: {printable(note)}", err=True)
    if tally.impossible < tally.variants:
        return True
    first = single(work.sweep.question, work.sweep.points(0).one())
    click.echo(f"none of {tally.variants:,} variants is possible; the first of them:", err=True)
    if isinstance(first, Impossible):
        from archcalc.cli.main import report

        report(UsageError(first.problems))
    return False


def _kind(output: Output) -> Any:
    """The format: what is asked for, or what the ending of the file says."""
    ending = os.path.splitext(output.path or "")[1].lower()
    if output.format is None and ending in _ENDINGS:
        return _ENDINGS[ending]
    return output.format if output.format in FORMATS else chosen_format(output)


def _most(work: Work, kind: str) -> int:
    """How many rows are gathered for a table, or for a document."""
    return _MOST_IN_JSON if kind == "json" else sys.maxsize if work.choices else views.MOST_SHOWN


def _chunks(work: Work, bar: Bar, first: int = 0) -> Iterator[Chunk]:
    """The chunks from number `first` on, worked out here or on a cluster."""
    count = len(work.sweep.chunks)
    if work.dask is None:
        for number in range(first, count):
            yield work.sweep.chunk(number, lambda share, number=number: bar((number + share) / count))  # type: ignore[misc]
        return
    with client_of(work.dask) as client:
        for chunk in chunks_on(client, work.sweep, range(first, count)):
            yield chunk
            bar((chunk.number + 1) / count)


def _gathered(work: Work, bar: Bar, most: int) -> tuple[Rows, Tally]:
    """All rows that are kept, or the first of them where there are more than can be shown."""
    kept: Rows | None = None
    tally = Tally()
    for chunk in _chunks(work, bar):
        tally = tally.with_other(tally_of(chunk))
        if kept is None or work.choices or len(kept) <= most:
            kept = work.chosen(chunk.rows if kept is None else joined([kept, work.chosen(chunk.rows)]))
        if most == _MOST_IN_JSON and len(kept) > most:
            message = f"a JSON document holds at most {most:,} rows"
            raise UsageError(Problem(message, None, "JSON lines (--format jsonl) hold any number"))
    assert kept is not None  # noqa: S101 - a sweep has a chunk
    return kept, tally


def _streamed(work: Work, output: Output, encoding: Encoding, resume: bool, bar: Bar) -> Tally:
    """Chunk by chunk into a file, or straight to standard output and devices."""
    encoding.prepare()
    path = output.path
    if path is not None and (os.path.isfile(path) or not os.path.exists(path)):
        return _into_file(work, os.path.realpath(path), encoding, resume, bar)
    if encoding.format == "parquet":
        raise UsageError(Problem("Parquet is written into a file", None, "-o FILE.parquet"))
    if path is None:
        return _straight(work, sys.stdout.buffer, encoding, bar)
    found: list[Tally] = []
    write_whole(path, lambda file: found.append(_straight(work, file, encoding, bar)))
    return found[0]


def _straight(work: Work, file: IO[bytes], encoding: Encoding, bar: Bar) -> Tally:
    file.write(encoding.head())
    if work.choices:
        rows, tally = _gathered(work, bar, sys.maxsize)
        file.write(encoding.chunk(rows))
    else:
        tally = Tally()
        for chunk in _chunks(work, bar):
            tally = tally.with_other(tally_of(chunk))
            file.write(encoding.chunk(chunk.rows))
            file.flush()
    file.flush()
    return tally


def _into_file(work: Work, path: str, encoding: Encoding, resume: bool, bar: Bar) -> Tally:
    """Into a file that survives interruptions. What choices keep of a chunk waits in it for the final choice."""
    question, found = work.sweep.question, work.sweep
    asked = (
        __version__,
        question,
        found.draw,
        found.condition,
        found.columns,
        found.chunks,
        encoding.format,
        work.choices,
    )
    journal = Journal(path, fingerprint(*asked), len(found.chunks), resume)
    if work.choices:
        pieces = ((packed(work.chosen(c.rows)), tally_of(c)) for c in _chunks(work, bar, len(journal.ends)))
        journal.write(b"", pieces, lambda partial, ends: _choose(work, partial, encoding, path))
    else:
        pieces = ((encoding.chunk(c.rows), tally_of(c)) for c in _chunks(work, bar, len(journal.ends)))
        journal.write(encoding.head(), pieces, lambda partial, ends: encoding.finish(partial, ends, path))
    return journal.tally


def _choose(work: Work, partial: str, encoding: Encoding, path: str) -> None:
    """The final choice among what was kept of each chunk."""
    kept: Rows | None = None
    with open(partial, "rb") as file:
        for line in file:
            rows = unpacked(line, encoding.kinds)
            kept = rows if kept is None else work.chosen(joined([kept, rows]))
    assert kept is not None  # noqa: S101 - a sweep has a chunk
    whole = encoding.head() + encoding.chunk(kept)
    aside = f"{partial}.chosen"
    with open(aside, "wb") as file:
        file.write(whole)
    encoding.finish(aside, [len(whole)], path)
    os.unlink(partial)
