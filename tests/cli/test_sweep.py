"""`archcalc sweep`: tables, files that grow in chunks and survive, sweep files, and what is said of bad input."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archcalc

from .running import Result, environment, run, start, succeed

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow reads and writes Parquet")

WIDTHS = ("sweep", "resnet50", "--set", "width_per_group=32:64:8", "--set", "input=64,96,128")
COLUMNS = ("--columns", "params,macs,peak,rf,output")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, by the reader of its kind."""
    text = path.read_text() if path.suffix != ".parquet" else ""
    if path.suffix == ".csv":
        return [
            {key: value if key == "output" else int(value) for key, value in row.items()}
            for row in csv.DictReader(text.splitlines())
        ]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(parquet.read_table(path).to_pylist())


def expected() -> list[dict[str, Any]]:
    """Each variant by itself."""
    found = []
    for width in range(32, 65, 8):
        for size in (64, 96, 128):
            network = archcalc.load("resnet50", input=(3, size, size), set={"vars.width_per_group": width})
            analysis = archcalc.analyse(network)
            found.append(
                {
                    "width_per_group": width,
                    "input": size,
                    "params": analysis.params.params,
                    "macs": analysis.cost.macs,
                    "peak_activation_bytes": analysis.memory.peak_bytes,
                    "receptive_field": 427,
                    "output": "1000",
                }
            )
    return found


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("chunk", ["1000", "4"])
def test_files_hold_every_variant(tmp_path: Path, ending: str, chunk: str) -> None:
    path = tmp_path / f"out.{ending}"
    assert succeed(*WIDTHS, *COLUMNS, "--chunk", chunk, "-o", str(path)) == ""
    assert rows_of(path) == expected()
    assert os.listdir(tmp_path) == [path.name]


