"""Algorithms chosen by measuring them here, on maps of the right size, in place of by what they should cost."""

from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from archcalc.forward.plan.choose import Algorithm, candidates
from archcalc.forward.plan.convolve import Convolution, bind_convolution, prepare
from archcalc.forward.plan.geometry import Geometry
from archcalc.forward.plan.product import shortest
from archcalc.forward.plan.tiles import Epilogue, Scratch
from archcalc.forward.plan.values import Value, last_to_channels

RUNS = 5


class Tuner:
    """Remembers what it has measured: layers of the same sizes are measured once."""

    def __init__(self, dtype: "np.dtype[Any]", fewest: int | None) -> None:
        self._dtype, self._fewest = dtype, fewest
        self.fastest = cache(self._fastest)

    def _fastest(
        self, geometry: Geometry, kernel: tuple[int, ...], source: tuple[int, ...], target: tuple[int, ...]
    ) -> Algorithm:
        """The algorithm that took least, of those that are defined; kernel as for `choose`, maps as (N, C, H, W)."""
        return min(candidates(geometry, kernel), key=lambda name: self._seconds(name, geometry, kernel, source, target))

    def _seconds(
        self,
        name: Algorithm,
        geometry: Geometry,
        kernel: tuple[int, ...],
        source: tuple[int, ...],
        target: tuple[int, ...],
    ) -> float:
        """The shortest of some runs, on one worker and numbers of no meaning."""
        packed = prepare(name, geometry, np.ones(kernel), self._dtype, self._fewest)
        convolution = Convolution(name, geometry, packed, Epilogue(), None)
        memory = [np.ones((shape[0], *shape[2:], shape[1]), self._dtype) for shape in (source, target)]
        read, write = (Value(storage, (last_to_channels,)) for storage in (0, 1))
        trial = Scratch([None], None)
        bind_convolution(convolution, read, None, write, memory, 1, trial)
        own, shared = trial.needed
        scratch = Scratch([np.empty(own, np.uint8)], np.empty(shared, np.uint8))
        phases = bind_convolution(convolution, read, None, write, memory, 1, scratch)
        with threadpool_limits(1, user_api="blas"):
            return shortest([call for (calls,) in phases for call in calls], RUNS)
