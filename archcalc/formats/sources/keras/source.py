"""Program → the source of a Keras model: a function for each definition, and one that builds the model."""

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from archcalc.errors import Problem, UsageError, printable
from archcalc.formats.sources.header import TAKEN, header, said, uses
from archcalc.formats.sources.keras.helpers import (
    FROM_ATTENTION,
    FROM_DEPTHWISE,
    FROM_KERNELS,
    HELPERS,
    KERNELS,
    LOADING,
)
from archcalc.formats.sources.keras.layouts import by_layout, layouts, turned
from archcalc.formats.sources.keras.rules import RULES
from archcalc.formats.sources.layout import literal, quoted, snake, wrapped
from archcalc.formats.sources.program import Definition, Dialect, Line, Program, compile_network
from archcalc.formats.sources.registers import Statement, named_values
from archcalc.formats.sources.runs import FEWEST, arguments_of, run_call, run_end, shown, signature
from archcalc.formats.sources.said import Argument, Call, Name
from archcalc.infer import InferredGraph
from archcalc.ops.source import Input

_LOADED = """\
    model = build()
    load_weights(model, "{file}.npz")

Samples have the channels first, as archcalc has them; inside they are last, as TensorFlow wants them on CPUs."""

_TAKEN = frozenset({*HELPERS, *TAKEN, "keras", "layers", "ops", "np", "math", "functools", "re", "spread"})
_TAKEN |= {"build", "load_weights", "converted", "model", "inputs", "i"}

_SELF = "{self}"
"""The layer itself, in the form of what is said of it."""

_JOINT = "_"
"""What stands for dots, slashes and others in the name of a layer, where Keras and its backends have none."""


def to_keras(network: InferredGraph, title: str = "") -> str:
    """The network as the source of a Keras 3 model by its functional API, with keras and numpy to import.

    `build()` makes the model, `load_weights(model, path)` gives it the arrays of an .npz file with our names. Samples
    have the channels first and are turned at once: TensorFlow has no convolutions with channels first on CPUs. Scopes
    of names are functions, those alike but for numbers one with parameters; layers with weights have our names.
    Where the network has several ends, the model gives its output first and then the others.

    Raises UsageError, with their names, for layers that Keras has no word for. Source: keras.io/api.
    """
    _check_names(network)
    dialect = Dialect("Keras", by_layout("Keras", RULES, network), lambda text: snake(text).lower(), _TAKEN)
    program = compile_network(network, dialect, "build")
    parts = ["\n".join(_function(definition)) + "\n" for definition in program.definitions]
    parts.append("\n".join(_build(network, program.main)) + "\n")
    parts.append(_loading(program))
    body = "\n\n".join([*_helpers("\n\n".join(parts)), *parts])
    return header(network, title, _LOADED, "build") + "\n" + "\n".join(_imports(body)) + "\n\n" + body


def _check_names(network: InferredGraph) -> None:
    """Raises UsageError for layers with weights that would have one name."""
    owners: dict[str, str] = {}
    problems = []
    for position, node in enumerate(network.nodes):
        if node.shares is None and network.weights(position):
            first = owners.setdefault(_safe(node.name), node.name)
            if first != node.name:
                names = printable(f"{first} and {node.name}", 200)
                problems.append(Problem(f"{names} would have one name in Keras, which knows no dots in names"))
    if problems:
        raise UsageError(problems)


def _helpers(text: str) -> list[str]:
    """The helpers that a text calls, and those that they call, each before its callers."""
    found: dict[str, str] = {}
    pending = [text]
    while pending:
        called = set(re.findall(r"(?<![.\w])(\w+)\(", pending.pop()))
        for name in HELPERS:
            if name in called and name not in found:
                found[name] = HELPERS[name]
                pending.append(HELPERS[name])
    return [HELPERS[name] for name in HELPERS if name in found]


