"""Results written to files: whole or not at all, where and as the user wants them."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import reading
from .running import environment, run, start, succeed


@pytest.mark.parametrize("place", ["missing/out.csv", "", "folder"])
def test_an_output_that_cannot_be(place: str, tmp_path: Path) -> None:
    """Exit 2, the place is named, nothing is written anywhere."""
    (tmp_path / "folder").mkdir()
    path = str(tmp_path / place)
    result = run("summary", "lenet5", "-o", path)
    assert (result.code, result.out) == (2, "")
    assert path in result.err
    assert [*tmp_path.rglob("*")] == [tmp_path / "folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_place(tmp_path: Path) -> None:
    """Likewise."""
    tmp_path.chmod(0o500)
    result = run("summary", "lenet5", "-o", str(tmp_path / "out.csv"))
    assert (result.code, result.out) == (2, "")
    assert [*tmp_path.iterdir()] == []


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """A file with something in it, which has to be there behind the test, alone."""
    path = tmp_path / "out.csv"
    path.write_text("old")
    yield path
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(("error", "code"), [(OSError(28, "no space"), 2), (KeyboardInterrupt(), 130)])
def test_a_failed_rename_leaves_the_old_file(
    error: BaseException, code: int, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no file aside, whatever stopped it."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("os.replace", fail)
    monkeypatch.setattr("os.rename", fail)
    assert run("summary", "lenet5", "-o", str(old)).code == code


def test_a_failed_write_leaves_the_old_file(old: Path) -> None:
    """A disk that fills up half-way: here a limit on the size of files."""
    # Bytecode would be cut off as well, and every later process would stumble over it.
    limit = (
        "import resource, sys; sys.dont_write_bytecode = True; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    )
    code = f"{limit}; from archcalc.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "summary", "lenet5", "-o", str(old)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(old) in done.stderr


def test_a_failed_analysis_leaves_the_old_file(old: Path) -> None:
    """The text is there before the file is touched."""
    assert run("summary", "alexnet", "--columns", "nope", "-o", str(old)).code == 2


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it points at is written, there or not yet there."""
    (tmp_path / "folder").mkdir()
    for target in ("folder/old.csv", "folder/new.csv"):
        link = tmp_path / f"link-{Path(target).name}"
        link.symlink_to(target)
    (tmp_path / "folder" / "old.csv").write_text("old")
    for name in ("old.csv", "new.csv"):
        assert succeed("params", "lenet5", "-o", str(tmp_path / f"link-{name}")) == ""
        assert (tmp_path / f"link-{name}").is_symlink()
        assert (tmp_path / "folder" / name).read_text() == succeed("params", "lenet5", "--format", "csv")
    assert len([*tmp_path.rglob("*")]) == 5


def test_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    """A file that was private stays so; a new one gets what the umask allows."""
    private, new = tmp_path / "private.csv", tmp_path / "new.csv"
    private.touch()
    private.chmod(0o600)
    before = os.umask(0o027)
    try:
        for path in (private, new):
            succeed("params", "lenet5", "-o", str(path))
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (private, new)] == [0o600, 0o640]


def test_devices_are_written_as_they_are() -> None:
    """There is nothing to rename in /dev."""
    result = start("params", "lenet5", "-o", "/dev/stdout")
    assert (result.returncode, result.stderr) == (0, "")
    assert "61,706" in result.stdout
    assert run("params", "lenet5", "-o", os.devnull) == (0, "", "")


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("md", "markdown"),
        ("tex", "latex"),
        ("html", "html"),
        ("htm", "html"),
        ("csv", "csv"),
        ("JSON", "json"),
        ("txt", "plain"),
        ("", "plain"),
    ],
)
def test_the_ending_tells_the_format(ending: str, kind: str, tmp_path: Path) -> None:
    """Unless one is asked for."""
    path = tmp_path / f"out.{ending}"
    for command in ("summary", "explain", "memory"):
        assert succeed(command, "lenet5", "-o", str(path)) == ""
        assert path.read_text() == succeed(command, "lenet5", "--format", kind)
    succeed("summary", "lenet5", "--format", "csv", "-o", str(path))
    assert len(reading.csv_rows(path.read_text())) == 13
