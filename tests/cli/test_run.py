"""archcalc run: what it prints and writes, what its options change, what is wrong with what it is given, and Ctrl-C."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archcalc.cli import run as cli
from archcalc.forward import passes
from archcalc.forward import run as forward
from archcalc.forward.draws import normal
from archcalc.forward.kernels import Array
from archcalc.forward.reference import run_reference
from archcalc.forward.weight_files.writing import save_weights
from archcalc.forward.weights import random_weights
from archcalc.network import load, loads
from archcalc.render.cells import cell_text
from archcalc.views.run import COLUMNS

from . import reading
from .running import ROOT, environment, on_terminal, run, run_on_terminal, spec, start, succeed

IMAGES = "tests/forward/images"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MAP = spec("conv: {name: c, out_channels: 4, kernel_size: 3}", head="input: [2, 8, 8]")
SOFT = spec("flatten", "linear: {out_features: 5}", "softmax", head="input: [2, 8, 8]")


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths as people at the root of the repository write them; no more passes than have to be."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(passes, "_ROOM", 0.0)


def told(*arguments: str, stdin: str = "") -> dict[str, Any]:
    """What JSON says of a run."""
    found: dict[str, Any] = json.loads(succeed("run", *arguments, "--format", "json", stdin=stdin))["run"]
    return found


def grid_of(text: str) -> reading.Grid:
    """The table in a plain text, its headings without the blanks that set them flush right."""
    head, rows = reading.plain(text)
    return reading.Grid([title.strip() for title in head], rows)


def tables(text: str) -> list[str]:
    """The output, and the time; each begins with its title."""
    return re.split(r"\n(?=\S[^\n]*: time\n)", text)


# What comes out.


@pytest.mark.parametrize("digit", range(10))
def test_digits_are_read(digit: int) -> None:
    """An image of a digit, and its name on the first row."""
    text = succeed("run", "lenet5_digits", "--image", f"{IMAGES}/{digit}.png", "--no-times")
    first, *others = reading.plain(text).rows
    assert (first[0].strip(), first[1]) == ("1", str(digit))
    assert len(others) == 4
    assert f"weights specs/lenet5_digits.npz · samples {IMAGES}/{digit}.png" in text
    assert "Output  10\n" in text


def test_probabilities_are_those_of_the_reference() -> None:
    """Softmax of its outputs, to the digits that are shown; so are the scores."""
    text = succeed("run", "lenet5", "--weights", "random:5", "--input", "random:6", "--top", "3", "--no-times")
    network = load("lenet5").graph
    *_, (_, output) = run_reference(network, random_weights(network, 5), normal((1, 1, 32, 32), 6, "samples.input"))
    scores = output[0].astype(float)
    shares = np.exp(scores) / np.exp(scores).sum()
    rows = reading.plain(text).rows
    assert [int(row[1]) for row in rows] == np.argsort(-scores)[:3].tolist()
    for row, share, score in zip(rows, np.sort(shares)[::-1], np.sort(scores)[::-1], strict=False):
        assert float(row[2]) == pytest.approx(100 * share, abs=0.051)
        assert float(row[3]) == pytest.approx(score, abs=0.006)
    assert "weights random:5 · samples random:6" in text
    assert "weights are random" in text
    assert "probabilities are their softmax" in text


def test_probabilities_of_the_network_itself() -> None:
    """No softmax of a softmax, and no scores beside."""
    text = succeed("run", "-", "--no-times", stdin=SOFT)
    assert "their softmax" not in text
    assert grid_of(text).head == ["Rank", "Class", "Probability %"]
    assert sum(
        guess["probability"] for guess in told("-", "--top", "9", stdin=SOFT)["classes"][0]["found"]
    ) == pytest.approx(1)


def test_top() -> None:
    """5 of one sample, 1 of each of several, or as many as are asked for and there are."""
    for options, rows in (
        ((), 5),
        (("--top", "2"), 2),
        (("--top", "99"), 10),
        (("--batch", "3"), 3),
        (("--batch", "3", "--top", "2"), 6),
    ):
        assert len(reading.plain(succeed("run", "lenet5", "--no-times", *options)).rows) == rows


def test_several_images() -> None:
    """A row each, by its file."""
    images = [f"{IMAGES}/{digit}.png" for digit in (4, 1)]
    text = succeed("run", "lenet5_digits", "--image", images[0], "--image", images[1], "--no-times")
    assert [row[:3] for row in reading.plain(text).rows] == [[images[0], "1", "4"], [images[1], "1", "1"]]
    assert "batch 2" in text
    assert "samples 2 images" in text
    assert "Output  10  of each sample" in text


def test_labels_that_are_not_as_many() -> None:
    """Numbers in their place, and a note."""
    weights = ("--weights", "random:0", "--set", "vars.classes=7", "--no-times")
    text = succeed("run", "lenet5_digits", *weights)
    assert "note: there are 10 labels for 7 classes: classes go by their numbers" in text
    assert "labels for" not in succeed("run", "lenet5_digits", "--no-times")


def test_outputs_that_are_no_classes() -> None:
    """How the values of each sample are spread."""
    text = succeed("run", "-", "--batch", "2", "--no-times", stdin=MAP)
    grid = grid_of(text)
    assert grid.head == ["Sample", "Min", "Mean", "Max", "Std. deviation"]
    assert "Output  4×6×6  of each sample" in text
    network = loads(MAP).graph
    *_, (_, output) = run_reference(network, random_weights(network), normal((2, 2, 8, 8), 0, "samples.input"))
    for row, values in zip(grid.rows, output.astype(float), strict=True):
        numbers = [values.min(), values.mean(), values.max(), values.std()]
        assert [float(cell) for cell in row[1:]] == pytest.approx(numbers, rel=6e-3, abs=6e-4)


def test_outputs_that_are_no_numbers(tmp_path: Path) -> None:
    """Are counted, and null in JSON; nothing is said on stderr."""
    text = spec("relu", "flatten", "linear: {name: last, out_features: 5}", head="input: [2, 8, 8]")
    weights = random_weights(loads(text).graph)
    weights["last.weight"][4] = 3e38
    save_weights(tmp_path / "w.npz", weights)
    for execution in ("fast", "reference"):
        arguments = ("-", "--weights", str(tmp_path / "w.npz"), "--execution", execution)
        assert "note: 1 of 5 values are NaN or infinite" in succeed("run", *arguments, "--no-times", stdin=text)
        found = told(*arguments, stdin=text)
        assert found["output"]["nonfinite"] == 1
        assert found["classes"][0]["found"][0] == {"index": 4, "label": "", "probability": None, "score": None}


# Time and memory.


def test_where_the_time_went() -> None:
    """Kinds of steps, the slowest first; their sums; the peak; memory as predicted and taken."""
    _, text = tables(succeed("run", "resnet18", "--repeat", "3", "--threads", "1"))
    assert "input 3×224×224 · batch 1 · float32 · fast · 1 thread\n" in text
    grid = grid_of(text)
    assert grid.head == ["Steps of", "Steps", "MACs", "ms", "%", "GFLOP/s", "% of peak"]
    *rows, total = grid.rows
    assert {row[0] for row in rows} == {"conv", "maxpool", "global_avgpool", "linear"}
    times = [float(row[3].replace(",", "")) for row in rows]
    assert times == sorted(times, reverse=True)
    assert float(total[3]) == pytest.approx(sum(times), rel=0.01)
    assert sum(float(row[4]) for row in rows) == pytest.approx(100, abs=0.3)
    assert (total[0], total[4]) == ("total", "100.0")
    conv = next(row for row in rows if row[0] == "conv")
    assert conv[2] == "1.81G"
    # GFLOP/s are 2·MACs over the time.
    assert float(conv[5]) == pytest.approx(2 * 1.814 / float(conv[3]) * 1000, rel=0.01)
    peak = float(re.search(r"^Peak +([0-9.,]+)  GFLOP/s", text, re.MULTILINE)[1].replace(",", ""))  # type: ignore[index]
    assert float(conv[6]) == pytest.approx(100 * float(conv[5]) / peak, rel=0.02)
    assert [row[5:] for row in rows if row[0] == "maxpool"] == [["", ""]]
    for line in (
        r"One pass +[0-9.,]+  ms: median of 3, behind",
        r"  all +[0-9.,]+ … [0-9.,]+  ms",
        r"Weights +44\.6 MiB",
    ):
        assert re.search(f"^{line}", text, re.MULTILINE)
    for line in (
        r"Activations +6\.12 MiB  predicted: model peak, alive while stem",
        r"  planned +",
        r"  scratch +",
        r"Memory +",
    ):
        assert re.search(f"^{line}", text, re.MULTILINE)
    assert re.search(r"note: convolutions: (\d+ \w+(, )?)+\n", text)
    assert "note: no steps of their own: 1 flatten" in text


def test_one_pass() -> None:
    text = succeed("run", "lenet5", "--repeat", "1")
    assert re.search(r"^One pass +[0-9.]+  ms: behind a pass that does not count", text, re.MULTILINE)
    assert "median" not in text
    assert re.search(
        r"^One pass +[0-9.]+  ms: median of 2, behind", succeed("run", "lenet5", "--repeat", "2"), re.MULTILINE
    )


def test_a_row_each_layer() -> None:
    """Named after the first of those that a step computes, with the kinds of all."""
    text = tables(succeed("run", "resnet18", "--per-layer"))[1]
    grid = grid_of(text)
    assert grid.head == ["Layer (type)", "Output shape", "Algorithm", "MACs", "ms", "%", "GFLOP/s", "% of peak"]
    names = [row[0] for row in grid.rows]
    assert names[0] == "stem.conv (conv + batchnorm + relu)"
    assert "stage0.0.conv2.conv (conv + batchnorm + add + relu)" in names
    assert names[-1] == "total"
    assert grid.rows[0][1:4] == ["64×112×112", grid.rows[0][2], "118.0M"]
    assert grid.rows[-1][3] == "1.81G"
    for options in (("--columns", "ms"), ("--sort", "ms")):
        assert reading.plain(tables(succeed("run", "lenet5", *options))[1]).head[0] == "Layer (type)"


def test_the_reference_has_a_row_each_layer() -> None:
    grid = grid_of(tables(succeed("run", "lenet5", "--execution", "reference", "--per-layer"))[1])
    assert [row[0] for row in grid.rows[:3]] == ["conv1 (conv)", "tanh1 (tanh)", "pool1 (avgpool)"]
    assert {row[2] for row in grid.rows[:-1]} == {"reference"}
    text = succeed("run", "lenet5", "--execution", "reference")
    assert "· reference ·" in text
    assert "planned" not in text


@pytest.mark.parametrize("key", [column.key for column in COLUMNS])
def test_columns(key: str) -> None:
    """Each alone, and to sort by: the largest first, names in the order of the alphabet."""
    column = next(column for column in COLUMNS if column.key == key)
    grid = grid_of(tables(succeed("run", "lenet5", "--columns", key))[1])
    assert grid.head == ["Layer (type)", *([column.title] if key != "layer" else [])]
    rows = reading.csv_rows(succeed("run", "resnet18", "--sort", key, "--format", "csv"))
    cells = [row[key] for row in rows]
    if key in ("layer", "algorithm"):
        assert cells == sorted(cells, reverse=key == "algorithm")
    elif key == "output":
        sizes = [np.prod([int(size) for size in cell.split("x")]) for cell in cells]
        assert sizes == sorted(sizes, reverse=True)
    else:
        numbers = [float(cell or -1) for cell in cells]
        assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize("algorithm", ["direct", "im2col", "winograd"])
def test_algorithms(algorithm: str) -> None:
    """Where it is defined, which is said; the answer stays."""
    text = succeed("run", "resnet20_cifar", "--algorithm", algorithm)
    (line,) = re.findall(r"note: convolutions: (.*)\n", text)
    assert re.search(rf"\d+ {algorithm}", line)
    assert line.endswith(f" ({algorithm} wherever it is defined)")
    assert ("may be beyond 100%" in text) == (algorithm == "winograd")
    best, *_ = told("resnet20_cifar", "--algorithm", algorithm)["classes"][0]["found"]
    expected, *_ = told("resnet20_cifar", "--execution", "reference")["classes"][0]["found"]
    assert best["index"] == expected["index"]
    assert best["probability"] == pytest.approx(expected["probability"], abs=1e-3)


def test_no_times() -> None:
    """What comes out alone, and in CSV too."""
    text = succeed("run", "lenet5", "--no-times")
    assert tables(text) == [text]
    assert "ms" not in text
    rows = reading.csv_rows(succeed("run", "lenet5", "--no-times", "--format", "csv"))
    assert [*rows[0]] == ["rank", "class", "probability", "score"]
    found = told("lenet5", "--no-times")
    assert (found["times"], found["memory"]) == (None, None)


# Formats.

STEP = {
    "name": str,
    "layers": list,
    "ops": list,
    "output": list,
    "algorithm": str,
    "macs": int,
    "seconds": float,
    "flops_per_second": (float, type(None)),
    "share_of_peak": (float, type(None)),
}
GUESS = {"index": int, "label": str, "probability": float, "score": float}
RUN = {
    "execution": str,
    "algorithm": (str, type(None)),
    "threads": int,
    "weights": str,
    "matched": [str],
    "samples": str,
    "output": {"shape": list, "softmax": bool, "nonfinite": int},
    "classes": [{"sample": str, "found": [GUESS]}],
    "values": type(None),
    "times": {
        "counted": str,
        "passes": [float],
        "median": float,
        "flops_per_second": float,
        "peak_flops_per_second": float,
        "steps": [STEP],
    },
    "memory": {
        "predicted": {"weights": int, "rearranged": int, "activations": int, "scratch": int, "total": int},
        "planned": {"activations": int, "scratch": int},
        "taken": (int, type(None)),
    },
    "saved": dict,
}


def check(found: Any, wanted: Any) -> None:
    """Exactly these keys, and values of these types."""
    if isinstance(wanted, dict):
        assert [*found] == [*wanted]
        for key, inner in wanted.items():
            check(found[key], inner)
    elif isinstance(wanted, list):
        assert isinstance(found, list)
        for one in found:
            check(one, wanted[0])
    else:
        assert isinstance(found, wanted)
        assert isinstance(found, bool) == (wanted is bool)


def test_json() -> None:
    """The contract of all commands and one key more, whose own keys are always the same."""
    document = json.loads(succeed("run", "resnet18", "--batch", "2", "--repeat", "2", "--format", "json"))
    summary = json.loads(succeed("summary", "resnet18", "--batch", "2", "--format", "json"))
    found = document.pop("run")
    assert document == summary
    check(found, RUN)
    assert found["output"] == {"shape": [1000], "softmax": False, "nonfinite": 0}
    assert [one["sample"] for one in found["classes"]] == ["0", "1"]
    times = found["times"]
    assert len(times["passes"]) == 2
    assert times["median"] == pytest.approx(sum(times["passes"]) / 2)
    assert sum(step["macs"] for step in times["steps"]) == document["totals"]["macs"]
    layers = {layer["name"]: layer for layer in document["layers"]}
    for step in times["steps"]:
        assert step["name"] == step["layers"][0]
        assert step["ops"] == [layers[name]["op"] for name in step["layers"]]
        assert step["output"] == layers[step["layers"][-1]]["output"]
        if step["macs"]:
            assert step["flops_per_second"] == pytest.approx(2 * step["macs"] / step["seconds"])
            assert step["share_of_peak"] == pytest.approx(step["flops_per_second"] / times["peak_flops_per_second"])
        else:
            assert (step["flops_per_second"], step["share_of_peak"]) == (None, None)
    predicted = found["memory"]["predicted"]
    assert predicted["total"] == sum(size for part, size in predicted.items() if part != "total")
    assert predicted["weights"] == document["totals"]["weight_bytes"]


def test_json_of_other_runs() -> None:
    """Where there are no classes, no plan, no products: null."""
    found = told("-", "--execution", "reference", stdin=MAP)
    check(found, {**RUN, "classes": type(None), "values": [{"sample": str, "found": dict}], "memory": dict})
    assert [*found["values"][0]["found"]] == ["min", "mean", "max", "std"]
    assert found["memory"]["planned"] is None
    pool = told("-", stdin=spec("maxpool: {kernel_size: 2}"))
    assert pool["times"]["flops_per_second"] is None


def test_csv() -> None:
    """A row a step with exact numbers, which are those of JSON in their kind."""
    rows = reading.csv_rows(succeed("run", "resnet18", "--format", "csv"))
    assert [*rows[0]] == ["layer", "type", *(column.key for column in COLUMNS[1:])]
    steps = told("resnet18")["times"]["steps"]
    assert [(row["layer"], row["type"], row["output"], row["macs"]) for row in rows] == [
        (step["name"], " + ".join(step["ops"]), "x".join(map(str, step["output"])), str(step["macs"])) for step in steps
    ]
    assert sum(float(row["time_share"]) for row in rows) == pytest.approx(1)
    for row in rows:
        if row["gflops"]:
            assert float(row["gflops"]) == pytest.approx(2e-6 * int(row["macs"]) / float(row["ms"]))


@pytest.mark.parametrize("kind", ["plain", "markdown", "latex", "html"])
def test_formats(kind: str) -> None:
    """Both tables in each, the first with the same cells."""
    text = succeed("run", "lenet5_digits", "--format", kind)
    grid = reading.GRIDS[kind](succeed("run", "lenet5_digits", "--no-times", "--format", kind))
    assert [row[1] for row in grid.rows] == [row[1] for row in reading.plain(succeed("run", "lenet5_digits")).rows]
    assert text.index("LeNet-5 (trained on digits): output") < text.index("LeNet-5 (trained on digits): time")
    assert text.index("LeNet-5 (trained on digits): time") < text.index("GFLOP/s")


def test_output_files(tmp_path: Path) -> None:
    """By their ending, both tables in one."""
    for name, words in (
        ("run.md", "**LeNet-5: time**"),
        ("run.csv", "layer,type,"),
        ("run.json", '"times"'),
        ("run.txt", "LeNet-5: time"),
    ):
        assert succeed("run", "lenet5", "-o", str(tmp_path / name)) == ""
        assert words in (tmp_path / name).read_text()


@pytest.mark.parametrize("columns", [80, 140])
def test_terminals(columns: int) -> None:
    """No line is longer than the terminal is wide; nothing is drawn for what takes no time."""
    commands = (
        "run lenet5",
        "run lenet5_digits --per-layer",
        "run resnet18 --per-layer --batch 2",
        "run lenet5 --ascii",
    )
    outputs = on_terminal(columns, *commands)
    for command, text in zip(commands, outputs, strict=True):
        shown = ESCAPE.sub("", text.rpartition("\x1b[2K")[2])
        assert max(map(len, shown.split("\n"))) <= columns
        assert "\x1b[1m" in text
        assert "GFLOP/s" in shown
        assert shown.isascii() == ("--ascii" in command)
    assert "\x1b[?25l" not in outputs[0]
    (plain,) = on_terminal(columns, "run lenet5", NO_COLOR="1")
    assert "36m" in outputs[0]
    assert "36m" not in plain


def test_a_label_that_is_zero_is_no_zero() -> None:
    """The name of a class does not step back as a count of nothing does."""
    (text,) = on_terminal(80, f"run lenet5_digits --image {IMAGES}/0.png --no-times --top 1")
    row = next(line for line in text.split("\n") if ESCAPE.sub("", line).startswith("   1"))
    assert "\x1b[2m" not in row


@pytest.mark.parametrize(
    "value", [0.0, 1e-9, 4.99e-4, 5e-4, 0.0123, 0.9996, 1.0, 9.996, 12.34, 99.96, 999.6, 1234.5, 7e9, -0.5, -1e-7]
)
def test_measured_numbers(value: float) -> None:
    """To three digits, at most three behind the point."""
    text = cell_text(value, "measured")
    assert float(text.replace(",", "")) == pytest.approx(
        value, abs=5.1e-4 if 5e-4 <= abs(value) < 1 else 0, rel=5.1e-2 if abs(value) < 5e-4 else 5.1e-3
    )
    assert len(text.partition(".")[2]) <= 3 or "e" in text
    for word, shown in ((float("nan"), "nan"), (float("-inf"), "-inf")):
        assert cell_text(word, "measured") == shown


# Files that are written.


@pytest.mark.parametrize("execution", ["fast", "reference"])
def test_saved_layers_are_those_of_the_reference(execution: str, tmp_path: Path) -> None:
    """As many as are asked for, behind whatever is fused with them otherwise; the input as it was drawn."""
    network = load("resnet20_cifar").graph
    weights, x = random_weights(network, 2), normal((2, 3, 32, 32), 3, "samples.input")
    names = [network.nodes[i].name for i in (0, 1, 2, 9, 30, len(network.nodes) - 1)]
    files = {name: tmp_path / f"{i}.npy" for i, name in enumerate(names)}
    saves = [word for name, path in files.items() for word in ("--save", f"{name}={path}")]
    options = ("--weights", "random:2", "--input", "random:3", "--batch", "2", "--execution", execution, "--no-times")
    text = succeed("run", "resnet20_cifar", *options, *saves)
    for position, expected in run_reference(network, weights, x, names):
        if network.nodes[position].name in files:
            path = files[network.nodes[position].name]
            found: Array = np.load(path)
            assert (found.shape, found.dtype) == (expected.shape, np.float32)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
            shape = "×".join(map(str, expected.shape))
            assert f"note: saved: {network.nodes[position].name}, {shape}, in {path}" in text
    assert len([*tmp_path.iterdir()]) == len(files)
    assert told("lenet5", "--save", f"conv1={tmp_path / 'c.npy'}")["saved"] == {"conv1": str(tmp_path / "c.npy")}


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """A file with something in it, which has to be there behind the test, alone."""
    path = tmp_path / "old.npy"
    path.write_text("old")
    yield path
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    "options",
    [
        ("--input", "no.npy"),
        ("--save", "conv9={}.x.npy"),
        ("--weights", "no.npz"),
        ("--image", "no.png"),
        ("--batch", "1000000000000"),
        ("--columns", "nope"),
    ],
)
def test_nothing_is_written_if_the_run_fails(options: tuple[str, ...], old: Path) -> None:
    words = [option.format(old) for option in options]
    assert run("run", "lenet5_digits", "--save", f"conv1={old}", *words).code == 2


def test_a_failed_rename_leaves_the_old_file(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("os.replace", fail)
    result = run("run", "lenet5", "--save", f"conv1={old}")
    assert (result.code, result.out) == (2, "")
    assert result.err == f"'{old}' cannot be written: no space\n"


# What goes in.


def test_input_is_a_shape_or_samples(tmp_path: Path) -> None:
    """What ends in .npy and what is a seed are samples, anything else a shape; both may be given."""
    x = np.random.default_rng(0).standard_normal((3, 1, 28, 28))
    path = tmp_path / "28x28.NPY"
    with open(path, "wb") as file:
        np.save(file, x)
    text = succeed("run", "lenet5", "--input", "1x28x28", "--input", str(path), "--no-times")
    assert "input 1×28×28 · batch 3" in text
    assert f"samples {path}" in text
    assert "input 1×28×28 · batch 1" in succeed("run", "lenet5", "--input", "1,28,28", "--no-times")
    assert "samples random:7" in succeed("run", "lenet5", "--input", "random:7", "--input", "1x28x28", "--no-times")


def test_standard_input_and_set() -> None:
    """Networks of every kind that other commands take."""
    assert "Output  3\n" in succeed("run", "lenet5", "--set", "vars.classes=3", "--no-times")
    assert "Output  5\n" in succeed("run", "-", "--no-times", stdin=SOFT)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("lenet6", "there is no network 'lenet6' in the zoo; did you mean 'lenet5'?"),
        ("lenet5 --input 3x", "--input '3x' is neither samples nor the shape of an input; such as x.npy, random:1"),
        ("lenet5 --input x.npz", "--input 'x.npz' is neither samples nor the shape of an input"),
        ("lenet5 --input 1x32x32 --input 1x28x28", "--input 1x32x32 and 1x28x28 are two shapes"),
        ("lenet5 --input random:1 --input random:2", "random:SEED draws the samples of every input"),
        ("lenet5 --input a.npy --input b.npy", "lenet5 has 1 input, and samples for 2 came"),
        ("lenet5 --input no.npy", "'no.npy' cannot be read: No such file or directory"),
        ("lenet5 --input random:one", "'random:one' is no seed; random:0 is one"),
        ("lenet5 --input random:1 --image a.png", "samples are images or arrays, and both came"),
        ("lenet5 --image a.png --batch 2", "a batch of 2 was asked for, and 1 sample came"),
        ("lenet5 --image a.png", "'lenet5' does not say how an image becomes its input"),
        ("lenet5_digits --image no.png", "there is no file 'no.png'"),
        ("lenet5_digits --image README.md", "'README.md' is no image of a kind that is read"),
        ("lenet5 --weights no.npz", "'no.npz' cannot be read: No such file or directory"),
        ("lenet5 --weights README.md", "'README.md' is no file of weights that is read"),
        ("lenet5 --weights random:", "'random:' is no seed"),
        ("lenet5 --save conv9=a.npy", "'lenet5' has no layer 'conv9'; did you mean 'conv"),
        ("lenet5 --save conv1", "--save conv1 saves nothing; such as conv1=conv1.npy"),
        ("lenet5 --save conv1=a.png", "--save conv1=a.png saves nothing"),
        ("lenet5 --save =a.npy", "--save =a.npy saves nothing"),
        (
            "lenet5 --save conv1=a.npy --save conv1=b.npy",
            "--save conv1=b.npy: a layer and a file belong to one another",
        ),
        (
            "lenet5 --save conv1=a.npy --save conv2=a.npy",
            "--save conv2=a.npy: a layer and a file belong to one another",
        ),
        ("lenet5 --save conv1=no/a.npy", "'no/a.npy' cannot be written: No such file or directory"),
        ("lenet5 --execution reference --algorithm im2col", "the reference computes convolutions in one way"),
        ("lenet5 --columns mss", "there is no column 'mss'; did you mean 'ms'?"),
        ("lenet5 --columns ms --sort macs", "there is no column 'macs' to sort by here"),
        ("lenet5 --no-times --per-layer", "--no-times leaves no times per layer to be shown"),
        ("lenet5 --no-times --sort ms", "--no-times leaves no times per layer to be shown"),
        ("resnet18 --set fc.out_features=x", "out_features"),
    ],
)
def test_what_cannot_be_asked(arguments: str, says: str) -> None:
    """Exit 2, one line that says what is wrong, nothing on stdout."""
    result = run("run", *arguments.split(" "))
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert result.err.count("\n") == 1 or "--set" in arguments


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--execution=slow", "'fast', 'reference'"),
        ("--algorithm=fft", "'direct', 'im2col', 'winograd'"),
        ("--threads=0", "1<=x<=256"),
        ("--threads=257", "1<=x<=256"),
        ("--repeat=0", "x>=1"),
        ("--batch=0", "x>=1"),
        ("--top=0", "x>=1"),
        ("--topp=3", "--top"),
    ],
)
def test_bad_options(option: str, says: str) -> None:
    result = run("run", "lenet5", option)
    assert (result.code, result.out) == (2, "")
    assert says in result.err


def test_top_of_what_has_no_classes() -> None:
    result = run("run", "-", "--top", "3", stdin=MAP)
    assert result == (2, "", "--top asks for classes, and tiny gives 4×6×6\n")


def test_samples_and_weights_that_do_not_fit(tmp_path: Path) -> None:
    """All that is wrong with weights at once; samples in a line."""
    np.save(tmp_path / "x.npy", np.full((2, 1, 32, 32), np.nan))
    result = run("run", "lenet5", "--input", str(tmp_path / "x.npy"))
    assert result == (2, "", f"'{tmp_path}/x.npy' holds 2048 values that are NaN, infinite or too large for float32\n")
    weights = random_weights(load("lenet5").graph)
    weights["conv1.weigth"] = weights.pop("conv1.weight")
    weights["fc1.bias"] = weights["fc1.bias"][:7]
    weights["fc2.bias"] = weights["fc2.bias"].astype("int32")
    weights["fc3.bias"][3] = np.inf
    path = tmp_path / "w.npz"
    save_weights(path, weights)
    result = run("run", "lenet5", "--weights", str(path))
    assert (result.code, result.out) == (2, "")
    lines = result.err.rstrip("\n").split("\n")
    assert sorted(re.findall(r"'([\w.]+)'", line)[-1] for line in lines) == [
        *("conv1.weight", "conv1.weight", "fc1.bias", "fc2.bias", "fc3.bias")
    ]
    path.write_bytes(path.read_bytes()[:-300])
    result = run("run", "lenet5", "--weights", str(path))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "cannot be loaded" in result.err
    np.savez(path, **{"conv1.weight": np.array([{}])}, allow_pickle=True)
    result = run("run", "lenet5", "--weights", str(path))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "Python objects" in result.err


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both numbers, before anything is made."""
    monkeypatch.setattr(forward, "available_memory", lambda: 5 * 2**30)
    monkeypatch.setattr(forward, "run_passes", None)
    result = run("run", "vgg16", "--batch", "4096")
    assert (result.code, result.out) == (2, "")
    assert re.fullmatch(
        r"vgg16 takes about 1[0-9]{2}\.[0-9] GiB at batch 4096, and 5\.0 GiB are available;"
        r" a smaller batch or input takes less\n",
        result.err,
    )


