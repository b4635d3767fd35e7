"""Operators that work on each value, and those that join values element by element."""

import math
from collections.abc import Callable

from archcalc.formats.importer.lowering import Call, Rule, Unlike
from archcalc.formats.importer.values import Constant, Flow, Value
from archcalc.numbers import product
from archcalc.ops import OPS
from archcalc.ops.activation import GELU, HardSigmoid, HardSwish, LeakyReLU, PReLU, ReLU, ReLU6
from archcalc.ops.base import Op, Shape

_SIXTH = 1 / 6


def same(call: Call) -> Value:
    """What passes its input on."""
    return call.value(0)


def dropout(call: Call) -> list[Value]:
    """At inference nothing is dropped; who reads the mask reads something else."""
    if len([name for name in call.operation.outputs if name]) > 1:
        raise Unlike("its mask is read")
    return [call.value(0)]


def cast(call: Call) -> Value:
    """To another type of floating-point numbers nothing changes here."""
    if call.get("to") not in (1, 10, 11, 16):
        raise Unlike("whole numbers do not flow through layers")
    return call.value(0)


def unary(make: Callable[[Call], Op]) -> Rule:
    """A layer on each value of one input."""

    def rule(call: Call) -> Value:
        flow = call.flow()
        return call.emit(make(call), [flow], flow.shape, flow.batch)

    return rule


def plain(keyword: str) -> Rule:
    """Likewise, without arguments."""
    return unary(lambda call: OPS[keyword]())


def hard_sigmoid(call: Call) -> Value:
    """max(0, min(1, alpha·x + beta)): a layer of its own where alpha is 1/6 and beta 1/2."""
    alpha, beta = float(call.get("alpha", 0.2)), float(call.get("beta", 0.5))
    flow = call.flow()
    if math.isclose(alpha, _SIXTH, rel_tol=1e-5) and beta == 0.5:
        return call.emit(HardSigmoid(), [flow], flow.shape, flow.batch)
    scaled = with_number(call, "add", with_number(call, "mul", flow, alpha), beta)
    return call.emit(OPS["hardtanh"](min_val=0.0, max_val=1.0), [scaled], flow.shape, flow.batch)


def with_number(call: Call, keyword: str, flow: Flow, number: float) -> Flow:
    """A value joined with one number."""
    shape: Shape = (1,) * max(len(flow.sample), 1)
    constant = call.write(OPS["constant"](shape=shape, value=float(number)), [], shape, None, {})
    drafts = [flow.draft, constant.draft]
    return call.write(OPS[keyword](), drafts, flow.shape, flow.batch, {})


def clip(call: Call) -> Value:
    """min(max(x, low), high), with limits that were attributes before opset 11."""
    low = call.get("min") if call.get("min") is not None else call.scalar(1)
    high = call.get("max") if call.get("max") is not None else call.scalar(2)
    flow = call.flow()
    low = None if low is None or low <= -3e38 else low
    high = None if high is None or high >= 3e38 else high
    if low is None and high is None:
        return flow
    if high is None and low == 0:
        return call.emit(ReLU(), [flow], flow.shape, flow.batch)
    if low == 0 and high == 6:
        return call.emit(ReLU6(), [flow], flow.shape, flow.batch)
    if low is not None and high is not None:
        return call.emit(OPS["hardtanh"](min_val=low, max_val=high), [flow], flow.shape, flow.batch)
    if low is None:
        return with_number(call, "min", flow, float(high or 0.0))
    return with_number(call, "max", flow, low)


def prelu(call: Call) -> Value:
    """A slope for all values, or one a channel."""
    flow, slope = call.flow(), call.constant(1)
    if slope is None:
        raise call.error("has no slope")
    if product(slope.shape) != 1:
        flow = call.batch_first(flow)
        whole = (1,) * (len(flow.shape) - len(slope.shape)) + slope.shape
        if product(slope.shape) != flow.shape[1] or len(whole) > len(flow.shape) or whole[1] != flow.shape[1]:
            raise Unlike("its slopes are not one a channel")
    count = product(slope.shape)
    weight = slope.moved((count,), lambda array: array.reshape(count))
    return call.emit(PReLU(count), [flow], flow.shape, flow.batch, {"weight": weight})


