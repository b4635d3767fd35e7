"""Effective receptive fields: paths against the derivatives of linear networks, and the laws they keep."""

import time

import numpy as np
import pytest
from analysis.measured import Experiment, network_of, stated
from analysis.strategies import networks
from hypothesis import event, given, settings

from archcalc.analysis.receptive_field import Field, LayerField, receptive_fields
from archcalc.errors import UsageError
from archcalc.forward.effective import EffectiveField, effective_field
from archcalc.infer import InferredGraph
from archcalc.network import load

from . import linear
from .linear import Array

CHAIN = """
- conv: {out_channels: 3, kernel_size: [3, 4], stride: [2, 1], padding: [[1, 0], [0, 2]]}
- maxpool: {kernel_size: [2, 3], stride: [1, 2], dilation: [2, 1]}
- relu
- conv: {out_channels: 4, kernel_size: 3, dilation: [2, 1], padding: same}
- avgpool: {kernel_size: 2, ceil_mode: true}
"""
RESIDUAL = """
- conv: {out_channels: 2, kernel_size: 3, padding: 1}
- add:
    - - conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1, bias: false}
      - batchnorm
      - conv: {out_channels: 4, kernel_size: 3, padding: 1, groups: 2}
    - - conv: {out_channels: 4, kernel_size: 1, stride: 2}
- add:
    - - conv: {out_channels: 4, kernel_size: [1, 3], padding: [0, 1]}
    - []
"""
DENSE = """
- repeat: 3
  layers:
    - concat:
        - []
        - - conv: {out_channels: 2, kernel_size: 3, padding: 1}
- conv: {out_channels: 3, kernel_size: 1}
"""
UNET = """
- conv: {name: fine, out_channels: 2, kernel_size: 3, padding: 1}
- conv: {out_channels: 4, kernel_size: 4, stride: 2, padding: 1}
- conv_transpose: {name: up, out_channels: 3, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}
- concat: {inputs: [up, fine]}
- upsample: {scale_factor: 2}
- conv: {out_channels: 1, kernel_size: 3, padding: 1}
"""
NETWORKS = {
    "chain": (CHAIN, "2x19x17"),
    "residual": (RESIDUAL, "1x15x13"),
    "dense": (DENSE, "2x11x12"),
    "u-net": (UNET, "2x12x8"),
    "dense in one dimension": (DENSE, "3x21"),
    "volume": ("- conv: {out_channels: 2, kernel_size: [2, 3, 1]}\n- maxpool: {kernel_size: 2, stride: 1}", "1x5x6x4"),
    "axes exchanged": (
        "- conv: {out_channels: 2, kernel_size: [5, 1]}\n- permute: {dims: [0, 3, 1, 2]}\n"
        "- conv: {out_channels: 13, kernel_size: 1}\n- permute: {dims: [0, 2, 3, 1]}",
        "1x11x13",
    ),
    "transposed, spread by three": (
        "- conv_transpose: {out_channels: 2, kernel_size: 5, stride: 3, dilation: 2}",
        "2x9",
    ),
    "interpolated between the corners": (
        "- conv: {out_channels: 2, kernel_size: 3}\n- upsample: {size: [7, 3], mode: bilinear, align_corners: true}\n"
        "- conv: {out_channels: 1, kernel_size: 2}",
        "1x6x7",
    ),
    "channels of zeros": (
        "- add:\n    - - pad: {channels: [0, 3]}\n    - - conv: {out_channels: 4, kernel_size: 3, padding: 1}",
        "1x9x7",
    ),
    "a stretched row": (
        "- slice: {name: row, dim: 2, start: 2, end: 3}\n- parameter: {name: learned, shape: [1, 6, 7]}\n"
        "- add: {inputs: [row, learned]}\n- conv: {out_channels: 1, kernel_size: 3}",
        "1x6x7",
    ),
    "a stretched channel": (
        "- conv: {out_channels: 5, kernel_size: 3, padding: 1}\n- add: {inputs: [conv, input]}\n"
        "- conv: {out_channels: 1, kernel_size: 1}",
        "1x6x7",
    ),
}


def map_of(layer: LayerField) -> tuple[int, ...]:
    """Which axes of a layer run along the input's; none where it has no field on each."""
    axes = tuple(seen.axis for seen in layer.axes if isinstance(seen, Field))
    return axes if len(axes) == len(layer.axes) else ()


def derivatives(network: InferredGraph, jacobian: Array, axes: tuple[int, ...]) -> Array:
    """By place of the input and unit: what a pixel, in all channels, does to a layer's mean over channels."""
    rank = len(network.input_shape) - 1
    of_pixels = jacobian.sum(axis=0)
    moved = np.moveaxis(of_pixels, [rank + axis for axis in axes], range(rank, 2 * rank))
    return np.asarray(moved.mean(axis=tuple(range(2 * rank, moved.ndim))))


