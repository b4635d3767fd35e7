"""Formats of weights: read to the same numbers as their own packages read, mapped and not copied, and hostile files."""

import contextlib
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import archcalc
from archcalc.errors import UsageError
from archcalc.formats.onnx_export import to_onnx
from archcalc.formats.weights import open_weights
from archcalc.forward.fit import fit_weights
from archcalc.forward.kernels import Array
from archcalc.forward.weight_files.entry import PIECE, Entry, Held, WeightFile, entry_of
from archcalc.forward.weight_files.opened import load_weights
from archcalc.forward.weight_files.statistics import listing_of, statistics_of
from archcalc.forward.weight_files.writing import save_weights, write_npz, write_safetensors
from archcalc.forward.weights import random_weights
from archcalc.network import load

RNG = np.random.default_rng(0)
ARRAYS: dict[str, Array] = {
    "conv.weight": RNG.normal(size=(4, 3, 2, 2)).astype("float32"),
    "fc.weight": RNG.normal(size=(5, 7)),
    "half": RNG.normal(size=9).astype("float16"),
    "count": np.array(7),
    "none": np.zeros((0, 3), "float32"),
    "flags": np.array([True, False]),
}


@pytest.fixture
def tensors(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    safetensors.numpy.save_file(ARRAYS, path, metadata={"made by": "a test"})
    return path


def is_mapped(array: Array) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return isinstance(base, memoryview) or type(base).__name__ == "mmap"


def message(path: Path) -> str:
    """What is wrong with a file, in one line and with its name, without the name."""
    with pytest.raises(UsageError) as caught:
        open_weights(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), "F")


def test_safetensors_are_read(tensors: Path) -> None:
    """As their package reads them; mapped and read-only."""
    found, theirs = load_weights(tensors), safetensors.numpy.load_file(tensors)
    assert found.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert found.entries[name].bytes == array.nbytes
        assert is_mapped(found[name]) or not array.size
        assert not found[name].flags.writeable


def test_arrays_of_npz_are_mapped(tmp_path: Path) -> None:
    """Those that are not compressed; where we wrote them, at places from which numpy can compute."""
    save_weights(tmp_path / "ours.npz", ARRAYS)
    np.savez_compressed(tmp_path / "packed.npz", **ARRAYS)
    np.savez(tmp_path / "theirs.npz", **ARRAYS)
    for name, array in ARRAYS.items():
        for file, mapped in (("ours.npz", True), ("theirs.npz", True), ("packed.npz", False)):
            found = load_weights(tmp_path / file)[name]
            np.testing.assert_array_equal(found, array)
            assert is_mapped(found) == (mapped and array.size > 0) or not array.size
        assert load_weights(tmp_path / "ours.npz")[name].ctypes.data % 64 == 0 or not array.size


@pytest.mark.parametrize("values", [np.array([1.5, -2, np.nan, np.inf, 3e38, 1e-40, 0])])
def test_bfloat16(values: Array, tmp_path: Path) -> None:
    """Is the upper half of a float32; to `.npz` it goes as that, to `.safetensors` as it is."""
    narrow = values.astype(ml_dtypes.bfloat16)
    path = tmp_path / "b.safetensors"
    safetensors.numpy.save_file({"a": narrow}, path)
    found = load_weights(path)
    assert found.entries["a"].dtype == "bfloat16"
    np.testing.assert_array_equal(found["a"], narrow.astype("float32"))
    write_npz(str(tmp_path / "b.npz"), found.entries.values())
    np.testing.assert_array_equal(load_weights(tmp_path / "b.npz")["a"], narrow.astype("float32"))
    write_safetensors(str(tmp_path / "c.safetensors"), found.entries.values())
    assert safetensors.numpy.load_file(tmp_path / "c.safetensors")["a"].tobytes() == narrow.tobytes()


