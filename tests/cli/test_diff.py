"""diff on the command line: what is printed, in every format, and how it ends."""

import json
from pathlib import Path

import pytest

from . import reading
from .running import run, spec, succeed


def test_the_edits_of_a_stride() -> None:
    """One row an edit, numbered; the totals before, after and between."""
    lines = succeed("diff", "vgg16", "vgg19").splitlines()
    assert lines[0] == "VGG-16 → VGG-19"
    assert next(line for line in lines if line.startswith("1 ")).split()[1:4] == ["+", "conv3_4,", "relu3_4"]
    change = next(line for line in lines if line.split()[:1] == ["change"]).split()
    assert change[1] == "+5.31M"
    assert not any("together" in line for line in lines)
    assert (
        sum("together" in line for line in succeed("diff", "alexnet", "zfnet").splitlines()) == 4
    )  # 3 rows and a note


def test_csv_is_exact_and_signed() -> None:
    rows = reading.csv_rows(succeed("diff", "vgg16", "vgg19", "--format", "csv"))
    assert [int(row["params"]) for row in rows] == [9 * 256 * 256 + 256, 2 * (9 * 512 * 512 + 512)]
    back = reading.csv_rows(succeed("diff", "vgg19", "vgg16", "--format", "csv"))
    assert sum(int(row["params"]) for row in back) == -sum(int(row["params"]) for row in rows)


def test_layers_and_edits_sum_to_the_same() -> None:
    edits = reading.csv_rows(succeed("diff", "alexnet", "zfnet", "--format", "csv"))
    layers = reading.csv_rows(succeed("diff", "alexnet", "zfnet", "--per-layer", "--format", "csv"))
    for key in ("params", "macs", "flops", "activation_bytes"):
        assert sum(int(row[key]) for row in edits) == sum(int(row[key]) for row in layers)


def test_json_holds_what_the_table_shows() -> None:
    found = json.loads(succeed("diff", "squeezenet1_0", "squeezenet1_1", "--format", "json"))
    for name, total in found["totals"].items():
        assert total["after"] - total["before"] == total["change"] == sum(part[name] for part in found["parts"])
    assert {edit["kind"] for edit in found["edits"]} == {"added", "removed", "changed"}
    changed = next(edit for edit in found["edits"] if edit["kind"] == "changed")
    assert {"argument": "out_channels", "before": 96, "after": 64} in changed["changes"]


@pytest.mark.parametrize(("after", "code"), [("lenet5", 0), ("alexnet", 1)])
def test_exit_code_says_whether_they_differ(after: str, code: int) -> None:
    assert run("diff", "lenet5", after, "--exit-code").code == code
    assert run("diff", "lenet5", after).code == 0


def test_options_hold_for_both() -> None:
    """At twice the batch twice the operations and activations, the same parameters."""
    one, two = (json.loads(succeed("diff", "vgg16", "vgg19", "--batch", n, "--format", "json")) for n in ("1", "2"))
    assert two["totals"]["macs"]["change"] == 2 * one["totals"]["macs"]["change"]
    assert two["totals"]["params"] == one["totals"]["params"]


@pytest.mark.parametrize("networks", [("alexnet", "alexnett"), ("alexnett", "alexnet"), ("nothing.yaml", "alexnet")])
def test_a_network_that_is_not_there(networks: tuple[str, str]) -> None:
    result = run("diff", *networks)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1


def test_one_network_alone_is_a_usage_error() -> None:
    assert run("diff", "alexnet").code == 2


@pytest.mark.parametrize("command", ["summary", "shapes", "params", "macs", "memory", "rf"])
def test_what_set_does_stands_below_every_table(command: str) -> None:
    """The same numbers as a diff of the two; nothing below without --set, and in a spreadsheet."""
    edited = succeed(command, "alexnet", "--set", "conv1.stride=2")
    plain = succeed(command, "alexnet")
    below = edited[edited.index("AlexNet (one tower): what was changed") :]
    assert "conv1: stride 4 → 2" in below
    assert "+113.2M" in below  # (12·12 − 6·6)·256·4096 weights of fc6
    assert "what was changed" not in plain
    assert "what was changed" not in succeed(command, "alexnet", "--set", "conv1.stride=2", "--format", "csv")
    found = json.loads(succeed(command, "alexnet", "--set", "conv1.stride=2", "--format", "json"))
    assert found["edits"]["totals"]["params"]["change"] == (12 * 12 - 6 * 6) * 256 * 4096
    assert "edits" not in json.loads(succeed(command, "alexnet", "--format", "json"))


def test_a_network_that_needs_set_is_shown_alone(tmp_path: Path) -> None:
    """Without it there is nothing to compare with: 3 does not divide 4 channels."""
    path = tmp_path / "needs.yaml"
    path.write_text(spec("conv: {name: c, out_channels: 4, kernel_size: 1, groups: 3}", head="input: [4, 4, 4]"))
    assert "what was changed" not in succeed("params", str(path), "--set", "c.groups=2")
