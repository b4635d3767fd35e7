"""Long networks, and many at once."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from archcalc.analysis.cost import count_operations
from archcalc.analysis.memory import measure_memory
from archcalc.analysis.params import count_params
from archcalc.analysis.receptive_field import MAX_PERIOD, Field, receptive_fields
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load, loads
from archcalc.ops import OPS
from archcalc.spec import zoo

from . import golden
from .measured import network_of

LAYERS = 100_000


def written(layers: int) -> InferredGraph:
    """A chain as a spec writes it."""
    layer = "conv: {out_channels: 2, kernel_size: 3, padding: 1}"
    return loads(
        f"archcalc: 1\nname: chain\ninput: 2x8\nlayers:\n  - repeat: {layers}\n    layers:\n      - {layer}\n"
    ).graph


def flat(layers: int) -> InferredGraph:
    """The same chain, made of nodes."""
    layer = OPS["conv"](out_channels=2, kernel_size=3, padding=1)
    chain = (Node(f"conv{i}", layer, (i,)) for i in range(layers))
    return infer(Graph("chain", (Node("input", OPS["input"]((2, 8))), *chain)))


def seconds(build: Callable[[int], InferredGraph], layers: int) -> float:
    """Processor time for everything there is to know about a chain: the better of two runs."""
    times = []
    for _ in range(2):
        start = time.process_time()
        network = build(layers)
        count_params(network)
        count_operations(network)
        measure_memory(network)
        receptive_fields(network)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("build", [written, flat])
def test_a_chain_of_100_000_layers(build: Callable[[int], InferredGraph]) -> None:
    """No recursion, no limit that such a chain meets; totals by hand: 14 parameters and 96 MACs a layer."""
    network = build(LAYERS)
    assert count_params(network).params == LAYERS * (2 * 2 * 3 + 2)
    assert count_operations(network).macs == LAYERS * 2 * 2 * 3 * 8
    assert measure_memory(network, dtype="int8").peak_bytes == 2 * 16
    (seen,) = receptive_fields(network).layers[-1].axes
    assert isinstance(seen, Field)
    assert (seen.size, seen.padding) == (2 * LAYERS + 1, LAYERS)


def test_patterns_are_bounded() -> None:
    """A pattern longer than MAX_PERIOD is given up for a Gap, also at a merge of ways whose patterns have no factor."""
    way = "\n    - - maxpool: {{kernel_size: {0}}}\n      - upsample: {{scale_factor: {0}}}"
    way += "\n      - slice: {{dim: 2, end: 900}}"
    ways = "".join(way.format(prime) for prime in (29, 31, 37))
    for layer in receptive_fields(network_of(f"- add:{ways}", "1x999")).layers:
        assert all(seen.period <= MAX_PERIOD for seen in layer.axes if isinstance(seen, Field))


@pytest.mark.parametrize("build", [written, flat])
def test_time_grows_with_the_number_of_layers(build: Callable[[int], InferredGraph]) -> None:
    """Four times the layers take about four times as long: eight at most, where a quadratic step would take sixteen."""
    assert seconds(build, 20_000) < 8 * seconds(build, 5_000)


CONVOLUTIONAL = [name for name in zoo.names() if "field" in golden.NETWORKS.get(name, {})]


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_facts_of_many_sizes_at_once(name: str) -> None:
    """With an array for height and width, totals are arrays: those of the single runs, element by element."""
    network = load(name).graph
    channels, height, width = network.input_shape
    heights, widths = np.array([0, 1, 32, 65]) + height, np.array([0, 33, 0, 64]) + width
    nodes = network.nodes
    assert nodes[0].op.keyword == "input"
    entry = Node("input", OPS["input"]((channels, heights, widths)))
    many = infer(Graph(name, (entry, *nodes[1:])), checked=False)
    params, cost = count_params(many), count_operations(many)
    assert isinstance(cost.macs, np.ndarray)
    for i, sizes in enumerate(zip(heights.tolist(), widths.tolist(), strict=True)):
        one = load(name, input=(channels, *sizes)).graph
        assert np.broadcast_to(params.params, 4)[i] == count_params(one).params
        assert np.broadcast_to(cost.macs, 4)[i] == count_operations(one).macs
        assert np.broadcast_to(cost.flops, 4)[i] == count_operations(one).flops
