"""Operators that move values: what only moves the batch, or axes of size 1 beside it, is no layer at all."""

from collections.abc import Sequence
from typing import Any

from archcalc.formats.importer.lowering import Call, Rule, Unlike
from archcalc.formats.importer.values import Batch, Constant, Flow, Value, computed, sample_axis
from archcalc.numbers import product
from archcalc.ops import OPS
from archcalc.ops.base import Shape
from archcalc.ops.join import Concat
from archcalc.ops.reshape import Pad, Permute, Slice, Split


def reshape(call: Call) -> Value:
    """A size of 0 is that of the input, one of −1 what is left."""
    flow, given = call.flow(), call.numbers("shape", 1)
    if given is None:
        raise call.error("has no shape")
    allowed = call.get("allowzero", 0)
    if any(size == 0 and not allowed and place >= len(flow.shape) for place, size in enumerate(given)):
        raise call.error(f"copies an axis that {len(flow.shape)} axes do not have")
    target = [flow.shape[i] if size == 0 and not allowed else size for i, size in enumerate(given)]
    if target.count(-1) > 1 or min(target, default=1) < -1:
        raise call.error(f"{list(given)} is not a shape")
    known = product(size for size in target if size != -1)
    if -1 in target:
        if not known or product(flow.shape) % known:
            raise call.error(f"{list(given)} does not hold {product(flow.shape)} values")
        target[target.index(-1)] = product(flow.shape) // known
    return call.reshape(flow, tuple(target))


def flatten(call: Call) -> Value:
    """To a matrix: the axes before `axis`, and the others."""
    flow = call.flow()
    axis = call.get("axis", 1)
    axis += len(flow.shape) if axis < 0 else 0
    return call.reshape(flow, (product(flow.shape[:axis]), product(flow.shape[axis:])))


def turned(call: Call, flow: Flow, order: tuple[int, ...]) -> Flow:
    """The axes in another order."""
    if sorted(order) != list(range(len(flow.shape))):
        raise call.error(f"{list(order)} does not order {len(flow.shape)} axes")
    shape = tuple(flow.shape[axis] for axis in order)
    batch = flow.batch and Batch(order.index(flow.batch.axis), *flow.batch[1:])
    kept = [axis for axis in order if not (flow.batch and flow.batch.alone and axis == flow.batch.axis)]
    places = [sample_axis(axis, flow.batch) for axis in kept]
    if places == sorted(places):
        return Flow(flow.draft, shape, batch)
    return call.emit(Permute((0, *(place + 1 for place in places))), [flow], shape, batch)


def transpose(call: Call) -> Value:
    """By default the other way round."""
    flow = call.flow()
    return turned(call, flow, tuple(call.get("perm") or reversed(range(len(flow.shape)))))


def _axes(call: Call, given: tuple[int, ...] | None, rank: int) -> tuple[int, ...] | None:
    """Axes counted from the front; None where none are given."""
    if given is None:
        return None
    if any(not -rank <= axis < rank for axis in given):
        raise call.error(f"{list(given)} are not axes of {rank}")
    return tuple(axis % rank for axis in given)


def squeeze(call: Call) -> Value:
    """Without axes of size 1."""
    flow = call.flow()
    axes = _axes(call, call.numbers("axes", 1), len(flow.shape))
    axes = tuple(i for i, size in enumerate(flow.shape) if size == 1) if axes is None else axes
    if any(flow.shape[axis] != 1 for axis in axes):
        raise call.error(f"{flow.shape} has more than one value along {list(axes)}")
    return without(call, flow, axes)


def without(call: Call, flow: Flow, axes: tuple[int, ...]) -> Flow:
    """The value without axes of size 1."""
    kept = [axis for axis in range(len(flow.shape)) if axis not in axes]
    flow = call.off(flow, *axes) if kept else call.relaid(flow, None)
    batch = flow.batch and Batch(kept.index(flow.batch.axis), *flow.batch[1:])
    return _same_values(call, flow, tuple(flow.shape[axis] for axis in kept), batch)


def unsqueeze(call: Call) -> Value:
    """With further axes of size 1."""
    flow, given = call.flow(), call.numbers("axes", 1)
    rank = len(flow.shape) + len(given or ())
    axes = _axes(call, given, rank) or ()
    if len(set(axes)) < len(axes) or rank > 16:
        raise call.error(f"{list(given or ())} are not axes of {rank}")
    sizes = iter(flow.shape)
    shape = tuple(1 if axis in axes else next(sizes) for axis in range(rank))
    kept = [axis for axis in range(rank) if axis not in axes]
    batch = flow.batch and Batch(kept[flow.batch.axis], *flow.batch[1:])
    return _same_values(call, flow, shape, batch)


