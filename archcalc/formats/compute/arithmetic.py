"""Element by element: arithmetic, comparisons, logic. What is joined is stretched to each other."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from archcalc.formats.compute.call import Call
from archcalc.forward.kernels import Array, function, movement
from archcalc.forward.kernels.erf import erf

Unary: TypeAlias = Callable[[Call, Array], Array]
Binary: TypeAlias = Callable[[Call, Array, Array], Array]


def unary(kernel: Callable[[Array], Any]) -> Unary:
    """A function of each element."""

    def computed(_: Call, x: Array) -> Array:
        result: Array = np.asarray(kernel(x))
        return result

    return computed


def binary(kernel: Callable[[Array, Array], Any]) -> Binary:
    """A function of two elements."""

    def computed(call: Call, a: Array, b: Array) -> Array:
        result: Array = np.asarray(kernel(*call.spread(a, b)))
        return result

    return computed


def add(call: Call, a: Array, b: Array) -> Array:
    """a + b."""
    return movement.add(call.spread(a, b))


def mul(call: Call, a: Array, b: Array) -> Array:
    """a·b."""
    return movement.mul(call.spread(a, b))


def sub(call: Call, a: Array, b: Array) -> Array:
    """a − b."""
    return movement.sub(*call.spread(a, b))


def div(call: Call, a: Array, b: Array) -> Array:
    """a/b; of whole numbers, cut off towards zero, and of anything by a whole zero zero."""
    a, b = call.spread(a, b)
    if a.dtype.kind not in "iu":
        return movement.div(a, b)
    quotient = np.asarray(a // b)
    # numpy rounds down: one more where the signs differ and something is left.
    return np.asarray(quotient + ((a % b != 0) & ((a < 0) != (b < 0)))).astype(a.dtype)


def mod(call: Call, a: Array, b: Array) -> Array:
    """The rest of a/b: with the sign of b, or by `fmod` with that of a."""
    a, b = call.spread(a, b)
    return np.asarray(np.fmod(a, b) if call.get("fmod", 0) else np.mod(a, b))


def power(call: Call, a: Array, b: Array) -> Array:
    """a to the power of b, in the type of a."""
    a, b = call.spread(a, b)
    if a.dtype.kind in "iu" and b.dtype.kind == "i" and (b < 0).any():
        b = b.astype(np.float64)  # numpy refuses whole powers below zero
    return np.asarray(np.power(a, b)).astype(a.dtype)


def total(call: Call, *inputs: Array) -> Array:
    """The sum of all inputs."""
    return movement.add(call.spread(*inputs))


def mean(call: Call, *inputs: Array) -> Array:
    """The mean of all inputs."""
    return movement.mean(call.spread(*inputs))


def largest(call: Call, *inputs: Array) -> Array:
    """The largest of all inputs."""
    return movement.largest(call.spread(*inputs))


def smallest(call: Call, *inputs: Array) -> Array:
    """The smallest of all inputs."""
    return movement.smallest(call.spread(*inputs))


def where(call: Call, condition: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, else b."""
    shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
    call.room(shape, a.dtype)
    return np.where(condition, a, b)


def clip(call: Call, x: Array, least: Array | None = None, most: Array | None = None) -> Array:
    """min(max(x, least), most); before opset 11 both are attributes."""
    if call.opset < 11:
        least, most = (call.get(name, None) for name in ("min", "max"))
    if least is not None:
        x = np.maximum(x, np.asarray(least, x.dtype))
    return x if most is None else np.asarray(np.minimum(x, np.asarray(most, x.dtype)))


def round_half_even(_: Call, x: Array) -> Array:
    """The nearest whole number, of two the even one."""
    return np.asarray(np.rint(x))


OPERATORS: dict[str, Callable[..., Array]] = {
    "Abs": unary(np.abs),
    "Add": add,
    "And": binary(np.logical_and),
    "Ceil": unary(np.ceil),
    "Clip": clip,
    "Cos": unary(np.cos),
    "Div": div,
    "Equal": binary(np.equal),
    "Erf": unary(erf),
    "Exp": unary(function.exp),
    "Floor": unary(np.floor),
    "Greater": binary(np.greater),
    "GreaterOrEqual": binary(np.greater_equal),
    "Less": binary(np.less),
    "LessOrEqual": binary(np.less_equal),
    "Log": unary(function.log),
    "Max": largest,
    "Mean": mean,
    "Min": smallest,
    "Mod": mod,
    "Mul": mul,
    "Neg": unary(np.negative),
    "Not": unary(np.logical_not),
    "Or": binary(np.logical_or),
    "Pow": power,
    "Reciprocal": unary(function.reciprocal),
    "Round": round_half_even,
    "Sign": unary(np.sign),
    "Sin": unary(np.sin),
    "Sqrt": unary(function.sqrt),
    "Sub": sub,
    "Sum": total,
    "Where": where,
    "Xor": binary(np.logical_xor),
}