def test_a_pipe_gets_rows_as_they_come() -> None:
    lines = succeed(*WIDTHS, *COLUMNS, "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == expected()
    head, *body = succeed(*WIDTHS, *COLUMNS, "--format", "csv", "--chunk", "2").splitlines()
    assert head == "width_per_group,input,params,macs,peak_activation_bytes,receptive_field,output"
    assert len(body) == 15


def test_tables_and_documents() -> None:
    plain = succeed(*WIDTHS, *COLUMNS, "--where", "params < 14M")
    assert "ResNet-50: sweep\nbatch 1 · float32 · activations: model peak" in plain
    assert "Variants  15  a grid of 5 × 3" in plain
    assert "Left out  12  not params < 14M" in plain
    found = json.loads(succeed(*WIDTHS, *COLUMNS, "--format", "json"))
    assert found["rows"] == expected()
    assert (found["variants"], found["impossible"], found["excluded"], found["reasons"]) == (15, 0, 0, [])
    best = json.loads(succeed(*WIDTHS, *COLUMNS, "--format", "json", "--sort", "min peak, macs", "--top", "2"))
    assert [(row["width_per_group"], row["input"]) for row in best["rows"]] == [(64, 64), (56, 64)]
    front = json.loads(succeed(*WIDTHS, *COLUMNS, "--format", "json", "--pareto", "min macs, max params"))
    assert [row["input"] for row in front["rows"]] == [64] * 5


@pytest.mark.parametrize(
    "more", [("--pareto", "min macs, max params"), ("--sort", "min macs", "--top", "4"), ("--top", "7")]
)
def test_choices_are_made_over_all_chunks(more: tuple[str, ...]) -> None:
    """In every format, however the variants are cut."""
    for kind in ("plain", "json", "csv", "jsonl"):
        whole = succeed(*WIDTHS, *COLUMNS, *more, "--format", kind)
        assert succeed(*WIDTHS, *COLUMNS, *more, "--format", kind, "--chunk", "4") == whole
    assert succeed(*WIDTHS, *COLUMNS, "--format", "json", "--chunk", "4") == succeed(
        *WIDTHS, *COLUMNS, "--format", "json"
    )


def test_long_tables_are_cut_and_say_so() -> None:
    text = succeed("sweep", "lenet5", "--set", "classes=1:500", "--columns", "params")
    assert "note: the first 100 of 500 rows: --top N shows more, -o FILE.csv has all" in text
    assert len([line for line in text.splitlines() if line.strip()[:1].isdigit()]) == 100
    assert text == succeed("sweep", "lenet5", "--set", "classes=1:500", "--columns", "params", "--chunk", "30")
    assert "cut" not in succeed("sweep", "lenet5", "--set", "classes=1:500", "--columns", "params", "--top", "200")


def test_impossible_variants_are_counted_with_reasons(tmp_path: Path) -> None:
    """In tables, in JSON, and beside files: on stderr, where no row is disturbed."""
    arguments = ("sweep", "regnet_x_400mf", "--set", "group_width=8,16,24", "--set", "input=64,96", "--columns", "macs")
    reason = r"note: 2 impossible as group_width=24, input=64 is: specs/regnet_x_400mf.yaml:\d+:86: stage2.0.conv2.conv"
    table = succeed(*arguments)
    assert "Impossible  2  why is noted below" in table
    assert re.search(f"{reason}: 6 groups do not divide 160 input channels", table)
    (told,) = json.loads(succeed(*arguments, "--format", "json"))["reasons"]
    assert told["settings"] == {"group_width": "24", "input": "64"}
    assert (told["count"], told["variant"]) == (2, 4)
    result = run(*arguments, "-o", str(tmp_path / "out.csv"))
    assert (result.code, result.out) == (0, "")
    assert re.match(reason, result.err)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 5


def test_nothing_possible_is_an_error() -> None:
    for more in ((), ("--format", "jsonl")):
        result = run("sweep", "regnet_x_400mf", "--set", "group_width=24,48", *more)
        assert (result.code, result.out) == (2, "")
        assert "none of 2 variants is possible; the first of them:" in result.err
        assert ":86: stage2.0.conv2.conv: 6 groups do not divide 160 input channels\n" in result.err
    result = run("sweep", "resnet50", "--set", "width_per_group=wide,NaN")
    assert result.code == 2
    assert "this expression fails" in result.err


BAD: dict[str, tuple[list[str], str]] = {
    "nothing": ([], "a sweep changes something"),
    "unknown target": (["--set", "widht_per_group=1:2"], "did you mean 'width_per_group'?"),
    "unknown layer": (["--set", "stem2.conv.stride=1,2"], "did you mean 'stem.conv'?"),
    "unknown argument": (["--set", "stem.conv.strid=1,2"], "did you mean 'stride'?"),
    "empty range": (["--set", "width_per_group=9:2"], "this range is empty: 9 lies behind 2"),
    "empty list": (["--set", "width_per_group="], "has no value"),
    "no values": (["--set", "width_per_group"], "changes nothing"),
    "nan": (["--set", "width_per_group=nan:4"], "'nan' is not a number"),
    "text": (["--set", "batch=many"], "a batch is a whole number from 1"),
    "batch of nothing": (["--set", "batch=0:4"], "a batch is a whole number from 1"),
    "dtype": (["--set", "dtype=float31"], "did you mean 'float32'?"),
    "shape": (["--set", "input=big"], "'big' is not the shape of an input"),
    "twice": (["--set", "classes=1", "--set", "vars.classes=2"], "'vars.classes' is set twice"),
    "twice alike": (["--set", "classes=1", "--set", "classes=2"], "'classes' is set twice"),
    "ten billion": (
        ["--set", "width_per_group=1:100000", "--set", "input=1:100000"],
        "this grid has 10,000,000,000 variants; --sample N draws N of them",
    ),
    "no steps": (["--set", "width_per_group=0.5:2.0"], "width_per_group has no steps"),
    "logarithm of a grid": (["--set", "width_per_group=log:8:64"], "log: says how to draw"),
    "sample": (["--set", "classes=1:9", "--sample", "0"], "a sample has from 1 to"),
    "seed": (["--set", "classes=1:9", "--sample", "1", "--seed", "-1"], "a seed is a whole number from 0"),
    "column": (["--set", "classes=1:9", "--columns", "paras"], "did you mean 'params'?"),
    "condition": (["--set", "classes=1:9", "--where", "parms < 5M"], "did you mean 'params'?"),
    "condition of nan": (["--set", "classes=1:9", "--where", "params < nan"], "there is no quantity 'nan'"),
    "objective": (["--set", "classes=1:9", "--pareto", "min mac"], "did you mean 'macs'?"),
    "order": (["--set", "classes=1:9", "--sort", "min output"], "there is no number 'output'"),
    "resume of a table": (["--set", "classes=1:9", "--resume"], "--resume goes on with a file"),
    "parquet to a pipe": (["--set", "classes=1:9", "--format", "parquet"], "Parquet is written into a file"),
    "nowhere": (["--set", "classes=1:9", "-o", "/nowhere/x.csv"], "cannot be written: No such file or directory"),
    "a folder": (["--set", "classes=1:9", "--format", "csv", "-o", "/tmp"], "cannot be written"),  # noqa: S108
    "full disk": (["--set", "classes=1:9", "--format", "csv", "-o", "/dev/full"], "cannot be written: No space left"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told_and_ends_with_2(case: str) -> None:
    arguments, words = BAD[case]
    result = run("sweep", "resnet50", *arguments)
    assert result.code == 2, result
    assert words in result.err
    assert "Traceback" not in result.err
    assert result.out == ""


def test_ten_billion_can_be_drawn_from() -> None:
    drawn = ("--set", "width_per_group=1:100000", "--set", "input=1:100000", "--sample", "20", "--columns", "params")
    first, second = (succeed("sweep", "resnet50", *drawn, "--seed", seed, "--format", "jsonl") for seed in "56")
    assert len(first.splitlines()) == 20
    assert first != second
    assert first == succeed("sweep", "resnet50", *drawn, "--seed", "5", "--format", "jsonl")


SWEEP_FILE = """\
sweep: 1
network: resnet50
set:
  width_per_group: 32:64:8
  input: [64, 96, 128]
columns: [params, macs, peak, rf, output]
"""


def test_sweep_files_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "widths.yaml"
    path.write_text(SWEEP_FILE)
    assert [json.loads(line) for line in succeed("sweep", str(path), "--format", "jsonl").splitlines()] == expected()
    path.write_text(SWEEP_FILE + "where: params < 14M\npareto: min macs, max params\n")
    assert len(succeed("sweep", str(path), "--format", "jsonl").splitlines()) == 1
    # The command line has the last word.
    assert len(succeed("sweep", str(path), "--where", "params > 1", "--format", "jsonl").splitlines()) == 5
    narrow = succeed("sweep", str(path), "--where", "params > 1", "--set", "input=64,80", "--format", "csv")
    assert len(narrow.splitlines()) == 6
    (tmp_path / "net.yaml").write_text("archcalc: 1\nextends: resnet50\nname: mine\n")
    path.write_text(
        SWEEP_FILE.replace("network: resnet50", "network: net.yaml") + "sample: 4\nseed: 3\nmethod: sobol\n"
    )
    assert len(succeed("sweep", str(path), "--format", "jsonl").splitlines()) == 4


WRONG_FILES = {
    "set: {width_per_group: 9:2}": ("3:24", "this range is empty"),
    "set: {widht: [1, 2]}": ("3:14", "'resnet50' has no variable 'widht'"),
    "set: {groups: {a: 1}}": ("3:15", "groups takes a range or a list, this is a mapping"),
    "set: []": ("3:6", "a sweep has a 'set'"),
    "set: {groups: []}": ("3:15", "this list is empty"),
    "set: {groups: [1, 2]}\nsampel: 3": ("4:1", "did you mean 'sample'?"),
    "set: {groups: [1, 2]}\nsample: many": ("4:9", "sample is a whole number, this is 'many'"),
    "set: {groups: [1, 2]}\ncolumns: 3": ("4:10", "columns are a list of names"),
    "set: {groups: [1, 2]}\nsample: true": ("4:9", "sample is a whole number, this is true"),
}


@pytest.mark.parametrize("text", WRONG_FILES)
def test_wrong_sweep_files_are_pointed_into(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(f"sweep: 1\nnetwork: resnet50\n{text}\n")
    result = run("sweep", str(path))
    place, words = WRONG_FILES[text]
    assert result.code == 2
    assert words in result.err
    assert f"{path}:{place}" in result.err


LONG = ("sweep", "resnet18", "--set", "classes=1:60", "--set", "input=64:93", "--columns", "macs,peak", "--chunk", "60")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_killed_processes_lose_and_double_nothing(tmp_path: Path, ending: str) -> None:
    """kill -9 in the middle, again and again; what is there in the end is what an undisturbed run writes."""
    whole, path = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    assert run(*LONG, "-o", str(whole)).code == 0
    journal = tmp_path / f"out.{ending}.journal"
    command = [sys.executable, "-m", "archcalc", *LONG, "-o", str(path), "--resume"]
    for _ in range(3):
        before = journal.read_text().count("\n") if journal.exists() else 0
        child = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and child.poll() is None:
            if journal.exists() and journal.read_text().count("\n") > before + 2:
                break
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        if path.exists():
            break
        assert (tmp_path / f"out.{ending}.partial").exists()
    assert succeed(*LONG, "-o", str(path), "--resume") == ""
    assert path.read_bytes() == whole.read_bytes() if ending != "parquet" else rows_of(path) == rows_of(whole)
    assert sorted(os.listdir(tmp_path)) == [f"out.{ending}", f"whole.{ending}"]


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A file that was left behind after some chunks."""

    def begin(*arguments: str, ending: str = "csv", after: int = 4) -> Path:
        from archcalc.space.sweep import Sweep

        path = tmp_path / f"out.{ending}"
        chunk = Sweep.chunk

        def failing(self: Sweep, number: int, *rest: Any) -> Any:
            if number == after:
                raise KeyboardInterrupt
            return chunk(self, number, *rest)

        with monkeypatch.context() as patch:
            patch.setattr(Sweep, "chunk", failing)
            assert run(*arguments, "-o", str(path)).code == 130
        return path

    return begin


def test_torn_files_are_cut_where_they_are_whole(begun: Callable[..., Path], tmp_path: Path) -> None:
    """A line of the journal that is not whole does not count, nor does what lies behind the last whole chunk."""
    path = begun(*LONG)
    partial, journal = tmp_path / "out.csv.partial", tmp_path / "out.csv.journal"
    chunks, lines = partial.read_bytes(), journal.read_bytes()
    whole = tmp_path / "whole.csv"
    assert run(*LONG, "-o", str(whole)).code == 0
    for cut in (0, 10, len(lines.split(b"\n")[0]) + 1, len(lines) - 30, len(lines) - 1, len(lines)):
        partial.write_bytes(chunks + b"1,2,half a row")
        journal.write_bytes(lines[:cut])
        assert succeed(*LONG, "-o", str(path), "--resume") == "", cut
        assert path.read_bytes() == whole.read_bytes()
        path.unlink()


def test_the_end_of_a_finished_file(begun: Callable[..., Path], tmp_path: Path) -> None:
    """Killed between the last two steps, when only the journal was left to go."""
    path = begun(*LONG, after=29)
    journal = tmp_path / "out.csv.journal"
    assert run(*LONG, "-o", str(tmp_path / "whole.csv")).code == 0
    child = "import archcalc.space.journal as j, os, sys; unlink = os.unlink; os.unlink = lambda path: os._exit(9)\n"
    child += "from archcalc.cli.main import run; run(sys.argv[1:])"
    command = [sys.executable, "-c", child, *LONG, "-o", str(path), "--resume"]
    assert subprocess.run(command, env=environment(), check=False).returncode == 9
    assert path.exists()
    assert journal.exists()
    assert succeed(*LONG, "-o", str(path), "--resume") == ""
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not journal.exists()


def test_choices_are_resumed_too(begun: Callable[..., Path], tmp_path: Path) -> None:
    arguments = (*LONG, "--pareto", "max macs, min peak", "--sort", "min macs", "--top", "7")
    path = begun(*arguments)
    assert succeed(*arguments, "-o", str(path), "--resume") == ""
    assert run(*arguments, "-o", str(tmp_path / "whole.csv")).code == 0
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(path.read_text().splitlines()) == 8
    assert sorted(os.listdir(tmp_path)) == ["out.csv", "whole.csv"]


def test_reasons_survive_an_interruption(begun: Callable[..., Path], tmp_path: Path) -> None:
    arguments = ("sweep", "squeezenet1_1", "--set", "input=1:30", "--columns", "macs", "--chunk", "3")
    path = begun(*arguments)
    resumed, straight = run(*arguments, "-o", str(path), "--resume"), run(*arguments, "-o", str(tmp_path / "w.csv"))
    assert resumed == straight
    assert "impossible as input=1 is" in resumed.err


def test_begun_files_are_not_overwritten(begun: Callable[..., Path], tmp_path: Path) -> None:
    """Neither by the same sweep without --resume, nor by another one; both leave all as it is."""
    path = begun(*LONG)
    kept = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    result = run(*LONG, "-o", str(path))
    assert (result.code, "is begun and not finished; --resume goes on" in result.err) == (2, True)
    for other in (
        (*LONG[:3], "classes=1:61", *LONG[4:]),
        (*LONG[:-1], "30"),
        (*LONG, "--where", "macs > 5"),
        (*LONG, "--sample", "60"),
        (*LONG, "--format", "jsonl"),
        (*LONG, "--top", "5"),
        (*LONG, "--model", "all"),
    ):
        result = run(*other, "-o", str(path), "--resume")
        assert (result.code, "is of another sweep" in result.err) == (2, True), other
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == kept
    (tmp_path / "out.csv.partial").write_bytes(b"short")
    result = run(*LONG, "-o", str(path), "--resume")
    assert (result.code, "has less than its journal says" in result.err) == (2, True)
    (tmp_path / "out.csv.journal").write_bytes(b"no journal\n")
    result = run(*LONG, "-o", str(path), "--resume")
    assert (result.code, "is not a journal of a sweep" in result.err) == (2, True)


def test_beyond_64_bits_is_exact_or_refused(tmp_path: Path) -> None:
    arguments = ("sweep", "vgg11", "--set", "conv1_1.out_channels=64,100000000000000000", "--set", "batch=1073741824")
    rows = [json.loads(line) for line in succeed(*arguments, "--columns", "macs", "--format", "jsonl").splitlines()]
    network = archcalc.load("vgg11", set={"conv1_1.out_channels": 10**17})
    assert rows[1]["macs"] == archcalc.analyse(network, batch=2**30).cost.macs > 2**70
    result = run(*arguments, "--columns", "macs", "-o", str(tmp_path / "out.parquet"))
    assert (result.code, "macs goes beyond 64 bits, and Parquet has no such numbers" in result.err) == (2, True)
    assert not (tmp_path / "out.parquet").exists()


def test_a_closed_pipe_ends_quietly() -> None:
    command = f"{sys.executable} -m archcalc {' '.join(LONG)} --format csv | head -n 2"
    done = subprocess.run(["/bin/sh", "-c", command], env=environment(), capture_output=True, text=True, check=False)
    head, row, *more = done.stdout.splitlines()
    assert (head, row[:5], more, done.stderr) == ("classes,input,macs,peak_activation_bytes", "1,64,", [], "")


def test_a_full_standard_output_is_told() -> None:
    with open("/dev/full", "w") as full:
        done = start(*LONG, "--format", "csv", stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "archcalc: cannot write: No space left on device\n")


def test_progress_is_for_terminals() -> None:
    """With the rate and the time left, on stderr only; nothing of it through a pipe."""
    pexpect = pytest.importorskip("pexpect")
    arguments = ["-m", "archcalc", "sweep", "densenet121", "--set", "growth=8:64", "--set", "input=64:264"]
    arguments += ["--chunk", "50", "--columns", "macs", "-o", "/dev/null", "--format", "csv"]
    child = pexpect.spawn(sys.executable, arguments, env=environment(), encoding="utf-8", dimensions=(24, 100))
    child.expect(r"DenseNet-121[^\r]* [0-9,]+/s [^\r]*%[^\r]*[0-9]:[0-9]{2}", timeout=50)
    child.terminate(force=True)
    result: Result = run(*LONG, "--format", "csv")
    assert result.err == ""


def test_a_table_says_nothing_twice() -> None:
    """By the model `peak` activations are the peak: one column has them, unless both are asked for or models differ."""
    sweep = ("sweep", "lenet5", "--set", "classes=2:4", "--format", "plain")
    for more, titles in (
        ((), ["Peak"]),
        (("--columns", "activations,peak"), ["Activations", "Peak"]),
        (("--model", "all"), ["Activations", "Peak"]),
    ):
        head = next(line for line in succeed(*sweep, *more).splitlines() if line.startswith("classes"))
        assert [title for title in head.split() if title in ("Activations", "Peak")] == titles
