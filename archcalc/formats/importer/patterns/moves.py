"""Movements that are one: shuffles, rolls, and what undoes itself."""

from archcalc.formats.importer.draft import Sketch
from archcalc.formats.importer.lowering import reshape_to
from archcalc.formats.importer.patterns.matching import fused, inputs, is_inner, keyword
from archcalc.ops import OPS
from archcalc.ops.base import axis_of
from archcalc.ops.reshape import ChannelShuffle, Permute, Slice, Split

_RESHAPES = ("reshape", "flatten")


def reshaped_twice(sketch: Sketch, position: int) -> bool:
    """The last shape is what counts; none where it is the first."""
    (before,) = inputs(sketch, position)
    draft = sketch.drafts[position]
    if sketch.drafts[before].shape == draft.shape and draft.inputs != (position,) and sketch.readers[position]:
        sketch.bypass(position, before)
        return False
    if keyword(sketch, before) not in _RESHAPES or sketch.only_reader(before) is None:
        return False
    (x,) = inputs(sketch, before)
    return fused(sketch, position, reshape_to(sketch.drafts[x].shape, draft.shape), (x,))


def permuted_twice(sketch: Sketch, position: int) -> bool:
    """One order after another is one order; none where they undo each other."""
    (before,) = inputs(sketch, position)
    if not is_inner(sketch, before, "permute"):
        return False
    outer, inner = sketch.drafts[position].op, sketch.drafts[before].op
    if not isinstance(outer, Permute) or not isinstance(inner, Permute):
        return False
    (x,) = inputs(sketch, before)
    dims = tuple(inner.dims[dim] for dim in outer.dims)
    if dims == tuple(range(len(dims))) and sketch.readers[position] and position not in sketch.outputs:
        sketch.bypass(position, x)
        return False
    return fused(sketch, position, Permute(dims), (x,))


def channel_shuffle(sketch: Sketch, position: int) -> bool:
    """Channels as groups, groups and their channels exchanged, channels again."""
    (turned,) = inputs(sketch, position)
    if not is_inner(sketch, turned, "permute"):
        return False
    (parted,) = inputs(sketch, turned)
    if not is_inner(sketch, parted, "reshape"):
        return False
    (x,) = inputs(sketch, parted)
    shape, grouped = sketch.drafts[x].shape, sketch.drafts[parted].shape
    dims = getattr(sketch.drafts[turned].op, "dims", ())
    exchanged = dims == (0, 2, 1, *range(3, len(grouped) + 1))
    if not exchanged or len(grouped) != len(shape) + 1 or grouped[2:] != shape[1:] or len(shape) < 2:
        return False
    return sketch.drafts[position].shape == shape and fused(sketch, position, ChannelShuffle(grouped[0]), (x,))


def roll(sketch: Sketch, position: int) -> bool:
    """The end of an axis joined before its beginning."""
    reads = inputs(sketch, position)
    if len(reads) != 2 or not all(is_inner(sketch, part, "slice") for part in reads):
        return False
    first, second = (sketch.drafts[part] for part in reads)
    if first.inputs != second.inputs or not isinstance(first.op, Slice) or not isinstance(second.op, Slice):
        return False
    dim, cut = first.op.dim, first.op.start
    ends = first.op.end is None and second.op.start == 0 and second.op.end == cut
    if not ends or second.op.dim != dim or first.op.step != 1 or second.op.step != 1:
        return False
    if getattr(sketch.drafts[position].op, "dim", 0) != dim:
        return False
    return fused(sketch, position, OPS["roll"](shifts=-cut, dims=dim), first.inputs)


def parted(sketch: Sketch, position: int) -> bool:
    """Slices of equal size that are all of an axis together: the parts of a split."""
    (x,) = inputs(sketch, position)
    op, size = sketch.drafts[position].op, 0
    parts = []
    for reader in sketch.readers[x]:
        other = sketch.drafts[reader].op
        if isinstance(other, Slice) and isinstance(op, Slice) and other.dim == op.dim and other.step == 1:
            parts.append((other.start, reader))
    axis = axis_of(getattr(op, "dim", 1), len(sketch.drafts[x].shape))
    whole, size = sketch.drafts[x].shape[axis], sketch.drafts[position].shape[axis]
    equal = all(sketch.drafts[reader].shape[axis] == size for _, reader in parts)
    if len(parts) < 2 or not equal or sorted(start for start, _ in parts) != list(range(0, whole, size)):
        return False
    return all(fused(sketch, reader, Split(whole // size, start // size, axis + 1), (x,)) for start, reader in parts)


def stretched(sketch: Sketch, position: int) -> bool:
    """Joins stretch by themselves what was expanded for them."""
    draft = sketch.drafts[position]
    for place, producer in enumerate(draft.inputs):
        if not is_inner(sketch, producer, "expand"):
            continue
        (x,) = inputs(sketch, producer)
        reads = (*draft.inputs[:place], x, *draft.inputs[place + 1 :])
        if len(sketch.drafts[x].shape) == len(draft.shape) and fused(sketch, position, draft.op, reads):
            return True
    return False


_JOINS = ("add", "sub", "mul", "div", "min", "max")
TIDY = {
    "reshape": (reshaped_twice,),
    "flatten": (reshaped_twice,),
    "permute": (permuted_twice,),
    **dict.fromkeys(_JOINS, (stretched,)),
}
PATTERNS = {"reshape": (channel_shuffle,), "flatten": (channel_shuffle,), "concat": (roll,), "slice": (parted,)}
