"""Every output format read back into numbers, each by a parser that knows nothing of the renderers."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from typing import Any, NamedTuple

UNITS = {
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


class Grid(NamedTuple):
    """A table as texts: the heading, then the rows in order."""

    head: list[str]
    rows: list[list[str]]


def csv_rows(text: str) -> list[dict[str, str]]:
    """CSV rows by the keys of the heading line; a row with more or fewer cells than headings is an error."""
    head, *rows = csv.reader(io.StringIO(text))
    return [dict(zip(head, row, strict=True)) for row in rows]


def contract(text: str) -> dict[str, Any]:
    """The JSON document."""
    document = json.loads(text)
    assert isinstance(document, dict)
    return document


def plain(text: str) -> Grid:
    """Plain text: where the rule above the rows has dashes, there are the columns. Indents stay on the first cell."""
    lines = text.split("\n")
    (top, *_) = [number for number, line in enumerate(lines) if re.fullmatch(r"-+(  -+)*", line)]
    spans = [match.span() for match in re.finditer("-+", lines[top])]
    cells = [[line[begin:end].rstrip() for begin, end in spans] for line in lines[top - 1 :]]
    end = next((number for number, line in enumerate(lines[top:]) if not line), len(lines))
    body = [row for row, line in zip(cells[2 : end + 1], lines[top + 1 :], strict=False) if not line.startswith("--")]
    return Grid(cells[0], [[row[0], *(cell.strip() for cell in row[1:])] for row in body])


def markdown(text: str) -> Grid:
    """The first table of a markdown text."""
    lines = [line for line in text.split("\n") if line.startswith("|")]
    head, rule, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert all(re.fullmatch(r":?-+:?", cell) for cell in rule)
    return Grid(head, rows)


def latex(text: str) -> Grid:
    """The rows of a LaTeX tabular, with the escapes of its special characters undone."""
    lines = [line.removesuffix(r"\\") for line in text.split("\n") if line.endswith(r"\\")]
    rows = [[re.sub(r"\\([_%&#$])", r"\1", cell).strip() for cell in re.split(r"(?<!\\)&", line)] for line in lines]
    return Grid(rows[0], rows[1:])


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.within = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.within = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.within = False

    def handle_data(self, data: str) -> None:
        if self.within:
            self.rows[-1][-1] += data


def html(text: str) -> Grid:
    """The rows of an HTML table."""
    parser = _Cells()
    parser.feed(text)
    head, *rows = ([cell.strip() for cell in row] for row in parser.rows)
    return Grid(head, rows)


GRIDS = {"plain": plain, "markdown": markdown, "latex": latex, "html": html}


def told(text: str) -> tuple[float, float]:
    """A printed quantity: its value in units of one, and by how much rounding may have moved it.

    `34,848` is exact; `105.4M` lies within 50,000 of what was rounded.
    """
    match = re.fullmatch(r"(-?[0-9][0-9,]*)(?:\.([0-9]+))? ?([A-Za-z]*)", text)
    assert match is not None, text
    whole, decimals, unit = match[1].replace(",", ""), match[2] or "", match[3]
    size = UNITS[unit] if unit else 1
    return float(f"{whole}.{decimals or 0}") * size, 0.5 * size / 10 ** len(decimals) if decimals else 0.0


def tells(text: str, value: float) -> bool:
    """Whether a printed quantity is this value as far as its digits go."""
    number, slack = told(text)
    return abs(number - value) <= slack * (1 + 1e-9)


class Leaf(NamedTuple):
    """A row of a tree: the names above it and its own, how often it is there, its cells, what is below it."""

    path: tuple[str, ...]
    times: int
    cells: list[str]
    children: list["Leaf"]


def tree(grid: Grid) -> list[Leaf]:
    """The rows of a plain table nested by their indents; the sums under the table are left out."""
    roots: list[Leaf] = []
    above: list[Leaf] = []
    for label, *cells in grid.rows:
        if label == "total":
            break
        depth = (len(label) - len(label.lstrip())) // 2
        del above[depth:]
        match = re.fullmatch(r"(.+?)(?: \([a-z0-9_]+\))?(?: ×([0-9]+))?", label.strip())
        assert match is not None
        path = (*(above[-1].path if above else ()), match[1])
        leaf = Leaf(path, int(match[2] or 1), cells, [])
        (above[-1].children if above else roots).append(leaf)
        above.append(leaf)
    return roots
