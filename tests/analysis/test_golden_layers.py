"""Layer by layer against torchvision's modules and against the tables of the fact sheet, in execution order."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from archcalc.analysis.cost import count_operations
from archcalc.analysis.params import count_params
from archcalc.infer import InferredGraph
from archcalc.network import load
from archcalc.ops.base import Shape, Weights, Window

from . import golden

MODULE_TYPES = {
    "conv": "Conv2d",
    "batchnorm": "BatchNorm2d",
    "relu": "ReLU",
    "maxpool": "MaxPool2d",
    "avgpool": "AvgPool2d",
    "adaptive_avgpool": "AdaptiveAvgPool2d",
    "global_avgpool": "AdaptiveAvgPool2d",
    "linear": "Linear",
    "dropout": "Dropout",
}
# Operators that torchvision applies as functions: they are no modules and have no row.
FUNCTIONS = ("input", "flatten", "add", "concat")
# Layers that only one side has, by name. See README.md of reference_data.
OURS_ALONE = {"densenet121": ("relu2", "global_avgpool")}
THEIRS_ALONE = {"vgg16": ("avgpool",), "vgg16_bn": ("avgpool",)}

# The operators that the tables have rows for.
TABLED = ("conv", "maxpool", "avgpool", "linear")
GOOGLENET_STAGES = (
    *("conv1", "pool1", "conv2_reduce", "conv2", "pool2"),
    *("inception3a", "inception3b", "pool3"),
    *("inception4a", "inception4b", "inception4c", "inception4d", "inception4e", "pool4"),
    *("inception5a", "inception5b", "fc"),
)


class Layer(NamedTuple):
    """Everything that is compared."""

    name: str
    keyword: str
    shape: Shape
    weights: Weights
    params: int
    buffers: int
    macs: int
    windows: list[Window]


def layers(network: InferredGraph) -> Iterator[Layer]:
    params, cost = count_params(network), count_operations(network)
    for position, (node, shape) in enumerate(zip(network.nodes, network.shapes, strict=True)):
        counts, macs = params.layers[position], cost.layers[position].macs
        reads = network.windows(position)
        windows = [entry for entry in reads[0][1:] if isinstance(entry, Window)] if reads else []
        keyword = node.op.keyword
        yield Layer(node.name, keyword, shape, counts.weights, counts.params, counts.buffers, macs, windows)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("alexnet_torchvision", "alexnet"),
        ("vgg16", "vgg16"),
        ("vgg16_bn", "vgg16_bn"),
        ("resnet18", "resnet18"),
        ("resnet50", "resnet50"),
        ("densenet121", "densenet121"),
    ],
)
def test_every_module_of_torchvision(spec: str, name: str) -> None:
    """Type, geometry, output shape, parameters, buffers and MACs of each module are those of our layer."""
    ours = [
        layer
        for layer in layers(load(spec).graph)
        if layer.keyword not in FUNCTIONS and layer.name not in OURS_ALONE.get(spec, ())
    ]
    theirs = [module for module in golden.modules(name) if module.path not in THEIRS_ALONE.get(spec, ())]
    assert [MODULE_TYPES[layer.keyword] for layer in ours] == [module.type for module in theirs]
    for layer, module in zip(ours, theirs, strict=True):
        assert list(layer.shape) == module.output_shape, (layer, module)
        assert (layer.params, layer.macs) == (module.params, module.macs), (layer, module)
        # torch also keeps num_batches_tracked, one number that no forward pass reads: 2C + 1 where we have 2C.
        tracked = 1 if module.type == "BatchNorm2d" else 0
        assert layer.buffers == module.buffers - tracked, (layer, module)
        if module.kernel:
            geometry = [[w.kernel for w in layer.windows], [w.stride for w in layer.windows]]
            assert geometry == [module.kernel, module.stride], (layer, module)
            assert [w.padding for w in layer.windows] == module.padding, (layer, module)


@pytest.mark.parametrize(
    "spec", ["lenet5", "alexnet", "alexnet_2gpu", "zfnet", "zfnet512", "nin_imagenet", "nin_cifar10"]
)
def test_every_row_of_a_table(spec: str) -> None:
    """Kernel, stride, output shape, weights, biases and MACs of each row are those of our layer."""
    ours = [layer for layer in layers(load(spec).graph) if layer.keyword in TABLED]
    # The 6×6 pooling at the end of one table is global_avgpool here.
    rows = [row for row in golden.table(spec) if row.name != "pool4"]
    for layer, row in zip(ours, rows, strict=True):
        assert words(layer) == row.op
        assert list(layer.shape) == row.output_shape, (layer, row)
        assert sizes(layer) == (row.weights, row.biases), (layer, row)
        assert layer.macs == row.macs, (layer, row)


def test_every_stage_of_googlenet() -> None:
    """A stage is what stands under one name; its shape is that of its last layer (section 6 of the fact sheet)."""
    ours = list(layers(load("googlenet").graph))
    for stage, row in zip(GOOGLENET_STAGES, golden.table("googlenet"), strict=True):
        inside = [layer for layer in ours if layer.name == stage or layer.name.startswith(f"{stage}.")]
        weights, biases = zip(*map(sizes, inside), strict=True)
        assert (sum(weights), sum(biases)) == (row.weights, row.biases), stage
        assert sum(layer.macs for layer in inside) == row.macs, stage
        # The row of the classifier shows the pooling in front of it.
        last = next(layer for layer in ours if layer.name == "pool5") if stage == "fc" else inside[-1]
        assert list(last.shape) == row.output_shape, stage


def words(layer: Layer) -> str:
    """`conv3x3/1`, `pool2/2` or `fc`, as the tables write it."""
    if layer.keyword == "linear":
        return "fc"
    window = layer.windows[0]
    kernel = f"conv{window.kernel}x{window.kernel}" if layer.keyword == "conv" else f"pool{window.kernel}"
    return f"{kernel}/{window.stride}"


def sizes(layer: Layer) -> tuple[int, int]:
    """The number of weights and of biases."""
    biases = sum(weight.count for weight in layer.weights if weight.name == "bias")
    return sum(weight.count for weight in layer.weights) - biases, biases
