"""Operations: multiply-accumulates, and all floating-point operations by class."""

from msgspec import Struct
from msgspec.structs import astuple

from archcalc.infer import InferredGraph
from archcalc.ops.base import Work


class LayerCost(Struct, frozen=True, gc=False):
    """The operations of one layer for the whole batch."""

    name: str
    work: Work
    macs: int
    flops: int


class Cost(Struct, frozen=True):
    """The operations of one forward pass, in all, by class and layer by layer."""

    batch: int
    layers: tuple[LayerCost, ...]
    work: Work
    macs: int
    flops: int


def count_operations(network: InferredGraph, batch: int = 1, training: bool = False) -> Cost:
    """The operations of one forward pass, at inference or while `training`.

    macs are the multiply-accumulates of convolutions and matrix products, bias left out: what papers call FLOPs.
    flops = 2·macs + additions + multiplications + comparisons + divisions + exponentials.
    All are proportional to the batch, but for what training works out once a batch.
    """
    layers = []
    for position, node in enumerate(network.nodes):
        work = network.training_work(position, batch) if training else network.work(position).times(batch)
        layers.append(LayerCost(node.name, work, work.macs, flops_of(work)))
    whole = Work(*(sum(counts) for counts in zip(*(astuple(layer.work) for layer in layers), strict=True)))
    return Cost(batch, tuple(layers), whole, whole.macs, flops_of(whole))


def flops_of(work: Work) -> int:
    """Floating-point operations: a multiply-accumulate is two, everything else one."""
    others: tuple[int, ...] = astuple(work)[1:]
    return 2 * work.macs + sum(others)
