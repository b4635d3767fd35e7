"""Convolutions and poolings as modules of torch.

torch pads alike on both sides of an axis, and pools of all its windows only those that begin within input and padding.
What has other padding is a class of the source that pads first; how much stands in the call.
"""

from typing import Any

from archcalc.formats.sources.said import CALLED, Call, Given, Said, alike, call, made
from archcalc.ops.base import Shape, Shapes, Window, both_sides, spread
from archcalc.ops.conv import sides


def conv(op: Any, inputs: Shapes, output: Shape) -> Said:
    rank = len(output) - 1
    strides = spread(op.stride, rank)
    pads = sides(op, inputs)
    arguments: list[Given] = [
        ("in_channels", inputs[0][0]),
        ("out_channels", op.out_channels),
        ("kernel_size", alike(op.kernel_size)),
        ("stride", alike(op.stride), 1),
        ("dilation", alike(op.dilation), 1),
        ("groups", op.groups, 1),
        ("bias", op.bias, True),
    ]
    if op.padding == "same" and set(strides) == {1}:
        arguments.insert(4, ("padding", "same", 0))
    elif all(before == after for before, after in pads):
        arguments.insert(4, ("padding", alike(tuple(before for before, _ in pads)), 0))
    else:
        arguments.insert(3, ("sides", reversed_sides(pads)))
        return _learned_or_not(op, call(f"PaddedConv{rank}d", *arguments))
    return _learned_or_not(op, call(f"nn.Conv{rank}d", *arguments))


def _learned_or_not(op: Any, layer: Call) -> Said:
    return Said(CALLED, layer if op.trainable else call("untrained", ("module", layer)))


def conv_transpose(op: Any, inputs: Shapes, output: Shape) -> Said:
    layer = call(
        f"nn.ConvTranspose{len(output) - 1}d",
        ("in_channels", inputs[0][0]),
        ("out_channels", op.out_channels),
        ("kernel_size", alike(op.kernel_size)),
        ("stride", alike(op.stride), 1),
        ("padding", alike(op.padding), 0),
        ("output_padding", alike(op.output_padding), 0),
        ("groups", op.groups, 1),
        ("bias", op.bias, True),
        ("dilation", alike(op.dilation), 1),
    )
    return _learned_or_not(op, layer)


def maxpool(op: Any, inputs: Shapes, output: Shape) -> Said:
    """torch pads by half of the kernel at most, however far its units are apart."""
    rank = len(output) - 1
    pads = both_sides(op.padding, rank)
    kernels = spread(op.kernel_size, rank)
    if all(before == after <= k // 2 for (before, after), k in zip(pads, kernels, strict=True)):
        return made(
            f"nn.MaxPool{rank}d",
            ("kernel_size", alike(op.kernel_size)),
            ("stride", _stride(op), None),
            ("padding", alike(tuple(before for before, _ in pads)), 0),
            ("dilation", alike(op.dilation), 1),
            ("ceil_mode", op.ceil_mode, False),
        )
    return made(
        f"PaddedMaxPool{rank}d",
        ("sides", reversed_sides(reached(op, inputs[0], output, op.dilation))),
        ("kernel_size", alike(op.kernel_size)),
        ("stride", _stride(op), None),
        ("dilation", alike(op.dilation), 1),
    )


def avgpool(op: Any, inputs: Shapes, output: Shape) -> Said:
    """With other padding: the sum of each window by how many of its units count."""
    rank = len(output) - 1
    pads = both_sides(op.padding, rank)
    if all(before == after for before, after in pads):
        return made(
            f"nn.AvgPool{rank}d",
            ("kernel_size", alike(op.kernel_size)),
            ("stride", _stride(op), None),
            ("padding", alike(tuple(before for before, _ in pads)), 0),
            ("ceil_mode", op.ceil_mode, False),
            ("count_include_pad", op.count_include_pad, True),
        )
    whole = reached(op, inputs[0], output, 1)
    beyond = tuple((0, after - padded) for (_, after), (_, padded) in zip(whole, pads, strict=True))
    return made(
        f"PaddedAvgPool{rank}d",
        ("sides", reversed_sides(pads)),
        ("beyond", reversed_sides(beyond)),
        ("counted", op.count_include_pad),
        ("kernel_size", alike(op.kernel_size)),
        ("stride", _stride(op), None),
    )


def lp_pool(op: Any, inputs: Shapes, output: Shape) -> Said:
    """torch knows no padding here, and scales up windows that hang over the end: they are filled up with zeros."""
    rank = len(output) - 1
    whole = reached(op, inputs[0], output, 1)
    arguments: list[Given] = [
        ("norm_type", op.norm_type),
        ("kernel_size", alike(op.kernel_size)),
        ("stride", _stride(op), None),
    ]
    if all(before == 0 and after <= 0 for before, after in whole):
        return made(f"nn.LPPool{rank}d", *arguments)
    return made(f"PaddedLPPool{rank}d", ("sides", reversed_sides(whole)), *arguments)


def _stride(op: Any) -> Any:
    """None where it is the kernel's size, as torch has it by default."""
    kernel, stride = alike(op.kernel_size), alike(op.stride)
    return None if stride in ("kernel_size", kernel) else stride


def reached(op: Any, shape: Shape, output: Shape, dilation: Any) -> tuple[tuple[int, int], ...]:
    """Padding before, and behind as much as makes the windows end where the last one does: it may be less than none."""
    rank = len(shape) - 1
    stride = op.kernel_size if op.stride == "kernel_size" else op.stride
    pads = both_sides(op.padding, rank)
    axes = zip(shape[1:], output[1:], pads, *(spread(a, rank) for a in (op.kernel_size, stride, dilation)), strict=True)
    return tuple((before, (o - 1) * s + Window(0, k, s, 0, d).span - n - before) for n, o, (before, _), k, s, d in axes)


def reversed_sides(pads: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Before and after of each axis, the last one first, as `torch.nn.functional.pad` has it."""
    return tuple(side for pair in reversed(pads) for side in pair)


def adaptive_maxpool(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made(f"nn.AdaptiveMaxPool{len(output) - 1}d", ("output_size", alike(op.output_size)))


def adaptive_avgpool(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made(f"nn.AdaptiveAvgPool{len(output) - 1}d", ("output_size", alike(op.output_size)))


def global_maxpool(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made(f"nn.AdaptiveMaxPool{len(output) - 1}d", ("output_size", 1))


def global_avgpool(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made(f"nn.AdaptiveAvgPool{len(output) - 1}d", ("output_size", 1))