def test_shards(tmp_path: Path) -> None:
    """An index names the file of each tensor; other files than those beside it are not opened."""
    first, second = ({name: ARRAYS[name]} for name in ("fc.weight", "half"))
    safetensors.numpy.save_file(first, tmp_path / "a.safetensors")
    safetensors.numpy.save_file(second, tmp_path / "b.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"half": "b.safetensors", "fc.weight": "a.safetensors"}}))
    found = load_weights(index)
    assert [*found] == ["half", "fc.weight"]
    np.testing.assert_array_equal(found["fc.weight"], ARRAYS["fc.weight"])
    index.write_text(json.dumps({"weight_map": {"more": "b.safetensors"}}))
    assert message(index) == "'F': 'more' is not in b.safetensors"
    for place in ("../b.safetensors", "/etc/b.safetensors", "x\\b.safetensors", "passwd"):
        index.write_text(json.dumps({"weight_map": {"more": place}}))
        assert message(index) == f"'F' names '{place}', which is not a file beside it"
    for text in ("", "[]", "[" * 100_000, '{"weight_map": 3}'):
        index.write_text(text)
        assert message(index).startswith("'F' is no index of shards")


def header(text: object, data: bytes = b"", size: int | None = None) -> bytes:
    packed = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack("<Q", len(packed) if size is None else size) + packed + data


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header({}, size=2**60), "header too large"),
        (header({}, size=2**63 + 5), "header too large"),
        (header({"a": tensor(0, 4, [1]), "b": tensor(0, 4, [1])}, bytes(4)), "invalid offset for tensor"),
        (header({"a": tensor(4, 8, [1])}, bytes(8)), "invalid offset for tensor `a`"),
        (header({"a": tensor(8, 4, [1])}, bytes(8)), "invalid"),
        (header({"a": tensor(0, 2**62, [2**60])}, bytes(8)), "overflow"),
        (header({"a": tensor(0, 4, [2**40, 2**40])}, bytes(4)), "overflow"),
        (header({"a": tensor(0, 4, [1], "F99")}, bytes(4)), "unknown variant"),
        (header({"a": tensor(0, 4, [1])}, bytes(3)), "not fully covered"),
        (header(b'{"a":' + b"[" * 10_000, bytes(3)), "header"),
        (b"{}", "header too small"),
    ],
)
def test_hostile_headers_of_safetensors(content: bytes, reason: str, tmp_path: Path) -> None:
    """Too large, overlapping, climbing, ending too early, of no type."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    assert reason in message(path)


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    """A hundred megabytes of zeros in a hundred kilobytes: listed without them, refused without them."""
    import tracemalloc

    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, a=np.zeros(100 << 20, "uint8"), b=np.zeros(1 << 20, "float32"))
    tracemalloc.start()
    found = load_weights(path)
    with pytest.raises(UsageError, match="has no weight 'a'"):
        fit_weights(load("lenet5").graph, found)
    listing = listing_of(found, True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert listing.arrays[0].values == 100 << 20
    assert peak < 32 << 20


def test_members_that_are_there_twice(tmp_path: Path) -> None:
    """Which of them is meant, nobody knows."""
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.npy", "b.npy"):
            with archive.open(name, "w") as member:
                np.save(member, np.ones(3))
    path.write_bytes(path.read_bytes().replace(b"b.npy", b"a.npy"))
    assert message(path) == "'F' has two members 'a.npy'"


def test_names_are_names_and_not_paths(tmp_path: Path) -> None:
    """Nothing is ever written where a name in a file says."""
    path = tmp_path / "inner" / "w.npz"
    path.parent.mkdir()
    save_weights(path, {"../../out": np.ones(3)})
    assert [*load_weights(path)] == ["../../out"]
    assert not (tmp_path / "out.npy").exists()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    safetensors.numpy.save_file(ARRAYS, folder / "w.safetensors")
    save_weights(folder / "w.npz", ARRAYS)
    np.savez_compressed(folder / "packed.npz", **ARRAYS)
    return folder


@settings(max_examples=150)
@given(
    st.sampled_from(["w.safetensors", "w.npz", "packed.npz"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
    st.floats(0, 1),
)
def test_any_damage(saved: Path, name: str, changes: list[tuple[float, int]], kept: float) -> None:
    """Bytes that are others, or missing: it is read, or there is an error of ours, and values come or not likewise."""
    content = bytearray((saved / name).read_bytes())
    for share, byte in changes:
        content[int(share * len(content))] = byte
    path = saved / f"damaged-{name}"
    path.write_bytes(content[: int(len(content) * kept)] if kept < 0.5 else content)
    with contextlib.suppress(UsageError):
        listing_of(load_weights(path), True)


# Values.


@given(st.lists(st.floats(width=32), max_size=30), st.sampled_from(["float32", "float64"]))
def test_statistics(values: list[float], dtype: str) -> None:
    """As numpy finds them at once."""
    array = np.array(values, dtype)
    found = statistics_of(entry_of("a", array))
    assert found is not None
    assert (found.nans, found.infinities) == (np.isnan(array).sum(), np.isinf(array).sum())
    finite = array[np.isfinite(array)].astype(float)
    if not finite.size:
        assert (found.l2, found.mean, found.min, found.max) == (None,) * 4
        return
    assert found.l2 == pytest.approx(np.linalg.norm(finite))
    assert found.mean == pytest.approx(finite.mean(), abs=1e-6 * np.abs(finite).max())
    assert (found.min, found.max) == (finite.min(), finite.max())


def test_statistics_of_several_pieces() -> None:
    """Are those of all of it."""
    array = np.arange(2 * PIECE + 3, dtype="float32")
    found = statistics_of(entry_of("a", array))
    assert found is not None
    assert (found.min, found.max, found.mean) == (0, 2 * PIECE + 2, PIECE + 1)
    assert found.l2 == pytest.approx(np.linalg.norm(array.astype(float)))


def test_arrays_of_the_same_numbers() -> None:
    """Are said, if they are matrices that say something; those stored once are told apart."""
    one = np.arange(6.0).reshape(2, 3)
    arrays = {"a": one, "b": one.copy(), "c": one + 1, "zeros": np.zeros((2, 3)), "too": np.zeros((2, 3))}
    entries = {name: entry_of(name, array) for name, array in arrays.items()}
    place = ("model.onnx", 64)
    entries["d"] = Entry("d", (2, 3), "float64", Held(lambda: one + 5), place=place)
    entries["e"] = Entry("e", (2, 3), "float64", Held(lambda: one + 5), place=place)
    found = listing_of(WeightFile("f", "npz", entries), True).alike
    assert [(same.name, same.original, same.stored_once) for same in found] == [("b", "a", False), ("e", "d", True)]


def test_flipped_bits_are_found_where_values_are_looked_at(tmp_path: Path) -> None:
    """Before a network takes them."""
    path = tmp_path / "w.npz"
    weights = random_weights(load("lenet5").graph)
    save_weights(path, weights)
    content = bytearray(path.read_bytes())
    content[content.index(weights["fc1.weight"].tobytes()) + 100_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"'fc1\.weight' in it cannot be loaded: Bad CRC-32"):
        fit_weights(load("lenet5").graph, load_weights(path))


# To another format, and into a network.


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_conversions(ending: str, tensors: Path, tmp_path: Path) -> None:
    """Keep names, order, shapes, types and bits; also of arrays whose first axis is last in memory."""
    column = {"column": np.asfortranarray(RNG.normal(size=(300, 40)))}
    entries = [*load_weights(tensors).entries.values(), *(entry_of(name, array) for name, array in column.items())]
    path = tmp_path / f"again.{ending}"
    (write_npz if ending == "npz" else write_safetensors)(str(path), entries)
    found = load_weights(path)
    assert len(found) == len(entries)
    for entry in entries:
        np.testing.assert_array_equal(found[entry.name], entry.array())
        assert found.entries[entry.name].dtype == entry.dtype


def test_initialisers_of_a_model(tmp_path: Path) -> None:
    """Are a network's weights; what else a model stores, as the numbers of its arithmetic, is not."""
    network = load("lenet5").graph
    weights = random_weights(network)
    path = tmp_path / "lenet5.onnx"
    path.write_bytes(to_onnx(network, weights).SerializeToString())
    fitted = fit_weights(network, open_weights(path))
    for name, array in weights.items():
        np.testing.assert_array_equal(fitted[name], array)


