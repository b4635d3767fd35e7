"""The forward pass, node by node and as plain as can be: what every faster one is held against."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.forward.kernels import Array
from archcalc.forward.kernels.movement import repeated
from archcalc.forward.rules import RULES, Rule
from archcalc.forward.weights import weights_of
from archcalc.graph import Node
from archcalc.infer import InferredGraph
from archcalc.ops.base import show_shape
from archcalc.ops.source import Input


def run_reference(
    network: InferredGraph,
    weights: Mapping[str, Array],
    x: Array | Sequence[Array],
    keep: Collection[str] = (),
    rules: Mapping[str, Rule] = RULES,
) -> Iterator[tuple[int, Array]]:
    """Position and output of every node, in order; the last one is the output of the network.

    `x` is a batch of samples, N × the shape of the input: one array for each input of the network, alone where there is
    one. An output is freed behind its last use, unless whoever receives it holds on to it, and so are samples that
    nobody else holds. It may be a view of another: those of the nodes named in `keep` are arrays of their own, so that
    holding them holds nothing else. `rules` may be others than ours, which look on while ours compute.

    Raises UsageError for samples that do not fit and for names that no node has.
    """
    entries = _inputs_of(network)
    alive = dict(zip(entries, _checked(network, x), strict=True))
    del x
    _check_names(network, keep)
    batch, dtype = next((len(array), array.dtype) for array in alive.values())
    last = network.graph.last_uses()
    for position, node in enumerate(network.nodes):
        output = (
            alive[position] if position in entries else _output(network, position, weights, alive, batch, dtype, rules)
        )
        if node.name in keep and output.base is not None:
            output = output.copy()
        for producer in {position, *node.inputs}:
            if last[producer] <= position:
                alive.pop(producer, None)
        if last[position] > position:
            alive[position] = output
        yield position, output
        del output


def _output(
    network: InferredGraph,
    position: int,
    weights: Mapping[str, Array],
    alive: Mapping[int, Array],
    batch: int,
    dtype: "np.dtype[Any]",
    rules: Mapping[str, Rule],
) -> Array:
    node = network.nodes[position]
    inputs = [alive[producer] for producer in node.inputs]
    output = rules[node.op.keyword](node.op, inputs, weights_of(network, position, weights))
    if node.inputs:
        return output
    # What reads no sample is the same for all of them; a number that stands for an array has no type but theirs.
    if not any(output.strides):
        output = repeated(output[(0,) * output.ndim], output.shape, dtype)
    return np.broadcast_to(output, (batch, *output.shape[1:]))


def _inputs_of(network: InferredGraph) -> dict[int, Node]:
    return {position: node for position, node in enumerate(network.nodes) if isinstance(node.op, Input)}


def _checked(network: InferredGraph, x: Array | Sequence[Array]) -> Sequence[Array]:
    """The samples of each input; everything that is wrong with them is said at once."""
    arrays = [x] if isinstance(x, np.ndarray) else list(x)
    nodes = _inputs_of(network)
    if len(arrays) != len(nodes):
        inputs = "1 input" if len(nodes) == 1 else f"{len(nodes)} inputs"
        raise UsageError(Problem(f"{network.name} has {inputs}, and samples for {len(arrays)} came"))
    problems = []
    for (position, node), array in zip(nodes.items(), arrays, strict=True):
        shape = network.shapes[position]
        if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
            wanted = f"{show_shape(shape)} behind a batch"
            problems.append(Problem(f"input '{node.name}' takes {wanted}, and {show_shape(array.shape)} came"))
        if array.dtype.kind != "f":
            problems.append(Problem(f"input '{node.name}' takes floating-point numbers, and {array.dtype} came"))
    batches = {len(array) for array in arrays if array.ndim}
    if len(batches) > 1:
        problems.append(Problem(f"the inputs have batches of {' and '.join(map(str, sorted(batches)))}"))
    if problems:
        raise UsageError(problems)
    return arrays


def _check_names(network: InferredGraph, names: Collection[str]) -> None:
    known = network.graph.index()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(Problem(f"there is no layer '{name}'", None, did_you_mean(name, known)) for name in unknown)