def _same_values(call: Call, flow: Flow, shape: Shape, batch: Batch | None) -> Flow:
    sample = Flow(0, shape, batch).sample
    if not sample:
        return Flow(flow.draft if flow.sample in ((), (1,)) else call.as_samples(flow, (1,)), shape, batch)
    return Flow(call.as_samples(flow, sample), shape, batch)


def concat(call: Call) -> Value:
    """Constants among the inputs are the same for every sample."""
    values = [value for value in call.inputs if value is not None and 0 not in value.shape]
    if not values:
        raise call.error("joins nothing")
    if len(values) == 1:
        return values[0]
    rank = len(values[0].shape)
    axis = call.get("axis", 1)
    axis = axis % rank if -rank <= axis < rank else rank
    others = {(*value.shape[:axis], *value.shape[axis + 1 :]) for value in values}
    if axis == rank or len(others) > 1:
        raise call.error(f"cannot join {' and '.join(str(list(value.shape)) for value in values)} along {axis}")
    return joined(call, values, axis)


def joined(call: Call, values: Sequence[Value], axis: int) -> Flow:
    """Values of one shape but for this axis, one behind the other along it."""
    whole = (*values[0].shape[:axis], sum(value.shape[axis] for value in values), *values[0].shape[axis + 1 :])
    flows = [call.off(value, axis) if isinstance(value, Flow) else value for value in values]
    batch = next((value.batch for value in flows if isinstance(value, Flow) and value.batch is not None), None)
    drafts = [_placed(call, value, batch) for value in flows]
    place = sample_axis(axis, batch)
    return call.write(Concat(place + 1), drafts, whole, batch, {})


def _placed(call: Call, value: Value, batch: Batch | None) -> int:
    """The draft of an input with the batch where the others have it; of a constant one sample's share."""
    if isinstance(value, Flow):
        return call.relaid(value, batch).draft if value.batch != batch else value.draft
    shape = value.shape
    if batch is not None and shape[batch.axis] != 1 and call.count != 1:
        raise Unlike("a constant has other values for each sample")
    return call.leaf(value, Flow(0, shape, batch).sample).draft


def cut(call: Call, flow: Flow, axis: int, start: int, end: int, step: int = 1) -> Flow:
    """The units from `start` up to but without `end` of an axis."""
    size = flow.shape[axis]
    if (start, end, step) == (0, size, 1):
        return flow
    flow = call.off(flow, axis)
    place = sample_axis(axis, flow.batch)
    count = (end - start - 1) // step + 1
    shape = (*flow.shape[:axis], count, *flow.shape[axis + 1 :])
    op = Slice(place + 1, start, None if end == size else end, step)
    return call.emit(op, [flow], shape, flow.batch)


