"""What `archcalc reconcile` tells about other tools; the numbers themselves are held in tests/analysis."""

import json

import pytest

from archcalc.analysis.reconcile import PROFILES

from .running import run, succeed


def test_all_tools() -> None:
    """One row each, with the version it describes and the main causes."""
    output = succeed("reconcile", "resnet50")
    assert all(tool in output and profile.version in output for tool, profile in PROFILES.items())
    assert "batchnorm +1.09% (4 a value)" in output
    assert "at least, at most" in output


def test_one_tool() -> None:
    """Every operator in a row; torchinfo prints 173.2 M for ViT-B/16 (measured, see profiles.json)."""
    output = succeed("reconcile", "vit_b_16", "--tool", "torchinfo")
    assert "torchinfo 1.8.0" in output
    assert "173,232,616" in output
    assert "counted 0 by both: input, flatten" in output


def test_json() -> None:
    (tool,) = json.loads(succeed("reconcile", "resnet50", "--tool", "fvcore", "--format", "json"))["tools"]
    assert (tool["theirs"], tool["difference"], tool["exact"]) == (4111512576, 22328320, False)


@pytest.mark.parametrize("wrong", [("--tool", "torchinf"), ("--batch", "2")])
def test_what_is_refused(wrong: tuple[str, str]) -> None:
    result = run("reconcile", "lenet5", *wrong)
    assert (result.code, result.out) == (2, "")
    assert "torchinfo" in result.err or "batch" in result.err
