"""What training costs in expectation when branches are dropped by lot: stochastic depth, FractalNet's drop-path.

A layer is computed in a step if something that is computed reads it. From the outputs backwards: which layers are still
needed is a set, and with lots a distribution over sets, since each layer that draws lots may go on to different
inputs. The sets meet again where branches part, so that few are ever apart. With each set goes the probability and the
first two moments of the cost so far: expectation and variance come out exact, however drops are nested or shared.

Sources: Huang et al., Deep Networks with Stochastic Depth (2016), section 3: E(blocks) = (3L − 1)/4 for p_L = 1/2;
Larsson et al., FractalNet (2017), section 4.
"""

from collections.abc import Sequence
from math import sqrt

from msgspec import Struct

from archcalc.analysis.cost import count_operations
from archcalc.errors import Problem, UsageError
from archcalc.graph import Graph
from archcalc.infer import InferredGraph
from archcalc.ops.base import Choices

MOST_SETS = 100_000


class Drop(Struct, frozen=True):
    """A layer that draws lots: the share of its inputs that it reads on average, and how often it is computed."""

    name: str
    survival: float
    computed: float


class Expected(Struct, frozen=True):
    """Cost of a training step in expectation, forward. `deviation` is the standard deviation from step to step.

    `blocks` is the sum of `survival` over the drops: for stochastic depth the expected number of residual blocks.
    `columns` are the MACs of each column alone, the deepest first, where joins drop inputs: FractalNet's global
    drop-path trains one of them, drawn evenly, in a step.
    """

    drops: tuple[Drop, ...]
    blocks: float
    macs: int
    expected_macs: float
    deviation: float
    columns: tuple[float, ...] = ()


def expected_cost(network: InferredGraph, batch: int = 1) -> Expected:
    """Expected MACs of one forward pass while training, and their spread from step to step.

    Raises UsageError where lots lead to more than `MOST_SETS` different sets of layers at once.
    """
    macs = [layer.macs for layer in count_operations(network, batch).layers]
    lots = [node.op.training_reads(len(node.inputs)) for node in network.nodes]
    computed, mean, square = _moments(network.graph, macs, lots)
    drops = []
    for position, (node, choices) in enumerate(zip(network.nodes, lots, strict=True)):
        if len(choices) > 1:
            share = sum(chance * len(kept) for chance, kept in choices) / len(node.inputs)
            drops.append(Drop(node.name, share, computed[position]))
    blocks = sum(drop.survival for drop in drops)
    columns = _columns(network.graph, macs, lots)
    return Expected(tuple(drops), blocks, sum(macs), mean, sqrt(max(0.0, square - mean**2)), columns)


def _columns(graph: Graph, macs: list[int], lots: list[Choices]) -> tuple[float, ...]:
    """The cost of each column alone: every join that drops inputs reads the one that lies as far from its last."""
    joins = {i: len(node.inputs) for i, node in enumerate(graph.nodes) if len(lots[i]) > 1 and len(node.inputs) > 1}
    found = []
    for column in range(max(joins.values(), default=0)):
        alone = [
            ((1.0, (max(0, joins[i] - 1 - column),)),) if i in joins else ((1.0, tuple(range(len(node.inputs)))),)
            for i, node in enumerate(graph.nodes)
        ]
        found.append(_moments(graph, macs, alone)[1])
    return tuple(found)


def _moments(graph: Graph, macs: list[int], lots: Sequence[Choices]) -> tuple[list[float], float, float]:
    """For each layer the probability that it is computed; then the mean and the mean square of the cost of a step.

    A set of needed layers is an int with a bit for each position.
    """
    nodes = graph.nodes
    read = {producer for node in nodes for producer in node.inputs}
    outputs = sum(1 << position for position in range(len(nodes)) if position not in read)
    sets = {outputs: (1.0, 0.0, 0.0)}
    computed = [0.0] * len(nodes)
    for position in range(len(nodes) - 1, -1, -1):
        bit, cost, inputs = 1 << position, macs[position], nodes[position].inputs
        choices = [
            (chance, sum(1 << producer for producer in {inputs[i] for i in kept})) for chance, kept in lots[position]
        ]
        following: dict[int, tuple[float, float, float]] = {}
        for needed, (chance, first, second) in sets.items():
            if not needed & bit:
                _add(following, needed, chance, first, second)
                continue
            computed[position] += chance
            # (x + c)² = x² + 2·c·x + c²
            second += 2 * cost * first + cost**2 * chance
            first += cost * chance
            for share, kept in choices:
                _add(following, (needed ^ bit) | kept, share * chance, share * first, share * second)
        sets = following
        if len(sets) > MOST_SETS:
            message = f"lots lead to more than {MOST_SETS:,} different sets of layers at '{nodes[position].name}'"
            raise UsageError(Problem(message, nodes[position].span))
    return computed, sum(s[1] for s in sets.values()), sum(s[2] for s in sets.values())


def _add(sets: dict[int, tuple[float, float, float]], needed: int, chance: float, first: float, second: float) -> None:
    before = sets.get(needed, (0.0, 0.0, 0.0))
    sets[needed] = (before[0] + chance, before[1] + first, before[2] + second)
