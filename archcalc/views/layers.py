"""An analysis → the table of its layers: as a tree with identical repeats folded, or flat and sorted."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.views.columns import LayerColumn, unknown_note
from archcalc.views.table import Column, Least, Range, Row, Table


class Choice(Struct, frozen=True):
    """Which rows: to which depth, sorted by which column, how many; folded, or `flat` (every layer a row)."""

    depth: int | None = None
    sort: str = ""
    top: int | None = None
    fold: bool = True
    flat: bool = False


class _Scope:
    """A level of the tree while it is built: its layers (by position) and scopes in order, and all below it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[int | _Scope] = []
        self.positions: list[int] = []
        self.signature = -1


def layer_table(analysis: Analysis, title: str, columns: list[LayerColumn], choice: Choice) -> Table:
    """The layers of a network under the given columns, with a last row for what adds up."""
    flat = choice.flat or choice.sort or choice.top is not None
    found = tuple(_flat(analysis, columns, choice) if flat else _tree_rows(analysis, columns, choice))
    sums = _sums(analysis, columns)
    notes = [*unknown_note(analysis), *(f"{node.name}: {note}" for node, note in analysis.graph.notes())]
    if any(row.times > 1 for row in found):
        notes.append("×n: a block that is there n times; its own row counts all of them, its layers are shown once")
    return Table(
        title,
        conventions(analysis),
        tuple(column.column for column in columns),
        found,
        (sums,) if any(column.adds for column in columns) else (),
        notes=tuple(notes),
    )


def _sums(analysis: Analysis, columns: list[LayerColumn]) -> Row:
    positions = range(len(analysis.graph.nodes))
    cells: list[Any] = []
    for column in columns:
        if column.column.kind == "name":
            cells.append(("total", ""))
        else:
            cells.append(sum(column.cell(analysis, i) for i in positions) if column.adds else None)
    return Row(tuple(cells), style="total")


def conventions(analysis: Analysis) -> str:
    """What every number in a table depends on: `input 3×227×227 · batch 1 · float32`."""
    shape = "×".join(map(str, analysis.graph.input_shape))
    training = " · training" if analysis.training else ""
    return f"input {shape} · batch {analysis.batch} · {analysis.dtype}{training}"


def _flat(analysis: Analysis, columns: list[LayerColumn], choice: Choice) -> Iterator[Row]:
    positions = range(len(analysis.graph.nodes))
    rows = [Row(tuple(column.cell(analysis, position) for column in columns)) for position in positions]
    if choice.sort:
        by = sort_index([column.column for column in columns], choice.sort)
        rows.sort(key=lambda row: sortable(row.cells[by]), reverse=columns[by].column.kind != "name")
    yield from rows[: choice.top]


def sort_index(columns: list[Column], key: str) -> int:
    """The position of the column to sort by. Raises UsageError."""
    keys = [column.key for column in columns]
    if key not in keys:
        raise UsageError(Problem(f"there is no column '{key}' to sort by here", None, did_you_mean(key, keys)))
    return keys.index(key)


def sortable(cell: Any) -> tuple[int, Any]:
    """Numbers before texts before nothing, so that mixed columns sort."""
    if isinstance(cell, Least):
        return 2, cell.value
    if isinstance(cell, tuple) and cell and all(isinstance(part, int) for part in cell):
        product = 1
        for part in cell:
            product *= part
        return 2, product
    if isinstance(cell, tuple):
        return 1, str(cell)
    return (0, "") if cell is None else (1, cell) if isinstance(cell, str) else (2, cell)


def _tree(analysis: Analysis) -> _Scope:
    """The scopes of all names, in the order of their first layers."""
    root = _Scope("")
    open_: list[_Scope] = [root]
    path: list[str] = []
    for position, node in enumerate(analysis.graph.nodes):
        scopes = node.name.split(".")[:-1]
        shared = next(
            (i for i, (a, b) in enumerate(zip(path, scopes, strict=False)) if a != b), min(len(path), len(scopes))
        )
        del open_[shared + 1 :]
        for name in scopes[shared:]:
            scope = _Scope(name)
            open_[-1].children.append(scope)
            open_.append(scope)
        path = scopes
        open_[-1].children.append(position)
        for scope in open_:
            scope.positions.append(position)
    return root


