"""The alignment of two networks: optimal against all pairings, and what it must find in networks made by hand."""

import random
from collections.abc import Iterator
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.analysis.alignment import align
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load
from archcalc.ops import OPS
from archcalc.ops.base import Op

INPUT = OPS["input"]((1, 8, 8))
LETTERS: dict[str, Op] = {
    "a": OPS["conv"](out_channels=1, kernel_size=3, padding=1),
    "b": OPS["conv"](out_channels=2, kernel_size=3, padding=1),
    "r": OPS["relu"](),
    "s": OPS["sigmoid"](),
}


def chain(layers: list[tuple[str, Op]]) -> InferredGraph:
    """A network of one layer behind the other, without an input that would match on both sides."""
    nodes = [Node("input", INPUT), *(Node(name, op, (i,)) for i, (name, op) in enumerate(layers))]
    return infer(Graph("chain", tuple(nodes)))


words = st.lists(st.tuples(st.sampled_from(sorted(LETTERS)), st.integers(0, 2)), max_size=5)


def network_of(word: list[tuple[str, int]]) -> InferredGraph:
    """Names are drawn too, and made unique: some are equal on both sides, wherever they stand."""
    used: dict[str, int] = {}
    layers = []
    for letter, number in word:
        name = f"{letter}{number}"
        used[name] = used.get(name, 0) + 1
        layers.append((name if used[name] == 1 else f"{name}_{used[name]}", LETTERS[letter]))
    return chain(layers)


def likeness(before: InferredGraph, i: int, after: InferredGraph, j: int) -> int | None:
    """How alike two layers are, as `align` documents it; None for two operators."""
    one, other = before.nodes[i], after.nodes[j]
    if one.op.keyword != other.op.keyword:
        return None
    shapes = before.inputs(one) == after.inputs(other) and before.shapes[i] == after.shapes[j]
    score = 6 if one.op != other.op else 20 if shapes else 12
    return score + (one.name == other.name)


def pairings(before: InferredGraph, after: InferredGraph) -> Iterator[int]:
    """The score of every pairing that does not cross."""
    n, m = len(before.nodes), len(after.nodes)
    for count in range(min(n, m) + 1):
        for left in combinations(range(n), count):
            for right in combinations(range(m), count):
                scores = [likeness(before, i, after, j) for i, j in zip(left, right, strict=True)]
                if None not in scores:
                    yield sum(score for score in scores if score is not None)


@settings(max_examples=120, deadline=None)
@given(words, words)
def test_no_pairing_is_more_alike(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> None:
    """Against every pairing there is; layers that moved are left out of the score, for they cross."""
    before, after = network_of(one), network_of(other)
    pairs = align(before, after).pairs
    straight = [pair for pair in pairs if not any((pair[0] - i) * (pair[1] - j) < 0 for i, j in pairs)]
    crossing = [pair for pair in pairs if pair not in straight]
    scores = [likeness(before, i, after, j) for i, j in straight]
    assert None not in scores
    best = max(pairings(before, after))
    total = sum(score for score in scores if score is not None)
    assert total == best if not crossing else total <= best


@settings(max_examples=60, deadline=None)
@given(words, words)
def test_every_layer_is_paired_or_left_over(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> None:
    before, after = network_of(one), network_of(other)
    found = align(before, after)
    assert sorted([*(i for i, _ in found.pairs), *found.removed]) == list(range(len(before.nodes)))
    assert sorted([*(j for _, j in found.pairs), *found.added]) == list(range(len(after.nodes)))


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "densenet121", "fractalnet20"])
def test_a_network_is_itself(name: str) -> None:
    network = load(name).graph
    found = align(network, network)
    assert found.pairs == tuple((i, i) for i in range(len(network.nodes)))


@pytest.mark.parametrize("seed", range(8))
def test_a_layer_put_in_is_found(seed: int) -> None:
    """Names that count through (conv1, conv2, …) all move on by one behind it: they do not mislead."""
    chance = random.Random(seed)
    kinds = [chance.choice("abrs") for _ in range(30)]
    place = chance.randrange(1, 30)
    new = OPS["tanh"]()

    def numbered(ops: list[Op]) -> InferredGraph:
        return chain([(f"layer{number}", op) for number, op in enumerate(ops)])

    ops = [LETTERS[kind] for kind in kinds]
    found = align(numbered(ops), numbered([*ops[:place], new, *ops[place:]]))
    assert (found.removed, found.added) == ((), (place + 1,))


def test_a_layer_that_moved_is_not_two() -> None:
    """Found by its name, though it crosses what it passed."""
    one = [("a", LETTERS["a"]), ("r", LETTERS["r"]), ("s", LETTERS["s"])]
    found = align(chain(one), chain([one[2], one[0], one[1]]))
    assert (found.removed, found.added) == ((), ())


@pytest.mark.parametrize("sizes", [(1, 100_000), (100_000, 1), (4_000, 4_000)])
def test_large_networks(sizes: tuple[int, int]) -> None:
    """Beyond what is compared pair by pair; every other layer of the second is no layer of the first."""
    few = min(sizes)
    one = chain([(f"x{i}", LETTERS["ar"[i % 2]]) for i in range(sizes[0])])
    other = chain([(f"y{i}", LETTERS["as"[i % 2]]) for i in range(sizes[1])])
    found = align(one, other)
    assert len(found.pairs) >= 1 + (few + 1) // 2 - (few == 1 and sizes[1] == 1)
    assert all(one.nodes[i].op.keyword == other.nodes[j].op.keyword for i, j in found.pairs)


def test_long_networks_that_cross() -> None:
    """What the k-th of a kind would pair crosses; of either half only one can be kept, and is kept whole."""
    one = chain([(f"x{i}", LETTERS["rs"[i // 1_500]]) for i in range(3_000)])
    other = chain([(f"y{i}", LETTERS["sr"[i // 1_500]]) for i in range(3_000)])
    pairs = align(one, other).pairs
    assert len(pairs) >= 1 + 1_500
    assert all(b > a for (_, a), (_, b) in pairwise(pairs))
