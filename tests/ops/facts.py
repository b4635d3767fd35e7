"""All facts of an operator at once, and the numbers in them."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from archcalc.ops.base import Op, Reads, Saved, Shape, Shapes, Weights, Work

Number = Any
"""An int, a Traced, a symbol or an array."""


class Facts(msgspec.Struct, frozen=True):
    """What an operator states, for certain inputs."""

    output: Shape
    weights: Weights
    work: Work
    windows: tuple[Reads, ...]
    saves: Saved


def facts(op: Op, inputs: Shapes) -> Facts:
    output = op.output(inputs)
    return Facts(
        output, op.weights(inputs), op.work(inputs, output), op.windows(inputs, output), op.saves(inputs, output)
    )


def leaves(value: Any) -> Iterator[Any]:
    """The numbers in facts, from left to right; what is not a number too, so that structures can be compared."""
    if isinstance(value, msgspec.Struct):
        yield type(value)
        value = msgspec.structs.astuple(value)
    if isinstance(value, tuple):
        yield len(value)
        for part in value:
            yield from leaves(part)
    else:
        yield value


def on_sizes(shapes: Shapes, change: Callable[[int], Number]) -> Shapes:
    """The shapes with other numbers in them; equal sizes become the same object, as joins expect."""
    made = {size: change(size) for shape in shapes for size in shape}
    return tuple(tuple(made[size] for size in shape) for shape in shapes)


def on_arguments(op: Op, change: Callable[[str, int], Number]) -> Op:
    """The operator with other numbers for its integer arguments, those in pairs and per axis included."""

    def changed(name: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(changed(name, part) for part in value)
        return change(name, value) if type(value) is int else value

    fields = msgspec.structs.asdict(op)
    return msgspec.structs.replace(op, **{name: changed(name, value) for name, value in fields.items()})
