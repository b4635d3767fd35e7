"""Numbers that are many at once: arithmetic on one is Python's arithmetic on each, and a question has one answer."""

import math
import operator
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc import numbers
from archcalc.space.many import Many, many
from archcalc.space.operations import Parting

SMALL = st.integers(-40, 40)
LARGE = st.integers(-(2**80), 2**80)
EDGES = st.sampled_from(
    [0, 1, -1, 2**31, 2**53, 2**53 + 1, 2**61, 2**62 - 1, 2**62, 2**63 - 1, 2**63, -(2**62), -(2**63)]
)
INTS = st.one_of(SMALL, SMALL, EDGES, LARGE)
FLOATS = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([0.0, 0.5, 2.0, 1e300, -1e300, 2.0**53]), st.integers(-9, 9).map(float)
)

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "/": operator.truediv,
}
COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


def grid(rows: list[Any], columns: list[Any]) -> tuple[Any, Any]:
    """Two numbers that run along dimensions of their own."""
    return many(rows, (len(rows), 1)), many(columns, (1, len(columns)))


def at(number: Any, row: int, column: int, shape: tuple[int, int]) -> Any:
    """What a number is for one variant."""
    return np.broadcast_to(number.array, shape).tolist()[row][column] if isinstance(number, Many) else number


def each(compute: Callable[[Any, Any], Any], rows: list[Any], columns: list[Any]) -> dict[tuple[int, int], Any]:
    """The law: Python's own results, or the kind of exception, one by one."""
    found: dict[tuple[int, int], Any] = {}
    for i, a in enumerate(rows):
        for j, b in enumerate(columns):
            try:
                found[i, j] = compute(a, b)
            except (ArithmeticError, ValueError) as error:
                found[i, j] = type(error)
    return found


def agrees(compute: Callable[[Any, Any], Any], rows: list[Any], columns: list[Any]) -> None:
    """Many at once give what each gives, of its type; or part exactly what Python tells apart."""
    expected = each(compute, rows, columns)
    a, b = grid(rows, columns)
    failed: type | None = None
    try:
        result = compute(a, b)
    except Parting as parting:
        labels = np.broadcast_to(parting.labels, (len(rows), len(columns)))
        outcomes = {(type(expected[i, j]), labels[i, j]) for i, j in expected}
        assert len(np.unique(labels)) > 1
        assert len(outcomes) >= 2
        return
    except (ArithmeticError, ValueError) as error:
        failed = type(error)
    if failed is not None:
        assert set(expected.values()) == {failed}
        return
    for (i, j), value in expected.items():
        got = at(result, i, j, (len(rows), len(columns)))
        assert (got, type(got)) == (value, type(value)) or (got != got and value != value), (rows[i], columns[j])
    if isinstance(result, Many):
        assert all(result.low <= value <= result.high for value in expected.values() if value == value)


@pytest.mark.parametrize("sign", ARITHMETIC)
@settings(max_examples=150)
@given(data=st.data())
def test_arithmetic_is_that_of_each(sign: str, data: st.DataObject) -> None:
    """Ints of any size, floats, and both together; wherever numbers lie, nothing wraps."""
    rows, columns = (
        data.draw(st.lists(kind, min_size=1, max_size=4))
        for kind in (data.draw(st.sampled_from([INTS, FLOATS])), data.draw(st.sampled_from([INTS, INTS, FLOATS])))
    )
    agrees(ARITHMETIC[sign], rows, columns)


@pytest.mark.parametrize("sign", ["+", "-", "*", "//", "%"])
@settings(max_examples=60)
@given(rows=st.lists(INTS, min_size=1, max_size=4), columns=st.lists(INTS, min_size=1, max_size=4))
def test_bounds_follow_from_bounds(sign: str, rows: list[int], columns: list[int]) -> None:
    """Where arrays are too large to look at for every result, it lies where its operands' bounds put it."""
    with mock.patch("archcalc.space.many._SMALL", -1):
        agrees(ARITHMETIC[sign], rows, columns)


@pytest.mark.parametrize("name", ["maximum", "minimum", "gcd", "ceil_div"])
@settings(max_examples=80)
@given(data=st.data())
def test_helpers_of_facts(name: str, data: st.DataObject) -> None:
    positive = name in ("gcd", "ceil_div")
    kinds = st.integers(1, 300) if positive else INTS
    rows, columns = (data.draw(st.lists(kinds, min_size=1, max_size=4)) for _ in range(2))
    agrees(getattr(numbers, name), rows, columns)