def check_layers(network: InferredGraph, units: int) -> int:
    """Some units of every layer that has a place on the map; how many were compared."""
    fields, compared = receptive_fields(network), 0
    for position, jacobian in enumerate(linear.jacobian(network)):
        axes = map_of(fields.layers[position])
        if not axes:
            continue
        expected = derivatives(network, jacobian, axes)
        places = list(np.ndindex(expected.shape[len(axes) :]))
        for chosen in np.random.default_rng(position).permutation(len(places))[:units]:
            seen = expected[(..., *places[chosen])]
            if not seen.any():  # padding only
                continue
            found = effective_field(network, network.nodes[position].name, places[chosen], fields)
            np.testing.assert_allclose(found.paths, seen / seen.sum(), rtol=1e-9, atol=1e-15)
            assert found.inside == pytest.approx(1, abs=1e-12)
            compared += 1
    return compared


@pytest.mark.parametrize(("layers", "shape"), NETWORKS.values(), ids=NETWORKS)
def test_paths_are_derivatives(layers: str, shape: str) -> None:
    """With weights equal within each layer the mean over channels changes with a pixel as there are paths from it."""
    assert check_layers(network_of(layers, shape), 20) > 5


@given(networks())
@settings(max_examples=120)
def test_paths_of_random_networks(network: InferredGraph) -> None:
    event(f"units compared: {min(check_layers(network, 3) // 5 * 5, 25)}")


def test_random_weights_square_to_the_same_picture() -> None:
    """Independent weights of variance 1/fan-in: the mean of 3,000 squared gradients, in the scale of the paths."""
    layers = """
- conv: {name: stem, out_channels: 3, kernel_size: 3, padding: 1}
- add:
    - - conv: {out_channels: 3, kernel_size: 3, padding: 1}
      - conv: {out_channels: 3, kernel_size: 3, padding: 1}
    - []
- concat:
    - - conv: {out_channels: 2, kernel_size: 1}
    - - conv: {out_channels: 3, kernel_size: 5, padding: 2}
- conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}
"""
    network, random = network_of(layers, "2x13"), np.random.default_rng(1)

    def draw(shape: tuple[int, ...]) -> Array:
        return random.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))

    squares = [np.square(linear.jacobian(network, draw)[-1][..., 3]).sum(axis=0).mean(axis=-1) for _ in range(3000)]
    mean, error = np.mean(squares, axis=0), np.std(squares, axis=0) / np.sqrt(len(squares))
    expected = derivatives(network, linear.jacobian(network)[-1], (1,))[:, 3]
    assert error.max() < 0.05 * mean.max()
    assert (np.abs(mean - expected) < 4 * error).all()
    paths = effective_field(network, unit=(3,)).paths
    assert paths == pytest.approx(expected / expected.sum())


@pytest.mark.parametrize("shape", ["2x12x11", "1x21"])
def test_paths_reach_as_far_as_the_theoretical_field(shape: str) -> None:
    """From the first to the last pixel of it, for a unit that reads nothing from beyond a map."""
    network = network_of(
        "- conv: {out_channels: 2, kernel_size: 3, padding: 1}\n- maxpool: {kernel_size: 2}\n" * 2, shape
    )
    experiment, tested = Experiment(network), 0
    for position, layer in enumerate(experiment.fields.layers):
        for unit in np.argwhere(experiment.inside[position]):
            found = effective_field(network, layer.name, tuple(unit.tolist()), experiment.fields)
            for axis, (low, high) in enumerate(found.window):
                hit = np.flatnonzero(found.paths.any(axis=tuple(a for a in range(found.paths.ndim) if a != axis)))
                assert (hit[0], hit[-1]) == (low, high)
                field = layer.axes[axis]
                assert isinstance(field, Field)
                ends = stated(field, experiment.inside[position].shape)
                assert (low, high) == tuple(int(end[tuple(unit)]) for end in ends)
                tested += 1
    assert tested > 10


def stack(depth: int, kernel: int = 3, size: int = 81) -> EffectiveField:
    body = f"- conv: {{out_channels: 4, kernel_size: {kernel}, padding: {kernel // 2}}}\n" * depth
    return effective_field(network_of(body, f"1x{size}x{size}"))


@pytest.mark.parametrize("kernel", [3, 5])
def test_it_grows_with_the_root_of_the_depth(kernel: int) -> None:
    """Each convolution adds the variance of a kernel, (k² − 1)/12; the theoretical field adds k − 1 to its side."""
    fields = [stack(depth, kernel) for depth in (1, 4, 16)]
    for depth, field in zip((1, 4, 16), fields, strict=True):
        assert field.deviation == pytest.approx([np.sqrt(depth * (kernel**2 - 1) / 12)] * 2)
        assert field.sizes == (1 + depth * (kernel - 1),) * 2
    assert fields[0].ratio > fields[1].ratio > fields[2].ratio


