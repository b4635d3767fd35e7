"""`archcalc weights`: what is in a file, what it fits, and the same under other names and in another format."""

import json
from pathlib import Path

import numpy as np
import pytest

from archcalc.forward.weight_files.opened import load_weights
from archcalc.forward.weight_files.writing import save_weights, write_safetensors
from archcalc.forward.weights import random_weights
from archcalc.network import load

from .running import run, succeed

DIGITS = "specs/lenet5_digits.npz"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """LeNet-5 as somebody else has it: numbered, wrapped, in × out, and with a counter."""
    weights = random_weights(load("lenet5").graph)
    names = {"conv1": "net.0", "conv2": "net.3", "fc1": "net.6", "fc2": "net.8", "fc3": "net.10"}
    arrays = {}
    for name, array in weights.items():
        layer, _, part = name.rpartition(".")
        turned = array.T if layer.startswith("fc") and part == "weight" else array
        arrays[f"module.{names[layer]}.{part}"] = turned
    arrays["module.bn.num_batches_tracked"] = np.array(3)
    path = tmp_path / "foreign.npz"
    save_weights(path, arrays)
    return path


def test_what_is_in_a_file() -> None:
    """Names, shapes, types, norms as numpy has them, sums, and what fits."""
    output = succeed("weights", DIGITS)
    with np.load(DIGITS) as arrays:
        for name in arrays.files:
            (line,) = [line for line in output.splitlines() if line.startswith(f"{name} ")]
            cells = line.split()
            assert cells[1] == "×".join(map(str, arrays[name].shape))
            assert cells[2] == arrays[name].dtype.name
            assert f"{arrays[name].size:,}" in cells
        total = sum(arrays[name].size for name in arrays.files)
    assert f"{total:,}" in output
    assert "Fits" in output
    assert "lenet5_digits  by name" in output


def test_json_holds_it_all() -> None:
    document = json.loads(succeed("weights", DIGITS, "--format", "json"))
    with np.load(DIGITS) as arrays:
        for said in document["arrays"]:
            array = arrays[said["name"]].astype(float)
            assert said["shape"] == [*array.shape]
            assert said["statistics"]["l2"] == pytest.approx(np.linalg.norm(array))
            assert said["statistics"]["mean"] == pytest.approx(array.mean())
            assert (said["statistics"]["min"], said["statistics"]["max"]) == (array.min(), array.max())
        assert document["totals"]["arrays"] == len(arrays.files)
    assert "lenet5_digits" in [fit["network"] for fit in document["fits"]]
    assert document["alike"] == []


def test_values_that_are_none(tmp_path: Path) -> None:
    """Have columns of their own, and the norms are those of the others."""
    save_weights(tmp_path / "w.npz", {"a": np.array([3, np.nan, 4, np.inf]), "b": np.ones(2)})
    output = succeed("weights", str(tmp_path / "w.npz"), "--no-fits", "--sort", "l2", "--top", "1")
    assert "NaN" in output
    assert "Infinite" in output
    (line,) = [line for line in output.splitlines() if line.startswith("a ")]
    assert line.split()[-6:] == ["5.00", "3.50", "3.00", "4.00", "1", "1"]
    assert "note: the first 1 of 2 arrays" in output
    plain = succeed("weights", str(tmp_path / "w.npz"), "--no-fits", "--no-values")
    assert "L2" not in plain


def test_for_a_network(foreign: Path, tmp_path: Path) -> None:
    """Which array is which, and the same numbers in a file under the network's names."""
    to = tmp_path / "ours.safetensors"
    output = succeed("weights", str(foreign), "--for", "lenet5", "--to", str(to))
    assert "conv1.weight  module.net.0.weight" in output
    assert "order, shape" in output
    assert "axes 1, 0" in output
    assert "note: 3 arrays turned" in output
    assert "note: 1 counters of batches are left out" in output
    assert f"note: written: 10 arrays, in {to}" in output
    written = load_weights(to)
    for name, array in random_weights(load("lenet5").graph).items():
        np.testing.assert_array_equal(written[name], array)
    document = json.loads(succeed("weights", str(foreign), "--for", "lenet5", "--format", "json"))
    assert document["matches"][0] == {
        "weight": "conv1.weight",
        "array": "module.net.0.weight",
        "rule": "order",
        "axes": None,
        "shape": [6, 1, 5, 5],
    }
    assert (document["ignored"], document["unused"]) == (1, [])


def test_a_run_says_what_was_not_found_by_name(foreign: Path, tmp_path: Path) -> None:
    """And is the same run; by name, nothing is said."""
    save_weights(tmp_path / "own.npz", random_weights(load("lenet5").graph))
    runs = [
        json.loads(succeed("run", "lenet5", "--weights", str(path), "--no-times", "--format", "json"))["run"]
        for path in (foreign, tmp_path / "own.npz")
    ]
    assert runs[0]["classes"] == runs[1]["classes"]
    assert runs[0]["matched"][0].startswith("10 of 10 weights by order and shape, not by name: module.net.0.weight is ")
    assert runs[1]["matched"] == []
    assert "note: 10 of 10 weights by order" in succeed("run", "lenet5", "--weights", str(foreign), "--no-times")


def test_to_another_format_and_back(tmp_path: Path) -> None:
    """Bit by bit."""
    there, back = str(tmp_path / "w.safetensors"), str(tmp_path / "w.npz")
    succeed("weights", DIGITS, "--no-fits", "--to", there)
    succeed("weights", there, "--no-fits", "--to", back)
    with np.load(DIGITS) as first, np.load(back) as last:
        assert {*first.files} == {*last.files}
        for name in first.files:
            assert first[name].tobytes() == last[name].tobytes()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("no.npz",), "'no.npz' cannot be read: No such file or directory"),
        (("README.md",), "'README.md' is no file of weights that is read"),
        (("specs",), "'specs' cannot be read: Is a directory"),
        ((DIGITS, "--to", "w.pth"), "--to w.pth is no format that is written; .npz and .safetensors are"),
        ((DIGITS, "--to", "missing/w.npz"), "'missing/w.npz' cannot be written: No such file or directory"),
        ((DIGITS, "--set", "vars.classes=3"), "--set changes the network of --for, which is not given"),
        ((DIGITS, "--sort", "l3"), "there is no column 'l3' to sort by; there is bytes, l2, max, mean, min and values"),
        ((DIGITS, "--for", "lenet6"), "there is no network 'lenet6' in the zoo; did you mean 'lenet5'?"),
    ],
)
def test_what_cannot_be_done(arguments: tuple[str, ...], expected: str) -> None:
    """A line on stderr, and 2."""
    result = run("weights", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(expected)
    assert result.err.count("\n") == 1


def test_names_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    """Nor does a network that does not fit leave a file."""
    write_safetensors(str(tmp_path / "w.safetensors"), [])
    save_weights(tmp_path / "w.npz", {"\x1b[2Jevil": np.ones((2, 3))})
    assert "\x1b" not in succeed("weights", str(tmp_path / "w.npz"), "--no-fits")
    to = tmp_path / "out.npz"
    result = run("weights", str(tmp_path / "w.npz"), "--for", "lenet5", "--to", str(to))
    assert result.code == 2
    assert "\x1b" not in result.err
    assert not to.exists()
    assert "0 arrays" in succeed("weights", str(tmp_path / "w.safetensors"), "--no-fits")
