"""Which nodes a convolution computes on the way: batch norm, residual sum, activation."""

from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct

from archcalc.infer import InferredGraph

PASSING = ("identity", "dropout", "drop_path")
"""Operators that do nothing at inference."""

LIMITING: dict[str, tuple[float | None, float | None]] = {"relu": (0.0, None), "relu6": (0.0, 6.0)}
"""Activations that are limits, and which."""

CURVES = ("silu", "sigmoid", "hardswish", "hardsigmoid", "tanh", "leaky_relu", "gelu")
"""Other activations that are done to a tile as soon as it is computed."""


def is_curve(op: Any) -> bool:
    """Whether an operator is one of these activations, in the form that is known here."""
    return op.keyword in CURVES and getattr(op, "approximate", "none") == "none"


class Chain(Struct, frozen=True):
    """A convolution (or linear layer) and what is computed with it, up to the node `last`, whose output it writes.

    `norms` are positions of batch norms, `residual` the node whose output is added, `activation` that of an activation.
    """

    first: int
    last: int
    nodes: tuple[int, ...]
    norms: tuple[int, ...] = ()
    residual: int | None = None
    activation: int | None = None


def consumers_of(network: InferredGraph) -> list[list[int]]:
    """For each node the positions of the nodes that read it, once for each time they do."""
    consumers: list[list[int]] = [[] for _ in network.nodes]
    for position, node in enumerate(network.nodes):
        for producer in node.inputs:
            consumers[producer].append(position)
    return consumers


def chain_from(
    network: InferredGraph,
    consumers: Sequence[Sequence[int]],
    first: int,
    kept: Collection[int],
    ready: Collection[int],
) -> Chain:
    """The longest chain from `first` on whose links nobody else reads. `ready` are the nodes computed by then."""
    nodes, norms, residual, activation = [first], list[int](), None, None
    while nodes[-1] not in kept and len(consumers[nodes[-1]]) == 1:
        following = consumers[nodes[-1]][0]
        op = network.nodes[following].op
        if op.keyword in PASSING:
            pass
        elif activation is not None:
            break
        elif op.keyword == "batchnorm" and residual is None and getattr(op, "track_running_stats", False):
            norms.append(following)
        elif op.keyword == "add" and residual is None:
            others = [producer for producer in network.nodes[following].inputs if producer != nodes[-1]]
            if len(others) != 1 or others[0] not in ready or not _same_shape(network, others[0], following):
                break
            residual = others[0]
        elif op.keyword in LIMITING or is_curve(op):
            activation = following
        else:
            break
        nodes.append(following)
    return Chain(first, nodes[-1], tuple(nodes), tuple(norms), residual, activation)


def _same_shape(network: InferredGraph, a: int, b: int) -> bool:
    return network.shapes[a] == network.shapes[b]
