"""What holds for parameters, operations and receptive fields of any network."""

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.analysis.cost import count_operations
from archcalc.analysis.memory import measure_memory
from archcalc.analysis.params import count_params
from archcalc.analysis.receptive_field import Field, receptive_fields
from archcalc.infer import InferredGraph
from archcalc.network import load, loads
from archcalc.spec import zoo

from .measured import network_of
from .strategies import networks

counts = st.integers(1, 6)
sizes = st.integers(1, 12)


def totals(layers: str, shape: str) -> tuple[int, int]:
    """Parameters and MACs of a small network."""
    network = network_of(layers, shape)
    return count_params(network).params, count_operations(network).macs


def conv(out: object, kernel: object, more: str = "") -> str:
    return f"- conv: {{out_channels: {out}, kernel_size: {kernel}{more}}}"


def field(layers: str) -> Field:
    """The field of the last layer, along the only axis."""
    (seen,) = receptive_fields(network_of(layers, "4x200")).layers[-1].axes
    assert isinstance(seen, Field)
    return seen


def check_sums(network: InferredGraph) -> None:
    """Totals are sums over layers, for every number that has a total."""
    params, cost = count_params(network), count_operations(network, batch=3)
    assert params.params == sum(layer.params for layer in params.layers)
    assert params.buffers == sum(layer.buffers for layer in params.layers)
    assert cost.macs == cost.work.macs == sum(layer.macs for layer in cost.layers)
    assert cost.flops == sum(layer.flops for layer in cost.layers)
    classes = ("macs", "adds", "multiplies", "comparisons", "divisions", "exponentials")
    for name in classes:
        assert getattr(cost.work, name) == sum(getattr(layer.work, name) for layer in cost.layers)
    assert cost.flops == cost.macs + sum(getattr(cost.work, name) for name in classes)  # a mac is two
    assert len(params.layers) == len(cost.layers) == len(receptive_fields(network).layers) == len(network.nodes)


@pytest.mark.parametrize("name", zoo.names())
def test_totals_are_sums_over_the_layers_of_the_zoo(name: str) -> None:
    check_sums(load(name).graph)


@given(networks())
def test_totals_are_sums_over_the_layers(network: InferredGraph) -> None:
    check_sums(network)


@given(networks(), st.integers(1, 1000))
def test_operations_are_linear_in_the_batch(network: InferredGraph, batch: int) -> None:
    """Every class of operation is; parameters are not asked for a batch."""
    one, many = count_operations(network), count_operations(network, batch)
    assert (many.macs, many.flops) == (batch * one.macs, batch * one.flops)
    assert [layer.flops for layer in many.layers] == [batch * layer.flops for layer in one.layers]


@given(channels=counts, out=counts, height=sizes, width=sizes, bias=st.booleans())
def test_a_1x1_convolution_is_a_linear_layer(channels: int, out: int, height: int, width: int, bias: bool) -> None:
    """At each position: as many parameters, and as many MACs as the linear layer has on positions × channels."""
    more = f", bias: {str(bias).lower()}"
    mapped = totals(conv(out, 1, more), f"{channels}x{height}x{width}")
    assert mapped == totals(f"- linear: {{out_features: {out}{more}}}", f"{height}x{width}x{channels}")


@given(channels=counts, kernel=st.integers(1, 4), size=st.integers(4, 12))
def test_a_depthwise_convolution_costs_a_filter_a_channel(channels: int, kernel: int, size: int) -> None:
    """groups = C: C·k² weights; C times less than full, in parameters and in MACs."""
    shape, rest = f"{channels}x{size}x{size}", ", bias: false"
    params, macs = totals(conv(channels, kernel, f", groups: {channels}{rest}"), shape)
    assert params == channels * kernel**2
    assert macs == params * (size - kernel + 1) ** 2
    assert totals(conv(channels, kernel, rest), shape) == (channels * params, channels * macs)


@given(
    channels=counts,
    out=counts,
    kernel=st.tuples(*[st.integers(1, 4)] * 2),
    stride=st.tuples(*[st.integers(1, 3)] * 2),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
)
def test_macs_are_weights_times_output_positions(
    channels: int, out: int, kernel: tuple[int, int], stride: tuple[int, int], padding: int, dilation: int
) -> None:
    """Each weight is used once at each position, however the window lies; a bias adds out parameters and no MACs."""
    more = f", stride: {list(stride)}, padding: {padding}, dilation: {dilation}"
    network = network_of(conv(out, list(kernel), f"{more}, bias: false"), f"{channels}x11x13")
    params, macs = count_params(network).params, count_operations(network).macs
    assert params == channels * out * prod(kernel)
    assert macs == params * prod(network.shapes[-1][1:])
    assert totals(conv(out, list(kernel), more), f"{channels}x11x13") == (params + out, macs)


def test_batch_normalisation_costs_no_macs() -> None:
    """It has 2C parameters and 2C buffers, and multiplications and additions that are no multiply-accumulates."""
    plain = network_of(conv(6, 3), "2x8x8")
    normed = network_of(conv(6, 3) + "\n- batchnorm", "2x8x8")
    assert count_operations(normed).macs == count_operations(plain).macs
    assert count_operations(normed).flops == count_operations(plain).flops + 2 * 6 * 6 * 6
    assert count_params(normed).params == count_params(plain).params + 2 * 6
    assert count_params(normed).buffers == 2 * 6


