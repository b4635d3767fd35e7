"""Values that begin with `=`: arithmetic over vars, block arguments and loop indices.

Evaluated by simpleeval, never by Python's own `eval`: numbers, text, lists, comparisons, `… if … else …`, indexing and
the functions below. Attributes, calls of anything else and large powers do not exist.
"""

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import simpleeval
from msgspec import Struct

from archcalc.errors import Problem, Span, SpecError, did_you_mean, printable
from archcalc.numbers import Varying, agreed, maximum, minimum

MAX_LENGTH = 500
MAX_ITEMS = 10_000  # of a list, with the lists in it, or characters of a text
MAX_STEPS = 2_000_000  # of all evaluations of a spec together
_MOST_KNOWN = 10_000  # results that are kept for the next time

Value = Any  # int, float, str, bool, None, or a list of them

_NUMBERS = (int, float, Varying)

FAILED: Any = type("Failed", (), {"__repr__": lambda self: "FAILED"})()
"""The value of a name whose own expression is wrong: what uses it fails without a word, for all has been said."""


def _range(*bounds: int) -> list[int]:
    if len(range(*bounds)) > MAX_ITEMS:
        raise ValueError("this range is too long")
    return list(range(*bounds))


def _round(number: float, digits: int = 0) -> float:
    return round(number, max(-15, min(15, digits))) if digits else round(number)


def _sum(numbers: list[float]) -> float:
    if not all(isinstance(number, _NUMBERS) for number in numbers):
        raise TypeError("only numbers can be added up")
    return sum(numbers)


