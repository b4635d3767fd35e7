"""How others lay out the weights of a layer: torch has out × in × height × width, Keras height × width × in × out."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from archcalc.errors import Problem
from archcalc.forward.matching.names import KERNELS, last_word, trimmed
from archcalc.numbers import product
from archcalc.ops.base import Shape, show_shape


class Change(Struct, frozen=True):
    """What makes a network's array of a file's: its axes in another order, and then another shape."""

    shape: Shape
    axes: tuple[int, ...] | None = None

    def of(self, array: Any) -> Any:
        """The changed array: a view where memory allows it."""
        turned = array if self.axes is None else array.transpose(self.axes)
        return turned if turned.shape == self.shape else turned.reshape(self.shape)


class Layout(Struct, frozen=True):
    """Whether matrices are in × out, and whether kernels have their channels last."""

    turned: bool = False
    last: bool = False

    def changes(self, name: str, shape: Shape) -> Iterator[Change]:
        """What an array may be in the network's layout, likelier things first."""
        rank = len(shape)
        if rank == 2 and self.turned:
            yield Change((shape[1], shape[0]), (1, 0))
        elif rank > 2 and self.last:
            channels, kernel = (rank - 1, rank - 2), tuple(range(rank - 2))
            sizes = shape[:-2]
            if last_word(name) != "depthwise_kernel":
                yield Change((shape[-1], shape[-2], *sizes), (*channels, *kernel))
            # Depthwise: the last axis holds the filters of one channel.
            yield Change((shape[-2] * shape[-1], 1, *sizes), (rank - 2, rank - 1, *kernel))
        else:
            yield Change(shape)
            if rank > 2:  # a fully connected layer that is written as a convolution over all of a map
                yield Change((shape[0], product(shape[1:])))


def is_matrix(shape: Shape) -> bool:
    return len(trimmed(shape)) > 1


def find_layout(given: Mapping[str, Shape], wanted: Iterable[Shape], shown: str) -> tuple[Layout, list[Problem]]:
    """The layout in which a file's arrays have the shapes that a network wants, and what cannot be told.

    Keras's and flax's words say it. Else each kind of array is turned if more of them fit turned than as they are. If
    one kind is turned and the other would fit both ways, as square matrices do, nothing says which is right.
    """
    if any(last_word(name) in KERNELS for name in given):
        return Layout(True, True), []
    room = Counter(trimmed(shape) for shape in wanted if is_matrix(shape))
    matrices: list[tuple[str, Shape]] = [
        (name, shape) for name, shape in given.items() if len(shape) == 2 and is_matrix(shape)
    ]
    kernels = [(name, shape) for name, shape in given.items() if len(shape) > 2 and is_matrix(shape)]
    plain = [_fitting(part, Layout(), room) for part in (matrices, kernels)]
    turned = [_fitting(part, Layout(True, True), room) for part in (matrices, kernels)]
    better = [turned[i] > plain[i] for i in range(2)]
    problems = []
    for i, part in enumerate((matrices, kernels)):
        if better[1 - i] and plain[i] == turned[i] > 0:
            name, shape = next(iter(part))
            message = f"{shown}: '{name}' {show_shape(shape)} fits as it is and turned, and other weights are turned"
            problems.append(Problem(message, None, "nothing in the file says which is right"))
    return Layout(*better), problems


def _fitting(part: Collection[tuple[str, Shape]], layout: Layout, room: Mapping[Shape, int]) -> int:
    """How many arrays find a place of their shape."""
    left, count = Counter(room), 0
    for name, shape in part:
        for change in layout.changes(name, shape):
            found = trimmed(change.shape)
            if left[found] > 0:
                left[found] -= 1
                count += 1
                break
    return count


def fitted_changes(given: Mapping[str, Shape], layout: Layout, wanted: Iterable[Shape]) -> dict[str, Change]:
    """For each array of a file what it becomes: the first that the network has a place for."""
    places = {trimmed(shape) for shape in wanted}
    result = {}
    for name, shape in given.items():
        changes = list(layout.changes(name, shape)) if is_matrix(shape) else [Change(shape)]
        result[name] = next((change for change in changes if trimmed(change.shape) in places), changes[0])
    return result
