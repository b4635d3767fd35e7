"""Stochastic depth: expected cost by linearity, against the formula of the paper and against simulation."""

import random
import statistics

import pytest

from archcalc.analysis.cost import count_operations
from archcalc.analysis.expected import expected_cost
from archcalc.network import load, loads

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
    assert result.blocks == pytest.approx((3 * len(result.branches) - 1) / 4)


def test_expectation_of_a_chain_by_hand() -> None:
    """64 positions: stem 16, a 144·½, short 16, b 400·¾ MACs each."""
    result = expected_cost(loads(CHAIN).graph)
    assert result.expected_macs == 64 * (16 + 144 * 0.5 + 16 + 400 * 0.75)
    assert [(branch.name, branch.macs) for branch in result.branches] == [("drop_a", 64 * 144), ("drop_b", 64 * 400)]


def test_what_is_read_elsewhere_too_is_always_computed() -> None:
    """A drop saves only what nobody else reads."""
    result = expected_cost(loads(SHARED).graph)
    assert result.expected_macs == result.macs == 64 * 16
    assert result.deviation == 0


@pytest.mark.parametrize("spec", [CHAIN, NESTS], ids=["chain", "nested"])
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
                pending += node.inputs if lot.random() < node.op.survival() else ()
        samples.append(sum(macs[position] for position in needed))
    result = expected_cost(graph)
    assert statistics.fmean(samples) == pytest.approx(result.expected_macs, rel=0.02)
    assert statistics.stdev(samples) == pytest.approx(result.deviation, rel=0.03)


def test_a_network_without_drops_costs_the_same_in_every_step() -> None:
    result = expected_cost(load("vgg16").graph)
    assert (result.expected_macs, result.deviation, result.branches) == (result.macs, 0, ())
