"""Normalisation, and the per-channel scale that some networks put in its place.

Work is that of inference on one sample. A sum of m numbers is m − 1 additions; a square root counts as an exponential.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import Meta

from archcalc.numbers import product
from archcalc.ops.base import (
    POINTWISE,
    SAVES_INPUT,
    Complaint,
    Extra,
    Op,
    Pointwise,
    Reads,
    Saved,
    Shape,
    Shapes,
    Size,
    Weight,
    Weights,
    Window,
    Work,
    axis_of,
    dim_fits,
    needs_rank,
    show_shape,
)

Epsilon = Annotated[float, Meta(ge=0)]


class BatchNorm(Pointwise, frozen=True):
    """Batch normalisation by the running statistics of training: y = x·scale + shift per channel.

    Without `track_running_stats` it normalises each channel by its own mean and variance, at inference too: then its
    work is that of `groupnorm` with a group a channel, and it reads the whole map.

    Weights: gamma and beta (with `affine`), running mean and variance (with `track_running_stats`), one a channel.
    Work: one multiplication and one addition a value; scale and shift are made once, when the weights are loaded.
    Source: torch.nn.BatchNorm2d; Ioffe and Szegedy, Batch Normalization (2015).
    """

    keyword: ClassVar[str] = "batchnorm"

    eps: Epsilon = 1e-5
    affine: bool = True
    track_running_stats: bool = True

    def weights(self, inputs: Shapes) -> Weights:
        channels = (inputs[0][0],)
        affine = (Weight("weight", channels), Weight("bias", channels))
        running = (Weight("running_mean", channels, "statistic"), Weight("running_var", channels, "statistic"))
        return (affine if self.affine else ()) + (running if self.track_running_stats else ())

    def work(self, inputs: Shapes, output: Shape) -> Work:
        if not self.track_running_stats:
            return standardise(product(output), output[0], self.affine)
        return Work(adds=product(output), multiplies=product(output))

    def training_work(self, inputs: Shapes, output: Shape, batch: int) -> Work:
        """By the statistics of the whole batch; the running ones r follow them once: r + momentum·(s − r)."""
        work = standardise(product((*output, batch)), output[0], self.affine)
        if not self.track_running_stats:
            return work
        kept = 2 * output[0]
        return Work(0, work.adds + 2 * kept, work.multiplies + kept, 0, work.divisions, work.exponentials)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        if not self.track_running_stats:
            return ((Window(0), *(None for _ in output[1:])),)
        return super().windows(inputs, output)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0,), extras=(Extra("mean and 1/deviation", 2 * output[0], "statistic", once=True),))


def standardise(values: int, groups: int, affine: bool) -> Work:
    """The work of giving `groups` groups mean 0 and variance 1, `values` being the values of them all.

    Per group of m: the mean takes m − 1 additions and a division; the variance m subtractions, m squares, m − 1
    additions and a division; 1/√(variance + eps) an addition, a root and a division. Then m multiplications, and with
    `affine` m more and m additions.
    """
    scaled = 2 * values if affine else values
    return Work(
        adds=values - groups + values + (values - groups) + groups + (scaled - values),
        multiplies=values + scaled,
        divisions=3 * groups,
        exponentials=groups,
    )


class _OverAxes(Op, frozen=True):
    """`normalized_shape` are the sizes normalised over; left out, it is the last axis. `dim: 1` normalises the channels
    of a channels-first map instead, as ConvNeXt does between its stages.
    """

    normalized_shape: Size | tuple[Size, ...] | None = None
    dim: int | None = None

    def _axes(self, rank: int) -> tuple[int, ...]:
        if self.dim is not None:
            return (axis_of(self.dim, rank),)
        count = len(self.normalized_shape) if isinstance(self.normalized_shape, tuple) else 1
        return tuple(range(rank - count, rank))

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        shape, given = inputs[0], self.normalized_shape
        if self.dim is not None:
            yield from dim_fits(self.dim, len(shape))
            if given is not None:
                yield Complaint(f"{self.keyword} takes either normalized_shape or dim", "normalized_shape")
        elif given is not None:
            sizes = given if isinstance(given, tuple) else (given,)
            if not sizes or shape[-len(sizes) :] != sizes:
                message = f"normalized_shape {show_shape(sizes)} is not how {show_shape(shape)} ends"
                yield Complaint(message, "normalized_shape")

    def output(self, inputs: Shapes) -> Shape:
        return inputs[0]

    def _normalised(self, shape: Shape) -> Shape:
        return tuple(shape[axis] for axis in self._axes(len(shape)))

    def _groups(self, shape: Shape) -> int:
        axes = self._axes(len(shape))
        return product(size for axis, size in enumerate(shape) if axis not in axes)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        axes = self._axes(len(output))
        return (tuple(None if axis in axes else window for axis, window in enumerate(POINTWISE[len(output)])),)


class LayerNorm(_OverAxes, frozen=True):
    """Layer normalisation: mean 0 and variance 1 over the last axes, at each position of the others.

    Weights: gamma and beta (with `elementwise_affine`) of the normalised shape.
    Source: torch.nn.LayerNorm; Ba, Kiros and Hinton, Layer Normalization (2016).
    """

    keyword: ClassVar[str] = "layernorm"

    eps: Epsilon = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def weights(self, inputs: Shapes) -> Weights:
        if not self.elementwise_affine:
            return ()
        gamma = Weight("weight", self._normalised(inputs[0]))
        return (gamma, Weight("bias", gamma.shape)) if self.bias else (gamma,)

    def work(self, inputs: Shapes, output: Shape) -> Work:
        work = standardise(product(output), self._groups(output), self.elementwise_affine)
        if self.elementwise_affine and not self.bias:
            return Work(work.macs, work.adds - product(output), work.multiplies, 0, work.divisions, work.exponentials)
        return work

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0,), extras=(Extra("mean and 1/deviation", 2 * self._groups(output), "statistic"),))


class RMSNorm(_OverAxes, frozen=True):
    """Normalisation by the root mean square: y = gamma·x/√(mean(x²) + eps), at each position of the other axes.

    `eps` left out is the machine epsilon of the type that is computed in, as in torch. Weights: gamma (with
    `elementwise_affine`) of the normalised shape. Work per group of m: m squares, m − 1 additions and a division for
    their mean, an addition, a root and a division, m multiplications, and m more with gamma.
    Source: torch.nn.RMSNorm; Zhang and Sennrich, Root Mean Square Layer Normalization (2019).
    """

    keyword: ClassVar[str] = "rms_norm"

    eps: Epsilon | None = None
    elementwise_affine: bool = True

    def weights(self, inputs: Shapes) -> Weights:
        return (Weight("weight", self._normalised(inputs[0])),) if self.elementwise_affine else ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        values, groups = product(output), self._groups(output)
        return Work(
            adds=values - groups + groups,
            multiplies=(3 if self.elementwise_affine else 2) * values,
            divisions=2 * groups,
            exponentials=groups,
        )

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0,), extras=(Extra("1/root mean square", self._groups(output), "statistic"),))


class InstanceNorm(Op, frozen=True):
    """Instance normalisation: each channel of a sample gets mean 0 and variance 1 over all its positions.

    Weights: gamma and beta (with `affine`), one a channel. It reads the whole map, at inference too: its receptive
    field is global.
    Source: torch.nn.InstanceNorm2d; Ulyanov, Vedaldi and Lempitsky, Instance Normalization (2016).
    """

    keyword: ClassVar[str] = "instance_norm"

    eps: Epsilon = 1e-5
    affine: bool = False

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        yield from needs_rank(inputs, range(2, 5), "instance_norm needs channels and 1 to 3 spatial axes")

    def output(self, inputs: Shapes) -> Shape:
        return inputs[0]

    def weights(self, inputs: Shapes) -> Weights:
        channels = (inputs[0][0],)
        return (Weight("weight", channels), Weight("bias", channels)) if self.affine else ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return standardise(product(output), output[0], self.affine)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return ((Window(0), *(None for _ in output[1:])),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        statistics = Extra("mean and 1/deviation", 2 * output[0], "statistic")
        return Saved((0,), extras=(statistics, Extra("gamma", output[0])) if self.affine else (statistics,))


class GroupNorm(Op, frozen=True):
    """Group normalisation: each group of channels gets mean 0 and variance 1 over its channels and all positions.

    Weights: gamma and beta (with `affine`), one a channel. `num_groups` equal to the channels is instance
    normalisation. It reads the whole map: its receptive field is global.
    Source: torch.nn.GroupNorm; Wu and He, Group Normalization (2018).
    """

    keyword: ClassVar[str] = "groupnorm"

    num_groups: Size
    eps: Epsilon = 1e-5
    affine: bool = True

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        if inputs[0][0] % self.num_groups:
            yield Complaint(f"{self.num_groups} groups do not divide {inputs[0][0]} channels", "num_groups")

    def output(self, inputs: Shapes) -> Shape:
        return inputs[0]

    def weights(self, inputs: Shapes) -> Weights:
        channels = (inputs[0][0],)
        return (Weight("weight", channels), Weight("bias", channels)) if self.affine else ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return standardise(product(output), self.num_groups, self.affine)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return (tuple(None for _ in output),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return Saved((0,), extras=(Extra("mean and 1/deviation", 2 * self.num_groups, "statistic"),))


class LocalResponseNorm(Op, frozen=True):
    """Local response normalisation across `size` neighbouring channels: y = x/(k + alpha/size·Σ x²)^beta.

    Work per value: a square, `size` − 1 additions (channels beyond the edge count as zeros), a multiplication, an
    addition, a power and a division. No weights; its window runs over channels, so the receptive field does not grow.
    Source: torch.nn.LocalResponseNorm; Krizhevsky, Sutskever and Hinton (2012), section 3.3.
    """

    keyword: ClassVar[str] = "lrn"

    size: Size = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        yield from needs_rank(inputs, range(2, 5), "lrn needs channels and 1 to 3 spatial axes")

    def output(self, inputs: Shapes) -> Shape:
        return inputs[0]

    def weights(self, inputs: Shapes) -> Weights:
        return ()

    def work(self, inputs: Shapes, output: Shape) -> Work:
        n = product(output)
        return Work(adds=n * self.size, multiplies=2 * n, divisions=n, exponentials=n)

    def windows(self, inputs: Shapes, output: Shape) -> tuple[Reads, ...]:
        return ((None, *POINTWISE[len(output)][1:]),)

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        padded = product((output[0] + self.size - 1, *output[1:]))
        n = product(output)
        return Saved((0,), extras=(Extra("squares", padded), Extra("sums", n), Extra("powers", n)))


class LayerScale(Pointwise, frozen=True):
    """A learned factor per channel: y = gamma·x along `dim` (1: the channels of a map; −1: the features of tokens).

    Source: Touvron et al., Going deeper with Image Transformers (2021).
    """

    keyword: ClassVar[str] = "layer_scale"

    dim: int = 1

    def check(self, inputs: Shapes) -> Iterator[Complaint]:
        yield from dim_fits(self.dim, len(inputs[0]))

    def weights(self, inputs: Shapes) -> Weights:
        return (Weight("gamma", (inputs[0][axis_of(self.dim, len(inputs[0]))],)),)

    def work(self, inputs: Shapes, output: Shape) -> Work:
        return Work(multiplies=product(output))

    def saves(self, inputs: Shapes, output: Shape) -> Saved:
        return SAVES_INPUT
