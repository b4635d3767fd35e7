"""Convolutions, poolings and resizing: what slides over maps."""

import math
from collections.abc import Sequence
from typing import Any

from archcalc.formats.importer.lowering import Call, Rule, Unlike
from archcalc.formats.importer.rules.movement import cut, joined, one_or_all, turned
from archcalc.formats.importer.values import Batch, Constant, Flow, Value
from archcalc.numbers import ceil_div
from archcalc.ops import OPS
from archcalc.ops.base import Op, Shape
from archcalc.ops.conv import Conv, ConvTranspose
from archcalc.ops.norm import LayerScale
from archcalc.ops.pool import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from archcalc.ops.reshape import Pad, Upsample

Pairs = tuple[tuple[int, int], ...]

MOST_MAPS = 64
"""Maps of a sample that get a convolution each."""


class _Geometry:
    """The windows of an operation, as its attributes have them."""

    def __init__(self, call: Call, shape: Shape, kernel: Sequence[int]) -> None:
        rank = len(kernel)
        self.kernel = tuple(kernel)
        self.stride = tuple(call.get("strides") or (1,) * rank)
        self.dilation = tuple(call.get("dilations") or (1,) * rank)
        ones = ("strides", self.stride), ("dilations", self.dilation), ("kernel_shape", self.kernel)
        for name, values in ones:
            if len(values) != rank or min(values, default=1) < 1 or max(values, default=1) > 2**31:
                raise call.error(f"{name} {list(values)} are not {rank} sizes")
        self.pads = self._pads(call, shape, rank)

    def _pads(self, call: Call, shape: Shape, rank: int) -> Pairs:
        auto = call.get("auto_pad", "NOTSET")
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            pairs = []
            for n, k, s, d in zip(shape[2:], self.kernel, self.stride, self.dilation, strict=True):
                whole = max((ceil_div(n, s) - 1) * s + d * (k - 1) + 1 - n, 0)
                small, large = whole // 2, whole - whole // 2
                pairs.append((small, large) if auto == "SAME_UPPER" else (large, small))
            return tuple(pairs)
        if auto == "VALID":
            return ((0, 0),) * rank
        given = tuple(call.get("pads") or (0,) * (2 * rank))
        if len(given) != 2 * rank or max(map(abs, given), default=0) > 2**31:
            raise call.error(f"pads {list(given)} are not two for each of {rank} axes")
        return tuple(zip(given[:rank], given[rank:], strict=True))


def _map(call: Call) -> Flow:
    """The input as N × channels × a map."""
    flow = call.batch_first(call.flow())
    if not 3 <= len(flow.shape) <= 5:
        raise Unlike(f"its input has {len(flow.shape)} axes")
    return flow


def _windowed(call: Call, op: Op, flow: Flow, weights: dict[str, Constant] | None = None) -> Flow:
    """A layer on a map, whose shape is the layer's own business."""
    sample = op.output((flow.sample,)) if not any(call.bounded(op).check((flow.sample,))) else flow.sample
    return call.emit(op, [flow], (flow.shape[0], *sample), flow.batch, weights)


def _padded(call: Call, flow: Flow, pads: Pairs) -> tuple[Flow, Pairs]:
    """The map with what a window cannot take off: negative padding crops first."""
    if all(min(pair) >= 0 for pair in pads):
        return flow, pads
    cropped = Pad(tuple((min(before, 0), min(after, 0)) for before, after in pads))
    return _windowed(call, cropped, flow), tuple((max(before, 0), max(after, 0)) for before, after in pads)


def _weights(call: Call, rank: int) -> tuple[dict[str, Constant], Constant | None]:
    """Kernel and bias of the layer; and a bias by itself where one of the two is learned and the other is not."""
    weight, bias = call.constant(1), call.constant(2)
    if weight is None or len(weight.shape) != rank:
        raise call.error("has no weights that fit its input")
    if bias is None or _is_nothing(bias):
        return {"weight": weight}, None
    if bias.fixed != weight.fixed:
        return {"weight": weight}, bias
    return {"weight": weight, "bias": bias}, None


