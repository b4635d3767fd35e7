"""Passes of samples through a network, timed step by step: by the plan, or by the reference."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from msgspec import Struct
from threadpoolctl import threadpool_limits

from archcalc.forward.kernels import Array
from archcalc.forward.plan import compile_plan
from archcalc.forward.reference import run_reference
from archcalc.forward.report import Algorithm, Execution, Planned, Timing
from archcalc.infer import InferredGraph
from archcalc.ops.source import Input

Progress: TypeAlias = Callable[[float], None]
"""Told again and again how much of the whole is done, from 0 to 1."""

_ROOM, _MOST_PASSES = 0.5, 20  # seconds, and passes, where nobody says how many


class Way(Struct, frozen=True):
    """How a network is to be run, and which outputs are kept."""

    execution: Execution
    algorithm: Algorithm | None
    threads: int
    keep: tuple[str, ...]


class Passes(Struct, frozen=True):
    """The output of the last pass and what it was to keep, the seconds of each pass, and the median of each step's."""

    output: Array
    kept: dict[str, Array]
    timings: tuple[Timing, ...]
    seconds: tuple[float, ...]
    planned: Planned | None


class Taken(NamedTuple):
    """The output of a pass, the seconds of the whole and those of each step."""

    output: Array
    whole: float
    steps: list[float]


class _Executor(Protocol):
    """`steps` are the nodes and the algorithm of each step; `once` tells its share of the work done as it goes on."""

    steps: Sequence[tuple[tuple[int, ...], str]]
    planned: Planned | None

    def once(self, samples: Sequence[Array], tell: Progress) -> Taken: ...

    def kept(self) -> dict[str, Array]: ...

    def close(self) -> None: ...


def run_passes(
    network: InferredGraph,
    weights: Mapping[str, Array],
    samples: Sequence[Array],
    way: Way,
    repeat: int | None,
    tell: Progress,
) -> Passes:
    """`repeat` passes behind one that does not count; a single pass, and no times, for a `repeat` of 0.

    For None as many as half a second has room for, 1 at least and 20 at most.
    """
    executor: _Executor = (
        _Fast(network, weights, len(samples[0]), way) if way.execution == "fast" else _Reference(network, weights, way)
    )
    wholes, parts = list[float](), list[list[float]]()
    try:
        while not _enough(wholes, repeat):
            # How many there will be is not always known: then the bar waits at its end.
            tell_share = partial(_tell_share, tell, len(wholes), 2 if repeat is None else repeat + 1)
            output, whole, seconds = executor.once(samples, tell_share)
            wholes.append(whole)
            parts.append(seconds)
        kept = executor.kept()
    finally:
        executor.close()
    medians = [median(of_step) for of_step in zip(*parts[1:], strict=True)]
    timings = [Timing(*step, seconds) for step, seconds in zip(executor.steps, medians, strict=repeat != 0)]
    return Passes(output, kept, tuple(timings), tuple(wholes[1:]), executor.planned)


def _enough(wholes: Sequence[float], repeat: int | None) -> bool:
    """Whether passes that took so long are all that were asked for."""
    counted = len(wholes) - 1
    if repeat is not None:
        return counted == repeat
    return counted > 0 and (counted == _MOST_PASSES or sum(wholes[1:]) + wholes[-1] > _ROOM)


def _tell_share(tell: Progress, done: int, passes: int, share: float) -> None:
    tell(min(1.0, (done + share) / passes))


class _Fast(_Executor):
    def __init__(self, network: InferredGraph, weights: Mapping[str, Array], batch: int, way: Way) -> None:
        index = network.graph.index()
        self._plan = compile_plan(network, weights, batch, way.threads, way.algorithm, way.keep)
        self._keep = {name: index[name] for name in way.keep}
        self.steps, self._row = _rows([(bound.step.nodes, bound.step.algorithm) for bound in self._plan.bound])
        self.planned = Planned(self._plan.activation_bytes, self._plan.scratch_bytes)

    def once(self, samples: Sequence[Array], tell: Progress) -> Taken:
        tell(0.0)
        began = time.perf_counter()
        output, seconds = self._plan.timed(*samples)
        whole, rows = time.perf_counter() - began, [0.0] * len(self.steps)
        for row, taken in zip(self._row, seconds, strict=True):
            rows[row] += taken
        return Taken(output, whole, rows)

    def kept(self) -> dict[str, Array]:
        return {name: self._plan.output(position) for name, position in self._keep.items()}

    def close(self) -> None:
        self._plan.close()


def _rows(steps: Sequence[tuple[tuple[int, ...], str]]) -> tuple[list[tuple[tuple[int, ...], str]], list[int]]:
    """Steps with those of the same layers made one, and for each step which one it is part of.

    A layer may take several: attention its products, a copy that a reader wants besides.
    """
    row_of: dict[int, int] = {}
    nodes, algorithms, rows = list[tuple[int, ...]](), list[list[str]](), list[int]()
    for computed, algorithm in steps:
        row = row_of.get(computed[0], len(nodes))
        if row == len(nodes):
            nodes.append(computed)
            algorithms.append([])
        row_of.update(dict.fromkeys(computed, row))
        rows.append(row)
        algorithms[row].append(algorithm)
    return [(own, " + ".join(dict.fromkeys(names))) for own, names in zip(nodes, algorithms, strict=True)], rows


class _Reference(_Executor):
    def __init__(self, network: InferredGraph, weights: Mapping[str, Array], way: Way) -> None:
        # Each pass asks for all of them: what has to be converted is converted once.
        self._network, self._weights, self._way = network, dict(weights), way
        self._kept: dict[str, Array] = {}
        self._counted = [i for i, node in enumerate(network.nodes) if not isinstance(node.op, Input)]
        self.steps, self.planned = [((i,), "reference") for i in self._counted], None

    def once(self, samples: Sequence[Array], tell: Progress) -> Taken:
        nodes, seconds = self._network.nodes, list[float]()
        self._kept.clear()  # the arrays of another pass
        # What overflows is counted in the output.
        with threadpool_limits(self._way.threads, user_api="blas"), np.errstate(all="ignore"):
            began = time.perf_counter()
            for position, output in run_reference(self._network, self._weights, samples, self._way.keep):
                seconds.append(time.perf_counter() - began)
                if nodes[position].name in self._way.keep:
                    self._kept[nodes[position].name] = output
                tell((position + 1) / len(nodes))
                began = time.perf_counter()
        return Taken(output, sum(seconds), [seconds[i] for i in self._counted])

    def kept(self) -> dict[str, Array]:
        return self._kept

    def close(self) -> None:
        """Nothing is left of a pass."""
