"""Does a network fit into so much memory, what is too large if not, and what would make it fit."""

from collections.abc import Callable

from msgspec import Struct

from archcalc.analysis.memory import DTYPES
from archcalc.analysis.ordering import best_order, reordered
from archcalc.analysis.timeline import Scratch, Tensor, Timeline, inference_timeline
from archcalc.errors import ArchcalcError
from archcalc.infer import InferredGraph

_VECTOR = 4  # bytes: biases, scales and statistics of a quantised network stay wide


class Arena(Struct, frozen=True):
    """The activations of one forward pass in one block: how they were laid out, and how large it is.

    `joined` says whether inputs of concatenations are written into their outputs, `reordered` whether layers run in
    another order; `bytes` is the block, `peak_bytes` the most that is alive at once, which no layout goes below.
    """

    timeline: Timeline
    joined: bool
    reordered: bool
    peak_bytes: int
    bytes: int


class Fit(Struct, frozen=True):
    """A network against memory for activations (`sram`) and weights (`flash`), None where nothing is asked of one.

    `culprits` are the tensors alive at the peak, `heaviest` the layers with the largest weights, both largest first.
    `smaller_input` is the largest square input, at most as large as the network's own, at which it fits: 0 where none
    does, None where it was not looked for.
    """

    arena: Arena
    weight_bytes: int
    sram: int | None
    flash: int | None
    culprits: tuple[Tensor, ...]
    heaviest: tuple[tuple[str, int], ...]
    smaller_input: int | None = None

    @property
    def fits_sram(self) -> bool:
        return self.sram is None or self.arena.bytes <= self.sram

    @property
    def fits_flash(self) -> bool:
        return self.flash is None or self.weight_bytes <= self.flash

    @property
    def fits(self) -> bool:
        return self.fits_sram and self.fits_flash


def smallest_arena(network: InferredGraph, dtype: str = "int8", scratch: Scratch = "none", batch: int = 1) -> Arena:
    """The smallest block that was found for the activations of a forward pass.

    Layers work in place where they can; concatenations are joined with their inputs or not, layers run in their order
    or in that of `best_order`: whichever needs the least, the plainest first among equals.
    """
    found = []
    for moved in (False, True):
        graph = network
        if moved:
            ordering = best_order(network, batch, DTYPES[dtype])
            if ordering.after_bytes == ordering.before_bytes:
                break
            graph = reordered(network, ordering.order)
        for joined in (False, True):
            timeline = inference_timeline(graph, batch, dtype, inplace=True, joined=joined, scratch=scratch)
            found.append(Arena(timeline, joined, moved, timeline.peak(), timeline.arena()))
    return min(found, key=lambda arena: arena.bytes)


def weight_bytes(network: InferredGraph, position: int, dtype: str) -> int:
    """Bytes of a layer's own weights and statistics: matrices and kernels in `dtype`, vectors in four bytes."""
    if network.nodes[position].shares is not None:
        return 0
    width = DTYPES[dtype]
    return sum(
        weight.count * (width if len(weight.shape) > 1 else max(width, _VECTOR)) for weight in network.weights(position)
    )


def fit(
    graph: InferredGraph,
    sram: int | None,
    flash: int | None,
    dtype: str = "int8",
    scratch: Scratch = "none",
    at_input: Callable[[int], InferredGraph] | None = None,
) -> Fit:
    """Whether a network fits; `at_input` gives it with a square input of a size, to look for one at which it does."""
    weights = [(node.name, weight_bytes(graph, i, dtype)) for i, node in enumerate(graph.nodes)]
    arena = smallest_arena(graph, dtype, scratch)
    found = Fit(
        arena,
        sum(size for _, size in weights),
        sram,
        flash,
        tuple(arena.timeline.at(arena.timeline.peak_step())),
        tuple(sorted(filter(lambda pair: pair[1], weights), key=lambda pair: -pair[1])),
    )
    if found.fits_sram or at_input is None or len(graph.input_shape) != 3:
        return found
    smaller = _largest_input(graph.input_shape[-1], sram or 0, dtype, scratch, at_input)
    return Fit(arena, found.weight_bytes, sram, flash, found.culprits, found.heaviest, smaller)


def _largest_input(size: int, sram: int, dtype: str, scratch: Scratch, at_input: Callable[[int], InferredGraph]) -> int:
    """The largest size at which the arena fits, by halving: what was found does fit, and the size above it does not."""

    def fits(tried: int) -> bool:
        try:
            return smallest_arena(at_input(tried), dtype, scratch).bytes <= sram
        except ArchcalcError:  # too small for the network, or bound to another size
            return False

    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) or not _legal(middle, at_input) else (low, middle)
    return low if low and fits(low) else 0


def _legal(tried: int, at_input: Callable[[int], InferredGraph]) -> bool:
    """Whether the network exists at all at a size: where it does not, it is larger that has to be tried."""
    try:
        at_input(tried)
    except ArchcalcError:
        return False
    return True