def test_a_run_takes_the_weights_of_a_model(tmp_path: Path) -> None:
    """By its path, as it takes those of other files."""
    network = load("lenet5")
    path = tmp_path / "lenet5.onnx"
    weights = random_weights(network.graph, seed=5)
    path.write_bytes(to_onnx(network.graph, weights).SerializeToString())
    found, expected = (archcalc.run(network, weights=given, timed=False).output for given in (path, weights))
    np.testing.assert_array_equal(found, expected)


def test_a_model_is_opened_where_models_are(tmp_path: Path) -> None:
    """The reader of files of weights alone says who does."""
    (tmp_path / "a.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(UsageError, match="open_weights gives its initialisers"):
        load_weights(tmp_path / "a.onnx")


def test_half_the_bits_are_half_the_file() -> None:
    """A network gets float32, made when it is asked for; nothing keeps it."""
    network = load("lenet5").graph
    halves = {name: array.astype("float16") for name, array in random_weights(network).items()}
    fitted = fit_weights(network, halves)
    for name, array in halves.items():
        np.testing.assert_array_equal(fitted[name], array.astype("float32"))
        assert fitted[name] is not fitted[name]


def test_what_fits_is_not_copied(tmp_path: Path) -> None:
    """The very bytes of the file."""
    network = load("lenet5").graph
    save_weights(tmp_path / "w.npz", random_weights(network))
    fitted = fit_weights(network, load_weights(tmp_path / "w.npz"))
    assert all(is_mapped(array) for array in fitted.values())


def test_a_package_that_is_missing(tensors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    expected = (
        "a .safetensors file needs the package safetensors, which is not installed; pip install 'archcalc[weights]'"
    )
    assert message(tensors) == expected
