"""Instruments that look on while kernels compute: products are counted, arrays followed for as long as they live.

They know nothing of what a kernel is for. The arrays that go into one are of a class that numpy asks before it computes
anything (NEP 13 for ufuncs, NEP 18 for other functions), and each product is counted by the shapes of its operands. A
function that numpy asks about and that is not known here is told by its name: it may have made products.
"""

import tracemalloc
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import isqrt, prod
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.lib.stride_tricks import sliding_window_view

from archcalc.forward.kernels import Array
from archcalc.forward.rules import RULES, Rule, Weights
from archcalc.infer import InferredGraph
from archcalc.ops.base import Shape
from archcalc.ops.source import Input


class Tally:
    """Multiply-accumulates that were seen, and functions of which nobody knows whether they make any."""

    def __init__(self) -> None:
        self.macs = 0
        self.unknown: list[str] = []

    def note(self, function: Any, arguments: Sequence[Any], result: Any) -> None:
        """Take a call of a function that is more than arithmetic value by value into account."""
        if function in _WITHOUT:
            return
        try:
            self.macs += _PRODUCTS[function](arguments, result)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # not known, or not called in this way
            self.unknown.append(function.__name__)


def _over_last(arguments: Sequence[Any], result: Any) -> int:
    """The last axis of the first operand is summed over; with a single number nothing is."""
    a, b, *_ = arguments
    return int(np.size(result) * a.shape[-1]) if np.ndim(a) and np.ndim(b) else 0


def _tensordot(arguments: Sequence[Any], result: Any) -> int:
    """I·K and K·J values give I·J, whatever axes they are: I·K·J products, or none to be summed with `axes` 0."""
    a, b, *axes = arguments
    summed = isqrt(a.size * b.size // np.size(result))
    return int(np.size(result)) * summed if axes != [0] else 0


def _einsum(arguments: Sequence[Any], result: Any) -> int:
    """One product for each combination of letters of two operands, if a letter of theirs is missing in the result."""
    operands = [operand for operand in arguments[1:] if isinstance(operand, np.ndarray)]
    subscripts = arguments[0]
    given, arrow, kept = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    if not arrow or "." in given or len(operands) > 2:
        raise ValueError(subscripts)
    if len(operands) == 1 or not set(given) - set(kept) - {","}:
        return 0
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, size in zip(term, operand.shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return prod(sizes.values())


_PRODUCTS: dict[Any, Callable[[Sequence[Any], Any], int]] = {
    **{
        getattr(np, name): _over_last
        for name in ("matmul", "dot", "inner", "vecdot", "matvec", "vecmat")
        if hasattr(np, name)  # the last three came with numpy 2
    },
    np.vdot: lambda arguments, result: int(arguments[0].size),
    np.tensordot: _tensordot,
    np.einsum: _einsum,
}
"""Functions that make products → how many, by their arguments and their result."""

_WITHOUT = frozenset(
    (
        *(np.broadcast_to, np.concatenate, np.full_like, np.moveaxis, np.pad, np.roll, np.split, np.stack, np.where),
        sliding_window_view,
    )
)
"""Functions that make none: what kernels move values with."""


class Watched(np.ndarray[Any, Any]):
    """An array that has all that is done with it noted. What comes of it is watched too."""

    tally: Tally

    def __array_finalize__(self, source: Any) -> None:
        self.tally = getattr(source, "tally", None) or Tally()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        arguments = _bare(inputs)
        result = getattr(ufunc, method)(*arguments, **_bare(options))
        if ufunc.signature is not None:  # it works on whole axes and not value by value
            self.tally.note(ufunc, arguments, result)
        given = options.get("out", ())
        return self._watched(result) if not given else given[0] if len(given) == 1 else given

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        arguments, named = _bare(args), _bare(kwargs)
        result = function(*arguments, **named)
        self.tally.note(function, [*arguments, *named.values()], result)
        return self._watched(result)

    def dot(self, other: Any, out: Any = None) -> Any:
        """numpy does not ask about this method: it is the function."""
        return np.dot(self, other, out)

    def _watched(self, result: Any) -> Any:
        if isinstance(result, (list, tuple)):
            return type(result)(self._watched(part) for part in result)
        return watched(result, self.tally) if isinstance(result, np.ndarray) else result


def watched(array: Array, tally: Tally) -> Watched:
    """A view of an array that tells `tally` what is done with it."""
    view = array.view(Watched)
    view.tally = tally
    return view


def _bare(value: Any) -> Any:
    """Arguments without our class: what numpy calls within does not come back to us."""
    if isinstance(value, Watched):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_bare, value))
    return {key: _bare(part) for key, part in value.items()} if isinstance(value, dict) else value


