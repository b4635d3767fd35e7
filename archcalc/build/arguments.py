"""Values of a spec → arguments of an operator, each decoded to the type that its class declares."""

from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct

from archcalc.errors import Problem, Span, printable
from archcalc.ops.base import Op


class Argument(Struct, frozen=True):
    """One declared argument of an operator class."""

    name: str
    type: Any
    required: bool


def arguments_of(op: type[Op]) -> dict[str, Argument]:
    """The arguments an operator class declares, in order."""
    return {
        field.name: Argument(field.name, field.type, field.default is NODEFAULT) for field in msgspec.structs.fields(op)
    }


def decode(argument: Argument, value: Any, span: Span) -> tuple[Any, Problem | None]:
    """`value` as the argument's type, or what is wrong with it."""
    found = convert(value, argument.type)
    if found is not MISFIT:
        return found, None
    return None, Problem(f"{argument.name} is {expected(argument.type)}", span, f"this is {_shown(value)}")


MISFIT = object()


def convert(value: Any, kind: Any) -> Any:
    """`value` as a type that operators declare: lists become tuples, 32.0 becomes 32; MISFIT where it is not one.

    Not `msgspec.convert`: version 0.22 crashes the interpreter on a union of a bounded number and a pair.
    """
    if isinstance(kind, type):
        return _convert_plain(value, kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value if isinstance(value, str) and value in parts else MISFIT
    if hasattr(kind, "__metadata__"):
        found, bounds = _convert_plain(value, kind.__origin__), kind.__metadata__[0]
        inside = found is not MISFIT and not found < bounds.ge and (bounds.le is None or found <= bounds.le)
        return found if inside else MISFIT
    if origin is tuple:
        return _convert_list(value, parts)
    return next((found for part in parts if (found := convert(value, part)) is not MISFIT), MISFIT)


def _convert_plain(value: Any, kind: type) -> Any:
    if kind is type(None):
        return None if value is None else MISFIT
    if kind is bool or isinstance(value, bool):
        return value if kind is bool and isinstance(value, bool) else MISFIT
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)  # an expression with a division gives 32.0 for 32
    if kind is float and isinstance(value, int):
        return float(value)
    return value if isinstance(value, kind) else MISFIT


def _convert_list(value: Any, parts: tuple[Any, ...]) -> Any:
    if not isinstance(value, (list, tuple)):
        return MISFIT
    kinds = (parts[0],) * len(value) if parts[-1] is Ellipsis else parts
    if len(kinds) != len(value):
        return MISFIT
    items = tuple(convert(item, kind) for item, kind in zip(value, kinds, strict=True))
    return MISFIT if MISFIT in items else items


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{printable(value, 40)}'" if isinstance(value, str) else printable(str(value), 60)


def expected(kind: Any) -> str:
    """A type in words: `a whole number from 1`, `'none' or 'tanh'`, `a list of whole numbers`."""
    if kind is None or kind is type(None):
        return "nothing"
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return "a whole number" if kind is int else "a number"
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"'{part}'" for part in parts)
    if hasattr(kind, "__metadata__"):
        meta = kind.__metadata__[0]
        bounds = "" if meta.ge is None else f" from {meta.ge}"
        return expected(kind.__origin__) + bounds + ("" if meta.le is None else f" to {meta.le}")
    if origin is tuple:
        return _expected_list(parts)
    if origin is Union or parts:
        words = [expected(part) for part in parts if part is not type(None)]
        return " or ".join(dict.fromkeys(words))
    return str(kind)


def _expected_list(parts: tuple[Any, ...]) -> str:
    if parts[-1] is not Ellipsis:
        return f"{len(parts)} numbers in a list"
    return "a list of " + expected(parts[0]).removeprefix("a ").replace("number", "numbers", 1)
