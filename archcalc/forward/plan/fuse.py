"""Which nodes a convolution computes on the way: batch norm, residual sum, activation."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from archcalc.forward.plan.tiles import Curve
from archcalc.forward.rules import UNITWISE
from archcalc.infer import InferredGraph

PASSING = ("identity", "dropout", "drop_path")
"""Operators that do nothing at inference."""

LIMITING: dict[str, tuple[float | None, float | None]] = {"relu": (0.0, None), "relu6": (0.0, 6.0)}
"""Activations that are limits, and which."""

CURVES = frozenset(UNITWISE) - {*PASSING, *LIMITING}
"""Other functions of one value, which are done to a tile as soon as it is computed."""

_FAST = ("silu", "sigmoid", "hardswish", "hardsigmoid", "tanh", "leaky_relu", "gelu")


def curve_of(op: Any) -> Curve:
    """How a tile is bent by one of these functions: in a form that is known to be fast, or by its kernel."""
    fast = op.keyword in _FAST and getattr(op, "approximate", "none") == "none"
    return Curve(op.keyword, getattr(op, "negative_slope", 0.0), None if fast else partial(UNITWISE[op.keyword], op))


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
        elif op.keyword in LIMITING or op.keyword in CURVES:
            activation = following
        else:
            break
        nodes.append(following)
    return Chain(first, nodes[-1], tuple(nodes), tuple(norms), residual, activation)


def _same_shape(network: InferredGraph, a: int, b: int) -> bool:
    return network.shapes[a] == network.shapes[b]