def _imports(body: str) -> Iterator[str]:
    standard = [name for name in ("functools", "math", "re") if f"{name}." in body]
    yield from (f"import {name}" for name in standard)
    yield from [""] * bool(standard)
    yield "import keras"
    yield "import numpy as np"
    words = [name for name in ("layers", "ops") if f"{name}." in body]
    yield from [f"from keras import {', '.join(words)}"] * bool(words)
    yield ""


def _function(definition: Definition) -> Iterator[str]:
    named = named_values(definition)
    name = ("name",) if _weighed(definition) else ()
    yield from wrapped(f"def {definition.name}({', '.join([*named.inputs, *name, *_bare(definition)])}):", 0)
    yield f'    """{uses(definition)}"""'
    last = named.statements[-1]
    direct = last.gives == named.outputs and (last.line.call is not None or _SELF not in last.line.form)
    yield from _statements(named.statements[: -1 if direct else None], True)
    yield from wrapped(f"return {_expression(last, True) if direct else ', '.join(named.outputs)}", 4)


def _weighed(definition: Definition) -> bool:
    """Whether it makes layers with weights, which need names."""
    return any(line.weighed for line in definition.lines)


def _bare(definition: Definition) -> Iterator[str]:
    """Parameters without annotations, as Keras has its own."""
    for parameter in signature(definition):
        name, _, rest = parameter.partition(": ")
        default = rest.partition(" = ")[2]
        yield f"{name}={default}" if default else name


def _build(network: InferredGraph, main: Definition) -> Iterator[str]:
    """The function that makes the model: inputs, layers, outputs, turned as they come in and go out."""
    named = named_values(main)
    last = layouts(network, RULES)
    entries = [position for position, node in enumerate(network.nodes) if isinstance(node.op, Input)]
    yield "def build():"
    yield f'    """The model: {said(network.name)}."""'
    tensors = ["inputs"] if len(entries) == 1 else [f"input_{name}" for name in named.inputs]
    for tensor, name, position in zip(tensors, named.inputs, entries, strict=True):
        shape = network.shapes[position]
        yield f"    {tensor} = keras.Input({literal(shape)})"
        yield f"    {name} = {turned(tensor, len(shape), True) if last[position] else tensor}"
    yield from _statements(named.statements, False)
    ends = [len(network.nodes) - 1, *(p for p, use in enumerate(network.graph.last_uses()) if use == p)]
    outputs = [
        turned(value, len(network.shapes[end]), False) if last[end] and len(network.shapes[end]) > 1 else value
        for value, end in zip(named.outputs, ends, strict=True)
    ]
    both = (tensors[0] if len(tensors) == 1 else f"[{', '.join(tensors)}]"), _one_or_list(outputs)
    yield from wrapped(f"return keras.Model({both[0]}, {both[1]}, name={quoted(snake(network.name) or 'model')})", 4)


