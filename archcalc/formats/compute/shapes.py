"""What only moves values: other shapes, orders of axes, joins and parts."""

from collections.abc import Callable, Sequence

import numpy as np

from archcalc.errors import Problem, UsageError, printable
from archcalc.formats.compute.call import Call, axes_of, axis_of, integers
from archcalc.forward.kernels import Array, movement


def identity(_: Call, x: Array) -> Array:
    """The input itself."""
    return x


def reshape(call: Call, x: Array, shape: Array) -> Array:
    """The same values in another shape; 0 keeps a size (unless `allowzero`), −1 is whatever is left."""
    sizes = list(integers(shape))
    if not call.get("allowzero", 0):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def flatten(call: Call, x: Array) -> Array:
    """A matrix: the axes before `axis`, and those from it on."""
    axis = call.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    if not 0 <= axis <= x.ndim:
        raise UsageError(Problem(f"Flatten at axis {axis} of {x.ndim}"))
    rows = int(np.prod(x.shape[:axis], dtype=np.int64))
    return x.reshape(rows, int(np.prod(x.shape[axis:], dtype=np.int64)))


def transpose(call: Call, x: Array) -> Array:
    """Axes in another order, the reverse one unless told."""
    return movement.permute(x, call.get("perm", tuple(reversed(range(x.ndim)))))


def given_axes(call: Call, axes: Array | None, since: int) -> tuple[int, ...] | None:
    """Axes, which are an input since an opset and were an attribute before it; None where neither is there."""
    if call.opset < since:
        stated: tuple[int, ...] | None = call.get("axes", None)
        return stated
    return None if axes is None else integers(axes)


def squeeze(call: Call, x: Array, axes: Array | None = None) -> Array:
    """Without the axes that are named, or without all of size 1."""
    gone = given_axes(call, axes, 13)
    return x.squeeze(None if gone is None else axes_of(gone, x.ndim))


def unsqueeze(call: Call, x: Array, axes: Array | None = None) -> Array:
    """With new axes of size 1, which are counted in the result."""
    new = given_axes(call, axes, 13)
    if new is None:
        raise UsageError(Problem("Unsqueeze has no axes"))
    return np.expand_dims(x, axes_of(new, x.ndim + len(new)))


def concat(call: Call, *inputs: Array) -> Array:
    """Side by side along an axis."""
    axis = axis_of(call.need("axis"), inputs[0].ndim)
    shape = list(inputs[0].shape)
    shape[axis] = sum(x.shape[axis] for x in inputs)
    call.room(shape, inputs[0].dtype)
    return movement.concat(inputs, axis)


def split(call: Call, x: Array, sizes: Array | None = None) -> tuple[Array, ...]:
    """Parts along an axis: of the sizes given, or as many of one size as there are outputs, the last one smaller.

    The sizes are an attribute before opset 13; since opset 18 the number of parts may be one.
    """
    axis = axis_of(call.get("axis", 0), x.ndim)
    stated: Sequence[int] | None
    stated = call.get("split", None) if call.opset < 13 else None if sizes is None else integers(sizes)
    if stated is None:
        count = call.get("num_outputs", call.outputs)
        size = -(-x.shape[axis] // count)
        stated = [max(min(size, x.shape[axis] - index * size), 0) for index in range(count)]
    if sum(stated) != x.shape[axis] or min(stated) < 0:
        raise UsageError(Problem(f"Split of {x.shape[axis]} units into {printable(', '.join(map(str, stated)), 80)}"))
    ends = np.cumsum(stated)
    return tuple(movement.cut(x, axis, int(end) - size, int(end)) for size, end in zip(stated, ends, strict=True))


def slice_(
    call: Call,
    x: Array,
    starts: Array | None = None,
    ends: Array | None = None,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    """From `starts` up to but without `ends` along `axes`, every `steps`-th unit; attributes before opset 10.

    Places beyond the array are those at its edge, places below zero are counted from its end.
    """
    if call.opset < 10:
        first, last = call.need("starts"), call.need("ends")
        along, by = call.get("axes", None), None
    elif starts is None or ends is None:
        raise UsageError(Problem("Slice has no starts or no ends"))
    else:
        first, last = integers(starts), integers(ends)
        along, by = (None if values is None else integers(values) for values in (axes, steps))
    along = axes_of(range(len(first)) if along is None else along, x.ndim)
    for axis, begin, end, step in zip(along, first, last, by or [1] * len(first), strict=True):
        # Python's own slices clamp alike; an end before the first unit cannot be said by a number there.
        begin, end, step = slice(begin, end, step).indices(x.shape[axis])
        if not range(begin, end, step):
            begin, end, step = 0, 0, 1
        x = movement.cut(x, axis, begin, None if end < 0 else end, step)
    return x


def expand(call: Call, x: Array, shape: Array) -> Array:
    """Sizes of 1 stretched to those of `shape`, and the other way round."""
    return np.broadcast_to(x, call.room(np.broadcast_shapes(x.shape, _sizes(shape)), x.dtype))


def tile(call: Call, x: Array, repeats: Array) -> Array:
    """The whole array again and again, `repeats` times along each axis."""
    times = _sizes(repeats)
    call.room([n * count for n, count in zip(x.shape, times, strict=True)], x.dtype)
    return np.tile(x, times)


def depth_to_space(call: Call, x: Array) -> Array:
    """Channels dealt out to the places of blocks; the blocks' axes come first in mode DCR, behind in CRD."""
    size, mode = _block(call)
    if x.shape[1] % size**2:
        raise UsageError(Problem(f"{call.kind} of {x.shape[1]} channels into blocks of {size}×{size}"))
    return movement.pixel_shuffle(x, size, mode)


def space_to_depth(call: Call, x: Array) -> Array:
    """The places of blocks dealt out to channels: what undoes DepthToSpace."""
    size, mode = _block(call)
    if any(n % size for n in x.shape[2:]):
        raise UsageError(Problem(f"{call.kind} of {x.shape} into blocks of {size}×{size}"))
    return movement.pixel_unshuffle(x, size, mode)


def _block(call: Call) -> tuple[int, movement.DealtOut]:
    size, mode = call.need("blocksize"), call.get("mode", "DCR")
    if size < 1 or mode not in _DEALT_OUT:
        raise UsageError(
            Problem(f"{call.kind} in blocks of {size}, mode {printable(str(mode), 40)}", None, "CRD or DCR")
        )
    return size, _DEALT_OUT[mode]


_DEALT_OUT: dict[str, movement.DealtOut] = {"CRD": "crd", "DCR": "dcr"}


def _sizes(values: Array) -> tuple[int, ...]:
    """Sizes, none below zero."""
    sizes = integers(values)
    if min(sizes, default=0) < 0:
        raise UsageError(Problem(f"sizes below zero: {printable(', '.join(map(str, sizes)), 80)}"))
    return sizes


OPERATORS: dict[str, Callable[..., Array | tuple[Array, ...]]] = {
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Flatten": flatten,
    "Identity": identity,
    "Reshape": reshape,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
