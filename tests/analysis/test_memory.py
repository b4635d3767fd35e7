"""Activation memory: published counts, an independent simulation of what is alive, and laws."""

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.analysis.memory import DTYPES, MODELS, measure_memory
from archcalc.analysis.params import count_params
from archcalc.infer import InferredGraph
from archcalc.network import load
from archcalc.spec import zoo

from . import golden
from .measured import network_of
from .strategies import networks

MIB = 2**20

# The rows of CS231n's table of VGG-16 (lecture 9), input first: values, exact. They add up to 15,237,608.
VGG16_ROWS = [
    *(150_528, 3_211_264, 3_211_264, 802_816, 1_605_632, 1_605_632, 401_408, 802_816, 802_816, 802_816, 200_704),
    *(401_408, 401_408, 401_408, 100_352, 100_352, 100_352, 100_352, 25_088, 4_096, 4_096, 1_000),
]

COUNTED = [name for name in zoo.names() if name in golden.ACTIVATIONS]


def simulated_peak(network: InferredGraph) -> int:
    """The most values in memory at once, by counting references: a tensor is freed when its last reader has run.

    The network's output is held by whoever asked for it.
    """
    readers = [0] * len(network.nodes)
    for node in network.nodes:
        for producer in set(node.inputs):
            readers[producer] += 1
    readers[-1] += 1
    memory: dict[int, int] = {}
    peak = 0
    for position, (node, shape) in enumerate(zip(network.nodes, network.shapes, strict=True)):
        memory[position] = prod(shape)
        peak = max(peak, sum(memory.values()))
        for producer in set(node.inputs):
            readers[producer] -= 1
        memory = {tensor: size for tensor, size in memory.items() if readers[tensor]}
    return peak


def test_lecture_counts_the_rows_of_vgg16s_table() -> None:
    """Row by row as on the slide; its total of 24M does not follow from its rows."""
    memory = measure_memory(load("vgg16").graph, "lecture")
    assert [layer.values for layer in memory.layers if layer.counted] == VGG16_ROWS
    assert memory.values == sum(VGG16_ROWS) == 15_237_608
    assert memory.activation_bytes == 60_950_432  # 58 MiB: convnet-burden's feature memory of VGG-16


@pytest.mark.parametrize("name", COUNTED)
def test_lecture_counts_of_the_zoo(name: str) -> None:
    """Outputs of convolutions, poolings and linear layers, and the input (fact sheet, section 18b)."""
    assert measure_memory(load(name).graph, "lecture").values == golden.ACTIVATIONS[name]


def test_counts_of_section_18b_are_among_them() -> None:
    families = {"alexnet", "vgg16", "vgg19", "googlenet", "resnet18", "resnet50", "densenet121"}
    assert families <= set(COUNTED)


def test_lecture_does_not_count_what_only_moves() -> None:
    """Subsampling computes nothing, whether it is written as a maximum of one value or as slices."""
    steps = ("- maxpool: {kernel_size: 1, stride: 2}", "- slice: {dim: 2, step: 2}")
    assert {measure_memory(network_of(step), "lecture").values for step in steps} == {40}


def test_lecture_does_not_count_parameters() -> None:
    """The lecture counts the input and what layers compute; a learned array is neither, and it has no batch."""
    network = network_of("- parameter: {name: learned, shape: [1, 40]}\n- add: {inputs: [input, learned]}")
    assert measure_memory(network, "lecture", batch=8).values == 8 * 40


def test_peak_of_vgg16() -> None:
    """conv1_1's output and a copy of the same size, 2 · 64·224·224 values of 4 bytes: 24.5 MiB."""
    memory = measure_memory(load("vgg16").graph)
    assert memory.peak_bytes == 24.5 * MIB
    assert memory.peak_layer == "relu1_1"
    assert [(tensor.name, tensor.bytes / MIB) for tensor in memory.alive] == [("conv1_1", 12.25), ("relu1_1", 12.25)]


