"""Operators that drop values or whole branches while training, and do nothing at inference."""

from typing import ClassVar

from archcalc.numbers import product
from archcalc.ops.base import NO_WORK, SAVES_NOTHING, Choices, Extra, Pointwise, Probability, Saved, Shape, Shapes, Work


class Dropout(Pointwise, frozen=True):
    """Zeroes values with probability p while training; at inference it does nothing.

    While training, per value: a comparison with a random number, and a multiplication by 0 or 1/(1 − p).
    Source: torch.nn.Dropout; Srivastava et al. (2014).
    """

    keyword: ClassVar[str] = "dropout"

    p: Probability = 0.5

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def training_work(self, inputs: Shapes, output: Shape, batch: int) -> Work:
        values = product((*output, batch))
        return Work(comparisons=values, multiplies=values)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved(extras=(Extra("mask", product(output), "mask"),)) if self.p else SAVES_NOTHING


class DropPath(Pointwise, frozen=True):
    """Drops a whole branch with probability p while training (stochastic depth); at inference it does nothing.

    While training: one comparison with a random number a sample, and a multiplication a value.
    Source: Huang et al., Deep Networks with Stochastic Depth (2016); torchvision.ops.StochasticDepth.
    """

    keyword: ClassVar[str] = "drop_path"

    p: Probability = 0.0

    def training_work(self, inputs: Shapes, output: Shape, batch: int) -> Work:
        return Work(comparisons=batch, multiplies=product((*output, batch)))

    def training_reads(self, inputs: int) -> Choices:
        return ((1.0 - self.p, (0,)), (self.p, ()))

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return NO_WORK

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved(extras=(Extra("kept", 1),)) if self.p else SAVES_NOTHING