def power(call: Call) -> Value:
    """x to a number that is the same everywhere."""
    exponent, flow = call.scalar(1), call.flow()
    if exponent is None:
        raise call.error("has no exponent")
    if exponent == 1:
        return flow
    return call.emit(OPS["pow"](exponent=exponent), [flow], flow.shape, flow.batch)


NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}


def join(keyword: str) -> Rule:
    """Two or more inputs element by element, stretched to one another."""

    def rule(call: Call) -> Value:
        values = [value for value in call.inputs if value is not None]
        left = _without_neutral(call, values)
        if len(left) == 1 and isinstance(left[0], Flow):
            return left[0]
        flows, shape, batch = call.aligned(left)
        return call.emit(OPS[keyword](), flows, shape, batch)

    return rule


def _without_neutral(call: Call, values: list[Value]) -> list[Value]:
    """The inputs without a single number that changes nothing: exporters leave many."""
    neutral = NEUTRAL.get(call.kind)
    if neutral is None or len(values) != 2:
        return values
    for place in (1, 0) if call.kind in ("Add", "Mul") else (1,):
        value, other = values[place], values[1 - place]
        if not isinstance(value, Constant) or not isinstance(other, Flow) or product(value.shape) != 1:
            continue
        if len(value.shape) <= len(other.shape) and not value.path and call.one_number(value) == neutral:
            return [other]
    return values


def _softplus(call: Call) -> Op:
    return OPS["softplus"](beta=1.0, threshold=float("inf"))


def greater(call: Call) -> Value:
    """Truths are nothing that flows through layers; what was compared with which number is remembered for `where`."""
    b = call.value(1)
    if isinstance(b, Constant) and product(b.shape) == 1:
        call.lowering.compared[call.operation.outputs[0]] = call.flow(0), call.one_number(b)
    raise Unlike("it gives truths")


def where(call: Call) -> Value:
    """x where it is above a number, else another number: a threshold."""
    compared = call.lowering.compared.get(call.operation.inputs[0])
    x, otherwise = call.value(1), call.value(2)
    if compared is None or compared[0] != x or not isinstance(otherwise, Constant) or product(otherwise.shape) != 1:
        raise Unlike("it chooses by what flows")
    op = OPS["threshold"](threshold=compared[1], value=call.one_number(otherwise))
    return call.emit(op, [compared[0]], compared[0].shape, compared[0].batch)


RULES: dict[str, Rule] = {
    "Identity": same,
    "Dropout": dropout,
    "Cast": cast,
    "CastLike": same,
    "Relu": unary(lambda call: ReLU()),
    "LeakyRelu": unary(lambda call: LeakyReLU(call.get("alpha", 0.01))),
    "PRelu": prelu,
    "Elu": unary(lambda call: OPS["elu"](alpha=call.get("alpha", 1.0))),
    "Celu": unary(lambda call: OPS["celu"](alpha=call.get("alpha", 1.0))),
    "Selu": plain("selu"),
    "ThresholdedRelu": unary(lambda call: OPS["threshold"](threshold=call.get("alpha", 1.0), value=0.0)),
    "Sigmoid": plain("sigmoid"),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": unary(lambda call: HardSwish()),
    "Tanh": plain("tanh"),
    "Gelu": unary(lambda call: GELU(call.get("approximate", "none"))),
    "Softplus": unary(_softplus),
    "Greater": greater,
    "Where": where,
    "Softsign": plain("softsign"),
    "Mish": plain("mish"),
    "Swish": plain("silu"),
    "Clip": clip,
    "Exp": plain("exp"),
    "Log": plain("log"),
    "Sqrt": plain("sqrt"),
    "Abs": plain("abs"),
    "Neg": plain("neg"),
    "Reciprocal": plain("reciprocal"),
    "Erf": plain("erf"),
    "Sin": plain("sin"),
    "Cos": plain("cos"),
    "Pow": power,
    "Add": join("add"),
    "Sum": join("add"),
    "Sub": join("sub"),
    "Mul": join("mul"),
    "Div": join("div"),
    "Max": join("max"),
    "Min": join("min"),
    "Mean": join("mean"),
}