class Allocator:
    """The bytes of array data that numpy has taken and not given back, since it was made: numpy tells tracemalloc."""

    def __init__(self) -> None:
        self._before = self._taken()

    def taken(self) -> int:
        return self._taken() - self._before

    def _taken(self) -> int:
        only_numpy = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([only_numpy]).traces)


@contextmanager
def tracing() -> Iterator[Allocator]:
    """An allocator that is heard; tracing goes on where it was on before."""
    on = tracemalloc.is_tracing()
    if not on:
        tracemalloc.start()
    try:
        yield Allocator()
    finally:
        if not on:
            tracemalloc.stop()


class Sighting(Struct, frozen=True):
    """What was seen while one node was computed.

    `unknown` are functions that may have made products beside the `macs` that were counted. `read` are the positions
    of the outputs that went in. `size` is the bytes of the array that came out, nothing if it is stored, and
    `held` those of all outputs that there were at that moment, the inputs of the node among them.
    """

    shape: Shape
    macs: int
    unknown: tuple[str, ...]
    read: tuple[int, ...]
    size: int
    held: int


class Watch:
    """Rules that compute as ours do, look on, and give every output an array of its own.

    `sightings` are by position. `most` is the most bytes of outputs that were held at once, and `allocated` what
    numpy's allocator said at that moment.
    """

    def __init__(self, network: InferredGraph, samples: Sequence[Array], allocator: Allocator) -> None:
        entries = [isinstance(node.op, Input) for node in network.nodes]
        self._turns = iter([position for position, entry in enumerate(entries) if not entry])
        self._allocator = allocator
        self._followed: dict[int, tuple[weakref.ref[Array], int]] = {}
        self._held = 0
        self.sightings: dict[int, Sighting] = {}
        # Samples are the outputs of the inputs of the network.
        for position, array in zip((i for i, entry in enumerate(entries) if entry), samples, strict=True):
            self._follow(position, array, array.nbytes)
        self.most, self.allocated = self._held, allocator.taken()

    def rules(self) -> dict[str, Rule]:
        return {keyword: partial(self._look_on, rule) for keyword, rule in RULES.items()}

    def _look_on(self, rule: Rule, op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
        position, tally = next(self._turns), Tally()
        read = tuple(producer for x in inputs if (producer := self._position_of(x)) is not None)
        output = _own(rule(op, *_watched_arguments(inputs, weights, tally)), inputs)
        size = 0 if _is_stored(output, weights) else output.nbytes
        self._follow(position, output, size)
        if self._held > self.most:
            self.most, self.allocated = self._held, self._allocator.taken()
        seen = Sighting(tuple(output.shape[1:]), tally.macs, tuple(tally.unknown), read, size, self._held)
        self.sightings[position] = seen
        return output

    def _follow(self, position: int, array: Array, size: int) -> None:
        def gone(_: Any) -> None:
            self._held -= size

        self._held += size
        self._followed[id(array)] = weakref.ref(array, gone), position

    def _position_of(self, array: Array) -> int | None:
        """The node whose output an array is. The identity of one that is gone may be another's by now."""
        reference, position = self._followed.get(id(array), (None, 0))
        return position if reference is not None and reference() is array else None


def _watched_arguments(
    inputs: Sequence[Array], weights: Mapping[str, Array], tally: Tally
) -> tuple[list[Array], dict[str, Array]]:
    return [watched(x, tally) for x in inputs], {name: watched(w, tally) for name, w in weights.items()}


def _is_stored(output: Array, weights: Weights) -> bool:
    """Whether an output lies in the weights, or is one number seen as an array."""
    return not any(output.strides) or any(np.may_share_memory(output, weight) for weight in weights.values())


def _own(output: Array, inputs: Sequence[Array]) -> Array:
    """An output as an array of its own: copied where it is a view of an input or of something larger.

    Where nothing goes in, what comes out is stored and nobody's output.
    """
    plain = output.view(np.ndarray)
    root = plain
    while isinstance(root.base, np.ndarray):
        root = root.base
    shared = root.base is not None or root.nbytes != plain.nbytes
    if inputs and (shared or any(np.may_share_memory(plain, x) for x in inputs)):
        return plain.copy()
    return plain
