"""Padding and resizing."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from msgspec import Struct

from archcalc.errors import Problem, UsageError, printable
from archcalc.formats.compute.call import Call, axes_of, integers
from archcalc.forward.kernels import Array, movement
from archcalc.forward.kernels.resample import between, cubic, resample, triangle

_PADDINGS: dict[str, movement.Mode] = {
    "constant": "constant",
    "reflect": "reflect",
    "edge": "replicate",
    "wrap": "circular",
}


def pad(
    call: Call, x: Array, pads: Array | None = None, value: Array | None = None, axes: Array | None = None
) -> Array:
    """A value, or values of the array itself, around it; negative sides crop. Attributes before opset 11."""
    mode = call.get("mode", "constant")
    if mode not in _PADDINGS:
        raise UsageError(Problem(f"Pad has no mode {printable(str(mode), 40)}", None, ", ".join(_PADDINGS)))
    stated = call.need("pads") if call.opset < 11 else () if pads is None else integers(pads)
    fill = call.get("value", 0.0) if call.opset < 11 else 0 if value is None else value.reshape(()).item()
    where = axes_of(range(x.ndim) if axes is None else integers(axes), x.ndim)
    if len(stated) != 2 * len(where):
        raise UsageError(Problem(f"Pad has {len(stated)} sides of {len(where)} axes", None, "two for each axis"))
    sides = [(0, 0)] * x.ndim
    for axis, before, after in zip(where, stated, stated[len(where) :], strict=False):
        sides[axis] = (before, after)
    call.room([n + max(before, 0) + max(after, 0) for n, (before, after) in zip(x.shape, sides, strict=True)], x.dtype)
    return movement.pad(x, sides, _PADDINGS[mode], fill)


class _Axis(Struct, frozen=True):
    """How one axis is resized: from `n` to `size` units, by a scale that need not be their quotient.

    `begin` and `end` are the part that is resized, in shares of the axis.
    """

    n: int
    size: int
    scale: float
    begin: float = 0.0
    end: float = 1.0


def resize(
    call: Call, x: Array, roi: Array | None = None, scales: Array | None = None, sizes: Array | None = None
) -> Array:
    """Other sizes by interpolation, axis by axis: nearest, linear or cubic, with ONNX's maps of coordinates.

    Opset 10 takes the scales as its second input, and maps coordinates as `asymmetric` does.
    """
    if call.opset < 11:
        return upsample(call, x, roi)
    where = axes_of(call.get("axes", range(x.ndim)), x.ndim)
    stated = _stated(call, x, where, scales, sizes)
    transform = call.get("coordinate_transformation_mode", "half_pixel")
    if transform == "tf_crop_and_resize":
        parts = [] if roi is None else [float(part) for part in roi.ravel()]
        if len(parts) != 2 * len(where):
            raise UsageError(
                Problem(f"Resize crops by {len(parts)} numbers", None, f"two for each of {len(where)} axes")
            )
        stated = [
            _Axis(axis.n, axis.size, axis.scale, begin, end)
            for axis, begin, end in zip(stated, parts, parts[len(where) :], strict=False)
        ]
    return _resized(
        call, x, dict(zip(where, stated, strict=True)), transform, call.get("nearest_mode", "round_prefer_floor")
    )


def upsample(call: Call, x: Array, scales: Array | None = None) -> Array:
    """Upsample, and Resize of opset 10: scales for all axes, an attribute before opset 9."""
    factors = call.need("scales") if call.opset < 9 else () if scales is None else scales.ravel()
    stated = _by_scales(x, range(x.ndim), [float(factor) for factor in factors])
    return _resized(call, x, dict(enumerate(stated)), "asymmetric", "floor")


def _by_scales(x: Array, where: Sequence[int], scales: Sequence[float]) -> list[_Axis]:
    if len(scales) != len(where) or not all(0 < scale < math.inf for scale in scales):
        shown = printable(", ".join(map(str, scales)), 60)
        raise UsageError(
            Problem(f"it is resized by {shown or 'nothing'}", None, f"positive, one for each of {len(where)} axes")
        )
    return [
        _Axis(x.shape[axis], math.floor(x.shape[axis] * scale), scale)
        for axis, scale in zip(where, scales, strict=True)
    ]


def _stated(call: Call, x: Array, where: Sequence[int], scales: Array | None, sizes: Array | None) -> list[_Axis]:
    """By scales or by sizes; by a policy, sizes are bounds, and all axes have one scale."""
    if scales is not None and scales.size:
        return _by_scales(x, where, [float(scale) for scale in scales.ravel()])
    wanted = () if sizes is None else integers(sizes)
    if len(wanted) != len(where):
        raise UsageError(Problem(f"Resize has {len(wanted)} sizes", None, f"there are {len(where)} axes"))
    factors = [size / x.shape[axis] for axis, size in zip(where, wanted, strict=True)]
    policy = call.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return [_Axis(x.shape[axis], size, f) for axis, size, f in zip(where, wanted, factors, strict=True)]
    if policy not in ("not_larger", "not_smaller"):
        raise UsageError(Problem(f"Resize has no policy {printable(str(policy), 40)}"))
    one = min(factors) if policy == "not_larger" else max(factors)
    return [_Axis(x.shape[axis], math.floor(x.shape[axis] * one + 0.5), one) for axis in where]


def _resized(call: Call, x: Array, axes: dict[int, _Axis], transform: str, nearest: str) -> Array:
    call.room([axes[a].size if a in axes else n for a, n in enumerate(x.shape)], np.promote_types(x.dtype, np.float32))
    if call.get("mode", "nearest") == "nearest":
        take = partial(_nearest, nearest)
        y, beyond = _each_axis(x, axes, transform, take)
    else:
        # Whole numbers are interpolated as float64 and rounded.
        floating = x if x.dtype.kind not in "iub" else x.astype(np.float64)
        y, beyond = _each_axis(floating, axes, transform, partial(_interpolated, call))
        if floating is not x:
            bounds = np.iinfo(x.dtype)
            y = np.rint(y).clip(bounds.min, bounds.max).astype(x.dtype)
    return np.where(beyond, np.asarray(call.get("extrapolation_value", 0.0), x.dtype), y) if beyond.any() else y


def _each_axis(
    x: Array, axes: dict[int, _Axis], transform: str, resized: Callable[[Array, int, _Axis, Array], Array]
) -> tuple[Array, Array]:
    """All axes resized in turn, and which values were read from beyond the array (only crops reach there)."""
    beyond = np.zeros((1,) * x.ndim, bool)
    for axis, stated in axes.items():
        if (stated.n, stated.scale, stated.begin, stated.end) == (stated.size, 1.0, 0.0, 1.0):
            continue
        points = _points(stated, transform)
        if transform == "tf_crop_and_resize":
            outside = (points < 0) | (points > stated.n - 1)
            beyond = beyond | outside.reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        x = resized(x, axis, stated, points)
    return x, beyond


def _points(axis: _Axis, transform: str) -> Array:
    """Where on the axis each unit of the result lies. Source: the table of ONNX's Resize."""
    i, n, length = np.arange(axis.size), axis.n, axis.scale * axis.n
    if transform == "align_corners":
        return np.zeros(axis.size) if length == 1 else i * (n - 1) / (length - 1)
    if transform == "tf_crop_and_resize":
        begin, whole = axis.begin * (n - 1), (axis.end - axis.begin) * (n - 1)
        return np.full(axis.size, begin + whole / 2) if length == 1 else begin + i * whole / (length - 1)
    if transform == "asymmetric":
        return i / axis.scale
    if transform == "tf_half_pixel_for_nn":
        return (i + 0.5) / axis.scale
    if transform == "pytorch_half_pixel" and length == 1:
        return np.full(axis.size, -0.5)
    if transform not in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
        raise UsageError(Problem(f"Resize maps no coordinates by {printable(str(transform), 40)}"))
    ahead = n / 2 * (1 - axis.size / length) if transform == "half_pixel_symmetric" else 0.0
    return ahead + (i + 0.5) / axis.scale - 0.5


