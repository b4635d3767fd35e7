"""Conditions: their grammar, exact numbers, truth on ints and on arrays, and what is said of mistakes."""

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.errors import Problem, UsageError
from archcalc.space.conditions import MAX_LENGTH, MAX_LEVELS, parse_condition
from archcalc.space.quantities import ALIASES, NUMERIC, QUANTITIES

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "≤": operator.le,
    "≥": operator.ge,
    "≠": operator.ne,
}
COUNTS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
BYTES = {
    "": 1,
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
WORDS = ["params", "peak", ">", "<", "=", "(", ")", "and", "or", "not", "5", "5M", "1.5KiB", "!", ","]
Truth = Callable[[dict[str, Any]], bool]


def holds(text: str, **values: Any) -> Any:
    return parse_condition(text, NUMERIC).holds(values)


def wrong(text: str) -> list[tuple[int, int, str, str]]:
    """Column, width, message and hint of all that is wrong with a condition."""
    with pytest.raises(UsageError) as caught:
        parse_condition(text, NUMERIC)
    spans = [(problem.span, problem) for problem in caught.value.problems]
    return [(span.column, span.width, problem.message, problem.hint) for span, problem in spans if span]


@st.composite
def terms(draw: Any, name: st.SearchStrategy[str]) -> tuple[str, Truth]:
    """A comparison as text, and as what Python makes of it with fractions."""
    key = draw(name)
    units = BYTES if NUMERIC[key] == "bytes" else COUNTS
    unit = draw(st.sampled_from([*units]))
    number = draw(st.sampled_from(["0", "1", "2", "2.5", "0.001", "3", ".5", "1e3", "1,000", "1_000", "4."]))
    sign = draw(st.sampled_from([*SIGNS]))
    gap = draw(st.sampled_from(["", " "]))
    limit = Fraction(number.replace(",", "").replace("_", "")) * units[unit]
    text = f"{number}{gap}{unit}"
    if draw(st.booleans()):
        return f"{key}{gap}{sign} {text}", lambda values: SIGNS[sign](values[key], limit)
    return f"{text} {sign}{gap}{key}", lambda values: SIGNS[sign](limit, values[key])


names = st.sampled_from([*NUMERIC])
leaves = terms(names)


def _joined(parts: st.SearchStrategy[tuple[str, Truth]]) -> st.SearchStrategy[tuple[str, Truth]]:
    def negated(part: tuple[str, Truth]) -> tuple[str, Truth]:
        text, truth = part
        return f"not ({text})", lambda values: not truth(values)

    def bracketed(word: str, combine: Callable[[list[bool]], bool]) -> Any:
        def joined(several: list[tuple[str, Truth]]) -> tuple[str, Truth]:
            text = f" {word} ".join(f"({text})" for text, _ in several)
            return text, lambda values: combine([truth(values) for _, truth in several])

        return st.lists(parts, min_size=2, max_size=3).map(joined)

    return st.one_of(parts.map(negated), bracketed("and", all), bracketed("or", any))


conditions = st.recursive(leaves, _joined, max_leaves=8)
numbers = st.one_of(st.integers(0, 5), st.integers(-3, 3).map(lambda n: 1000 + n), st.integers(0, 2**62))


@given(conditions, st.data())
def test_truth_is_that_of_fractions_on_ints_and_on_arrays(condition: tuple[str, Truth], data: Any) -> None:
    """Every condition says of one network, and of many at once, what exact arithmetic says."""
    text, truth = condition
    parsed = parse_condition(text, NUMERIC)
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(parsed.names, numbers)), min_size=1, max_size=5))
    expected = [truth(row) for row in rows]
    assert [bool(parsed.holds(row)) for row in rows] == expected
    arrays = {name: np.array([row[name] for row in rows], dtype=np.int64) for name in parsed.names}
    together = parsed.holds(arrays)
    assert together.dtype == bool
    assert together.tolist() == expected
    objects = {name: np.array([row[name] for row in rows], dtype=object) for name in parsed.names}
    assert parsed.holds(objects).tolist() == expected


@given(leaves, leaves, leaves)
def test_and_binds_tighter_than_or_and_not_tighter_than_both(one: Any, two: Any, three: Any) -> None:
    """`a or b and not c` is `a or (b and (not c))`."""
    (a, is_a), (b, is_b), (c, is_c) = one, two, three
    parsed = parse_condition(f"{a} or {b} and not {c}", NUMERIC)
    for value in (0, 1, 2, 3, 1000, 10**6):
        values = dict.fromkeys(NUMERIC, value)
        assert parsed.holds(values) == (is_a(values) or (is_b(values) and not is_c(values)))


