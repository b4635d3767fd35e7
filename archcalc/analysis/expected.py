"""What training costs in expectation when whole branches are dropped: stochastic depth.

A branch that ends in a layer of survival probability q is computed with probability q; what lies in it and nowhere
else is computed only then. By linearity, expected MACs = Σ over layers of macs · Π of the survival probabilities of
the drops that everything flowing out of the layer passes. Drops are independent, so that the variance is a sum over
branches, worked out from the inside where they are nested: E X² = q·(Var + E²) of what is in the branch.
Source: Huang et al., Deep Networks with Stochastic Depth (2016), section 3, where E(blocks) = (3L − 1)/4 for p_L = 1/2.
"""

from math import sqrt

from msgspec import Struct

from archcalc.analysis.cost import count_operations
from archcalc.infer import InferredGraph


class Branch(Struct, frozen=True):
    """A branch that may be dropped: the layer that drops it, its survival, and the MACs of what is computed only for
    it.
    """

    name: str
    survival: float
    macs: int


class Expected(Struct, frozen=True):
    """Cost of a training step in expectation, forward. `deviation` is the standard deviation from step to step."""

    branches: tuple[Branch, ...]
    blocks: float
    macs: int
    expected_macs: float
    deviation: float


def expected_cost(network: InferredGraph, batch: int = 1) -> Expected:
    """Expected number of surviving branches and expected MACs of one forward pass while training."""
    macs = [layer.macs for layer in count_operations(network, batch).layers]
    drops = _innermost_drops(network)
    survival = {i: node.op.survival() for i, node in enumerate(network.nodes) if node.op.survival() < 1}
    # Inside out: the drop around a drop stands later in the graph, so that sums are ready when they are asked for.
    mean: dict[int | None, float] = {**dict.fromkeys(survival, 0.0), None: 0.0}
    variance: dict[int | None, float] = dict(mean)
    own: dict[int | None, int] = {**dict.fromkeys(survival, 0), None: 0}
    for position, count in enumerate(macs):
        own[drops[position]] += count
    for drop in [*survival, None]:
        inside, spread = mean[drop] + own[drop], variance[drop]
        if drop is None:
            mean[None], variance[None] = inside, spread
            break
        q = survival[drop]
        around = _around(drops, drop)
        mean[around] += q * inside
        variance[around] += q * (spread + inside**2) - (q * inside) ** 2
    branches = tuple(Branch(network.nodes[drop].name, survival[drop], own[drop]) for drop in survival)
    return Expected(branches, sum(survival.values()), sum(macs), mean[None], sqrt(max(0.0, variance[None])))


def _around(drops: list[int | None], drop: int) -> int | None:
    """The drop that everything flowing out of a drop passes next."""
    return drops[drop]


def _innermost_drops(network: InferredGraph) -> list[int | None]:
    """For each layer the first drop that everything flowing out of it passes, if there is one.

    Read from the output backwards: what flows out of a layer passes what all its readers have in common. The chain of
    drops of a reader that drops begins with itself; of two chains, the common part is where they first meet.
    """
    nodes = network.nodes
    readers: list[list[int]] = [[] for _ in nodes]
    for position, node in enumerate(nodes):
        for producer in node.inputs:
            readers[producer].append(position)
    following: list[int | None] = [None] * len(nodes)
    for position in range(len(nodes) - 1, -1, -1):
        common: int | None = None
        for turn, reader in enumerate(readers[position]):
            chain = reader if nodes[reader].op.survival() < 1 else following[reader]
            common = chain if turn == 0 else _meet(common, chain, following)
        following[position] = common
    return following


def _meet(a: int | None, b: int | None, following: list[int | None]) -> int | None:
    """Where two chains of drops first meet: each step leads to a later layer."""
    while a != b:
        if a is None or b is None:
            return None
        if a < b:
            a = following[a]
        else:
            b = following[b]
    return a
