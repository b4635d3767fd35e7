"""Convolutions and poolings. Attributes of windows are ONNX's: `pads` are all sides before, then all behind."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from archcalc.formats.onnx.layer import Layer
from archcalc.numbers import ceil_div, product
from archcalc.ops.base import Window, both_sides, spread
from archcalc.ops.conv import sides

Pads = Sequence[tuple[int, int]]


def conv(op: Any, layer: Layer) -> None:
    weights = [layer.weight(name) for name in ("weight", "bias")[: 1 + op.bias]]
    geometry = {
        "kernel_shape": spread(op.kernel_size, layer.rank),
        "strides": spread(op.stride, layer.rank),
        "dilations": spread(op.dilation, layer.rank),
        "pads": _flat(sides(op, layer.shapes)),
        "group": op.groups,
    }
    layer.node("Conv", layer.inputs[0], *weights, **geometry)


def conv_transpose(op: Any, layer: Layer) -> None:
    """Output padding crops less of the far side: so it is written where it reaches the stride, which runtimes refuse.

    Where it shows more than there was to crop, rows of zeros behind the input make room.
    """
    weights = [layer.weight(name) for name in ("weight", "bias")[: 1 + op.bias]]
    strides, extra = spread(op.stride, layer.rank), spread(op.output_padding, layer.rank)
    geometry: dict[str, Any] = {
        "kernel_shape": spread(op.kernel_size, layer.rank),
        "strides": strides,
        "dilations": spread(op.dilation, layer.rank),
        "group": op.groups,
    }
    padding = both_sides(op.padding, layer.rank)
    if all(more < stride for more, stride in zip(extra, strides, strict=True)):
        layer.node("ConvTranspose", layer.inputs[0], *weights, **geometry, pads=_flat(padding), output_padding=extra)
        return
    axes = list(zip(padding, extra, strides, strict=True))
    rows = [ceil_div(max(0, more - after), stride) for (_, after), more, stride in axes]
    room = layer.node("Pad", layer.inputs[0], _around(layer, [(0, row) for row in rows]))
    cropped = [
        (before, after - more + row * stride) for ((before, after), more, stride), row in zip(axes, rows, strict=True)
    ]
    layer.node("ConvTranspose", room, *weights, **geometry, pads=_flat(cropped))


def maxpool(op: Any, layer: Layer) -> None:
    """Padding as large as the kernel, which dilation and ceil mode can need, is put around: runtimes refuse it."""
    windows, value = _windows(op, layer), layer.inputs[0]
    pads = _reached(windows, both_sides(op.padding, layer.rank), layer)
    if any(max(pad) >= window.kernel for window, pad in zip(windows, pads, strict=True)):
        value = layer.node("Pad", value, _around(layer, pads), layer.number(-np.inf))
        pads = [(0, 0)] * layer.rank
    layer.node("MaxPool", value, **_geometry(windows), pads=_flat(pads))


def avgpool(op: Any, layer: Layer) -> None:
    """A last window that hangs over the padded input divides by what lies inside: runtimes disagree about it.

    There the zeros are put around explicitly, and what was divided by the whole kernel is scaled.
    """
    windows, given = _windows(op, layer), both_sides(op.padding, layer.rank)
    reached = _reached(windows, given, layer)
    geometry = {key: value for key, value in _geometry(windows).items() if key != "dilations"}
    if reached == given:
        include = int(op.count_include_pad)
        layer.node("AveragePool", layer.inputs[0], **geometry, pads=_flat(given), count_include_pad=include)
        return
    around = layer.node("Pad", layer.inputs[0], _around(layer, reached))
    means = layer.node("AveragePool", around, **geometry)
    axes = zip(windows, given, layer.shapes[0][1:], layer.output[1:], strict=True)
    counts = [_counts(window, pad, n, o, op.count_include_pad) for window, pad, n, o in axes]
    scale = product(window.kernel for window in windows) / reduce(np.multiply.outer, counts)
    layer.node("Mul", means, layer.number(scale))


def lp_pool(op: Any, layer: Layer) -> None:
    """ONNX's norm is of |x|: for an odd power, that of x is a sum of powers, which is a mean times the kernel."""
    windows, value = _windows(op, layer), layer.inputs[0]
    pads = _reached(windows, both_sides(op.padding, layer.rank), layer)
    geometry = {key: sizes for key, sizes in _geometry(windows).items() if key != "dilations"}
    if any(side for pad in pads for side in pad):
        value = layer.node("Pad", value, _around(layer, pads))
    if op.norm_type % 2 == 0:
        layer.node("LpPool", value, **geometry, p=op.norm_type)
        return
    if op.norm_type > 1:
        value = layer.node("Pow", value, layer.number(op.norm_type))
    means = layer.node("AveragePool", value, **geometry)
    value = layer.node("Mul", means, layer.number(product(window.kernel for window in windows)))
    if op.norm_type > 1:
        layer.node("Pow", value, layer.number(1 / op.norm_type))


