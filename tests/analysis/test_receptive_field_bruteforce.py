"""Receptive fields against brute force: one pixel of the input is changed at a time, and what changes is looked at."""

import numpy as np
import pytest

from archcalc.analysis.receptive_field import Field, Global, Nothing, receptive_fields
from archcalc.graph import Graph
from archcalc.infer import InferredGraph
from archcalc.network import load
from archcalc.ops.base import Gap

from . import forward, golden
from .measured import CHANGE, VISIBLE, Experiment, calm_input, network_of, stated

ALIGNED = {
    "chain": (
        "2x26x25",
        """
- conv: {out_channels: 2, kernel_size: [3, 4], stride: [2, 1], padding: [[1, 0], [0, 2]]}
- maxpool: {kernel_size: [2, 3], stride: [1, 2]}
- relu
- conv: {out_channels: 3, kernel_size: 3, dilation: [2, 1], padding: same}
- avgpool: {kernel_size: 2, ceil_mode: true}
""",
    ),
    "same padding of an even kernel and a stride": (
        "1x41",
        """
- conv: {out_channels: 2, kernel_size: 4, stride: 3, padding: same}
- conv: {out_channels: 2, kernel_size: 2, padding: same}
- maxpool: {kernel_size: 3, stride: 2, padding: [[1, 0]], ceil_mode: true}
""",
    ),
    "residual with projection": (
        "1x21x18",
        """
- conv: {out_channels: 2, kernel_size: 3, padding: 1}
- add:
    - - conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1, bias: false}
      - batchnorm
      - relu
      - conv: {out_channels: 4, kernel_size: 3, padding: 1, groups: 2}
    - - conv: {out_channels: 4, kernel_size: 1, stride: 2}
- add:
    - - conv: {out_channels: 4, kernel_size: [1, 3], padding: [0, 1]}
    - []
""",
    ),
    "inception": (
        "2x19x21",
        """
- conv: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1}
- lrn
- concat:
    - - conv: {out_channels: 1, kernel_size: 1}
    - - conv: {out_channels: 1, kernel_size: 1}
      - conv: {out_channels: 2, kernel_size: 3, padding: 1}
    - - conv: {out_channels: 1, kernel_size: 1}
      - conv: {out_channels: 1, kernel_size: 5, padding: 2}
    - - maxpool: {kernel_size: 3, stride: 1, padding: 1}
      - conv: {out_channels: 1, kernel_size: 1}
- maxpool: {kernel_size: 3, stride: 2}
""",
    ),
    "dense": (
        "1x16x15",
        """
- repeat: 3
  layers:
    - concat:
        - []
        - - conv: {out_channels: 2, kernel_size: 3, padding: 1}
- conv: {out_channels: 3, kernel_size: 1}
- avgpool: {kernel_size: 2, stride: 2}
""",
    ),
    "stride placed differently, both centred": (
        "1x33",
        """
- mul:
    - - conv: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}
      - conv: {out_channels: 1, kernel_size: 3, padding: 1}
    - - conv: {out_channels: 1, kernel_size: 3, padding: 1}
      - conv: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1}
""",
    ),
    "valid, then padded again": (
        "1x24",
        """
- max:
    - - conv: {out_channels: 1, kernel_size: 5, padding: valid}
      - pad: {padding: 2, mode: reflect}
    - []
""",
    ),
    "slices and pads": (
        "1x30x12",
        """
- slice: {dim: 2, start: 3, end: -1, step: 2}
- pad: {padding: [[2, 0], [-1, -2]]}
- slice: {dim: -1, start: -7}
- conv: {out_channels: 1, kernel_size: 3}
""",
    ),
    "channels split and shuffled": (
        "2x14x13",
        """
- conv: {name: body, out_channels: 4, kernel_size: 3, padding: 1}
- split: {name: left, chunks: 2, index: 0, inputs: body}
- split: {chunks: 2, index: 1, inputs: body}
- conv: {name: right, out_channels: 2, kernel_size: 3, padding: 1, groups: 2}
- concat: {inputs: [left, right]}
- channel_shuffle: {groups: 2}
""",
    ),
    "axes exchanged": (
        "1x15x13",
        """
- conv: {out_channels: 1, kernel_size: [5, 1], stride: [2, 1]}
- permute: {dims: [0, 1, 3, 2]}
- conv: {out_channels: 1, kernel_size: [2, 1], stride: [3, 1]}
""",
    ),
    "adaptive pooling that does not divide": (
        "1x26x17",
        """
- conv: {out_channels: 1, kernel_size: 3}
- adaptive_maxpool: {output_size: [7, 6]}
- conv: {out_channels: 1, kernel_size: 2}
""",
    ),
    "upsampled": (
        "1x22",
        """
- upsample: {scale_factor: 3}
- conv: {out_channels: 1, kernel_size: 4, stride: 2}
- upsample: {scale_factor: 2, mode: linear}
- maxpool: {kernel_size: 3, dilation: 2, stride: 1}
- upsample: {size: 40, mode: linear}
- upsample: {size: 25}
""",
    ),
    "patterns of two and of three units": (
        "1x48",
        """
- mean:
    - []
    - - maxpool: {kernel_size: 2}
      - upsample: {scale_factor: 2}
    - - maxpool: {kernel_size: 3}
      - upsample: {scale_factor: 3}
- conv: {out_channels: 1, kernel_size: 3, dilation: 3}
""",
    ),
    "transposed": (
        "1x20",
        """
- conv_transpose: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}
- conv: {out_channels: 1, kernel_size: 3, dilation: 2}
- conv_transpose: {out_channels: 1, kernel_size: 5, stride: 3}
""",
    ),
    "volume": (
        "1x6x5x8",
        "- conv: {out_channels: 1, kernel_size: [2, 3, 1], stride: [1, 1, 3]}\n- maxpool: {kernel_size: 2}",
    ),
}


