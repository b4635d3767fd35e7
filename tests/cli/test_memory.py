"""memory under models beyond plain outputs, and fits."""

import json
from pathlib import Path
from typing import Any

import pytest

from archcalc.cli.memory import ALL_MODELS

from . import reading
from .running import run, succeed


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed("memory", *arguments, "--format", "json"))
    return found


@pytest.mark.parametrize("model", ALL_MODELS)
def test_every_model_answers(model: str) -> None:
    text = succeed("memory", "resnet18", "--model", model)
    assert "weights" in text
    assert "note: " in text


def test_a_training_step_adds_up() -> None:
    """The rows of the table are what is there at the peak."""
    rows = reading.csv_rows(succeed("memory", "resnet18", "--model", "train", "--batch", "8", "--format", "csv"))
    found = document("resnet18", "--model", "train", "--batch", "8")
    assert sum(int(row["bytes"]) for row in rows) == found["peak_bytes"]
    assert found["weight_bytes"] == 4 * (11_689_512 + 9_600)  # torchvision's resnet18: params and running statistics


def test_the_timeline_reaches_the_peak() -> None:
    rows = reading.csv_rows(succeed("memory", "googlenet", "--model", "inplace", "--timeline", "--format", "csv"))
    found = document("googlenet", "--model", "inplace")
    assert max(int(row["alive"]) for row in rows) == found["peak_activation_bytes"]
    assert len(rows) == len(found["timeline"]["steps"])


def test_fit_finds_a_batch_and_fails_without_one() -> None:
    batch = document("resnet18", "--model", "train", "--fit", "4 GiB")["fit"]["largest_batch"]
    assert document("resnet18", "--model", "train", "--batch", str(batch))["peak_bytes"] <= 4 * 2**30
    assert document("resnet18", "--model", "train", "--batch", str(batch + 1))["peak_bytes"] > 4 * 2**30
    assert run("memory", "resnet18", "--model", "train", "--fit", "1MiB").code == 1
    forward = document("resnet18", "--model", "inplace", "--fit", "1GiB")
    each, weights = forward["peak_activation_bytes"], forward["weight_bytes"]
    assert forward["fit"]["largest_batch"] == (2**30 - weights) // each


def test_reordering_is_said() -> None:
    plain, moved = (document("dpn92", "--model", "peak"), document("dpn92", "--reorder"))
    assert moved["peak_activation_bytes"] < 0.75 * plain["totals"]["peak_activation_bytes"]
    assert "no order of the layers was found" in succeed("memory", "vgg16", "--model", "inplace", "--reorder")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mixed", "--scratch", "im2col"), ("--mixed", "--scratch", "--model train", "--model arena")),
        (("--model", "lecture", "--timeline"), ("--timeline", "lecture")),
        (("--model", "train", "--fit", "16 Gib"), ("16 Gib", "GiB")),
        (("--model", "train", "--fit", "-1"), ("--fit -1",)),
        (("--model", "train", "--fit", "16"), ("--fit 16", "such as 16GiB")),
        (("--model", "train", "--fit", "0GiB"), ("out of every measure",)),
        (("--model", "train", "--top", "3"), ("rows and columns",)),
        (("--model", "train", "--mixed", "--dtype", "int8"), ("mixed precision",)),
        (
            (
                "--model",
                "trane",
            ),
            ("trane",),
        ),
    ],
)
def test_what_is_wrong(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    result = run("memory", "lenet5", *arguments)
    assert (result.code, result.out) == (2, "")
    assert all(word in result.err for word in words)


def test_a_network_that_fits() -> None:
    result = run("fits", "lenet5", "--on", "stm32f746")
    assert result.code == 0
    assert "LeNet-5: fits" in result.out


def test_a_network_that_does_not_fit() -> None:
    """MobileNetV2's widest pair of maps: 96·112·112 and 96·56·56 bytes of int8, and 3.4 million weights."""
    result = run("fits", "mobilenet_v2", "--sram", "320KiB", "--flash", "1MiB", "--format", "json")
    found = json.loads(result.out)
    assert result.code == 1
    assert not found["fits"]
    assert found["sram"]["needed_bytes"] == 96 * 112 * 112 + 96 * 56 * 56
    assert {culprit["bytes"] for culprit in found["culprits"]} == {96 * 112 * 112, 96 * 56 * 56}
    assert found["heaviest"][0] == {"layer": "fc", "bytes": 1280 * 1000 + 4 * 1000}


def test_the_input_that_would_fit_fits() -> None:
    found = json.loads(run("fits", "mobilenet_v2", "--sram", "320KiB", "--format", "json").out)
    size = found["smaller_input"]
    assert 32 < size < 224
    assert run("fits", "mobilenet_v2", "--sram", "320KiB", "--input", f"3x{size}x{size}").code == 0
    assert run("fits", "mobilenet_v2", "--sram", "320KiB", "--input", f"3x{size + 1}x{size + 1}").code == 1


def test_no_input_would_fit() -> None:
    result = run("fits", "vgg16", "--sram", "1KiB")  # its first linear layer is bound to 224×224
    assert result.code == 1
    assert "no smaller square input fits" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("--sram 320KiB",)),
        (("--on", "stm32"), ("'stm32'",)),
        (("--on", "t4"), ("NVIDIA T4", "--sram")),
        (("--sram", "lots"), ("--sram lots", "such as")),
        (("--sram", "1KiB", "--input", "nonsense"), ("nonsense",)),
    ],
)
def test_what_is_wrong_with_fits(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    result = run("fits", "lenet5", *arguments)
    assert (result.code, result.out) == (2, "")
    assert all(word in result.err for word in words)


def test_fits_writes_files_whole(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    assert run("fits", "vgg16", "--sram", "320KiB", "-o", str(path)).code == 1
    assert json.loads(path.read_text("utf-8"))["fits"] is False
