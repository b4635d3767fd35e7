"""Which algorithm computes a convolution."""

from typing import Literal, TypeAlias

from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.winograd import F2, F4, Form, fits

Choice = Literal["direct", "im2col", "winograd"]
"""What may be asked for."""

Algorithm: TypeAlias = Literal["direct", "depthwise", "im2col", "winograd_2x2", "winograd_4x4"]
"""What is done."""

FORMS: dict[Algorithm, Form] = {"winograd_2x2": F2, "winograd_4x4": F4}

PASS = 12.0
"""Multiply-adds of a matrix product in the time of one number of an element-wise pass, about."""

COPY = 2.0
"""Likewise for a value of a window that is copied."""

READ = 8.0
"""Likewise for bringing one weight into the cache."""

CALL = 40_000.0
"""Likewise for a call of numpy on hardly anything: about 0.3 µs.

With these four the choice took 1.002 times the least of the three algorithms' times on average over 35 shapes of known
networks, on the machine they were fitted on; 1.06 at most."""

PASSES: dict[Algorithm, tuple[int, int]] = {"winograd_2x2": (4, 4), "winograd_4x4": (17, 13)}
"""Element-wise passes of a transform along one axis, of inputs and of outputs."""


def candidates(geometry: Geometry, kernel: tuple[int, ...]) -> tuple[Algorithm, ...]:
    """The algorithms worth trying, `kernel` being (filters, channels of a group, height, width)."""
    filters, channels = kernel[:2]
    if geometry.groups > 1 and channels == 1 and filters == geometry.groups:
        return ("depthwise",)
    if geometry.pointwise and geometry.groups == 1:
        return ("direct",)
    return ("im2col", *FORMS) if fits(geometry) else ("im2col",)


def choose(
    geometry: Geometry, kernel: tuple[int, ...], output: tuple[int, ...], threads: int, forced: Choice | None = None
) -> Algorithm:
    """The algorithm that should take the least time; the one that is forced, where it is defined.

    `output` is (N, filters, …).
    """
    able = candidates(geometry, kernel)
    if forced == "direct":
        return able[0] if able[0] == "depthwise" else "direct"
    if forced == "im2col":
        return "im2col"
    if forced == "winograd" and fits(geometry):
        able = tuple(FORMS)
    if len(able) == 1:
        return able[0]
    return min(able, key=lambda name: _cost(name, kernel, output, threads))


def _cost(name: Algorithm, kernel: tuple[int, ...], output: tuple[int, ...], threads: int) -> float:
    _, channels, kh, kw = kernel
    if name == "im2col":
        return _im2col_cost(kh * kw * channels, output, threads)
    return _winograd_cost(name, channels, output, threads)


def _im2col_cost(deep: int, output: tuple[int, ...], threads: int) -> float:
    samples, filters, *sizes = output
    pixels = samples * sizes[0] * sizes[-1]
    return pixels * deep * (filters + COPY) / threads + READ * deep * filters


def _winograd_cost(name: Algorithm, channels: int, output: tuple[int, ...], threads: int) -> float:
    samples, filters, *sizes = output
    size, reach = FORMS[name].size, FORMS[name].reach
    # Rows of tiles are what workers share.
    tiles = threads * -(-samples * -(-sizes[0] // size) // threads) * -(-sizes[-1] // size)
    of_inputs, of_outputs = PASSES[name]
    numbers = channels * of_inputs * (size + reach) + filters * of_outputs * (reach + size)
    weights = reach**2 * channels * filters
    calls = 2 * of_inputs + (1 + size) * of_outputs
    return tiles * (weights + PASS * numbers) / threads + READ * weights + CALL * calls