def _one_or_list(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"


def _statements(statements: Sequence[Statement], within: bool) -> Iterator[str]:
    """Statements in order, those that differ in a number that counts up as one loop."""
    shared = {statement.line.made for statement in statements if statement.line.call is None}
    start = 0
    while start < len(statements):
        end = _run_end(statements, start)
        if end - start >= FEWEST:
            yield from _loop(statements[start:end], within)
            start = end
        else:
            yield from _statement(statements[start], within, statements[start].line.made in shared)
            start += 1


def _statement(statement: Statement, within: bool, shared: bool) -> Iterator[str]:
    """A statement; a layer whose weights others use is made before it, and called by its name wherever it is used."""
    expression, line = _expression(statement, within), statement.line
    if shared and _SELF in line.form:
        layer = _shared(line)
        if line.call is not None:
            made = _called(
                Statement(replace(line, form=_SELF), (), (), statement.batch), line.call, _name(line, within)
            )
            yield from wrapped(f"{layer} = {made}", 4)
        expression = _called(Statement(replace(line, call=None), *_read(statement)), None, "").replace(_SELF, layer)
    yield from wrapped(f"{', '.join(statement.gives)} = {expression}", 4)


def _read(statement: Statement) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    return statement.reads, statement.gives, statement.batch


def _shared(line: Line) -> str:
    """The variable that a layer lies in whose weights others use."""
    return f"shared_{snake(_safe('.'.join(line.made))).lower()}"


def _run_end(statements: Sequence[Statement], start: int) -> int:
    """Up to where scopes with the next number are called with what the one before gave."""
    first = statements[start]
    if not first.line.scope or not first.line.path[-1].isdecimal() or first.reads[:1] != first.gives:
        return start + 1
    end = start + 1
    while end < len(statements) and _follows(statements[end - 1], statements[end], first):
        end += 1
    calls = [statement.line.call for statement in statements[start:end] if statement.line.call is not None]
    return start + run_end(calls, 0)


def _follows(before: Statement, statement: Statement, first: Statement) -> bool:
    line = statement.line
    counted = (*before.line.path[:-1], str(int(before.line.path[-1]) + 1))
    same = statement.reads == first.reads and statement.gives == first.gives and line.form == first.line.form
    return same and line.scope and line.path == counted and line.made == line.path


def _loop(statements: Sequence[Statement], within: bool) -> Iterator[str]:
    first = statements[0]
    base = int(first.line.path[-1])
    calls = [statement.line.call for statement in statements if statement.line.call is not None]
    call, _ = run_call(calls, 0, base)
    yield (
        f"    for i in range({base}, {base + len(statements)}):" if base else f"    for i in range({len(statements)}):"
    )
    path = _JOINT.join((*("{name}",) * within, *map(_safe, first.line.path[:-1]), "{i}"))
    expression = _called(first, call, f'f"{path}"')
    yield from wrapped(f"{', '.join(first.gives)} = {expression}", 8)


def _safe(name: str) -> str:
    """A name as layers of Keras have it."""
    return re.sub(r"\W", _JOINT, name)


def _expression(statement: Statement, within: bool) -> str:
    return _called(statement, statement.line.call, _name(statement.line, within))


def _name(line: Line, within: bool) -> str:
    path = _safe(".".join(line.made))
    return f'f"{{name}}_{path}"' if within else quoted(path)


def _called(statement: Statement, call: Call | None, name: str) -> str:
    """The form with what it reads; a layer is made where it is called, a function called with its arguments behind."""
    line = statement.line
    text = line.form
    for number, value in enumerate(statement.reads):
        text = text.replace(f"{{{number}}}", value)
    text = text.replace("{batch}", statement.batch)
    if call is None:
        return text
    if _is_function(call):
        values = text.removeprefix(f"{_SELF}(")[:-1]
        return f"{call.callee}({', '.join([values, *[name] * line.weighed, *arguments_of(call)])})"
    if line.weighed:
        call = Call(call.callee, (*call.arguments, Argument("name", Name(name), None)))
    return text.replace(_SELF, shown(call))


def _is_function(call: Call) -> bool:
    return call.callee[0].islower() and not call.callee.startswith("layers.")


def _loading(program: Program) -> str:
    """The function that loads weights, as far as these layers need it."""
    used = sorted({call.callee for call in program.calls()})
    kernels = [name for name in used if name.removeprefix("layers.") in KERNELS]
    depthwise = [name for name in used if "Depthwise" in name]
    names = ["weight", "bias", "running_mean", "running_var", "gamma", "value"]
    text = LOADING
    if kernels:
        text += FROM_KERNELS.replace("KINDS", _kinds(kernels))
    if depthwise:
        text += FROM_DEPTHWISE.replace("KINDS", _kinds(depthwise))
    if "layers.MultiHeadAttention" in used:
        names += ["in_proj_weight", "in_proj_bias", "out_proj_weight", "out_proj_bias"]
        text += FROM_ATTENTION
    text += "    return list(own.values())\n"
    listed = "\n".join(wrapped(f"NAMES = ({', '.join(map(quoted, names))})", 0))
    return f"{listed}\n\n\n{text}"


def _kinds(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
