"""Sums, means and extremes along axes."""

from archcalc.formats.importer.lowering import Call, Rule
from archcalc.formats.importer.rules.movement import without
from archcalc.formats.importer.values import Batch, Flow, Value, sample_axis
from archcalc.ops import OPS
from archcalc.ops.pool import GlobalAvgPool, GlobalMaxPool

_GLOBAL = {"reduce_mean": GlobalAvgPool, "reduce_max": GlobalMaxPool}


def reduction(keyword: str) -> Rule:
    """Along axes that were an attribute before opset 18 (13 for sums); without any, along all."""

    def rule(call: Call) -> Value:
        flow, keep = call.flow(), call.get("keepdims", 1)
        rank = len(flow.shape)
        given = call.numbers("axes", 1)
        if not given and call.get("noop_with_empty_axes", 0):
            return flow
        axes = tuple(sorted({axis % rank for axis in given})) if given else tuple(range(rank))
        if given and any(not -rank <= axis < rank for axis in given):
            raise call.error(f"{list(given)} are not axes of {rank}")
        return _reduced(call, keyword, flow, axes, bool(keep))

    return rule


def _reduced(call: Call, keyword: str, flow: Flow, axes: tuple[int, ...], keep: bool) -> Flow:
    flow = call.off(flow, *axes)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(flow.shape))
    if keyword in _GLOBAL and flow.batch == (0, 1, 1) and len(shape) in (4, 5) and axes == tuple(range(2, len(shape))):
        found = call.emit(_GLOBAL[keyword](), [flow], shape, flow.batch)
        return found if keep else without(call, found, axes)
    dims = tuple(sample_axis(axis, flow.batch) + 1 for axis in axes)
    kept = [axis for axis in range(len(shape)) if keep or axis not in axes]
    batch = flow.batch and Batch(kept.index(flow.batch.axis), *flow.batch[1:])
    whole = tuple(shape[axis] for axis in kept)
    bare = not Flow(0, whole, batch).sample  # a sample of no axes is one of one value
    op = OPS[keyword](dims=dims[0] if len(dims) == 1 else dims, keepdim=keep or bare)
    if not keep and bare:
        return without(call, call.emit(op, [flow], shape, flow.batch), axes)
    return call.emit(op, [flow], whole, batch)


RULES: dict[str, Rule] = {
    "ReduceMean": reduction("reduce_mean"),
    "ReduceSum": reduction("reduce_sum"),
    "ReduceMax": reduction("reduce_max"),
    "ReduceMin": reduction("reduce_min"),
    "ReduceL2": reduction("reduce_l2"),
}
