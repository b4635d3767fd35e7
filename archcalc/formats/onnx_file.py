"""ONNX files: the model without its weights, and where each of its arrays is stored.

Weights are not read to be counted: a sieve leaves them out before the parser of the package `onnx` sees the rest, and
they are mapped from the file when their values are asked for. Source: onnx.proto; onnx.ai/onnx/repo-docs/ExternalData.
"""

import mmap
import os
import struct
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from archcalc.errors import Problem, UsageError, printable
from archcalc.extras import need
from archcalc.formats.sieve import Cut, Damage, sieve
from archcalc.numbers import product
from archcalc.ops.base import Shape, show_shape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TYPES: dict[int, tuple[str, int]] = {
    1: ("float32", 4),
    2: ("uint8", 1),
    3: ("int8", 1),
    4: ("uint16", 2),
    5: ("int16", 2),
    6: ("int32", 4),
    7: ("int64", 8),
    8: ("string", 0),
    9: ("bool", 1),
    10: ("float16", 2),
    11: ("float64", 8),
    12: ("uint32", 4),
    13: ("uint64", 8),
    14: ("complex64", 8),
    15: ("complex128", 16),
    16: ("bfloat16", 2),
}
"""TensorProto.DataType → its name, and the bytes of a value."""

PRODUCER = "archcalc"
"""What a model says that we wrote."""

INNER = "#"
"""In such a model, what stands between the name of a layer and the number of a value within it."""

CONSTANTS = "archcalc.constants"
"""The entry of a model's metadata in which we write, a line each, the names of initialisers that nobody learns."""

_SINGLE = struct.Struct("<f")
_MOST_SIZE = 2**40  # values of one array: a terabyte of bytes, which no file holds by mistake
_RAW, _EXTERNAL = 9, 13
_PACKED: dict[int, tuple[str, ...]] = {4: ("float32",), 10: ("float64",)}  # as in memory: these can be mapped too


def shortest(value: float) -> float:
    """The number with the fewest digits that is the same in single precision, which files hold: 1e-05."""
    for digits in range(6, 10):
        shown = float(f"{value:.{digits}g}")
        if _SINGLE.pack(shown) == _SINGLE.pack(value):
            return shown
    return value


class Stored(Struct, frozen=True):
    """An array of a model file: what it is, and where its values are.

    `dtype` is the name of numpy's type, `bfloat16` besides. Values are `size` bytes from `offset` on of the file
    `path`, laid out as in memory, little-endian; or `made` makes them, where they are few or packed otherwise.
    """

    name: str
    shape: Shape
    dtype: str
    path: str = ""
    offset: int = 0
    size: int = 0
    made: "Callable[[], npt.NDArray[Any]] | None" = None

    @property
    def count(self) -> int:
        return product(self.shape)

    def array(self) -> "npt.NDArray[Any]":
        """The values, read-only: mapped from the file and not copied, wherever they lie there as they lie in memory.

        bfloat16, which numpy has not, comes as float32. Raises UsageError where the file is missing or too short, and
        for types that have no numbers.
        """
        import numpy as np

        if self.made is not None:
            found = self.made()
        else:
            plain = "uint16" if self.dtype == "bfloat16" else self.dtype
            found = _mapped(self, np.dtype(plain).newbyteorder("<"))
        if self.dtype == "bfloat16":
            found = (found.astype(np.uint32) << 16).view(np.float32)
        found = np.asarray(found).view()
        found.flags.writeable = False
        return found


class Model(Struct, frozen=True):
    """A model file: what it says (`proto`, an onnx.ModelProto whose large tensors have no values), and its arrays.

    `initialisers` are those of the main graph by name; `stored` finds the values of any other tensor in `proto`.
    """

    path: str
    proto: Any
    initialisers: Mapping[str, Stored]
    cuts: tuple[Cut, ...]
    mark: str

    def stored(self, tensor: Any) -> Stored:
        """Where the values of a TensorProto of this model are. Raises UsageError where that cannot be."""
        return _stored(self.path, self.cuts, self.mark, tensor)


