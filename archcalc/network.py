"""A network by name, path or text → its spec and its graph with shapes: every problem of a file at once."""

import operator
import os
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from archcalc.builder import Overrides, Prepared, assemble
from archcalc.errors import Problem, Problems, ShapeError, Source, SpecError, UsageError, printable
from archcalc.infer import InferredGraph, propagate
from archcalc.spec import zoo
from archcalc.spec.model import Spec
from archcalc.spec.tree import Tree, read_tree


class StoredArray(Protocol):
    """An array that lies in a file."""

    def array(self) -> Any:
        """Its values, as numpy has them."""


class Network(Struct, frozen=True):
    """A spec and the graph built from it.

    `weights` are those of a model file, by our names for them (`conv1.weight`); None for those of specs.
    """

    spec: Spec
    graph: InferredGraph
    weights: Mapping[str, StoredArray] | None = None


def load(
    network: str | os.PathLike[str],
    input: str | Iterable[int] | None = None,  # noqa: A002 - the words of the command line
    set: Mapping[str, Any] | None = None,  # noqa: A002
    training: bool = False,
) -> Network:
    """A network of the zoo, a `.yaml` path, or `-` for standard input.

    `input` replaces the input shape (`(3, 227, 227)` or `"3x227x227"`); `set` changes variables and arguments of layers
    (`{"vars.classes": 10, "conv1.stride": 2}`). `training` is what expressions know by that name: training heads are in
    the network where it is true.

    Raises UsageError for a network that cannot be found, SpecError for what cannot be read and ShapeError for what
    does not fit; each holds all problems of its kind and those of the other.
    """
    return read(zoo.find(os.fspath(network)), input, set, training)


def loads(text: str, input: str | Iterable[int] | None = None, set: Mapping[str, Any] | None = None) -> Network:  # noqa: A002
    """A network from the text of a spec; otherwise as `load`."""
    return read(Source("<text>", text), input, set)


def read(
    source: Source,
    input: str | Iterable[int] | None,  # noqa: A002
    set: Mapping[str, Any] | None,  # noqa: A002
    training: bool = False,
) -> Network:
    """The network of a source; otherwise as `load`."""
    overrides = msgspec.structs.replace(overrides_of(input, set or {}), training=training)
    spec, problems = zoo.parse(source)
    return _built(spec, problems, overrides)


def variant(spec: Spec, variables: Mapping[str, Tree]) -> Network:
    """The network of a spec with other values of its variables. Raises SpecError or ShapeError."""
    return changed(spec, Overrides(variables))


def changed(spec: Spec, overrides: Overrides, prepared: Prepared | None = None) -> Network:
    """The network of a spec with everything changed that can be. Raises SpecError or ShapeError.

    Whoever asks for many variants has the spec `prepared`.
    """
    return _built(spec, Problems(), overrides, prepared)


def _built(spec: Spec, problems: Problems, overrides: Overrides, prepared: Prepared | None = None) -> Network:
    assembly = assemble(spec, overrides, prepared)
    shapes, misfits = propagate(assembly.graph, assembly.broken)
    problems += assembly.problems
    if problems or misfits:
        found = sorted([*problems, *misfits], key=_place)
        raise SpecError(found) if problems else ShapeError(found)
    inferred = InferredGraph(assembly.graph, tuple(shape for shape in shapes if shape is not None))
    return Network(spec, inferred)


def _place(problem: Problem) -> tuple[str, int, int]:
    span = problem.span
    return ("", 0, 0) if span is None else (span.source.name, span.line, span.column)


def overrides_of(input: str | Iterable[int] | None, changes: Mapping[str, Any]) -> Overrides:  # noqa: A002
    """What `input` and `set` mean. Raises UsageError where they mean nothing."""
    variables: dict[str, Tree] = {}
    arguments: dict[tuple[str, str], Tree] = {}
    for target, value in changes.items():
        scope, dot, last = target.rpartition(".")
        if not dot:
            hint = f"vars.{target}=…, or LAYER.{target}=…"
            raise UsageError(Problem(f"cannot set '{printable(target, 60)}'", None, hint))
        text = value if isinstance(value, str) else _as_yaml(value)
        if not text.strip():
            raise UsageError(Problem(f"--set {printable(target, 60)} has no value", None, "such as vars.classes=10"))
        tree = read_tree(Source(f"--set {target}", text))
        if scope == "vars":
            variables[last] = tree
        else:
            arguments[scope, last] = tree
    return Overrides(variables, arguments, None if input is None else input_shape(input))


def _as_yaml(value: Any) -> str:
    """A Python value in YAML's flow style, which for numbers, texts and lists of them is JSON."""
    import json

    try:
        return json.dumps(value, default=operator.index)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise UsageError(
            Problem(f"a value of a spec cannot be a {kind}", None, "numbers, texts and lists can")
        ) from None


def input_shape(given: str | Iterable[int]) -> tuple[int, ...]:
    """`3x227x227`, `3,227,227`, `[3, 227, 227]` or a sequence of numbers as a shape. Raises UsageError."""
    try:
        if isinstance(given, str):
            sizes = given.strip(" []()").replace("×", "x").replace(",", "x").split("x")
            shape = tuple(int(size) for size in sizes)
        else:
            shape = tuple(operator.index(size) for size in given)
    except (TypeError, ValueError):
        shape = ()
    if not 0 < len(shape) <= 8 or not all(0 < size < 2**31 for size in shape):
        message = f"'{printable(str(given), 60)}' is not the shape of an input"
        raise UsageError(Problem(message, None, "such as 3x224x224: channels first, without the batch"))
    return shape