def _counts(window: Window, pad: tuple[int, int], n: int, o: int, include_pad: bool) -> npt.NDArray[np.int64]:
    """What each window of an axis divides by: the units in the padded input, or in the input itself."""
    before, after = pad if include_pad else (0, 0)
    starts = [unit * window.stride - pad[0] for unit in range(o)]
    return np.array([min(start + window.kernel, n + after) - max(start, -before) for start in starts])


def adaptive_maxpool(op: Any, layer: Layer) -> None:
    _adaptive(layer, "MaxPool", "ReduceMax")


def adaptive_avgpool(op: Any, layer: Layer) -> None:
    _adaptive(layer, "AveragePool", "ReduceMean")


def _adaptive(layer: Layer, pool: str, reduce: str) -> None:
    """Bins of one size are a pooling; others are cut out axis by axis: the mean of means of bins is that of the box."""
    sizes = list(zip(layer.shapes[0][1:], layer.output[1:], strict=True))
    if all(n % o == 0 for n, o in sizes):
        kernel = [n // o for n, o in sizes]
        layer.node(pool, layer.inputs[0], kernel_shape=kernel, strides=kernel)
        return
    value = layer.inputs[0]
    for axis, (n, o) in enumerate(sizes, start=2):
        bins = []
        for unit in range(o):
            bounds = (layer.whole(unit * n // o), layer.whole(ceil_div((unit + 1) * n, o)))
            part = layer.node("Slice", value, *bounds, layer.whole(axis))
            bins.append(layer.node(reduce, part, layer.whole(axis)))
        value = layer.node("Concat", *bins, axis=axis)


def global_maxpool(op: Any, layer: Layer) -> None:
    layer.node("GlobalMaxPool", layer.inputs[0])


def global_avgpool(op: Any, layer: Layer) -> None:
    layer.node("GlobalAveragePool", layer.inputs[0])


def _windows(op: Any, layer: Layer) -> tuple[Window, ...]:
    """The windows of the spatial axes of a pooling."""
    (reads,) = op.windows(layer.shapes, layer.output)
    return tuple(reads[1:])


def _geometry(windows: tuple[Window, ...]) -> dict[str, Any]:
    return {
        "kernel_shape": [window.kernel for window in windows],
        "strides": [window.stride for window in windows],
        "dilations": [window.dilation for window in windows],
    }


def _reached(windows: tuple[Window, ...], pads: Pads, layer: Layer) -> Pads:
    """Padding with which rounding down gives as many windows as there are: in ceil mode the last may need more."""
    axes = zip(windows, pads, layer.shapes[0][1:], layer.output[1:], strict=True)
    return tuple(
        (before, max(after, (o - 1) * window.stride + window.span - n - before))
        for window, (before, after), n, o in axes
    )


def _around(layer: Layer, pads: Pads) -> str:
    """What a Pad puts around the spatial axes."""
    return layer.whole(*_flat([(0, 0), (0, 0), *pads]))


def _flat(pads: Pads) -> list[int]:
    return [before for before, _ in pads] + [after for _, after in pads]
