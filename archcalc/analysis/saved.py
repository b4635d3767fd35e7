"""What the forward pass of training keeps for the backward pass: each tensor once, whoever needs it."""

from msgspec import Struct

from archcalc.analysis.memory import DTYPES
from archcalc.infer import InferredGraph
from archcalc.numbers import product

WIDTHS = {"mask": 1, "index": 8, "statistic": 4}
"""Bytes of what is kept besides values of the data type."""


class SavedTensor(Struct, frozen=True, gc=False):
    """A tensor that is kept: whose output it is (`extra` "") or which extra of that layer; until `users` went back."""

    layer: str
    bytes: int
    users: tuple[str, ...]
    extra: str = ""


class SavedActivations(Struct, frozen=True):
    """All that is kept, in the order in which it was made."""

    tensors: tuple[SavedTensor, ...]

    @property
    def bytes(self) -> int:
        return sum(tensor.bytes for tensor in self.tensors)


def saved_activations(network: InferredGraph, batch: int = 1, dtype: str = "float32") -> SavedActivations:
    """What is kept between the forward and the backward pass.

    Every layer states which of its inputs, whether its output, and what else its derivative needs. A tensor that
    several need is kept once, and a view (flatten, slices, permute) keeps the whole tensor that it looks at. Weights
    and buffers are there anyway and are not among them.
    Source: torch's derivatives.yaml; the sums are those that `torch.autograd.graph.saved_tensors_hooks` sees.
    """
    size = DTYPES[dtype]
    owners = storage_owners(network)
    users: dict[int, dict[str, None]] = {}
    extras: dict[int, list[SavedTensor]] = {}
    for position, node in enumerate(network.nodes):
        saved = node.op.saves(network.inputs(node), network.shapes[position])
        kept = [node.inputs[place] for place in saved.inputs] + ([position] if saved.output else [])
        for producer in kept:
            users.setdefault(owners[producer], {})[node.name] = None
        for extra in saved.extras:
            width = WIDTHS.get(extra.kind, size)
            amount = extra.count * width * (1 if extra.once else batch)
            extras.setdefault(position, []).append(SavedTensor(node.name, amount, (node.name,), extra.name))
    tensors: list[SavedTensor] = []
    for position, node in enumerate(network.nodes):
        stored = not node.inputs and bool(network.weights(position))
        if position in users and not stored:
            amount = product(network.shapes[position]) * batch * size
            tensors.append(SavedTensor(node.name, amount, tuple(users[position])))
        tensors += extras.get(position, [])
    return SavedActivations(tuple(tensors))


def storage_owners(network: InferredGraph) -> list[int]:
    """For each layer the layer whose memory its output lies in: its own, or that of what it is a view of."""
    owners: list[int] = []
    for position, node in enumerate(network.nodes):
        owners.append(owners[node.inputs[0]] if node.op.views and node.inputs else position)
    return owners
