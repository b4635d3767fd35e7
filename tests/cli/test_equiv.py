"""equiv on the command line."""

import json

from . import reading
from .running import run, succeed


def test_the_lecture() -> None:
    """Three 3×3 and one 7×7: 27·C² and 49·C², at C = 64 as the number and as a ratio."""
    rows = {row["stack"]: row for row in reading.csv_rows(succeed("equiv", "3x3,3x3,3x3", "7x7", "--format", "csv"))}
    assert [row["weights"] for row in rows.values()] == ["27·C²", "49·C²"]
    assert int(rows["3x3,3x3,3x3"]["params"]) == 27 * 64 * 64
    assert float(rows["7x7"]["params_ratio"]) == 49 / 27
    assert "all see the same" in succeed("equiv", "3x3,3x3,3x3", "7x7")
    assert "do not see the same" in succeed("equiv", "3x3", "7x7")


def test_json_and_options() -> None:
    found = json.loads(
        succeed("equiv", "3x3s2", "--channels", "8", "--size", "10x12", "--bias", "--batch", "2", "--format", "json")
    )["stacks"][0]
    assert (found["output"], found["params"]) == ([8, 5, 6], 8 * 8 * 9 + 8)
    assert found["macs"] == 2 * 8 * 8 * 9 * 5 * 6
    assert found["weights"] == ["9", "1", "0"]
    assert found["activation_bytes"] == 2 * 4 * (8 * 10 * 12 + 8 * 5 * 6)


def test_all_stacks_that_are_wrong_are_told_at_once() -> None:
    result = run("equiv", "3x3", "foo", "3x3:C/5", "--size", "8")
    assert (result.code, result.out) == (2, "")
    assert "'foo'" in result.err
    assert "cannot be parted into 5" in result.err
    assert run("equiv", "3x3", "--size", "1x2x3").code == 2
    assert run("equiv").code == 2
