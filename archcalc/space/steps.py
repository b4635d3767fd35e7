"""How a pass or a step of training is assumed to run, and what is alive when."""

from typing import Any

from msgspec import Struct

from archcalc.analysis.memory import DTYPES
from archcalc.analysis.ordering import best_order, reordered
from archcalc.analysis.timeline import Timeline, inference_timeline
from archcalc.analysis.training import TrainingMemory, training_memory
from archcalc.errors import Problem, enumerate_words
from archcalc.infer import InferredGraph
from archcalc.space.fitting import smallest_arena
from archcalc.space.spelling import Spelling, as_option

TIMELINES = ("peak", "inplace", "arena", "train")
"""The models of memory that say what is alive when."""

_ABOUT = {
    "optimizer": ("train",),
    "mixed": ("train",),
    "checkpoint": ("train",),
    "scratch": ("arena",),
    "reorder": ("peak", "inplace", "arena"),
}
"""What may be assumed, and the models that it is about."""


class Assumed(Struct, frozen=True):
    """What a training step is assumed to be (`optimizer`, `mixed`, `checkpoint`), what convolutions of an arena compute
    in (`scratch`), and whether the order of layers with the lowest peak is looked for; None is the default."""

    optimizer: str | None = None
    mixed: bool = False
    checkpoint: int | None = None
    scratch: str | None = None
    reorder: bool = False

    @property
    def given(self) -> list[str]:
        """What is not left to its default."""
        return [name for name in _ABOUT if getattr(self, name) is not None and getattr(self, name) is not False]

    def misplaced(self, model: str, spell: Spelling) -> list[Problem]:
        """What is given, but not about the model."""
        return [not_about(name, model, _ABOUT[name], spell) for name in self.given if model not in _ABOUT[name]]


def not_about(name: str, model: str, models: tuple[str, ...], spell: Spelling = as_option) -> Problem:
    """The problem with an option that is about other models."""
    message = f"{spell(name, '')} is not about the model {model}"
    return Problem(message, None, spell("model", enumerate_words(models)))


class LaidOut(Struct, frozen=True):
    """The timeline of a forward pass; whether inputs of concatenations are written into their outputs, and layers run
    in another order (None: not looked for)."""

    timeline: Timeline
    joined: bool = False
    reordered: bool | None = None


def training_step(network: InferredGraph, batch: int, dtype: str, assumed: Assumed) -> TrainingMemory:
    """The memory of a step of training: `archcalc.analysis.training.training_memory`."""
    optimizer: Any = assumed.optimizer or "sgd"
    return training_memory(network, batch, dtype, optimizer, assumed.mixed, assumed.checkpoint or 0)


def laid_out(network: InferredGraph, batch: int, dtype: str, model: str, assumed: Assumed) -> LaidOut:
    """A forward pass under the model `peak`, `inplace` or `arena`."""
    scratch: Any = assumed.scratch or "none"
    if model == "arena" and not assumed.reorder:
        plain, joined = (inference_timeline(network, batch, dtype, True, aliased, scratch) for aliased in (False, True))
        shorter = joined.arena() < plain.arena()
        return LaidOut(min(plain, joined, key=Timeline.arena), shorter)
    if model == "arena":
        arena = smallest_arena(network, dtype, scratch, batch)
        return LaidOut(arena.timeline, arena.joined, arena.reordered)
    timeline = inference_timeline(network, batch, dtype, inplace=model == "inplace")
    if not assumed.reorder:
        return LaidOut(timeline)
    other = reordered(network, best_order(network, batch, DTYPES[dtype]).order)
    moved = inference_timeline(other, batch, dtype, inplace=model == "inplace")
    better = moved.peak() < timeline.peak()
    return LaidOut(moved if better else timeline, reordered=better)
