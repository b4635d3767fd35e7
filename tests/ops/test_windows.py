"""`windows` against naive code on numbers that remember which inputs they were made from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.ops.base import Gap, Op, Reads, Window

from .cases import Sample, each
from .counting import Grid, bits_of, indices
from .reference import run
from .samples import SAMPLES
from .strategies import GEOMETRIES


@each(SAMPLES)
def test_windows_are_what_is_read(case: Sample) -> None:
    """Each output unit is made from the input units that its windows name, and from no others.

    Where places become channels, all channels of a place together are.
    """
    assert_windows_are_what_is_read(case)


@pytest.mark.parametrize("cases", GEOMETRIES.values(), ids=GEOMETRIES)
@given(data=st.data())
def test_windows_of_any_geometry(cases: st.SearchStrategy[Sample], data: st.DataObject) -> None:
    """The same for random geometry."""
    assert_windows_are_what_is_read(data.draw(cases))


def assert_windows_are_what_is_read(case: Sample) -> None:
    bench, result = run(case.op, case.inputs)
    stated = case.op.windows(case.inputs, result.shape)
    for x, reads in zip(bench.inputs, stated, strict=True):
        along = [[bits_of(x.take([at], axis)) for at in range(n)] for axis, n in enumerate(x.shape)]
        for place in indices(result.shape):
            unit = result[(slice(None), *place[1:])] if case.op.keyword == "pixel_unshuffle" else result[place]
            made_from = bits_of(np.asarray(unit)) & bits_of(x)
            named = {entry.axis: units(entry, u, x) for entry, u in zip(reads, place, strict=True) if windowed(entry)}
            if not made_from or beyond_mirror(case.op, named):
                assert not all(named.values()) or any(isinstance(entry, Gap) for entry in reads)
                continue
            for axis, expected in named.items():
                assert hit(made_from, along[axis]) == expected, (case.op, place, axis)
            for axis in whole_axes(case.op, reads, x.ndim):
                assert hit(made_from, along[axis]) == list(range(x.shape[axis])), (case.op, place, axis)


def windowed(entry: Window | Gap | None) -> bool:
    return isinstance(entry, Window)


def units(window: Window, u: int, x: Grid) -> list[int]:
    """The units of an input axis that output unit u reads: points of the spread grid on which a unit lies."""
    points = (u * window.stride - window.padding + window.dilation * j for j in range(window.kernel))
    spread = {unit * window.upsample: unit for unit in range(x.shape[window.axis])}
    return [spread[point] for point in points if point in spread]


def hit(made_from: int, along: list[int]) -> list[int]:
    return [at for at, bits in enumerate(along) if made_from & bits]


def beyond_mirror(op: Op, named: dict[int, list[int]]) -> bool:
    """Whether a unit lies in a mirrored rim: there a window says where it lies, not which unit is copied to it."""
    return op.keyword == "pad" and op.mode != "constant" and not all(named.values())


def whole_axes(op: Op, reads: Reads, rank: int) -> list[int]:
    """The axes behind the first that no window follows: they are read whole.

    Channels are left out, of which groups read a part, and a flattened map, which is called global although each unit
    is a copy of one.
    """
    if op.keyword == "flatten" or any(isinstance(entry, Gap) for entry in reads):
        return []
    return [axis for axis in range(1, rank) if axis not in {entry.axis for entry in reads if windowed(entry)}]
