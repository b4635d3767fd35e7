"""What an output says: the likeliest classes of each sample, or how its values are spread."""

from collections.abc import Sequence

import numpy as np

from archcalc.forward.kernels import Array
from archcalc.forward.kernels.unitwise import softmax
from archcalc.forward.report import Guess, Spread
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.ops.base import axis_of

_PASSING = ("identity", "dropout", "drop_path", "flatten", "reshape")


def ends_in_softmax(network: InferredGraph) -> bool:
    """Whether the outputs are shares of 1 already, over all of a sample's values."""
    position = len(network.nodes) - 1
    while network.nodes[position].op.keyword in _PASSING:
        (position,) = network.nodes[position].inputs
    op, shape = network.nodes[position].op, network.shapes[position]
    dim = getattr(op, "dim", None)
    return op.keyword == "softmax" and dim is not None and shape[axis_of(dim, len(shape))] == product(shape)


def guesses(output: Array, shares: bool, labels: Sequence[str], count: int) -> tuple[tuple[Guess, ...], ...]:
    """For each sample of (N, classes, …) the `count` likeliest classes, or all where there are fewer.

    Where the outputs are not `shares` already, probabilities are softmax of them, in float64. Classes have their names
    if there is a label for each. What is no number comes last.
    """
    scores = output.reshape(len(output), -1).astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinite scores have no probabilities
        probabilities = scores if shares else softmax(scores, 1)
    named = labels if len(labels) == scores.shape[1] else [""] * scores.shape[1]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return tuple(
        tuple(Guess(int(i), named[i], float(probabilities[sample, i]), float(scores[sample, i])) for i in best)
        for sample, best in enumerate(order)
    )


def spreads(output: Array) -> tuple[Spread, ...]:
    """Least, mean, largest value and standard deviation of each sample's output, in float64."""
    with np.errstate(invalid="ignore"):
        return tuple(
            Spread(*(float(value) for value in (one.min(), one.mean(), one.max(), one.std())))
            for one in output.astype(np.float64)
        )
