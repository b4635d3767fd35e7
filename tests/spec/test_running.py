"""What specs say about running: weights, preprocess and labels, and which of it others take over."""

from pathlib import Path

import pytest

from archcalc.errors import UsageError
from archcalc.network import Network, load, loads
from archcalc.spec.model import Preprocess
from archcalc.spec.zoo import labels_of

from .helpers import spec

BASE = """archcalc: 1
name: base
input: [3, 8, 8]
weights: deep/base.npz
preprocess: {resize: 10, crop: [8, 9], divide: 255, mean: [1, 2, 3], std: [0.5, 1, 2]}
labels: kinds.txt
layers: [relu]
"""


def over(folder: Path, text: str) -> Network:
    """The network of a text in a folder of its own, over BASE in the one above."""
    (folder / "base.yaml").write_text(BASE)
    (folder / "sub").mkdir()
    (folder / "sub" / "over.yaml").write_text(f"archcalc: 1\nextends: ../base.yaml\nname: over\n{text}")
    return load(folder / "sub" / "over.yaml")


def test_nothing_is_said_unless_it_is() -> None:
    found = loads(spec("- relu")).spec
    assert (found.weights, found.preprocess, found.labels, labels_of(found)) == ("", None, (), ())


def test_everything_is_read(tmp_path: Path) -> None:
    """Paths count from the spec's folder."""
    (tmp_path / "base.yaml").write_text(BASE)
    found = load(tmp_path / "base.yaml").spec
    assert found.weights == str(tmp_path / "deep" / "base.npz")
    assert found.labels == str(tmp_path / "kinds.txt")
    assert found.preprocess == Preprocess("RGB", False, 10, (8, 9), 255.0, (1.0, 2.0, 3.0), (0.5, 1.0, 2.0))


def test_what_is_not_said_changes_nothing() -> None:
    """An empty preprocess is one: the image as it is, in colours."""
    found = loads(spec("- relu").replace("layers:", "preprocess: {}\nlayers:")).spec
    assert found.preprocess == Preprocess("RGB", False, None, None, 1.0, (0.0,) * 3, (1.0,) * 3)
    found = loads(spec("- relu").replace("layers:", "preprocess: {mode: L}\nlayers:")).spec
    assert found.preprocess == Preprocess("L", False, None, None, 1.0, (0.0,), (1.0,))


def test_paths_of_a_text_count_from_here() -> None:
    found = loads(BASE).spec
    assert (found.weights, found.labels) == ("deep/base.npz", "kinds.txt")


def test_what_others_take_over(tmp_path: Path) -> None:
    """Weights are of one network; labels, and how an image becomes the input, are of a whole family."""
    found = over(tmp_path, "").spec
    base = loads(BASE).spec
    assert found.weights == ""
    assert found.preprocess == base.preprocess
    assert Path(str(found.labels)).resolve() == tmp_path / "kinds.txt"


def test_another_input_is_made_otherwise(tmp_path: Path) -> None:
    assert over(tmp_path, "input: [3, 32, 32]\n").spec.preprocess is None


def test_what_is_written_anew(tmp_path: Path) -> None:
    found = over(tmp_path, "weights: own.npz\npreprocess: {mode: L}\nlabels: [yes, no]\ninput: [1, 4, 4]\n").spec
    assert found.weights == str(tmp_path / "sub" / "own.npz")
    assert found.preprocess is not None
    assert found.preprocess.mode == "L"
    assert labels_of(found) == ("yes", "no")


def test_labels_of_a_file(tmp_path: Path) -> None:
    """One a line; what cannot be read is said in one."""
    (tmp_path / "base.yaml").write_text(BASE)
    found = load(tmp_path / "base.yaml").spec
    with pytest.raises(UsageError, match=r"there is no file '.*kinds.txt'"):
        labels_of(found)
    (tmp_path / "kinds.txt").write_text("tabby cat\nzèbre\n", "utf-8")
    assert labels_of(found) == ("tabby cat", "zèbre")
    (tmp_path / "kinds.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"kinds.txt' is not text"):
        labels_of(found)
