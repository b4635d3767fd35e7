"""Convolutions and poolings as layers of Keras, channels last.

Keras pads by TensorFlow's rule `same` or not at all: for any other padding there is a class or function of the source
that pads first, and how much stands in the call.
"""

from typing import Any

from archcalc.formats.sources.keras.layouts import Place
from archcalc.formats.sources.layout import literal
from archcalc.formats.sources.said import CALLED, Given, Name, Said, alike, call, made
from archcalc.formats.sources.torch.windowed import reached
from archcalc.ops.base import both_sides, spread
from archcalc.ops.conv import sides


def conv(op: Any, place: Place) -> Said:
    """One filter group a channel is a layer of its own: TensorFlow has no other groups on every machine.

    Keras refuses strides of what is dilated: there all positions are computed, and every so many are taken.
    """
    rank, channels = len(place.output) - 1, place.inputs[0][0]
    pads = sides(op, place.inputs)
    thinned = alike(op.dilation) != 1 and alike(op.stride) != 1
    strides = 1 if thinned else alike(op.stride)
    steps: list[Given] = [
        ("strides", strides, 1),
        ("dilation_rate", alike(op.dilation), 1),
        ("use_bias", op.bias, True),
        ("trainable", op.trainable, True),
    ]
    same = op.padding == "same" and not thinned
    padded = not same and any(map(any, pads))
    padding: list[Given] = [("padding", "same", "valid")] if same else [("sides", _sides(pads))] if padded else []
    prefix = "Padded" if padded else "layers."
    form = f"{CALLED}[:, {', '.join(f'::{step}' for step in spread(op.stride, rank))}]" if thinned else CALLED
    if op.groups == channels > 1 and rank < 3 and isinstance(strides, int):
        multiple = ("depth_multiplier", op.out_channels // channels, 1)
        name, kernel = f"{prefix}DepthwiseConv{rank}D", ("kernel_size", alike(op.kernel_size))
        return made(name, kernel, *padding, multiple, *steps, form=form)
    groups = ("groups", op.groups, 1)
    filters, kernel = ("filters", op.out_channels), ("kernel_size", alike(op.kernel_size))
    return made(f"{prefix}Conv{rank}D", filters, kernel, *padding, groups, *steps, form=form)


def _sides(pads: tuple[tuple[int, int], ...]) -> Any:
    """Before and after of each axis, or one number where they are all equal."""
    flat = {side for pair in pads for side in pair}
    return flat.pop() if len(flat) == 1 else pads


def conv_transpose(op: Any, place: Place) -> Said:
    """Keras crops by rules of its own and knows no groups: the class of the source does both as torch does."""
    rank = len(place.output) - 1
    kernels, strides = (spread(value, rank) for value in (op.kernel_size, op.stride))
    plain = not any((*spread(op.padding, rank), *spread(op.output_padding, rank))) and op.groups == 1
    if plain and alike(op.dilation) == 1 and all(k >= s for k, s in zip(kernels, strides, strict=True)):
        return made(
            f"layers.Conv{rank}DTranspose",
            ("filters", op.out_channels),
            ("kernel_size", alike(op.kernel_size)),
            ("strides", alike(op.stride), 1),
            ("use_bias", op.bias, True),
            ("trainable", op.trainable, True),
        )
    return made(
        "ConvTranspose",
        ("filters", op.out_channels),
        ("kernel_size", kernels),
        ("strides", strides),
        ("padding", spread(op.padding, rank)),
        ("output_padding", spread(op.output_padding, rank)),
        ("dilation_rate", spread(op.dilation, rank)),
        ("groups", op.groups, 1),
        ("use_bias", op.bias, True),
        ("trainable", op.trainable, True),
    )


def maxpool(op: Any, place: Place) -> Said:
    """Padding is never the largest: it is −∞."""
    rank = len(place.output) - 1
    whole = reached(op, place.inputs[0], place.output, op.dilation)
    fits = _fits(op, place, whole)
    value = "{0}" if fits else f"sided({{0}}, {literal(whole)}, -math.inf)"
    if alike(op.dilation) == 1:
        name = f"layers.MaxPooling{rank}D"
        return made(
            name, ("pool_size", alike(op.kernel_size)), ("strides", _strides(op), None), form=f"{{self}}({value})"
        )
    return made(
        "max_pool",
        ("pool_size", spread(op.kernel_size, rank)),
        ("strides", spread(op.kernel_size if op.stride == "kernel_size" else op.stride, rank)),
        ("dilation", spread(op.dilation, rank)),
        form=f"{{self}}({value})",
    )


def avgpool(op: Any, place: Place) -> Said:
    rank = len(place.output) - 1
    whole = reached(op, place.inputs[0], place.output, 1)
    if _fits(op, place, whole):
        return made(
            f"layers.AveragePooling{rank}D", ("pool_size", alike(op.kernel_size)), ("strides", _strides(op), None)
        )
    pads = both_sides(op.padding, rank)
    beyond = tuple((0, after - padded) for (_, after), (_, padded) in zip(whole, pads, strict=True))
    return made(
        "avg_pool",
        ("pool_size", spread(op.kernel_size, rank)),
        ("strides", spread(op.kernel_size if op.stride == "kernel_size" else op.stride, rank)),
        ("sides", pads),
        ("beyond", beyond),
        ("counted", op.count_include_pad),
    )


def lp_pool(op: Any, place: Place) -> Said:
    rank = len(place.output) - 1
    return made(
        "lp_pool",
        ("norm_type", op.norm_type),
        ("pool_size", spread(op.kernel_size, rank)),
        ("strides", spread(op.kernel_size if op.stride == "kernel_size" else op.stride, rank)),
        ("sides", reached(op, place.inputs[0], place.output, 1)),
    )


def _fits(op: Any, place: Place, whole: tuple[tuple[int, int], ...]) -> bool:
    """Whether there is no padding, and no window hangs over the end: units that none reads do no harm."""
    return not any(map(any, both_sides(op.padding, len(whole)))) and all(after <= 0 for _, after in whole)


def _strides(op: Any) -> Any:
    kernel, stride = alike(op.kernel_size), alike(op.stride)
    return None if stride in ("kernel_size", kernel) else stride


def adaptive_maxpool(op: Any, place: Place) -> Said:
    return _adaptive("ops.max", op, place)


def adaptive_avgpool(op: Any, place: Place) -> Said:
    return _adaptive("ops.mean", op, place)


def _adaptive(reduce: str, op: Any, place: Place) -> Said:
    """Bins axis by axis: the mean of a rectangle is the mean of the means of its rows."""
    sizes = spread(op.output_size, len(place.output) - 1)
    return Said("{self}({0})", call("adaptive_pool", ("output_size", sizes), ("reduce", Name(reduce))))


def global_maxpool(op: Any, place: Place) -> Said:
    return made(f"layers.GlobalMaxPooling{len(place.output) - 1}D", ("keepdims", True, False))


def global_avgpool(op: Any, place: Place) -> Said:
    return made(f"layers.GlobalAveragePooling{len(place.output) - 1}D", ("keepdims", True, False))
