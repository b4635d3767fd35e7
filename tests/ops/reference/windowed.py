"""Convolutions and poolings."""

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from ..counting import Bench, Grid, Number, add_up, build, indices, largest, on_axes, on_sides
from .unitwise import whole_power

Join = Callable[[list[Number]], Number]


def mean(numbers: list[Number]) -> Number:
    return add_up(numbers) / float(len(numbers))


def walk(n: int, span: int, stride: int, before: int, after: int, ceil_mode: bool = False) -> list[int]:
    """Where windows begin that walk from the first padded position to the last; the input itself begins at 0.

    In ceil mode a last one may hang over the end, if it begins before the padding behind the input.
    """
    if not ceil_mode:
        return list(range(-before, n + after - span + 1, stride))
    starts = [-before]
    while starts[-1] + span < n + after:
        starts.append(starts[-1] + stride)
    return starts if starts[-1] < n else starts[:-1]


def same_padding(n: int, span: int, stride: int) -> tuple[int, int]:
    """The least padding, the odd one behind, that lets a window begin for every stride-th unit."""
    wanted = len(range(0, n, stride))
    whole = next(padding for padding in itertools.count() if len(walk(n, span, stride, 0, padding)) >= wanted)
    return whole // 2, whole - whole // 2


def windows_of(bench: Bench, ceil_mode: bool = False) -> list[list[range]]:
    """Per spatial axis, and per output unit on it, the positions that the unit reads."""
    op, sizes = bench.op, bench.inputs[0].shape[1:]
    stride = op.kernel_size if op.stride == "kernel_size" else op.stride
    arguments = (on_axes(argument, len(sizes)) for argument in (op.kernel_size, stride, getattr(op, "dilation", 1)))
    axes = []
    for axis, (n, k, s, d) in enumerate(zip(sizes, *arguments, strict=True)):
        span = range(0, k * d, d)[-1] + 1
        if op.padding == "same":
            pads = same_padding(n, span, s)
        else:
            pads = (0, 0) if op.padding == "valid" else on_sides(op.padding, len(sizes))[axis]
        axes.append([range(start, start + span, d) for start in walk(n, span, s, *pads, ceil_mode=ceil_mode)])
    return axes


def read(grid: Grid, place: tuple[int, ...], beyond: Number) -> Number:
    inside = all(0 <= at < size for at, size in zip(place, grid.shape, strict=True))
    return grid[place] if inside else beyond


def conv(bench: Bench) -> Grid:
    op, x, weight = bench.op, bench.inputs[0], bench.weights["weight"]
    windows = windows_of(bench)
    filters, channels = op.out_channels // op.groups, x.shape[0] // op.groups

    def unit(place: tuple[int, ...]) -> Number:
        reads = [window[u] for window, u in zip(windows, place[1:], strict=True)]
        result = bench.zero
        for channel, tap in itertools.product(range(channels), indices(tuple(map(len, reads)))):
            at = (place[0] // filters * channels + channel, *(read[t] for read, t in zip(reads, tap, strict=True)))
            result = result.mac(read(x, at, bench.zero), weight[(place[0], channel, *tap)])
        return result + bench.weights["bias"][place[0]] if op.bias else result

    return build((op.out_channels, *map(len, windows)), unit)


def conv_transpose(bench: Bench) -> Grid:
    op, x, weight = bench.op, bench.inputs[0], bench.weights["weight"]
    rank = x.ndim - 1
    kernel, stride, dilation = (
        on_axes(argument, rank) for argument in (op.kernel_size, op.stride, getattr(op, "dilation", 1))
    )
    filters, channels = op.out_channels // op.groups, x.shape[0] // op.groups
    written: dict[tuple[int, ...], Number] = {}
    for place, filter_, tap in itertools.product(indices(x.shape), range(filters), indices(kernel)):
        steps = zip(place[1:], stride, tap, dilation, strict=True)
        at = (place[0] // channels * filters + filter_, *(u * s + t * d for u, s, t, d in steps))
        written[at] = written.get(at, bench.zero).mac(x[place], weight[(place[0], filter_, *tap)])
    # Padding crops both sides of what was written; output padding shows more of the far side again.
    ends = (1 + max(at[axis] for at in written) for axis in range(1, rank + 1))
    cropped = zip(ends, on_axes(op.padding, rank), on_axes(op.output_padding, rank), strict=True)
    shown = [range(pad, end - pad + more) for end, pad, more in cropped]

    def unit(place: tuple[int, ...]) -> Number:
        at = (place[0], *(axis[u] for axis, u in zip(shown, place[1:], strict=True)))
        result = written.get(at, bench.zero)
        return result + bench.weights["bias"][place[0]] if op.bias else result

    return build((op.out_channels, *map(len, shown)), unit)


def joined(bench: Bench, windows: Sequence[Sequence[range]], join: Join, beyond: float = 0.0) -> Grid:
    """Each channel's windows, each joined to one value."""
    x, outside = bench.inputs[0], Number(beyond, 0, bench.tally)

    def unit(place: tuple[int, ...]) -> Number:
        reads = (window[u] for window, u in zip(windows, place[1:], strict=True))
        return join([read(x, (place[0], *at), outside) for at in itertools.product(*reads)])

    return build((x.shape[0], *map(len, windows)), unit)


def maxpool(bench: Bench) -> Grid:
    return joined(bench, windows_of(bench, bench.op.ceil_mode), largest, float("-inf"))


def avgpool(bench: Bench) -> Grid:
    """What is read beyond the padded map, and without `count_include_pad` beyond the map, is not divided by."""
    op, x = bench.op, bench.inputs[0]
    windows = windows_of(bench, op.ceil_mode)
    sizes = x.shape[1:]
    padded = [
        range(-before, n + after) for n, (before, after) in zip(sizes, on_sides(op.padding, len(sizes)), strict=True)
    ]
    counted = padded if op.count_include_pad else [range(n) for n in sizes]

    def unit(place: tuple[int, ...]) -> Number:
        places = list(itertools.product(*(window[u] for window, u in zip(windows, place[1:], strict=True))))
        among = [at for at in places if all(u in axis for u, axis in zip(at, counted, strict=True))]
        return add_up(read(x, (place[0], *at), bench.zero) for at in places) / float(len(among))

    return build((x.shape[0], *map(len, windows)), unit)


def lp_pool(bench: Bench) -> Grid:
    """A sum below zero has no root."""
    p = bench.op.norm_type

    def norm(numbers: list[Number]) -> Number:
        summed = add_up([whole_power(number, p) for number in numbers])
        return summed if p == 1 else summed.through(lambda value: value ** (1 / p) if value >= 0 else math.nan)

    return joined(bench, windows_of(bench, bench.op.ceil_mode), norm)


def bins(n: int, count: int) -> list[range]:
    """`count` equal parts of n units, each read from the unit it begins in to the unit it ends in."""
    edges = [Fraction(n * i, count) for i in range(count + 1)]
    return [range(math.floor(begin), math.ceil(end)) for begin, end in itertools.pairwise(edges)]


def adaptive(bench: Bench, join: Join) -> Grid:
    sizes = bench.inputs[0].shape[1:]
    counts = on_axes(bench.op.output_size, len(sizes))
    return joined(bench, [bins(n, count) for n, count in zip(sizes, counts, strict=True)], join)


def over_all(bench: Bench, join: Join) -> Grid:
    return joined(bench, [[range(n)] for n in bench.inputs[0].shape[1:]], join)
