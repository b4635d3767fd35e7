"""A network on several devices, as AlexNet was on two: which layers read their own part only, which read across.

The channels of every layer are parted evenly. A layer whose `groups` the devices divide reads, on each device, the
groups that lie there; with fewer groups it reads what the others have, and that is sent.
Source: Krizhevsky, Sutskever and Hinton (2012), section 3.2 and figure 2.
"""

from typing import Literal

from msgspec import Struct

from archcalc.analysis.memory import DTYPES
from archcalc.infer import InferredGraph
from archcalc.numbers import product

Reading = Literal["own", "across", "input"]


class LayerSplit(Struct, frozen=True):
    """One layer on each of the devices: what it reads there, its parameters, output values and the bytes it is sent."""

    name: str
    reads: Reading
    params: int
    values: int
    received_bytes: int


class Split(Struct, frozen=True):
    """A network parted over `devices`; params, values and bytes are of one device."""

    devices: int
    layers: tuple[LayerSplit, ...]
    params: int
    values: int
    received_bytes: int


def split_network(network: InferredGraph, devices: int = 2, batch: int = 1, dtype: str = "float32") -> Split:
    """What each of `devices` holds and is sent in a forward pass.

    A layer with products on the input reads the input, which every device has. Any other layer with products reads its
    own part where `groups` is a multiple of the devices, and across otherwise: then each device is sent the parts of
    its input that the others made, (devices − 1)/devices of it, once for each tensor however many layers read it. A
    layer without products works on what lies at hand.
    """
    size = DTYPES[dtype]
    layers: list[LayerSplit] = []
    everywhere = {position for position, node in enumerate(network.nodes) if not node.inputs}
    for position, node in enumerate(network.nodes):
        work, weights = network.work(position), network.weights(position)
        groups = getattr(node.op, "groups", 1)
        received, reads = 0, "own"
        source = node.inputs[0] if node.inputs else position
        if not node.inputs or (work.macs and source in everywhere and not network.nodes[source].inputs):
            reads = "input"
        elif work.macs and groups % devices:
            reads = "across"
            if source not in everywhere:
                whole = product(network.shapes[source]) * batch * size
                received = whole - whole // devices
                everywhere.add(source)
        values = product(network.shapes[position]) * batch
        params = sum(weight.count for weight in weights if weight.role == "trainable")
        share = 1 if not node.inputs else devices
        layers.append(LayerSplit(node.name, reads, params // devices, values // share, received))  # type: ignore[arg-type]
    totals = (sum(getattr(layer, name) for layer in layers) for name in ("params", "values", "received_bytes"))
    return Split(devices, tuple(layers), *totals)