def _biased(call: Call, flow: Flow, bias: Constant | None) -> Flow:
    """The map with a bias by itself added."""
    if bias is None:
        return flow
    shape = (1, bias.shape[0], *(1,) * (len(flow.shape) - 2))
    flows, together, batch = call.aligned([flow, bias.moved(shape, lambda array: array.reshape(shape))])
    return call.emit(OPS["add"](), flows, together, batch)


def _is_nothing(bias: Constant) -> bool:
    """Whether a bias was made of zeros on the way: exporters fill the place of one that a layer does not have."""
    return bias.learned is False and not bias.origins and not bias.array().any()


def conv(call: Call) -> Value:
    """With the padding that `auto_pad` means written out, and factors of the weights as a layer behind it."""
    flow = call.flow()
    if flow.batch is not None and flow.batch.axis == 0 and not flow.batch.alone and len(flow.shape) in (4, 5):
        return _conv_of_many(call, flow) if len(flow.shape) == 4 else _conv_of_each(call, flow)
    flow = _map(call)
    return _conv_of_one(call, flow, *_weights(call, len(flow.shape)))


def _conv_of_one(call: Call, flow: Flow, weights: dict[str, Constant], bias: Constant | None) -> Flow:
    """One map a sample."""
    weight = weights["weight"]
    if weight.scaled is not None:
        bias = weights.get("bias", bias)
        weights = {"weight": weight.scaled[0]}
    geometry = _Geometry(call, flow.shape, weight.shape[2:])
    flow, pads = _padded(call, flow, geometry.pads)
    arguments = (one_or_all(values) for values in (geometry.kernel, geometry.stride, pads, geometry.dilation))
    kernel, stride, padding, dilation = arguments
    groups, biased = call.get("group", 1), "bias" in weights
    op = Conv(weight.shape[0], kernel, stride, padding, dilation, groups, biased, not weight.fixed)
    given = _windowed(call, op, flow, weights)
    if weight.scaled is not None:
        given = call.emit(LayerScale(), [given], given.shape, given.batch, {"gamma": weight.scaled[1]})
    return _biased(call, given, bias)


def _conv_of_many(call: Call, flow: Flow) -> Value:
    """Several maps a sample: one map of one axis more, over which kernels of size 1 run."""
    weights, bias = _weights(call, 4)
    weight = weights["weight"]
    outputs, inputs, *taps = weight.shape
    geometry = _Geometry(call, flow.shape, taps)
    deep = (outputs, inputs, 1, *taps)
    weights = {**weights, "weight": weight.moved(deep, lambda array: array.reshape(deep))}
    count = call.count
    maps = flow.shape[0] // count
    apart = call.reshape(flow, (count, maps, *flow.shape[1:]), Batch(0))
    front = turned(call, apart, (0, 2, 1, 3, 4))
    kernel, stride, dilation = (one_or_all((1, *v)) for v in (geometry.kernel, geometry.stride, geometry.dilation))
    padding = one_or_all(((0, 0), *geometry.pads))
    groups, biased = call.get("group", 1), "bias" in weights
    op = Conv(outputs, kernel, stride, padding, dilation, groups, biased, not weight.fixed)
    back = turned(call, _biased(call, _windowed(call, op, front, weights), bias), (0, 2, 1, 3, 4))
    return call.reshape(back, (count * maps, *back.shape[2:]), Batch(0, 1, maps))


def _conv_of_each(call: Call, flow: Flow) -> Value:
    """Several maps a sample that have all the axes there can be: a convolution for each, all with the same weights."""
    count, maps = call.count, flow.shape[0] // call.count
    if maps > MOST_MAPS:
        raise Unlike(f"it convolves {maps} maps a sample")
    weights, bias = _weights(call, len(flow.shape))
    apart = call.reshape(flow, (count, maps, *flow.shape[1:]), Batch(0))
    given = []
    for number in range(maps):
        one = call.reshape(cut(call, apart, 1, number, number + 1), (count, *flow.shape[1:]), Batch(0))
        convolved = _conv_of_one(call, one, weights, bias)
        given.append(call.reshape(convolved, (count, 1, *convolved.shape[1:]), Batch(0)))
    whole = joined(call, given, 1)
    return call.reshape(whole, (count * maps, *whole.shape[2:]), Batch(0, 1, maps))


