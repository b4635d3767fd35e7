"""Spec → program: every layer looked up and its arguments checked once, however often a loop will write it."""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from msgspec import Struct

from archcalc.builder.arguments import Argument, arguments_of, decode
from archcalc.errors import Problem, Problems, did_you_mean, printable
from archcalc.ops import OPS
from archcalc.ops.activation import Identity
from archcalc.ops.base import Op
from archcalc.spec.expressions import Evaluator, Parsed
from archcalc.spec.model import Block, Branch, Call, Repeat, Spec, Step, expression_of
from archcalc.spec.schema import REQUIRED, RESERVED
from archcalc.spec.tree import Mapping, Scalar, Sequence, Tree, plain


class OpStep(Struct, frozen=True):
    """A layer that is an operator; `fixed` where no argument has an expression, so that all its copies are one.

    A `broken` one has a problem that no value can put right: it only holds the place of a layer.
    """

    call: Call
    op: type[Op]
    constants: dict[str, Any]
    dynamic: tuple[tuple[Argument, Tree], ...]
    fixed: Op | None
    broken: bool
    branches: tuple["BranchStep", ...] | None


class BranchStep(Struct, frozen=True):
    branch: Branch
    steps: tuple["ProgramStep", ...]


class BlockStep(Struct, frozen=True):
    call: Call
    block: str


class LoopStep(Struct, frozen=True):
    """A repeat; `least` is how many layers and calls one turn writes in any case."""

    repeat: Repeat
    steps: tuple["ProgramStep", ...]
    least: int


ProgramStep: TypeAlias = OpStep | BlockStep | LoopStep


class Program(Struct, frozen=True):
    steps: tuple[ProgramStep, ...]
    blocks: dict[str, tuple[ProgramStep, ...]]


def compile_spec(spec: Spec, evaluator: Evaluator) -> tuple[Program, Problems]:
    """The program of a spec and everything in its layers and blocks that no value can put right."""
    compiler = _Compiler(spec, evaluator)
    for block in spec.blocks.values():
        if block.name in OPS or block.name == "repeat":
            compiler.problems.append(Problem(f"a block cannot be called '{block.name}', a layer is", block.span))
    blocks = {name: compiler.steps(block.steps) for name, block in spec.blocks.items()}
    return Program(compiler.steps(spec.steps), blocks), compiler.problems


class Prepared(Struct, frozen=True):
    """What of a spec is the same whatever its variables are: the program, its problems, and its parsed expressions."""

    program: Program
    problems: tuple[Problem, ...]
    parsed: dict[str, Parsed]


def prepare(spec: Spec) -> Prepared:
    """What can be worked out of a spec once for many variants."""
    parsed: dict[str, Parsed] = {}
    program, problems = compile_spec(spec, Evaluator(parsed))
    return Prepared(program, tuple(problems), parsed)


