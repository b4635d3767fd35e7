"""Effective receptive fields: how much of what a unit sees comes from each place of the input, by counting paths.

Luo, Li, Urtasun and Zemel, Understanding the Effective Receptive Field in Deep Convolutional Neural Networks (2016):
with all weights equal and no nonlinearity, the gradient of a unit with respect to an input pixel is the number of paths
between them. Most paths meet in the middle, so that a unit depends on a bell in the middle of its theoretical field.

**What is counted.** Let m be a layer's mean over its channels, at each place of its map. Weights are equal within a
layer, and as large as makes a unit the mean of what it reads: 1/(channels·kernel). Then every window states, for the
mean over channels exactly,

    m[p] = 1/met · Σ m'[q]        over the units q of the layer before it that p reads

where `met` is how many units a window meets, beyond the ends of the map too: what is read there is zero, as padding is.
On a grid spread by f (transposed convolution, interpolation, adaptive pooling) a window of k points meets k/f on
average, and `met` is that average. The paths of a layer are ∂m[unit of the chosen layer]/∂m[p]; backwards through the
graph, each once,

    paths'[q] = Σ share/met · paths[p]        over the layers that read this one, and their units p that read q

Axes that do not run along the map (channels) have no place in this: channels are taken as alike. `share` is how much
of a mean over channels comes from an input: 1, but C'/ΣC' where an axis is joined (concat), which is exact, and C'/C
where channels of zeros are added. That a split, a slice or a shuffle takes some channels for as good as others is the
one thing here that is not exact. Joins pass each input on whole: `mean` and `mul` as `add`. Interpolation is counted as
reading, not weighted by distance.

**Random weights.** Draw the weights of each layer independently with mean 0 and variance 1/(channels·kernel), and let
G[p] be the expected squared gradient, summed over channels. A unit q is read with another weight by each unit p, cross
terms vanish, and G'[q] = Σ channels'·variance·G[p] = Σ 1/met·G[p]: the same recursion in the same normalisation, share
and joins included, as long as no two paths between the same units use the same weights. Max pooling that gives every
unit it reads the same chance keeps it; ReLU halves G throughout, as He et al. (2015) make up for. A mean without
weights (average pooling) would put 1/met² in place of 1/met: the same picture, weaker beside a branch without it.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from math import gcd

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from archcalc.analysis.receptive_field import Field, LayerField, Nothing, ReceptiveFields, receptive_fields, seen_note
from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.infer import InferredGraph
from archcalc.ops.base import POINTWISE, Reads, Shape, Window, show_shape

Array = npt.NDArray[np.float64]


class EffectiveField(Struct, frozen=True, eq=False):
    """How the paths to one unit are spread over the input.

    `paths` has the axes of the input's map and sum 1. `window` is the theoretical field of the unit, the first and the
    last position on each axis, which may lie beyond the map.
    """

    layer: str
    unit: tuple[int, ...]
    window: tuple[tuple[int, int], ...]
    paths: Array

    @property
    def sizes(self) -> tuple[int, ...]:
        """The theoretical field's size on each axis."""
        return tuple(high - low + 1 for low, high in self.window)

    @property
    def plane(self) -> Array:
        """The paths as a picture: one row of them for a map of one axis, summed over the depth for one of three."""
        if self.paths.ndim < 3:
            return np.atleast_2d(self.paths)
        flat: Array = self.paths.sum(axis=tuple(range(self.paths.ndim - 2)))
        return flat

    @property
    def inside(self) -> float:
        """The share of the paths that begin within the theoretical field: 1, or one of the two is wrong."""
        within = tuple(slice(max(low, 0), high + 1) for low, high in self.window)
        return float(self.paths[within].sum())

    def square(self, share: float) -> int:
        """The side of the smallest square that holds this share of the paths, centred on the theoretical field.

        A pixel is held when all of it is: from the centre (low + high)/2 to its far edge it is |x − centre| + ½ on each
        axis, and the largest of these, doubled, is the side that holds it. In one dimension the square is an interval,
        in three a cube; what of it lies beyond the map holds nothing.
        """
        reach = [
            abs(2 * np.arange(n) - (low + high)) + 1
            for n, (low, high) in zip(self.paths.shape, self.window, strict=True)
        ]
        sides = reduce(np.maximum, np.ix_(*reach))
        held = np.cumsum(np.bincount(sides.ravel(), weights=self.paths.ravel()))
        return int(np.searchsorted(held, share * held[-1]))

    @property
    def deviation(self) -> tuple[float, ...]:
        """The standard deviation of the paths' beginnings on each axis, in pixels.

        A kernel of k at effective stride s adds (k² − 1)/12·s² to its square: it grows with the root of the depth.
        """
        found = []
        for axis in range(self.paths.ndim):
            others = tuple(a for a in range(self.paths.ndim) if a != axis)
            mass, x = self.paths.sum(axis=others), np.arange(self.paths.shape[axis])
            found.append(float(np.sqrt(mass @ (x - mass @ x) ** 2)))
        return tuple(found)

    @property
    def ratio(self) -> float:
        """The side of the square that holds 95 % of the paths, as a share of the theoretical field's longest side."""
        return self.square(0.95) / max(self.sizes)


