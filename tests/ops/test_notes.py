"""What operators remark on arguments that are legal but rarely meant."""

import re

import pytest
from hypothesis import given

from archcalc.ops import Conv, Linear, MaxPool
from archcalc.ops.base import Op

from . import strategies
from .cases import Sample
from .counting import Bench
from .reference.windowed import windows_of


@given(case=strategies.convolutions())
def test_undivided_strides_say_how_many_rows_are_never_read(case: Sample) -> None:
    """A note counts the rows behind the last window, where windows touch: a longer stride skips rows on purpose."""
    missed = set()
    axes = windows_of(Bench(case.op, case.inputs))
    for n, stride, windows in zip(case.inputs[0][1:], case.op.stride, axes, strict=True):
        if stride <= windows[0][-1] - windows[0][0] + 1:
            missed.add(n - 1 - windows[-1][-1])
    said = [re.search(r"the last (\d*)", note) for note in case.op.notes(case.inputs)]
    assert {int(match[1] or 1) for match in said if match} == {rows for rows in missed if rows > 0}


@given(case=strategies.convolutions())
def test_undivided_strides_propose_sizes_that_fit(case: Sample) -> None:
    """An input of a size that a note proposes gets no note."""
    if len(case.inputs[0]) == 2:
        fits = [size for size in proposed(case.op, case.inputs[0]) if size > 0]
        assert [note for size in fits for note in case.op.notes(((1, size),))] == []


def test_no_input_without_rows_is_proposed() -> None:
    """Sizes proposed are sizes."""
    assert min(proposed(Conv(1, 4, stride=4, padding=2), (1, 3))) > 0


def proposed(op: Op, shape: tuple[int, ...]) -> list[int]:
    notes = [re.search(r"an input of (\d+)(?: or (\d+))?", note) for note in op.notes((shape,))]
    return [int(size) for match in notes if match for size in match.groups() if size]


@pytest.mark.parametrize("op", [Conv(1, 3, stride=2), MaxPool(3, 2)])
def test_alike_axes_are_noted_once(op: Op) -> None:
    """A square input with a square window gets one note, not two of the same words."""
    assert len(list(op.notes(((1, 8, 8),)))) == 1


@pytest.mark.parametrize(("shape", "notes"), [((8, 5, 5), 1), ((8, 25), 0), ((25,), 0)])
def test_linear_on_a_map_is_noted(shape: tuple[int, ...], notes: int) -> None:
    """A linear layer that reads a single row of a square map was meant to read all of it."""
    assert len(list(Linear(3).notes((shape,)))) == notes