def test_peak_of_a_residual_block() -> None:
    """The shortcut stays alive beside the branch: three maps while its last layer runs, and while they meet."""
    network = network_of("""
- conv: {name: stem, out_channels: 4, kernel_size: 1}
- add:
    - - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
      - conv: {name: b, out_channels: 4, kernel_size: 3, padding: 1}
    - []
- conv: {name: end, out_channels: 1, kernel_size: 1}
""")
    memory = measure_memory(network, dtype="int8")
    assert [layer.alive_bytes for layer in memory.layers] == [40, 40 + 160, 320, 480, 480, 160 + 40]
    assert (memory.peak_layer, [tensor.name for tensor in memory.alive]) == ("b", ["stem", "a", "b"])


def test_what_nobody_reads_dies_at_once() -> None:
    """A side output that no layer reads is in memory while it is computed and no longer; the last output is kept."""
    network = network_of("""
- conv: {name: unread, out_channels: 9, kernel_size: 1}
- conv: {name: end, out_channels: 1, kernel_size: 1, inputs: input}
""")
    memory = measure_memory(network, dtype="int8")
    assert [layer.alive_bytes for layer in memory.layers] == [40, 400, 80]


@given(networks(layers=14))
@settings(max_examples=200)
def test_peak_of_random_networks(network: InferredGraph) -> None:
    """The peak is that of the simulation; the tensors that are alive add up to it and end with the layer that runs."""
    memory = measure_memory(network, dtype="int8")
    assert memory.peak_bytes == simulated_peak(network)
    assert sum(tensor.bytes for tensor in memory.alive) == memory.peak_bytes
    assert memory.alive[-1].name == memory.peak_layer
    names = [layer.name for layer in memory.layers]
    assert [names.index(tensor.name) for tensor in memory.alive] == sorted(names.index(t.name) for t in memory.alive)


@pytest.mark.parametrize("name", zoo.names())
def test_peak_of_the_zoo(name: str) -> None:
    network = load(name).graph
    assert measure_memory(network, dtype="int8").peak_bytes == simulated_peak(network)


@given(networks(layers=14))
def test_peak_lies_between_a_layer_and_everything(network: InferredGraph) -> None:
    """max over layers of (inputs + output) ≤ peak ≤ all outputs."""
    memory = measure_memory(network, dtype="int8")
    together = [
        prod(shape) + sum(prod(network.shapes[producer]) for producer in set(node.inputs))
        for node, shape in zip(network.nodes, network.shapes, strict=True)
    ]
    assert max(together) <= memory.peak_bytes <= measure_memory(network, "all", dtype="int8").activation_bytes


@given(network=networks(), batch=st.integers(1, 512), model=st.sampled_from(MODELS), dtype=st.sampled_from([*DTYPES]))
def test_activations_are_linear_in_batch_and_bytes(network: InferredGraph, batch: int, model: str, dtype: str) -> None:
    """Activation bytes = batch · bytes a value · those of one sample of bytes; weights do not know the batch."""
    one, many = (measure_memory(network, model, b, d) for b, d in ((1, "int8"), (batch, dtype)))  # type: ignore[arg-type]
    size = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}[dtype]
    assert many.activation_bytes == batch * size * one.activation_bytes
    assert many.peak_bytes == batch * size * one.peak_bytes
    assert many.values == batch * one.values
    assert many.weight_bytes == size * one.weight_bytes


@pytest.mark.parametrize("name", zoo.names())
def test_models_of_the_zoo(name: str) -> None:
    """Each model's total is the sum of the layers that it counts, and lecture ≤ all; weights are all that is stored."""
    network = load(name).graph
    lecture, everything, peak = (measure_memory(network, model) for model in MODELS)
    for memory in (lecture, everything, peak):
        assert memory.values == sum(layer.values for layer in memory.layers if layer.counted)
        assert memory.activation_bytes == sum(layer.bytes for layer in memory.layers if layer.counted)
    # What a learned parameter gives is its weights, and counts there.
    outputs = [
        prod(shape) for node, shape in zip(network.nodes, network.shapes, strict=True) if node.op.keyword != "parameter"
    ]
    assert everything.values == sum(outputs)
    assert [layer.name for layer in peak.layers if layer.counted] == [tensor.name for tensor in peak.alive]
    assert lecture.values < everything.values
    assert peak.activation_bytes == peak.peak_bytes == max(layer.alive_bytes for layer in peak.layers)
    params = count_params(network)
    assert peak.weight_bytes == 4 * (params.params + params.buffers)
