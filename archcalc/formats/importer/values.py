"""What names of a program stand for while it is lowered: constants, and values that flow from the input.

Graphs of ours leave the batch out, programs have it in every shape. Where it is has to be followed: exporters fold it
into other axes (the windows of Swin, the heads of attention) and move it about.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from archcalc.errors import UsageError
from archcalc.formats.onnx_file import Stored
from archcalc.numbers import product
from archcalc.ops.base import Shape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.generic]


class Constant(Struct, frozen=True):
    """An array that does not depend on the input. `learned` says whether training changes it, None where nobody knows.

    `path` is its name in a state dict, `origins` are the stored arrays that it was made of. `fixed` is what a file
    itself says is no parameter; what is not learned otherwise may be weights that an exporter wrote as constants.
    `scaled` are an array and learned factors of which it is the product, one for each place on its first axis that is
    longer than 1.
    """

    stored: Stored
    path: str = ""
    learned: bool | None = None
    origins: tuple[str, ...] = ()
    fixed: bool = False
    scaled: "tuple[Constant, Constant] | None" = None

    @property
    def shape(self) -> Shape:
        return self.stored.shape

    @property
    def dtype(self) -> str:
        return self.stored.dtype

    def array(self) -> "Array":
        return self.stored.array()

    def moved(self, shape: Shape, move: "Callable[[Array], Array]") -> "Constant":
        """The same values in another arrangement, which is made when they are asked for."""
        stored = Stored(self.stored.name, shape, self.dtype, made=lambda: move(self.array()))
        return Constant(stored, self.path, self.learned, self.origins, self.fixed)


def computed(array: "Array", name: str = "", learned: bool | None = False, origins: tuple[str, ...] = ()) -> Constant:
    """A constant of values that are there already."""
    kept = array.copy() if array.base is not None or array.flags.writeable else array
    return Constant(Stored(name, tuple(array.shape), str(array.dtype), made=lambda: kept), "", learned, origins)


def equal(one: Stored, other: Stored) -> bool:
    """Whether two arrays that come of the same ones hold the same: a square matrix may be used as it is and turned.

    Where their values are missing, which counting does not mind, they are taken for the same.
    """
    import numpy as np

    try:
        return one == other or np.array_equal(one.array(), other.array())
    except UsageError:
        return True


class Batch(NamedTuple):
    """Where the batch is in a shape: axis `axis` holds `outer`·N·`inner` values, N being the batch."""

    axis: int
    outer: int = 1
    inner: int = 1

    @property
    def alone(self) -> bool:
        """Whether its axis holds nothing else: then samples do not have the axis."""
        return self.outer * self.inner == 1


class Flow(NamedTuple):
    """A value that depends on the input: the draft that gives it, its whole shape, and where the batch is in that.

    Without a batch every sample is thought to have the whole shape.
    """

    draft: int
    shape: Shape
    batch: Batch | None

    @property
    def sample(self) -> Shape:
        """The shape of one sample's share."""
        return sample_of(self.shape, self.batch)


Value = Constant | Flow


def sample_of(shape: Shape, batch: Batch | None) -> Shape:
    """A shape without the batch."""
    if batch is None:
        return shape
    kept = () if batch.alone else (batch.outer * batch.inner,)
    return (*shape[: batch.axis], *kept, *shape[batch.axis + 1 :])


def sample_axis(axis: int, batch: Batch | None) -> int:
    """The position in a sample's shape of an axis of the whole shape, which is not the batch's own."""
    return axis - 1 if batch is not None and batch.alone and axis > batch.axis else axis


def reshaped_batch(shape: Shape, batch: Batch | None, target: Shape, count: int) -> Batch | None:
    """Where the batch of `count` samples is behind a reshape. None where it was nowhere, or is torn apart.

    Values keep their order, so the batch keeps its stride: the number of values from one sample to the next. For a
    batch of 1 several axes may qualify: then an axis of its own is likeliest, then one with the batch outermost; the
    last axis, which holds features, least of all.
    """
    if batch is None:
        return None
    stride, below, found = batch.inner * product(shape[batch.axis + 1 :]), 1, list[tuple[tuple[bool, ...], Batch]]()
    for axis in range(len(target) - 1, -1, -1):
        inner = stride // below
        if stride % below == 0 and inner and target[axis] % (inner * count) == 0:
            place = Batch(axis, target[axis] // (inner * count), inner)
            last = axis == len(target) - 1 and axis > 0
            found.append(((place.alone, not last, place.outer == 1, place.inner == 1, axis == 0), place))
        below *= target[axis]
    # Of equals the foremost: they were met from behind.
    return max(reversed(found), key=lambda one: one[0])[1] if found else None


def broadcast_shape(shapes: Sequence[Shape]) -> Shape | None:
    """The shape that numpy's rules give several shapes together; None where they do not fit."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result = []
    for sizes in zip(*padded, strict=True):
        larger = {size for size in sizes if size != 1}
        if len(larger) > 1:
            return None
        result.append(larger.pop() if larger else 1)
    return tuple(result)
