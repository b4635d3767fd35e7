"""ONNX's protocol buffers without their weights: a sieve over the mapped file.

The arrays of a model lie in it between its nodes. This walks the wire format (a tag, then a number or a length with
that many bytes), leaves the bytes of large arrays out and notes where they are, so that a parser sees only what is
left. Messages nest as in onnx.proto; source of the format: protobuf.dev/programming-guides/encoding.
"""

import mmap
import secrets
from collections.abc import Iterator

from msgspec import Struct

Bytes = bytes | mmap.mmap

LARGE = 256
"""Bytes of an array from which on it is left out, and of a message from which on it is looked into."""

MOST_TEXT = 32 * 2**20
MOST_ENTRIES = 2_000_000
_CROWDED = 2 * 2**20  # below, what is left cannot hold enough entries to matter
_DEEPEST = 90

_MODEL, _GRAPH, _FUNCTION, _NODE, _ATTRIBUTE, _TENSOR = range(6)
_PARTS: tuple[dict[int, int], ...] = (
    {7: _GRAPH, 25: _FUNCTION},
    {1: _NODE, 5: _TENSOR},
    {7: _NODE, 11: _ATTRIBUTE},
    {5: _ATTRIBUTE},
    {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH},
    {},
)
_LEFT_OUT: tuple[frozenset[int], ...] = (  # documentation, and how the model was trained
    frozenset({6, 20}),
    frozenset({10}),
    frozenset({8}),
    frozenset({6}),
    frozenset({13}),
    frozenset({12}),
)
_VALUES = frozenset({4, 5, 7, 9, 10, 11})  # float_data, int32_data, int64_data, raw_data, double_data, uint64_data
_BYTES = 2  # the wire type of what has a length


class Damage(Exception):  # noqa: N818 - what is wrong with a file; its reader says with which
    """Bytes that are no protocol buffers, or far too many. The text goes on behind the name of the file."""


class Cut(Struct, frozen=True):
    """Values that were left out: which field of the tensor held them, and where they are in the file."""

    field: int
    offset: int
    size: int


class Sieved(Struct, frozen=True):
    """What is left of a model, and the cuts. A tensor that was cut says so in its `doc_string`: `mark` and a number."""

    text: bytes
    cuts: tuple[Cut, ...]
    mark: str


def sieve(data: Bytes) -> Sieved:
    """A model without its large arrays. Raises Damage where the bytes are not protocol buffers, or far too many."""
    run = _Sieve(data)
    text = run.message(_MODEL, 0, len(data), 0)
    if len(text) > MOST_TEXT:
        raise Damage(f"describes itself in more than {MOST_TEXT // 2**20} MiB beside its weights")
    if len(text) > _CROWDED:
        _count(text, _MODEL, 0, len(text), 0)
    return Sieved(text, tuple(run.cuts), run.mark)


class _Sieve:
    """The sieving of one file."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.cuts: list[Cut] = []
        # A number that no file can foresee: else one could name values that are not its own.
        self.mark = f"cut {secrets.token_hex(8)} "

    def message(self, kind: int, start: int, end: int, depth: int) -> bytes:
        """The message from `start` up to `end` without what is left out."""
        if depth > _DEEPEST:
            raise Damage(f"nests more than {_DEEPEST} levels deep")
        parts, left_out, kept, begun, cut = _PARTS[kind], _LEFT_OUT[kind], list[bytes](), start, None
        for tag, number, wire, at, stop in fields(self.data, start, end):
            if wire != _BYTES:
                continue
            if number in left_out:
                kept.append(self.data[begun:tag])
            elif number in parts and stop - at > LARGE:
                inner = self.message(parts[number], at, stop, depth + 1)
                kept += (self.data[begun:tag], _varint(number << 3 | _BYTES), _varint(len(inner)), inner)
            elif kind == _TENSOR and number in _VALUES and stop - at > LARGE:
                if cut is not None:
                    raise Damage("holds a tensor whose values are given twice")
                kept.append(self.data[begun:tag])
                cut = Cut(number, at, stop - at)
            else:
                continue
            begun = stop
        kept.append(self.data[begun:end])
        if cut is not None:
            note = f"{self.mark}{len(self.cuts)}".encode()
            kept += (_varint(12 << 3 | _BYTES), _varint(len(note)), note)
            self.cuts.append(cut)
        return b"".join(kept)


def _count(data: bytes, kind: int, start: int, end: int, seen: int) -> int:
    """How many entries a message has, those of its parts included. Raises Damage beyond every bound."""
    for _, number, wire, at, stop in fields(data, start, end):
        seen += 1
        if wire == _BYTES and number in _PARTS[kind]:
            seen = _count(data, _PARTS[kind][number], at, stop, seen)
        if seen > MOST_ENTRIES:
            raise Damage(f"has more than {MOST_ENTRIES:,} entries")
    return seen


def fields(data: Bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """The fields of a message: where its tag stands, its number and wire type, where its value begins and ends."""
    at = start
    while at < end:
        tag = at
        key = data[at]
        at += 1
        if key > 127:
            key, at = _read_varint(data, tag, end)
        number, wire = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise Damage(f"is damaged at byte {tag:,}: there is no field {number}")
        if wire == _BYTES:
            size, at = _read_varint(data, at, end)
            stop = at + size
        elif wire == 0:
            _, stop = _read_varint(data, at, end)
        elif wire in (1, 5):
            stop = at + (8 if wire == 1 else 4)
        else:
            raise Damage(f"is damaged at byte {tag:,}: there is no wire type {wire}")
        if stop > end:
            raise Damage(f"is damaged or cut off: what begins at byte {tag:,} goes on beyond its end")
        yield tag, number, wire, at, stop
        at = stop


def _read_varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    for position in range(at, min(end, at + 10)):
        byte = data[position]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position + 1
        shift += 7
    raise Damage(f"is damaged or cut off: the number at byte {at:,} does not end")


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
