"""Weights that are worked out in every pass, and then multiplied by a learned factor for each filter: standardised
weights with a gain. A convolution with them is one without the factors, and a layer that scales what comes out."""

from collections.abc import Callable, Sequence

import msgspec

from archcalc.formats.importer.values import Constant, computed
from archcalc.numbers import product
from archcalc.ops.base import Shape

Given = Sequence[Constant | None]

_PLACES = {"Mul": (0, 1), "BatchNormalization": (1,)}
"""Which inputs may be the factors: either of a product, the scale of a normalisation by statistics of its own."""

_ORDERLY = frozenset(("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze"))
"""What leaves values in their order."""


def factored(
    kind: str, given: Given, shape: Shape, learned: Callable[[Constant], bool], made: Callable[[Given], Constant]
) -> tuple[Constant, Constant] | None:
    """What an operation gives, of this shape, with ones in the place of learned factors, and the factors.

    There is one for each place on the first axis that is longer than 1. `made` is the operation on other inputs.
    """
    axis, count = _first_axis(shape)
    for place in _PLACES.get(kind, ()):
        factors, others = given[place], [value for at, value in enumerate(given) if at != place and value is not None]
        if factors is None or not learned(factors) or not any(learned(value) for value in others):
            continue
        if kind == "Mul":
            alike = (1,) * (len(shape) - len(factors.shape)) + factors.shape == _only(axis, shape)
        else:
            shift = given[2]
            alike = axis == 1 and (shift is None or (not learned(shift) and not shift.array().any()))
        if alike and product(factors.shape) == count and all(product(value.shape) != 1 for value in others[:1]):
            return made([_ones(value) if value is factors else value for value in given]), _vector(factors)
    return None


def moved_along(kind: str, data: Constant, moved: Constant) -> Constant:
    """An array that was moved, which keeps its factors where it keeps its order."""
    if data.scaled is None or kind not in _ORDERLY or moved.scaled is not None:
        return moved
    whole, factors = data.scaled
    if _first_axis(moved.shape)[1] != factors.shape[0]:
        return moved
    return msgspec.structs.replace(
        moved, scaled=(whole.moved(moved.shape, lambda array: array.reshape(moved.shape)), factors)
    )


def _first_axis(shape: Shape) -> tuple[int, int]:
    """The first axis that is longer than 1, and its size."""
    return next(((axis, size) for axis, size in enumerate(shape) if size > 1), (0, 1))


def _only(axis: int, shape: Shape) -> Shape:
    return tuple(size if place == axis else 1 for place, size in enumerate(shape))


def _vector(factors: Constant) -> Constant:
    count = product(factors.shape)
    return factors.moved((count,), lambda array: array.reshape(count))


def _ones(factors: Constant) -> Constant:
    import numpy as np

    return computed(np.ones(factors.shape, factors.dtype))