def test_memory_that_nobody_has() -> None:
    """However large a batch is, the answer is there at once."""
    began = time.monotonic()
    result = run("run", "vgg16", "--batch", str(10**15))
    assert (result.code, result.out) == (2, "")
    assert "at batch 1000000000000000, and" in result.err
    assert time.monotonic() - began < 5


def test_without_pillow(tmp_path: Path) -> None:
    """One line that says what to install."""
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise ImportError('not here')")
    env = environment()
    done = start(
        *("run", "lenet5_digits", "--image", f"{IMAGES}/3.png"),
        env={**env, "PYTHONPATH": f"{tmp_path}:{env['PYTHONPATH']}"},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "An image needs the package Pillow, which is not installed; pip install 'archcalc[image]'\n"


# Start, end, and what is seen meanwhile.


@pytest.mark.parametrize("command", ["--help", "run --help", "run lenet5 --no-times --per-layer", "run nosuch"])
def test_arrays_are_imported_when_they_are_needed(command: str) -> None:
    """Not for help, nor for what is wrong already; and the help lists the command."""
    code = (
        "import sys; from archcalc.cli.main import run; run(sys.argv[1].split(' '));"
        " print('numpy' in sys.modules or 'rich' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr.endswith("False\n")
    if command == "--help":
        assert re.search(r"^  run +The network on samples", done.stdout, re.MULTILINE)


def test_a_reader_that_has_had_enough() -> None:
    read, write = os.pipe()
    os.close(read)
    result = start("run", "lenet5", stdout=write)
    os.close(write)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_bar_for_what_takes_long() -> None:
    """On a terminal: drawn behind a second, gone at the end. Through a pipe nothing is drawn."""
    # Threads of BLAS wait long for each other on a machine that is busy.
    command = ("run", "vgg16", "--execution", "reference", "--threads", "1", "--repeat", "6")
    (result,) = run_on_terminal(80, command)
    assert result.code == 0
    assert "━" in result.out
    assert re.search(r"VGG-16 .*[1-9][0-9]*%", ESCAPE.sub("", result.out))
    assert result.out.index("━") < result.out.index("VGG-16: output")
    before = result.out[: result.out.index("VGG-16: output")]
    assert before.rindex("\x1b[?25h") > before.rindex("\x1b[?25l")
    assert "\x1b[2K" in before[before.rindex("\x1b[?25h") :]
    assert start(*command[:-2]).stderr == ""


def interrupted(*arguments: str, after: float) -> tuple[int, str, str, float]:
    """Exit code and streams of a command that is interrupted some seconds after its start, and how long that took."""
    # Whoever runs the tests in the background has Ctrl-C ignored, which children inherit.
    code = "import signal as s; s.signal(s.SIGINT, s.default_int_handler); from archcalc.__main__ import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )
    time.sleep(after)
    assert child.poll() is None
    began = time.monotonic()
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all processes of the command
    out, err = child.communicate(timeout=30)
    took = time.monotonic() - began
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)  # no worker is left
    return child.returncode, out, err.strip(), took


@pytest.mark.parametrize(
    ("arguments", "after"),
    [
        ("vgg16 --repeat 1000", 4.0),
        ("vgg16 --repeat 1000 --threads 1", 4.0),
        ("vgg16 --repeat 1000", 1.0),
        ("vgg16 --repeat 1000 --execution reference --batch 2", 3.0),
    ],
)
def test_an_interrupt(arguments: str, after: float) -> None:
    """Exit 130 within a second, quietly, and with all workers: while it runs and while weights are made."""
    code, out, err, took = interrupted("run", *arguments.split(" "), after=after)
    assert (code, out, err) == (130, "", "")
    assert took < 1


@pytest.mark.parametrize("execution", ["fast", "reference"])
def test_who_is_interrupted_promptly(execution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference, whose calls are long; a thread beside the plan would keep it from forking its workers."""
    asked: list[object] = []
    monkeypatch.setattr(cli, "prompt_interrupts", lambda restore: asked.append(restore) or contextlib.nullcontext())
    succeed("run", "lenet5", "--execution", execution, "--no-times")
    assert len(asked) == (execution == "reference")


LONG_CALL = """
import hashlib, os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from archcalc.cli.interrupts import prompt_interrupts
try:
    with prompt_interrupts(lambda: print("restored", flush=True)):
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        hashlib.pbkdf2_hmac("sha256", b"", b"", int(sys.argv[1]))  # looks at no signal until it is done
        time.sleep(9)
except KeyboardInterrupt:
    print("heard", signal.set_wakeup_fd(-1), threading.active_count())
"""


def long_call(rounds: int) -> tuple[int, str, str, float]:
    began = time.monotonic()
    command = [sys.executable, "-c", LONG_CALL, str(rounds)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - began


def test_an_interrupt_in_the_middle_of_a_long_call() -> None:
    """Half a second later the process ends, having put the terminal in order."""
    *end, took = long_call(10**9)
    assert end == [130, "restored\n", ""]
    assert took < 3


def test_an_interrupt_that_is_heard() -> None:
    """The ordinary way, if the call ends in time; behind it signals are as they were, and the thread is gone."""
    *end, took = long_call(1)
    assert end == [0, "heard -1 1\n", ""]
    assert took < 3
