"""Weights → files, array by array: no more than one piece of an array is in memory."""

import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

import numpy as np

from archcalc.errors import Problem, UsageError, printable
from archcalc.files import write_whole
from archcalc.forward.kernels import Array
from archcalc.forward.weight_files.entry import Entry, entry_of
from archcalc.forward.weight_files.safetensors import TYPES

_ALIGNED = 64  # bytes: where arrays begin, so that they can be mapped and used as they are
_PADDING = 0xD935  # the field of zip headers that Android's zipalign fills with zeros
_CODES = {dtype: code for code, dtype in TYPES.items()}


def save_weights(path: str | os.PathLike[str], weights: Mapping[str, Array]) -> None:
    """Write an `.npz` file, whole or not at all. Raises UsageError where it cannot be written.

    The arrays begin at multiples of 64 bytes: who maps the file can compute with what is there.
    """
    write_npz(os.fspath(path), [_plain(name, array) for name, array in weights.items()])


def _plain(name: str, array: Array) -> Entry:
    if array.dtype.hasobject:
        raise ValueError("Object arrays cannot be saved")
    return entry_of(name, array)


def write_npz(path: str, entries: Iterable[Entry]) -> None:
    """The entries as an `.npz` file; bfloat16, which numpy has not, as the float32 of the same value."""

    def write(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for entry in entries:
                header = _header(entry)
                member = zipfile.ZipInfo(f"{entry.name}.npy")
                begin = file.tell() + 30 + len(member.filename.encode()) + 20 + len(header)  # 20: sizes of 64 bits
                gap = -(begin + 4) % _ALIGNED
                member.extra = _PADDING.to_bytes(2, "little") + gap.to_bytes(2, "little") + bytes(gap)
                with archive.open(member, "w", force_zip64=True) as content:
                    content.write(header)
                    for piece in entry.pieces():
                        content.write(np.ascontiguousarray(piece, piece.dtype.newbyteorder("<")).data)

    write_whole(path, write)


def _header(entry: Entry) -> bytes:
    import io

    dtype = np.dtype("float32" if entry.dtype == "bfloat16" else entry.dtype).newbyteorder("<")
    header = io.BytesIO()
    described = {"descr": dtype.str, "fortran_order": entry.fortran, "shape": entry.shape}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def write_safetensors(path: str, entries: Iterable[Entry], metadata: Mapping[str, str] = {}) -> None:
    """The entries as a `.safetensors` file, in their order; types stay as they are.

    Raises UsageError for a type that the format has not, and where the file cannot be written.
    """
    listed = list(entries)
    foreign = [entry for entry in listed if entry.dtype not in _CODES]
    if foreign:
        raise UsageError(
            Problem(f"'{printable(entry.name, 100)}' holds {entry.dtype}, which .safetensors has not")
            for entry in foreign[:100]
        )
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for entry in listed:
        end = at + entry.bytes
        header[entry.name] = {"dtype": _CODES[entry.dtype], "shape": entry.shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % 8)

    def write(file: IO[bytes]) -> None:
        file.write(len(text).to_bytes(8, "little") + text)
        for entry in listed:
            for piece in _rows(entry):
                file.write(piece.data)

    write_whole(path, write)


def _rows(entry: Entry) -> Iterator[Array]:
    """The bytes of an entry in the order of its axes, little-endian."""
    if entry.fortran:  # its pieces are columns: only the whole can be turned
        whole = np.ascontiguousarray(entry.array())
        yield whole.astype(whole.dtype.newbyteorder("<"), copy=False)
        return
    for piece in entry.raw.pieces():
        if entry.dtype == "bfloat16" and piece.dtype.kind == "f":
            piece = np.ascontiguousarray(piece, "<f4").view("<u2")[1::2]
        yield np.ascontiguousarray(piece, piece.dtype.newbyteorder("<"))
