"""Activations, softmax and dropout."""

from collections.abc import Callable

import numpy as np

from archcalc.errors import Problem, UsageError
from archcalc.formats.compute.arithmetic import unary
from archcalc.formats.compute.call import Call, axis_of
from archcalc.forward.kernels import Array, unitwise


def leaky_relu(call: Call, x: Array) -> Array:
    """x where it is above zero, else alpha·x."""
    return unitwise.leaky_relu(x, call.get("alpha", 0.01))


def prelu(call: Call, x: Array, slope: Array) -> Array:
    """x where it is above zero, else slope·x; slopes are stretched, and before opset 7 a vector is one a channel."""
    if call.opset >= 7 or slope.ndim != 1:
        call.room(np.broadcast_shapes(x.shape, slope.shape), x.dtype)
        slope = slope.reshape((1,) * (x.ndim - slope.ndim) + slope.shape)
    return unitwise.prelu(x, slope)


def hardsigmoid(call: Call, x: Array) -> Array:
    """min(max(alpha·x + beta, 0), 1)."""
    return unitwise.hardsigmoid(x, call.get("alpha", 0.2), call.get("beta", 0.5))


def gelu(call: Call, x: Array) -> Array:
    """x/2·(1 + erf(x/√2)), or its approximation by tanh."""
    approximate = call.get("approximate", "none")
    if approximate not in ("none", "tanh"):
        raise UsageError(Problem("Gelu is approximated by tanh or not at all"))
    return unitwise.gelu_tanh(x) if approximate == "tanh" else unitwise.gelu(x)


def with_alpha(function: Callable[[Array, float], Array]) -> Callable[[Call, Array], Array]:
    """A function of each value and `alpha`, which is 1 unless given."""
    # numpy widens bfloat16 when it meets a number.
    return lambda call, x: function(x, call.get("alpha", 1.0)).astype(x.dtype, copy=False)


def selu(call: Call, x: Array) -> Array:
    """gamma·x where it is above zero, else gamma·alpha·(exp(x) − 1)."""
    return unitwise.selu(x, call.get("alpha", unitwise.SELU_ALPHA), call.get("gamma", unitwise.SELU_SCALE))


def along_axis(function: Callable[[Array, int], Array]) -> Callable[[Call, Array], Array]:
    """A function along `axis`; before opset 13 one of all axes from it on, taken as one."""

    def computed(call: Call, x: Array) -> Array:
        if call.opset >= 13:
            return function(x, axis_of(call.get("axis", -1), x.ndim))
        axis = axis_of(call.get("axis", 1), x.ndim)
        return function(x.reshape(*x.shape[:axis], -1), axis).reshape(x.shape)

    return computed


def dropout(call: Call, x: Array, ratio: Array | None = None, training: Array | None = None) -> tuple[Array, Array]:
    """The input itself, and the mask of what is kept: everything. Raises UsageError where it should train."""
    share = 0.5 if ratio is None else float(ratio.reshape(()))
    if training is not None and bool(training.reshape(())) and share:
        raise UsageError(Problem("Dropout that drops values is training, which is not computed"))
    return x, np.ones(x.shape, bool if call.opset >= 10 else x.dtype)


OPERATORS: dict[str, Callable[..., Array | tuple[Array, ...]]] = {
    "Celu": with_alpha(unitwise.celu),
    "Dropout": dropout,
    "Elu": with_alpha(unitwise.elu),
    "Gelu": gelu,
    "HardSigmoid": hardsigmoid,
    "HardSwish": unary(unitwise.hardswish),
    "LeakyRelu": leaky_relu,
    "LogSoftmax": along_axis(unitwise.log_softmax),
    "Mish": unary(unitwise.mish),
    "PRelu": prelu,
    "Relu": unary(unitwise.relu),
    "Selu": selu,
    "Sigmoid": unary(unitwise.sigmoid),
    "Softmax": along_axis(unitwise.softmax),
    "Softplus": unary(unitwise.softplus),
    "Softsign": unary(unitwise.softsign),
    "Tanh": unary(unitwise.tanh),
    "ThresholdedRelu": with_alpha(lambda x, alpha: unitwise.threshold(x, alpha, 0.0)),
}
