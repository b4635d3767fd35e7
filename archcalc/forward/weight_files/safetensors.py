"""`.safetensors`, alone and in shards. The package `safetensors` reads and checks the header; the values are mapped.

The package copies what it hands out, so that its offsets are used and not its arrays: tensors lie one behind the other,
without gaps, in the order of their offsets, which the package has checked.
Source: github.com/huggingface/safetensors, README, Format; the index: huggingface_hub, save_torch_state_dict.
"""

import mmap
import os
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from archcalc.errors import Problem, UsageError, printable
from archcalc.extras import need
from archcalc.forward.kernels import Array
from archcalc.forward.weight_files.entry import PIECE, Entry, unreadable
from archcalc.forward.weight_files.npz import reason_of
from archcalc.numbers import product

INDEX = ".safetensors.index.json"

TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "BOOL": "bool",
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}
"""Names of the format → numpy's, and of what numpy has not."""

_MOST_INDEX = 1 << 26  # bytes


class _Mapped(Struct, frozen=True):
    content: memoryview
    dtype: np.dtype[Any]

    def whole(self) -> Array:
        return np.frombuffer(self.content, self.dtype)

    def pieces(self) -> Iterator[Array]:
        flat = self.whole()
        for begin in range(0, flat.size, PIECE):
            yield flat[begin : begin + PIECE]


def read_safetensors(path: str) -> dict[str, Entry]:
    """The tensors of a file, in the order in which they lie in it.

    Raises UsageError where the package is missing, for damaged files, and for types of less than a byte.
    """
    package = need("safetensors", "safetensors", "weights", "a .safetensors file")
    shown = printable(path, 200)
    try:
        with package.safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.offset_keys()}
            found = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()}
        with open(path, "rb") as opened:
            at = 8 + int.from_bytes(opened.read(8), "little")
            data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise unreadable(path, error) from None
    except (package.SafetensorError, ValueError) as error:
        raise UsageError(Problem(f"'{shown}' cannot be loaded: {reason_of(error)}")) from None
    entries, foreign = {}, []
    for name, (shape, kind) in found.items():
        dtype = TYPES.get(kind)
        if dtype is None:
            foreign.append(Problem(f"'{shown}': '{printable(name, 100)}' holds {kind}, which is not read"))
            continue
        stored = np.dtype(_STORED.get(dtype, dtype)).newbyteorder("<")
        size = product(shape) * stored.itemsize
        entries[name] = Entry(name, shape, dtype, _Mapped(data[at : at + size], stored), place=(path, at))
        at += size
    if foreign:
        raise UsageError(foreign[:100])
    return entries


_STORED = {"bfloat16": "uint16", "float8_e4m3fn": "uint8", "float8_e5m2": "uint8"}


class _Index(Struct):
    weight_map: dict[str, str]


def read_shards(path: str) -> dict[str, Entry]:
    """The tensors of an index, from the files beside it that it names.

    Raises UsageError for what `read_safetensors` does, and where files are elsewhere or a tensor is not in its file.
    """
    shown = printable(path, 200)
    try:
        with open(path, "rb") as file:
            text = file.read(_MOST_INDEX + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        index = msgspec.json.decode(text if len(text) <= _MOST_INDEX else b"", type=_Index).weight_map
    except (msgspec.DecodeError, RecursionError) as error:
        hint = 'it has "weight_map": {"name": "file.safetensors", …}'
        raise UsageError(Problem(f"'{shown}' is no index of shards: {reason_of(error)}", None, hint)) from None
    climbing = sorted({file for file in index.values() if not _is_beside(file)})
    if climbing:
        names = (f"'{shown}' names '{printable(file, 100)}', which is not a file beside it" for file in climbing[:100])
        raise UsageError(map(Problem, names))
    shards = {file: read_safetensors(os.path.join(os.path.dirname(path), file)) for file in sorted(set(index.values()))}
    missing = [(name, file) for name, file in index.items() if name not in shards[file]]
    if missing:
        raise UsageError(
            Problem(f"'{shown}': '{printable(name, 100)}' is not in {printable(file, 100)}")
            for name, file in missing[:100]
        )
    return {name: shards[file][name] for name, file in index.items()}


def _is_beside(file: str) -> bool:
    return file.endswith(".safetensors") and not any(sign in file for sign in ("/", "\\", "\0", ":"))
