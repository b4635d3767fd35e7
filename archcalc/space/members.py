"""One number of a network set free: a variable, an argument of a layer, the size of its input, or the batch.

    width, vars.width   a variable          depths[2]             an element of one that is a list
    conv1.stride        an argument         input                 height and width of the input, together
    batch               samples at once

`Members` gives the network for every value of it. What the value does not change is built once.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from archcalc.analysis.memory import Model
from archcalc.analysis.whole import Analysis
from archcalc.builder import Overrides, assemble
from archcalc.builder.arguments import arguments_of
from archcalc.builder.overrides import with_arguments
from archcalc.errors import Problem, Problems, ShapeError, Source, Span, SpecError, UsageError, did_you_mean, printable
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, propagate
from archcalc.numbers import Varying
from archcalc.ops.source import Input
from archcalc.spec.model import Spec, expression_of
from archcalc.spec.tree import Scalar, Sequence, Tree, plain

_ELEMENT = re.compile(r"(?P<name>\w+)\[(?P<index>[0-9]{1,4})\]\Z")


class Target(Struct, frozen=True):
    """What is set free. `name` is a variable or a layer, `part` an argument of the layer or a place in the list."""

    kind: Literal["variable", "argument", "input", "batch"]
    shown: str
    name: str = ""
    part: str | int | None = None


class Conventions(Struct, frozen=True):
    """What is the same for all members."""

    batch: int = 1
    dtype: str = "float32"
    model: Model = "peak"


class Members:
    """The networks that a spec is as one number of it changes."""

    def __init__(self, spec: Spec, overrides: Overrides, text: str, conventions: Conventions) -> None:
        """Raises UsageError for a target that does not exist, and SpecError or ShapeError for a spec that is wrong."""
        self.spec = spec
        self.overrides = overrides
        self.conventions = conventions
        self.graph = _graph(spec, overrides)
        self.network = _inferred(self.graph)
        self.target = _target(text, spec, overrides, self.graph)

    @property
    def current(self) -> Any:
        """The value that the network has as it stands; None for a variable that is an expression."""
        target = self.target
        if target.kind == "batch":
            return self.conventions.batch
        if target.kind == "input":
            return self.network.input_shape[-1]
        if target.kind == "argument":
            return getattr(self.graph.nodes[self.graph.index()[target.name]].op, str(target.part))
        tree = self._variable()
        return None if expression_of(tree) is not None else plain(tree)

    def analysis(self, value: Any) -> Analysis:
        """The network with that value, or with many at once (`archcalc.space.many`).

        Raises SpecError or ShapeError where there is none, and Parting where those of several values differ.
        """
        given, batch = self.conventions, self.conventions.batch
        if self.target.kind == "batch":
            network, batch = self.network, value
        elif self.target.kind == "variable":
            network = _inferred(_graph(self.spec, self._with_variable(value)))
        elif self.target.kind == "argument":
            arguments = {(self.target.name, str(self.target.part)): _scalar(value, self.target)}
            problems = Problems()
            graph = with_arguments(self.graph, Overrides(arguments=arguments), problems)
            if problems:
                raise SpecError(problems)
            network = _inferred(graph)
        else:
            network = _inferred(with_input(self.graph, value))
        return Analysis(self.spec, network, batch, given.dtype, given.model, self.overrides.training)

    def _variable(self) -> Tree:
        """The value of the variable as it is written, without what is set free."""
        tree = self.overrides.variables.get(self.target.name, self.spec.variables[self.target.name])
        return tree.items[self.target.part] if isinstance(self.target.part, int) else tree  # type: ignore[union-attr]

    def _with_variable(self, value: Any) -> Overrides:
        target, tree = self.target, _scalar(value, self.target)
        if isinstance(target.part, int):
            whole = self.overrides.variables.get(target.name, self.spec.variables[target.name])
            assert isinstance(whole, Sequence)  # noqa: S101 - the target has been looked up
            items = [*whole.items[: target.part], tree, *whole.items[target.part + 1 :]]
            return _overridden(self.overrides, target.name, Sequence(items, whole.span))
        return _overridden(self.overrides, target.name, tree)


def _overridden(overrides: Overrides, name: str, tree: Tree) -> Overrides:
    return msgspec.structs.replace(overrides, variables={**overrides.variables, name: tree})


def _scalar(value: Any, target: Target) -> Scalar:
    text = "" if isinstance(value, Varying) else str(value)
    return Scalar(value, Span(Source(f"--for {target.shown}", text), 1, 1, max(1, len(text))))


def _graph(spec: Spec, overrides: Overrides) -> Graph:
    assembly = assemble(spec, overrides)
    if assembly.problems:
        _, misfits = propagate(assembly.graph, assembly.broken)
        raise SpecError([*assembly.problems, *misfits])
    return assembly.graph


def _inferred(graph: Graph) -> InferredGraph:
    shapes, misfits = propagate(graph)
    if misfits:
        raise ShapeError(misfits)
    return InferredGraph(graph, tuple(shape for shape in shapes if shape is not None))


def with_input(graph: Graph, size: int) -> Graph:
    """The graph with an input whose spatial axes are all that large."""
    nodes = [_resized(node, size) if isinstance(node.op, Input) else node for node in graph.nodes]
    return Graph(graph.name, tuple(nodes))


def _resized(node: Node, size: int) -> Node:
    assert isinstance(node.op, Input)  # noqa: S101 - the caller has looked
    shape = (node.op.shape[0], *(size for _ in node.op.shape[1:]))
    return Node(node.name, Input(shape), node.inputs, node.span, node.spans, node.shares)


def input_target(graph: Graph) -> Target:
    """The size of the input. Raises UsageError for a network whose input has no size to change."""
    shape = next(node.op.shape for node in graph.nodes if isinstance(node.op, Input))
    if len(shape) < 2:
        raise UsageError(Problem(f"the input of '{graph.name}' has no height and width", None, "it is a row"))
    return Target("input", "input")


def _target(text: str, spec: Spec, overrides: Overrides, graph: Graph) -> Target:
    """What a text means: a variable before anything else that is called so."""
    text = text.strip()
    name = text.removeprefix("vars.")
    element = _ELEMENT.match(name)
    if name in spec.variables:
        value = plain(overrides.variables.get(name, spec.variables[name]))
        if isinstance(value, list):
            hint = f"one of {name}[0] … {name}[{len(value) - 1}]"
            raise UsageError(Problem(f"{printable(name, 60)} is a list of numbers", None, hint))
        return Target("variable", name, name)
    if element is not None and element["name"] in spec.variables:
        return _element(element["name"], int(element["index"]), spec, overrides)
    if text == "batch":
        return Target("batch", text)
    if text in ("input", "resolution"):
        return input_target(graph)
    layer, dot, argument = text.rpartition(".")
    index = graph.index()
    if dot and layer in index:
        declared = arguments_of(type(graph.nodes[index[layer]].op))
        if argument in declared:
            return Target("argument", text, layer, argument)
        keyword = graph.nodes[index[layer]].op.keyword
        message = f"{keyword} has no argument '{printable(argument, 40)}'"
        raise UsageError(Problem(message, None, did_you_mean(argument, declared)))
    raise UsageError(Problem(f"there is no '{printable(text, 60)}' to solve for", None, _nearest(text, spec, index)))


def _element(name: str, index: int, spec: Spec, overrides: Overrides) -> Target:
    tree = overrides.variables.get(name, spec.variables[name])
    if not isinstance(tree, Sequence) or index >= len(tree.items):
        hint = f"it has {len(tree.items)}" if isinstance(tree, Sequence) else "it is no list that is written out"
        raise UsageError(Problem(f"{printable(name, 60)} has no element {index}", None, hint))
    return Target("variable", f"{name}[{index}]", name, index)


def _nearest(text: str, spec: Spec, layers: Iterable[str]) -> str:
    near = did_you_mean(text.removeprefix("vars."), [*spec.variables, "batch", "input"])
    return near or did_you_mean(text.rpartition(".")[0], layers) or "a variable, LAYER.ARGUMENT, input or batch"