def slices(call: Call) -> Value:
    """Along several axes one after the other; backwards by naming the units. What is left of nothing is a constant."""
    flow = call.flow()
    starts, ends = call.numbers("starts", 1), call.numbers("ends", 2)
    if starts is None or ends is None:
        raise call.error("has neither start nor end")
    rank = len(flow.shape)
    axes = _axes(call, call.numbers("axes", 3), rank) or tuple(range(len(starts)))
    steps = call.numbers("steps", 4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps or max(axes, default=0) >= rank:
        raise call.error("its starts, ends, axes and steps do not go together")
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        units = range(flow.shape[axis])[slice(max(start, -(2**62)), min(end, 2**62), step)]
        if not units:
            return _nothing((*flow.shape[:axis], 0, *flow.shape[axis + 1 :]))
        if step > 0:
            flow = cut(call, flow, axis, units[0], units[-1] + 1, step)
        else:
            flow = select(call, flow, axis, tuple(units))
    return flow


def _nothing(shape: Shape) -> Constant:
    """An array without values, as a map rolled by nothing is joined with."""
    import numpy as np

    return computed(np.zeros(shape, np.float32))


def select(call: Call, flow: Flow, axis: int, units: tuple[int, ...]) -> Flow:
    """Some units of an axis, in this order."""
    if units == tuple(range(units[0], units[0] + len(units))):
        return cut(call, flow, axis, units[0], units[0] + len(units))
    flow = call.off(flow, axis)
    shape = (*flow.shape[:axis], len(units), *flow.shape[axis + 1 :])
    op = OPS["index_select"](dim=sample_axis(axis, flow.batch) + 1, index=units)
    return call.emit(op, [flow], shape, flow.batch)


def gather(call: Call) -> Value:
    """Units by constant numbers; what those have for a shape takes the place of the axis."""
    flow, indices = call.flow(), call.constant(1)
    if indices is None or indices.dtype not in ("int64", "int32"):
        raise call.error("has no indices")
    rank = len(flow.shape)
    (axis,) = _axes(call, (call.get("axis", 0),), rank) or (0,)
    size, count = flow.shape[axis], product(indices.shape)
    if not 0 < count <= 1 << 20:
        raise Unlike(f"it gathers {count:,} units")
    units = tuple(int(unit) for unit in indices.array().reshape(-1))
    if any(not -size <= unit < size for unit in units):
        raise call.error(f"gathers beyond {size} units")
    found = select(call, flow, axis, tuple(unit % size for unit in units))
    if len(indices.shape) == 1:
        return found
    if not indices.shape:
        return without(call, found, (axis,))
    return call.reshape(found, (*flow.shape[:axis], *indices.shape, *flow.shape[axis + 1 :]))


def split(call: Call) -> list[Value]:
    """Equal parts, or parts of these sizes."""
    flow = call.flow()
    (axis,) = _axes(call, (call.get("axis", 0),), len(flow.shape)) or (0,)
    size, count = flow.shape[axis], len(call.operation.outputs)
    sizes = call.numbers("split", 1)
    if sizes is None:
        each = -(-size // count)
        sizes = (*(each for _ in range(count - 1)), size - each * (count - 1))
    if sum(sizes) != size or min(sizes) < 1 or len(sizes) != count:
        raise call.error(f"{list(sizes)} are not the parts of {size}")
    outputs: list[Value] = []
    start = 0
    for index, part in enumerate(sizes):
        if len(set(sizes)) == 1 and count > 1:
            whole = call.off(flow, axis)
            shape = (*flow.shape[:axis], part, *flow.shape[axis + 1 :])
            op = Split(count, index, sample_axis(axis, whole.batch) + 1)
            outputs.append(call.emit(op, [whole], shape, whole.batch))
        else:
            outputs.append(cut(call, flow, axis, start, start + part))
        start += part
    return outputs


def expand(call: Call) -> Value:
    """Axes of size 1 repeated."""
    value, given = call.value(0), call.numbers("shape", 1) or ()
    if isinstance(value, Constant) and call.count > 1 and given[:1] == (call.count,) and len(value.shape) > 1:
        padded = (1,) * (len(given) - len(value.shape)) + value.shape
        if padded[0] == 1 and len(padded) == len(given):
            # What is repeated for each sample is there once for one of them.
            once = call.leaf(value, padded[1:])
            return _expanded(call, Flow(once.draft, (call.count, *padded[1:]), Batch(0)), given)
    return _expanded(call, call.flow(), given)


def _expanded(call: Call, flow: Flow, given: tuple[int, ...]) -> Flow:
    rank = max(len(flow.shape), len(given))
    flow = _same_values(
        call,
        flow,
        (1,) * (rank - len(flow.shape)) + flow.shape,
        flow.batch and Batch(flow.batch.axis + rank - len(flow.shape), *flow.batch[1:]),
    )
    wanted = (1,) * (rank - len(given)) + given
    if any((m not in (1, n) and n != 1) or m < 1 for n, m in zip(flow.shape, wanted, strict=True)):
        raise call.error(f"{list(flow.shape)} cannot be expanded to {list(given)}")
    shape = tuple(max(n, m) for n, m in zip(flow.shape, wanted, strict=True))
    if shape == flow.shape:
        return flow
    batch = flow.batch
    if batch is not None and shape[batch.axis] != flow.shape[batch.axis]:
        flow = call.off(flow, batch.axis)
        batch = flow.batch
    return call.emit(OPS["expand"](shape=Flow(0, shape, batch).sample), [flow], shape, batch)


def tile(call: Call) -> Value:
    """The whole several times along axes."""
    flow, times = call.flow(), call.numbers("repeats", 1)
    if times is None or len(times) != len(flow.shape) or min(times) < 1 or product(times) > 1 << 10:
        raise Unlike("it repeats too often")
    for axis, count in enumerate(times):
        if count > 1:
            flow = call.off(flow, axis)
            shape = (*flow.shape[:axis], flow.shape[axis] * count, *flow.shape[axis + 1 :])
            flow = call.write(Concat(sample_axis(axis, flow.batch) + 1), [flow.draft] * count, shape, flow.batch, {})
    return flow


def one_or_all(values: Sequence[Any]) -> Any:
    """One number where all axes have the same, else one an axis: a pair of sides that are alike is one number."""
    sides = tuple(pair[0] if isinstance(pair, tuple) and pair[0] == pair[1] else pair for pair in values)
    return sides[0] if sides and isinstance(sides[0], int) and len(set(sides)) == 1 else sides


_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def pad(call: Call) -> Value:
    """Zeros around any axes but the batch; what is put around a pooling of largest values may be −∞."""
    flow = call.flow()
    rank, mode = len(flow.shape), _MODES.get(call.get("mode", "constant"))
    given = call.numbers("pads", 1)
    if given is None:
        raise call.error("has no pads")
    axes = _axes(call, call.numbers("", 3), rank) or tuple(range(rank))
    if len(given) != 2 * len(axes) or mode is None or max(map(abs, given), default=0) > 2**31:
        raise call.error(f"pads {list(given)} are not two for each of {len(axes)} axes")
    sides = dict(zip(axes, zip(given[: len(axes)], given[len(axes) :], strict=True), strict=True))
    padded = [axis for axis in range(rank) if any(sides.get(axis, (0, 0)))]
    if not padded:
        return flow
    flow = call.off(flow, *padded)
    shape = tuple(n + sum(sides.get(axis, (0, 0))) for axis, n in enumerate(flow.shape))
    pairs = [(0, 0)] * len(flow.sample)
    for axis in padded:
        pairs[sample_axis(axis, flow.batch)] = sides[axis]
    value = call.get("value", 0.0) if call.opset < 11 else call.scalar(2) or 0.0
    if mode == "constant" and value != 0.0:
        return _surrounded(call, flow, {axis: sides[axis] for axis in padded}, float(value))
    if not 2 <= len(pairs) <= 4:
        raise Unlike(f"it pads a sample of {len(pairs)} axes")
    channels = pairs[0][0] if pairs[0][0] == pairs[0][1] else pairs[0]
    return call.emit(Pad(one_or_all(pairs[1:]), channels, mode), [flow], shape, flow.batch)  # type: ignore[arg-type]


def _surrounded(call: Call, flow: Flow, sides: dict[int, tuple[int, int]], value: float) -> Flow:
    """Another number than 0 around a value: joined to it as what it is."""
    if value == float("-inf"):
        raise Unlike("it pads with −∞")
    for axis, pair in sides.items():
        if min(pair) < 0:
            raise Unlike("it crops and pads")
        place, drafts = sample_axis(axis, flow.batch), [flow.draft]
        for count, last in zip(pair, (False, True), strict=True):
            if count:
                shape = (*flow.sample[:place], count, *flow.sample[place + 1 :])
                side = call.write(OPS["constant"](shape=shape, value=value), [], shape, None, {}).draft
                drafts = [*drafts, side] if last else [side, *drafts]
        whole = (*flow.shape[:axis], flow.shape[axis] + sum(pair), *flow.shape[axis + 1 :])
        flow = call.write(Concat(place + 1), drafts, whole, flow.batch, {})
    return flow


def depth_to_space(call: Call) -> Value:
    """Channels to places."""
    flow, size = call.batch_first(call.flow()), call.get("blocksize", 1)
    n, c, *places = flow.shape
    op = OPS["pixel_shuffle"](upscale_factor=size, mode=str(call.get("mode", "DCR")).lower())
    return call.emit(op, [flow], (n, c // (size * size), *(place * size for place in places)), flow.batch)


def space_to_depth(call: Call) -> Value:
    """Places to channels."""
    flow, size = call.batch_first(call.flow()), call.get("blocksize", 1)
    n, c, *places = flow.shape
    op = OPS["pixel_unshuffle"](downscale_factor=size, mode="dcr")
    return call.emit(op, [flow], (n, c * size * size, *(place // size for place in places)), flow.batch)


RULES: dict[str, Rule] = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Concat": concat,
    "Slice": slices,
    "Gather": gather,
    "Split": split,
    "Expand": expand,
    "Tile": tile,
    "Pad": pad,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
