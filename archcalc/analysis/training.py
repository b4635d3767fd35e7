"""Memory of a training step: weights, gradients, the optimizer's state, and what the backward pass needs when.

The forward pass keeps what `saves` states of every layer; the backward pass goes through the layers in reverse, makes
the gradient of each output from those behind it, and lets go of what it has used. With checkpoints, the forward pass
keeps the tensors between segments only, and each segment is run once more before it goes back (Chen et al., Training
Deep Nets with Sublinear Memory Cost, 2016).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from archcalc.analysis.memory import DTYPES
from archcalc.analysis.params import count_params
from archcalc.analysis.saved import SavedTensor, saved_activations, storage_owners
from archcalc.analysis.timeline import Tensor, Timeline
from archcalc.errors import Problem, UsageError
from archcalc.infer import InferredGraph
from archcalc.numbers import product

Optimizer = Literal["sgd", "momentum", "adam", "adamw"]

STATES: dict[Optimizer, int] = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}
"""Optimizer → numbers it keeps for each parameter: the velocity; the means of gradients and of their squares."""

OPTIMIZERS = tuple(STATES)
_FULL = 4  # bytes: optimizers work in single precision, whatever the activations are in


class TrainingMemory(Struct, frozen=True):
    """Memory of one step of training, in bytes.

    `weight_bytes` with buffers, `copy_bytes` the half-precision copies of mixed precision, `gradient_bytes` those of
    all parameters, `optimizer_bytes`; `saved_bytes` is what the forward pass keeps for the backward pass. `peak_bytes`
    is the most that is there at once, at `peak_step`; `constant_bytes` of it are there all the time.
    """

    optimizer: Optimizer
    batch: int
    dtype: str
    mixed: bool
    checkpoint: int
    weight_bytes: int
    copy_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    saved_bytes: int
    constant_bytes: int
    peak_bytes: int
    peak_step: str
    timeline: Timeline


def training_memory(
    network: InferredGraph,
    batch: int = 1,
    dtype: str = "float32",
    optimizer: Optimizer = "sgd",
    mixed: bool = False,
    checkpoint: int = 0,
) -> TrainingMemory:
    """The memory of one step, its gradients made anew and let go behind it.

    weights   (params + buffers) · bytes of `dtype`; with `mixed`, 4 bytes each, and a copy of every matrix and kernel
              in half precision while the step runs (torch.autocast)
    gradients params · bytes of a weight, each from the backward step of its layer on
    optimizer params · 4 · what STATES says
    saved     as `saved_activations`; with `mixed` in half precision
    gradients of outputs: from the backward step of the first reader that goes back to the layer's own

    `checkpoint` n keeps only what flows between every n blocks: a block ends wherever a single tensor is all that goes
    on. Raises UsageError for an unknown optimizer, and for `mixed` with another type than float32.
    """
    if optimizer not in STATES:
        raise UsageError(Problem(f"there is no optimizer '{optimizer}'", None, f"there is {', '.join(OPTIMIZERS)}"))
    if mixed and dtype != "float32":
        message = f"mixed precision keeps float32 weights beside half-precision activations: it has no {dtype}"
        raise UsageError(Problem(message))
    counted = count_params(network)
    width = DTYPES[dtype]
    flowing = "float16" if mixed else dtype
    copies = sum(_matrices(network, i) for i in range(len(network.nodes))) * 2 if mixed else 0
    weights = (counted.params + counted.buffers) * width
    state = counted.params * _FULL * STATES[optimizer]
    segments = _segments(network, checkpoint) if checkpoint else [(0, len(network.nodes))]
    step = _Step(network, batch, flowing, width, segments)
    timeline = step.timeline(bool(checkpoint))
    alive = timeline.alive()
    constant = weights + copies + state
    peak = max(alive)
    return TrainingMemory(
        optimizer,
        batch,
        dtype,
        mixed,
        checkpoint,
        weights,
        copies,
        counted.params * width,
        state,
        step.saved.bytes,
        constant,
        constant + peak,
        timeline.steps[alive.index(peak)],
        timeline,
    )


def largest_batch(
    network: InferredGraph,
    limit: int,
    dtype: str = "float32",
    optimizer: Optimizer = "sgd",
    mixed: bool = False,
    checkpoint: int = 0,
) -> int:
    """The largest batch whose step takes no more than `limit` bytes; 0 where not even one sample does.

    Memory grows with the batch, so that halving finds it: every tensor is proportional to it or constant.
    """

    def fits(batch: int) -> bool:
        return training_memory(network, batch, dtype, optimizer, mixed, checkpoint).peak_bytes <= limit

    low, high = 0, 1
    while high <= MOST_SAMPLES and fits(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


MOST_SAMPLES = 1 << 40
"""Where the search for a batch ends: nobody has so many samples."""


def cuts(network: InferredGraph) -> list[int]:
    """The positions behind which a single tensor is all that goes on: where a block ends and can be run again from."""
    owners, found = storage_owners(network), []
    last: dict[int, int] = {}
    for position, node in enumerate(network.nodes):
        for producer in node.inputs:
            last[owners[producer]] = position
    open_: set[int] = set()
    for position, node in enumerate(network.nodes):
        open_ = {owner for owner in open_ if last.get(owner, -1) > position}
        if last.get(owners[position], -1) > position and _is_memory(network, owners[position]):
            open_.add(owners[position])
        if open_ == {owners[position]} and node.inputs:
            found.append(position)
    return found


def _segments(network: InferredGraph, every: int) -> list[tuple[int, int]]:
    """Ranges of positions between every n-th cut."""
    ends = [position + 1 for position in cuts(network)[every - 1 :: every]]
    starts = [0, *ends]
    return [(a, b) for a, b in zip(starts, [*ends, len(network.nodes)], strict=True) if a < b]


def _matrices(network: InferredGraph, position: int) -> int:
    """The values of a layer's own matrices and kernels."""
    if network.nodes[position].shares is not None:
        return 0
    return sum(weight.count for weight in network.weights(position) if len(weight.shape) > 1)


