"""Graphs of known networks as torch exports them, without weights, held against what torch counts of them.

`graphs/make.py` made them; `graphs/facts.json` holds the totals of torch (parameters, and MACs by
`torch.utils.flop_counter`) and names the versions.
"""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

import archcalc
from archcalc.errors import UsageError

GRAPHS = Path(__file__).parent / "graphs"
FACTS = json.loads((GRAPHS / "facts.json").read_text("utf-8"))
NAMES = sorted(path.name.removesuffix(".onnx.gz") for path in GRAPHS.glob("*.onnx.gz"))


def opened(name: str, folder: Path) -> archcalc.Network:
    path = folder / f"{name}.onnx"
    path.write_bytes(gzip.decompress((GRAPHS / f"{name}.onnx.gz").read_bytes()))
    return archcalc.load(path)


@pytest.mark.parametrize("name", NAMES)
def test_totals_are_those_of_torch(name: str, tmp_path: Path) -> None:
    """To the last digit, with weights that are nowhere: counting does not need them, running does."""
    network, facts = opened(name, tmp_path), FACTS[name]
    analysis = archcalc.analyse(network)
    assert (analysis.params.params, analysis.cost.macs) == (facts["params"], facts["macs"])
    assert list(network.graph.shapes[-1]) == facts["output"]
    with pytest.raises(UsageError, match=r"weights\.bin' with the tensor .* cannot be read"):
        archcalc.run(network)


WRITTEN = {
    "resnet50.script": {"conv": 53, "add": 16, "maxpool": 1, "global_avgpool": 1, "linear": 1},
    "mobilenet_v3_large.whole": {"batchnorm": 46, "hardswish": 21, "hardsigmoid": 8, "mul": 8, "global_avgpool": 9},
    "shufflenet_v2_x1_0.dynamo": {"channel_shuffle": 16, "concat": 16, "conv": 56, "reshape": 0, "permute": 0},
    "vit_b_16.script": {"scaled_dot_product_attention": 12, "layernorm": 25, "gelu": 12, "softmax": 0, "matmul": 0},
    "vit_b_16.dynamo": {"scaled_dot_product_attention": 12, "linear": 49, "parameter": 2, "constant": 0},
    "swin_t.whole": {"roll": 20, "gelu": 12, "linear": 52, "parameter": 12, "index_select": 12},
    "convnext_tiny.dynamo": {"layer_scale": 18, "layernorm": 23, "linear": 37, "gelu": 18, "mul": 0},
}


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_those_that_were_written(name: str, tmp_path: Path) -> None:
    """What exporters take apart comes back as one layer."""
    count = Counter(node.op.keyword for node in opened(name, tmp_path).graph.nodes)
    assert {word: count[word] for word in WRITTEN[name]} == WRITTEN[name]


def test_names_are_those_of_the_modules(tmp_path: Path) -> None:
    """Weights are called as torch's state dict has them, whatever of it is still in the file."""
    names = set(opened("mobilenet_v3_large.whole", tmp_path).weights or {})
    assert {
        "features.0.0.weight",
        "features.0.1.running_var",
        "features.4.block.2.fc1.bias",
        "classifier.3.weight",
    } <= names
    found = [node.name for node in opened("vit_b_16.dynamo", tmp_path).graph.nodes]
    for name in (
        "conv_proj",
        "encoder.layers.encoder_layer_3.ln_1",
        "encoder.layers.encoder_layer_3.mlp.0",
        "heads.head",
    ):
        assert name in found
