"""What moves, selects, repeats or drops values, and interpolation."""

from typing import Any

from archcalc.formats.onnx.layer import Layer
from archcalc.ops.base import axis_of, both_sides

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def concat(op: Any, layer: Layer) -> None:
    layer.node("Concat", *layer.inputs, axis=1 + axis_of(op.dim, len(layer.shapes[0])))


def slice_(op: Any, layer: Layer) -> None:
    along = axis_of(op.dim, len(layer.shapes[0]))
    end = layer.shapes[0][along] if op.end is None else op.end
    _sliced(layer, along, op.start, end, op.step)


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


def reshape(op: Any, layer: Layer) -> None:
    layer.reshaped(layer.inputs[0], *layer.output)


def permute(op: Any, layer: Layer) -> None:
    layer.node("Transpose", layer.inputs[0], perm=op.dims)


def parameter(op: Any, layer: Layer) -> None:
    """The same for every sample."""
    layer.node("Expand", layer.weight("weight"), layer.whole(layer.batch, *op.shape))


def pad(op: Any, layer: Layer) -> None:
    """Cropped first, as torch does: what is mirrored or repeated is what has been left."""
    pads = ((0, 0), *both_sides((op.channels,), 1), *both_sides(op.padding, layer.rank))
    value = layer.inputs[0]
    if any(side < 0 for sides in pads for side in sides):
        sizes = (layer.batch, *layer.shapes[0])
        starts = layer.whole(*(max(0, -before) for before, _ in pads))
        ends = layer.whole(*(n - max(0, -after) for n, (_, after) in zip(sizes, pads, strict=True)))
        value = layer.node("Slice", value, starts, ends)
    added = [max(0, before) for before, _ in pads] + [max(0, after) for _, after in pads]
    layer.node("Pad", value, layer.whole(*added), mode=MODES[op.mode])


def upsample(op: Any, layer: Layer) -> None:
    if op.mode == "nearest":
        _nearest(layer)
    else:
        sizes = layer.whole(layer.batch, *layer.output)
        layer.node("Resize", layer.inputs[0], "", "", sizes, mode="linear")


def _nearest(layer: Layer) -> None:
    """Unit i of o reads ⌊i·n/o⌋ of n. Quotients of floats may fall short of a whole one: there the units are listed."""
    axes = list(enumerate(zip(layer.shapes[0][1:], layer.output[1:], strict=True), start=2))
    if all(o % n == 0 for _, (n, o) in axes):
        sizes = layer.whole(layer.batch, *layer.output)
        asymmetric = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        layer.node("Resize", layer.inputs[0], "", "", sizes, mode="nearest", **asymmetric)
        return
    value = layer.inputs[0]
    for axis, (n, o) in axes:
        value = layer.node("Gather", value, layer.whole(*(unit * n // o for unit in range(o))), axis=axis)
