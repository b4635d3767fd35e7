"""Values that begin with `=`: what they give, what they refuse, and that none of them can stop a machine."""

import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from archcalc.errors import Problem, Source, Span, SpecError
from archcalc.spec.expressions import Evaluator, Expression

from .helpers import bounded, build

Draw = Callable[[st.SearchStrategy[Any]], Any]

NAMES = {"width": 64, "depths": [3, 4, 6, 3], "rate": 0.5, "mode": "same", "project": True}


def evaluate(text: str, **names: Any) -> Any:
    span = Span(Source("text", f"={text}"), 1, 1, len(text) + 1)
    return Evaluator().evaluate(Expression(text, span), NAMES | names)


def refusal(text: str, **names: Any) -> Problem:
    with bounded(), pytest.raises(SpecError) as caught:
        evaluate(text, **names)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("width", 64),
        ("4*width + 2", 258),
        ("64*2**3", 512),
        ("7//2", 3),
        ("-7//2", -4),
        ("7 % 4", 3),
        ("width/2", 32.0),
        ("depths[2]", 6),
        ("depths[-1]", 3),
        ("depths[1:3]", [4, 6]),
        ("depths + [1]", [3, 4, 6, 3, 1]),
        ("len(depths)", 4),
        ("sum(depths)", 16),
        ("max(depths)", 6),
        ("min(width, 7)", 7),
        ("abs(-3)", 3),
        ("ceil(rate)", 1),
        ("floor(rate)", 0),
        ("round(2.6)", 3),
        ("round(0.126, 2)", 0.13),
        ("int(7.9)", 7),
        ("range(3)", [0, 1, 2]),
        ("[2*d for d in depths if d > 3]", [8, 12]),
        ("sum(d for d in depths)", 16),
        ("2 if project else 1", 2),
        ("project and width > 3", True),
        ("not project", False),
        ("1 < width < 100", True),
        ("width in [32, 64]", True),
        ('mode == "same"', True),
        ('f"stage{width}"', "stage64"),
        ("'a' + 'b'", "ab"),
        ("[[1, 2], 3]", [[1, 2], 3]),
        ("True", True),
        ("None", None),
    ],
)
def test_what_is_allowed(text: str, expected: object) -> None:
    """Arithmetic, lists, comparisons, conditions and a few functions give what Python gives."""
    found = evaluate(text)
    assert found == expected
    assert type(found) is type(expected)


REFUSED = (
    "width.bit_length()",
    "'a'.upper()",
    "().__class__.__bases__",
    "[].append(1)",
    "'{0.__class__}'.format(1)",
    "lambda: 1",
    "(lambda: 1)()",
    "(lambda f: f(f))(lambda f: f(f))",
    "__import__('os')",
    "import os",
    "eval('1')",
    "open('/etc/passwd')",
    "getattr(1, 'real')",
    "print(1)",
    "[abs][0](3)",
    "(y := 3)",
    "(yield 3)",
    "await 3",
    "{1: 2}",
    "{1, 2}",
    "{k: 1 for k in depths}",
    "max(*depths)",
    "1 << 2",
    "1 | 2",
    "~1",
    "1 @ 2",
    "x = 3",
    "x += 3",
    "1; 2",
    "1\n2",
    "del width",
    "assert width",
    "for i in depths: i",
    "def f(): pass",
    "abs",
    "[len]",
    "...",
    "b'a'",
    "2j",
    "(-1)**0.5",
    "",
    "3 +",
    "(3",
    "3 if project",
    "\0",
    "'a' * 3",
    "[1] * 3",
    "3 * depths",
    "sum([[1], [2]], [])",
    "1 + 'a'",
    "len(3)",
    "depths['a']",
    "depths[4]",
    "1 / 0",
    "1 // 0",
    "1 % 0",
    "max()",
    "int('x')",
    "1e308 * 10",
    "10**18 * 10",
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(text: str) -> None:
    """Anything else is one problem at the expression, in words that show nothing of what evaluates it.

    No warning of Python's either: a warning is an error in these tests, and would be a stray line for users.
    """
    problem = refusal(text)
    assert problem.span is not None
    assert problem.span.width == len(text) + 1
    words = f"{problem.message} {problem.hint}"
    assert words.isprintable()
    assert not any(word in words for word in ("object at 0x", "ast.", "Sorry", "built-in", "evaluator"))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("wdith + 1", "there is no variable 'wdith' here", "did you mean 'width'?"),
        ("flor(3)", "there is no function 'flor'", "did you mean 'floor'?"),
        ("widthx(3)", "there is no function 'widthx'", None),
        ("7 +", "this is not an expression", None),
        ("1/0", "this expression fails", "division by zero"),
        ("depths[9]", "this expression fails", "list index out of range"),
        ("9**99", "this expression fails", "this power is too large"),
        ("1" * 501, "an expression of more than 500 characters", "use vars"),
    ],
)
def test_errors_teach(text: str, message: str, hint: str | None) -> None:
    problem = refusal(text)
    assert problem.message == message
    assert hint is None or problem.hint == hint


