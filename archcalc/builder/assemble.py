"""Program → Graph: blocks and repeats written out, arguments evaluated, references resolved."""

from typing import Any

from msgspec import Struct

from archcalc.builder.arguments import arguments_of, decode
from archcalc.builder.names import Cursor, Member, Reference, Scope, plain_names
from archcalc.builder.overrides import Overrides, with_arguments
from archcalc.builder.program import (
    BlockStep,
    BranchStep,
    LoopStep,
    OpStep,
    Prepared,
    Program,
    ProgramStep,
    is_required,
    prepare,
)
from archcalc.builder.resolve import Draft, resolve
from archcalc.errors import Problem, Problems, Span, SpecError, did_you_mean, printable
from archcalc.graph import Graph
from archcalc.numbers import agreed
from archcalc.ops.activation import Identity
from archcalc.ops.base import Op
from archcalc.ops.source import Input
from archcalc.spec.expressions import FAILED, Evaluator
from archcalc.spec.model import Call, Spec, expression_of
from archcalc.spec.schema import TRAINING, is_layer_name
from archcalc.spec.tree import Scalar, Sequence, Tree, shown

MAX_LAYERS = 150_000
MAX_LEVELS = 150

Names = dict[str, Any]


class Assembly(Struct, frozen=True):
    """A graph and what is wrong with its spec; `broken` nodes only stand in for layers that cannot be read."""

    graph: Graph
    problems: tuple[Problem, ...]
    broken: frozenset[int]


def build(spec: Spec, overrides: Overrides = Overrides()) -> Graph:  # noqa: B008 - frozen
    """The graph of a spec. Raises SpecError with all problems in the order of the text."""
    assembly = assemble(spec, overrides)
    if assembly.problems:
        raise SpecError(assembly.problems)
    return assembly.graph


def assemble(
    spec: Spec,
    overrides: Overrides = Overrides(),  # noqa: B008 - frozen
    prepared: Prepared | None = None,
) -> Assembly:
    """The graph of a spec as far as it can be read, with what cannot: for callers that collect further problems."""
    prepared = prepared or prepare(spec)
    program, evaluator = prepared.program, Evaluator(prepared.parsed)
    problems = Problems(prepared.problems, once=True)
    names = _variables(spec, overrides, evaluator, problems)
    shape = overrides.input or _input_shape(spec, names, evaluator, problems)
    expansion = _Expansion(spec, program, evaluator, names, problems)
    expansion.run_all(Input(shape or (1,)), known=shape is not None)
    nodes = tuple(resolve(expansion.drafts, expansion.scopes, problems, expansion.broken))
    graph = Graph(spec.name, nodes, {scope.path: scope.block for scope in expansion.scopes if scope.block})
    graph = with_arguments(graph, overrides, problems)
    return Assembly(graph, tuple(problems), frozenset(expansion.broken))


def _variables(spec: Spec, overrides: Overrides, evaluator: Evaluator, problems: Problems) -> Names:
    names: Names = {TRAINING: overrides.training}
    for name, tree in overrides.variables.items():
        if name not in spec.variables:
            hint = did_you_mean(name, spec.variables) or f"'{spec.name}' has no vars"
            problems.append(Problem(f"there is no variable '{printable(name, 40)}'", tree.span, hint))
    for name, tree in {**spec.variables, **overrides.variables}.items():
        try:
            names[name] = evaluate(tree, names, evaluator)
        except SpecError as error:
            names[name] = FAILED
            problems += error.problems
    return names


def _input_shape(spec: Spec, names: Names, evaluator: Evaluator, problems: Problems) -> tuple[int, ...] | None:
    """The shape that samples have; None, with the problem noted, where it cannot be read."""
    if spec.input is None:
        return None  # that it is missing has been said
    try:
        value = evaluate(spec.input, names, evaluator)
    except SpecError as error:
        problems += error.problems
        return None
    if isinstance(value, str):
        value = [int(size) if size.isascii() and size.isdigit() else size for size in value.lower().split("x")]
    shape, problem = decode(arguments_of(Input)["shape"], value, spec.input.span)
    if problem or not shape or len(shape) > 8:
        message = "input is the shape of one sample, channels first, without the batch"
        problems.append(Problem(message, spec.input.span, "such as [3, 224, 224]"))
        return None
    return tuple(shape)


