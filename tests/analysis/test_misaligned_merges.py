"""Merges whose ways look at different places: what is reported, and that the fields around them stay exact."""

import pytest

from archcalc.ops.base import Gap

from .measured import Experiment, network_of

MISALIGNED = {
    "an even kernel padded on one side": (
        """
- add:
    - - conv: {name: even, out_channels: 1, kernel_size: 2, padding: [[0, 1]]}
    - []
""",
        {"even": (2, 0), "input": (1, 0)},
        0.5,
    ),
    "valid, then padded behind": (
        """
- concat:
    - []
    - - conv: {out_channels: 1, kernel_size: 5}
      - pad: {padding: [[0, 4]]}
""",
        {"input": (1, 0), "pad": (5, 0)},
        2.0,
    ),
    "stride on a pooling here and on a convolution there": (
        """
- mean:
    - - maxpool: {kernel_size: 2}
      - conv: {name: a, out_channels: 1, kernel_size: 3, padding: 1}
    - - conv: {name: b, out_channels: 1, kernel_size: 3, stride: 2, padding: 1}
""",
        {"a": (6, 2), "b": (3, 1)},
        0.5,
    ),
    "one of three ways": (
        """
- max:
    - []
    - - conv: {name: centred, out_channels: 1, kernel_size: 3, padding: 1}
    - - conv: {name: shifted, out_channels: 1, kernel_size: 4, padding: [[3, 0]]}
""",
        {"input": (1, 0), "centred": (3, 1), "shifted": (4, 3)},
        1.5,
    ),
}


@pytest.mark.parametrize(("layers", "ways", "offset"), MISALIGNED.values(), ids=MISALIGNED)
def test_misaligned_merges(layers: str, ways: dict[str, tuple[int, int]], offset: float) -> None:
    """The field is still the exact union; the report names the producers, their size and padding, and the offset."""
    experiment = Experiment(network_of(layers))
    assert min(experiment.check_fields().values()) > 0
    experiment.check_merges()
    (misfit,) = experiment.fields.misaligned
    assert {way.layer: (way.size, way.padding) for way in misfit.ways} == ways
    assert (misfit.offset, misfit.same_stride) == (offset, True)


def test_a_merge_is_reported_for_the_axis_it_concerns_and_once() -> None:
    """What lies behind a misaligned merge inherits the union and is no misalignment of its own."""
    layers = """
- add:
    - - conv: {out_channels: 1, kernel_size: [3, 2], padding: [[1, 1], [1, 0]]}
    - []
- add:
    - - conv: {out_channels: 1, kernel_size: 3, padding: 1}
    - []
"""
    experiment = Experiment(network_of(layers, "1x9x10"))
    experiment.check_fields()
    experiment.check_merges()
    assert [(misfit.merge, misfit.axes) for misfit in experiment.fields.misaligned] == [("add", (1,))]


def test_a_merge_misaligned_alike_on_both_axes_is_told_once() -> None:
    """One report with two axes where the ways are the same on both; two reports where they are not."""
    even = "\n- add:\n    - - conv: {out_channels: 1, kernel_size: 2, padding: %s}\n    - []"
    alike, differently = (
        Experiment(network_of(even % padding, "1x9x10")) for padding in ("[[0, 1], [0, 1]]", "[[0, 1], [1, 0]]")
    )
    alike.check_merges()
    differently.check_merges()
    assert [misfit.axes for misfit in alike.fields.misaligned] == [(0, 1)]
    assert [misfit.axes for misfit in differently.fields.misaligned] == [(0,), (1,)]


def test_ways_of_different_strides() -> None:
    """Units drift apart: no field can be stated, and the report says that the offset does not stay."""
    network = network_of("""
- slice: {name: near, dim: 2, end: 20}
- conv: {name: far, out_channels: 1, kernel_size: 3, stride: 2, padding: 1, inputs: input}
- add: {inputs: [near, far]}
- conv: {out_channels: 1, kernel_size: 3}
""")
    experiment = Experiment(network)
    experiment.check_fields()
    experiment.check_merges()
    (misfit,) = experiment.fields.misaligned
    assert [(way.layer, way.stride) for way in misfit.ways] == [("near", 1), ("far", 2)]
    assert not misfit.same_stride
    assert [isinstance(layer.axes[0], Gap) for layer in experiment.fields.layers] == [False] * 3 + [True] * 2


# One level of a U-Net: down, something, up, and beside the map it was made from.
UNET = """
- conv: {{name: skip, out_channels: 1, kernel_size: 3, padding: 1}}
- maxpool: {{kernel_size: 2}}
- conv: {{out_channels: 1, kernel_size: 3, padding: 1}}
- {up}
- concat: {{name: merge, inputs: [skip, up]}}
- conv: {{out_channels: 1, kernel_size: 3, padding: 1}}
"""


@pytest.mark.parametrize(
    ("up", "offset"),
    [
        ("conv_transpose: {name: up, out_channels: 1, kernel_size: 2, stride: 2}", 0),
        ("conv_transpose: {name: up, out_channels: 1, kernel_size: 4, stride: 2, padding: 1}", 0),
        ("conv_transpose: {name: up, out_channels: 1, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}", 0.5),
        ("upsample: {name: up, scale_factor: 2}", 0),
        ("upsample: {name: up, scale_factor: 2, mode: linear}", 0),
    ],
    ids=["transposed 2", "transposed 4", "transposed 3", "nearest", "linear"],
)
def test_merges_of_a_unet(up: str, offset: float) -> None:
    """A map that comes back up has a pattern of two units, and is aligned if both together look where the skip looks.

    Pooling by 2 looks half a pixel behind the even units; a transposed kernel of 3, centred on them, keeps it so.
    """
    experiment = Experiment(network_of(UNET.format(up=up), "1x24"))
    assert min(experiment.check_fields().values()) > 0
    experiment.check_merges()
    told = [(misfit.merge, misfit.offset) for misfit in experiment.fields.misaligned]
    assert told == ([("merge", offset)] if offset else [])


def test_ways_that_are_aligned_on_average() -> None:
    """Three units that all look at the middle one of three pixels: each looks elsewhere, together they do not."""
    layers = """
- slice: {name: fine, dim: 2, start: 1}
- maxpool: {kernel_size: 3, inputs: input}
- upsample: {scale_factor: 3}
- slice: {name: coarse, dim: 2, start: 1}
- add: {inputs: [fine, coarse]}
- slice: {name: shifted, dim: 2, end: -1, inputs: coarse}
- slice: {name: shorter, dim: 2, start: 1, inputs: fine}
- add: {name: apart, inputs: [shifted, shorter]}
"""
    experiment = Experiment(network_of(layers, "1x39"))
    experiment.check_fields()
    experiment.check_merges()
    assert [(misfit.merge, misfit.offset) for misfit in experiment.fields.misaligned] == [("apart", 1)]


def test_ways_of_patterns_of_three_and_six() -> None:
    """Up by 3, and down by 2 then up by 6, look at the same places; what is rounded must not be called an offset."""
    layers = """
- upsample: {name: three, scale_factor: 3}
- maxpool: {kernel_size: 2, inputs: input}
- upsample: {name: six, scale_factor: 6}
- add: {inputs: [three, six]}
"""
    experiment = Experiment(network_of(layers, "1x12"))
    experiment.check_fields()
    experiment.check_merges()
    assert experiment.fields.misaligned == ()
