"""roofline on the command line."""

import json
from pathlib import Path

import pytest

from archcalc.space.hardware import names

from . import reading
from .running import run, succeed


def test_all_processors_fastest_first() -> None:
    rows = reading.csv_rows(succeed("roofline", "resnet50", "--format", "csv"))
    times = [float(row["ms"]) for row in rows]
    assert times == sorted(times)
    assert len(rows) == len(names())
    assert rows[0]["processor"].startswith("NVIDIA A100")


def test_only_processors_with_a_peak_for_the_type() -> None:
    kinds = {
        row["kind"] for row in reading.csv_rows(succeed("roofline", "lenet5", "--dtype", "int8", "--format", "csv"))
    }
    assert kinds == {"gpu", "microcontroller"}


def test_layers_sum_to_the_network() -> None:
    arguments = ("roofline", "resnet50", "--on", "t4")
    found = json.loads(succeed(*arguments, "--format", "json"))["rooflines"][0]
    rows = reading.csv_rows(succeed(*arguments, "--per-layer", "--format", "csv"))
    assert sum(float(row["us"]) for row in rows) == pytest.approx(1e6 * found["seconds"])
    assert sum(int(row["moved"]) for row in rows) == found["bytes"]
    assert {row["bound"] for row in rows} == {"arithmetic", "memory", "nothing"}


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("archcalc: 1\nname: mine\nkind: cpu\npeak: {float32: 1G}\nbandwidth: 1GB\nsource: a sheet\n")
    found = json.loads(succeed("roofline", "lenet5", "--on", str(path), "--format", "json"))
    assert found["rooflines"][0]["seconds"] >= found["flops"] / 1e9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--on", "a1000", "--on", "t44"), ("'a1000'", "'a100'", "'t44'", "'t4'")),
        (("--per-layer",), ("one processor", "a100")),
        (("--on", "t4", "--on", "v100", "--top", "3"), ("one processor",)),
        (("--on", "raspberry_pi_4", "--dtype", "int8"), ("no peak for int8", "float32")),
        (("--on", "nothing.yaml"), ("nothing.yaml",)),
        (("--on", "t4", "--columns", "nothing"), ("'nothing'",)),
    ],
)
def test_what_is_wrong(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    result = run("roofline", "lenet5", *arguments)
    assert (result.code, result.out) == (2, "")
    assert all(word in result.err for word in words)
