"""Elementary functions."""

from typing import Any

from archcalc.formats.onnx.layer import Layer, Rule


def plain(kind: str) -> Rule:
    """A node of one input and no attributes."""

    def rule(op: Any, layer: Layer) -> None:
        layer.node(kind, layer.inputs[0])

    return rule


def rsqrt(op: Any, layer: Layer) -> None:
    layer.node("Reciprocal", layer.node("Sqrt", layer.inputs[0]))


def power(op: Any, layer: Layer) -> None:
    layer.node("Pow", layer.inputs[0], layer.number(op.exponent))


def hardtanh(op: Any, layer: Layer) -> None:
    layer.node("Clip", layer.inputs[0], layer.number(op.min_val), layer.number(op.max_val))
