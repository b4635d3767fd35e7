"""What operators compute, on arrays and plain numbers: no operator and no graph is known here.

Arrays are channels first behind a batch, of any floating type, and a result has the type of its input. Plain and
vectorised: meant to be right and readable rather than fast.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


def along(vector: Array, axis: int, rank: int) -> Array:
    """A vector laid along one axis of arrays of `rank` axes: a factor per channel is `along(factor, 1, x.ndim)`."""
    return vector.reshape([-1 if position == axis else 1 for position in range(rank)])


def lowest(dtype: "np.dtype[Any]") -> Any:
    """What no value of a type lies below: the maximum of nothing."""
    return np.iinfo(dtype).min if dtype.kind in "iu" else False if dtype.kind == "b" else -np.inf


def highest(dtype: "np.dtype[Any]") -> Any:
    """What no value of a type lies above: the minimum of nothing."""
    return np.iinfo(dtype).max if dtype.kind in "iu" else True if dtype.kind == "b" else np.inf
