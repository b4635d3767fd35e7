"""Normalisation and softmax."""

from archcalc.formats.importer.lowering import Call, Rule, Unlike
from archcalc.formats.importer.rules.movement import turned
from archcalc.formats.importer.values import Constant, Flow, Value, sample_axis
from archcalc.numbers import product
from archcalc.ops import OPS
from archcalc.ops.activation import Softmax
from archcalc.ops.base import Op
from archcalc.ops.norm import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm


def along_channels(call: Call, op: Op, flow: Flow, weights: dict[str, Constant]) -> Flow:
    """A layer that takes axis 1 for the channels, where a sample may have others in front of it."""
    flow = call.off(flow, 1)
    axis = sample_axis(1, flow.batch)
    if axis == 0:
        return call.emit(op, [flow], flow.shape, flow.batch, weights)
    # The batch is folded into rows here: the channels go to the front, and back behind it.
    rank = len(flow.shape)
    order = (1, 0, *range(2, rank))
    front = turned(call, flow, order)
    return turned(call, call.emit(op, [front], front.shape, front.batch, weights), order)


def _is_nothing(shift: Constant) -> bool:
    """Whether what stands for a bias is zeros that nobody learned."""
    return shift.learned is False and not shift.array().any()


def _changes_nothing(scale: Constant, shift: Constant | None) -> bool:
    """Whether what stands for weights is ones and zeros that nobody learned: normalisation without any."""
    if scale.learned is not False or (shift is not None and not _is_nothing(shift)):
        return False
    return bool((scale.array() == 1).all())


def batchnorm(call: Call) -> Value:
    """By running statistics. While training it takes those of the batch, which no layer of ours does at inference."""
    names = [name for name in call.operation.outputs if name]
    if call.get("training_mode", 0) or len(names) > 1 or not call.get("spatial", 1):
        raise Unlike("it normalises by the statistics of the batch")
    kinds = ("weight", "bias", "running_mean", "running_var")
    given = [call.constant(place) for place in range(1, 5)]
    weights = {name: constant for name, constant in zip(kinds, given, strict=True) if constant is not None}
    if len(weights) < len(kinds):
        raise call.error("lacks weights or statistics")
    affine = not _changes_nothing(weights["weight"], weights["bias"])
    weights = weights if affine else {name: weights[name] for name in kinds[2:]}
    return along_channels(call, BatchNorm(call.get("epsilon", 1e-5), affine=affine), call.flow(), weights)


def instancenorm(call: Call) -> Value:
    """Each channel by its own mean and variance."""
    scale, shift = call.constant(1), call.constant(2)
    if scale is None or shift is None:
        raise call.error("lacks weights")
    affine = not _changes_nothing(scale, shift)
    op = OPS["instance_norm"](affine=affine, eps=call.get("epsilon", 1e-5))
    weights = {"weight": scale, "bias": shift} if affine else {}
    return along_channels(call, op, call.batch_first(call.flow()), weights)


def groupnorm(call: Call) -> Value:
    """Before opset 21 with a factor for each group, which stands for each of its channels."""
    groups, flow = call.get("num_groups"), call.batch_first(call.flow())
    scale, shift = call.constant(1), call.constant(2)
    if scale is None or shift is None or not groups:
        raise call.error("lacks weights or groups")
    channels = flow.shape[1]
    weights = {"weight": scale, "bias": shift}
    if scale.shape == (groups,) and groups != channels:
        each = channels // groups
        weights = {name: c.moved((channels,), lambda array: array.repeat(each)) for name, c in weights.items()}
    affine = not _changes_nothing(scale, shift)
    op = GroupNorm(groups, call.get("epsilon", 1e-5), affine)
    return call.emit(op, [flow], flow.shape, flow.batch, weights if affine else {})


def layernorm(call: Call) -> Value:
    """Over all axes from `axis` on."""
    flow, scale, shift = call.flow(), call.constant(1), call.constant(2)
    if len([name for name in call.operation.outputs if name]) > 1:
        raise Unlike("its mean and variance are read")
    rank = len(flow.shape)
    axis = call.get("axis", -1) % rank
    flow = call.off(flow, *range(axis, rank))
    sizes = flow.shape[axis:]
    if scale is not None and _changes_nothing(scale, shift):
        scale = shift = None
    if shift is not None and _is_nothing(shift):
        shift = None
    weights = {}
    for name, constant in (("weight", scale), ("bias", shift)):
        if constant is not None:
            weights[name] = _of_shape(call, constant, sizes)
    op = LayerNorm(_normalized(sizes), None, call.get("epsilon", 1e-5), scale is not None, shift is not None)
    return call.emit(op, [flow], flow.shape, flow.batch, weights)


def rmsnorm(call: Call) -> Value:
    """Over all axes from `axis` on, without taking the mean off."""
    flow, scale = call.flow(), call.constant(1)
    rank = len(flow.shape)
    axis = call.get("axis", -1) % rank
    flow, sizes = call.off(flow, *range(axis, rank)), flow.shape[axis:]
    scale = None if scale is None or _changes_nothing(scale, None) else scale
    weights = {} if scale is None else {"weight": _of_shape(call, scale, sizes)}
    arguments = {"normalized_shape": _normalized(sizes), "eps": call.get("epsilon", 1e-5)}
    op = OPS["rms_norm"](**arguments, elementwise_affine=scale is not None)
    return call.emit(op, [flow], flow.shape, flow.batch, weights)


def _normalized(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    return sizes[0] if len(sizes) == 1 else sizes


def _of_shape(call: Call, constant: Constant, sizes: tuple[int, ...]) -> Constant:
    if constant.shape == sizes:
        return constant
    if product(constant.shape) != product(sizes):
        raise Unlike("its weights are stretched")
    return constant.moved(sizes, lambda array: array.reshape(sizes))


def lrn(call: Call) -> Value:
    """Across channels."""
    flow, size = call.batch_first(call.flow()), call.get("size")
    if not size:
        raise call.error("has no size")
    op = LocalResponseNorm(size, call.get("alpha", 1e-4), call.get("beta", 0.75), call.get("bias", 1.0))
    return call.emit(op, [flow], flow.shape, flow.batch)


def softmax(logarithm: bool) -> Rule:
    """Along one axis; before opset 13 along all axes from `axis` on together."""

    def rule(call: Call) -> Value:
        flow = call.flow()
        rank = len(flow.shape)
        axis = call.get("axis", -1 if call.opset > 12 else 1) % max(rank, 1)
        rest = product(flow.shape[axis + 1 :])
        if call.opset < 13 and rest != 1:
            flat = call.reshape(flow, (*flow.shape[:axis], flow.shape[axis] * rest))
            return call.reshape(_softmax(call, flat, axis, logarithm), flow.shape)
        return _softmax(call, flow, axis, logarithm)

    return rule


def _softmax(call: Call, flow: Flow, axis: int, logarithm: bool) -> Flow:
    flow = call.off(flow, axis)
    place = sample_axis(axis, flow.batch)
    last = place == len(flow.sample) - 1 and place > 0
    dim = -1 if last else place + 1
    op = OPS["log_softmax"](dim=dim) if logarithm else Softmax(dim)
    return call.emit(op, [flow], flow.shape, flow.batch)


RULES: dict[str, Rule] = {
    "BatchNormalization": batchnorm,
    "InstanceNormalization": instancenorm,
    "GroupNormalization": groupnorm,
    "LayerNormalization": layernorm,
    "RMSNormalization": rmsnorm,
    "LRN": lrn,
    "Softmax": softmax(False),
    "LogSoftmax": softmax(True),
}
