"""Sizes of the input at which nothing is lost: no window leaves rows out, or every window divides exactly."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from archcalc.graph import Graph
from archcalc.infer import InferredGraph, propagate
from archcalc.space.members import input_target, with_input


class Run(Struct, frozen=True):
    """Sizes in equal steps: step·k + offset, from the first to the last of them."""

    step: int
    offset: int
    sizes: tuple[int, ...]


class Legal(Struct, frozen=True):
    """The sizes at which no row of any map is left unread, and those at which besides no window begins in vain.

    `whole`: every row and column is read (what notes of tables speak of). `exact`: the padded map is a whole number of
    steps at every layer, so that maps line up from layer to layer, and size = stride·k + 1 where kernels are odd.
    `impossible` sizes give no network.
    """

    low: int
    high: int
    whole: tuple[int, ...]
    exact: tuple[int, ...]
    impossible: int


def legal_inputs(graph: Graph, sizes: Sequence[int], progress: Callable[[float], None] = lambda share: None) -> Legal:
    """Which sizes of a square input are legal. Raises UsageError for an input without height and width."""
    input_target(graph)
    whole, exact, impossible = [], [], 0
    for done, size in enumerate(sizes):
        progress(done / len(sizes))
        resized = with_input(graph, size)
        shapes, misfits = propagate(resized)
        if misfits:
            impossible += 1
            continue
        left = _left_over(InferredGraph(resized, tuple(shape for shape in shapes if shape is not None)))
        whole += [] if any(unread for _, unread in left) else [size]
        exact += [] if any(rest for rest, _ in left) else [size]
    return Legal(sizes[0], sizes[-1], tuple(whole), tuple(exact), impossible)


def _left_over(network: InferredGraph) -> set[tuple[int, int]]:
    """What strides leave over anywhere, and how much of that is rows of the input."""
    return {(left.rest, left.unread) for node in network.nodes for left in node.op.remainders(network.inputs(node))}


def runs(sizes: Iterable[int], high: int) -> list[Run]:
    """Sizes up to `high` as arithmetic progressions of one step, the largest pattern that they all follow.

    The step is the smallest P such that a size is there if and only if size mod P is one of few; a list without a
    pattern is told size by size, with step 0.
    """
    found = sorted(sizes)
    if not found:
        return []
    low = found[0]
    for step in range(1, (high - low) // 2 + 1):
        offsets = sorted({size % step for size in found})
        if len(offsets) * 2 <= step + 1 and [n for n in range(low, high + 1) if n % step in set(offsets)] == found:
            return [Run(step, offset, tuple(n for n in found if n % step == offset)) for offset in offsets]
    return [Run(0, 0, tuple(found))]