def test_one_parse_for_many_evaluations() -> None:
    """The same text means other numbers where its names do."""
    evaluator = Evaluator()
    expression = Expression("i + 1", Span(Source("text", "=i + 1"), 1, 1))
    assert [evaluator.evaluate(expression, {"i": i}) for i in range(3)] == [1, 2, 3]


def test_names_of_functions_are_names_too() -> None:
    """A variable may be called as a function is, and each is found where it can be meant."""
    assert evaluate("len(depths) + len", len=3) == 7


def test_expressions_stand_in_lists() -> None:
    network = build("- conv: {out_channels: 4, kernel_size: [=k, '=k + 2'], padding: [=k//2, 1]}\n", "vars: {k: 1}\n")
    assert network.graph.shapes[-1] == (4, 32, 32)


ATOMS = st.one_of(
    st.integers(0, 9).map(str),
    st.sampled_from(("a", "b", "c", "0.5", "7.25", "xs[1]", "xs[a]", "True")),
    st.tuples(st.integers(0, 9), st.integers(0, 4)).map(lambda pair: f"{pair[0]} ** {pair[1]}"),
    st.tuples(st.sampled_from("abc"), st.integers(0, 3)).map(lambda pair: f"-{pair[0]} ** {pair[1]}"),
)
OPERATORS = ("+", "-", "*", "/", "//", "%", "<", "<=", "==", "!=", ">", ">=", "and", "or")
VALUES = {"a": 2, "b": 3, "c": -5, "xs": [1, 4, 0]}


@st.composite
def longer(draw: Draw, parts: st.SearchStrategy[str]) -> str:
    """A larger expression; mostly without parentheses, so that precedence is tested as well."""
    left, right = draw(parts), draw(parts)
    form = draw(st.sampled_from((*OPERATORS, "()", "if", "not", "-", "call")))
    if form in OPERATORS:
        return f"{left} {form} {right}"
    return {
        "()": f"({left})",
        "if": f"({left} if {right} else {draw(parts)})",
        "not": f"not {left}",
        "-": f"-{left}",
        "call": f"{draw(st.sampled_from(('max', 'min')))}({left}, {right})",
    }[form]


@given(st.recursive(ATOMS, longer, max_leaves=12))
@example("-2 ** 2")
@example("7 // -2 * 2")
@example("1 < 2 < 1 == 0")
@example("not 1 == 2 or 3")
def test_arithmetic_is_pythons(text: str) -> None:
    """Numbers, names and operators mean what they mean in Python, and fail where they fail there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own remarks on comparisons such as `1 is 1` are none of this law
        try:
            expected = eval(text, {"max": max, "min": min, **VALUES})  # noqa: S307 - the oracle, on texts made here
        except (ArithmeticError, IndexError, SyntaxError, TypeError):
            expected = None
    fits = isinstance(expected, (int, float)) and abs(expected) < 2**63
    if not fits:
        refusal(text, **VALUES)
        return
    found = evaluate(text, **VALUES)
    assert found == expected
    assert type(found) is type(expected)