def effective_field(
    network: InferredGraph,
    layer: str | None = None,
    unit: Sequence[int] | None = None,
    fields: ReceptiveFields | None = None,
) -> EffectiveField:
    """The effective receptive field of a unit of a layer: the formula and its source stand above.

    Without a `layer`, that of the last one that has a place on the map: before global pooling and flatten. Without a
    `unit`, that of the central one, n//2 of n on each axis. `fields` are the theoretical ones, where they are known.

    Raises UsageError for a layer that is not there or has no field in numbers, and for a unit outside of it.
    """
    fields = receptive_fields(network) if fields is None else fields
    position = _chosen(network, fields, layer)
    seen = _on_the_map(fields.layers[position])
    sizes = tuple(network.shapes[position][field.axis] for field in seen)
    place = tuple(size // 2 for size in sizes) if unit is None else tuple(unit)
    name = network.nodes[position].name
    if len(place) != len(sizes) or not all(0 <= at < size for at, size in zip(place, sizes, strict=True)):
        hint = f"{_shown(0 for _ in sizes)} to {_shown(size - 1 for size in sizes)}"
        raise UsageError(Problem(f"{name} has no unit {_shown(place)}: its map is {show_shape(sizes)}", None, hint))
    paths = _count(network, fields, position, place, sizes)
    if not paths.any():
        raise UsageError(Problem(f"unit {_shown(place)} of {name} sees nothing of the input, only padding"))
    window = tuple(_seen_by(field, at) for field, at in zip(seen, place, strict=True))
    return EffectiveField(name, place, window, paths / paths.sum())


def _chosen(network: InferredGraph, fields: ReceptiveFields, layer: str | None) -> int:
    """The position of the layer asked for. Raises UsageError where it has no place on the map, and says why."""
    if layer is None:
        found = (i for i in reversed(range(len(fields.layers))) if _on_the_map(fields.layers[i]))
        position = next(found, None)
        if position is None:
            raise UsageError(
                Problem(f"'{network.name}' has no effective receptive field: {seen_note(fields.layers[0])}")
            )
        return position
    index = network.graph.index()
    if layer not in index:
        message = f"'{network.name}' has no layer '{printable(layer, 60)}'"
        raise UsageError(Problem(message, None, did_you_mean(layer, index)))
    if not _on_the_map(fields.layers[index[layer]]):
        cause = fields.layers[_first_without(network, fields, index[layer])]
        since = "" if cause.name == layer else f" (since {cause.name})"
        raise UsageError(Problem(f"{layer} has no receptive field to look into: {seen_note(cause)}{since}"))
    return index[layer]


def _first_without(network: InferredGraph, fields: ReceptiveFields, position: int) -> int:
    """The layer before one without a field with which that began."""
    while True:
        before = (i for i in network.nodes[position].inputs if seen_note(fields.layers[i]))
        earlier = next((i for i in before if not _is_apart(fields.layers[i])), None)
        if earlier is None:
            return position
        position = earlier


def _shown(place: Iterable[int]) -> str:
    """A place as the command line takes it: 3,3."""
    return ",".join(map(str, place))


def _on_the_map(layer: LayerField) -> tuple[Field, ...]:
    """A layer's fields on the axes of the input; none unless it has one on each."""
    fields = tuple(seen for seen in layer.axes if isinstance(seen, Field))
    return fields if len(fields) == len(layer.axes) else ()


def _is_apart(layer: LayerField) -> bool:
    """Whether a layer does not depend on the input."""
    return any(isinstance(seen, Nothing) for seen in layer.axes)


def _seen_by(field: Field, unit: int) -> tuple[int, int]:
    """The first and the last position that a unit sees."""
    turn, i = divmod(unit, field.period)
    return turn * field.step + field.lows[i], turn * field.step + field.highs[i]


def _count(
    network: InferredGraph, fields: ReceptiveFields, layer: int, unit: tuple[int, ...], sizes: tuple[int, ...]
) -> Array:
    """The paths from each place of the input's map to a unit of a layer.

    What comes before a layer with a field on every axis has one too, or does not depend on the input: so each layer's
    paths are an array over the axes of the input, and `Field.axis` says which of its own run along them.
    """
    start = np.zeros(sizes)
    start[unit] = 1
    waiting = {layer: start}
    for position in range(layer, -1, -1):
        if position not in waiting:
            continue
        node, paths = network.nodes[position], waiting.pop(position)
        if not node.inputs:
            return paths
        for producer, onward in _onward(network, fields, position, paths):
            waiting[producer] = waiting[producer] + onward if producer in waiting else onward
    raise AssertionError("a layer with a field depends on the input")


def _onward(
    network: InferredGraph, fields: ReceptiveFields, position: int, paths: Array
) -> Iterator[tuple[int, Array]]:
    """What the paths of a layer become in each layer it reads."""
    node = network.nodes[position]
    along = [field.axis for field in _on_the_map(fields.layers[position])]
    all_reads, shape = network.windows(position), network.shapes[position]
    shapes = network.inputs(node)
    for producer, reads, theirs in zip(node.inputs, all_reads, shapes, strict=True):
        if _is_apart(fields.layers[producer]):
            continue
        found = paths
        if reads is not POINTWISE[len(reads)]:
            for axis, own in enumerate(along):
                window = reads[own]
                assert isinstance(window, Window)  # noqa: S101 - or the layer would have no field on this axis
                found = _read(found, axis, window, theirs[window.axis])
            for own in set(range(len(reads))) - set(along):
                found = found * _share(reads, own, shape, theirs, shapes)
        yield producer, found


def _share(reads: Reads, axis: int, shape: Shape, theirs: Shape, shapes: Sequence[Shape]) -> float:
    """How much of a layer's mean over one of its channel-like axes an input contributes."""
    window = reads[axis]
    if window is None:
        return 1.0
    if isinstance(window, Window):
        every = np.full(shape[axis], 1 / shape[axis])
        return float(_read(every, 0, window, theirs[window.axis]).sum())
    # The axis is joined, and a unit reads one input or another: each as likely as it is long.
    return theirs[axis] / sum(other[axis] for other in shapes)


def _read(paths: Array, axis: int, window: Window, size: int) -> Array:
    """The paths of units → those of the `size` units of an axis that a window on it reads."""
    if window == Window(window.axis) and paths.shape[axis] == size:
        return paths
    units = np.moveaxis(paths, axis, 0)
    if not window.stride:  # a stretched axis: all units read the same
        units = units.sum(axis=0, keepdims=True)
    units = units / _met(window)
    found = np.zeros((size, *units.shape[1:]))
    for tap in range(window.kernel):
        points = np.arange(len(units)) * window.stride - window.padding + tap * window.dilation
        places, between = np.divmod(points, window.upsample)
        met = (between == 0) & (places >= 0) & (places < size)
        found[places[met]] += units[met]  # no place twice: the stride is not 0, or there is one unit
    return np.moveaxis(found, 0, axis)


def _met(window: Window) -> float:
    """How many units a window meets, on average over a period of the spread grid; the ends of the map do not count."""
    period = window.upsample // (gcd(window.stride, window.upsample) or 1)
    starts = np.arange(period) * window.stride - window.padding
    points = starts[:, np.newaxis] + window.dilation * np.arange(window.kernel)
    return float((points % window.upsample == 0).sum() / period)


def blocks(plane: Array, side: int) -> Array:
    """The mean of each block of `side`×`side` pixels, of what there is of it at the far ends."""
    found = plane
    for axis, size in enumerate(plane.shape):
        starts = np.arange(0, size, side)
        counts = np.diff(starts, append=size)
        found = np.add.reduceat(found, starts, axis) / (counts[:, np.newaxis] if axis == 0 else counts)
    return found
