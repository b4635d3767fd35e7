"""Graph → InferredGraph: a shape for every node, or every place where shapes do not fit."""

from collections.abc import Collection, Iterator

from msgspec import Struct

from archcalc.errors import Problem, Problems, ShapeError, UsageError
from archcalc.graph import Graph, Node
from archcalc.ops.base import MOST_AXES, Complaint, Op, Reads, Shape, Shapes, Weights, Work, show_shape
from archcalc.ops.source import Input


class InferredGraph(Struct, frozen=True):
    """A graph with the output shape of each node: `shapes[i]` belongs to `graph.nodes[i]`."""

    graph: Graph
    shapes: tuple[Shape, ...]

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def nodes(self) -> tuple[Node, ...]:
        return self.graph.nodes

    def inputs(self, node: Node) -> Shapes:
        """The shapes that a node reads."""
        return tuple(self.shapes[producer] for producer in node.inputs)

    def weights(self, position: int) -> Weights:
        """What a node has stored, its own or shared."""
        node = self.graph.nodes[position]
        return node.op.weights(self.inputs(node))

    def work(self, position: int) -> Work:
        """What a node computes for one sample at inference."""
        node = self.graph.nodes[position]
        return node.op.work(self.inputs(node), self.shapes[position])

    def training_work(self, position: int, batch: int) -> Work:
        """What a node computes for a batch in the forward pass of training."""
        node = self.graph.nodes[position]
        return node.op.training_work(self.inputs(node), self.shapes[position], batch)

    def windows(self, position: int) -> tuple[Reads, ...]:
        node = self.graph.nodes[position]
        return node.op.windows(self.inputs(node), self.shapes[position])

    @property
    def input_shape(self) -> Shape:
        """The shape of the first place where samples enter."""
        return next(shape for node, shape in zip(self.nodes, self.shapes, strict=True) if isinstance(node.op, Input))

    @property
    def unknown(self) -> tuple[Node, ...]:
        """What stands for operators that are not ours: where there is one, totals are no more than a least."""
        return tuple(node for node in self.nodes if not node.op.known)

    def unknown_words(self) -> str:
        """Which layers nothing is known of but their shapes, and that totals lack them; empty where there are none."""
        unknown = self.unknown
        named = ", ".join(f"{node.name} ({node.op.title})" for node in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        return f"not known is what these layers compute and store: {named}{more}" if unknown else ""

    def need_known(self) -> None:
        """Raise UsageError where a layer cannot be computed, because its operator is not ours."""
        problems = [
            Problem(f"'{node.name}' cannot be computed", None, f"its operator is none of ours: {node.op.title}")
            for node in self.unknown
        ]
        if problems:
            raise UsageError(problems)

    def notes(self) -> Iterator[tuple[Node, str]]:
        """What layers remark on their sizes: rows never read, axes seldom meant."""
        for node in self.nodes:
            for note in node.op.notes(self.inputs(node)):
                yield node, note


def infer(graph: Graph, checked: bool = True) -> InferredGraph:
    """The shapes of all nodes. Raises ShapeError with every node whose inputs do not fit.

    `checked=False` skips the checks, which compare sizes: for sizes that are symbols or arrays.
    """
    shapes, problems = propagate(graph, checked=checked)
    if problems:
        raise ShapeError(problems)
    return InferredGraph(graph, tuple(shape for shape in shapes if shape is not None))


def propagate(
    graph: Graph, broken: Collection[int] = (), checked: bool = True
) -> tuple[list[Shape | None], list[Problem]]:
    """The shape of each node as far as it is known, and what does not fit.

    `broken` nodes have no shape; neither has what depends on one: only the first problem of a chain is a problem.
    """
    shapes: list[Shape | None] = []
    problems = Problems(once=True)
    for position, node in enumerate(graph.nodes):
        inputs = tuple([shape for producer in node.inputs if (shape := shapes[producer]) is not None])
        if position in broken or len(inputs) != len(node.inputs):
            shapes.append(None)
            continue
        complaints = list(node.op.check(inputs)) if checked else []
        if checked and node.shares is not None:
            complaints += _shared_fits(graph, shapes, node, inputs)
        for complaint in complaints:
            if not problems.said(node.spans.get(complaint.argument, node.span)):
                problems.append(_problem(graph, shapes, node, complaint))
        shape = None if complaints else node.op.output(inputs)
        if shape is not None and len(shape) > MOST_AXES:
            message = f"{node.op.keyword} gives {len(shape)} axes, and {MOST_AXES} are the most that there can be"
            problems.append(_problem(graph, shapes, node, Complaint(message)))
            shape = None
        shapes.append(shape)
    return shapes, problems


def _shared_fits(graph: Graph, shapes: list[Shape | None], node: Node, inputs: Shapes) -> Iterator[Complaint]:
    owner = graph.nodes[node.shares or 0]
    theirs = tuple([shape for producer in owner.inputs if (shape := shapes[producer]) is not None])
    if len(theirs) == len(owner.inputs) and owner.op.weights(theirs) != node.op.weights(inputs):
        mine, other = _weights_in_words(node.op, inputs), _weights_in_words(owner.op, theirs)
        yield Complaint(f"cannot share the weights of '{owner.name}'", "shares", f"it has {other}, this needs {mine}")


def _weights_in_words(op: Op, inputs: Shapes) -> str:
    return ", ".join(f"{weight.name} {show_shape(weight.shape)}" for weight in op.weights(inputs)) or "none"


def _problem(graph: Graph, shapes: list[Shape | None], node: Node, complaint: Complaint) -> Problem:
    """A complaint at its place in the text; one about a join names the producers and where their ways parted."""
    span = node.spans.get(complaint.argument, node.span)
    details: list[str] = []
    if len(node.inputs) > 1:
        for producer in dict.fromkeys(node.inputs):
            shape = shapes[producer]
            details.append(f"{_named(graph.nodes[producer])} gives {show_shape(shape) if shape else '?'}")
        fork = graph.fork(node.inputs)
        if fork is not None and fork not in node.inputs:
            details.append(f"their ways parted at {_named(graph.nodes[fork])}")
        elif fork is not None:
            details.append(f"the others branch off at {_named(graph.nodes[fork])}")
    message = f"{node.name}: {complaint.message.removeprefix(node.op.keyword + ' ')}"
    return Problem(message, span, complaint.hint, tuple(details))


def _named(node: Node) -> str:
    return f"'{node.name}' (line {node.span.line})" if node.span else f"'{node.name}'"