def _tree_rows(analysis: Analysis, columns: list[LayerColumn], choice: Choice) -> Iterator[Row]:
    root = _tree(analysis)
    if choice.fold:
        _sign(root, analysis, {})
    yield from _rows_below([root], _Writer(analysis, columns, choice), 0)


class _Writer(Struct, frozen=True):
    """What writing rows needs at every level."""

    analysis: Analysis
    columns: list[LayerColumn]
    choice: Choice


def _sign(scope: _Scope, analysis: Analysis, seen: dict[Any, int]) -> None:
    """Give scopes the same number if they hold the same layers under the same names with the same shapes."""
    parts: list[Any] = []
    for child in scope.children:
        if isinstance(child, _Scope):
            _sign(child, analysis, seen)
            parts.append((child.name, child.signature))
        else:
            node = analysis.graph.nodes[child]
            parts.append(
                (node.name.rpartition(".")[2], node.op, analysis.graph.inputs(node), analysis.graph.shapes[child])
            )
    scope.signature = seen.setdefault(tuple(parts), len(seen))


def _rows_below(parallel: list[_Scope], writer: _Writer, depth: int) -> Iterator[Row]:
    """The rows below a scope. `parallel` are it and its equals in folded repeats: their cells are told together."""
    children = parallel[0].children
    start = 0
    while start < len(children):
        child = children[start]
        end = start + 1
        if isinstance(child, int):
            yield Row(
                _merged([_cells(writer, scope.children[start]) for scope in (parallel[0], parallel[-1])], writer), depth
            )
        else:
            while end < len(children) and _same(child, children[end]):
                end += 1
            group = [scope for turn in parallel for scope in turn.children[start:end] if isinstance(scope, _Scope)]
            yield _scope_row(group, end - start, writer, depth)
            if writer.choice.depth is None or depth + 1 < writer.choice.depth:
                yield from _rows_below(group, writer, depth + 1)
        start = end


def _same(scope: _Scope, other: "_Scope | int") -> bool:
    return isinstance(other, _Scope) and scope.signature >= 0 and scope.signature == other.signature


def _scope_row(group: list[_Scope], times: int, writer: _Writer, depth: int) -> Row:
    """The row of a scope that is there `times` times; `group` holds these for the first and all folded parents."""
    first, last = group[0], group[times - 1]
    name = first.name if times == 1 else f"{first.name}–{last.name}"
    cells = _scope_cells(group[:times], writer)
    if len(group) > times:
        cells = _merged([cells, _scope_cells(group[-times:], writer)], writer)
    cells = tuple(
        (name, "") if column.column.kind == "name" else c for c, column in zip(cells, writer.columns, strict=True)
    )
    return Row(cells, depth, times, "scope")


def _scope_cells(group: list[_Scope], writer: _Writer) -> tuple[Any, ...]:
    """Sums where cells add up; else what is true at the end of the scope, where something flows out of it."""
    positions = [position for scope in group for position in scope.positions]
    return tuple(
        sum(column.cell(writer.analysis, position) for position in positions)
        if column.adds
        else None
        if column.column.key in ("layer", "input", "kernel", "weights")
        else column.cell(writer.analysis, positions[-1])
        for column in writer.columns
    )


def _merged(cells: list[tuple[Any, ...]], writer: _Writer) -> tuple[Any, ...]:
    """The cells of layers that stand in the same place of the first and the last of identical repeats."""
    return tuple(
        a if a == b or column.column.kind == "name" else Range(a, b)
        for a, b, column in zip(*cells, writer.columns, strict=True)
    )


def _cells(writer: _Writer, position: "int | _Scope") -> tuple[Any, ...]:
    """The cells of one layer; its name is its own, the scopes stand above it."""
    assert isinstance(position, int)  # noqa: S101 - parallel scopes have the same children
    row = [column.cell(writer.analysis, position) for column in writer.columns]
    name, keyword = row[0]
    return ((name.rpartition(".")[2], keyword), *row[1:])
