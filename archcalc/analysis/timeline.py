"""What is in memory when: tensors with the steps from which to which they are alive, under several models of memory.

A step is the computation of one layer. Memory at a step is the sum of what is alive then, its peak the largest of them.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Literal

from msgspec import Struct

from archcalc.analysis.arena import Block, lay_out
from archcalc.analysis.memory import DTYPES
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.ops.base import POINTWISE, Window

Scratch = Literal["none", "im2col"]
SCRATCHES: tuple[Scratch, ...] = ("none", "im2col")


class Tensor(Struct, frozen=True, gc=False):
    """A piece of memory: what lies in it, its bytes, and the first and the last step that it is needed in."""

    name: str
    kind: str
    bytes: int
    first: int
    last: int


class Timeline(Struct, frozen=True):
    """Steps by the names of their layers, and all tensors."""

    steps: tuple[str, ...]
    tensors: tuple[Tensor, ...]

    def alive(self) -> list[int]:
        """Bytes at each step."""
        change = [0] * (len(self.steps) + 1)
        for tensor in self.tensors:
            change[tensor.first] += tensor.bytes
            change[tensor.last + 1] -= tensor.bytes
        return list(accumulate(change))[:-1]

    def peak(self) -> int:
        return max(self.alive(), default=0)

    def peak_step(self) -> int:
        """The first step at which most is alive."""
        alive = self.alive()
        return alive.index(max(alive))

    def at(self, step: int) -> list[Tensor]:
        """What is alive at a step, the largest first."""
        found = [tensor for tensor in self.tensors if tensor.first <= step <= tensor.last and tensor.bytes]
        return sorted(found, key=lambda tensor: -tensor.bytes)

    def arena(self) -> int:
        """Bytes of one block that holds all tensors at fixed places, laid out greedily by size."""
        return lay_out(
            [Block(tensor.bytes, tensor.first, tensor.last) for tensor in self.tensors if tensor.bytes]
        ).bytes


class _Storages:
    """Which outputs lie in one memory, while that is found out: a forest of sets, each with its size."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._parents = list(range(len(sizes)))
        self.sizes = list(sizes)

    def of(self, position: int) -> int:
        while self._parents[position] != position:
            self._parents[position] = self._parents[self._parents[position]]
            position = self._parents[position]
        return position

    def join(self, one: int, other: int) -> None:
        """The memory of `other` becomes part of that of `one`."""
        one, other = self.of(one), self.of(other)
        if one != other:
            self._parents[other] = one
            self.sizes[one] = max(self.sizes[one], self.sizes[other])


def inference_timeline(
    network: InferredGraph,
    batch: int = 1,
    dtype: str = "float32",
    inplace: bool = False,
    joined: bool = False,
    scratch: Scratch = "none",
) -> Timeline:
    """The tensors of one forward pass.

    Every output has memory of its own from its layer on to its last reader, but for

    - views (flatten, slices) with `inplace`: they are where what they look at is;
    - with `inplace`, outputs of layers that read an input unit by unit, each at its own place, as their last reader:
      they are written over it (activations, batch norm, additions), but never over an input of the network;
    - with `joined`, inputs of a concatenation that nothing reads later: they are written into its output at once.

    `scratch` im2col adds what a convolution larger than 1×1 needs besides: two columns of its input in 16 bits
    (CMSIS-NN's arm_convolve_s8: 2·kernel·channels·2 bytes, of one sample).
    """
    size, nodes = DTYPES[dtype], network.nodes
    values = [product(shape) * batch * size if _computed(network, i) else 0 for i, shape in enumerate(network.shapes)]
    storages, last = _Storages(values), network.graph.last_uses()
    ends = list(last)

    def end_of(position: int) -> int:
        return ends[storages.of(position)]

    def join(one: int, other: int) -> None:
        end = max(end_of(one), end_of(other))
        storages.join(one, other)
        ends[storages.of(one)] = end

    for position, node in enumerate(nodes):
        over = _written_over(network, position) if inplace else None
        if over is not None:
            source = node.inputs[over]
            entry = not nodes[storages.of(source)].inputs
            if node.op.views or (end_of(source) == position and not entry):
                join(source, position)
        elif joined and node.op.keyword == "concat" and len(set(map(storages.of, node.inputs))) == len(node.inputs):
            for source in node.inputs:
                if (
                    end_of(source) == position
                    and nodes[storages.of(source)].inputs
                    and storages.sizes[storages.of(source)] == values[source]
                ):
                    storages.join(position, source)
                    ends[storages.of(position)] = max(last[position], ends[storages.of(position)])
    return Timeline(tuple(node.name for node in nodes), tuple(_tensors(network, storages, last, values, scratch)))


def _computed(network: InferredGraph, position: int) -> bool:
    """Whether an output is memory of its own: what a learned parameter gives is its weights."""
    node = network.nodes[position]
    return bool(node.inputs) or node.op.keyword == "input"


def _written_over(network: InferredGraph, position: int) -> int | None:
    """Which input a layer's output can lie in: the one that it is a view of, or reads unit by unit."""
    node = network.nodes[position]
    if node.op.views and node.inputs:
        return 0
    shape = network.shapes[position]
    for place, (reads, source) in enumerate(zip(network.windows(position), node.inputs, strict=True)):
        stays = reads == POINTWISE[len(shape)] or all(
            isinstance(entry, Window) and entry == Window(axis) for axis, entry in enumerate(reads)
        )
        if stays and network.shapes[source] == shape:
            return place
    return None


def _tensors(
    network: InferredGraph, storages: _Storages, last: Sequence[int], values: Sequence[int], scratch: Scratch
) -> Iterable[Tensor]:
    """One tensor for each storage, named by the layer that first writes it, and the scratch of convolutions."""
    spans: dict[int, tuple[int, int]] = {}
    for position in range(len(network.nodes)):
        root = storages.of(position)
        first, end = spans.get(root, (position, position))
        spans[root] = (min(first, position), max(end, last[position]))
    final = len(network.nodes) - 1
    for root, (first, end) in sorted(spans.items(), key=lambda item: item[1]):
        if storages.sizes[root]:
            kind = "activation" if network.nodes[first].inputs else "input"
            yield Tensor(network.nodes[first].name, kind, storages.sizes[root], first, min(end, final))
    if scratch == "im2col":
        for position, node in enumerate(network.nodes):
            column = _column(network, position)
            if column:
                yield Tensor(node.name, "scratch", 2 * column * 2, position, position)


def _column(network: InferredGraph, position: int) -> int:
    """How many values one output unit of a convolution reads; 0 where it reads one place, or is no convolution."""
    weights = network.weights(position)
    windows = [entry for reads in network.windows(position) for entry in reads if isinstance(entry, Window)]
    slides = any(window.kernel > 1 for window in windows)
    if not weights or not slides or len(weights[0].shape) < 3:
        return 0
    return product(weights[0].shape[1:])
