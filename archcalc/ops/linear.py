"""Matrix products: linear layers, products of two tensors, attention."""

from collections.abc import Iterator
from typing import ClassVar

from archcalc.numbers import product, total
from archcalc.ops.base import (
    POINTWISE,
    SAVES_INPUT,
    Complaint,
    Extra,
    Op,
    Reads,
    Saved,
    Shape,
    Shapes,
    Size,
    Weight,
    Weights,
    Work,
    can_stretch,
    needs_rank,
    show_shape,
    stretched,
    stretched_reads,
)


class Linear(Op, frozen=True):
    """A fully connected layer on the last axis: y = x·Wᵀ + b, alike at every position of the other axes.

    Weights: out_features × in_features. MACs: as many at each position; a bias adds one addition an output.
    Source: torch.nn.Linear.
    """

    keyword: ClassVar[str] = "linear"

    out_features: Size
    bias: bool = True

    def output(self, inputs: Shapes) -> Shape:
        return (*inputs[0][:-1], self.out_features)

    def weights(self, inputs: Shapes) -> Weights:
        weight = Weight("weight", (self.out_features, inputs[0][-1]))
        return (weight, Weight("bias", (self.out_features,))) if self.bias else (weight,)

    def work(self, inputs: Shapes, output: Shape) -> Work:
        macs = product((*output[:-1], inputs[0][-1], self.out_features))
        return Work(macs=macs, adds=product(output)) if self.bias else Work(macs=macs)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return ((*POINTWISE[len(output) - 1], None),)

    def notes(self, inputs: Shapes) -> Iterator[str]:
        shape = inputs[0]
        if len(shape) > 2 and shape[-1] == shape[-2]:  # channels and a map: flatten was forgotten, more likely than not
            yield f"linear mixes the last axis of {show_shape(shape)} only; flatten before it would have it read all"

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT


class MatMul(Op, frozen=True):
    """The matrix product of two tensors over their last two axes: (…, m, k) and (…, k, n) give (…, m, n).

    The axes before them are equal, where a size of 1 is stretched to that of the other. MACs: m·k·n for each matrix of
    the output. Source: torch.matmul, where both inputs have as many axes.
    """

    keyword: ClassVar[str] = "matmul"
    arity: ClassVar[int | None] = 2

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        a, b = inputs
        if len(a) < 2 or len(a) != len(b) or not can_stretch((a[:-2], b[:-2])) or a[-1] != b[-2]:
            yield Complaint(f"matmul cannot multiply {show_shape(a)} by {show_shape(b)}", hint="…×m×k by …×k×n")

    def output(self, inputs: Shapes) -> Shape:
        a, b = inputs
        return (*stretched((a[:-2], b[:-2])), a[-2], b[-1])

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(macs=product((*output, inputs[0][-1])))

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        rows, columns = POINTWISE[len(output)][-2:]
        leading = (stretched_reads(shape[:-2], output[:-2]) for shape in inputs)
        return ((*next(leading), rows, None), (*next(leading), None, columns))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0, 1))


class MultiHeadAttention(Op, frozen=True):
    """Multi-head attention over tokens × features: softmax(q·kᵀ/√d)·v per head, then an output projection.

    Inputs: one (self-attention), or query, key and value. With L queries, S keys and E = embed_dim features, MACs are
    the projections L·E·E + 2·S·E·E + L·E·E, the scores L·S·E and the weighted sum L·S·E. The scale costs one
    multiplication a score; the softmax over S keys S − 1 comparisons, S subtractions, S exponentials, S − 1 additions
    and S divisions a row.
    Source: torch.nn.MultiheadAttention (batch_first); Vaswani et al., Attention Is All You Need (2017).
    """

    keyword: ClassVar[str] = "multihead_attention"
    arity: ClassVar[int | None] = None
    fewest: ClassVar[int] = 1

    embed_dim: Size
    num_heads: Size
    bias: bool = True

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if len(inputs) not in (1, 3):
            yield Complaint(f"multihead_attention takes 1 input, or query, key and value, got {len(inputs)}")
            return
        different = [shape for position, shape in enumerate(inputs) if shape not in inputs[:position]]
        for shape in different:
            yield from needs_rank((shape,), range(2, 3), "multihead_attention needs tokens × features")
        if self.embed_dim % self.num_heads:
            yield Complaint(f"{self.num_heads} heads do not divide {self.embed_dim} features", "num_heads")
        for shape in different:
            if shape[-1] != self.embed_dim:
                yield Complaint(f"embed_dim {self.embed_dim} is not the {shape[-1]} features of its input", "embed_dim")
        if inputs[-1] != inputs[-2 if len(inputs) == 3 else -1]:
            yield Complaint(f"key {show_shape(inputs[1])} and value {show_shape(inputs[2])} have different shapes")

    def output(self, inputs: Shapes) -> Shape:
        return inputs[0]

    def weights(self, inputs: Shapes) -> Weights:
        e = self.embed_dim
        matrices = (Weight("in_proj_weight", (e + e + e, e)), Weight("out_proj.weight", (e, e)))
        biases = (Weight("in_proj_bias", (e + e + e,)), Weight("out_proj.bias", (e,)))
        return matrices + biases if self.bias else matrices

    def work(self, inputs: Shapes, output: Shape) -> Work:
        queries, keys, e = inputs[0][0], inputs[-1][0], self.embed_dim
        rows = queries * self.num_heads
        scores = rows * keys
        projected = total((queries * e, keys * e, keys * e, queries * e))
        return Work(
            macs=projected * e + 2 * (queries * keys * e),
            adds=scores + rows * (keys - 1) + projected if self.bias else scores + rows * (keys - 1),
            multiplies=scores,
            comparisons=rows * (keys - 1),
            divisions=scores,
            exponentials=scores,
        )

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        # Every query reads all keys and values; in self-attention they are the input, too.
        keys: Reads = (None, None)
        return (keys,) if len(inputs) == 1 else ((*POINTWISE[1], None), keys, keys)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        queries, keys, e = inputs[0][0], inputs[-1][0], self.embed_dim
        projected = total((queries * e, keys * e, keys * e))
        extras = (
            Extra("q, k and v", projected),
            Extra("shares", queries * self.num_heads * keys),
            Extra("heads", queries * e),
        )
        return Saved(tuple(range(len(inputs))), extras=extras)
