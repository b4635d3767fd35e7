"""Pareto fronts and the best rows, against every pair by hand; and in chunks as in one piece."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archcalc
from archcalc.errors import UsageError
from archcalc.space.rows import Best, Front, Objective, Rows, joined, objectives_of

VALUES = st.one_of(st.integers(0, 4), st.integers(2**62, 2**62 + 2))


def rows_of(columns: list[list[Any]]) -> Rows:
    arrays = {f"c{place}": np.array(column, np.int64) for place, column in enumerate(columns)}
    return Rows(np.arange(len(columns[0])), arrays)


@st.composite
def tables(draw: Any) -> list[list[int]]:
    count = draw(st.integers(1, 12))
    return [draw(st.lists(VALUES, min_size=count, max_size=count)) for _ in range(draw(st.integers(1, 4)))]


@given(tables(), st.lists(st.booleans(), min_size=4, max_size=4))
def test_fronts_are_what_nothing_beats(columns: list[list[int]], most: list[bool]) -> None:
    """By the definition: no other is as good in all and better in one."""
    rows = rows_of(columns)
    objectives = tuple(Objective(key, wish) for key, wish in zip(rows.columns, most, strict=False))
    costs = [[-v if wish else v for v in column] for column, wish in zip(columns, most, strict=False)]
    points = list(zip(*costs, strict=True))
    expected = [
        i
        for i, p in enumerate(points)
        if not any(all(b <= a for a, b in zip(p, q, strict=True)) and q != p for q in points)
    ]
    assert Front(objectives).chosen(rows).numbers.tolist() == expected


@given(tables(), st.integers(1, 12), st.lists(st.booleans(), min_size=4, max_size=4))
def test_best_rows_are_those_of_a_sort(columns: list[list[int]], count: int, most: list[bool]) -> None:
    rows = rows_of(columns)
    objectives = tuple(Objective(key, wish) for key, wish in zip(rows.columns, most, strict=False))
    costs = [[-v if wish else v for v in column] for column, wish in zip(columns, most, strict=False)]
    order = sorted(range(len(rows)), key=lambda i: (*(cost[i] for cost in costs), i))
    assert Best(count, objectives).chosen(rows).numbers.tolist() == order[:count]


@given(tables(), st.integers(1, 5))
def test_choices_in_pieces(columns: list[list[int]], size: int) -> None:
    """The choice among choices of pieces is the choice of the whole."""
    rows = rows_of(columns)
    objectives = tuple(Objective(key, False) for key in rows.columns)
    for choice in (Front(objectives), Best(3, objectives), Best(2)):
        kept = None
        for start in range(0, len(rows), size):
            piece = choice.chosen(rows.taken(slice(start, start + size)))
            kept = piece if kept is None else choice.chosen(joined([kept, piece]))
        assert kept is not None
        assert kept.numbers.tolist() == choice.chosen(rows).numbers.tolist()


def test_rows_without_a_number_are_no_candidates() -> None:
    column = np.array([3, None, 1], object)
    rows = Rows(np.arange(3), {"rf": column})
    assert Best(5, (Objective("rf", False),)).chosen(rows).numbers.tolist() == [2, 0]
    assert Front((Objective("rf", True),)).chosen(rows).numbers.tolist() == [0]


def test_a_sweep_chooses_over_all_its_chunks() -> None:
    changes = {"width_per_group": range(32, 129, 8), "input": [64, 96, 128]}
    whole = archcalc.sweep("resnet50", changes).chunk(0).rows
    cut = archcalc.sweep("resnet50", changes, chunk=7)
    for choice in (Front((Objective("macs", False), Objective("params", True))), Best(4, (Objective("macs", True),))):
        assert cut.chosen(choice).numbers.tolist() == choice.chosen(whole).numbers.tolist()
    assert len(cut.chosen(Front((Objective("macs", False), Objective("params", True))))) == 13


def test_objectives_by_name() -> None:
    known, aliases = {"macs": "amount", "receptive_field": "count"}, {"rf": "receptive_field"}
    assert objectives_of("min macs, max rf", known, aliases, "--pareto") == (
        Objective("macs", False),
        Objective("receptive_field", True),
    )
    assert objectives_of("macs", known, aliases, "--sort") == (Objective("macs", True),)
    for text in ("macs", "least macs", "min", "min macs max rf", ""):
        with pytest.raises(UsageError, match="names no direction"):
            objectives_of(text, known, aliases, "--pareto")
    with pytest.raises(UsageError, match="did you mean 'macs'"):
        objectives_of("min mac", known, aliases, "--pareto")
