"""What changes from turn to turn, as an expression: evaluated as the language does, it gives every value back."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.errors import Source, Span
from archcalc.formats.spec_text.fit import ANY, Expr, solve
from archcalc.formats.spec_text.forms import Series
from archcalc.spec.expressions import Evaluator, Expression

LOOPS = ("group", "stage", "i")

small = st.integers(0, 3)
lines = st.builds(lambda first, step, count: [first + step * i for i in range(count)], small, small, st.integers(1, 5))
powers = st.builds(lambda first, count: [first * 2**i for i in range(count)], st.integers(1, 64), st.integers(1, 5))
firsts = st.builds(lambda one, rest, count: [one] + [rest] * count, small, small, st.integers(0, 4))
others = st.lists(st.sampled_from([0, 1, 2, True, False, None, 0.5, (3, 3), "same"]), min_size=1, max_size=4)
rows = st.one_of(lines, powers, firsts, others).map(Series)
stages = st.lists(rows, min_size=1, max_size=4).map(Series)
groups = st.lists(stages, min_size=1, max_size=3).map(Series)


def leaves(value: Any, depth: int, indices: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if depth == 0:
        yield indices, value
        return
    for index, inner in enumerate(value):
        yield from leaves(inner, depth - 1, (*indices, index))


def solved(value: Any, depth: int, number: bool = False) -> tuple[Expr, dict[str, Any]]:
    """The expression of a hole of one text, and the lists that it looks up."""
    tables: dict[str, Any] = {}

    def parameter(column: list[Any]) -> Expr:
        (one,) = column
        return Expr(0 if one is ANY else one)

    def table(column: list[Any]) -> Expr:
        tables[f"t{len(tables)}"] = listed(column[0])
        return Expr(formula=f"t{len(tables) - 1}")

    return solve([value], LOOPS[3 - depth :], number, parameter, table), tables


def listed(value: Any) -> Any:
    return [listed(part) for part in value] if isinstance(value, tuple) else value


def assert_gives(value: Any, depth: int, number: bool = False) -> None:
    expression, tables = solved(value, depth, number)
    evaluator, span = Evaluator(), Span(Source("", ""), 1, 1)
    for indices, meant in leaves(value, depth):
        found = expression.value
        if expression.formula:
            names = {**tables, **dict(zip(LOOPS[3 - depth :], indices, strict=True))}
            found = evaluator.evaluate(Expression(expression.formula, span), names)
        assert (type(listed(found)), listed(found)) == (type(listed(meant)), listed(meant)), expression.formula


@given(rows, st.booleans())
def test_of_one_loop(row: Series, number: bool) -> None:
    assert_gives(row, 1, number)


@given(stages, st.booleans())
def test_of_two_loops(value: Series, number: bool) -> None:
    assert_gives(value, 2, number)


@given(groups, st.booleans())
def test_of_three_loops(value: Series, number: bool) -> None:
    assert_gives(value, 3, number)


@pytest.mark.parametrize(
    ("value", "formula"),
    [
        ([[1, 1], [2, 1, 1], [2, 1]], "2 if i == 0 and stage > 0 else 1"),
        ([[2, 1], [1, 1, 1], [1, 1]], "2 if i == 0 and stage == 0 else 1"),
        ([[64, 64], [128], [256, 256, 256]], "64*2**stage"),
        ([[True, False], [True, False, False]], "i == 0"),
        ([[1, 2, 3], [1, 2]], "i + 1"),
        ([[10, 12, 14], [11, 13]], "2*i + (stage + 10)"),
        ([[5, 7, 9], [5, 7]], "2*i + 5"),
        ([[3, 1, 2], [3, 1, 2]], "t0[i]"),
        ([[3, 1, 2], [1, 1, 5], [0, 2, 1]], "t0[stage][i]"),
    ],
)
def test_formulas_are_those_of_a_person(value: list[list[Any]], formula: str) -> None:
    nested = Series(Series(row) for row in value)
    number = formula.startswith("2*i + (")
    assert solved(nested, 2, number)[0].formula == formula
    assert_gives(nested, 2, number)