@pytest.mark.parametrize(("shape", "layers"), ALIGNED.values(), ids=ALIGNED)
def test_fields_of_small_networks(shape: str, layers: str) -> None:
    """Every unit sees what changes it, from the first to the last pixel; no merge is called misaligned."""
    experiment = Experiment(network_of(layers, shape))
    assert min(experiment.check_fields().values()) > 0
    experiment.check_merges()
    assert experiment.fields.misaligned == ()
    assert all(isinstance(seen, Field) for layer in experiment.fields.layers for seen in layer.axes)


def test_fields_of_a_fractal() -> None:
    """Means of three columns, nested joins made one: FractalNet's blocks at two narrow widths."""
    changes = {"vars.widths": [2, 3], "vars.drop": [0, 0.1]}
    experiment = Experiment(load("fractalnet20", input=(1, 64), set=changes).graph)
    assert min(experiment.check_fields().values()) > 0
    experiment.check_merges()
    assert experiment.fields.misaligned == ()


@pytest.mark.parametrize(
    "name",
    [
        *("lenet5", "alexnet", "zfnet", "nin_imagenet", "vgg16"),
        *("googlenet", "resnet18", "resnet50", "fractalnet20", "densenet121"),
    ],
)
def test_the_last_field_of_the_zoo(name: str) -> None:
    """Of a whole network along one axis: its first and last pixel change the unit, their outer neighbours do not."""
    size, stride, padding = golden.NETWORKS[name]["field"]
    channels = load(name).graph.input_shape[0]
    whole = load(name, input=(channels, size + 4 * stride)).graph
    fields = receptive_fields(whole)
    end = next(i for i, layer in enumerate(fields.layers) if layer is fields.last)
    network = InferredGraph(Graph(name, whole.nodes[: end + 1]), whole.shapes[: end + 1])
    unit = padding // stride + 1  # the first that sees nothing beyond the first pixel, and one pixel before its field
    (field,) = fields.layers[end].axes
    assert isinstance(field, Field)
    first, last = (int(ends[unit]) for ends in stated(field, network.shapes[-1][1:]))
    batch = np.repeat(calm_input(network), 5, axis=0)
    for sample, pixel in enumerate([first - 1, first, last, last + 1], start=1):
        batch[sample, :, pixel] += CHANGE
    seen = forward.run(network, batch, edge=np.nan)[-1][:, :, unit]
    assert np.isfinite(seen).all()
    changed = (np.abs(seen[1:] - seen[0]) > VISIBLE * seen[0]).any(axis=1)
    assert changed.tolist() == [False, True, True, False]
    assert last - first + 1 == size


