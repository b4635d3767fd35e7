"""What moves, selects, repeats or drops values, and interpolation."""

from collections.abc import Sequence
from typing import Any

from archcalc.formats.onnx.layer import Layer
from archcalc.ops.base import axis_of, both_sides

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
END = 2**63 - 1
"""Where a slice ends that goes to the end."""


def concat(op: Any, layer: Layer) -> None:
    layer.node("Concat", *layer.inputs, axis=1 + axis_of(op.dim, len(layer.shapes[0])))


def slice_(op: Any, layer: Layer) -> None:
    along = axis_of(op.dim, len(layer.shapes[0]))
    _sliced(layer, along, op.start, END if op.end is None else op.end, op.step)


def split(op: Any, layer: Layer) -> None:
    along = axis_of(op.dim, len(layer.shapes[0]))
    size = layer.output[along]
    _sliced(layer, along, op.index * size, (op.index + 1) * size, 1)


def _sliced(layer: Layer, along: int, start: int, end: int, step: int) -> None:
    layer.node("Slice", layer.inputs[0], *(layer.whole(number) for number in (start, end, 1 + along, step)))


def channel_shuffle(op: Any, layer: Layer) -> None:
    channels, *positions = layer.shapes[0]
    groups = layer.reshaped(layer.inputs[0], op.groups, channels // op.groups, *positions)
    dealt = layer.node("Transpose", groups, perm=(0, 2, 1, *range(3, 3 + len(positions))))
    layer.reshaped(dealt, *layer.output)


def pixel_shuffle(op: Any, layer: Layer) -> None:
    layer.node("DepthToSpace", layer.inputs[0], blocksize=op.upscale_factor, mode=op.mode.upper())


def pixel_unshuffle(op: Any, layer: Layer) -> None:
    """ONNX has the inverse of one of the two modes only; the other is torch's, and dealt out by hand."""
    r, (channels, height, width) = op.downscale_factor, layer.shapes[0]
    if op.mode == "dcr":
        layer.node("SpaceToDepth", layer.inputs[0], blocksize=r)
        return
    blocks = layer.reshaped(layer.inputs[0], channels, height // r, r, width // r, r)
    layer.reshaped(layer.node("Transpose", blocks, perm=(0, 1, 3, 5, 2, 4)), *layer.output)


def roll(op: Any, layer: Layer) -> None:
    """Along each axis the end comes first, and then the rest."""
    value = layer.inputs[0]
    for shift, along in op.turns(len(layer.shapes[0])):
        begin, axis = (-shift) % layer.shapes[0][along], layer.whole(1 + along)
        if begin:
            end = layer.node("Slice", value, layer.whole(begin), layer.whole(END), axis)
            value = layer.node(
                "Concat", end, layer.node("Slice", value, layer.whole(0), layer.whole(begin), axis), axis=1 + along
            )
    if value == layer.inputs[0]:
        layer.node("Identity", value)


def expand(op: Any, layer: Layer) -> None:
    """Further axes come behind the batch."""
    value, shape = layer.inputs[0], layer.shapes[0]
    if len(shape) < len(layer.output):
        value = layer.reshaped(value, *(1 for _ in layer.output[len(shape) :]), *shape)
    layer.node("Expand", value, layer.with_batch(*layer.output))


def index_select(op: Any, layer: Layer) -> None:
    layer.node("Gather", layer.inputs[0], layer.whole(*op.index), axis=1 + axis_of(op.dim, len(layer.shapes[0])))


def reshape(op: Any, layer: Layer) -> None:
    layer.reshaped(layer.inputs[0], *layer.output)


def permute(op: Any, layer: Layer) -> None:
    layer.node("Transpose", layer.inputs[0], perm=op.dims)


def parameter(op: Any, layer: Layer) -> None:
    """The same for every sample."""
    layer.node("Expand", layer.weight("weight"), layer.with_batch(*op.shape))


def constant(op: Any, layer: Layer) -> None:
    """One number, or stored values, the same for every sample."""
    value = layer.weight("value") if op.value is None else layer.number(op.value)
    layer.node("Expand", value, layer.with_batch(*op.shape))


def pad(op: Any, layer: Layer) -> None:
    """A negative side crops: as in torch, `reflect` sees what is cropped on the other side, and `circular` does not."""
    pads = ((0, 0), *both_sides((op.channels,), 1), *both_sides(op.padding, layer.rank))
    added = layer.whole(*(max(0, before) for before, _ in pads), *(max(0, after) for _, after in pads))
    if op.mode == "circular":
        layer.node("Pad", _cropped(layer, layer.inputs[0], pads), added, mode=MODES[op.mode])
    else:
        _cropped(layer, layer.node("Pad", layer.inputs[0], added, mode=MODES[op.mode]), pads)


def _cropped(layer: Layer, value: str, pads: Sequence[tuple[int, int]]) -> str:
    """Without as many units as a negative side says, of each axis."""
    if all(side >= 0 for sides in pads for side in sides):
        return value
    starts = layer.whole(*(max(0, -before) for before, _ in pads))
    ends = layer.whole(*(after if after < 0 else END for _, after in pads))
    return layer.node("Slice", value, starts, ends)


def upsample(op: Any, layer: Layer) -> None:
    if op.mode == "nearest":
        _nearest(layer)
    else:
        sizes = layer.with_batch(*layer.output)
        where = "align_corners" if op.align_corners else "half_pixel"
        mode = "cubic" if op.mode == "bicubic" else "linear"
        layer.node("Resize", layer.inputs[0], "", "", sizes, mode=mode, coordinate_transformation_mode=where)


def _nearest(layer: Layer) -> None:
    """Unit i of o reads ⌊i·n/o⌋ of n. Quotients of floats may fall short of a whole one: there the units are listed."""
    axes = list(enumerate(zip(layer.shapes[0][1:], layer.output[1:], strict=True), start=2))
    if all(o % n == 0 for _, (n, o) in axes):
        sizes = layer.with_batch(*layer.output)
        asymmetric = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        layer.node("Resize", layer.inputs[0], "", "", sizes, mode="nearest", **asymmetric)
        return
    value = layer.inputs[0]
    for axis, (n, o) in axes:
        value = layer.node("Gather", value, layer.whole(*(unit * n // o for unit in range(o))), axis=axis)
