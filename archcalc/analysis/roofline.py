"""Roofline: whether layers are bound by arithmetic or by memory, the least time and the least energy they can take.

A processor that computes P operations and moves B bytes a second needs at least max(F/P, M/B) seconds for F operations
on M bytes; where F/M, the arithmetic intensity, is above P/B, the ridge, arithmetic is the bound (Williams, Waterman
and Patterson, Roofline: An Insightful Visual Performance Model, 2009). Bounds are not forecasts: real time is longer.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from msgspec import Struct

from archcalc.analysis.memory import DTYPES
from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError, enumerate_words
from archcalc.numbers import product
from archcalc.ops.base import Shape, Work

Bound = Literal["arithmetic", "memory", "nothing"]


class Hardware(Struct, frozen=True):
    """A processor as its maker describes it: operations a second by data type (a multiply-accumulate is two), bytes a
    second, and how many bytes its memories hold where that is known."""

    name: str
    title: str
    kind: str
    peak: Mapping[str, int]
    bandwidth: int
    source: str
    memory: int | None = None
    sram: int | None = None
    flash: int | None = None
    note: str = ""


class Joules(Struct, frozen=True):
    """Picojoules of one addition, one multiplication, and one addition to a sum of products, of one data type."""

    add: Fraction
    multiply: Fraction
    accumulate: Fraction


def _energy(add: str, multiply: str, accumulate: str) -> Joules:
    return Joules(Fraction(add), Fraction(multiply), Fraction(accumulate))


ENERGY: dict[str, Joules] = {
    "float32": _energy("0.9", "3.7", "0.9"),
    "float16": _energy("0.4", "1.1", "0.4"),
    "bfloat16": _energy("0.4", "1.1", "0.4"),
    "int8": _energy("0.03", "0.2", "0.1"),  # summed up in 32 bits
}
"""Data type → energy of its operations in 45 nm at 0.9 V; bfloat16 is taken for float16.
Source: Horowitz, Computing's Energy Problem (ISSCC 2014), figure 1.1.9."""

DRAM = Fraction("1300") / 8
"""Picojoules a byte read from or written to DRAM: the lower end of 1.3 to 2.6 nJ for 64 bits, same source."""


class LayerRoof(Struct, frozen=True):
    """One layer by itself: its operations, the bytes it reads and writes, and the least time for both in seconds."""

    name: str
    flops: int
    bytes: int
    seconds: float
    bound: Bound

    @property
    def intensity(self) -> float | None:
        """Operations a byte; None where nothing is moved."""
        return self.flops / self.bytes if self.bytes else None


class Roofline(Struct, frozen=True):
    """A network on a processor.

    `seconds` is the sum over layers, each of which reads its inputs and weights and writes its output; `fused_seconds`
    is less than any program can take that reads the input and all weights and writes the output once. Energies in
    joules likewise; None for data types without published figures.
    """

    hardware: Hardware
    dtype: str
    batch: int
    layers: tuple[LayerRoof, ...]
    ridge: float
    seconds: float
    fused_seconds: float
    fused_bytes: int
    joules: float | None
    fused_joules: float | None

    @property
    def bytes(self) -> int:
        return sum(layer.bytes for layer in self.layers)

    @property
    def flops(self) -> int:
        return sum(layer.flops for layer in self.layers)


def roofline(analysis: Analysis, hardware: Hardware) -> Roofline:
    """The bounds of a network on a processor, at the batch and data type of the analysis.

    A layer's bytes are those of its inputs, weights and output; one that computes nothing may move nothing. Its
    operations are FLOPs as `archcalc macs` counts them. Raises UsageError where the processor has no peak for the type.
    """
    dtype = analysis.dtype
    if dtype not in hardware.peak:
        hint = f"--dtype {enumerate_words(tuple(hardware.peak))}"
        raise UsageError(Problem(f"{hardware.title} has no peak for {dtype}", None, hint))
    peak, size = hardware.peak[dtype], DTYPES[dtype]
    layers = tuple(_layer(analysis, position, hardware, peak, size) for position in range(len(analysis.graph.nodes)))
    moved = sum(layer.bytes for layer in layers)
    once = analysis.memory.weight_bytes + size * analysis.batch * _ends(analysis)
    return Roofline(
        hardware,
        dtype,
        analysis.batch,
        layers,
        peak / hardware.bandwidth,
        sum(layer.seconds for layer in layers),
        max(analysis.cost.flops / peak, once / hardware.bandwidth),
        once,
        _joules(analysis.cost.work, moved, dtype),
        _joules(analysis.cost.work, once, dtype),
    )


def _layer(analysis: Analysis, position: int, hardware: Hardware, peak: int, size: int) -> LayerRoof:
    graph, cost = analysis.graph, analysis.cost.layers[position]
    moved = 0
    if cost.flops:
        node = graph.nodes[position]
        values: list[Shape] = [*graph.inputs(node), graph.shapes[position]]
        weights = sum(weight.count for weight in graph.weights(position))
        moved = size * (analysis.batch * sum(map(product, values)) + weights)
    computing, moving = cost.flops / peak, moved / hardware.bandwidth
    bound: Bound = "nothing" if not cost.flops else "arithmetic" if computing >= moving else "memory"
    return LayerRoof(cost.name, cost.flops, moved, max(computing, moving), bound)


def _ends(analysis: Analysis) -> int:
    """The values that enter the network and leave it, of one sample."""
    graph = analysis.graph
    entries = [shape for node, shape in zip(graph.nodes, graph.shapes, strict=True) if node.op.keyword == "input"]
    return sum(map(product, [*entries, graph.shapes[-1]]))


def _joules(work: Work, moved: int, dtype: str) -> float | None:
    """The energy of operations and of moving bytes; a comparison is taken for an addition, what is dearer than a
    multiplication for one."""
    if dtype not in ENERGY:
        return None
    of = ENERGY[dtype]
    macs = work.macs * (of.multiply + of.accumulate)
    dear = (work.multiplies + work.divisions + work.exponentials) * of.multiply
    return float((macs + (work.adds + work.comparisons) * of.add + dear + moved * DRAM) / 10**12)
