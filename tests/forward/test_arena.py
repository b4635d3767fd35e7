"""Blocks laid out in one piece of memory."""

from hypothesis import given
from hypothesis import strategies as st

from archcalc.analysis.arena import ALIGNMENT, Block, lay_out

blocks = st.builds(
    lambda size, first, length: Block(size * ALIGNMENT, first, first + length),
    st.integers(0, 50),
    st.integers(0, 20),
    st.integers(0, 8),
)


@given(st.lists(blocks, max_size=30))
def test_what_is_alive_together_does_not_overlap(given_blocks: list[Block]) -> None:
    """Byte by byte, step by step; and the whole is as large as its furthest byte."""
    layout = lay_out(given_blocks)
    taken: dict[tuple[int, int], int] = {}
    for index, (block, offset) in enumerate(zip(given_blocks, layout.offsets, strict=True)):
        assert offset % ALIGNMENT == 0
        for step in range(block.first, block.last + 1):
            for unit in range(offset // ALIGNMENT, (offset + block.bytes) // ALIGNMENT):
                assert taken.setdefault((step, unit), index) == index
    ends = [offset + block.bytes for block, offset in zip(given_blocks, layout.offsets, strict=True)]
    assert layout.bytes == max(ends, default=0)


@given(st.lists(blocks, max_size=30))
def test_takes_no_more_than_all_of_them_and_no_less_than_the_fullest_step(given_blocks: list[Block]) -> None:
    """Between the two lies what sharing saves."""
    steps = range(30)
    fullest = max(sum(b.bytes for b in given_blocks if b.first <= step <= b.last) for step in steps)
    assert fullest <= lay_out(given_blocks).bytes <= sum(b.bytes for b in given_blocks)


def test_a_chain_needs_its_two_largest_neighbours() -> None:
    """Layers one after the other: input and output of one are alive at a time."""
    sizes = [64 * n for n in (5, 9, 4, 7, 2)]
    chain = [Block(size, step, step + 1) for step, size in enumerate(sizes)]
    assert lay_out(chain).bytes == 64 * (5 + 9)
