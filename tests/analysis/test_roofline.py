"""Rooflines: by hand for one layer, laws for any network, and the figures of the catalogue."""

from fractions import Fraction

import pytest

import archcalc
from archcalc.analysis.roofline import ENERGY, Hardware, roofline
from archcalc.errors import Source, SpecError, UsageError
from archcalc.space.hardware import names, parse, read_hardware

TOY = Hardware("toy", "Toy", "cpu", {"float32": 1_000_000, "int8": 4_000_000}, 500_000, "made up")
NETS = ("alexnet", "resnet50", "mobilenet_v2", "vit_b_16")
ONE = """
archcalc: 1
name: one
input: [3, 8, 8]
layers:
  - conv: {name: conv, out_channels: 4, kernel_size: 3, bias: false}
  - relu: {name: relu}
  - flatten: {name: flat}
"""


@pytest.mark.parametrize("batch", [1, 5])
def test_one_convolution_by_hand(batch: int) -> None:
    """4 maps of 6×6 from 3 of 8×8 by 3×3 kernels."""
    found = roofline(archcalc.analyse(archcalc.loads(ONE), batch=batch), TOY)
    conv, relu, flat = found.layers[1:]
    flops, moved = 2 * 27 * 4 * 36 * batch, 4 * (batch * (3 * 64 + 4 * 36) + 27 * 4)
    assert (conv.flops, conv.bytes, conv.intensity) == (flops, moved, flops / moved)
    assert conv.seconds == max(flops / 1_000_000, moved / 500_000)
    assert (relu.flops, relu.bytes, relu.bound) == (4 * 36 * batch, 4 * 2 * 4 * 36 * batch, "memory")
    assert (flat.bytes, flat.seconds, flat.bound, flat.intensity) == (0, 0, "nothing", None)
    assert found.fused_bytes == moved
    assert found.seconds == conv.seconds + relu.seconds


@pytest.mark.parametrize(("ridge", "bound"), [(2.0, "memory"), (0.5, "arithmetic")])
def test_bound_turns_at_the_ridge(ridge: float, bound: str) -> None:
    """`ridge` is that of the processor, as a multiple of the layer's intensity."""
    analysis = archcalc.analyse(archcalc.loads(ONE))
    intensity = roofline(analysis, TOY).layers[1].intensity
    assert intensity is not None
    hardware = Hardware("x", "X", "cpu", {"float32": 10**9}, round(10**9 / (ridge * intensity)), "made up")
    found = roofline(analysis, hardware)
    assert found.layers[1].bound == bound
    assert found.ridge == pytest.approx(ridge * intensity)


@pytest.mark.parametrize("net", NETS)
def test_laws(net: str) -> None:
    """Fused is never slower; twice the processor takes half the time; a larger batch never costs more a sample."""
    analysis = archcalc.analyse(net)
    found = roofline(analysis, TOY)
    assert found.fused_seconds <= found.seconds
    assert found.fused_bytes <= found.bytes
    assert found.flops == analysis.cost.flops
    twice = Hardware("toy", "Toy", "cpu", {"float32": 2_000_000}, 1_000_000, "made up")
    assert roofline(analysis, twice).seconds == pytest.approx(found.seconds / 2)
    eight = roofline(archcalc.analyse(net, batch=8), TOY)
    assert eight.seconds <= 8 * found.seconds * (1 + 1e-12)
    assert eight.fused_bytes - found.fused_bytes == 7 * 4 * (
        sum(_count(shape) for shape in (analysis.graph.input_shape, analysis.graph.shapes[-1]))
    )


def _count(shape: tuple[int, ...]) -> int:
    size = 1
    for number in shape:
        size *= number
    return size