def _divisible(number: float, divisor: int) -> int:
    """The nearest multiple of `divisor`, at least one, and never less than nine tenths: MobileNet's rule for widths."""
    nearest = max(divisor, int(number + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * number else nearest + divisor


def _of_each(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of numbers: of the numbers of many variants it is worked out for each."""

    def computed(*numbers: Any) -> Any:
        for number in numbers:
            if isinstance(number, Varying):
                return number.each(function, *numbers)
        return function(*numbers)

    return computed


def _extreme(of_all: Callable[..., Any], of_ints: Callable[[int, int], int]) -> Callable[..., Any]:
    """`max` or `min`, of one list or of several numbers."""

    def of_two(left: Any, right: Any) -> Any:
        kinds = [number.kind if isinstance(number, Varying) else type(number) for number in (left, right)]
        return of_ints(left, right) if kinds == [int, int] else _of_each(of_all)(left, right)

    def found(*numbers: Any) -> Any:
        items = numbers[0] if len(numbers) == 1 and isinstance(numbers[0], (list, tuple)) else numbers
        return reduce(of_two, items) if any(isinstance(item, Varying) for item in items) else of_all(*numbers)

    return found


FUNCTIONS = {
    "abs": abs,
    "ceil": _of_each(math.ceil),
    "divisible": _of_each(_divisible),
    "floor": _of_each(math.floor),
    "int": _of_each(int),
    "len": len,
    "log": _of_each(math.log),
    "max": _extreme(max, maximum),
    "min": _extreme(min, minimum),
    "range": _range,
    "round": _of_each(_round),
    "sum": _sum,
}


def power(base: Any, exponent: Any) -> Any:
    """`base**exponent`, as far as a spec may go. Raises ValueError beyond."""
    if abs(exponent) > 64 or abs(base) > 1_000_000:
        raise ValueError("this power is too large")
    return base**exponent


def _of_numbers(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operator that Python has for texts and lists as well, where it has no use in a spec and no bound."""

    def computed(left: Any, right: Any) -> Any:
        if not isinstance(left, _NUMBERS) or not isinstance(right, _NUMBERS):
            raise TypeError("this can be done with numbers only")
        return compute(left, right)

    return computed


_ALLOWED_OPERATORS = {
    ast.Pow: _of_numbers(_of_each(power)),
    ast.Mult: _of_numbers(operator.mul),
    ast.Mod: _of_numbers(operator.mod),
    ast.Sub: _of_numbers(operator.sub),
    ast.Div: _of_numbers(operator.truediv),
    ast.FloorDiv: _of_numbers(operator.floordiv),
}
_HAS = "there are numbers, texts, lists, comparisons, a if c else b, indices and functions"


class Expression(Struct, frozen=True):
    """The text behind `=`, and where it stands."""

    text: str
    span: Span


def as_expression(value: object, span: Span) -> Expression | None:
    """The expression that a scalar is, if it begins with `=`."""
    return Expression(value[1:].strip(), span) if isinstance(value, str) and value.startswith("=") else None


class _Engine(simpleeval.EvalWithCompoundTypes):  # type: ignore[misc]
    """simpleeval with our functions and operators, and a bound on all steps together."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.functions = FUNCTIONS
        for node in (ast.Attribute, ast.Dict, ast.Set):
            self.nodes.pop(node, None)
        for kind in (ast.LShift, ast.RShift, ast.BitXor, ast.BitOr, ast.BitAnd, ast.Invert):
            self.operators.pop(kind, None)
        self.operators.update(_ALLOWED_OPERATORS)

    def _eval(self, node: ast.AST) -> Any:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise simpleeval.IterableTooLong("")
        return super()._eval(node)

    def _eval_ifexp(self, node: ast.IfExp) -> Any:
        """One of two; for variants that disagree on which, both, if both can be worked out and are numbers alike."""
        test = self._eval(node.test)
        if isinstance(test, Varying) and test.kind is bool:
            try:
                return test.chosen(self._eval(node.body), self._eval(node.orelse))
            except (simpleeval.InvalidExpression, ArithmeticError, TypeError, ValueError, LookupError):
                test = test.agreed()  # what is wrong is so for some of them only
        return self._eval(node.body if test else node.orelse)

    def _eval_formattedvalue(self, node: ast.FormattedValue) -> Any:
        return agreed(super()._eval_formattedvalue(node))


class Parsed(Struct, frozen=True):
    """The tree of an expression, and the names in it."""

    tree: ast.AST
    names: tuple[str, ...]


class _Known(Struct, frozen=True):
    """What an expression gave, how many steps it took, and the values of its names, which are kept to stay the same."""

    value: Value
    steps: int
    names: tuple[Value, ...]


class Evaluator:
    """Evaluates the expressions of one spec; each text is parsed once, and worked out once for the same values.

    `parsed` holds texts that are parsed already, and takes in others.
    """

    def __init__(self, parsed: dict[str, Parsed] | None = None) -> None:
        self._engine = _Engine()
        self._parsed = {} if parsed is None else parsed
        self._known: dict[tuple[Any, ...], _Known] = {}
        self._wrong: dict[Span, Problem] = {}

    def check(self, expression: Expression) -> Problem | None:
        """What is wrong with an expression before any value is known: its syntax."""
        try:
            self._parse(expression)
        except SpecError as error:
            return error.problems[0]
        return None

    def spend(self, steps: int, span: Span) -> None:
        """Count work that is as long as a list in the text. Raises SpecError beyond `MAX_STEPS`."""
        self._engine.steps += steps
        if self._engine.steps > MAX_STEPS:
            raise self._error(span, "too much is worked out here", f"a spec has at most {MAX_STEPS:,} steps")

    def evaluate(self, expression: Expression, names: Mapping[str, Value]) -> Value:
        """The value of an expression. Raises SpecError with what is wrong and the nearest name; once for a place."""
        parsed = self._parse(expression)
        values = tuple([names.get(name) for name in parsed.names])
        # Equal ints and the same objects give the same: repeated blocks ask for little else.
        key = (expression.text, *[value if type(value) is int else (id(value),) for value in values])
        known = self._known.get(key)
        if known is not None and self._engine.steps + known.steps <= MAX_STEPS:
            self._engine.steps += known.steps
            return known.value
        if any(value is FAILED for value in values):
            raise SpecError(())
        self._engine.names = names
        before = self._engine.steps
        try:
            value = self._engine.eval(expression.text, previously_parsed=parsed.tree)
            self._check_value(value)
        except (simpleeval.InvalidExpression, ArithmeticError, TypeError, ValueError, LookupError, RecursionError,
                MemoryError, AttributeError) as error:  # fmt: skip
            if expression.span not in self._wrong:
                message, hint = self._why(error, names)
                self._wrong[expression.span] = Problem(message, expression.span, hint)
            raise SpecError(self._wrong[expression.span]) from None
        if len(self._known) < _MOST_KNOWN:
            self._known[key] = _Known(value, self._engine.steps - before, values)
        return value

    def _why(self, error: Exception, names: Mapping[str, Value]) -> tuple[str, str]:
        """What to say about an expression that fails, and the hint."""
        if isinstance(error, simpleeval.NameNotDefined):
            name = str(error.name)
            return f"there is no variable '{printable(name, 40)}' here", did_you_mean(name, names)
        if isinstance(error, simpleeval.FunctionNotDefined):
            name = str(error.func_name)
            return f"there is no function '{printable(name, 40)}'", did_you_mean(name, FUNCTIONS)
        if isinstance(error, simpleeval.IterableTooLong):
            return "too much is worked out here", f"a spec has at most {MAX_STEPS:,} steps"
        if isinstance(error, simpleeval.InvalidExpression):
            return "this cannot stand in an expression", _HAS
        return "this expression fails", printable(str(error), 100)

    def _check_value(self, value: Value) -> None:
        """Raises ValueError for what is no value of a spec, or is too large for one."""
        pending, seen = [value], 0
        while pending:
            part = pending.pop()
            seen += 1
            if seen > MAX_ITEMS:
                raise ValueError("its list is too long")
            if isinstance(part, list):
                pending += part[:MAX_ITEMS]
            elif isinstance(part, str):
                if len(part) > MAX_ITEMS:
                    raise ValueError("its text is too long")
            elif part is not None:
                self._check_number(part)

    @staticmethod
    def _check_number(number: Any) -> None:
        if isinstance(number, float):
            if not math.isfinite(number):
                raise ValueError(f"it gives {number}")
        elif isinstance(number, int):
            if abs(number) >= 2**63:
                raise ValueError("it gives a number beyond 64 bits")
        elif not isinstance(number, Varying):
            raise ValueError("it gives nothing that a spec can use")
        elif not number.finite() or (number.kind is int and abs(number) >= 2**63):  # type: ignore[arg-type]
            raise ValueError("it gives a number beyond all measure")

    def _parse(self, expression: Expression) -> Parsed:
        parsed = self._parsed.get(expression.text)
        if parsed is None:
            if len(expression.text) > MAX_LENGTH:
                raise self._error(expression.span, f"an expression of more than {MAX_LENGTH} characters", "use vars")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")  # what Python only warns of is a slip here
                    tree = ast.parse(expression.text, mode="eval").body
            except SyntaxError as error:
                hint = "put the expression in quotes" if "never closed" in error.msg else printable(error.msg, 100)
                raise self._error(expression.span, "this is not an expression", hint) from None
            except (RecursionError, MemoryError, ValueError, Warning):
                raise self._error(expression.span, "this is not an expression", "") from None
            if any(isinstance(node, ast.FormattedValue) and node.format_spec for node in ast.walk(tree)):
                raise self._error(expression.span, "this cannot stand in an expression", "a format such as {i:>9}")
            names = tuple({node.id: None for node in ast.walk(tree) if isinstance(node, ast.Name)})
            parsed = self._parsed[expression.text] = Parsed(tree, names)
        return parsed

    @staticmethod
    def _error(span: Span, message: str, hint: str) -> SpecError:
        return SpecError(Problem(message, span, hint))
