"""A table as plain data: what stands in it, not how it looks. Numbers stay numbers until a renderer writes them."""

from typing import Any, Literal

from msgspec import Struct

Kind = Literal[
    "text",
    "prose",
    "name",
    "shape",
    "count",
    "amount",
    "bytes",
    "percent",
    "number",
    "measured",
    "pair",
    "bar",
    "ratio",
]
"""How a renderer writes a column: `count` exactly, `amount` in K, M and G, `bytes` in KiB and MiB, `measured` in three
digits, `pair` per axis, `bar` (a share) as long as it is large, `ratio` as a multiple; `prose` is the text that may be
broken where a line is short."""


class Column(Struct, frozen=True):
    """`rank` orders columns by how dispensable they are where space is short: 0 never goes, the highest goes first."""

    key: str
    title: str
    kind: Kind = "text"
    rank: int = 0


class Range(Struct, frozen=True):
    """A cell of a folded row whose repeats differ: the value in the first and in the last of them."""

    first: Any
    last: Any


class Least(Struct, frozen=True):
    """A number that is known to be no smaller; with `bare`, nothing at all is known of it."""

    value: Any
    bare: bool = False

    def __add__(self, other: Any) -> "Least":
        if isinstance(other, Least):
            return Least(self.value + other.value, self.bare and other.bare)
        return Least(self.value + other, self.bare and not other)

    __radd__ = __add__


class Cell(Struct, frozen=True):
    """A cell with a kind of its own, in a column where counts and bytes stand below one another."""

    value: Any
    kind: Kind


class Change(Struct, frozen=True):
    """A cell that tells by how much something differs: it is written with its sign."""

    value: int


Mark = Literal["", "best", "worst"]


class Marked(Struct, frozen=True):
    """A number that is marked as the best or the worst of its column, or not; all of such a column are of this kind."""

    value: Any
    mark: Mark = ""


class Row(Struct, frozen=True):
    """`depth` indents the row in a tree; `times` is how often a folded row is there; `style` marks sums."""

    cells: tuple[Any, ...]
    depth: int = 0
    times: int = 1
    style: Literal["layer", "scope", "total"] = "layer"


class Fact(Struct, frozen=True):
    """A number that belongs to the whole table and to no column of it."""

    label: str
    value: Any
    kind: Kind
    remark: str = ""


class Table(Struct, frozen=True):
    """Rows under columns with their sums, facts below, and what has to be said: conventions above, notes beneath."""

    title: str
    conventions: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    totals: tuple[Row, ...] = ()
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()
