"""Receptive fields by experiment: change one pixel of the input and see which units of which layers change."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from archcalc.analysis.receptive_field import Field, Misalignment, ReceptiveFields, Seen, receptive_fields
from archcalc.infer import InferredGraph
from archcalc.load import loads

from . import forward

Mask = npt.NDArray[np.bool_]
Extent = tuple[int, int]

# So large that the farthest corner of a field, through whatever number of layers, wins at every maximum.
CHANGE = 1e60
VISIBLE = 1e-9


class Experiment:
    """A network, what the analysis says about it, and what was measured.

    `changed[i]` is indexed by pixel and unit: does the pixel change the unit in any channel of layer i? `inside[i]`
    says which units read nothing from beyond any map.
    """

    def __init__(self, network: InferredGraph) -> None:
        self.network = network
        self.fields: ReceptiveFields = receptive_fields(network)
        self.pixels = network.input_shape[1:]
        rest = forward.run(network, calm_input(network), edge=np.nan)
        self.inside = [np.isfinite(out[0]).all(axis=0) for out in rest]
        self.changed = [self._changes(out) for out in forward.run(network, self._one_pixel_each())]

    def _one_pixel_each(self) -> forward.Array:
        """The image itself, then with each of its pixels changed (in all channels)."""
        image = calm_input(self.network)
        batch = np.repeat(image, 1 + int(np.prod(self.pixels)), axis=0)
        for sample, pixel in enumerate(np.ndindex(self.pixels), start=1):
            batch[(sample, slice(None), *pixel)] += CHANGE
        return batch

    def _changes(self, out: forward.Array) -> Mask:
        changed: Mask = (np.abs(out[1:] - out[0]) > VISIBLE * np.abs(out[0])).any(axis=1)
        return changed.reshape(*self.pixels, *out.shape[2:])

    def extents(self, layer: int, axis: int, along: int) -> list[Extent | None]:
        """For each unit along an axis of a layer the first and last pixel, on an axis of the input, that changes it."""
        changed, rank = self.changed[layer], len(self.pixels)
        others = [a for a in range(changed.ndim) if a not in (axis, rank + along - 1)]
        columns = changed.any(axis=tuple(others)).T
        hits = [np.flatnonzero(column) for column in columns]
        return [(int(hit[0]), int(hit[-1])) if len(hit) else None for hit in hits]

    def interior(self, layer: int, along: int) -> list[int]:
        """The units along an axis of a layer that read nothing from beyond any map."""
        inside = self.inside[layer]
        return np.flatnonzero(inside.any(axis=tuple(a for a in range(inside.ndim) if a != along - 1))).tolist()

    def check_fields(self) -> dict[str, int]:
        """Every Field is exact for interior units and a bound at the edge. The number of interior units by layer."""
        tested: dict[str, int] = {}
        for position, layer in enumerate(self.fields.layers):
            for axis, seen in enumerate(layer.axes):
                if not isinstance(seen, Field):
                    continue
                interior = self.interior(position, seen.axis)
                tested[layer.name] = min(len(interior), tested.get(layer.name, len(interior)))
                for unit, extent in enumerate(self.extents(position, axis, seen.axis)):
                    low, high = stated(seen, unit)
                    where = (layer.name, axis, unit, seen)
                    if unit in interior:
                        assert extent == (low, high), where
                    elif extent is not None:
                        assert max(low, 0) <= extent[0], where
                        assert extent[1] <= min(high, self.pixels[axis] - 1), where
        return tested

    def offsets(self, merge: int, axis: int) -> list[Fraction]:
        """How far the centres of the ways into a merge lie apart, for each interior unit along an axis."""
        node = self.network.nodes[merge]
        ways = [self.fields.layers[producer].axes[axis] for producer in node.inputs]
        apart = []
        for unit in self.interior(merge, self.along(merge, axis)):
            extents = [
                self.extents(producer, axis, way.axis)[unit]
                for producer, way in zip(node.inputs, ways, strict=True)
                if isinstance(way, Field)
            ]
            centres = [Fraction(sum(extent), 2) for extent in extents if extent is not None]
            apart.append(max(centres) - min(centres))
        return apart

    def along(self, layer: int, axis: int) -> int:
        """The axis of a merge that runs along an axis of the input: that of its ways."""
        for producer in self.network.nodes[layer].inputs:
            seen = self.fields.layers[producer].axes[axis]
            if isinstance(seen, Field):
                return seen.axis
        raise AssertionError

    def merges(self) -> list[tuple[int, int]]:
        """Every merge and axis of the input where all ways have a field."""
        return [
            (position, axis)
            for position, node in enumerate(self.network.nodes)
            if len(node.inputs) > 1
            for axis in range(len(self.pixels))
            if all(isinstance(self.fields.layers[producer].axes[axis], Field) for producer in node.inputs)
        ]

    def reported(self, merge: int, axis: int) -> Misalignment | None:
        name = self.network.nodes[merge].name
        return next((said for said in self.fields.misaligned if (said.merge, said.axis) == (name, axis)), None)


def calm_input(network: InferredGraph) -> forward.Array:
    return np.random.default_rng(7).uniform(1, 2, (1, *network.input_shape))


def stated(field: Field, unit: int) -> Extent:
    """What the analysis says that a unit sees: unit m·period + i sees from m·step + lows[i] to m·step + highs[i]."""
    turn, i = divmod(unit, field.period)
    return turn * field.step + field.lows[i], turn * field.step + field.highs[i]


def network_of(layers: str, shape: str = "1x40") -> InferredGraph:
    """The network of a few lines of YAML, without the dashes' indentation."""
    body = "\n".join(f"  {line}" for line in layers.strip("\n").split("\n"))
    return loads(f"archcalc: 1\nname: small\ninput: {shape}\nlayers:\n{body}\n").graph


def seen_by(network: InferredGraph, layer: str) -> tuple[Seen, ...]:
    """What the analysis says that a layer sees."""
    return next(found.axes for found in receptive_fields(network).layers if found.name == layer)