def read_model(path: str | os.PathLike[str]) -> Model:
    """The model of a file, without its weights.

    Raises UsageError where the package `onnx` is missing, where the file cannot be read, is no ONNX model or is
    damaged, and where its external data lies outside of its folder.
    """
    path = os.fspath(path)
    shown = printable(path, 200)
    messages = _messages()
    try:
        sieved = _sieved(path)
    except OSError as error:
        raise UsageError(Problem(f"'{shown}' cannot be read: {error.strerror or error}")) from None
    except Damage as damage:
        raise UsageError(Problem(f"'{shown}' {damage}", None, "is it an ONNX model?")) from None
    from google.protobuf.message import DecodeError

    try:
        proto = messages.ModelProto.FromString(sieved.text)
    except DecodeError as error:
        reason = printable(str(error), 200)
        raise UsageError(Problem(f"'{shown}' is damaged: {reason}", None, "is it an ONNX model?")) from None
    if not proto.HasField("graph") or not proto.opset_import:
        raise UsageError(Problem(f"'{shown}' holds no graph with its operator set", None, "is it an ONNX model?"))
    tensors = proto.graph.initializer
    initialisers = {tensor.name: _stored(path, sieved.cuts, sieved.mark, tensor) for tensor in tensors}
    if len(initialisers) < len(tensors):
        raise UsageError(Problem(f"'{shown}' has two initialisers of one name"))
    return Model(path, proto, initialisers, sieved.cuts, sieved.mark)


def _messages() -> ModuleType:
    """The classes of ONNX's messages: of the package no more than that, which takes a tenth of the time."""
    import sys

    if "onnx" in sys.modules:
        return need("onnx", "onnx", "onnx", "an ONNX model")
    found = find_spec("onnx")
    for folder in found.submodule_search_locations or () if found else ():
        file = os.path.join(folder, "onnx_ml_pb2.py")
        if os.path.isfile(file):
            place = spec_from_file_location("onnx_ml_pb2", file)
            if place is not None and place.loader is not None:
                module = module_from_spec(place)
                place.loader.exec_module(module)
                return module
    return need("onnx", "onnx", "onnx", "an ONNX model")


