"""Receptive fields against published and independently computed ones."""

import pytest

from archcalc.analysis.receptive_field import Field, LayerField, receptive_fields
from archcalc.network import load
from archcalc.spec import zoo

from . import golden
from .test_golden_layers import GOOGLENET_STAGES, TABLED

# The layer behind which everything is global, for networks whose paper or framework names it.
ENDS = {
    "lenet5": "pool2",
    "alexnet": "pool3",
    "alexnet_2gpu": "pool3",
    "zfnet": "pool5",
    "vgg16": "pool5",
    "googlenet": "inception5b.output",
    "fractalnet20": "block4.pool",
}


def triple(layer: LayerField) -> tuple[int, int, int]:
    """Size, effective stride and effective padding, which all networks of the zoo have alike on both axes."""
    height, width = layer.axes
    assert isinstance(height, Field)
    assert isinstance(width, Field)
    assert (height.size, height.stride, height.padding) == (width.size, width.stride, width.padding)
    assert height.smallest == height.size  # no layer of the zoo is spread out: all units see as much
    assert height.stride.denominator == 1
    return height.size, int(height.stride), height.padding


def test_the_zoo_has_golden_fields() -> None:
    """Every network that has one in architectures.json is tested below; these have to be there."""
    families = {"lenet5", "alexnet", "zfnet", "vgg16", "nin_imagenet", "googlenet", "resnet18", "resnet50"}
    assert families | {"densenet121", "fractalnet20"} <= set(golden.NETWORKS) & set(zoo.names())


@pytest.mark.parametrize("name", [name for name in zoo.names() if name in golden.FIELDS])
def test_field_of_the_last_map(name: str) -> None:
    """Before global pooling: size, stride and padding as in architectures.json; and every merge is aligned."""
    fields = receptive_fields(load(name).graph)
    assert fields.last is not None
    found = triple(fields.last)
    # Where a source leaves a number out, ours stands in: there is nothing to hold it against.
    assert found == tuple(a if b is None else b for a, b in zip(found, golden.FIELDS[name], strict=True))
    assert ENDS.get(name, fields.last.name) == fields.last.name
    assert fields.misaligned == ()


@pytest.mark.parametrize(("spec", "model"), [("alexnet", "alexnet_v2"), ("vgg11", "vgg_a"), ("vgg16", "vgg_16")])
def test_fields_of_google_research(spec: str, model: str) -> None:
    """Every endpoint of RECEPTIVE_FIELD_TABLE.md whose padding does not depend on the resolution."""
    fields = {layer.name: layer for layer in receptive_fields(load(spec).graph).layers}
    # TF-Slim numbers poolings by the convolution they follow.
    renamed = {"pool5": "pool3"} if spec == "alexnet" else {}
    endpoints = golden.endpoints(model)
    assert len(endpoints) == {"alexnet_v2": 7, "vgg_a": 13, "vgg_16": 13}[model]
    for endpoint in endpoints:
        name = endpoint.name.rpartition("/")[2]
        layer = fields[renamed.get(name, name)]
        assert triple(layer) == (endpoint.size, endpoint.stride, endpoint.padding), endpoint


@pytest.mark.parametrize(
    "spec", ["lenet5", "alexnet", "alexnet_2gpu", "zfnet", "zfnet512", "nin_imagenet", "nin_cifar10"]
)
def test_fields_of_a_table(spec: str) -> None:
    """Every convolution and pooling of a table; linear layers have no field there and are global here."""
    network = load(spec).graph
    found = zip(network.nodes, receptive_fields(network).layers, strict=True)
    ours = [layer for node, layer in found if node.op.keyword in TABLED]
    rows = [row for row in golden.table(spec) if row.name != "pool4"]  # which is global here
    for layer, row in zip(ours, rows, strict=True):
        if row.size is None:
            assert not any(isinstance(seen, Field) for seen in layer.axes)
        else:
            assert triple(layer) == (row.size, row.stride, row.padding), row


def test_fields_of_googlenets_stages() -> None:
    """Each stage of the paper's table 1, from 7/2/3 to 715/32/327."""
    layers = receptive_fields(load("googlenet").graph).layers
    for stage, row in zip(GOOGLENET_STAGES[:-1], golden.table("googlenet")[:-1], strict=True):
        last = [layer for layer in layers if layer.name == stage or layer.name.startswith(f"{stage}.")][-1]
        assert triple(last) == (row.size, row.stride, row.padding), stage
