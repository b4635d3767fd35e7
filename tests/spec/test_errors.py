"""Broken specs: each says in comments what has to be said of it, and where.

The files lie in `tests/errors`. A comment

    - conv: {kernal_size: 3} # error @kernal_size: conv has no argument 'kernal_size'; hint: did you mean 'kernel_size'?

expects a problem on this line that marks the text behind `@`, with this message and this hint. Details follow the hint,
each behind `; detail: `. Several problems of one line have their comments one after another, in the order of their
columns. A comment without `@` expects a problem without a place. `FILE` and `FOLDER` stand for the path of the file and
its folder. Exactly the expected problems must come, in the order of the text.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from archcalc.errors import ArchcalcError, Problem, UsageError
from archcalc.network import load

from .helpers import bounded, marked, spec

FOLDER = Path(__file__).parents[1] / "errors"
FILES = sorted(FOLDER.glob("*.yaml"))
COMMENT = re.compile(r"# error(?: @(?P<word>.+?))?: (?P<said>.*?)\s*(?=# error|$)")


class Expected(NamedTuple):
    """A problem as its comment has it, or as it came."""

    line: int
    word: str
    message: str
    hint: str
    details: tuple[str, ...]


def expected(path: Path) -> list[Expected]:
    """What the comments of a file expect."""
    found = []
    for number, line in enumerate(path.read_text().split("\n"), start=1):
        for comment in COMMENT.finditer(line):
            words = comment["said"].replace("FILE", str(path)).replace("FOLDER", str(path.parent))
            words, *details = words.split("; detail: ")
            message, _, hint = words.partition("; hint: ")
            place = number if comment["word"] else 0
            found.append(Expected(place, comment["word"] or "", message, hint, tuple(details)))
    return found


def as_expected(problem: Problem) -> Expected:
    line = problem.span.line if problem.span else 0
    return Expected(line, marked(problem), problem.message, problem.hint, problem.details)


def check_shown(problem: Problem) -> None:
    """A problem as users see it: place and message, the line it stands in, and carets under the words."""
    first, *rest = str(problem).split("\n")
    span = problem.span
    if span is None:
        assert first == "; ".join(filter(None, (problem.message, problem.hint)))
        return
    assert first == f"{span.place}: {problem.message}"
    shown, carets = rest[0], rest[1].removesuffix(problem.hint)
    under = shown[carets.index("^") : carets.rindex("^") + 1]
    assert marked(problem).replace("\t", " ").startswith(under)
    line = span.source.text.split("\n")[span.line - 1]
    assert span.column <= (line + "# error").index("# error")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_broken_specs(path: Path) -> None:
    """Every mistake is said once, at its place, in the words that the file expects; nothing else is said."""
    with bounded(), pytest.raises(ArchcalcError) as caught:
        load(str(path))
    problems = caught.value.problems
    assert [as_expected(problem) for problem in problems] == expected(path)
    for problem in problems:
        check_shown(problem)


CONTENTS = {
    "empty": b"",
    "blank": b"\n  \n\n",
    "byte order mark": b"\xef\xbb\xbf",
    "binary": bytes(range(256)) * 64,
    "NUL": b"archcalc: 1\0",
    "not UTF-8": "name: größe".encode("latin-1"),
    "UTF-16": "archcalc: 1".encode("utf-16"),
    "half a character": b"name: \xc3",
    "escape codes": b"archcalc: 1 # \x1b[31m\n",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    "50 MB": b"- relu\n" * (50_000_000 // 7),
    "16 MB of one word": b"x" * 16_000_000,
    "16 MB of one line": b"archcalc: 1\nlayers: [" + b"," * 16_000_000,
    "brackets": b"[" * 1_000_000,
    "braces": b"{" * 1_000_000,
    "dashes": b"- " * 1_000_000,
    "keys": b"? " * 1_000_000,
    "quotes": b'"' * 1_000_000,
    "anchors": b"&a " * 1_000_000,
}


@pytest.mark.parametrize("name", CONTENTS)
def test_files_that_are_no_spec(name: str, tmp_path: Path) -> None:
    """Whatever a file holds: an error of ours that names the file, prints safely, and comes soon."""
    path = tmp_path / "junk.yaml"
    path.write_bytes(CONTENTS[name])
    with bounded(), pytest.raises(ArchcalcError) as caught:
        load(str(path))
    text = str(caught.value)
    assert str(path) in text
    assert text.replace("\n", "").isprintable()
    assert len(text) < 100_000


def test_places_that_are_no_file(tmp_path: Path) -> None:
    """A directory, nothing, no permission, a name that no file can have: said in words, with the nearest name."""
    (tmp_path / "resnet.yaml").write_text(spec("- relu\n"))
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for name, words in {
        "folder.yaml": "is a directory",
        "resnte.yaml": "did you mean 'resnet.yaml'?",
        "nowhere/net.yaml": "there is no file",
        "loop.yaml": "cannot be read",
        "x" * 300 + ".yaml": "cannot be read",
        "a\0b.yaml": "cannot be read",
    }.items():
        with pytest.raises(UsageError, match=re.escape(words)) as caught:
            load(str(tmp_path / name))
        assert str(caught.value).isprintable()
    for name in ("", "nothing at all", "vgg16.onnx", "../vgg16", "a\0b", "\udc80"):
        with pytest.raises(UsageError):
            load(name)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such devices")
def test_devices() -> None:
    with pytest.raises(ArchcalcError, match="'/dev/zero' is too large"):
        load("/dev/zero")
    with pytest.raises(ArchcalcError, match="/dev/null is empty"):
        load("/dev/null")
