"""Elementary functions and reductions in torch."""

from typing import Any

from archcalc.formats.sources.layout import literal
from archcalc.formats.sources.said import Rule, Said, made
from archcalc.ops.base import Shape, Shapes, axis_of


def function(name: str) -> Rule:
    """The rule of a function of one tensor."""
    return lambda op, inputs, output: Said(f"torch.{name}({{0}})")


def neg(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said("-{0}")


def power(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said(f"torch.pow({{0}}, {literal(op.exponent)})")


def hardtanh(op: Any, inputs: Shapes, output: Shape) -> Said:
    return made("nn.Hardtanh", ("min_val", op.min_val, -1.0), ("max_val", op.max_val, 1.0))


def reduction(name: str) -> Rule:
    """The rule of a reduction that is a method of tensors."""
    return lambda op, inputs, output: Said(f"{{0}}.{name}({_dims(op, inputs)})")


def reduce_l2(op: Any, inputs: Shapes, output: Shape) -> Said:
    return Said(f"torch.linalg.vector_norm({{0}}, {_dims(op, inputs)})")


def _dims(op: Any, inputs: Shapes) -> str:
    """The axes, with the batch, that are reduced."""
    dims = op.dims if isinstance(op.dims, tuple) else (op.dims,)
    axes = tuple(1 + axis_of(dim, len(inputs[0])) for dim in dims)
    keepdim = ", keepdim=True" if op.keepdim else ""
    return f"dim={literal(axes[0] if len(axes) == 1 else axes)}{keepdim}"
