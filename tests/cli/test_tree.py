"""The rows of a table as a tree: every layer is in it, and what is folded adds up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import reading
from .running import succeed
from .sample import SAMPLE

SUMS = ("--columns", "params,buffers,values")


def leaves(rows: list[reading.Leaf], times: int = 1) -> list[tuple[reading.Leaf, int]]:
    """The rows with nothing below them, each with how often it is there in the network."""
    found = []
    for row in rows:
        there = times * row.times
        found += leaves(row.children, there) if row.children else [(row, there)]
    return found


def check_sums(rows: list[reading.Leaf]) -> None:
    """A row counts all its turns, what is below it is shown once: its cells are those below, times its turns."""
    for row in rows:
        for column, cell in enumerate(row.cells if row.children else ()):
            below = sum(number(child.cells[column]) for child in row.children)
            assert number(cell) == row.times * below, (row.path, column)
        check_sums(row.children)


def number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.mark.parametrize("net", SAMPLE)
def test_an_unfolded_tree_has_every_layer(net: str) -> None:
    """Once each and in the order of execution, under the scopes of its name."""
    rows = reading.tree(reading.plain(succeed("summary", net, *SUMS, "--no-fold")))
    assert [".".join(row.path) for row, _ in leaves(rows)] == [
        row["layer"] for row in reading.csv_rows(succeed("shapes", net, "--format", "csv"))
    ]
    check_sums(rows)


@pytest.mark.parametrize("net", ["resnet18", "googlenet", "fractalnet20", "densenet121"])
@pytest.mark.parametrize("depth", [1, 2, 100])
def test_folded_rows_add_up(net: str, depth: int) -> None:
    """At any depth the leaves, times how often they are there, make the sums below the table."""
    grid = reading.plain(succeed("summary", net, *SUMS, "--depth", str(depth)))
    rows = reading.tree(grid)
    for column, total in enumerate(grid.rows[-1][1:]):
        # A row without children has counted its own turns already.
        once = sum(number(row.cells[column]) * there // row.times for row, there in leaves(rows))
        assert once == number(total)
    check_sums(rows)


@st.composite
def repeats(draw: st.DrawFn) -> str:
    """Layers in repeats in repeats, equal in every turn or not."""

    def body(level: int) -> list[str]:
        lines = []
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.sampled_from(["conv", "batchnorm", "repeat"] if level < 3 else ["conv", "batchnorm"]))
            if kind == "repeat":
                lines += [f"- repeat: {draw(st.integers(1, 3))}", f"  as: i{level}", "  layers:"]
                lines += [f"    {line}" for line in body(level + 1)]
            elif kind == "conv":
                width = draw(st.sampled_from(["2", "3", *(f"=2 + i{outer} % 2" for outer in range(level))]))
                lines.append(f"- conv: {{out_channels: {width}, kernel_size: 1}}")
            else:
                lines.append("- batchnorm")
        return lines

    return "\n".join(
        ["archcalc: 1", "name: tree", "input: [2, 4, 4]", "layers:", *(f"  {line}" for line in body(0)), ""]
    )


@settings(max_examples=40)
@given(text=repeats())
def test_any_tree_adds_up(text: str) -> None:
    """However repeats are nested: unfolded every layer is there, folded the contents make the sums."""
    layers = reading.contract(succeed("summary", "-", "--format", "json", stdin=text))["layers"]
    for option in ("--no-fold", "--fold"):
        rows = reading.tree(reading.plain(succeed("summary", "-", *SUMS, option, stdin=text)))
        assert sum(there for _, there in leaves(rows)) == len(layers)
        check_sums(rows)
