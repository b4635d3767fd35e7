"""solve on the command line: what is printed, exit codes, and mistakes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from . import reading
from .running import on_terminal, run, spec, succeed

ASKED = ("solve", "mobilenet_v2", "--for", "width", "--range", "0.5:2:0.1")


def told(*arguments: str, code: int = 0) -> Any:
    result = run(*arguments, "--format", "json")
    assert (result.code, result.err) == (code, "")
    return json.loads(result.out)


def test_the_answer_is_what_params_and_macs_print() -> None:
    """The value can be put back with --set, and the numbers are those of the other commands."""
    found = told(*ASKED, "--to", "macs <= 600M", "--to", "params <= 5M")
    value = found["answer"]["value"]
    back = json.loads(succeed("summary", "mobilenet_v2", "--set", f"vars.width={value}", "--format", "json"))
    assert found["answer"]["quantities"]["params"] == back["totals"]["params"] <= 5_000_000
    assert found["answer"]["quantities"]["macs"] == back["totals"]["macs"] <= 600_000_000
    assert found["beyond"]["value"] == pytest.approx(value + 0.1)
    assert found["binds"] == ["params <= 5M"]
    assert (found["for"], found["direction"], found["range"]) == ("width", "largest", "0.5:2:0.1")


def test_the_table_shows_both_sides_of_the_limit() -> None:
    """A column for the answer and one for the next value; what binds is marked and said."""
    out = succeed(*ASKED, "--to", "macs <= 600M")
    table = reading.plain(out)
    assert out.startswith("MobileNetV2: largest width with macs <= 600M\ninput 3×224×224")
    assert table.head[1:3] == ["width = 1.4", "width = 1.5"]
    (row,) = [row for row in table.rows if row[0] == "MACs"]
    assert row[3] == "<= 600M, binds"
    assert "note: binds: macs <= 600M" in out


def test_the_smallest_and_the_end_of_the_range() -> None:
    found = told(*ASKED, "--to", "params >= 3M", "--smallest")
    assert found["direction"] == "smallest"
    assert found["beyond"]["value"] < found["answer"]["value"]
    out = succeed(*ASKED, "--to", "params < 1G")
    assert "the range ends here" in out
    assert told(*ASKED, "--to", "params < 1G")["beyond"] is None


def test_without_an_answer_the_exit_code_is_1() -> None:
    """The nearest miss is shown, and what it misses."""
    result = run(*ASKED, "--to", "params < 1K")
    assert (result.code, result.err) == (1, "")
    assert "< 1K, missed" in result.out
    assert "nearest miss" in result.out
    assert result.out.startswith("MobileNetV2: no width keeps params < 1K\n")
    found = told(*ASKED, "--to", "params < 1K", code=1)
    assert found["answer"] is None
    assert found["nearest"]["value"] == 0.5


def test_nothing_gives_a_network(tmp_path: Path) -> None:
    path = tmp_path / "n.yaml"
    path.write_text(spec("conv: {out_channels: 4, kernel_size: 9}"))
    result = run("solve", str(path), "--for", "input", "--to", "params > 1", "--range", "1:5")
    assert result.code == 1
    assert "no value gives a network" in result.out


def test_legal_inputs_are_listed_and_told_in_short() -> None:
    """227 and not 224: AlexNet's rows are all read at 32·k + 3 only."""
    out = succeed("solve", "alexnet", "--legal-inputs", "100:512")
    assert "32·k + 3" in out
    assert "131, 163, 195, … 483" in out
    found = told("solve", "alexnet", "--legal-inputs", "220:260")
    assert (found["whole"], found["exact"]) == ([227, 259], [227, 259])
    rows = reading.csv_rows(succeed("solve", "resnet50", "--legal-inputs", "220:230", "--format", "csv"))
    assert [row["input"] for row in rows] == [str(size) for size in range(220, 231)]
    assert [row["input"] for row in rows if row["exact"] == "true"] == ["225"]
    assert "never" in succeed("solve", "alexnet", "--legal-inputs", "220:226")
    assert "too small" in succeed("solve", "alexnet", "--legal-inputs", "20:80")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resnet18"], ["--for", "--to"]),
        (["resnet18", "--for", "width"], ["--to"]),
        (["resnet18", "--for", "widht", "--to", "params < 1M"], ["'widht'", "'width'"]),
        (["resnet18", "--for", "width", "--to", "parms < 1M", "--to", "macs <"], ["'params'", "--to:1:7"]),
        (["resnet18", "--for", "width", "--to", "params < 1M", "--range", "5"], ["'5' is not a range", "8:256:8"]),
        (["resnet18", "--for", "width", "--to", "params < 1M", "--range", "9:1"], ["empty"]),
        (["resnet18", "--for", "width", "--to", "params < 1M", "--range", "1:100001"], ["100,001 values", "100,000"]),
        (["resnet18", "--for", "input", "--to", "params < 1M", "--range", "0:9"], ["whole number from 1"]),
        (["resnet18", "--for", "batch", "--to", "params < 1M", "--range", "1:9:0.5"], ["whole number from 1"]),
        (["mobilenet_v2", "--for", "width", "--to", "params < 1M"], ["no whole number", "--range"]),
        (["resnet18", "--for", "width", "--to", "params < 1M", "--legal-inputs", "1:9"], ["leave --for and --to out"]),
        (["resnet18", "--legal-inputs", "x"], ["not a range"]),
        (["resnet18", "--legal-inputs", "1:99999"], ["20,000"]),
        (["resnet19", "--for", "width", "--to", "params < 1M"], ["'resnet1"]),
        (["resnet18", "--for", "width", "--to", "params < 1M", "--set", "vars.x=1"], ["'x'"]),
    ],
)
def test_mistakes(arguments: list[str], words: list[str]) -> None:
    """Exit 2, nothing on stdout, what is wrong and what would be right."""
    result = run("solve", *arguments)
    assert (result.code, result.out) == (2, "")
    assert [word for word in words if word not in result.err] == []


def test_an_input_that_is_a_row_has_no_size(tmp_path: Path) -> None:
    path = tmp_path / "rows.yaml"
    path.write_text(spec("linear: {out_features: 2}", head="input: [4]"))
    assert "no height and width" in run("solve", str(path), "--legal-inputs", "1:9").err
    result = run("solve", str(path), "--for", "batch", "--to", "rf > 3")
    assert result.code == 2
    assert "cannot be stated" in result.err


def test_tables_fit_a_terminal() -> None:
    """At 80 columns, with and without signs."""
    commands = (
        "solve mobilenet_v2 --for width --range 0.5:2:0.1 --to macs<=600M",
        "solve alexnet --legal-inputs 100:300",
    )
    for out in (*on_terminal(80, *commands), *on_terminal(80, *(f"{one} --ascii" for one in commands))):
        assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines())) <= 80
