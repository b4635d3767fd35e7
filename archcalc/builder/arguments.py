"""Values of a spec → arguments of an operator, each decoded to the type that its class declares."""

from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from archcalc.errors import Problem, Span
from archcalc.numbers import Varying, agreed
from archcalc.ops.base import Op
from archcalc.spec.tree import shown

MISFIT = object()
Converter = Callable[[Any], Any]


class Argument(Struct, frozen=True):
    """One declared argument of an operator class; `convert` gives a value as its type, or MISFIT."""

    name: str
    type: Any
    required: bool
    convert: Converter


def arguments_of(op: type[Op]) -> dict[str, Argument]:
    """The arguments an operator class declares, in order."""
    return {
        field.name: Argument(field.name, field.type, field.default is NODEFAULT, converter(field.type))
        for field in msgspec.structs.fields(op)
    }


def decode(argument: Argument, value: Any, span: Span) -> tuple[Any, Problem | None]:
    """`value` as the argument's type, or what is wrong with it."""
    found = argument.convert(value)
    if found is not MISFIT:
        return found, None
    return None, Problem(f"{argument.name} is {expected(argument.type)}", span, f"this is {shown(value)}")


def converter(kind: Any) -> Converter:
    """What turns a value into a type that operators declare: lists become tuples, 32.0 becomes 32.

    Not `msgspec.convert`: version 0.22 crashes the interpreter on a union of a bounded number and a pair.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return lambda value: value if isinstance(value, str) and value in parts else MISFIT
    if hasattr(kind, "__metadata__"):
        return _bounded(converter(kind.__origin__), kind.__metadata__[0])
    if origin is tuple:
        return _list(parts)
    if parts:
        return _any_of([converter(part) for part in parts])
    return _PLAIN[kind]


def _number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)  # an expression with a division gives 32.0 for 32
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _varying(value, _number, int) if isinstance(value, Varying) else MISFIT


def _real(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return _varying(value, _real, float) if isinstance(value, Varying) else MISFIT


def _varying(value: Varying, convert: Converter, kind: type) -> Any:
    """The numbers of many variants as one of them is converted; those that do not fit are parted from the others."""
    if value.kind is bool:
        return MISFIT
    try:
        return value if value.kind is kind else value.each(_fitting(convert))
    except ValueError:
        return MISFIT


def _fitting(convert: Converter) -> Converter:
    def fitting(value: Any) -> Any:
        found = convert(value)
        if found is MISFIT:
            raise ValueError
        return found

    return fitting


_PLAIN: dict[Any, Converter] = {
    int: _number,
    float: _real,
    bool: lambda value: found if isinstance(found := agreed(value), bool) else MISFIT,
    type(None): lambda value: None if value is None else MISFIT,
}


def _bounded(convert: Converter, bounds: Meta) -> Converter:
    low, high = bounds.ge, bounds.le

    def bounded(value: Any) -> Any:
        found = convert(value)
        if found is MISFIT or (low is not None and found < low) or (high is not None and found > high):
            return MISFIT
        return found

    return bounded


def _any_of(converters: list[Converter]) -> Converter:
    def any_of(value: Any) -> Any:
        for convert in converters:
            found = convert(value)
            if found is not MISFIT:
                return found
        return MISFIT

    return any_of


def _list(parts: tuple[Any, ...]) -> Converter:
    """A tuple of one type in any number, or of one value a part."""
    size = None if parts[-1] is Ellipsis else len(parts)
    convert = converter(parts[0])

    def whole(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or (size is not None and len(value) != size):
            return MISFIT
        items = tuple(map(convert, value))
        return MISFIT if MISFIT in items else items

    return whole


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
        return "a pair"
    each = get_args(parts[0]) if get_args(parts[0]) and not hasattr(parts[0], "__metadata__") else (parts[0],)
    words = [
        expected(part).removeprefix("a ").replace("number", "numbers", 1).replace("pair", "pairs") for part in each
    ]
    return "a list of " + " or ".join(words)