@given(st.integers(0, 10**15), st.integers(0, 3), st.sampled_from([*COUNTS]))
def test_numbers_are_exact(whole: int, decimals: int, unit: str) -> None:
    """A number with a unit is the number, to the last digit: no float ever holds it."""
    text = f"{whole / 10**decimals:.{decimals}f}" if whole < 10**12 else str(whole)
    limit = Fraction(text) * COUNTS[unit]
    (term,) = parse_condition(f"params > {text}{unit}", NUMERIC).terms
    assert term.limit({}) == limit
    assert isinstance(term.limit({}), int if limit.denominator == 1 else Fraction)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5M", 5_000_000),
        ("0.1M", 100_000),
        ("4.35M", 4_350_000),
        ("5e6", 5_000_000),
        ("11,689,512", 11_689_512),
        ("11_689_512", 11_689_512),
        ("9007199254740993", 2**53 + 1),
        ("1.000000000000000001T", Fraction(1_000_000_000_000_000_001, 10**6)),
    ],
)
def test_numbers_in_words(text: str, value: int) -> None:
    (term,) = parse_condition(f"macs <= {text}", NUMERIC).terms
    assert term.limit({}) == value


@pytest.mark.parametrize(("text", "value"), [("1.5GiB", 3 * 2**29), ("320KiB", 327_680), ("320kB", 320_000), ("7", 7)])
def test_bytes(text: str, value: int) -> None:
    (term,) = parse_condition(f"peak <= {text}", NUMERIC).terms
    assert term.limit({}) == value


@pytest.mark.parametrize("unit", [*COUNTS, *BYTES])
def test_every_unit_is_what_it_says(unit: str) -> None:
    """To the last one: a byte more than the limit is beyond it."""
    units, name = (COUNTS, "macs") if unit in COUNTS else (BYTES, "peak")
    (term,) = parse_condition(f"{name} <= 3{unit}", NUMERIC).terms
    assert term.limit({}) == 3 * units[unit]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("limit", ["2.5", "0.5", "2.0001", "1.9999", "2"])
def test_whole_numbers_beside_a_limit_that_is_none(sign: str, limit: str) -> None:
    """n < 2.5 is true of 2, and n >= 2.5 is not; likewise in arrays."""
    condition = parse_condition(f"layers {sign} {limit}", NUMERIC)
    expected = [SIGNS[sign](n, Fraction(limit)) for n in range(5)]
    assert [bool(condition.holds({"layers": n})) for n in range(5)] == expected
    assert condition.holds({"layers": np.arange(5)}).tolist() == expected


def test_beyond_floats_neighbours_are_told_apart() -> None:
    """2^53 and its successor are one float."""
    assert holds("params > 9007199254740992", params=2**53 + 1)
    assert not holds("params > 9007199254740992", params=2**53)
    assert holds("params > 9007199254740992", params=np.array([2**53, 2**53 + 1])).tolist() == [False, True]


def test_floats_are_compared_as_they_are_written() -> None:
    """A width of 0.1 is not above 0.1, though the float is; NaN is never within anything."""
    known = {"width": "number"}
    condition = parse_condition("0.1 <= width <= 0.3", known)
    assert condition.holds({"width": 0.1})
    assert not condition.holds({"width": 0.1 + 0.2})
    assert condition.holds({"width": np.array([0.1, 0.3, 0.1 + 0.2, np.nan])}).tolist() == [True, True, False, False]


def test_chains_are_every_comparison_in_them() -> None:
    """1M < params <= 5M; a quantity may stand between quantities."""
    condition = parse_condition("1M < params <= 5M", NUMERIC)
    assert [condition.holds({"params": n}) for n in (10**6, 10**6 + 1, 5 * 10**6, 5 * 10**6 + 1)] == [0, 1, 1, 0]
    assert [(term.sign, term.limit({})) for term in condition.terms] == [(">", 10**6), ("<=", 5 * 10**6)]
    assert [term.text for term in condition.terms] == ["1M < params", "params <= 5M"]
    assert holds("params < macs < flops", params=1, macs=2, flops=3)
    assert not holds("params < macs < flops", params=1, macs=3, flops=3)


