"""Bodies → definitions: scopes that differ in numbers only become one, with parameters for what differs."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from archcalc.errors import Problem, UsageError, printable
from archcalc.formats.sources.layout import snake
from archcalc.formats.sources.parameters import Parameter, parameters_of
from archcalc.formats.sources.said import CALLED, Argument, Call, Name, Rule, Said
from archcalc.formats.sources.structure import Body, Step, structure
from archcalc.infer import InferredGraph
from archcalc.ops.source import Input


class Line(Struct, frozen=True):
    """One step of a definition: values by their numbers, those that it reads and those that it gives.

    `path` are the names that lead to it, `made` those that lead to the layer that it calls: its own, or that of
    another step whose weights it shares. `call` makes that layer, unless it is made elsewhere or there is none to make;
    with `scope` it is a call of a definition. `weighed` says whether there are weights in it.
    """

    path: tuple[str, ...]
    made: tuple[str, ...]
    form: str
    call: Call | None
    reads: tuple[int, ...]
    gives: tuple[int, ...]
    scope: bool
    weighed: bool

    def skeleton(self) -> Any:
        call = None if self.call is None else self.call.skeleton()
        return self.path, self.made, self.form, call, self.reads, self.gives, self.weighed


class Definition(Struct, frozen=True):
    """A class or function: what one or more scopes do. Its values are numbered, the inputs first."""

    name: str
    paths: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    inputs: int
    outputs: tuple[int, ...]
    lines: tuple[Line, ...]


class Program(Struct, frozen=True):
    """Definitions, each behind those that it uses, and the network itself."""

    definitions: tuple[Definition, ...]
    main: Definition

    def calls(self) -> Iterator[Call]:
        """All calls of layers, and the calls within them."""
        for definition in (*self.definitions, self.main):
            for line in definition.lines:
                if line.call is not None:
                    yield from _nested(line.call)


def _nested(call: Call) -> Iterator[Call]:
    yield call
    for argument in call.arguments:
        if isinstance(argument.value, Call):
            yield from _nested(argument.value)


class Dialect(Struct, frozen=True):
    """How a framework says it: what of each layer, how definitions are called, and which names are taken.

    `chain` is what is called for scopes whose layers are numbered and follow one another, with these as its arguments;
    where it is empty, they are steps of the scope around them.
    """

    framework: str
    rules: "Callable[[InferredGraph, int], Said]"
    style: Callable[[str], str]
    taken: frozenset[str]
    chain: str = ""


def by_table(framework: str, table: dict[str, Rule]) -> Callable[[InferredGraph, int], Said]:
    """What a table of rules by keyword says of a layer. Raises Unsayable for what it does not have."""

    def say(network: InferredGraph, position: int) -> Said:
        node = network.nodes[position]
        if node.op.keyword not in table:
            raise Unsayable(f"{framework} has no word for {node.op.keyword}")
        return table[node.op.keyword](node.op, network.inputs(node), network.shapes[position])

    return say


class Unsayable(Exception):  # noqa: N818 - a reason that becomes an error with the name of the layer
    """What a framework has no word for."""


def compile_network(network: InferredGraph, dialect: Dialect, title: str) -> Program:
    """The network as definitions. Raises UsageError with all layers that the dialect cannot say."""
    if not any(isinstance(node.op, Input) for node in network.nodes):
        raise UsageError(Problem(f"{printable(network.name, 100)} has no input: nothing says how large a batch is"))
    return _Compiler(network, dialect, title).program()


_Group = list[tuple[Body, tuple[Line, ...]]]
"""Scopes that are alike, with their lines."""


class _Compiler:
    """What is known while definitions are made: what is said of layers, and which call stands for which scope."""

    def __init__(self, network: InferredGraph, dialect: Dialect, title: str) -> None:
        self.network = network
        self.dialect = dialect
        self.main = title
        self.calls: dict[str, Call] = {}
        self.names = {*dialect.taken, title}
        self.said: dict[int, Said] = {}
        self.members: dict[str, set[str]] = {}

    def program(self) -> Program:
        main = structure(self.network)
        self._say()
        bodies = [body for body in main.scopes() if body is not main and not self._is_chain(body)]
        definitions = []
        for level in _levels(bodies):
            groups: dict[Any, _Group] = {}
            for body in level:
                lines, outputs = self._lines(body)
                key = len(body.inputs), outputs, tuple(line.skeleton() for line in lines)
                groups.setdefault(key, []).append((body, lines))
            named = self._named(list(groups.values()))
            for (inputs, outputs, _), group, name in zip(groups, groups.values(), named, strict=True):
                definitions.append(self._definition(name, group, inputs, outputs))
        lines, outputs = self._lines(main)
        return Program(tuple(definitions), Definition(self.main, ("",), (), len(main.inputs), outputs, lines))

    def _say(self) -> None:
        problems: list[Problem] = []
        for position, node in enumerate(self.network.nodes):
            if isinstance(node.op, Input):
                continue
            try:
                said = self.said[position] = self.dialect.rules(self.network, position)
            except Unsayable as error:
                problems.append(Problem(f"{printable(node.name, 100)}: {error}"))
                continue
            if node.shares is not None and said != self.said.get(node.shares, said):
                owner = printable(self.network.nodes[node.shares].name, 100)
                message = f"{printable(node.name, 100)} shares the weights of {owner} but is not the same layer"
                problems.append(Problem(f"{message}: {self.dialect.framework} cannot share them"))
        if problems:
            raise UsageError(problems)

    def _is_chain(self, body: Body) -> bool:
        """Whether its steps are numbered layers or scopes, each reading what the one before it gives and no more."""
        if len(body.inputs) != 1 or len(body.outputs) != 1:
            return False
        before = body.inputs[0]
        for number, step in enumerate(body.steps):
            if step.path != (str(number),):
                return False
            if step.body is None:
                said = self.said[step.node]
                node = self.network.nodes[step.node]
                if said.form != CALLED or said.call is None or node.inputs != (before,) or node.shares is not None:
                    return False
                before = step.node
            elif step.body.inputs != (before,) or len(step.body.outputs) != 1:
                return False
            else:
                before = step.body.outputs[0]
        return body.outputs == (before,)

    def _lines(self, body: Body) -> tuple[tuple[Line, ...], tuple[int, ...]]:
        """The lines of a body, and the numbers of what it gives."""
        numbers = {position: number for number, position in enumerate(body.inputs)}
        lines = tuple(self._steps(body, (), numbers))
        return lines, tuple(numbers[position] for position in body.outputs)

    def _steps(self, body: Body, path: tuple[str, ...], numbers: dict[int, int]) -> Iterator[Line]:
        for step in body.steps:
            if step.body is not None and not self.dialect.chain and self._is_chain(step.body):
                yield from self._steps(step.body, (*path, *step.path), numbers)
            else:
                yield self._line(step, path, numbers)

    def _line(self, step: Step, path: tuple[str, ...], numbers: dict[int, int]) -> Line:
        here = (*path, *step.path)
        call: Call | None
        if step.body is not None:
            call, inputs, gives = self._scope_call(step.body), step.body.inputs, step.body.outputs
            form, scope, made = f"{{self}}({', '.join(f'{{{n}}}' for n in range(len(inputs)))})", True, here
        else:
            node, said = self.network.nodes[step.node], self.said[step.node]
            call, form, inputs, gives, scope, made = said.call, said.form, node.inputs, (step.node,), False, here
            if node.shares is not None and call is not None:
                owner = self.network.nodes[node.shares].name.split(".")
                made, call = tuple(owner[len(node.name.split(".")) - len(here) :]), None
        reads = tuple(numbers[position] for position in inputs)
        for position in gives:
            numbers[position] = len(numbers)
        weighed = any(self.network.weights(position) for position in _positions(step))
        return Line(here, made, form, call, reads, tuple(numbers[position] for position in gives), scope, weighed)

    def _scope_call(self, body: Body) -> Call:
        if not self._is_chain(body):
            return self.calls[body.path]
        parts = (
            Argument(step.path[0], self.said[step.node].call if step.body is None else self._scope_call(step.body))
            for step in body.steps
        )
        return Call(self.dialect.chain, tuple(parts))

    def _named(self, groups: Sequence[_Group]) -> list[str]:
        """A name for each group of scopes, those of the largest first: that of the block that most were written by.

        Where that name is taken by scopes that have a layer less, the group is named with it: `BottleneckWithShortcut`.
        """
        names = [""] * len(groups)
        for number in sorted(range(len(groups)), key=lambda number: -len(groups[number])):
            body = groups[number][0][0]
            words = Counter(self._word(body) for body, _ in groups[number])
            base = words.most_common(1)[0][0]
            members = {step.path[0] for step in body.steps}
            more = members - self.members.get(base, members)
            if len(more) == 1 and self.members[base] < members:
                base = f"{base}_with_{snake(*more)}"
            self.members.setdefault(base, members)
            names[number] = _unused(self.dialect.style(base) or self.dialect.style("block"), self.names)
            self.names.add(names[number])
        return names

    def _word(self, body: Body) -> str:
        block = self.network.graph.blocks.get(f"{body.path}.")
        if block:
            return block
        words = [word for word in body.path.split(".") if not word.isdigit()]
        word = snake(words[-1]).rstrip("0123456789").rstrip("_") if words else ""
        return word if word and not word[0].isdigit() else f"block_{word}"

    def _definition(
        self,
        name: str,
        group: _Group,
        inputs: int,
        outputs: tuple[int, ...],
    ) -> Definition:
        """One definition for all of a group, and the call of it that stands for each."""
        bodies = [body for body, _ in group]
        leaves = [[leaf for line in lines if line.call for leaf in line.call.leaves()] for _, lines in group]
        places = [line.path for line in group[0][1] if line.call for _ in line.call.leaves()]
        shapes = [(self.network.shapes[body.inputs[0]], self.network.shapes[body.outputs[0]]) for body in bodies]
        parameters, columns = parameters_of(leaves, places, shapes)
        by_name = {parameter.name: parameter for parameter in parameters}
        for number, body in enumerate(bodies):
            arguments = tuple(Argument(p.name, p.values[number], p.default) for p in parameters)
            self.calls[body.path] = Call(name, arguments)
        values = iter(
            [
                leaf.value if column is None else Name(by_name[column].name)
                for leaf, column in zip(leaves[0], columns, strict=True)
            ]
        )
        lines = tuple(
            line if line.call is None else replace(line, call=line.call.replaced(values)) for line in group[0][1]
        )
        return Definition(name, tuple(body.path for body in bodies), parameters, inputs, outputs, lines)


def _positions(step: Step) -> Iterator[int]:
    """The layers of a step."""
    if step.body is None:
        yield step.node
    else:
        for inner in step.body.steps:
            yield from _positions(inner)


def _levels(bodies: Sequence[Body]) -> list[list[Body]]:
    """Bodies by how deep what they are made of goes."""
    heights: dict[str, int] = {}
    levels: dict[int, list[Body]] = {}

    def height(body: Body) -> int:
        if body.path not in heights:
            heights[body.path] = 1 + max((height(step.body) for step in body.steps if step.body), default=-1)
        return heights[body.path]

    for body in bodies:
        levels.setdefault(height(body), []).append(body)
    return [levels[key] for key in sorted(levels)]


def _unused(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    parting = "_" if name[-1:].isdigit() else ""
    while f"{name}{parting}{number}" in taken:
        number += 1
    return f"{name}{parting}{number}"
