"""What operators remark on arguments that are legal but rarely meant."""

import re

import pytest
from hypothesis import given

from archcalc.ops import Conv, Linear, MaxPool

from . import strategies
from .cases import Sample
from .counting import Bench
from .reference.windowed import windows_of


@given(case=strategies.convolutions())
def test_undivided_strides_say_how_many_rows_are_never_read(case: Sample) -> None:
    """A note comes for each axis with rows behind the last window, and the sizes it proposes have none."""
    windows = windows_of(Bench(case.op, case.inputs))
    unread = [n - 1 - axis[-1][-1] for n, axis in zip(case.inputs[0][1:], windows, strict=True)]
    said = [re.search(r"the last (\d*)", note) for note in case.op.notes(case.inputs)]
    assert [int(match[1] or 1) for match in said if match] == [rows for rows in unread if rows > 0]


@given(case=strategies.convolutions())
def test_undivided_strides_propose_sizes_that_fit(case: Sample) -> None:
    """An input of a size that a note proposes, if it can be, gets no note."""
    (_, *sizes), axis = case.inputs[0], 0
    notes = list(case.op.notes(case.inputs))
    if len(sizes) == 1 and notes:
        proposed = re.search(r"an input of (\S+) or (\S+),", notes[axis])
        assert proposed
        fits = [int(size) for size in proposed.groups() if int(size) > 0]
        assert [list(case.op.notes(((1, size),))) for size in fits] == [[] for _ in fits]


@pytest.mark.xfail(strict=True, reason="the axis is part of what is remembered as said")
@pytest.mark.parametrize("op", [Conv(1, 3, stride=2), MaxPool(3, 2)])
def test_alike_axes_are_noted_once(op: Conv | MaxPool) -> None:
    """A square input with a square window gets one note, not two of the same words."""
    assert len(list(op.notes(((1, 8, 8),)))) == 1


@pytest.mark.xfail(strict=True, reason="the next smaller input that fits can have no rows, or fewer")
def test_no_input_without_rows_is_proposed() -> None:
    """Sizes proposed are sizes."""
    (note,) = Conv(1, 1, stride=3, padding=1).notes(((1, 1),))
    assert "an input of -1" not in note


@pytest.mark.parametrize(("shape", "notes"), [((8, 5, 5), 1), ((8, 25), 0), ((25,), 0)])
def test_linear_on_a_map_is_noted(shape: tuple[int, ...], notes: int) -> None:
    """A linear layer that reads a single row of a square map was meant to read all of it."""
    assert len(list(Linear(3).notes((shape,)))) == notes