def test_terms_and_names_are_listed_in_order() -> None:
    condition = parse_condition("rf > 10 or not (peak > 1KiB and macs < params) and macs < 3", NUMERIC)
    assert [term.left.key for term in condition.terms] == ["receptive_field", "peak_activation_bytes", "macs", "macs"]
    assert condition.names == ("receptive_field", "peak_activation_bytes", "macs", "params")


def test_the_opposite_is_what_has_to_be() -> None:
    (term,) = parse_condition("params > 5M", NUMERIC).terms
    assert term.opposite == "params <= 5M"
    (term,) = parse_condition("macs != params", NUMERIC).terms
    assert term.opposite == "macs == params"


def test_aliases_mean_quantities_that_exist() -> None:
    assert {*ALIASES.values()} <= {*QUANTITIES}
    assert not {*ALIASES} & {*QUANTITIES}


def test_a_quantity_that_cannot_be_stated_is_an_error() -> None:
    """Never a zero that is within every budget."""
    with pytest.raises(UsageError, match="receptive_field cannot be stated"):
        holds("rf < 100", receptive_field=None)


@pytest.mark.parametrize(
    ("text", "column", "width", "words"),
    [
        ("", 1, 1, "ends where"),
        ("params", 7, 1, "a comparison"),
        ("params >", 9, 1, "a quantity or a number"),
        ("parms > 5", 1, 5, "did you mean 'params'?"),
        ("input > 5", 1, 5, "no quantity 'input'"),
        ("params > 5q", 11, 1, "no unit 'q'"),
        ("params > 5 KIB", 12, 3, "did you mean 'KiB'?"),
        ("params > 5KiB", 1, 13, "params is not in bytes"),
        ("peak > 5.5M", 1, 11, "5.5MiB, or 5.5MB"),
        ("peak > 5K", 1, 9, "5KiB, or 5kB"),
        ("params < peak", 1, 13, "different units"),
        ("params < 5 < 6", 10, 5, "two numbers"),
        ("params = 5", 8, 1, "write '=='"),
        ("params => 5", 8, 2, "write '>='"),
        ("params > 5 && macs < 3", 12, 2, "write 'and'"),
        ("params > 5 macs < 3", 12, 4, "no unit 'macs'"),
        ("params > 5M macs < 3", 13, 4, "'and', 'or' or the end"),
        ("! params > 5", 1, 1, "write 'not'"),
        ("not", 4, 1, "ends where"),
        ("(params > 5", 1, 1, "not closed"),
        ("params > 5)", 11, 1, "'and', 'or' or the end"),
        ("(params > 5 5", 13, 1, "')', 'and' or 'or'"),
        ("and params > 5", 1, 3, "a quantity or a number"),
        ("params > -5", 10, 1, "'-' cannot stand"),
        ("params > nan", 10, 3, "no quantity 'nan'"),
        ("params > 1,0000", 11, 1, "',' cannot stand"),
        ("params > 1e99", 10, 4, "too long"),
        ("params > " + "9" * 50, 10, 50, "too long"),
    ],
)
def test_mistakes_are_shown_where_they_stand(text: str, column: int, width: int, words: str) -> None:
    (found,) = wrong(text)
    assert found[:2] == (column, width)
    assert words in f"{found[2]} {found[3]}"


def test_all_unknown_words_are_told_at_once() -> None:
    assert [column for column, *_ in wrong("parms > 5q and (macz < 3 or peak > 1M) and x < (")] == [
        1,
        10,
        17,
        29,
        44,
        48,
    ]


def test_nesting_and_length_are_bounded() -> None:
    """A condition of a thousand brackets is a mistake, not a crash."""
    assert holds("(" * MAX_LEVELS + "params > 5" + ")" * MAX_LEVELS, params=6)
    assert "nested" in wrong("(" * 900 + "params > 5" + ")" * 900)[0][2]
    assert "nested" in wrong("not " * 400 + "params > 5")[0][2]
    assert "characters" in wrong("params > 5 " * MAX_LENGTH)[0][2]


@given(st.text(max_size=40) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_a_condition_or_an_error(text: str) -> None:
    """Nothing else comes out, whatever goes in."""
    problems: tuple[Problem, ...] = ()
    try:
        assert parse_condition(text, NUMERIC).holds(dict.fromkeys(NUMERIC, 7)) in (True, False)
    except UsageError as error:
        problems = error.problems
    assert all(problem.span and problem.span.column <= len(text) + 1 and str(problem) for problem in problems)
