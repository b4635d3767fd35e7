"""Rows of maps as convolutions and poolings read them: with the padding around them, dealt out to workers."""

from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.lib.stride_tricks import as_strided

from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.tiles import FREE, Array, Constants, Limits, Scratch, limit, over
from archcalc.forward.plan.workers import Call


class Maps(Struct, frozen=True):
    """What a convolution reads and writes, all seen as (N, C, H, W); limits are put on the input as it is read.

    `beyond` is what the padding holds, a value a channel.
    """

    source: Array
    target: Array
    residual: Array | None = None
    limits: Limits = FREE
    beyond: Array | None = None


def pixels_last(view: Array) -> Array:
    """(N, C, H, W) seen as (N, H, W, C)."""
    return view.transpose(0, 2, 3, 1)


class Halo:
    """Rows of a map with the padding around them, in memory of one thread; limits are applied on the way.

    The padding at the sides is written once; that above and below where a tile reaches it. With several `phases` the
    columns are dealt out: first 0, p, 2·p, …, then 1, p + 1, …, so that what every p-th window reads lies together.
    """

    def __init__(
        self,
        maps: Maps,
        geometry: Geometry,
        rows: int,
        thread: int,
        scratch: Scratch,
        phases: int = 1,
    ) -> None:
        self.limits, self.phases = maps.limits, phases
        self.source = pixels_last(maps.source)
        _, self.height, self.width, self.channels = self.source.shape
        (self.above, _), (self.left, right) = geometry.padding
        self.direct = phases == 1 and not geometry.padded and maps.limits.idle
        self.columns = -(-(self.left + self.width + right) // phases)
        if not self.direct:
            shape = (rows, phases, self.columns, self.channels)
            self.memory = scratch.own(thread, shape, self.source.dtype)
        self.beyond: Any = self.source.dtype.type(0) if maps.beyond is None else maps.beyond

    def _inside(self, phase: int) -> tuple[slice, slice]:
        """Columns of the map in a phase, and where they stand there."""
        begin = -(-(self.left - phase) // self.phases) if phase < self.left else 0
        first = begin * self.phases + phase - self.left
        count = len(range(first, self.width, self.phases))
        return slice(first, self.width, self.phases), slice(begin, begin + count)

    def sides(self) -> list[Call]:
        """The calls that write the padding at the sides."""
        if self.direct:
            return []
        calls: list[Call] = []
        for phase in range(self.phases):
            _, inside = self._inside(phase)
            columns = self.memory[:, phase]
            strips = (columns[:, : inside.start], columns[:, inside.stop :])
            calls += [partial(np.copyto, strip, self.beyond) for strip in strips if strip.size]
        return calls

    def load(self, image: int, first: int, rows: int, constants: Constants) -> tuple[list[Call], Array]:
        """The calls that bring `rows` padded rows from the padded row `first` on, and where they are then.

        They are (rows, columns, channels), or (rows, phases, columns of a phase, channels) with several phases.
        """
        if self.direct:
            return [], self.source[image, first : first + rows]
        begin, end = max(first - self.above, 0), min(first - self.above + rows, self.height)
        skipped = min(max(self.above - first, 0), rows)
        count = max(end - begin, 0)
        here = self.memory[:rows]
        strips = (here[:skipped], here[skipped + count :])
        calls: list[Call] = [partial(np.copyto, strip, self.beyond) for strip in strips if strip.size]
        for phase in range(self.phases if count else 0):
            columns, inside = self._inside(phase)
            read, kept = self.source[image, begin:end, columns], here[skipped : skipped + count, phase, inside]
            if not read.size:
                continue
            if self.limits.idle:
                calls.append(partial(np.copyto, kept, read))
            else:
                calls += limit(read, kept, self.limits, range(self.channels), constants)
        return calls, here if self.phases > 1 else here[:, 0]


def windows_of(rows: Array, geometry: Geometry, count: int, width: int) -> Array:
    """The windows of `count` output rows on padded `rows`: (count, width, kernel height, kernel width, channels)."""
    down, right, deep = rows.strides
    (kh, kw), (sh, sw), (dh, dw) = geometry.kernel, geometry.stride, geometry.dilation
    shape = (count, width, kh, kw, rows.shape[-1])
    return as_strided(rows, shape, (down * sh, right * sw, down * dh, right * dw, deep))


def rows_of(target: Array, threads: int) -> list[list[tuple[int, range]]]:
    """The rows of all samples dealt out to the threads: for each, samples and ranges of rows."""
    samples, height = target.shape[0], target.shape[2]
    shares = []
    for part in over(samples * height, threads):
        share = []
        for image in range(samples):
            begin, end = max(part.start - image * height, 0), min(part.stop - image * height, height)
            if begin < end:
                share.append((image, range(begin, end)))
        shares.append(share)
    return shares


def needed_rows(geometry: Geometry, rows: int) -> int:
    """Padded input rows under `rows` output rows."""
    return (rows - 1) * geometry.stride[0] + geometry.dilation[0] * (geometry.kernel[0] - 1) + 1


def by_groups(values: Array, groups: int) -> Array:
    """The last axis as groups × channels of a group; a view."""
    *steps, deep = values.strides
    per_group = values.shape[-1] // groups
    return as_strided(values, (*values.shape[:-1], groups, per_group), (*steps, deep * per_group, deep))


def as_matrix(rows: Array) -> Array:
    """Rows × width × channels as pixels × channels, a view."""
    down, right, deep = rows.strides
    if rows.shape[0] > 1 and down != right * rows.shape[1]:
        raise ValueError("rows of a map do not follow one another in memory")
    return as_strided(rows, (rows.shape[0] * rows.shape[1], rows.shape[2]), (right, deep))
