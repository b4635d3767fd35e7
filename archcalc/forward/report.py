"""What there is to tell of a run, without its arrays: plain values that those who show them can have without numpy."""

from typing import Literal, TypeAlias

from msgspec import Struct

from archcalc.numbers import product
from archcalc.ops.base import Shape

Execution: TypeAlias = Literal["fast", "reference"]
EXECUTIONS: tuple[Execution, ...] = ("fast", "reference")
"""By a plan, fused and over threads; or node by node, nothing fused, every output there to be looked at."""

Algorithm: TypeAlias = Literal["direct", "im2col", "winograd"]
ALGORITHMS: tuple[Algorithm, ...] = ("direct", "im2col", "winograd")
"""Ways to compute a convolution that the fast execution can be held to, wherever they are defined."""

MOST_THREADS = 256
"""More than any machine that this is for has; each has memory of its own."""


class Timing(Struct, frozen=True):
    """One step: the positions of the nodes that it computes, how, and its median time over all passes."""

    nodes: tuple[int, ...]
    algorithm: str
    seconds: float


class Footprint(Struct, frozen=True):
    """Bytes of a run: weights as they are given, rearranged copies of them, activations, and room to work in."""

    weights: int
    rearranged: int
    activations: int
    scratch: int

    @property
    def total(self) -> int:
        return self.weights + self.rearranged + self.activations + self.scratch


class Planned(Struct, frozen=True):
    """Bytes that a plan has laid out for activations, and to work in."""

    activations: int
    scratch: int


class Guess(Struct, frozen=True):
    """A class: which, its name where the spec has names, its probability, and the number it was made of."""

    index: int
    label: str
    probability: float
    score: float


class Spread(Struct, frozen=True):
    """The values of one sample's output."""

    min: float
    mean: float
    max: float
    std: float


class Report(Struct, frozen=True):
    """How a network was run.

    `weights` and `samples` say where these came from, `matched` what has to be said of weights under other names,
    `names` what each sample is called. `output_shape` leaves the
    batch out; `softmax` says whether the network itself ends in probabilities; `nonfinite` counts outputs that are no
    numbers. `passes` are the seconds of each pass that counts, `timings` those of its steps; both are empty where
    nothing was timed. `product_rate` is what plain matrix products reach on as many threads, but no more than cores, in
    FLOP/s. `taken_bytes` is the most that the process had beyond what it had before, None where that cannot be told.
    """

    execution: Execution
    algorithm: Algorithm | None
    threads: int
    batch: int
    weights: str
    matched: tuple[str, ...]
    samples: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    output_shape: tuple[int, ...]
    softmax: bool
    nonfinite: int
    timings: tuple[Timing, ...]
    passes: tuple[float, ...]
    product_rate: float
    predicted: Footprint
    planned: Planned | None
    taken_bytes: int | None


def is_vector(shape: Shape) -> bool:
    """Whether an output has one number a class: all further axes, if there are any, have a size of 1."""
    return shape[0] > 1 and shape[0] == product(shape)