@given(st.integers(1, 8))
def test_shared_weights_count_once_and_work_every_time(times: int) -> None:
    """A layer that shares weights has none of its own and as much to compute; the report says whose they are."""
    again = "\n- conv: {out_channels: 2, kernel_size: 3, padding: 1, shares: first}" * times
    network = network_of(conv(2, 3, ", padding: 1, name: first") + again, "2x9x9")
    params, cost = count_params(network), count_operations(network)
    assert [layer.params for layer in params.layers] == [0, 2 * 2 * 9 + 2, *[0] * times]
    assert [layer.shared_with for layer in params.layers] == ["", "", *["first"] * times]
    assert cost.macs == (1 + times) * 2 * 2 * 9 * 81


def test_small_kernels_reach_as_far_as_large_ones() -> None:
    """Two 3×3 reach as far as one 5×5, three as one 7×7, n as 2n + 1 (Simonyan and Zisserman 2014, section 2.3)."""
    three = conv(4, 3, ", padding: 1")
    assert field("\n".join([three] * 2)) == field(conv(4, 5, ", padding: 2"))
    assert field("\n".join([three] * 3)) == field(conv(4, 7, ", padding: 3"))
    assert [field("\n".join([three] * n)).size for n in range(1, 9)] == [2 * n + 1 for n in range(1, 9)]


@given(st.integers(1, 64))
def test_three_small_kernels_have_fewer_parameters(channels: int) -> None:
    """27·C² against 49·C², and as many MACs a position (the same section)."""
    shape, rest = f"{channels}x9x9", ", bias: false"
    small = "\n".join([conv(channels, 3, f", padding: 1{rest}")] * 3)
    assert totals(small, shape) == (27 * channels**2, 27 * channels**2 * 81)
    assert totals(conv(channels, 7, f", padding: 3{rest}"), shape) == (49 * channels**2, 49 * channels**2 * 81)


@given(st.integers(1, 5), st.integers(1, 5))
def test_a_dilated_kernel_reaches_as_far_as_its_span(kernel: int, dilation: int) -> None:
    """k points, d apart, reach as far as d·(k − 1) + 1 side by side, with the weights of k."""
    dilated, whole = conv(4, kernel, f", dilation: {dilation}"), conv(4, dilation * (kernel - 1) + 1)
    assert field(dilated) == field(whole)
    assert totals(dilated, "4x200")[0] == totals(conv(4, kernel), "4x200")[0]


def test_alexnet_at_224() -> None:
    """(224 − 11)/4 is not whole: 54 and not 55, with a note that tells which sizes fit (CS231n: 227 was meant)."""
    network = load("alexnet", input="3x224x224").graph
    assert network.shapes[network.graph.index()["conv1"]] == (96, 54, 54)
    (note,) = (text for node, text in network.notes() if node.name == "conv1")
    assert "223" in note
    assert "227" in note
    assert not any(node.name == "conv1" for node, _ in load("alexnet").graph.notes())


def test_training_counts_what_training_does() -> None:
    """By hand, for a batch of 2 samples of 3·4·4 values: the statistics of the batch, dropout, drop path."""
    text = "archcalc: 1\nname: t\ninput: [3, 4, 4]\nlayers:\n  - batchnorm\n  - dropout\n  - drop_path: {p: 0.2}\n"
    layers = count_operations(loads(text).graph, batch=2, training=True).layers
    values, channels = 2 * 48, 3
    norm = layers[1].work
    # Mean: 31 additions a channel; variance: 32 differences, 32 squares, 31 additions; eps; scale and shift; and the
    # running mean and variance, a difference, a product and a sum each.
    assert norm.adds == 2 * (values - channels) + values + channels + values + 2 * 2 * channels
    assert norm.multiplies == values + values + values + 2 * channels
    assert (norm.divisions, norm.exponentials) == (3 * channels, channels)
    assert (layers[2].work.comparisons, layers[2].work.multiplies) == (values, values)
    assert (layers[3].work.comparisons, layers[3].work.multiplies) == (2, values)


def test_constants_are_buffers() -> None:
    """What is stored is not trained; a number is not even stored. Neither is an activation."""
    text = "- conv: {name: a, out_channels: 2, kernel_size: 1}\n- constant: {name: b, shape: [2, 1, 1]}\n"
    text += "- constant: {name: c, shape: [2, 4, 4], value: 3}\n- add: {inputs: [a, b, c]}"
    network = network_of(text, "3x4x4")
    params, memory = count_params(network), measure_memory(network, "all")
    assert (params.params, params.buffers) == (2 * 3 + 2, 2)
    assert [layer.buffers for layer in params.layers] == [0, 0, 2, 0, 0]
    assert memory.weight_bytes == 4 * (8 + 2)
    assert [layer.bytes for layer in memory.layers] == [4 * 48, 4 * 32, 0, 0, 4 * 32]


def test_training_heads_are_there_while_training() -> None:
    """GoogLeNet with both heads has the parameters of the 51 MiB caffemodel (architectures.md, section 6)."""
    assert count_params(load("googlenet", training=True).graph).params == 13_378_280
    assert count_params(load("googlenet").graph).params == 6_998_552