@settings(max_examples=200)
@given(st.lists(INTS, min_size=1, max_size=4), st.lists(st.one_of(INTS, FLOATS), min_size=1, max_size=4))
def test_comparisons_are_truths_of_each(rows: list[int], columns: list[Any]) -> None:
    columns = [value for value in columns if type(value) is type(columns[0])]
    for compare in COMPARISONS:
        expected = each(compare, rows, columns)
        result = compare(*grid(rows, columns))
        for (i, j), truth in expected.items():
            assert at(result, i, j, (len(rows), len(columns))) is truth


@given(st.lists(INTS, min_size=2, max_size=6, unique=True))
def test_a_question_parts_those_that_answer_differently(values: list[int]) -> None:
    number = many(values, (len(values),))
    with pytest.raises(Parting) as parting:
        bool(number < max(values))
    assert [bool(label) for label in parting.value.labels] == [value < max(values) for value in values]
    with pytest.raises(Parting) as parting:
        operator.index(number)
    assert len(set(parting.value.labels.tolist())) == len(values)


def test_one_value_is_a_plain_number() -> None:
    """Nothing asks twice what is the same for all: 7//2·2 is 6 for 6 and 7."""
    number = many([6, 7], (2,))
    assert number // 2 == 3
    assert type(number // 2) is int
    assert type(number - number) is int
    assert type(number // number) is int
    assert type(many([4, 4], (2,))) is int


def test_zero_divides_some() -> None:
    """Variants that divide by zero are parted from the others, and fail as Python does."""
    with pytest.raises(Parting) as parting:
        12 // many([0, 3], (2,))
    assert parting.value.labels.tolist() == [True, False]
    with pytest.raises(ZeroDivisionError, match="integer division or modulo by zero"):
        many([1, 2], (2,)) % 0


def test_beyond_64_bits() -> None:
    """Products are exact wherever they lie, and come back to int64 when they are small again."""
    wide = many([3**30, 3**31 - 1], (2,))
    product = wide * wide * wide
    assert product.array.tolist() == [3**90, (3**31 - 1) ** 3]
    back = product // (wide * wide)
    assert back.array.dtype == np.int64
    assert back.array.tolist() == [3**30, 3**31 - 1]
    total = many([2**61, 2**61 + 1], (2,)) + many([2**62 - 1, 2**62 - 2], (2,)) + 2**62
    assert int(total) == 2**61 + 2**62 - 1 + 2**62


def test_hashes_do_not_exist() -> None:
    """What is keyed on a size would take variants for different that are equal: it has to be written otherwise."""
    with pytest.raises(TypeError, match="unhashable"):
        {many([1, 2], (2,))}


def test_functions_of_each() -> None:
    """A function of numbers is called once for equal ones; those for which it fails are parted."""
    calls = []

    def root(value: float) -> float:
        calls.append(value)
        return math.sqrt(value)

    assert many([4, 9, 4, 9], (2, 2)).each(root).array.tolist() == [[2.0, 3.0], [2.0, 3.0]]
    assert calls == [4, 9]
    with pytest.raises(Parting) as parting:
        many([4, -1], (2,)).each(math.sqrt)
    assert len(set(parting.value.labels.tolist())) == 2
    with pytest.raises(ValueError, match="math domain error"):
        many([-4, -1], (2,)).each(math.sqrt)


@given(st.lists(SMALL, min_size=2, max_size=5), st.lists(SMALL, min_size=2, max_size=5))
def test_choice_of_each(rows: list[int], columns: list[int]) -> None:
    a, b = grid(rows, columns)
    test = numbers.Varying.__lt__(a, b) if isinstance(a, int) else a < b
    if isinstance(test, Many):
        chosen = test.chosen(a, b)
        for i, x in enumerate(rows):
            for j, y in enumerate(columns):
                assert at(chosen, i, j, (len(rows), len(columns))) == (x if x < y else y)


def test_results_are_remembered_and_forgotten() -> None:
    """A small result is the same object when it is asked for again; a large one is not kept from being freed."""
    small, large = many([2, 3], (2,)), many(list(range(5000)), (5000,))
    other = many([5, 6], (2,))
    assert (small + other) is (small + other)
    assert (small * 7) is (small * 7)
    assert (small + 1).array.tolist() == [3, 4]
    assert (small + True).array.tolist() == [3, 4]
    assert (small + 1.0).array.dtype == np.float64
    kept = large * 3
    assert (large * 3) is kept
    address = id(kept.array)
    del kept
    assert all(id((large * factor).array) != 0 for factor in range(4, 40))
    assert address
    assert (large * 3).array[1] == 3


def test_operands_that_are_gone_are_not_taken_for_new_ones() -> None:
    """An address is used again; a result is only taken where its operand is still the one."""
    base = many([10, 20], (2,))
    for value in range(300):
        other = many([value, value + 1], (2,))
        assert (base + other).array.tolist() == [10 + value, 21 + value]
        del other