def test_units_that_read_nothing() -> None:
    """A transposed convolution whose kernel is below its stride leaves holes: no field can be stated on that axis."""
    layer = "- conv_transpose: {out_channels: 1, kernel_size: [1, 2], stride: 2}"
    experiment = Experiment(network_of(layer, "1x5x6"))
    assert experiment.check_fields()["conv_transpose"] > 0
    height, width = experiment.fields.layers[-1].axes
    assert isinstance(height, Gap)
    assert isinstance(width, Field)


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 3), (2, 2)], ids=["some units read less", "some read nothing"])
def test_dilated_transposed_convolutions(kernel: int, dilation: int) -> None:
    """Spread by 2: with dilation 3 odd units read one unit where even ones read two, with dilation 2 they read none."""
    layer = f"- conv_transpose: {{out_channels: 1, kernel_size: {kernel}, dilation: {dilation}, stride: 2}}"
    Experiment(network_of(layer)).check_fields()


def test_what_reads_everything_is_global() -> None:
    """Behind global pooling and linear layers every unit changes with every pixel of the axis."""
    layers = """
- conv: {out_channels: 2, kernel_size: 3}
- linear: {out_features: 4}
- conv: {out_channels: 1, kernel_size: [3, 1]}
- global_maxpool
"""
    experiment = Experiment(network_of(layers, "1x12x9"))
    assert experiment.check_fields()["conv2"] > 0
    for position, whole in {2: [1], 3: [1], 4: [0, 1]}.items():
        for axis, seen in enumerate(experiment.fields.layers[position].axes):
            assert isinstance(seen, Global) == (axis in whole)
            if axis in whole:
                first, last = experiment.extents(position, axis)
                assert not first.any()
                assert (last == experiment.pixels[axis] - 1).all()


def test_channels_are_not_told_apart() -> None:
    """A field is the union over channels: a split that takes the 1×1 half back out is said to see what both do."""
    layers = """
- concat:
    - - conv: {out_channels: 1, kernel_size: 1}
    - - conv: {out_channels: 1, kernel_size: 5, padding: 2}
- split: {chunks: 2}
"""
    experiment = Experiment(network_of(layers))
    (field,) = experiment.fields.layers[-1].axes
    assert isinstance(field, Field)
    assert field.size == 5
    assert [ends.tolist() for ends in experiment.extents(4, 0)] == [list(range(40))] * 2


def test_what_does_not_depend_on_the_input_sees_nothing() -> None:
    """A learned parameter sees nothing and adds nothing to what a merge sees; it cannot misalign it."""
    layers = """
- conv: {name: body, out_channels: 2, kernel_size: 3, padding: 1}
- parameter: {name: learned, shape: [2, 40]}
- add: {inputs: [body, learned]}
"""
    fields = receptive_fields(network_of(layers))
    body, learned, merged = (layer.axes[0] for layer in fields.layers[1:])
    assert isinstance(learned, Nothing)
    assert merged == body
    assert fields.misaligned == ()


def test_maps_side_by_side_have_no_field_along_the_seam() -> None:
    """Joined along the height, units read one map or the other; along the width they still have their field."""
    layers = """
- conv: {out_channels: 1, kernel_size: 3}
- concat: {dim: 2, inputs: [conv, conv]}
"""
    experiment = Experiment(network_of(layers, "1x6x9"))
    assert experiment.check_fields()["concat"] > 0
    height, width = experiment.fields.layers[-1].axes
    assert isinstance(height, Gap)
    assert isinstance(width, Field)
