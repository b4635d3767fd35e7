"""Activations that exporters write out: silu, hardswish, gelu, mish."""

import math

from archcalc.formats.importer.draft import Sketch
from archcalc.formats.importer.patterns.matching import factors, fused, inputs, is_inner, keyword, with_number
from archcalc.ops import OPS
from archcalc.ops.activation import GELU, HardSigmoid, HardSwish, SiLU


def gated(sketch: Sketch, position: int) -> bool:
    """x·sigmoid(x), x·hardsigmoid(x), x·tanh(softplus(x))."""
    reads = inputs(sketch, position)
    if len(reads) != 2:
        return False
    for x, gate in (reads, reads[::-1]):
        if is_inner(sketch, gate, "sigmoid") and inputs(sketch, gate) == (x,):
            return fused(sketch, position, SiLU(), (x,))
        if is_inner(sketch, gate, "hardsigmoid") and inputs(sketch, gate) == (x,):
            return fused(sketch, position, HardSwish(), (x,))
        if is_inner(sketch, gate, "tanh"):
            (inner,) = inputs(sketch, gate)
            if is_inner(sketch, inner, "softplus") and inputs(sketch, inner) == (x,):
                return fused(sketch, position, OPS["mish"](), (x,))
    return False


def hard(sketch: Sketch, position: int) -> bool:
    """relu6(x + 3)/6, and x times that."""
    scale, layers = factors(sketch, position)
    if not math.isclose(scale, 1 / 6, rel_tol=1e-4):
        return False
    for gate in layers:
        if not is_inner(sketch, gate, "relu6"):
            continue
        shifted = with_number(sketch, inputs(sketch, gate)[0], "add")
        if shifted is None or shifted[1] != 3:
            continue
        rest = [layer for layer in layers if layer != gate]
        if not rest:
            return fused(sketch, position, HardSigmoid(), (shifted[0],))
        if rest == [shifted[0]]:
            return fused(sketch, position, HardSwish(), (shifted[0],))
    return False


def gelu(sketch: Sketch, position: int) -> bool:
    """x/2·(1 + erf(x/√2)), and with tanh of √(2/π)·(x + 0.044715·x³)."""
    half, layers = factors(sketch, position)
    if len(layers) != 2 or not math.isclose(half, 0.5, rel_tol=1e-4):
        return False
    for x, gate in (layers, layers[::-1]):
        shifted = with_number(sketch, gate, "add")
        if shifted is None or shifted[1] != 1:
            continue
        curve = shifted[0]
        if keyword(sketch, curve) == "erf":
            scale, inner = factors(sketch, inputs(sketch, curve)[0])
            if inner == [x] and math.isclose(scale, math.sqrt(0.5), rel_tol=1e-4):
                return fused(sketch, position, GELU(), (x,))
        if keyword(sketch, curve) == "tanh":
            scale, inner = factors(sketch, inputs(sketch, curve)[0])
            fits = math.isclose(scale, math.sqrt(2 / math.pi), rel_tol=1e-4)
            if fits and len(inner) == 1 and _with_cube(sketch, inner[0], x):
                return fused(sketch, position, GELU("tanh"), (x,))
    return False


def _with_cube(sketch: Sketch, position: int, x: int) -> bool:
    """Whether a layer gives x + 0.044715·x³."""
    if keyword(sketch, position) != "add" or x not in inputs(sketch, position):
        return False
    other = next((producer for producer in inputs(sketch, position) if producer != x), x)
    scale, layers = factors(sketch, other)
    if not math.isclose(scale, 0.044715, rel_tol=1e-3):
        return False
    if layers == [x, x, x]:
        return True
    return (
        len(layers) == 1
        and getattr(sketch.drafts[layers[0]].op, "exponent", 0) == 3
        and inputs(sketch, layers[0]) == (x,)
    )


PATTERNS = {"mul": (gelu, hard, gated), "div": (hard,)}
