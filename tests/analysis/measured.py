"""Receptive fields by experiment: change one pixel of the input and see which units of which layers change."""

from fractions import Fraction
from math import lcm

import numpy as np
import numpy.typing as npt
import pytest

from archcalc.analysis.receptive_field import Field, ReceptiveFields, receptive_fields
from archcalc.infer import InferredGraph
from archcalc.network import loads

from . import forward

Mask = npt.NDArray[np.bool_]
Units = npt.NDArray[np.int_]

# So large that the farthest corner of a field, through whatever number of layers, wins at every maximum.
CHANGE = 1e120
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

    def extents(self, layer: int, axis: int) -> tuple[Units, Units]:
        """For each unit of a layer the first and last pixel on an axis that changes it; n and −1 where none does."""
        others = tuple(a for a in range(len(self.pixels)) if a != axis)
        hits = np.asarray(self.changed[layer].any(axis=others))
        pixel = np.arange(len(hits)).reshape(-1, *(1 for _ in hits.shape[1:]))
        return np.where(hits, pixel, len(hits)).min(axis=0), np.where(hits, pixel, -1).max(axis=0)

    def check_fields(self) -> dict[str, int]:
        """Every Field is exact for interior units and a bound at the edge. The number of interior units by layer."""
        tested: dict[str, int] = {}
        for position, layer in enumerate(self.fields.layers):
            inside = self.inside[position]
            sees = np.asarray(self.changed[position].any(axis=tuple(range(len(self.pixels)))))
            # A layer with a field on every axis has no unit that reads nothing.
            assert sees[inside].all() or not all(isinstance(seen, Field) for seen in layer.axes), layer
            if any(isinstance(seen, Field) for seen in layer.axes):
                tested[layer.name] = int((inside & sees).sum())
            for axis, seen in enumerate(layer.axes):
                if isinstance(seen, Field):
                    (first, last), (low, high) = self.extents(position, axis), stated(seen, inside.shape)
                    exact = (first == low) & (last == high)
                    bound = (first >= low.clip(0)) & (last <= high.clip(max=self.pixels[axis] - 1))
                    assert np.where(inside, exact, bound)[sees].all(), (layer.name, axis, seen)
        return tested

    def merges(self) -> list[tuple[int, int]]:
        """Every merge and axis of the input where all ways have a field."""
        return [
            (position, axis)
            for position, node in enumerate(self.network.nodes)
            if len(node.inputs) > 1
            for axis in range(len(self.pixels))
            if all(isinstance(self.fields.layers[producer].axes[axis], Field) for producer in node.inputs)
        ]

    def offset(self, merge: int, axis: int) -> Fraction | None:
        """How far the ways into a merge look apart, on average over a whole pattern of interior units.

        None where no such row of units lies inside of all maps.
        """
        ways = self.ways(merge, axis)
        pattern = lcm(*(way.period for way in ways))
        along = ways[0].axis - 1
        inside = np.moveaxis(self.inside[merge], along, 0).reshape(self.inside[merge].shape[along], -1)
        whole = np.lib.stride_tricks.sliding_window_view(inside, min(pattern, len(inside)), axis=0).all(axis=-1)
        if pattern > len(inside) or not whole.any():
            return None
        unit, line = np.argwhere(whole)[0]
        sums = []
        for producer in self.network.nodes[merge].inputs:
            twice = np.moveaxis(np.add(*self.extents(producer, axis)), along, 0).reshape(inside.shape)
            sums.append(int(twice[unit : unit + pattern, line].sum()))
        return Fraction(max(sums) - min(sums), 2 * pattern)

    def ways(self, merge: int, axis: int) -> list[Field]:
        """What the ways into a merge are said to see of an axis; empty if one of them has no field."""
        seen = [self.fields.layers[producer].axes[axis] for producer in self.network.nodes[merge].inputs]
        fields = [way for way in seen if isinstance(way, Field)]
        return fields if len(fields) == len(seen) > 1 else []

    def check_merges(self) -> None:
        """A merge is reported just if its ways drift apart or look apart on average, with its ways and their offset."""
        said = {(misfit.merge, axis): misfit for misfit in self.fields.misaligned for axis in misfit.axes}
        for merge, node in enumerate(self.network.nodes):
            for axis in range(len(self.pixels)):
                ways, misfit = self.ways(merge, axis), said.pop((node.name, axis), None)
                if not ways:
                    assert misfit is None
                    continue
                same_stride = len({way.stride for way in ways}) == 1
                offset = self.offset(merge, axis) if same_stride else None
                if same_stride and offset is None:
                    continue
                assert (misfit is not None) == (not same_stride or offset != 0), (node.name, axis, offset, misfit)
                if misfit is not None:
                    names = [self.network.nodes[producer].name for producer in node.inputs]
                    stated = zip(names, ((way.size, way.stride, way.padding) for way in ways), strict=True)
                    assert {way.layer: (way.size, way.stride, way.padding) for way in misfit.ways} == dict(stated)
                    assert misfit.same_stride == same_stride
                    assert offset is None or misfit.offset == pytest.approx(float(offset)), (node.name, axis, offset)
        assert not said


def calm_input(network: InferredGraph) -> forward.Array:
    return np.random.default_rng(7).uniform(1, 2, (1, *network.input_shape))


def stated(field: Field, units: tuple[int, ...]) -> tuple[Units, Units]:
    """What the analysis says: unit m·period + i sees from m·step + lows[i] to m·step + highs[i]."""
    turn, i = np.divmod(np.indices(units)[field.axis - 1], field.period)
    return turn * field.step + np.array(field.lows)[i], turn * field.step + np.array(field.highs)[i]


def network_of(layers: str, shape: str = "1x40") -> InferredGraph:
    """The network of a few lines of YAML, without the dashes' indentation."""
    body = "\n".join(f"  {line}" for line in layers.strip("\n").split("\n"))
    return loads(f"archcalc: 1\nname: small\ninput: {shape}\nlayers:\n{body}\n").graph