def test_energy_of_a_multiply_accumulate() -> None:
    """Horowitz 2014: 3.7 + 0.9 pJ in float32, 0.2 and a 32-bit addition of 0.1 in int8; 1.3 nJ for 8 bytes of DRAM."""
    analysis = archcalc.analyse(archcalc.loads(ONE))
    found = roofline(analysis, TOY)
    macs, relus = 27 * 4 * 36, 4 * 36
    expected = macs * Fraction("4.6") + relus * Fraction("0.9") + found.fused_bytes * Fraction("162.5")
    assert found.fused_joules == pytest.approx(float(expected) * 1e-12)
    assert ENERGY["int8"].multiply + ENERGY["int8"].accumulate == Fraction("0.3")
    wide = Hardware("x", "X", "cpu", {"float64": 10}, 10, "made up")
    assert roofline(archcalc.analyse("lenet5", dtype="float64"), wide).joules is None


def test_data_types_without_a_peak_are_an_error() -> None:
    with pytest.raises(UsageError, match="no peak for float16"):
        roofline(archcalc.analyse("lenet5", dtype="float16"), TOY)


@pytest.mark.parametrize(
    ("name", "dtype", "peak", "bandwidth"),
    [
        ("a100", "float32", 19_500_000_000_000, 1_555_000_000_000),  # NVIDIA A100 datasheet
        ("a100", "float16", 312_000_000_000_000, 1_555_000_000_000),
        ("t4", "float32", 8_100_000_000_000, 320_000_000_000),  # NVIDIA T4 datasheet
        ("v100", "float16", 125_000_000_000_000, 900_000_000_000),  # NVIDIA V100 datasheet
    ],
)
def test_figures_of_datasheets(name: str, dtype: str, peak: int, bandwidth: int) -> None:
    hardware = read_hardware(name)
    assert (hardware.peak[dtype], hardware.bandwidth) == (peak, bandwidth)


@pytest.mark.parametrize("name", names())
def test_every_processor_is_described(name: str) -> None:
    hardware = read_hardware(name)
    assert hardware.name == name
    assert hardware.source
    assert hardware.peak
    if hardware.kind == "microcontroller":
        assert hardware.sram
        assert hardware.flash


def test_memory_of_the_microcontroller_in_the_issue() -> None:
    """STM32F746: 320 KB of SRAM and 1 MB of flash."""
    hardware = read_hardware("stm32f746")
    assert (hardware.sram, hardware.flash) == (320 * 1024, 1024 * 1024)


GOOD = "archcalc: 1\nname: x\nkind: cpu\npeak: {float32: 1G}\nbandwidth: 2GB\nsource: a sheet\n"


def test_a_file_of_ones_own() -> None:
    found = parse(Source("mine.yaml", GOOD + "memory: 1.5GiB\n"))
    assert (found.title, found.peak, found.bandwidth, found.memory) == ("x", {"float32": 10**9}, 2 * 10**9, 3 * 2**29)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("kind: cpu", "kind: gpus", 3, "did you mean 'gpu'"),
        ("float32: 1G", "float31: 1G", 4, "did you mean 'float32'"),
        ("float32: 1G", "float32: 1GB", 4, "a number with a unit"),
        ("float32: 1G", "float32: 0", 4, "above 0"),
        ("float32: 1G", "float32: -1G", 4, "a number with a unit"),
        ("bandwidth: 2GB", "bandwidth: fast", 5, "a number with a unit"),
        ("bandwidth: 2GB", "bandwith: 2GB", 5, "did you mean 'bandwidth'"),
        ("bandwidth: 2GB", "bandwidth: [2]", 5, "a list"),
        ("source: a sheet", "source: 5", 6, "source is a text"),
        ("archcalc: 1", "archcalc: 2", 1, "version"),
        ("peak: {float32: 1G}", "peak: 5", 4, "data types"),
        ("bandwidth: 2GB", "bandwidth: 0.3B", 5, "whole number"),
    ],
)
def test_what_is_wrong_with_a_file_is_shown_in_its_place(old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse(Source("mine.yaml", GOOD.replace(old, new)))
    places = [problem.span.line for problem in raised.value.problems if problem.span]
    assert line in places
    assert words in str(raised.value)


def test_everything_that_is_wrong_at_once() -> None:
    with pytest.raises(SpecError) as raised:
        parse(Source("mine.yaml", "name: x\nkind: car\npeak: {}\nbandwidth: no\n"))
    assert len(raised.value.problems) == 5  # the version, source, kind, peak and bandwidth
