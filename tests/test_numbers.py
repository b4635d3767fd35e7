"""One arithmetic for four kinds of number: whatever computes, the result is the same."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archcalc.numbers import Traced, ceil_div, gcd, grouped, maximum, minimum, product, total
from archcalc.ops import Conv

Tree = Any
"""An int, a Traced, or an operation's name with one or two trees."""

OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "neg": operator.neg,
    "ceil": ceil_div,
    "max": maximum,
    "min": minimum,
    "gcd": gcd,
}


def trees(*names: str) -> st.SearchStrategy[Tree]:
    """Random expressions of some operations, over plain ints and traced ones, quiet or not."""
    values = st.integers(0, 40) | st.integers(-9, 9)
    leaves = values | st.builds(Traced, values, st.just("n"), st.booleans())

    def extended(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        binary = st.tuples(st.sampled_from([name for name in names if name != "neg"]), inner, inner)
        return binary | st.tuples(st.just("neg"), inner) if "neg" in names else binary

    return st.recursive(leaves, extended, max_leaves=8)


def compute(tree: Tree, leaf: Callable[[Any], Any]) -> Any:
    """The tree worked out by the operations themselves, where none divides by less than it may."""
    if not isinstance(tree, tuple):
        return leaf(tree)
    name, *operands = tree
    numbers = [compute(operand, leaf) for operand in operands]
    if name in ("//", "ceil"):
        assume(int(numbers[1]) != 0 if name == "//" else int(numbers[1]) > 0)
    return OPERATIONS[name](*numbers)


@given(tree=trees(*OPERATIONS))
def test_traced_value_is_the_int_computation(tree: Tree) -> None:
    """A traced computation has the value that it has on ints, whatever is quiet."""
    assert int(compute(tree, lambda leaf: leaf)) == compute(tree, int)


@pytest.mark.parametrize(
    "expressions",
    [
        pytest.param(trees("+", "-", "*"), id="sums and products"),
        pytest.param(trees("+", "-", "//", "max", "min", "gcd"), id="quotients"),
        pytest.param(trees("+", "ceil"), id="ceilings"),
        pytest.param(trees("//", "neg"), id="negated quotients"),
        pytest.param(trees("*", "//"), id="products of quotients"),
        pytest.param(trees(*OPERATIONS), id="everything"),
    ],
)
@settings(max_examples=400)
@given(data=st.data())
def test_substituted_computes_the_value(
    expressions: st.SearchStrategy[Tree], data: st.DataObject, evaluate: Callable[[str], int]
) -> None:
    """What is printed, worked out by Python's rules of precedence, is the value: brackets are where they are needed."""
    number = compute(data.draw(expressions), lambda leaf: leaf)
    if isinstance(number, Traced):
        assert evaluate(number.substituted) == number.value


def test_formula_and_substituted() -> None:
    """One computation, printed in names and in values."""
    height, kernel = Traced(227, "height"), Traced(11, "kernel_size")
    padding, stride = Traced(0, "padding"), Traced(4, "stride")
    size = (height - kernel + (padding + padding)) // stride + 1
    assert size.formula == "(height − kernel_size + 2·padding)//stride + 1"
    assert size.substituted == "(227 − 11 + 2·0)//4 + 1"
    assert size == 55


@pytest.mark.parametrize(
    ("result", "printed"),
    [
        (lambda n, one, zero: n * one, "n"),
        (lambda n, one, zero: one * n, "n"),
        (lambda n, one, zero: n // one, "n"),
        (lambda n, one, zero: n + zero, "n"),
        (lambda n, one, zero: zero + n, "n"),
        (lambda n, one, zero: n - zero, "n"),
        (lambda n, one, zero: 1 * n // 1 + 0, "n"),  # literal ones too
        (lambda n, one, zero: n + n * (one - 1), "n"),  # what is made of quiet numbers is quiet
        (lambda n, one, zero: n * Traced(1, "s"), "n·s"),  # other ones are said
        (lambda n, one, zero: n + Traced(0, "p"), "n + p"),
        (lambda n, one, zero: n * Traced(2, "d", quiet=True), "n·d"),  # and quiet numbers that change something
        (lambda n, one, zero: n + n, "2·n"),
    ],
)
def test_quiet_numbers_are_left_out(result: Callable[..., Traced], printed: str) -> None:
    """A quiet number is not printed while it changes nothing."""
    assert result(Traced(7, "n"), Traced(1, "one", quiet=True), Traced(0, "zero", quiet=True)).formula == printed


def test_long_sums_are_flat() -> None:
    """A thousand branches are one sum and not a tree a thousand deep."""
    assert total(Traced(1) for _ in range(5000)).substituted.count("+") == 4999


@given(a=st.integers(-9, 9), b=st.integers(-9, 9))
def test_traced_compares_like_its_value(a: int, b: int) -> None:
    """Order, equality, hash and truth are those of the value, against ints and among themselves."""
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        assert compare(Traced(a), b) == compare(Traced(a), Traced(b)) == compare(a, b)
    assert hash(Traced(a)) == hash(a)
    assert bool(Traced(a)) == bool(a)


@pytest.mark.parametrize(("value", "text"), [(34848, "34,848"), (-1000, "−1,000"), (7, "7")])
def test_grouped(value: int, text: str) -> None:
    """Thousands are set apart; minus is a true minus."""
    assert grouped(value) == text


# The helpers, on each kind of number ---------------------------------------------------------------------------------


def on_ints(function: Callable[..., Any], *numbers: int) -> int:
    return function(*numbers)


def on_traced(function: Callable[..., Any], *numbers: int) -> int:
    return int(function(*map(Traced, numbers)))


def on_symbols(function: Callable[..., Any], *numbers: int) -> int:
    symbols = sympy.symbols(f"n:{len(numbers)}", integer=True)
    return function(*symbols).xreplace(dict(zip(symbols, map(sympy.Integer, numbers), strict=True)))


def on_arrays(function: Callable[..., Any], *numbers: int) -> int:
    """Beside other elements; theirs are right when these are."""
    return function(*(np.array([n + 3, n, 5]) for n in numbers))[1]


every_kind = pytest.mark.parametrize("run", [on_ints, on_traced, on_symbols, on_arrays])


@every_kind
@given(a=st.integers(-50, 50), b=st.integers(1, 12))
def test_helpers_on_every_kind(run: Callable[..., int], a: int, b: int) -> None:
    """Each helper gives what its name says, on every kind of number, and beside a plain int."""
    assert run(ceil_div, a, b) == -(-a // b)
    assert run(lambda n: ceil_div(n, b), a) == -(-a // b)
    assert run(maximum, a, b) == run(lambda n: maximum(n, b), a) == max(a, b)
    assert run(minimum, a, b) == run(lambda n: minimum(n, b), a) == min(a, b)
    assert run(lambda *numbers: product(numbers), a, b, a) == a * b * a
    assert run(lambda *numbers: total(numbers), a, b, a) == a + b + a


@every_kind
@given(a=st.integers(0, 60), b=st.integers(1, 12))
def test_gcd_on_every_kind(run: Callable[..., int], a: int, b: int) -> None:
    """The greatest common divisor divides both, and is the greatest that does."""
    assert run(lambda n: gcd(n, b), a) == max(d for d in range(1, max(a, b) + 1) if a % d == b % d == 0)


def test_empty_products_and_sums() -> None:
    """No factors make 1, no summands make 0."""
    assert (product([]), total([])) == (1, 0)


# What the other kinds are for ----------------------------------------------------------------------------------------


def test_three_small_kernels_against_one_large() -> None:
    """Three 3×3 convolutions of C channels have 27·C² weights; one 7×7, which reaches as far, has 49·C²."""
    channels, height, width = sympy.symbols("C H W", integer=True, positive=True)

    def parameters(kernel: int) -> Any:
        (weight,) = Conv(channels, kernel, bias=False).weights(((channels, height, width),))
        return weight.count

    assert sum(parameters(3) for _ in range(3)) == 27 * channels**2
    assert parameters(7) == 49 * channels**2


def test_ten_thousand_widths_in_one_pass() -> None:
    """Facts on an array of widths are ten thousand runs on ints."""
    conv, widths = Conv(96, 11, stride=4, padding=2), np.arange(11, 10_011)
    output = conv.output(((3, 227, widths),))
    work = conv.work(((3, 227, widths),), output)
    one_by_one = []
    for width in widths.tolist():
        shape = conv.output(((3, 227, width),))
        one_by_one.append((shape[2], conv.work(((3, 227, width),), shape).macs))
    assert [*zip(output[2].tolist(), work.macs.tolist(), strict=True)] == one_by_one
