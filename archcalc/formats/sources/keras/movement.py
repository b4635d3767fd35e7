"""What moves, selects, repeats or drops values in Keras, and interpolation."""

from collections.abc import Sequence
from typing import Any

from archcalc.formats.sources.keras.layouts import Place, turned
from archcalc.formats.sources.layout import literal
from archcalc.formats.sources.said import Said, alike, each, made
from archcalc.ops.base import both_sides


def concat(op: Any, place: Place) -> Said:
    if len(place.inputs) == 1:
        return made("layers.Identity")
    return Said(f"ops.concatenate([{', '.join(each(place.inputs))}], axis={place.axis(op.dim)})")


def slice_(op: Any, place: Place) -> Said:
    start = str(op.start) if op.start else ""
    end = "" if op.end is None else str(op.end)
    step = f":{op.step}" if op.step > 1 else ""
    return Said(f"{{0}}[{':, ' * place.axis(op.dim)}{start}:{end}{step}]")


def split(op: Any, place: Place) -> Said:
    return Said(f"ops.split({{0}}, {op.chunks}, axis={place.axis(op.dim)})[{op.index}]")


def channel_shuffle(op: Any, place: Place) -> Said:
    axis = place.axis(1)
    return made("channel_shuffle", ("groups", op.groups), ("axis", -1 if axis == len(place.output) else axis, -1))


def flatten(op: Any, place: Place) -> Said:
    """Of a map of one pixel all orders are the same; else channels are put first again, as weights behind it are."""
    shape = place.inputs[0]
    turn = place.last and any(size > 1 for size in shape[1:])
    value = turned("{0}", len(shape), False) if turn else "{0}"
    if len(place.output) == 1:
        return Said(f"layers.Flatten()({value})")
    return Said(f"layers.Reshape({literal(place.output)})({value})")


def reshape(op: Any, place: Place) -> Said:
    return Said(f"layers.Reshape({literal(place.output)})({{0}})")


def permute(op: Any, place: Place) -> Said:
    return Said(f"layers.Permute({literal(op.dims[1:])})({{0}})")


def pad(op: Any, place: Place) -> Said:
    """Zeros are added; of what other modes add, the units that are read are listed axis by axis."""
    shape = place.inputs[0]
    pads = (*both_sides((op.channels,), 1), *both_sides(op.padding, len(shape) - 1))
    if op.mode == "constant":
        sides = ((0, 0), *place.ordered([(max(0, before), max(0, after)) for before, after in pads]))
        value = f"ops.pad({{0}}, {literal(sides)})" if any(map(any, sides)) else "{0}"
        cuts = place.ordered([_cut(before, after) for before, after in pads])
        return Said(value if set(cuts) == {":"} else f"{value}[:, {', '.join(cuts)}]")
    form = "{0}"
    for axis, (n, (before, after)) in enumerate(zip(place.ordered(shape), place.ordered(pads), strict=True), start=1):
        if before or after:
            form = taken(form, padded_units(op.mode, n, before, after), axis)
    return Said(form)


def _cut(before: int, after: int) -> str:
    return f"{-before if before < 0 else ''}:{after if after < 0 else ''}"


def padded_units(mode: str, n: int, before: int, after: int) -> list[int]:
    """Which of n units stand in the padded axis. As in torch, `reflect` sees what is cropped; `circular` does not."""
    places = range(-before, n + after)
    if mode == "replicate":
        return [min(max(place, 0), n - 1) for place in places]
    if mode == "reflect":
        return [abs(place) if place < n else 2 * (n - 1) - place for place in places]
    first, last = max(0, -before), n - max(0, -after)
    return [first + (place - first) % (last - first) for place in places]


def taken(value: str, units: Sequence[int], axis: int) -> str:
    """The units of an axis that are listed."""
    return f"ops.take({value}, {list(units)}, axis={axis})"


def upsample(op: Any, place: Place) -> Said:
    rank = len(place.output) - 1
    ratios = list(zip(place.inputs[0][1:], place.output[1:], strict=True))
    if op.mode != "nearest":
        helper = "resize_cubic" if op.mode == "bicubic" else "resize_linear"
        return made(helper, ("size", place.output[1:]), ("align_corners", op.align_corners, False))
    if all(o % n == 0 for n, o in ratios):
        return made(f"layers.UpSampling{rank}D", ("size", alike(tuple(o // n for n, o in ratios))))
    form = "{0}"
    for axis, (n, o) in enumerate(ratios, start=1):
        form = taken(form, [unit * n // o for unit in range(o)], axis)
    return Said(form)


def parameter(op: Any, place: Place) -> Said:
    """The same for every sample."""
    return made("Parameter", ("shape", op.shape), form="{self}({batch})")


def constant(op: Any, place: Place) -> Said:
    """One number, or stored values; the same for every sample."""
    value = () if op.value is None else (("value", op.value),)
    return made("Constant" if op.value is None else "Full", ("shape", op.shape), *value, form="{self}({batch})")


def index_select(op: Any, place: Place) -> Said:
    return Said(taken("{0}", op.index, place.axis(op.dim)))


def pixel_shuffle(op: Any, place: Place) -> Said:
    return made("pixel_shuffle", ("factor", op.upscale_factor), ("mode", op.mode, "crd"))


def pixel_unshuffle(op: Any, place: Place) -> Said:
    return made("pixel_unshuffle", ("factor", op.downscale_factor), ("mode", op.mode, "crd"))


def roll(op: Any, place: Place) -> Said:
    form = "{0}"
    for shift, along in op.turns(len(place.output)):
        form = f"ops.roll({form}, {shift}, axis={place.axis(1 + along)})"
    return Said(form)


def expand(op: Any, place: Place) -> Said:
    """Further axes come behind the batch."""
    new = len(place.output) - len(place.inputs[0])
    sizes = (*(1,) * new, *place.inputs[0])
    times = (1, *(m // n for n, m in zip(sizes, place.output, strict=True)))
    value = f"layers.Reshape({literal(sizes)})({{0}})" if new else "{0}"
    return Said(f"ops.tile({value}, {literal(times)})")
