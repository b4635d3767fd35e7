"""Stochastic depth: expected cost by linearity, against the formula of the paper and against simulation."""

import random
import statistics

import pytest

from archcalc.analysis.cost import count_operations
from archcalc.analysis.expected import expected_cost
from archcalc.network import load, loads
from archcalc.ops import DropPath, Mean
from archcalc.ops.base import Op

PAPER = (
    "Huang et al. 2016, section 3: E = (3L − 1)/4 for p_L = 1/2; MACs by the arithmetic of architectures.md section 13"
)


def text(layers: str) -> str:
    return f"archcalc: 1\nname: test\ninput: [4, 8, 8]\nlayers:\n{layers}"


CHAIN = text(
    """
  - conv: {name: stem, out_channels: 4, kernel_size: 1}
  - add:
      - []
      - - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
        - drop_path: {name: drop_a, p: 0.5}
  - add:
      - - conv: {name: short, out_channels: 4, kernel_size: 1}
      - - conv: {name: b, out_channels: 4, kernel_size: 5, padding: 2}
        - relu
        - drop_path: {name: drop_b, p: 0.25}
"""
)
NESTS = text(
    """
  - add:
      - []
      - - conv: {name: outer, out_channels: 4, kernel_size: 1}
        - add:
            - []
            - - conv: {name: inner, out_channels: 4, kernel_size: 3, padding: 1}
              - drop_path: {name: drop_inner, p: 0.5}
        - drop_path: {name: drop_outer, p: 0.2}
"""
)
FRACTAL = """
archcalc: 1
name: fractal
input: [4, 8, 8]
blocks:
  fractal:
    args: {columns: required}
    layers:
      - repeat: =columns - 1
        as: half
        layers: [fractal: {name: fractal, columns: =columns - 1 - half}]
      - mean:
          - repeat: =columns
            as: c
            layers:
              - conv:
                  inputs: ="input" if c == 0 else f"half{c - 1}"
                  out_channels: 4
                  kernel_size: =2*c + 1
                  padding: =c
        name: join
        p: 0.4
layers:
  - fractal: {columns: 3}
"""
SHARED = text(
    """
  - conv: {name: both, out_channels: 4, kernel_size: 1}
  - drop_path: {name: drop, p: 0.5}
  - add: {inputs: [both, drop]}
"""
)


@pytest.mark.parametrize(
    ("name", "blocks", "macs"),
    [("stochastic_depth_110", 40.25, 188_618_709.33), ("stochastic_depth_1202", 449.75, 2_120_862_254.08)],
)
def test_the_networks_of_the_paper(name: str, blocks: float, macs: float) -> None:
    """Expected blocks and MACs, where blocks differ in cost, to the last printed digit."""
    result = expected_cost(load(name).graph)
    assert result.blocks == pytest.approx(blocks, abs=1e-9), PAPER
    assert round(result.expected_macs, 2) == macs, PAPER
    assert result.blocks == pytest.approx((3 * len(result.drops) - 1) / 4)


def test_expectation_of_a_chain_by_hand() -> None:
    """64 positions: stem 16, a 144·½, short 16, b 400·¾ MACs each."""
    result = expected_cost(loads(CHAIN).graph)
    assert result.expected_macs == 64 * (16 + 144 * 0.5 + 16 + 400 * 0.75)
    assert [(drop.name, drop.survival, drop.computed) for drop in result.drops] == [
        ("drop_a", 0.5, 1),
        ("drop_b", 0.75, 1),
    ]


def test_what_is_read_elsewhere_too_is_always_computed() -> None:
    """A drop saves only what nobody else reads."""
    result = expected_cost(loads(SHARED).graph)
    assert result.expected_macs == result.macs == 64 * 16
    assert result.deviation == 0


def drawn(op: Op, inputs: tuple[int, ...], lot: random.Random) -> list[int]:
    """The inputs that are read in one step, by the words of the papers and not by the operator's own table."""
    if isinstance(op, DropPath):
        return [] if lot.random() < op.p else [*inputs]
    if isinstance(op, Mean) and op.p:
        kept = [producer for producer in inputs if lot.random() >= op.p]
        return kept or [lot.choice(inputs)]
    return [*inputs]


@pytest.mark.parametrize("spec", [CHAIN, NESTS, FRACTAL], ids=["chain", "nested", "fractal"])
def test_expectation_and_spread_against_simulation(spec: str) -> None:
    """Drop branches by lot, add up what has to be computed for the output, look at mean and standard deviation."""
    graph = loads(spec).graph
    macs = [layer.macs for layer in count_operations(graph).layers]
    lot = random.Random(7)
    samples = []
    for _ in range(20_000):
        needed, pending = set(), [len(graph.nodes) - 1]
        while pending:
            position = pending.pop()
            node = graph.nodes[position]
            if position not in needed:
                needed.add(position)
                pending += drawn(node.op, node.inputs, lot)
        samples.append(sum(macs[position] for position in needed))
    result = expected_cost(graph)
    assert statistics.fmean(samples) == pytest.approx(result.expected_macs, rel=0.02)
    assert statistics.stdev(samples) == pytest.approx(result.deviation, rel=0.03)


def test_a_network_without_drops_costs_the_same_in_every_step() -> None:
    result = expected_cost(load("vgg16").graph)
    assert (result.expected_macs, result.deviation, result.drops) == (result.macs, 0, ())


def test_global_drop_path_trains_one_column() -> None:
    """FractalNet-20: columns of 4, 2 and 1 convolutions a block share none, so that together they are the network."""
    graph = load("fractalnet20").graph
    result = expected_cost(graph)
    macs = {layer.name: layer.macs for layer in count_operations(graph).layers}
    head = macs["fc"]
    assert len(result.columns) == 3
    assert sum(cost - head for cost in result.columns) == result.macs - head
    deepest = [f"block{b}.fractal.half0.fractal.half0.fractal.column0.conv" for b in range(5)]
    deepest += [f"block{b}.fractal.half0.fractal.column1.conv" for b in range(5)]
    deepest += [f"block{b}.fractal.half1.fractal.column0.conv" for b in range(5)]
    deepest += [f"block{b}.fractal.column2.conv" for b in range(5)]
    assert result.columns[0] == head + sum(macs[name] for name in deepest)


def test_local_drop_path_reads_as_the_words_say() -> None:
    """Two inputs at p: both with (1 − p)², either alone with p·(1 − p) + p²/2."""
    chances = {kept: chance for chance, kept in Mean(p=0.4).training_reads(2)}
    assert chances == pytest.approx({(0, 1): 0.36, (0,): 0.24 + 0.08, (1,): 0.24 + 0.08})