class _Compiler:
    def __init__(self, spec: Spec, evaluator: Evaluator) -> None:
        self.blocks = spec.blocks
        self.evaluator = evaluator
        self.problems = Problems()
        self.arguments: dict[type[Op], dict[str, Argument]] = {}
        self.names = {*spec.variables, *(name for block in spec.blocks.values() for name in block.arguments)}

    def steps(self, steps: tuple[Step, ...]) -> tuple[ProgramStep, ...]:
        return tuple(map(self._step, steps))

    def _step(self, step: Step) -> ProgramStep:
        if isinstance(step, Repeat):
            self._check_expressions(step.count, step.name, step.when)
            steps = self.steps(step.steps)
            return LoopStep(step, steps, sum(map(_least, steps)))
        self._check_expressions(step.name, step.when, step.inputs, step.shares, *step.arguments.values())
        if step.keyword in self.blocks:
            self._check_block(step, self.blocks[step.keyword])
            return BlockStep(step, step.keyword)
        op = OPS.get(step.keyword)
        if op is None or step.keyword == "input":
            known = [name for name in (*OPS, *self.blocks, "repeat") if name != "input"]
            message = f"there is no layer '{printable(step.keyword, 40)}'"
            self.problems.append(Problem(message, step.span, did_you_mean(step.keyword, known)))
            branches = tuple(BranchStep(branch, self.steps(branch.steps)) for branch in step.branches or ())
            return OpStep(step, Identity, {}, (), None, True, branches or None)
        return self._op(step, op)

    def _op(self, call: Call, op: type[Op]) -> OpStep:
        if op not in self.arguments:
            self.arguments[op] = arguments_of(op)
        declared = self.arguments[op]
        constants: dict[str, Any] = {}
        dynamic: list[tuple[Argument, Tree]] = []
        wrong = len(self.problems)
        if call.branches is not None and op.arity is not None and op.arity < 2:
            message = f"{call.keyword} has arguments, not branches"
            self.problems.append(Problem(message, call.span, f"such as {call.keyword}: {{name: value}}"))
            return OpStep(call, op, {}, (), None, True, None)
        self._check_arguments(call, call.keyword, {name: arg.required for name, arg in declared.items()})
        for name, tree in call.arguments.items():
            argument = declared.get(name)
            if argument is None:
                continue
            if has_expression(tree):
                dynamic.append((argument, tree))
            else:
                constants[name], problem = decode(argument, plain(tree), tree.span)
                self.problems += [self._meant(problem, tree)] if problem else []
        broken = len(self.problems) > wrong
        fixed = op(**constants) if not dynamic and not broken else None
        return OpStep(call, op, constants, tuple(dynamic), fixed, broken, self._branches(call))

    def _meant(self, problem: Problem, tree: Tree) -> Problem:
        """A problem with a value; a text of variables was meant to be an expression."""
        value = plain(tree)
        if not isinstance(value, str):
            return problem
        words = re.findall(r"[^\W\d]\w*", value)
        if not words or not self.names.issuperset(words):
            return problem
        return Problem(problem.message, problem.span, f"did you mean '={printable(value, 40)}'?", problem.details)

    def _branches(self, call: Call) -> tuple[BranchStep, ...] | None:
        if call.branches is None:
            return None
        static = all(branch.when is None and branch.count is None for branch in call.branches)
        if static and len(call.branches) < 2:
            hint = "an empty branch, '- []', is what flows in"
            self.problems.append(Problem(f"{call.keyword} joins two branches or more", call.span, hint))
        for branch in call.branches:
            self._check_expressions(branch.when, branch.count)
        return tuple(BranchStep(branch, self.steps(branch.steps)) for branch in call.branches)

    def _check_block(self, call: Call, block: Block) -> None:
        if call.branches is not None:
            self.problems.append(Problem(f"block '{block.name}' has arguments, not branches", call.span))
        if call.shares is not None:
            self.problems.append(
                Problem("shares is for operators: a block has no weights of its own", call.shares.span)
            )
        required = {name: is_required(default) for name, default in block.arguments.items()}
        self._check_arguments(call, f"block '{block.name}'", required)

    def _check_arguments(self, call: Call, what: str, declared: dict[str, bool]) -> None:
        """Arguments that are not declared, and required ones that are missing and not merely misspelt."""
        missing = [name for name, required in declared.items() if required and name not in call.arguments]
        for name in call.arguments:
            if name not in declared:
                hint = did_you_mean(name, (*declared, *RESERVED))
                missing = [other for other in missing if f"'{other}'" not in hint]
                self.problems.append(Problem(f"{what} has no argument '{printable(name, 40)}'", call.spans[name], hint))
        if missing:
            names = ", ".join(f"'{name}'" for name in missing)
            self.problems.append(Problem(f"{what} needs {names}", call.span))

    def _check_expressions(self, *trees: Tree | None) -> None:
        for tree in trees:
            for expression in _expressions(tree):
                problem = self.evaluator.check(expression)
                self.problems += [problem] if problem else []


def _least(step: ProgramStep) -> int:
    """How many layers and calls a step writes in any case; none under a condition."""
    if isinstance(step, LoopStep):
        count = plain(step.repeat.count)
        return count * step.least if isinstance(count, int) and step.repeat.when is None else 0
    return 1 if step.call.when is None else 0


def is_required(default: Tree) -> bool:
    """Whether a block's argument has to be given: its default is the word `required`."""
    return isinstance(default, Scalar) and default.value == REQUIRED


def has_expression(tree: Tree) -> bool:
    return next(_expressions(tree), None) is not None


def _expressions(tree: Tree | None) -> Iterator[Any]:
    """All expressions in a value; its depth is bounded by the reader."""
    if isinstance(tree, Scalar):
        expression = expression_of(tree)
        if expression is not None:
            yield expression
    elif isinstance(tree, Sequence):
        for item in tree.items:
            yield from _expressions(item)
    elif isinstance(tree, Mapping):
        for value in tree.entries.values():
            yield from _expressions(value)
