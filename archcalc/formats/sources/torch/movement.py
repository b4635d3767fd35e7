"""What moves, selects, repeats or drops values in torch, and interpolation."""

from typing import Any

from archcalc.formats.sources.layout import literal
from archcalc.formats.sources.said import Said, alike, each, made
from archcalc.formats.sources.torch.windowed import reversed_sides
from archcalc.ops.base import Shape, Shapes, axis_of, both_sides, spread

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def concat(op: Any, inputs: Shapes, output: Shape) -> Said:
    if len(inputs) == 1:
        return made("nn.Identity")
    return Said(f"torch.cat(({', '.join(each(inputs))}), dim={1 + axis_of(op.dim, len(output))})")


def slice_(op: Any, inputs: Shapes, output: Shape) -> Said:
    start = str(op.start) if op.start else ""
    end = "" if op.end is None else str(op.end)
    step = f":{op.step}" if op.step > 1 else ""
    return Said(f"{{0}}[{':, ' * (1 + axis_of(op.dim, len(output)))}{start}:{end}{step}]")


def split(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said(f"{{0}}.chunk({op.chunks}, dim={1 + axis_of(op.dim, len(output))})[{op.index}]")


def channel_shuffle(op: Any, inputs: Shapes, output: Shape) -> Said:
    """torch's own wants a map."""
    if len(output) == 1:
        return Said(f"{{0}}.unflatten(1, ({op.groups}, -1)).transpose(1, 2).flatten(1)")
    return made("nn.ChannelShuffle", ("groups", op.groups))


def flatten(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Flatten", ("start_dim", op.start_dim, 1), ("end_dim", op.end_dim, -1))


def reshape(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said(f"{{0}}.reshape(len({{0}}), {', '.join(map(str, op.shape))})")


def permute(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said(f"{{0}}.permute({', '.join(map(str, op.dims))})")


def pad(op: Any, inputs: Shapes, output: Shape) -> Said:
    pads = both_sides(op.padding, len(output) - 1)
    if any(both_sides((op.channels,), 1)[0]):
        pads = (*both_sides((op.channels,), 1), *pads)
    mode = "" if op.mode == "constant" else f', mode="{op.mode}"'
    return Said(f"F.pad({{0}}, {literal(reversed_sides(pads))}{mode})")


def upsample(op: Any, inputs: Shapes, output: Shape) -> Said:
    """Where torch's quotients of floats could fall short of a whole one, the units that are read are listed."""
    rank = len(output) - 1
    mode = op.mode if op.mode in ("nearest", "bicubic") else _LINEAR[rank]
    if op.size is None:
        return made(
            "nn.Upsample",
            ("size", None, None),
            ("scale_factor", alike(op.scale_factor), None),
            ("mode", mode, "nearest"),
            ("align_corners", op.align_corners or None, None),
        )
    axes = list(zip(inputs[0][1:], spread(op.size, rank), strict=True))
    if mode == "nearest" and any(o % n for n, o in axes):
        units = [", ".join(str(unit * n // o) for unit in range(o)) for n, o in axes]
        form = "{0}"
        for axis, listed in enumerate(units, start=2):
            form += f"[{':, ' * axis}[{listed}]]"
        return Said(form)
    return made(
        "nn.Upsample",
        ("size", alike(op.size), None),
        ("scale_factor", None, None),
        ("mode", mode, "nearest"),
        ("align_corners", op.align_corners or None, None),
    )


def parameter(op: Any, inputs: Shapes, output: Shape) -> Said:
    """The same for every sample."""
    form = f"{{self}}.weight.expand(len({{batch}}), {', '.join('-1' for _ in op.shape)})"
    return made("Parameter", *((f"size{axis}", size) for axis, size in enumerate(op.shape)), form=form)


def constant(op: Any, inputs: Shapes, output: Shape) -> Said:
    """One number, or stored values; the same for every sample."""
    if op.value is not None:
        sizes = ", ".join(map(str, op.shape))
        return Said(f"{{batch}}.new_full((len({{batch}}), {sizes}), {literal(op.value)})")
    form = f"{{self}}.value.expand(len({{batch}}), {', '.join('-1' for _ in op.shape)})"
    return made("Constant", *((f"size{axis}", size) for axis, size in enumerate(op.shape)), form=form)


def index_select(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said(f"{{0}}[{':, ' * (1 + axis_of(op.dim, len(output)))}{list(op.index)}]")


def pixel_shuffle(op: Any, inputs: Shapes, output: Shape) -> Said:
    """torch has one of the two orders of channels; the other is dealt out by hand."""
    r = op.upscale_factor
    if op.mode == "crd":
        return made("nn.PixelShuffle", ("upscale_factor", r))
    return Said(f"{{0}}.unflatten(1, ({r}, {r}, -1)).permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)")


def pixel_unshuffle(op: Any, inputs: Shapes, output: Shape) -> Said:
    r = op.downscale_factor
    if op.mode == "crd":
        return made("nn.PixelUnshuffle", ("downscale_factor", r))
    return Said(f"{{0}}.unflatten(3, (-1, {r})).unflatten(2, (-1, {r})).permute(0, 3, 5, 1, 2, 4).flatten(1, 3)")


def roll(op: Any, inputs: Shapes, output: Shape) -> Said:
    shifts, axes = zip(*op.turns(len(output)), strict=True)
    return Said(f"torch.roll({{0}}, {literal(shifts)}, {literal(tuple(1 + axis for axis in axes))})")


def expand(op: Any, inputs: Shapes, output: Shape) -> Said:
    """Further axes come behind the batch."""
    new = len(output) - len(inputs[0])
    value = f"{{0}}.reshape(len({{0}}), {', '.join(map(str, (*(1,) * new, *inputs[0])))})" if new else "{0}"
    return Said(f"{value}.expand(-1, {', '.join(map(str, output))})")
