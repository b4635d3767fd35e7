"""numpy's `.npz`: a zip archive of arrays. What is stored uncompressed is mapped where it lies in the archive.

Source: numpy.lib.format; PKWARE's APPNOTE 4.3.7 (local file headers).
"""

import io
import mmap
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from msgspec import Struct

from archcalc.errors import Problem, UsageError, printable
from archcalc.forward.kernels import Array
from archcalc.forward.weight_files.entry import PIECE, Entry, Raw
from archcalc.numbers import product
from archcalc.ops.base import Shape

_HEADER = 1 << 16  # bytes in which the header of an array ends: numpy itself reads 10,000 characters at most
_ENCRYPTED = 0x1

# What zipfile and numpy's reader of headers, which are Python literals, raise for bytes that are not as they should be.
DAMAGE = (
    *(EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error, NotImplementedError),
)


class _Mapped(Struct, frozen=True):
    """An array that lies in the archive as it does in memory; the checksum is that of the member with its header."""

    member: memoryview
    header: int
    dtype: np.dtype[Any]
    checksum: int
    where: str

    def whole(self) -> Array:
        return np.frombuffer(self.member, self.dtype, offset=self.header)

    def pieces(self) -> Iterator[Array]:
        flat, found = self.whole(), zlib.crc32(self.member[: self.header])
        for begin in range(0, flat.size, PIECE):
            piece = flat[begin : begin + PIECE]
            found = zlib.crc32(piece.data, found)
            yield piece
        if found != self.checksum:
            raise UsageError(Problem(f"{self.where} cannot be loaded: Bad CRC-32"))


class _Packed(Struct, frozen=True):
    """An array that is compressed: unpacked when its values are asked for."""

    path: str
    member: str
    header: int
    dtype: np.dtype[Any]
    count: int
    where: str

    def whole(self) -> Array:
        result, at = np.empty(self.count, self.dtype), 0
        for piece in self.pieces():
            result[at : at + piece.size] = piece
            at += piece.size
        return result

    def pieces(self) -> Iterator[Array]:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                file.read(self.header)
                left = self.count
                while left:
                    wanted = min(left, PIECE) * self.dtype.itemsize
                    data = file.read(wanted)
                    if len(data) < wanted:
                        raise EOFError("it ends too early")
                    left -= len(data) // self.dtype.itemsize
                    yield np.frombuffer(data, self.dtype)
        except OSError as error:
            raise UsageError(Problem(f"{self.where} cannot be read: {error.strerror or error}")) from None
        except DAMAGE as error:
            raise UsageError(Problem(f"{self.where} cannot be loaded: {reason_of(error)}")) from None


def read_npz(path: str, file: IO[bytes]) -> dict[str, Entry]:
    """The arrays of an archive.

    Raises UsageError for what is damaged, there twice, no array, or an array of Python objects.
    """
    shown = printable(path, 200)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_names(members, shown)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return {entry.name: entry for member in members for entry in (_entry(path, shown, archive, member, data),)}
    except DAMAGE as error:
        raise UsageError(Problem(f"'{shown}': cannot be loaded: {reason_of(error)}")) from None


def reason_of(error: BaseException) -> str:
    """The first line of what an exception says."""
    return printable(str(error).partition("\n")[0], 200) or type(error).__name__


def _check_names(members: list[zipfile.ZipInfo], shown: str) -> None:
    seen, problems = set[str](), []
    for member in members:
        name = printable(member.filename, 100)
        if member.filename in seen:
            problems.append(Problem(f"'{shown}' has two members '{name}'"))
        elif not member.filename.endswith(".npy"):
            problems.append(Problem(f"'{shown}': '{name}' is no array"))
        seen.add(member.filename)
    if problems:
        raise UsageError(problems[:100])


def _entry(path: str, shown: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, data: mmap.mmap) -> Entry:
    name = member.filename.removesuffix(".npy")
    where = f"'{shown}': '{printable(name, 100)}' in it"
    try:
        with archive.open(member) as content:  # which holds the header of the member against the archive's directory
            begin = content.read(min(_HEADER, member.file_size))
        shape, fortran, dtype, header = _header(begin)
        expected = header + product(shape) * dtype.itemsize
        if expected != member.file_size:
            raise ValueError(f"it would have {expected:,} bytes, and has {member.file_size:,}")
        if member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & _ENCRYPTED:
            offset = _offset(data, member)
            content_view = memoryview(data)[offset : offset + member.file_size]
            if len(content_view) < member.file_size:
                raise EOFError("it ends too early")
            raw: Raw = _Mapped(content_view, header, dtype, member.CRC, where)
            return Entry(name, shape, _name(dtype), raw, fortran, (path, offset + header))
        raw = _Packed(path, member.filename, header, dtype, product(shape), where)
        return Entry(name, shape, _name(dtype), raw, fortran)
    except DAMAGE as error:
        raise UsageError(Problem(f"{where} cannot be loaded: {reason_of(error)}")) from None


def _offset(data: mmap.mmap, member: zipfile.ZipInfo) -> int:
    """Where the content of a member begins: behind its own header, whose fields may be longer than the directory's."""
    at = member.header_offset
    name, extra = (int.from_bytes(data[at + i : at + i + 2], "little") for i in (26, 28))
    return at + 30 + name + extra


def _header(begin: bytes) -> tuple[Shape, bool, np.dtype[Any], int]:
    """Shape, order, type and length of the header of an array."""
    file = io.BytesIO(begin)
    version = np.lib.format.read_magic(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a file was written by Python 2
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise ValueError(f"version {version[0]}.{version[1]} of numpy's format is for records")
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded: they are Python objects, which run code")
    if any(size < 0 for size in shape) or dtype.itemsize == 0:
        raise ValueError(f"an array of {shape} {dtype} cannot be")
    return tuple(map(int, shape)), bool(fortran) and len(shape) > 1, dtype, file.tell()


def _name(dtype: np.dtype[Any]) -> str:
    return dtype.newbyteorder("=").name
