"""Normalisation, and factors per channel."""

from collections.abc import Sequence

import numpy as np

from archcalc.forward.kernels import Array, along


def standardise(x: Array, axes: Sequence[int], eps: float) -> Array:
    """Mean 0 and variance 1 over `axes`: (x − mean)/√(variance + eps), the variance that divides by the count."""
    axes = tuple(axes)
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    result: Array = centred / np.sqrt(variance + eps)
    return result


def batchnorm(x: Array, mean: Array, variance: Array, gamma: Array | None, beta: Array | None, eps: float) -> Array:
    """Batch normalisation by running statistics: y = x·scale + shift per channel.

    scale = gamma/√(variance + eps), shift = beta − mean·scale.
    """
    scale = 1 / np.sqrt(variance + eps)
    scale = scale if gamma is None else gamma * scale
    shift = -mean * scale if beta is None else beta - mean * scale
    result: Array = x * along(scale, 1, x.ndim) + along(shift, 1, x.ndim)
    return result


def instance_norm(x: Array, gamma: Array | None, beta: Array | None, eps: float) -> Array:
    """Each channel of each sample by its own statistics: batch normalisation that keeps none, on a batch of one."""
    return by_channel(standardise(x, range(2, x.ndim), eps), gamma, beta)


def groupnorm(x: Array, groups: int, gamma: Array | None, beta: Array | None, eps: float) -> Array:
    """Each group of channels of each sample by its own statistics."""
    parts = x.reshape(len(x), groups, -1)
    return by_channel(standardise(parts, (2,), eps).reshape(x.shape), gamma, beta)


def rms_norm(x: Array, axes: Sequence[int], gamma: Array | None, eps: float | None) -> Array:
    """x/√(mean(x²) + eps) over `axes`, at each position of the others; gamma is as large as they are.

    Without `eps` it is the machine epsilon of the type.
    """
    sizes = [n if axis in axes else 1 for axis, n in enumerate(x.shape)]
    square = (x * x).mean(axis=tuple(axes), keepdims=True)
    result: Array = x / np.sqrt(square + (np.finfo(x.dtype).eps if eps is None else eps))
    return result if gamma is None else result * gamma.reshape(sizes)


def by_channel(x: Array, gamma: Array | None, beta: Array | None) -> Array:
    """gamma·x + beta per channel, what is None left out."""
    x = x if gamma is None else x * along(gamma, 1, x.ndim)
    return x if beta is None else x + along(beta, 1, x.ndim)


def layernorm(x: Array, axes: Sequence[int], gamma: Array | None, beta: Array | None, eps: float) -> Array:
    """Mean 0 and variance 1 over neighbouring `axes`, at each position of the others; gamma and beta are as large."""
    sizes = [n if axis in axes else 1 for axis, n in enumerate(x.shape)]
    x = standardise(x, axes, eps)
    x = x if gamma is None else x * gamma.reshape(sizes)
    return x if beta is None else x + beta.reshape(sizes)


def lrn(x: Array, size: int, alpha: float, beta: float, k: float, before: int | None = None) -> Array:
    """y = x/(k + alpha/size·Σ x²)^beta over `size` neighbouring channels; those beyond the edges are zeros.

    The window begins `before` channels ahead of its own, size//2 unless told: then an even window has one more before
    its channel than behind it. Source: torch's local_response_norm; in ONNX's LRN it is the other way round.
    """
    channels = x.shape[1]
    before = size // 2 if before is None else before
    widths = [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)]
    squares = np.pad(x * x, widths)
    near = sum(squares[:, first : first + channels] for first in range(size))
    result: Array = x / (k + alpha / size * near) ** beta
    return result
