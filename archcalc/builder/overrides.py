"""What `--set` and `--input` change about a spec."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from archcalc.builder.arguments import Argument, arguments_of, decode
from archcalc.errors import Problem, Problems, Span, did_you_mean, printable
from archcalc.graph import Graph, Node
from archcalc.spec.tree import Tree, plain


class Overrides(Struct, frozen=True):
    """What `--set`, `--input` and `--mode` change: values of `vars`, arguments of layers, the input, `training`."""

    variables: Mapping[str, Tree] = {}
    arguments: Mapping[tuple[str, str], Tree] = {}
    input: tuple[int, ...] | None = None
    training: bool = False


def with_arguments(graph: Graph, overrides: Overrides, problems: Problems) -> Graph:
    """The graph with the arguments that `--set layer.argument=value` changes."""
    if not overrides.arguments:
        return graph
    nodes, index = list(graph.nodes), graph.index()
    for (name, argument), tree in overrides.arguments.items():
        declared = declared_argument(graph, name, argument, tree.span, problems)
        if declared is None:
            continue
        node = nodes[index[name]]
        value, problem = decode(declared, plain(tree), tree.span)
        if problem:
            problems.append(problem)
            continue
        op = msgspec.structs.replace(node.op, **{argument: value})
        nodes[index[name]] = Node(node.name, op, node.inputs, node.span, node.spans, node.shares)
    return Graph(graph.name, tuple(nodes), graph.blocks)


def declared_argument(graph: Graph, name: str, argument: str, span: Span, problems: Problems) -> Argument | None:
    """The argument of a layer by both names; None, with the problem noted, where there is none."""
    index = graph.index()
    if name not in index:
        hint = did_you_mean(name, index) or "vars.NAME, or LAYER.ARGUMENT"
        problems.append(Problem(f"'{graph.name}' has no layer '{printable(name, 60)}'", span, hint))
        return None
    op = graph.nodes[index[name]].op
    declared = arguments_of(type(op))
    if argument not in declared:
        hint = did_you_mean(argument, declared) or f"{op.keyword} has none"
        problems.append(Problem(f"{op.keyword} has no argument '{printable(argument, 40)}'", span, hint))
    return declared.get(argument)
