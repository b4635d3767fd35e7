"""Weights in files: written whole, read back bit by bit, refused in one clear line."""

import contextlib
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.errors import UsageError
from archcalc.forward.weight_files.opened import load_weights
from archcalc.forward.weight_files.writing import save_weights
from archcalc.forward.weights import random_weights
from archcalc.network import load

ARRAYS = {"conv1.weight": np.arange(6, dtype="float32").reshape(2, 3), "file": np.ones(2), "scope/a.0.b": np.zeros(())}


def message(path: Path) -> str:
    """What is wrong with a file, in one line and with its name, without the name."""
    with pytest.raises(UsageError) as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value).replace(str(path), "F")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.npz"


def test_what_is_saved_is_loaded(path: Path) -> None:
    """Names, order, types and bits; numpy reads it too."""
    for weights in (ARRAYS, random_weights(load("lenet5").graph, dtype="float64"), {}):
        save_weights(path, weights)
        again = load_weights(path)
        assert [*again] == [*weights]
        with np.load(path) as by_numpy:
            for name, array in weights.items():
                for read in (again[name], by_numpy[name]):
                    assert (read.dtype, read.shape, read.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert [*path.parent.iterdir()] == [path]


def test_the_same_weights_are_the_same_bytes(path: Path) -> None:
    """No date, no chance."""
    save_weights(path, ARRAYS)
    first = path.read_bytes()
    save_weights(path, ARRAYS)
    assert path.read_bytes() == first


def test_what_numpy_saves_is_loaded(path: Path) -> None:
    """Compressed or not, under any ending."""
    for save in (np.savez, np.savez_compressed):
        with open(path.with_suffix(".bin"), "wb") as file:
            save(file, **{"a.weight": ARRAYS["conv1.weight"]})
        np.testing.assert_array_equal(load_weights(str(path.with_suffix(".bin")))["a.weight"], ARRAYS["conv1.weight"])


def test_a_file_is_written_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stops it, the old one is there, and none beside it."""
    path.write_text("old")
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save_weights(path, {"first": np.ones(3), "second": np.array([None])})

    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(UsageError, match=r"weights\.npz' cannot be written: no space"):
        save_weights(path, ARRAYS)
    assert path.read_text() == "old"
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("place", ["missing/w.npz", ""])
def test_places_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    """Said in a line."""
    with pytest.raises(UsageError, match="cannot be written"):
        save_weights(tmp_path / place, ARRAYS)


def test_files_that_are_not_there(path: Path) -> None:
    """Nor are directories files."""
    assert message(path) == "'F' cannot be read: No such file or directory"
    path.mkdir()
    assert message(path) == "'F' cannot be read: Is a directory"


@pytest.mark.parametrize("content", [b"", b"PK", b"archcalc: 1\n", "npy"])
def test_files_of_another_kind(content: bytes | str, path: Path) -> None:
    """Texts, single arrays, and files that have just begun."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with open(path, "wb") as file:
            np.save(file, np.ones(3))
    assert message(path) == "'F' is no file of weights that is read; .npz, .safetensors and .onnx are"


PICKLE = (
    "'F' is a pickle, as torch.save writes them: to load one is to run the code in it; "
    "in torch: safetensors.torch.save_file(torch.load('{}', weights_only=True), 'weights.safetensors')"
)


@pytest.mark.parametrize("content", [b"\x80\x04N.", pickle.dumps(ARRAYS)])
def test_pickles(content: bytes, path: Path) -> None:
    """Are not opened, whatever they are called, and there is a way to convert them."""
    path.write_bytes(content)
    assert message(path) == PICKLE.format("weights.npz")
    other = path.with_suffix(".pth")
    other.write_bytes(b"PICKLE")
    assert message(other) == PICKLE.format("weights.pth")


def test_files_of_keras(path: Path) -> None:
    """Are not read; how to convert them is said."""
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    hint = "in Keras: numpy.savez('weights.npz', **{v.path: v.numpy() for v in model.weights})"
    assert message(path) == f"'F' is an HDF5 file, which is not read; {hint}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"")
    assert message(path) == f"'F' is a file of Keras, which is not read; {hint}"


def test_python_objects_are_refused(path: Path, tmp_path: Path) -> None:
    """They are never unpickled: what would run, does not."""
    trap = np.array([Trap(tmp_path / "ran")], dtype=object)
    with open(path, "wb") as file:
        np.savez(file, **{"a.weight": np.ones(3), "b.weight": trap})
    assert message(path).startswith("'F': 'b.weight' in it cannot be loaded: Object arrays cannot be loaded")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Trap(tmp_path / "ran")))
    assert message(path) == PICKLE.format("weights.npz")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "no array")
    assert message(path) == "'F': 'notes.txt' is no array"
    assert not (tmp_path / "ran").exists()


class Trap:
    """What leaves a file where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> object:
        return Path.touch, (self.place,)


def saved() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{"a.weight": np.arange(6, dtype="float32"), "b.bias": np.ones(3)})
    return buffer.getvalue()


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_truncated_files(share: float, path: Path) -> None:
    """Are no archives any more."""
    whole = saved()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert message(path) == "'F': cannot be loaded: File is not a zip file"


def test_flipped_bits(path: Path) -> None:
    """Are found by their checksum, and the array is named."""
    content = bytearray(saved())
    content[content.index(np.ones(3).tobytes())] ^= 1
    path.write_bytes(content)
    assert message(path).startswith("'F': 'b.bias' in it cannot be loaded: Bad CRC-32")


def test_an_array_that_claims_to_be_huge(path: Path) -> None:
    """Does not take the memory that it claims."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.weight.npy", header.getvalue())
    assert message(path).startswith("'F': 'a.weight' in it cannot be loaded: ")


HEADER = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".ljust(127) + b"\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"'<f4'", b"'<,4'"),  # numpy's reader fails with a SyntaxError here
        (b" 'shape'", b"b'shape'"),  # a TypeError
        (b"'shape':", b"'shape'}"),  # a TokenError
        (b"(2,)", b"(9,)"),
        (b"(2,)", b"(-2)"),
        (b"'<f4'", b"'|O' "),
    ],
)
def test_headers_that_are_damaged(before: bytes, after: bytes, path: Path) -> None:
    """Whichever way numpy's reader fails, there is a line, and the array is named."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.weight.npy", HEADER.replace(before, after) + np.ones(2, "float32").tobytes())
    assert message(path).startswith("'F': 'a.weight' in it cannot be loaded: ")


def test_a_header_of_python_2(path: Path) -> None:
    """Has long integers, and is read without a warning."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.weight.npy", HEADER.replace(b"(2,), ", b"(2L,),") + np.ones(2, "float32").tobytes())
    np.testing.assert_array_equal(load_weights(path)["a.weight"], [1, 1])


@given(st.lists(st.tuples(st.integers(0, 130), st.sampled_from(b"0-1e'(){}[],:<f\n\x00\xff")), min_size=1, max_size=4))
def test_any_header(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]) -> None:
    """Whatever numpy's reader makes of a damaged one, it is an array or a line."""
    content = bytearray(HEADER + np.ones(2, "float32").tobytes())
    for at, byte in changes:
        content[at] = byte
    path = tmp_path_factory.getbasetemp() / "header.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.weight.npy", bytes(content))
    with contextlib.suppress(UsageError):
        assert set(load_weights(path)) == {"a.weight"}
