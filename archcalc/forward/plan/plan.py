"""A network compiled once and run many times: at run time nothing is decided and (nearly) nothing allocated."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from archcalc.analysis.arena import Block, Layout, aligned, lay_out
from archcalc.forward.plan.choose import Choice
from archcalc.forward.plan.lower import Lowered, lower
from archcalc.forward.plan.lowering import Options
from archcalc.forward.plan.processes import Processes, shared_bytes
from archcalc.forward.plan.steps import Step
from archcalc.forward.plan.tiles import Array, Scratch
from archcalc.forward.plan.workers import Kind, Phase, Team, Threads, best_kind
from archcalc.infer import InferredGraph

COLOURS = 4
"""Channels of an input up to which they are copied one by one."""


class Bound(Struct, frozen=True):
    """A step with its calls."""

    step: Step
    phases: tuple[Phase, ...]


class Plan:
    """A compiled network. Call it with samples (N, C, …); it returns the output as an array of its own.

    Raises ValueError for samples of another shape than it was compiled for.
    """

    def __init__(
        self,
        network: InferredGraph,
        lowered: Lowered,
        batch: int,
        threads: int,
        dtype: np.dtype[Any],
        workers: Kind | None = None,
    ) -> None:
        self.network, self.batch, self.threads, self.dtype = network, batch, threads, dtype
        self._values, self._inputs = lowered.values, lowered.inputs
        layout = _layout(lowered, dtype)
        self.workers = "threads" if threads == 1 else workers or best_kind()
        room = shared_bytes if self.workers == "processes" else _own_bytes
        self._block = room(layout.bytes)
        self._memory = [
            storage.constant
            if storage.constant is not None
            else self._block[offset : offset + _bytes(storage.shape, dtype)].view(dtype).reshape(storage.shape)
            for storage, offset in zip(lowered.storages, layout.offsets, strict=True)
        ]
        trial = Scratch([None] * threads, None)
        for step in lowered.steps:
            step.bind(self._memory, threads, trial)
            trial.release()
        own, shared = trial.needed
        scratch = Scratch([_own_bytes(own) for _ in range(threads)], room(shared))
        self.bound = []
        for step in lowered.steps:
            self.bound.append(Bound(step, tuple(step.bind(self._memory, threads, scratch))))
            scratch.release()
        phases = [phase for bound in self.bound for phase in bound.phases]
        self._team: Team = Processes(phases, threads) if self.workers == "processes" else Threads(phases, threads)
        self.activation_bytes, self.scratch_bytes = layout.bytes, own * threads + shared

    def __call__(self, *samples: Array) -> Array:
        self._load(samples)
        self._team.run()
        return self.output(len(self.network.nodes) - 1)

    def output(self, position: int) -> Array:
        """The output of a node that was asked for, after a run."""
        return np.array(self._values[position].seen(self._memory), order="C")

    def timed(self, *samples: Array) -> tuple[Array, list[float]]:
        """The output, and how many seconds each step took."""
        self._load(samples)
        seconds: list[float] = []
        self._team.run(seconds)
        taken = iter(seconds)
        return self.output(len(self.network.nodes) - 1), [
            sum(next(taken) for _ in bound.phases) for bound in self.bound
        ]

    def close(self) -> None:
        """Ends the workers, which otherwise end with the plan."""
        self._team.close()

    def _load(self, samples: Sequence[Array]) -> None:
        for value, given in zip(self._inputs, samples, strict=True):
            to = value.seen(self._memory)
            if np.shape(given) != to.shape:
                raise ValueError(f"the plan is for samples {to.shape}, got {np.shape(given)}")
            if to.ndim > 2 and to.shape[1] <= COLOURS:
                # In one call it would go pixel by pixel, three values at a time.
                for channel in range(to.shape[1]):
                    np.copyto(to[:, channel], given[:, channel])
            else:
                np.copyto(to, given)


def compile_plan(
    network: InferredGraph,
    weights: Mapping[str, Array],
    batch: int = 1,
    threads: int = 2,
    algorithm: Choice | None = None,
    keep: Collection[str] = (),
    workers: Kind | None = None,
    dtype: str | None = None,
    tune: bool = False,
) -> Plan:
    """A plan for a network with its weights and a batch size.

    `threads` is how many workers compute; `workers` what they are, which is otherwise chosen (see `best_kind`).
    `algorithm` is that of all convolutions for which it is defined. The outputs of layers in `keep` may be asked for.
    `tune` measures which algorithm is fastest for each convolution, in place of estimating it. `dtype` is that of the
    weights, unless it is said.
    """
    index = network.graph.index()
    numbers = np.dtype(dtype) if dtype else next((array.dtype for array in weights.values()), np.dtype(np.float32))
    options = Options(batch, threads, numbers, algorithm, tune, tuple(index[name] for name in keep))
    return Plan(network, lower(network, weights, options), batch, threads, numbers, workers)


def _own_bytes(count: int) -> Array:
    return np.empty(count, np.uint8)


def _bytes(shape: Sequence[int], dtype: np.dtype[Any]) -> int:
    return int(np.prod(shape)) * dtype.itemsize


def _layout(lowered: Lowered, dtype: np.dtype[Any]) -> Layout:
    """Where each storage lies: it is alive from the first step that writes it to the last that reads it."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for time_, step in enumerate(lowered.steps):
        first.setdefault(step.writes.storage, time_)
        for value in (*step.reads, step.writes):
            first.setdefault(value.storage, 0)
            last[value.storage] = time_
    for value in lowered.inputs:  # samples are copied to them, even where no step reads them
        first[value.storage] = 0
        last.setdefault(value.storage, 0)
    for value in lowered.values.values():
        first.setdefault(value.storage, 0)
        last[value.storage] = len(lowered.steps)
    blocks = [
        Block(
            aligned(_bytes(storage.shape, dtype)) if storage.constant is None and index in last else 0,
            first.get(index, 0),
            last.get(index, 0),
        )
        for index, storage in enumerate(lowered.storages)
    ]
    return lay_out(blocks)
