"""Matrix products: linear layers, products of two tensors, attention."""

from typing import Any

import numpy as np

from archcalc.formats.onnx.layer import Layer


def linear(op: Any, layer: Layer) -> None:
    """One Gemm for a batch of rows; a Gemm has no further axes, there it is a product with the transposed matrix."""
    bias = (layer.weight("bias"),) if op.bias else ()
    if len(layer.shapes[0]) == 1:
        layer.node("Gemm", layer.inputs[0], layer.weight("weight"), *bias, transB=1)
    else:
        _dense(layer, layer.inputs[0], layer.weight("weight"), *bias)


def matmul(op: Any, layer: Layer) -> None:
    layer.node("MatMul", *layer.inputs)


def multihead_attention(op: Any, layer: Layer) -> None:
    """softmax(q·kᵀ/√d)·v per head: the heads are an axis of their own, next to the batch."""
    width = op.embed_dim // op.num_heads
    queries, keys = layer.shapes[0][0], layer.shapes[-1][0]
    heads = []
    for value, tokens in zip(_projected(op, layer), (queries, keys, keys), strict=True):
        apart = layer.reshaped(value, tokens, op.num_heads, width)
        heads.append(layer.node("Transpose", apart, perm=(0, 2, 1, 3)))
    query, key, value = heads
    scaled = layer.node("Mul", query, layer.number(width**-0.5))
    scores = layer.node("MatMul", scaled, layer.node("Transpose", key, perm=(0, 1, 3, 2)))
    mixed = layer.node("MatMul", layer.node("Softmax", scores, axis=-1), value)
    together = layer.node("Transpose", mixed, perm=(0, 2, 1, 3))
    bias = (layer.weight("out_proj.bias"),) if op.bias else ()
    _dense(layer, layer.reshaped(together, queries, op.embed_dim), layer.weight("out_proj.weight"), *bias)


def scaled_dot_product_attention(op: Any, layer: Layer) -> None:
    """softmax(scale·q·kᵀ + what is added)·v; a causal mask is added as a constant."""
    query, key, value, *added = layer.inputs
    axes = len(layer.output) + 1
    scale = layer.shapes[0][-1] ** -0.5 if op.scale is None else op.scale
    turned = layer.node("Transpose", key, perm=(*range(axes - 2), axes - 1, axes - 2))
    scores = layer.node("MatMul", layer.node("Mul", query, layer.number(scale)), turned)
    if op.is_causal:
        rows, columns = layer.shapes[0][-2], layer.shapes[1][-2]
        added = [layer.number(np.triu(np.full((rows, columns), -np.inf), 1))]
    for mask in added:
        scores = layer.node("Add", scores, mask)
    layer.node("MatMul", layer.node("Softmax", scores, axis=-1), value)


def _projected(op: Any, layer: Layer) -> tuple[str, ...]:
    """Query, key and value of all heads, which one packed matrix makes: at once where all read the same tokens."""
    matrix = layer.weight("in_proj_weight")
    bias = (layer.weight("in_proj_bias"),) if op.bias else ()
    if len(layer.inputs) == 1:
        return layer.nodes("Split", 3, _dense(layer, layer.inputs[0], matrix, *bias), axis=-1, num_outputs=3)
    parts = [layer.nodes("Split", 3, weight, axis=0, num_outputs=3) for weight in (matrix, *bias)]
    return tuple(_dense(layer, *terms) for terms in zip(layer.inputs, *parts, strict=True))


def _dense(layer: Layer, value: str, matrix: str, bias: str = "") -> str:
    """x·Wᵀ + b on the last axis."""
    result = layer.node("MatMul", value, layer.node("Transpose", matrix, perm=(1, 0)))
    return layer.node("Add", result, bias) if bias else result
