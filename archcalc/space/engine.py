"""Variants → numbers: those that share a structure in one pass, parted on demand where they turn out to differ.

A pass builds, checks and analyses the network as for one variant, on numbers that are those of all of them
(`archcalc.space.many`). Where the variants of a pass disagree (one `if` holds for some only, a stage is deeper, a shape
does not fit) it ends there, and each part is a pass of its own. A pass that ends in an error is one of impossible
variants; what is wrong is then said of a single one, analysed by itself as `archcalc summary` would.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from archcalc.analysis.memory import Model
from archcalc.analysis.whole import Analysis
from archcalc.builder import Overrides, Prepared, prepare
from archcalc.errors import ArchcalcError, Problem
from archcalc.network import changed, overrides_of
from archcalc.space.many import Many
from archcalc.space.operations import Parting
from archcalc.space.points import Points
from archcalc.space.quantities import measure
from archcalc.space.targets import Target, shown_value
from archcalc.spec import tree as trees
from archcalc.spec.model import Spec
from archcalc.spec.tree import Tree

FEW = 2
"""So many variants are analysed one by one in the time of one pass."""
_NUMBERS_AT_ONCE = 3_000_000
"""Variants of a pass × layers: bounds the arrays that are alive at once to some tens of MiB."""
_MOST_AT_ONCE = 16384  # beyond, a pass is no faster by the variant


class Question(Struct, frozen=True):
    """What is asked of every variant: the quantities of these keys, under these conventions."""

    spec: Spec
    targets: tuple[Target, ...]
    keys: tuple[str, ...]
    shape: tuple[int, ...]
    model: Model = "peak"
    training: bool = False


class Answer(Struct, frozen=True):
    """The quantities of variants that share a structure: plain values, or numbers that are many at once."""

    points: Points
    values: Mapping[str, Any]


class Impossible(Struct, frozen=True):
    """Variants that cannot be: their numbers, and what is wrong with the first of them."""

    rows: tuple[int, ...]
    settings: dict[str, str]
    problems: tuple[Problem, ...]


def answers(question: Question, points: Points, layers: int) -> Iterator[Answer | Impossible]:
    """The answers for all points, in the order in which they come about; `layers` is about how many a network has."""
    prepared = prepare(question.spec)
    pending = list(reversed(_of_one_kind(question, points)))
    at_once = max(64, min(_MOST_AT_ONCE, _NUMBERS_AT_ONCE // max(1, layers)))
    while pending:
        part = pending.pop()
        if part.count > at_once:
            pending += reversed(part.pieces(at_once))
            continue
        if part.count <= FEW:
            yield from _one_by_one(question, part)
            continue
        try:
            yield Answer(part, _measured(question, prepared, part))
        except Parting as parting:
            pending += reversed(part.parted(parting.labels))
        except ArchcalcError:
            yield from _impossible(question, part)
        except TypeError:  # a fact that needs plain ints, to key a set on or to hand to a library
            yield from _one_by_one(question, part)


def single(question: Question, point: Points) -> Answer | Impossible:
    """The answer for one variant, by the way of `archcalc summary`: ints, and texts as `--set` has them."""
    settings = settings_of(question, point)
    texts = {target.setting: settings[target.name] for target in question.targets}
    input_text, batch, dtype = (texts.pop(word, None) for word in ("input", "batch", "dtype"))
    try:
        shape = None if input_text is None else _shape(question, input_text)
        overrides = overrides_of(shape, texts)
        overrides = msgspec.structs.replace(overrides, training=question.training)
        network = changed(question.spec, overrides)
        batch_size, data_type = int(batch or 1), dtype or "float32"
        analysis = Analysis(network.spec, network.graph, batch_size, data_type, question.model, question.training)
        return Answer(point, measure(analysis, question.keys))
    except ArchcalcError as error:
        return Impossible((int(point.rows.flat[0]),), settings, error.problems)


def settings_of(question: Question, point: Points) -> dict[str, str]:
    """What a single variant is made of: target → value, as `--set` takes both."""
    return {
        target.name: shown_value(target, target.axis.number(pick.flat[0]))
        for target, pick in zip(question.targets, point.picks, strict=True)
    }


def _shape(question: Question, text: str) -> str:
    """A square size as the whole shape that it means."""
    return "x".join([str(question.shape[0]), *[text] * (len(question.shape) - 1)]) if text.isdigit() else text


def _of_one_kind(question: Question, points: Points) -> list[Points]:
    """Points parted where their values cannot be numbers of one pass: texts, truths, lists of several lengths."""
    parts = [points]
    for place, target in enumerate(question.targets):
        pending, parts = parts, []
        for part in pending:
            labels = target.axis.signatures(part.picks[place])
            parts += [part] if labels is None else part.parted(labels)
    return parts


def _measured(question: Question, prepared: Prepared, points: Points) -> dict[str, Any]:
    """The quantities of all points at once. Raises Parting where they differ in more than numbers."""
    variables: dict[str, Tree] = {}
    arguments: dict[tuple[str, str], Tree] = {}
    own: dict[str, Any] = {"input": None, "batch": 1, "dtype": "float32"}
    for target, picks in zip(question.targets, points.picks, strict=True):
        tree = target.axis.tree(picks, target.span)
        if target.owner == "vars":
            variables[target.word] = tree
        elif target.owner:
            arguments[target.owner, target.word] = tree
        else:
            own[target.word] = trees.plain(tree)
    shape = own["input"]
    if shape is not None:
        shape = tuple(shape) if isinstance(shape, list) else (question.shape[0], *[shape] * (len(question.shape) - 1))
    network = changed(question.spec, Overrides(variables, arguments, shape, question.training), prepared)
    analysis = Analysis(network.spec, network.graph, own["batch"], own["dtype"], question.model, question.training)
    return measure(analysis, question.keys)


def _impossible(question: Question, points: Points) -> Iterator[Answer | Impossible]:
    """Variants of a pass that failed, if the first and the last fail by themselves; one by one if not."""
    ends = [single(question, points.one(int(place))) for place in (points.rows.argmin(), points.rows.argmax())]
    first = ends[0]
    if isinstance(first, Impossible) and isinstance(ends[1], Impossible):
        yield Impossible(tuple(points.rows.ravel().tolist()), first.settings, first.problems)
        return
    yield from _one_by_one(question, points)


def _one_by_one(question: Question, points: Points) -> Iterator[Answer | Impossible]:
    return (single(question, points.one(place)) for place in range(points.count))


def spread_out(value: Any, shape: tuple[int, ...]) -> Any:
    """A quantity as an array of the shape of its points; a shape as text, 96×55×55."""
    if isinstance(value, Many):
        return np.broadcast_to(value.array, shape)
    if isinstance(value, tuple):
        return _texts(value, shape)
    if isinstance(value, int) and abs(value) < 2**63:
        return np.broadcast_to(np.int64(value), shape)
    found = np.empty(shape, object)
    found[...] = value
    return found


def _texts(sizes: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Shapes as texts, each made once."""
    arrays = np.broadcast_arrays(*(size.array if isinstance(size, Many) else size for size in sizes))
    found = np.empty(arrays[0].shape, object)
    known: dict[tuple[int, ...], str] = {}
    flat = zip(*(array.ravel().tolist() for array in arrays), strict=True)
    found.ravel()[:] = [known.setdefault(one, "x".join(map(str, one)) or "1") for one in flat]
    return np.broadcast_to(found, shape)