def _is_memory(network: InferredGraph, position: int) -> bool:
    """Whether an output is memory of its own; a learned parameter's is its weights."""
    return bool(network.nodes[position].inputs) or not network.weights(position)


class _Step:
    """One training step while its steps and tensors are laid out."""

    def __init__(
        self, network: InferredGraph, batch: int, dtype: str, width: int, segments: Sequence[tuple[int, int]]
    ) -> None:
        self.network, self.segments, self.width = network, segments, width
        self.size, self.batch = DTYPES[dtype], batch
        self.owners = storage_owners(network)
        self.saved = saved_activations(network, batch, dtype)
        self.index = network.graph.index()
        self.last = self._last_readers()
        self.names: list[str] = []
        self.forward: dict[int, int] = {}
        self.backward: dict[int, int] = {}

    def timeline(self, checkpointed: bool) -> Timeline:
        for position, node in enumerate(self.network.nodes):
            self.forward[position] = len(self.names)
            self.names.append(f"{node.name} forward")
        again: dict[int, int] = {}
        for start, end in reversed(self.segments):
            if checkpointed and end < len(self.network.nodes):
                for position in range(start, end):
                    again[position] = len(self.names)
                    self.names.append(f"{self.network.nodes[position].name} again")
            for position in reversed(range(start, end)):
                self.backward[position] = len(self.names)
                self.names.append(f"{self.network.nodes[position].name} backward")
        tensors = [*self._activations(again), *self._saved(again), *self._gradients()]
        return Timeline(tuple(self.names), tuple(tensor for tensor in tensors if tensor.bytes))

    def _last_readers(self) -> list[int]:
        """For each memory the last layer that reads it, through views too."""
        last = list(range(len(self.owners)))
        for position, node in enumerate(self.network.nodes):
            for producer in node.inputs:
                last[self.owners[producer]] = max(last[self.owners[producer]], position)
        last[self.owners[-1]] = len(self.owners) - 1
        return last

    def _bytes(self, position: int) -> int:
        if self.owners[position] != position or not _is_memory(self.network, position):
            return 0
        return product(self.network.shapes[position]) * self.batch * self.size

    def _segment(self, position: int) -> tuple[int, int]:
        return next(segment for segment in self.segments if segment[0] <= position < segment[1])

    def _activations(self, again: dict[int, int]) -> Iterator[Tensor]:
        """Outputs from their layer to their last reader, in the forward pass and where they are computed again; what
        one segment hands to the next is kept until that has gone back."""
        for position, node in enumerate(self.network.nodes):
            if not self._bytes(position):
                continue
            if not node.inputs:  # whoever gave the samples holds them while the step runs
                yield Tensor(node.name, "input", self._bytes(position), 0, len(self.names) - 1)
                continue
            last = self.last[position]
            handed = again and last >= self._segment(position)[1]
            if handed:
                users = [
                    self.backward[reader]
                    for reader in range(position + 1, last + 1)
                    if any(self.owners[i] == position for i in self.network.nodes[reader].inputs)
                ]
                end = max([*users, *(step for reader, step in again.items() if reader <= last and reader > position)])
                yield Tensor(node.name, "checkpoint", self._bytes(position), self.forward[position], end)
                continue
            yield Tensor(node.name, "activation", self._bytes(position), self.forward[position], self.forward[last])
            if position in again:
                yield Tensor(node.name, "activation", self._bytes(position), again[position], again[last])

    def _saved(self, again: dict[int, int]) -> Iterator[Tensor]:
        """What is kept, from the layer that makes it (again) to the last of its users that goes back."""
        for tensor in self.saved.tensors:
            position = self.index[tensor.layer]
            if not tensor.extra and not self.network.nodes[position].inputs:
                continue
            end = max(self.backward[self.index[user]] for user in tensor.users)
            if not tensor.extra and again and self.last[position] >= self._segment(position)[1]:
                continue  # it is a checkpoint, and alive anyway
            made = again.get(position, self.forward[position])
            yield Tensor(_name(tensor), "saved", tensor.bytes, self._kept_from(tensor, position, made, again), end)

    def _kept_from(self, tensor: SavedTensor, position: int, made: int, again: dict[int, int]) -> int:
        """An output is alive as an activation until its last reader: it is kept from behind that on."""
        if tensor.extra:
            return made
        last = self.last[position]
        return (again[last] if position in again else self.forward[last]) + 1

    def _gradients(self) -> Iterator[Tensor]:
        """Gradients of outputs, and of parameters until the optimizer has used them at the end."""
        final = len(self.names) - 1
        counted = count_params(self.network).layers
        for position, node in enumerate(self.network.nodes):
            if node.inputs and self._bytes(position):
                first = self.backward[self.last[position]]
                yield Tensor(node.name, "gradient", self._bytes(position), first, self.backward[position])
            if counted[position].params:
                amount = counted[position].params * self.width
                yield Tensor(f"{node.name} weights", "weight gradient", amount, self.backward[position], final)


def _name(tensor: SavedTensor) -> str:
    return f"{tensor.layer} {tensor.extra}".rstrip()
