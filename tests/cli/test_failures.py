"""What happens when something is wrong: exit codes, and what is said on which stream."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import archcalc.cli.options

from .running import environment, run, spec, start

NET = spec("conv: {name: c, out_channels: 4, kernel_size: 3}", "relu")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sumary", "alexnet"], ["sumary", "'summary'"]),
        (["frobnicate"], ["frobnicate", "archcalc --help"]),
        (["summary", "alexnt"], ["alexnt", "'alexnet'"]),
        (["summary", "./nosuch.yaml"], ["nosuch.yaml"]),
        (["explain", "alexnet", "conv9"], ["conv9", "'conv"]),
        (["summary", "alexnet", "--columns", "paramz"], ["paramz", "'params'"]),
        (["summary", "alexnet", "--sort", "mac"], ["'mac'", "'macs'"]),
        (["summary", "alexnet", "--format", "jsn"], ["jsn", "json"]),
        (["summary", "alexnet", "--dtype", "float31"], ["float31", "float32"]),
        (["summary", "alexnet", "--model", "peek"], ["peek", "peak"]),
        (["summary", "alexnet", "--colums", "params"], ["--colums", "--columns"]),
        (["summary", "alexnet", "--batch", "0"], ["--batch"]),
        (["summary", "alexnet", "--depth", "0"], ["--depth"]),
        (["summary", "alexnet", "--top", "x"], ["--top"]),
        (["summary", "alexnet", "--input", "3x0x3"], ["3x0x3", "3x224x224"]),
        (["summary", "alexnet", "--input", "3x5x5"], ["conv1", "11"]),
        (["summary", "alexnet", "--set", "conv1"], ["conv1"]),
        (["summary", "alexnet", "--set", "clases=3"], ["clases", "vars.clases"]),
        (["summary", "alexnet", "--set", "vars.clases=3"], ["clases", "'classes'"]),
        (["summary", "alexnet", "--set", "conv1.strid=3"], ["strid", "'stride'"]),
        (["summary", "alexnet", "--set", "conv9.stride=3"], ["conv9", "'conv"]),
        (["summary", "alexnet", "--set", "conv1.stride=fast"], ["stride", "fast"]),
        (["summary", "alexnet", "--set", "conv1.stride=[1"], ["--set conv1.stride"]),
        (["check", "alexnet", "--fail-on", "parms > 5"], ["parms", "'params'"]),
        (["check", "alexnet", "--fail-on", "params > 5q"], ["'q'", "KiB"]),
        (["check", "alexnet", "--fail-on", "params"], ["params < 5M"]),
        (["check"], ["--budgets FILE"]),
        (["summary"], ["NET"]),
        (["summary", ""], ["''"]),
        (["completion", "tcsh"], ["tcsh", "bash"]),
        ([], ["Usage", "summary"]),
    ],
    ids=" ".join,
)
def test_bad_usage(arguments: list[str], words: list[str]) -> None:
    """Exit 2, nothing on stdout; what is wrong and what would be right on stderr."""
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert [word for word in words if word not in result.err] == []
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "text",
    [
        *("", "\0", "archcalc: 1", "[1, 2]", "a: [", "archcalc: 1\nlayers: []\ninput: [1]\n", "\ufeff", "- - -"),
        *map(spec, ("conv", "konv", "conv: {out_channels: x, kernel_size: 3}", "add: []", "{}", "relu: [")),
    ],
    ids=repr,
)
def test_no_text_is_a_bug(text: str) -> None:
    """Whatever stands in a spec: exit 2 and a message, never a traceback and never 'this is a bug'."""
    result = run("summary", "-", stdin=text)
    assert (result.code, result.out) == (2, ""), result
    assert result.err


def test_more_problems_than_anyone_reads_are_counted() -> None:
    """50 are told, the others are a number."""
    result = run("check", "-", stdin=spec(*["konv"] * 60))
    assert result.code == 2
    assert len(re.findall(r"^<stdin>:\d+:\d+:", result.err, re.MULTILINE)) == 50
    assert re.search(r"\b10 more", result.err.splitlines()[-1])
    assert "more" not in run("check", "-", stdin=spec(*["konv"] * 50)).err.splitlines()[-1]


@pytest.mark.parametrize(
    "command",
    [
        "summary densenet121 --no-fold",
        "summary densenet121 --format json",
        "explain densenet121",
        "list",
        "list --names",
        "schema",
        "check lenet5",
        "--help",
        "summary --help",
        "completion bash",
    ],
)
def test_a_reader_that_has_had_enough(command: str) -> None:
    """`archcalc … | head` ends quietly and well, wherever the pipe is closed."""
    read, write = os.pipe()
    os.close(read)
    result = start(*command.split(" "), stdout=write)
    os.close(write)
    assert (result.returncode, result.stderr) == (0, "")


def shell(line: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """A line of bash behind `python -m archcalc`."""
    command = ["/bin/bash", "-c", f"{sys.executable} -m archcalc {line}"]
    return subprocess.run(command, input=given, capture_output=True, text=True, env=environment(), check=False)


def test_head_gets_its_line() -> None:
    """The same through a shell, which closes the pipe in the middle of a long output."""
    done = shell("summary densenet121 --format json | head -1; echo ${PIPESTATUS[*]}")
    assert (done.stdout, done.stderr) == ("{\n0 0\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    "command", ["summary vgg16", "explain vgg16", "list --names", "schema", "--help", "check vgg16"]
)
def test_a_full_disk_is_said(command: str) -> None:
    """Exit 2 with a message, no traceback, nothing ignored."""
    with open("/dev/full", "w") as full:
        result = start(*command.split(" "), stdout=full)
    assert result.returncode == 2
    assert re.fullmatch(r"archcalc: .*No space left on device\n", result.stderr)


@pytest.mark.parametrize("stream", ["0<&-", "1>&-", "2>&-"])
def test_closed_streams_are_no_bug(stream: str) -> None:
    """Not for reading nor for writing: a message, as far as there is where to put it."""
    done = shell(f"summary - {stream}", NET)
    assert done.returncode in ((2,) if stream == "0<&-" else (0, 2)), done
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr


def raising(error: BaseException) -> Callable[..., object]:
    def load(*_: object, **__: object) -> object:
        raise error

    return load


def test_a_bug_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 70; what happened and the wish to hear of it; the traceback only for who asks for it."""
    monkeypatch.delenv("ARCHCALC_DEBUG", raising=False)
    monkeypatch.setattr(archcalc.cli.options, "load", raising(ZeroDivisionError("three blind mice")))
    result = run("summary", "lenet5")
    assert (result.code, result.out) == (70, "")
    assert result.err.count("three blind mice") == 1
    assert "report" in result.err
    assert "Traceback" not in result.err
    monkeypatch.setenv("ARCHCALC_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("summary", "lenet5")


def test_an_interrupt_in_the_middle(tmp_path: Path) -> None:
    """Ctrl-C while a spec is read: exit 130 and no traceback."""
    fifo = tmp_path / "slow.yaml"
    os.mkfifo(fifo)
    # Whoever runs the tests in the background has Ctrl-C ignored, which children inherit.
    code = "import signal as s; s.signal(s.SIGINT, s.default_int_handler); from archcalc.__main__ import main; main()"
    command = [sys.executable, "-c", code, "summary", str(fifo)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    with child, open(fifo, "w"):  # opens when the other side does: the child is reading
        # A signal that comes between two calls of the system is only noticed behind the second: press again.
        while child.poll() is None:
            child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.5)
        out, err = child.communicate()
    assert (child.returncode, out, err.strip()) == (130, "", "")
