"""ONNX files: arrays are where onnx finds them, and no file, however made, does more than fail with a line."""

import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from archcalc.errors import UsageError
from archcalc.formats.onnx_file import Model, read_model
from archcalc.formats.sieve import LARGE, sieve

TYPES = (
    "float16",
    "float32",
    "float64",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "bool",
)


def small(seed: int = 0) -> onnx.ModelProto:
    """A convolution whose weights are sieved out, a constant in a node, and a bias small enough to stay."""
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((8, 3, 3, 3), np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(rng.standard_normal((8, 16, 16)), "c")),
        helper.make_node("Add", ["y", "c"], ["z"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])]
    outputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 8, 16, 16])]
    stored = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.arange(8, dtype=np.float32), "b")]
    return helper.make_model(helper.make_graph(nodes, "small", inputs, outputs, stored))


def written(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def with_tensor(tensor: TensorProto) -> onnx.ModelProto:
    model = small()
    model.graph.initializer.append(tensor)
    return model


def test_arrays_are_those_that_onnx_reads(tmp_path: Path) -> None:
    """Initialisers and constants of nodes, by onnx's own reader; what it parses otherwise is the same."""
    model = small()
    found = read_model(written(model, tmp_path))
    for tensor in model.graph.initializer:
        stored = found.initialisers[tensor.name]
        assert np.array_equal(stored.array(), numpy_helper.to_array(tensor))
        assert (stored.shape, stored.count) == (tuple(tensor.dims), int(np.prod(tensor.dims)))
    constant, mine = model.graph.node[1].attribute[0].t, found.proto.graph.node[1].attribute[0].t
    assert np.array_equal(found.stored(mine).array(), numpy_helper.to_array(constant))
    assert [list(node.input) for node in found.proto.graph.node] == [list(node.input) for node in model.graph.node]
    assert len(found.cuts) == 2
    assert not mine.raw_data


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("values", [0, 1, 5, LARGE])
@pytest.mark.parametrize("dtype", TYPES)
def test_all_types_in_all_fields(dtype: str, values: int, raw: bool, tmp_path: Path) -> None:
    """Raw bytes and the fields for each type, sieved and not, read-only and by their own names."""
    array = (np.arange(values) - 3 * (dtype[0] in "fi")).astype(dtype)
    element = helper.np_dtype_to_tensor_dtype(array.dtype)
    data: Any = array.tobytes() if raw else array.tolist()
    tensor = helper.make_tensor("t", element, array.shape, data, raw=raw)
    found = read_model(written(with_tensor(tensor), tmp_path)).initialisers["t"]
    assert found.dtype == dtype
    assert found.array().dtype == dtype
    assert np.array_equal(found.array(), array)
    assert not found.array().flags.writeable


def test_bfloat16_comes_as_float32(tmp_path: Path) -> None:
    """It has the upper half of float32's bits."""
    values = np.arange(-8, 8, 0.5, np.float32).repeat(10)
    tensor = helper.make_tensor("t", TensorProto.BFLOAT16, [320], values.tolist())
    found = read_model(written(with_tensor(tensor), tmp_path)).initialisers["t"]
    assert (found.dtype, found.array().dtype) == ("bfloat16", np.float32)
    assert np.array_equal(found.array(), values)


def external(folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save_model(small(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def test_external_data(tmp_path: Path) -> None:
    """Mapped from beside the model; a missing or cut file is an error only when its values are wanted."""
    model = read_model(external(tmp_path))
    assert np.array_equal(model.initialisers["w"].array(), numpy_helper.to_array(small().graph.initializer[0]))
    os.truncate(tmp_path / "weights.bin", 10)
    model = read_model(tmp_path / "model.onnx")
    assert model.initialisers["w"].count == 216
    with pytest.raises(UsageError, match=r"weights\.bin' is too short: the tensor 'w' goes on beyond its end"):
        model.initialisers["w"].array()
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(UsageError, match=r"weights\.bin' with the tensor 'w' cannot be read: No such file"):
        read_model(tmp_path / "model.onnx").initialisers["w"].array()


def _relocated(folder: Path, location: str) -> Path:
    path = external(folder)
    model = onnx.load_model(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "", ".", "a/../../secret", "nul\0l"])
def test_external_data_stays_in_the_folder(location: str, tmp_path: Path) -> None:
    """Paths that climb out are refused before anything is read."""
    (tmp_path / "secret").write_bytes(bytes(10_000))
    (tmp_path / "model").mkdir()
    with pytest.raises(UsageError, match="which is not in the model's folder"):
        read_model(_relocated(tmp_path / "model", location))


def test_links_out_of_the_folder(tmp_path: Path) -> None:
    """A link is where it points to."""
    (tmp_path / "secret").write_bytes(bytes(10_000))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "inside").symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match="'inside', which is not in the model's folder"):
        read_model(_relocated(tmp_path / "model", "inside"))


def test_values_of_a_tensor_are_its_own(tmp_path: Path) -> None:
    """A file cannot pass a place of its choice off as a cut of the sieve."""
    model = small()
    tensor = model.graph.node[1].attribute[0].t
    tensor.CopyFrom(TensorProto(name="c", data_type=1, dims=[1], doc_string="cut 0"))
    found = read_model(written(model, tmp_path))
    with pytest.raises(UsageError, match="is 1, and has 0 values"):
        found.stored(found.proto.graph.node[1].attribute[0].t).array()


def _tensor(**fields: Any) -> bytes:
    return with_tensor(TensorProto(name="t", **fields)).SerializeToString()


def nested(levels: int) -> bytes:
    """A model of graphs within graphs."""
    body = b"\x12" + b"\xac\x02" + bytes(b"x" * 300)
    for _ in range(levels):
        for tag in (0x32, 0x2A, 0x0A):
            body = bytes([tag]) + _length(len(body)) + body
    return b"\x3a" + _length(len(body)) + body + b"\x42\x02\x10\x11"


def _length(size: int) -> bytes:
    found = bytearray()
    while size > 127:
        found.append(size & 127 | 128)
        size >>= 7
    return bytes([*found, size])


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "zeros": (lambda: bytes(100_000), "is damaged at byte 0: there is no field 0"),
    "text": (lambda: b"archcalc: 1\nname: x\n", "is damaged"),
    "no_graph": (lambda: b"\x08\x08", "holds no graph"),
    "endless_number": (lambda: b"\x08" + b"\xff" * 100, "the number at byte 1 does not end"),
    "length_beyond": (lambda: b"\x3a\xff\xff\xff\xff\x0f", "goes on beyond its end"),
    "length_of_2_to_63": (lambda: b"\x3a" + b"\xff" * 8 + b"\x7f", "goes on beyond its end"),
    "deep": (lambda: nested(200), "nests more than 90 levels deep"),
    "negative_size": (lambda: _tensor(data_type=1, dims=[-1]), "cannot be -1"),
    "absurd_size": (lambda: _tensor(data_type=1, dims=[2**62]), "cannot be 4611686018427387904"),
    "absurd_sizes": (lambda: _tensor(data_type=1, dims=[2**31, 2**31, 2**31]), "cannot be"),
    "too_few_values": (lambda: _tensor(data_type=1, dims=[200], raw_data=bytes(796)), "800 bytes, and has 796"),
    "twice": (
        lambda: _tensor(data_type=1, dims=[100], raw_data=bytes(400), float_data=[0.0] * 100),
        "holds a tensor whose values are given twice",
    ),
    "same_name": (lambda: _tensor(data_type=1, dims=[1], raw_data=bytes(4)).replace(b"B\x01t", b"B\x01b"), "one name"),
    "crowded": (lambda: b"\x3a" + _length(6_000_000) + b"\x0a\x00" * 3_000_000, "more than 2,000,000 entries"),
    "wordy": (lambda: b"\x12" + _length(40 * 2**20) + bytes(40 * 2**20), "more than 32 MiB beside its weights"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name: str, tmp_path: Path) -> None:
    """Each is refused by a line that names the file and what is wrong with it."""
    make, message = HOSTILE[name]
    path = tmp_path / "model.onnx"
    path.write_bytes(make())
    with pytest.raises(UsageError, match=message) as error:
        read_model(path)
    assert len(error.value.problems) == 1
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(("place", "reason"), [("", "Is a directory"), ("missing.onnx", "No such file")])
def test_places_that_are_no_files(place: str, reason: str, tmp_path: Path) -> None:
    """As the system says it."""
    with pytest.raises(UsageError, match=reason):
        read_model(tmp_path / place)


def attempted(data: bytes, path: Path) -> Model | None:
    """The model of these bytes, with all values looked at, where it is one."""
    path.write_bytes(data)
    try:
        model = read_model(path)
        for stored in model.initialisers.values():
            stored.array()
    except UsageError:
        return None
    return model


def test_every_truncation(tmp_path: Path) -> None:
    """A model cut off anywhere is refused, or is whole but for what stands at its end."""
    data = small().SerializeToString()
    cut = [size for size in range(len(data)) if attempted(data[:size], tmp_path / "model.onnx") is not None]
    assert len(data) > 9_000
    assert cut == []  # the operator set, without which nothing can be read, is written last


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_random_flips(tmp_path_factory: pytest.TempPathFactory, seed: int, flips: int) -> None:
    """Bytes turned into others, most of them outside of the weights: a line, or a model."""
    data, chance = bytearray(small().SerializeToString()), random.Random(seed)
    outside = [*range(40), *range(300, 520), *range(len(data) - 200, len(data))]
    for _ in range(flips):
        data[chance.choice(outside)] = chance.randrange(256)
    attempted(bytes(data), tmp_path_factory.getbasetemp() / "flipped.onnx")


@given(st.binary(max_size=200))
def test_random_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Behind what makes a file a model, anything."""
    model = b"\x3a" + _length(len(data)) + data + b"\x42\x02\x10\x11"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archcalc.formats.sieve.LARGE", 8)
        attempted(model, tmp_path_factory.getbasetemp() / "random.onnx")


def test_memory_is_that_of_the_text(tmp_path: Path) -> None:
    """Sixty-four megabytes of weights: what is taken is what describes them."""
    big = numpy_helper.from_array(np.zeros((4, 4, 1024, 1024), np.float32), "big")
    path = written(with_tensor(big), tmp_path)
    del big
    read_model(path)
    tracemalloc.start()
    model = read_model(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.initialisers["big"].count == 2**24
    assert peak < 200_000


def test_a_sieved_model_is_a_model() -> None:
    """What is left of the text is what onnx would have read, less the values and the documentation."""
    model = small()
    model.doc_string = "x" * 1000
    left = onnx.ModelProto.FromString(sieve(model.SerializeToString()).text)
    model.ClearField("doc_string")
    for one in (left, model):
        for tensor in (*one.graph.initializer, one.graph.node[1].attribute[0].t):
            tensor.ClearField("raw_data")
            tensor.ClearField("doc_string")
    assert left == model