def conv_transpose(call: Call) -> Value:
    """With padding alike on both sides."""
    flow = _map(call)
    weights, bias = _weights(call, len(flow.shape))
    weight, groups = weights["weight"], call.get("group", 1)
    shape = weight.shape
    geometry = _Geometry(call, flow.shape, shape[2:])
    rank = len(geometry.kernel)
    extra = list(call.get("output_padding") or (0,) * rank)
    pads = geometry.pads
    spans = [d * (k - 1) + 1 for k, d in zip(geometry.kernel, geometry.dilation, strict=True)]
    wanted = call.get("output_shape")
    if wanted or call.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        sizes = (
            tuple(wanted)[-rank:] if wanted else [n * s for n, s in zip(flow.shape[2:], geometry.stride, strict=True)]
        )
        whole = [
            s * (n - 1) + e + span - size
            for s, n, e, span, size in zip(geometry.stride, flow.shape[2:], extra, spans, sizes, strict=True)
        ]
        upper = call.get("auto_pad") != "SAME_LOWER"
        halves = [(total // 2, total - total // 2) for total in whole]
        pads = tuple(pair if upper else pair[::-1] for pair in halves)
    # More padding behind than before is an output that is shorter there: less of what is put on.
    for axis, (before, after) in enumerate(pads):
        extra[axis] += before - after
    if min(extra) < 0 or any(min(pair) < 0 for pair in pads):
        raise Unlike("its padding differs from side to side")
    padding = one_or_all([before for before, _ in pads])
    kernel, stride, dilation = (one_or_all(v) for v in (geometry.kernel, geometry.stride, geometry.dilation))
    channels, biased, learned = shape[1] * groups, "bias" in weights, not weight.fixed
    op = ConvTranspose(channels, kernel, stride, padding, one_or_all(extra), dilation, groups, biased, learned)
    return _biased(call, _windowed(call, op, flow, weights), bias)


def _pool(call: Call, maximum: bool) -> Value:
    flow = _map(call)
    geometry = _Geometry(call, flow.shape, call.get("kernel_shape") or ())
    if len(geometry.kernel) != len(flow.shape) - 2:
        raise call.error(f"kernel_shape {list(geometry.kernel)} does not fit its input")
    ceil_mode, pads = bool(call.get("ceil_mode", 0)), geometry.pads
    bare = not any(map(any, pads))
    if bare and set(geometry.dilation) == {1} and geometry.kernel == flow.shape[2:]:
        return _windowed(call, GlobalMaxPool() if maximum else GlobalAvgPool(), flow)
    if bare and set(geometry.kernel) == {1} and set(geometry.stride) == {1}:
        return flow
    kernel, padding = one_or_all(geometry.kernel), one_or_all(pads)
    stride: Any = "kernel_size" if geometry.stride == geometry.kernel else one_or_all(geometry.stride)
    if maximum:
        return _windowed(call, MaxPool(kernel, stride, padding, ceil_mode, one_or_all(geometry.dilation)), flow)
    if set(geometry.dilation) != {1}:
        raise Unlike("average pooling is not dilated here")
    counted = bool(call.get("count_include_pad", 0)) or bare
    return _windowed(call, AvgPool(kernel, stride, padding, ceil_mode, counted), flow)


def maxpool(call: Call) -> list[Value]:
    """Its second output, where the largest values were, is nothing that flows."""
    if len([name for name in call.operation.outputs if name]) > 1:
        raise Unlike("the places of the largest values are read")
    return [_pool(call, True)]


def lp_pool(call: Call) -> Value:
    """Without padding, of which it has no notion here."""
    flow = _map(call)
    geometry = _Geometry(call, flow.shape, call.get("kernel_shape") or ())
    if any(map(any, geometry.pads)) or set(geometry.dilation) != {1} or call.get("ceil_mode", 0):
        raise Unlike("pooling by a norm has neither padding nor dilation here")
    kernel, stride = one_or_all(geometry.kernel), one_or_all(geometry.stride)
    op = OPS["lp_pool"](norm_type=float(call.get("p", 2)), kernel_size=kernel, stride=stride)
    return _windowed(call, op, flow)


def resize(call: Call) -> Value:
    """Resize and, before opset 10, Upsample: by the nearest value or interpolated, as `upsample` does it."""
    flow, mode = _map(call), call.get("mode", "nearest")
    rank = len(flow.shape) - 2
    scales, sizes = _scales(call), call.numbers("", 3) if call.kind == "Resize" else None
    if sizes is not None:
        target, factors = tuple(sizes), None
    elif scales is not None and len(scales) == len(flow.shape):
        target = tuple(int(n * scale) for n, scale in zip(flow.shape, scales, strict=True))
        factors = scales[2:]
    else:
        raise Unlike("its scales do not fit its input")
    if target[:2] != flow.shape[:2] or len(target) != rank + 2:
        raise Unlike("it resizes more than the map")
    if target == flow.shape:
        return flow
    if factors is not None and any(n * f != int(n * f) for n, f in zip(flow.shape[2:], factors, strict=True)):
        raise Unlike("its scales do not give whole sizes")
    corners = _aligns_corners(call, mode, flow.shape, target)
    by: Any = {"nearest": "nearest", "cubic": "bicubic"}.get(mode, ("linear", "bilinear", "trilinear")[rank - 1])
    whole = all(m % n == 0 for n, m in zip(flow.shape[2:], target[2:], strict=True))
    if whole:
        ratios = one_or_all([m // n for n, m in zip(flow.shape[2:], target[2:], strict=True)])
        return _windowed(call, Upsample(scale_factor=ratios, mode=by, align_corners=corners), flow)
    return _windowed(call, Upsample(size=one_or_all(target[2:]), mode=by, align_corners=corners), flow)


def _scales(call: Call) -> tuple[float, ...] | None:
    if call.get("scales") is not None:
        return tuple(call.get("scales"))
    constant = call.constant(2 if call.kind == "Resize" and call.opset > 10 else 1)
    if constant is None or not constant.shape or constant.shape[0] == 0 or len(constant.shape) > 1:
        return None
    return tuple(float(scale) for scale in constant.array())


def _aligns_corners(call: Call, mode: str, shape: Shape, target: Shape) -> bool:
    """Raises Unlike where other places of the input are read than `upsample` reads."""
    where = call.get("coordinate_transformation_mode", "half_pixel" if call.opset > 10 else "asymmetric")
    nearest = call.get("nearest_mode", "round_prefer_floor" if call.opset > 10 else "floor")
    whole = all(m % n == 0 for n, m in zip(shape, target, strict=True))
    cubic = mode == "cubic" and len(shape) == 4 and math.isclose(call.get("cubic_coeff_a", -0.75), -0.75)
    if call.get("antialias", 0) or call.get("exclude_outside", 0) or not (mode in ("nearest", "linear") or cubic):
        raise Unlike(f"this {mode} interpolation is not done here")
    if mode == "nearest":
        halves = where == "half_pixel" and whole and nearest in ("round_prefer_floor", "round_prefer_ceil")
        if not halves and (where, nearest) != ("asymmetric", "floor"):
            raise Unlike(f"the nearest value by {where} and {nearest} is not taken here")
        return False
    if where == "half_pixel" or (where == "pytorch_half_pixel" and min(target[2:]) > 1):
        return False
    if where != "align_corners":
        raise Unlike(f"{mode} interpolation by {where} is not done here")
    return True


RULES: dict[str, Rule] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": maxpool,
    "AveragePool": lambda call: _pool(call, False),
    "GlobalAveragePool": lambda call: _windowed(call, GlobalAvgPool(), _map(call)),
    "GlobalMaxPool": lambda call: _windowed(call, GlobalMaxPool(), _map(call)),
    "LpPool": lp_pool,
    "Resize": resize,
    "Upsample": resize,
}
