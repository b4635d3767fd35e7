"""Networks written out: random ones, those that repeat, and those of a hundred thousand layers."""

import gc
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.formats.spec_text import to_spec
from archcalc.formats.spec_text.spec import structured
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import loads
from archcalc.ops import OPS

from .graphs import assert_equal, chain, dense, random_graphs, repetitive_graphs


@settings(max_examples=80)
@given(random_graphs())
def test_any_network_reads_back(network: InferredGraph) -> None:
    text = to_spec(network)
    assert_equal(network, text)
    assert to_spec(loads(text).graph) == text
    assert_equal(network, to_spec(network, flat=True))


@settings(max_examples=70)
@given(random_graphs())
def test_what_is_found_is_exact(network: InferredGraph) -> None:
    """Before any check: structure is not thrown away because it was found where there is none."""
    text = structured(network.graph)
    if text is not None:
        assert_equal(network, text)


@settings(max_examples=70)
@given(repetitive_graphs())
def test_repetition_is_exact(network: InferredGraph) -> None:
    text = structured(network.graph)
    assert text is not None
    assert_equal(network, text)


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.sampled_from(["denseblock{}", "b{}", "x{}_0"]),
    st.sampled_from(["denselayer{}.conv", "l{}_7.c", "a.b{}.c", "l1_{}.c", "{}.c"]),
)
def test_lists_that_grow_are_exact(depths: list[int], block: str, layer: str) -> None:
    network = dense({f"t{number}": depth for number, depth in enumerate(depths)}, (block, layer))
    text = structured(network.graph)
    assert text is not None
    assert_equal(network, text)


@pytest.mark.parametrize("name", ["conv{}", "layer{}.conv", "block.{}", "conv_{}_x", "relu{}"])
def test_time_grows_with_the_layers(name: str) -> None:
    """Near-linear: eight times the layers take far less than the 64 times as long of a square."""

    def best(count: int) -> float:
        """The best of three, which other work on the machine disturbs the least; without the collector, whose passes
        take the longer the more there is in this process."""
        network, times = chain(count, name), []
        gc.disable()
        try:
            for _ in range(3):
                started = time.process_time()
                text = structured(network.graph)
                times.append(time.process_time() - started)
                assert text is not None
        finally:
            gc.enable()
        return min(times)

    assert best(8_000) < 24 * max(best(1_000), 0.02)


def test_a_hundred_thousand_layers() -> None:
    network = chain(100_000)
    text = structured(network.graph)
    assert text is not None
    assert text.count("\n") < 12
    found = loads(text).graph.nodes
    assert [(node.name, node.op, node.inputs) for node in found] == [
        (node.name, node.op, node.inputs) for node in network.nodes
    ]


def test_a_chain_of_joins() -> None:
    """Each join lies in the next: what would nest deeper than a spec may stays flat, and is exact."""
    nodes = [Node("input", OPS["input"]((4, 6, 6)))]
    for _ in range(300):
        nodes.append(Node(f"r{len(nodes)}", OPS["relu"](), (len(nodes) - 1,)))
    for i in range(300):
        nodes.append(Node(f"a{i}", OPS["add"](), (len(nodes) - 1, 299 - i)))
    network = infer(Graph("nest", tuple(nodes)))
    text = structured(network.graph)
    assert text is not None
    assert_equal(network, text)


def test_nothing_recurses_with_the_network() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    try:
        to_spec(chain(5000))
    finally:
        sys.setrecursionlimit(before)
