"""What a rule says of a layer: the call that makes it, and the expression that computes it."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from msgspec import Struct

from archcalc.formats.sources.layout import literal
from archcalc.ops.base import Shape, Shapes

NO_DEFAULT = "no default"


class Name(Struct, frozen=True):
    """An argument that is the parameter of the class or function around the call."""

    name: str


class Argument(Struct, frozen=True):
    """An argument of a call: a number, text or tuple, a parameter around it, or another call.

    Without a `default` it is written by its place, else by its name and only where it is not the default.
    """

    name: str
    value: Any
    default: Any = NO_DEFAULT


class Call(Struct, frozen=True):
    """Whom to call with which arguments, every one that may differ elsewhere."""

    callee: str
    arguments: tuple[Argument, ...] = ()

    def leaves(self) -> Iterator[Argument]:
        """The arguments that are no calls, of calls among the arguments too."""
        for argument in self.arguments:
            if isinstance(argument.value, Call):
                yield from argument.value.leaves()
            else:
                yield argument

    def replaced(self, values: Iterator[Any]) -> "Call":
        """The call with other leaves, in their order."""
        return Call(
            self.callee,
            tuple(
                Argument(a.name, a.value.replaced(values) if isinstance(a.value, Call) else next(values), a.default)
                for a in self.arguments
            ),
        )

    def skeleton(self) -> Any:
        """What two calls have in common that differ in the values of their leaves only."""
        return self.callee, tuple(
            (a.name, a.value.skeleton() if isinstance(a.value, Call) else None) for a in self.arguments
        )


class Said(Struct, frozen=True):
    """`call` makes the layer where it is made; `form` computes it.

    In the form, `{self}` is the layer that was made, `{0}`, `{1}`, … are its inputs and `{batch}` is any value that has
    the batch as its first axis.
    """

    form: str
    call: Call | None = None


Rule = Callable[[Any, Shapes, Shape], Said]
"""Operator, shapes of inputs, shape of the output → what is said of the layer."""

Given: TypeAlias = "tuple[str, Any] | tuple[str, Any, Any]"
"""An argument as a rule writes it: name, value and, where there is one, default."""

CALLED = "{self}({0})"


def call(callee: str, *arguments: Given) -> Call:
    """A call with arguments as (name, value) or (name, value, default)."""
    return Call(callee, tuple(Argument(*argument) for argument in arguments))


def made(callee: str, *arguments: Given, form: str = CALLED) -> Said:
    """A layer that is made by a call and called on its input."""
    return Said(form, call(callee, *arguments))


def each(inputs: Shapes) -> list[str]:
    """The places of all inputs in a form."""
    return [f"{{{number}}}" for number in range(len(inputs))]


def alike(value: Any) -> Any:
    """One number for a tuple of equal ones, as layers take it for all axes."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def written(argument: Any) -> str:
    """The value of an argument as it is written."""
    return argument.name if isinstance(argument, Name) else literal(argument)