def test_strides_multiply_what_lies_behind_them() -> None:
    """A kernel of k at effective stride s adds (k² − 1)/12·s²."""
    layers = "- conv: {out_channels: 1, kernel_size: 3}\n- conv: {out_channels: 1, kernel_size: 5, stride: 2}\n"
    field = effective_field(network_of(layers + "- conv: {out_channels: 1, kernel_size: 3}", "1x60"))
    assert field.deviation[0] ** 2 == pytest.approx(8 / 12 + 24 / 12 + 4 * 8 / 12)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_stack_is_a_power_of_its_kernel(depth: int) -> None:
    """The first row of a 3×3 stack's field is that of Pascal's triangle with three parents; symmetric in every way."""
    row = np.ones(1)
    for _ in range(depth):
        row = np.convolve(row, np.ones(3) / 3)
    paths = stack(depth, size=15).paths
    middle = paths[7 - depth : 8 + depth, 7 - depth : 8 + depth]
    assert middle == pytest.approx(np.outer(row, row))
    assert paths.sum() == pytest.approx(1)
    for turned in (paths[::-1], paths[:, ::-1], paths.T):
        assert turned == pytest.approx(paths)


def test_the_shortcut_keeps_its_half() -> None:
    """x + conv(x): the pixel itself has the shortcut's path and one of the nine of the convolution."""
    network = network_of("- add:\n    - - conv: {out_channels: 3, kernel_size: 3, padding: 1}\n    - []", "3x5x5")
    paths = effective_field(network).paths
    assert paths[2, 2] == pytest.approx((1 + 1 / 9) / 2)
    assert paths[1, 3] == pytest.approx(1 / 18)


@pytest.mark.parametrize(("share", "side"), [(0.1, 1), (1 / 9 - 1e-9, 1), (0.5, 3), (1, 3)])
def test_squares_of_an_even_square(share: float, side: int) -> None:
    """One convolution of 3×3: the middle holds a ninth, the 3×3 around it all."""
    assert stack(1, size=9).square(share) == side


def test_squares_are_centred_on_the_field() -> None:
    """A field of an even size has even squares; one half beyond the map holds nothing there."""
    field = effective_field(network_of("- avgpool: {kernel_size: 4, stride: 1}", "1x9"))
    assert [field.square(share) for share in (0.5, 0.51, 1)] == [2, 4, 4]
    corner = effective_field(network_of("- conv: {out_channels: 1, kernel_size: 5, padding: 2}", "1x9"), unit=(0,))
    assert corner.window == ((-2, 2),)
    assert [corner.square(share) for share in (0.33, 0.34, 0.7)] == [1, 3, 5]


@pytest.mark.parametrize(
    ("name", "layer", "unit", "window"),
    [
        ("vgg16", "pool5", (3, 3), (6, 217)),
        ("resnet50", "stage3.2.relu", (3, 3), (-117, 309)),
        ("alexnet", "pool3", (3, 3), (32, 226)),
    ],
)
def test_the_zoo(name: str, layer: str, unit: tuple[int, ...], window: tuple[int, int]) -> None:
    """The last layer before everything is global, its central unit, and well under a second."""
    network = load(name).graph
    start = time.perf_counter()
    field = effective_field(network)
    assert time.perf_counter() - start < 1
    assert (field.layer, field.unit, field.window) == (layer, unit, (window, window))
    assert field.paths.sum() == pytest.approx(1)
    assert field.ratio < 0.7
    assert field.paths == pytest.approx(field.paths.T)


def test_a_thousand_layers() -> None:
    """Nothing overflows, and nothing is lost but what is too small for a double."""
    field = effective_field(load("preact_resnet1001").graph)
    assert field.paths.sum() == pytest.approx(1)
    assert np.isfinite(field.paths).all()


@pytest.mark.parametrize(
    ("layers", "layer", "unit", "says"),
    [
        ("- conv: {name: first, out_channels: 1, kernel_size: 3}", "frist", None, "did you mean 'first'?"),
        ("- global_avgpool\n- relu", "relu", None, "sees the whole input (since global_avgpool)"),
        ("- concat: {dim: 2, inputs: [input, input]}\n- relu", "relu", None, "concat joins along this axis"),
        ("- parameter: {name: learned, shape: [1, 2, 2]}\n- relu", "relu", None, "does not depend on the input"),
        ("- relu", "relu", (8, 0), "relu has no unit 8,0: its map is 8×8; 0,0 to 7,7"),
        ("- relu", "relu", (-1, 0), "relu has no unit -1,0"),
        ("- relu", "relu", (1,), "relu has no unit 1: "),
        ("- conv: {out_channels: 1, kernel_size: 1, padding: 1}", "conv", (0, 4), "only padding"),
    ],
)
def test_what_cannot_be_asked(layers: str, layer: str, unit: tuple[int, ...] | None, says: str) -> None:
    """A layer that is not there or has no place on the map, and why; a unit outside of it."""
    with pytest.raises(UsageError) as error:
        effective_field(network_of(layers, "1x8x8"), layer, unit)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
