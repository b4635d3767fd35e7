"""What we write as ONNX and read again: layers keep their names, weights and what they are, however often."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from ops.cases import Sample, each
from ops.samples import SAMPLES

from archcalc.analysis.params import count_params
from archcalc.formats.importer.model import open_model
from archcalc.formats.onnx_export import save_onnx
from archcalc.forward.weights import stored
from archcalc.infer import InferredGraph
from archcalc.network import load
from archcalc.ops import Softplus

from .sources import around

GRAPHS = Path(__file__).parent / "graphs"
KEPT = ("conv", "linear", "batchnorm", "relu", "maxpool", "concat", "add", "parameter", "input")
ZOO = ("googlenet", "lenet5_paper", "nin_cifar10", "shufflenet_v2_x0_5", "squeezenet1_0")
TORCH = ("convnext_tiny.dynamo", "mobilenet_v3_large.whole", "shufflenet_v2_x1_0.dynamo", "swin_t.whole")


def again(network: InferredGraph, folder: Path, batch: int | None) -> InferredGraph:
    """The network of the file that the network is written to."""
    path = str(folder / f"{network.name}.onnx")
    weights = {
        name: np.arange(weight.count, dtype=np.float32).reshape(weight.shape) for name, _, weight in stored(network)
    }
    save_onnx(path, network, weights, batch)
    return open_model(path).graph


def same(one: InferredGraph, other: InferredGraph) -> bool:
    return one.shapes == other.shapes and [(n.name, n.op, n.inputs, n.shares) for n in one.nodes] == [
        (n.name, n.op, n.inputs, n.shares) for n in other.nodes
    ]


def check(network: InferredGraph, folder: Path, batch: int | None = 1) -> InferredGraph:
    """The first time a layer may become several, or another that computes the same; then nothing changes any more."""
    first = again(network, folder, batch)
    assert count_params(first).params == count_params(network).params
    second = again(first, folder, batch)
    assert same(second, again(second, folder, batch))
    return first


def written_without_comparison(case: Sample) -> bool:
    """A softplus that is cut off below where it is its asymptote is nothing that reads as one layer again."""
    return not isinstance(case.op, Softplus) or case.op.threshold >= 20


@each([sample for sample in SAMPLES if sample.op.keyword != "input" and written_without_comparison(sample)])
def test_operators(case: Sample, tmp_path: Path) -> None:
    check(around(case), tmp_path)


@pytest.mark.parametrize("name", ZOO)
def test_networks(name: str, tmp_path: Path) -> None:
    network = load(name).graph
    first = check(network, tmp_path, None)
    assert {node.name for node in first.nodes} >= {node.name for node in network.nodes if node.op.keyword in KEPT}


@pytest.mark.parametrize("name", TORCH)
def test_networks_of_torch(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(gzip.decompress((GRAPHS / f"{name}.onnx.gz").read_bytes()))
    network = open_model(str(path)).graph
    assert same(network, check(network, tmp_path))
