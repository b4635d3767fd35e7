"""Parameters: what training learns, what it keeps besides, and how much memory both take."""

from msgspec import Struct

from archcalc.infer import InferredGraph
from archcalc.ops.base import Weights


class LayerParams(Struct, frozen=True, gc=False):
    """The arrays of one layer. `shared_with` names the layer they are counted at, if it is not this one."""

    name: str
    weights: Weights
    params: int
    buffers: int
    shared_with: str = ""


class Params(Struct, frozen=True):
    """Trainable parameters and buffers, in all and layer by layer."""

    layers: tuple[LayerParams, ...]
    params: int
    buffers: int


def count_params(network: InferredGraph) -> Params:
    """The parameters of a network.

    params = Σ over layers of Σ over its trainable arrays of the product of the array's shape; buffers likewise over
    running statistics and constants. A layer that shares the weights of another counts nothing: they are counted there,
    once.
    Source: torch counts `Module.parameters()` and `buffers()` so.
    """
    layers = []
    for position, node in enumerate(network.nodes):
        weights = network.weights(position)
        owner = "" if node.shares is None else network.nodes[node.shares].name
        params = sum(weight.count for weight in weights if weight.role == "trainable")
        buffers = sum(weight.count for weight in weights if weight.role != "trainable")
        layers.append(LayerParams(node.name, weights, 0 if owner else params, 0 if owner else buffers, owner))
    return Params(tuple(layers), sum(layer.params for layer in layers), sum(layer.buffers for layer in layers))