_ROUNDED: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda points: np.ceil(points - 0.5),
    "round_prefer_ceil": lambda points: np.floor(points + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _nearest(mode: str, x: Array, axis: int, stated: _Axis, points: Array) -> Array:
    if mode not in _ROUNDED:
        raise UsageError(Problem(f"Resize rounds by {printable(str(mode), 40)}", None, ", ".join(_ROUNDED)))
    # A point that is a whole number or a half but for the rounding of its own computation shall not be the next unit's.
    points = np.round(points, 9)
    return x.take(np.clip(_ROUNDED[mode](points), 0, stated.n - 1).astype(np.int64), axis)


def _interpolated(call: Call, x: Array, axis: int, stated: _Axis, points: Array) -> Array:
    mode = call.get("mode", "nearest")
    if mode not in ("linear", "cubic"):
        raise UsageError(Problem(f"Resize has no mode {printable(str(mode), 40)}", None, "nearest, linear, cubic"))
    curve, reach = (triangle, 1) if mode == "linear" else (partial(cubic, a=call.get("cubic_coeff_a", -0.75)), 2)
    zoom = min(stated.scale, 1.0) if call.get("antialias", 0) else 1.0
    outside = not call.get("exclude_outside", 0)
    call.room((len(points), 2 * math.ceil(reach / zoom)), np.float64)
    return resample(x, axis, *between(points, stated.n, curve, reach, zoom, outside))


OPERATORS: dict[str, Callable[..., Array]] = {"Pad": pad, "Resize": resize, "Upsample": upsample}
