"""What the values of an array are like, found piece by piece: memory stays flat however large the array is."""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from archcalc.forward.kernels import Array
from archcalc.forward.weight_files.entry import Entry, WeightFile
from archcalc.forward.weight_files.report import Alike, Listed, Listing, Statistics


def statistics_of(entry: Entry) -> Statistics | None:
    """The statistics of an array, in float64; None for complex and for 8-bit floating-point numbers.

    Raises UsageError where the values cannot be read.
    """
    if not is_real(entry.dtype):
        return None
    count = nans = infinities = checksum = 0
    total = square = 0.0
    least, most = math.inf, -math.inf
    for piece in entry.pieces():
        checksum = zlib.crc32(np.ascontiguousarray(piece).data, checksum)
        values = piece.astype(np.float64)
        finite = np.isfinite(values)
        good = int(np.count_nonzero(finite))
        if good < values.size:
            missing = int(np.count_nonzero(np.isnan(values)))
            nans, infinities = nans + missing, infinities + values.size - good - missing
            values = values[finite]
        if good:
            count, total, square = count + good, total + float(values.sum()), square + float(values @ values)
            least, most = min(least, float(values.min())), max(most, float(values.max()))
    if not count:
        return Statistics(None, None, None, None, nans, infinities, checksum)
    return Statistics(math.sqrt(square), total / count, least, most, nans, infinities, checksum)


def is_real(dtype: str) -> bool:
    """Whether values of a type are looked at: whole and floating-point numbers, these of 16 bits or more, and bool."""
    return dtype == "bfloat16" or (not dtype.startswith("float8") and np.dtype(dtype).kind in "fiub")


def listing_of(file: WeightFile, looked_at: bool, tell: Callable[[float], None] = lambda share: None) -> Listing:
    """What is in a file, with statistics where its values are to be looked at. Raises UsageError as `statistics_of`."""
    entries, done = list(file.entries.values()), 0
    total = sum(entry.bytes for entry in entries) or 1
    arrays = []
    for entry in entries:
        statistics = statistics_of(entry) if looked_at else None
        arrays.append(Listed(entry.name, entry.shape, entry.dtype, entry.count, entry.bytes, statistics))
        done += entry.bytes
        tell(done / total)
    return Listing(file.path, file.kind, tuple(arrays), tuple(_alike(entries, arrays)), looked_at)


def _alike(entries: Sequence[Entry], arrays: Sequence[Listed]) -> Iterator[Alike]:
    """Matrices and kernels of the same numbers as an earlier one, where those differ: zeros and ones say nothing."""
    seen: dict[tuple[object, ...], list[Entry]] = {}
    for entry, listed in zip(entries, arrays, strict=True):
        found = listed.statistics
        if found is None or found.min == found.max or sum(size > 1 for size in entry.shape) < 2:
            continue
        same = seen.setdefault((found.checksum, entry.shape, entry.dtype, entry.fortran), [])
        first = next((other for other in same if _equal(entry, other)), None)
        if first is None:
            same.append(entry)
        else:
            yield Alike(entry.name, first.name, entry.place is not None and entry.place == first.place)


def _equal(entry: Entry, other: Entry) -> bool:
    if entry.place is not None and entry.place == other.place:
        return True
    pairs: Iterator[tuple[Array, Array]] = zip(entry.pieces(), other.pieces(), strict=True)
    return all(np.array_equal(one, two, equal_nan=True) for one, two in pairs)
