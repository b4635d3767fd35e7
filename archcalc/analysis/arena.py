"""One block of memory for all activations: who lies where, from when each is alive.

Placing n blocks so that those alive together do not overlap and the whole is small is NP-hard; largest first, each at
the lowest place where it fits, comes within a few per cent of the lower bound on networks.
Source: Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference (2020), greedy by size.
"""

from collections.abc import Sequence

from msgspec import Struct

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector of today's processors."""


class Block(Struct, frozen=True, gc=False):
    """What has to be placed: its bytes, and the first and last step during which it is alive."""

    bytes: int
    first: int
    last: int


class Layout(Struct, frozen=True):
    """Where each block begins, in bytes, and how large the whole is."""

    offsets: tuple[int, ...]
    bytes: int


def lay_out(blocks: Sequence[Block]) -> Layout:
    """Offsets at which no two blocks that are alive during a common step overlap."""
    offsets = [0] * len(blocks)
    placed: list[int] = []
    whole = 0
    for index in sorted(range(len(blocks)), key=lambda i: -blocks[i].bytes):
        block, at = blocks[index], 0
        for other in sorted((i for i in placed if _meet(blocks[i], block)), key=offsets.__getitem__):
            if at + block.bytes <= offsets[other]:
                break
            at = max(at, aligned(offsets[other] + blocks[other].bytes))
        offsets[index] = at
        placed.append(index)
        whole = max(whole, at + block.bytes)
    return Layout(tuple(offsets), whole)


def aligned(bytes_: int) -> int:
    """The next multiple of the alignment."""
    return -(-bytes_ // ALIGNMENT) * ALIGNMENT


def _meet(a: Block, b: Block) -> bool:
    return a.first <= b.last and b.first <= a.last