def evaluate(tree: Tree, names: Names, evaluator: Evaluator) -> Any:
    """A value with its expressions worked out. Raises SpecError."""
    if isinstance(tree, Scalar):
        expression = expression_of(tree)
        return tree.value if expression is None else evaluator.evaluate(expression, names)
    if isinstance(tree, Sequence):
        evaluator.spend(len(tree.items), tree.span)
        return [evaluate(item, names, evaluator) for item in tree.items]
    evaluator.spend(len(tree.entries), tree.span)
    return {key: evaluate(value, names, evaluator) for key, value in tree.entries.items()}


class _Beyond(Exception):  # noqa: N818 - not an error that anyone sees
    """The network has grown beyond every bound; what is wrong has been noted."""


class _Expansion:
    """The writing out of one program. Mutable while it runs, and dropped then."""

    def __init__(
        self, spec: Spec, program: Program, evaluator: Evaluator, variables: Names, problems: Problems
    ) -> None:
        self.spec = spec
        self.program = program
        self.evaluator = evaluator
        self.variables = variables
        self.problems = problems
        self.drafts: list[Draft] = []
        self.scopes: list[Scope] = []
        self.broken: set[int] = set()
        self.plain: dict[int, list[tuple[str, Span]] | None] = {}  # by the tree, which the program holds
        self.written = 0
        self.level = 0

    def run_all(self, source: Input, known: bool) -> None:
        """Write the network out behind its input; `known` says whether the shape of that could be read."""
        root = Scope(None, 0)
        self.scopes.append(root)
        self.drafts.append(Draft(source, (), None, Member("input", "input", 0), root))
        self.broken |= set() if known else {0}
        try:
            self._run(self.program.steps, 0, root, self.variables)
        except _Beyond:
            return
        if len(self.drafts) == 1 and self.spec.steps and not self.problems:
            self.problems.append(
                Problem(f"{self.spec.source.name} has no layers", None, "conditions leave all of them out")
            )

    def _run(self, steps: tuple[ProgramStep, ...], cursor: Cursor, scope: Scope, names: Names) -> Cursor:
        for step in steps:
            if isinstance(step, LoopStep):
                cursor = self._loop(step, cursor, scope, names)
                continue
            call = step.call
            self._count(call.span)
            if call.when is not None and not self._condition(call.when, names):
                continue
            if isinstance(step, OpStep):
                cursor = self._layer(step, cursor, scope, names)
            else:
                cursor = self._block(step, cursor, scope, names)
        scope.last = cursor
        return cursor

    def _count(self, span: Span, more: int = 1) -> None:
        self.written += more
        if self.written > MAX_LAYERS:
            message = f"the network grows beyond {MAX_LAYERS:,} layers here"
            self.problems.append(Problem(message, span, "is a repeat or a recursion without end?"))
            raise _Beyond

    def _descend(self, span: Span, what: str) -> None:
        self.level += 1
        if self.level > MAX_LEVELS:
            message = f"{what} stands in itself, or in others, more than {MAX_LEVELS} levels deep"
            self.problems.append(Problem(message, span, "a block that calls itself needs an 'if' that ends it"))
            raise _Beyond

    def _value(self, tree: Tree, names: Names) -> Any:
        """The value of a tree; FAILED, with the problem noted, when it has none."""
        if self.problems.said(tree.span):
            return FAILED  # what is wrong here is wrong in every turn of a loop
        try:
            return evaluate(tree, names, self.evaluator)
        except SpecError as error:
            self.problems += error.problems
            return FAILED

    def _settled(self, tree: Tree, names: Names) -> Any:
        """A value that decides about structure, which must be one; FAILED, with the problem noted, where it is none."""
        value = self._value(tree, names)
        try:
            return agreed(value)
        except ValueError as error:  # an expression of symbols, of which no network can be made
            self.problems.append(Problem(str(error), tree.span, "choose other symbols"))
            return FAILED

    def _condition(self, tree: Tree, names: Names) -> bool:
        value = self._settled(tree, names)
        if value is not FAILED and not isinstance(value, (bool, int)):
            self.problems.append(Problem("if is true or false", tree.span, f"this is {shown(value)}"))
        return value is not FAILED and bool(value)

    def _times(self, tree: Tree, names: Names) -> int:
        value = self._settled(tree, names)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if value is not FAILED:
            self.problems.append(Problem("repeat is a whole number from 0", tree.span, f"this is {shown(value)}"))
        return 0

    def _name(self, tree: Tree | None, names: Names) -> str:
        """The name a layer is given; empty where it is given none."""
        if tree is None:
            return ""
        value = self._settled(tree, names)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and is_layer_name(str(value)):
            return str(value)
        if value is not FAILED:
            hint = "letters, digits, _, -, /, : and dots"
            self.problems.append(Problem(f"{shown(value)} is not a name for a layer", tree.span, hint))
        return ""

    def _references(self, tree: Tree, scope: Scope, names: Names) -> tuple[Reference, ...] | None:
        """The layers that a name or a list of names means; None, with the problem noted, where one is no name."""
        items = tree.items if isinstance(tree, Sequence) else [tree]
        self.evaluator.spend(len(items), tree.span)
        if id(tree) not in self.plain:
            self.plain[id(tree)] = plain_names(items)
        if (plain := self.plain[id(tree)]) is not None:
            return tuple([Reference(name, scope, span) for name, span in plain])
        found, wrong = [], False
        for item in items:
            value = self._settled(item, names)
            several = isinstance(value, list) and isinstance(item, Scalar)
            for name in map(agreed, value if several else [value]):
                if isinstance(name, (str, int)) and not isinstance(name, bool):
                    found.append(Reference(str(name), scope, item.span))
                    continue
                wrong = True
                if name is not FAILED:
                    self.problems.append(Problem("inputs are names of layers", item.span, f"this is {shown(name)}"))
        return None if wrong else tuple(found)

    def _flow(self, call: Call, cursor: Cursor, scope: Scope, names: Names) -> Cursor:
        """What flows into a block or into branches: what `inputs` names, else what flowed so far."""
        if call.inputs is None:
            return cursor
        references = self._references(call.inputs, scope, names)
        if references is None:
            return cursor
        if len(references) != 1:
            self.problems.append(Problem("one input can flow into branches or a block", call.inputs.span))
            return cursor
        return references[0]

    def _layer(self, step: OpStep, cursor: Cursor, scope: Scope, names: Names) -> Cursor:
        call = step.call
        inputs: tuple[Cursor, ...] | None
        if step.branches is not None:
            inputs = self._branches(step.branches, self._flow(call, cursor, scope, names), scope, names)
            if len(inputs) == 1 and any(b.branch.when is not None or b.branch.count is not None for b in step.branches):
                return self._alias(call, inputs[0], scope, names)
        elif call.inputs is not None:
            inputs = self._references(call.inputs, scope, names)
        else:
            inputs = () if step.op.arity == 0 else (cursor,)
        op = step.fixed if step.fixed is not None else self._operator(step, names)
        if op is None or inputs is None or not self._arity_fits(step, inputs):
            self.broken.add(len(self.drafts))
            op, inputs = Identity(), (inputs or (cursor,))[:1]
        member = Member(self._name(call.name, names), call.keyword, len(self.drafts))
        problem = scope.add(member, call.name.span if call.name else call.span)
        self.problems += [problem] if problem else []
        self.drafts.append(Draft(op, inputs, call, member, scope, self._shares(call, scope, names)))
        return member.position

    def _alias(self, call: Call, cursor: Cursor, scope: Scope, names: Names) -> Cursor:
        """A join whose conditions leave it one branch is that branch; its name means the branch's last layer."""
        if call.name is not None and isinstance(cursor, int):
            problem = scope.add(Member(self._name(call.name, names), call.keyword, cursor), call.name.span)
            self.problems += [problem] if problem else []
        return cursor

    def _shares(self, call: Call, scope: Scope, names: Names) -> Reference | None:
        if call.shares is None:
            return None
        references = self._references(call.shares, scope, names)
        if references is not None and len(references) != 1:
            self.problems.append(Problem("shares is the name of one layer", call.shares.span))
        return references[0] if references else None

    def _arity_fits(self, step: OpStep, inputs: tuple[Cursor, ...]) -> bool:
        arity, call = step.op.arity, step.call
        if arity == len(inputs) or (arity is None and len(inputs) >= step.op.fewest):
            return True
        span = call.inputs.span if call.inputs is not None else call.span
        if step.branches is not None and not inputs:
            self.problems.append(Problem(f"{call.keyword} is left without a branch", span))
        elif arity is None and step.op.fewest > 1:
            hint = "give it branches, or inputs" if call.inputs is None else ""
            self.problems.append(Problem(f"{call.keyword} joins two inputs or more, got {len(inputs)}", span, hint))
        else:
            count = {0: "no input", 1: "1 input", None: "1 input or more"}.get(arity, f"{arity} inputs")
            self.problems.append(Problem(f"{call.keyword} takes {count}, got {len(inputs)}", span))
        return False

    def _operator(self, step: OpStep, names: Names) -> Op | None:
        """The operator with its expressions worked out; None, with the problems noted, when an argument is wrong."""
        if step.broken:
            return None
        arguments = dict(step.constants)
        whole = True
        for argument, tree in step.dynamic:
            value = self._value(tree, names)
            if value is not FAILED:
                value, problem = decode(argument, value, tree.span)
                self.problems += [problem] if problem else []
                value = FAILED if problem else value
            whole = whole and value is not FAILED
            arguments[argument.name] = value
        return step.op(**arguments) if whole else None

    def _branches(
        self, branches: tuple[BranchStep, ...], cursor: Cursor, scope: Scope, names: Names
    ) -> tuple[Cursor, ...]:
        ends: list[Cursor] = []
        for step in branches:
            branch = step.branch
            self._descend(branch.span, "a branch")
            times = 1 if branch.count is None else self._times(branch.count, names)
            for index in range(times):
                inner = {**names, branch.index: index} if branch.index else names
                self._count(branch.span)
                if branch.when is None or self._condition(branch.when, inner):
                    ends.append(self._run(step.steps, cursor, scope, inner))
            self.level -= 1
        return tuple(ends)

    def _block(self, step: BlockStep, cursor: Cursor, scope: Scope, names: Names) -> Cursor:
        call, block = step.call, self.spec.blocks[step.block]
        self._descend(call.span, f"block '{block.name}'")
        inner: Names = dict(self.variables)
        # What is given comes first: a default may use it, wherever it stands.
        inner |= {name: self._value(call.arguments[name], names) for name in block.arguments if name in call.arguments}
        for name, default in block.arguments.items():
            if name not in call.arguments:
                inner[name] = FAILED if is_required(default) else self._value(default, inner)
        within = Scope(scope, self._flow(call, cursor, scope, names), block.name)
        member = Member(self._name(call.name, names), call.keyword, scope=within)
        self._open(within, member, scope, call.name.span if call.name else call.span)
        cursor = self._run(self.program.blocks[block.name], within.entry, within, inner)
        self.level -= 1
        return cursor

    def _open(self, within: Scope, member: Member, scope: Scope, span: Span) -> None:
        self.scopes.append(within)
        problem = scope.add(member, span)
        self.problems += [problem] if problem else []

    def _loop(self, step: LoopStep, cursor: Cursor, scope: Scope, names: Names) -> Cursor:
        repeat = step.repeat
        if repeat.when is not None and not self._condition(repeat.when, names):
            return cursor
        times = self._times(repeat.count, names)
        if self.written + times * max(1, step.least) > MAX_LAYERS:
            self._count(repeat.span, times * max(1, step.least))  # seen before it is waited for
        self._descend(repeat.span, "a repeat")
        for index in range(times):
            before = self.written
            inner = {**names, repeat.index: index} if repeat.index else names
            within = scope
            if repeat.scoped:
                within = Scope(scope, scope.entry)
                self._open(within, self._loop_member(step, within, inner), scope, repeat.span)
            cursor = self._run(step.steps, cursor, within, inner)
            if self.written == before:
                self._count(repeat.span)  # turns that write nothing take their time too
        self.level -= 1
        return cursor

    def _loop_member(self, step: LoopStep, within: Scope, names: Names) -> Member:
        """One turn of a repeat: called by its expression, or numbered behind its name or a telling index (`stage0`)."""
        repeat = step.repeat
        if repeat.name is not None:
            name = self._name(repeat.name, names)
            if expression_of(repeat.name) is not None:
                return Member(name, repeat.index, scope=within, numbered=True)
            return Member("", name, scope=within, numbered=True)
        return Member("", repeat.index if len(repeat.index) > 1 else "", scope=within, numbered=True)
