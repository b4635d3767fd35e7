"""Values that begin with `=`: arithmetic over vars, block arguments and loop indices.

Evaluated by simpleeval, never by Python's own `eval`: numbers, text, lists, comparisons, `… if … else …`, indexing and
the functions below. Attributes, calls of anything else and large powers do not exist.
"""

import ast
import math
import operator
from collections.abc import Mapping
from typing import Any

import simpleeval
from msgspec import Struct

from archcalc.errors import Problem, Span, SpecError, did_you_mean, printable

MAX_LENGTH = 500

Value = Any  # int, float, str, bool, None, or a list of them


def _range(*bounds: int) -> list[int]:
    if len(range(*bounds)) > 10_000:
        raise ValueError("this range is too long")
    return list(range(*bounds))


FUNCTIONS = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "int": int,
    "len": len,
    "max": max,
    "min": min,
    "range": _range,
    "round": round,
    "sum": sum,
}


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > 64 or abs(base) > 1_000_000:
        raise ValueError("this power is too large")
    return base**exponent


class Expression(Struct, frozen=True):
    """The text behind `=`, and where it stands."""

    text: str
    span: Span


def as_expression(value: object, span: Span) -> Expression | None:
    """The expression that a scalar is, if it begins with `=`."""
    return Expression(value[1:].strip(), span) if isinstance(value, str) and value.startswith("=") else None


class Evaluator:
    """Evaluates the expressions of one spec; each text is parsed once, however often a loop asks for it."""

    def __init__(self) -> None:
        self._engine = simpleeval.EvalWithCompoundTypes()
        self._engine.functions = FUNCTIONS
        nodes, operators = self._engine.nodes, self._engine.operators
        for node in (ast.Attribute, ast.Dict, ast.Set):
            nodes.pop(node, None)
        operators[ast.Pow] = _power
        for kind in (ast.LShift, ast.RShift, ast.BitXor, ast.BitOr, ast.BitAnd, ast.Invert):
            operators.pop(kind, None)
        operators[ast.Mult] = _multiply
        self._parsed: dict[str, ast.AST] = {}

    def check(self, expression: Expression) -> Problem | None:
        """What is wrong with an expression before any value is known: its syntax."""
        try:
            self._parse(expression)
        except SpecError as error:
            return error.problems[0]
        return None

    def evaluate(self, expression: Expression, names: Mapping[str, Value]) -> Value:
        """The value of an expression. Raises SpecError with what is wrong and the nearest name."""
        tree = self._parse(expression)
        self._engine.names = names
        try:
            value = self._engine.eval(expression.text, previously_parsed=tree)
        except simpleeval.NameNotDefined as error:
            name = printable(str(error.name), 40)
            hint = did_you_mean(str(error.name), names)
            raise self._error(expression, f"there is no variable '{name}' here", hint) from None
        except simpleeval.FunctionNotDefined as error:
            name = printable(str(error.func_name), 40)
            raise self._error(expression, f"there is no function '{name}'", did_you_mean(name, FUNCTIONS)) from None
        except simpleeval.InvalidExpression as error:
            raise self._error(expression, "this cannot stand in an expression", printable(str(error), 100)) from None
        except (ArithmeticError, TypeError, ValueError, LookupError, RecursionError, MemoryError) as error:
            raise self._error(expression, "this expression fails", printable(str(error), 100)) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(expression, "this expression fails", f"it gives {value}")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise self._error(expression, "this expression fails", "it gives a number beyond 64 bits")
        return value

    def _parse(self, expression: Expression) -> ast.AST:
        tree = self._parsed.get(expression.text)
        if tree is None:
            if len(expression.text) > MAX_LENGTH:
                raise self._error(expression, f"an expression of more than {MAX_LENGTH} characters", "use vars")
            try:
                tree = self._engine.parse(expression.text)
            except simpleeval.InvalidExpression as error:
                raise self._error(expression, "this is not an expression", printable(str(error), 100)) from None
            except SyntaxError as error:
                raise self._error(expression, "this is not an expression", printable(error.msg, 100)) from None
            except (RecursionError, MemoryError, ValueError):
                raise self._error(expression, "this is not an expression", "it is nested too deeply") from None
            if any(isinstance(node, ast.FormattedValue) and node.format_spec for node in ast.walk(tree)):
                raise self._error(expression, "this cannot stand in an expression", "a format such as {i:>9}")
            self._parsed[expression.text] = tree
        return tree

    @staticmethod
    def _error(expression: Expression, message: str, hint: str) -> SpecError:
        return SpecError(Problem(message, expression.span, hint))


def _multiply(left: Any, right: Any) -> Any:
    # A number times a text or a list repeats it: that has no use in a spec and no bound.
    if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
        raise TypeError("only numbers can be multiplied")
    return operator.mul(left, right)
