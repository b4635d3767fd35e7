"""Attention whose projections, if there are any, are layers of their own."""

from collections.abc import Iterator
from typing import ClassVar

from archcalc.numbers import product
from archcalc.ops.base import (
    POINTWISE,
    Complaint,
    Extra,
    Gap,
    Op,
    Reads,
    Saved,
    Shape,
    Shapes,
    Weights,
    Window,
    Work,
    can_stretch,
    show_shape,
    stretched_reads,
)


class ScaledDotProductAttention(Op, frozen=True):
    """softmax(scale·q·kᵀ)·v over tokens × features, alike along the axes before them: heads.

    Inputs: query …×L×E, key …×S×E and value …×S×V, with the same axes before the last two, and perhaps a fourth, which
    is added to the scores …×L×S and stretched to them. `scale` is 1/√E unless it is given. `is_causal` hides the keys
    behind a query's own place; scores are computed and counted all the same, as in torch.

    For each score: E + V multiply-accumulates of the two products, a multiplication for the scale, an addition where
    there is a fourth input; and for the softmax as in `multihead_attention`, over S keys a row: S − 1 comparisons, S
    subtractions, S exponentials, S − 1 additions and S divisions.
    Source: torch.nn.functional.scaled_dot_product_attention; Vaswani et al., Attention Is All You Need (2017).
    """

    keyword: ClassVar[str] = "scaled_dot_product_attention"
    arity: ClassVar[int | None] = None
    fewest: ClassVar[int] = 3

    scale: float | None = None
    is_causal: bool = False

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if len(inputs) not in (3, 4):
            hint = "a fourth input is added to the scores"
            yield Complaint(f"{self.keyword} takes query, key and value, got {len(inputs)} inputs", hint=hint)
            return
        query, key, value = inputs[:3]
        shown = ", ".join(show_shape(shape) for shape in inputs[:3])
        if min(len(shape) for shape in inputs[:3]) < 2:
            yield Complaint(f"{self.keyword} needs tokens × features, got {shown}")
        elif not query[:-2] == key[:-2] == value[:-2] or query[-1] != key[-1] or key[-2] != value[-2]:
            hint = "…×L×E, …×S×E and …×S×V"
            yield Complaint(f"query, key and value do not fit together: {shown}", hint=hint)
        elif len(inputs) == 4:
            scores = (*query[:-1], key[-2])
            if not can_stretch((inputs[3], scores)) or any(n > m for n, m in zip(inputs[3], scores, strict=True)):
                yield Complaint(f"{show_shape(inputs[3])} cannot be added to scores of {show_shape(scores)}")
            if self.is_causal:
                yield Complaint("is_causal and a fourth input exclude each other", "is_causal", "add the two masks up")

    def output(self, inputs: Shapes) -> Shape:
        return (*inputs[0][:-1], inputs[2][-1])

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        rows, keys = product(inputs[0][:-1]), inputs[1][-2]
        scores = rows * keys
        shares = scores + rows * (keys - 1)
        return Work(
            macs=scores * inputs[0][-1] + scores * inputs[2][-1],
            adds=shares + scores if len(inputs) == 4 else shares,
            multiplies=scores,
            comparisons=rows * (keys - 1),
            divisions=scores,
            exponentials=scores,
        )

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        axes = POINTWISE[len(output)]
        # Every query reads all keys and values, and of the values one feature.
        tokens = Gap("causal attention reads from the first token up to a query's own") if self.is_causal else None
        reads: list[Reads] = [(*axes[:-1], None), (*axes[:-2], tokens, None), (*axes[:-2], tokens, axes[-1])]
        for scores in inputs[3:]:
            added: tuple[Window, ...] = stretched_reads(scores[:-1], output[:-1])
            reads.append((*added, None))
        return tuple(reads)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        scores = product(inputs[0][:-1]) * inputs[1][-2]
        return Saved((0, 1, 2), extras=(Extra("shares", scores),))
