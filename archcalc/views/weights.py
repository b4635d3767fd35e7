"""Files of weights → tables and plain data: what is in them, what networks they fit, what they become."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs, to_builtins

from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.forward.matching.report import Fit, Match, Matching
from archcalc.forward.weight_files.report import Alike, Listed, Listing
from archcalc.ops.base import Shape
from archcalc.views.table import Column, Fact, Row, Table

_ARRAYS = (
    Column("name", "Array"),
    Column("shape", "Shape", "shape"),
    Column("dtype", "Type", "text", 3),
    Column("values", "Values", "count"),
    Column("bytes", "Bytes", "bytes", 4),
)
_VALUES = (
    Column("l2", "L2 norm", "measured"),
    Column("mean", "Mean", "measured", 1),
    Column("min", "Min", "measured", 2),
    Column("max", "Max", "measured", 2),
)
_WRONG = (Column("nans", "NaN", "count"), Column("infinities", "Infinite", "count"))
_MATCHES = (
    Column("weight", "Weight"),
    Column("array", "In the file"),
    Column("shape", "Shape", "shape", 1),
    Column("rule", "By", "text", 2),
    Column("change", "Changed", "text", 3),
)
_MOST_ALIKE = 10

CONVENTIONS = "norms in float64 over the values that are numbers: L2 is √Σx²"


def contents(listing: Listing, fits: Sequence[Fit] | None, sort: str = "", top: int | None = None) -> Table:
    """A row an array, and below which networks of the zoo the file fits."""
    wrong = any(array.statistics and array.statistics.nans + array.statistics.infinities for array in listing.arrays)
    columns = (*_ARRAYS, *(_VALUES if listing.looked_at else ()), *(_WRONG if wrong else ()))
    rows = [Row(tuple(_cells(array).get(column.key) for column in columns)) for array in listing.arrays]
    if sort:
        position = _sortable(sort, columns)
        rows.sort(key=lambda row: (row.cells[position] is not None, row.cells[position] or 0), reverse=True)
    total = {"name": f"{len(rows):,} arrays", **_totals(listing)}
    notes = [] if top is None or top >= len(rows) else [f"the first {top} of {len(rows)} arrays"]
    notes += [_same(pair) for pair in listing.alike[:_MOST_ALIKE]]
    if len(listing.alike) > _MOST_ALIKE:
        notes.append(f"and {len(listing.alike) - _MOST_ALIKE} more arrays are the same as others")
    said = f"{listing.kind} · {CONVENTIONS}" if listing.looked_at else f"{listing.kind} · values not looked at"
    totals = (Row(tuple(total.get(column.key) for column in columns), style="total"),)
    return Table(printable(listing.path, 200), said, columns, tuple(rows[:top]), totals, _fit_facts(fits), tuple(notes))


def _cells(array: Listed) -> dict[str, Any]:
    statistics = structs.asdict(array.statistics) if array.statistics is not None else {}
    return {**structs.asdict(array), **statistics, "name": printable(array.name, 100)}


def _totals(listing: Listing) -> dict[str, int]:
    return {
        "values": sum(array.values for array in listing.arrays),
        "bytes": sum(array.bytes for array in listing.arrays),
    }


def _same(pair: Alike) -> str:
    name, first = printable(pair.name, 100), printable(pair.original, 100)
    return f"{name} is {first}, stored once" if pair.stored_once else f"{name} has the same numbers as {first}"


def _sortable(key: str, columns: Sequence[Column]) -> int:
    keys = [column.key for column in columns if column.kind in ("count", "bytes", "measured")]
    if key not in keys:
        raise UsageError(
            Problem(f"there is no column '{printable(key, 60)}' to sort by", None, did_you_mean(key, keys))
        )
    return next(i for i, column in enumerate(columns) if column.key == key)


def _fit_facts(fits: Sequence[Fit] | None) -> tuple[Fact, ...]:
    if fits is None:
        return ()
    if not fits:
        return (Fact("Fits", "no network of the zoo", "text"),)
    return tuple(
        Fact("Nearly" if fit.but else "Fits", fit.network, "text", "; ".join(fit.but) or fit.how) for fit in fits
    )


def matches(path: str, kind: str, network: str, matching: Matching, shapes: Mapping[str, Shape]) -> Table:
    """A row a weight of a network: which array of the file it is, and why."""
    rows = tuple(
        Row(
            (
                match.name,
                printable(match.given, 100),
                shapes[match.given],
                "name" if match.rule == "name" else "order, shape",
                _changed(shapes[match.given], match),
            )
        )
        for match in matching.matches.values()
    )
    notes = list(matching.remarks())
    if matching.ignored:
        notes.append(f"{matching.ignored} counters of batches are left out: only training reads them")
    title = f"{printable(path, 200)} as weights of {network}"
    return Table(title, f"{kind} · shapes as in the file", _MATCHES, rows, (), (), tuple(notes))


def _changed(shape: Shape, match: Match) -> str:
    if match.change.axes is None:
        return "" if shape == match.change.shape else "reshaped"
    return f"axes {', '.join(map(str, match.change.axes))}"


def document(listing: Listing, fits: Sequence[Fit] | None) -> dict[str, Any]:
    """What JSON shows of a file."""
    arrays = []
    for array in listing.arrays:
        plain = to_builtins(array)
        if array.statistics is not None:
            del plain["statistics"]["checksum"]
        arrays.append(plain)
    return {
        "file": listing.path,
        "format": listing.kind,
        "conventions": {"statistics": CONVENTIONS},
        "arrays": arrays,
        "totals": {"arrays": len(arrays), **_totals(listing)},
        "alike": to_builtins(listing.alike),
        "fits": None if fits is None else to_builtins(tuple(fits)),
    }


def match_document(path: str, kind: str, network: str, matching: Matching) -> dict[str, Any]:
    """What JSON shows of weights that are a network's."""
    return {
        "file": path,
        "format": kind,
        "network": network,
        "matches": [
            {
                "weight": match.name,
                "array": match.given,
                "rule": match.rule,
                "axes": None if match.change.axes is None else list(match.change.axes),
                "shape": list(match.change.shape),
            }
            for match in matching.matches.values()
        ],
        "ignored": matching.ignored,
        "unused": list(matching.unused),
    }