def _sieved(path: str) -> Any:
    with open(path, "rb") as file:
        if not os.path.isfile(path):
            raise Damage("is not a file")
        if not os.fstat(file.fileno()).st_size:
            raise Damage("is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return sieve(data)


def _stored(path: str, cuts: tuple[Cut, ...], mark: str, tensor: Any) -> Stored:
    shape, name = tuple(tensor.dims), tensor.name
    what = f"'{printable(path, 200)}': the tensor '{printable(name, 100)}'"
    dtype, width = TYPES.get(tensor.data_type, (f"type {tensor.data_type}", 0))
    if any(size < 0 for size in shape) or product(shape) > _MOST_SIZE:
        raise UsageError(Problem(f"{what} cannot be {show_shape(shape)}"))
    expected = product(shape) * width
    if tensor.data_location == 1:
        return _external(path, what, Stored(name, shape, dtype), expected, tensor.external_data)
    if tensor.doc_string.startswith(mark):
        cut = cuts[int(tensor.doc_string.removeprefix(mark))]
        if cut.field == _RAW or dtype in _PACKED.get(cut.field, ()):
            _check_size(what, shape, dtype, expected, cut.size)
            return Stored(name, shape, dtype, path, cut.offset, cut.size)
        return Stored(name, shape, dtype, made=lambda: _unpacked(what, path, cut, shape, tensor.data_type))
    return Stored(name, shape, dtype, made=lambda: _parsed(what, tensor, shape))


def _check_size(what: str, shape: Shape, dtype: str, expected: int, size: int) -> None:
    if expected and expected != size:
        raise UsageError(Problem(f"{what} is {show_shape(shape)} of {dtype}: {expected:,} bytes, and has {size:,}"))


def _external(path: str, what: str, stored: Stored, expected: int, entries: Iterable[Any]) -> Stored:
    """A tensor whose values are in another file of the model's folder, which need not be there to be counted."""
    said = {entry.key: entry.value for entry in entries}
    folder = os.path.realpath(os.path.dirname(path))
    try:
        target = os.path.realpath(os.path.join(folder, said.get("location", "")))
        inside = target != folder and os.path.commonpath([folder, target]) == folder
    except (ValueError, OSError):  # a null character, another drive
        inside = False
    if not inside:
        location = printable(said.get("location", ""), 100)
        message = f"{what} is stored in '{location}', which is not in the model's folder"
        raise UsageError(Problem(message, None, "nothing else is read"))
    numbers = [said.get("offset", "0") or "0", said.get("length", "") or str(expected)]
    if not all(text.isascii() and text.isdecimal() and len(text) < 20 for text in numbers):
        raise UsageError(Problem(f"{what} has no place in its file: {printable(' and '.join(numbers), 100)}"))
    offset, size = map(int, numbers)
    _check_size(what, stored.shape, stored.dtype, expected, size)
    return Stored(stored.name, stored.shape, stored.dtype, target, offset, size)


def _mapped(stored: Stored, dtype: "np.dtype[Any]") -> "npt.NDArray[Any]":
    import numpy as np

    what, shown = f"the tensor '{printable(stored.name, 100)}'", printable(stored.path, 200)
    if not stored.count:
        return np.zeros(stored.shape, dtype)
    try:
        if os.path.getsize(stored.path) < stored.offset + stored.size:
            raise UsageError(Problem(f"'{shown}' is too short: {what} goes on beyond its end"))
        return np.memmap(stored.path, dtype, "r", stored.offset, stored.shape).view(np.ndarray)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(Problem(f"'{shown}' with {what} cannot be read: {reason}")) from None


def _unpacked(what: str, path: str, cut: Cut, shape: Shape, data_type: int) -> "npt.NDArray[Any]":
    """Values that were packed as numbers of seven bits a byte."""
    with open(path, "rb") as file:
        file.seek(cut.offset)
        body = file.read(cut.size)
    size, length = cut.size, bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    tensor = _messages().TensorProto.FromString(bytes([cut.field << 3 | 2]) + bytes(length) + body)
    tensor.data_type = data_type
    return _parsed(what, tensor, shape)


def _parsed(what: str, tensor: Any, shape: Shape) -> "npt.NDArray[Any]":
    """The values of a tensor that holds them."""
    import numpy as np

    dtype, width = TYPES.get(tensor.data_type, ("", 0))
    if not width:
        raise UsageError(Problem(f"{what} holds no numbers that can be read", None, "floating-point, whole and bool"))
    stored = "uint16" if dtype == "bfloat16" else dtype
    if not product(shape):
        return np.zeros(shape, stored)
    if tensor.raw_data:
        _check_size(what, shape, dtype, product(shape) * width, len(tensor.raw_data))
        return np.frombuffer(tensor.raw_data, np.dtype(stored).newbyteorder("<")).reshape(shape)
    found = _values(tensor, dtype, np)
    if found.size != product(shape):
        raise UsageError(Problem(f"{what} is {show_shape(shape)}, and has {found.size} values"))
    return found.reshape(shape)


def _values(tensor: Any, dtype: str, np: ModuleType) -> "npt.NDArray[Any]":
    """The values of the field that is for their type."""
    found: npt.NDArray[Any]
    if dtype in ("float32", "complex64"):
        found = np.array(tensor.float_data, np.float32).view(dtype)
    elif dtype in ("float64", "complex128"):
        found = np.array(tensor.double_data, np.float64).view(dtype)
    elif dtype == "int64":
        found = np.array(tensor.int64_data, np.int64)
    elif dtype in ("uint32", "uint64"):
        found = np.array(tensor.uint64_data, np.uint64).astype(dtype)
    elif dtype in ("float16", "bfloat16"):
        bits = np.array(tensor.int32_data, np.int32).astype(np.uint16)
        found = bits.view(np.float16) if dtype == "float16" else bits
    else:
        found = np.array(tensor.int32_data, np.int32).astype(dtype)
    return found
