"""The command line as tests call it: in this process, in one of its own, or on a terminal."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pexpect

from archcalc.cli.main import run as archcalc

ROOT = Path(__file__).parents[2]


class Result(NamedTuple):
    """What a command gave: its exit code and what it wrote to either stream."""

    code: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    """What a pipe is to Python: UTF-8 text over bytes."""

    def __init__(self, text: str = "") -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined,no-any-return]


def run(*arguments: str, stdin: str = "") -> Result:
    """Run a command in this process as if through pipes; hypothesis may call it as often as it likes."""
    out, err = _Stream(), _Stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), mock.patch("sys.stdin", _Stream(stdin)):
        code = archcalc(arguments)
    return Result(code, out.text(), err.text())


def succeed(*arguments: str, stdin: str = "") -> str:
    """The output of a command that has to succeed and to have nothing to say on stderr."""
    result = run(*arguments, stdin=stdin)
    assert (result.code, result.err) == (0, ""), (arguments, result)
    return result.out


def spec(*layers: str, head: str = "input: [3, 16, 16]") -> str:
    """The text of a spec with these layers, one a line."""
    return "\n".join(("archcalc: 1", "name: tiny", head, "layers:", *(f"  - {layer}" for layer in layers), ""))


def environment(**changes: str) -> dict[str, str]:
    """The environment of a child that finds this checkout, free of what would tell it about our own terminal."""
    words = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "ARCHCALC_DEBUG")
    kept = {key: value for key, value in os.environ.items() if key not in words and not key.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **changes}


def start(*arguments: str, env: Mapping[str, str] | None = None, **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run `python -m archcalc` in a process of its own; without `streams` its output is collected."""
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    given |= {"encoding": "utf-8", "errors": "backslashreplace", "timeout": 60, "check": False}
    command = [sys.executable, "-m", "archcalc", *arguments]
    return subprocess.run(command, env=env or environment(), **given)


_MARK = "\x1e"
# Starting Python takes longer than most commands: many run one after the other on one terminal.
_SEVERAL = f"""
import json, sys
from archcalc.cli.main import run
for command in json.loads(sys.argv[1]):
    code = run(command)
    print("{_MARK}", code)
"""


def run_on_terminal(columns: int, *commands: tuple[str, ...], **changes: str) -> list[Result]:
    """What each command gives on a terminal that is `columns` wide, where both streams are one."""
    child = pexpect.spawn(
        sys.executable,
        ["-c", _SEVERAL, json.dumps(commands)],
        env=environment(**changes),
        dimensions=(50, columns),
        timeout=120,
        maxread=65536,
        encoding="utf-8",
        codec_errors="backslashreplace",
    )
    text = child.read().replace("\r\n", "\n")
    child.close()
    assert child.exitstatus == 0, text
    *outputs, rest = re.split(f"{_MARK} ([0-9]+)\n", text)
    assert rest == ""
    return [Result(int(code), out, "") for out, code in zip(outputs[::2], outputs[1::2], strict=True)]


def on_terminal(columns: int, *commands: str, **changes: str) -> list[str]:
    """What each command, its words parted by blanks, writes to a terminal; each has to succeed."""
    results = run_on_terminal(columns, *(tuple(command.split(" ")) for command in commands), **changes)
    assert [result for result in results if result.code] == []
    return [result.out for result in results]
