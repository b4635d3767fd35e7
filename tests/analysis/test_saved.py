"""What training keeps: against torch's autograd to the byte, by hand for single layers, laws for any network."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

import archcalc
from archcalc.analysis.saved import SavedTensor, saved_activations, storage_owners
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph
from archcalc.ops import OPS

from .strategies import networks

MEASURED = json.loads((Path(__file__).parents[1] / "reference_data/saved_tensors.json").read_text("utf-8"))
SPECS = {"alexnet": "alexnet_torchvision", "googlenet": "googlenet_torchvision"}


def without_dropout(network: InferredGraph) -> InferredGraph:
    """torch's figures are of networks whose dropout passes everything."""
    nodes = (
        Node(node.name, OPS["identity"](), node.inputs) if node.op.keyword in ("dropout", "drop_path") else node
        for node in network.nodes
    )
    return InferredGraph(Graph(network.name, tuple(nodes)), network.shapes)


@pytest.mark.parametrize("name", MEASURED["bytes"])
def test_bytes_that_torch_keeps(name: str) -> None:
    """Measured by saved_tensors_hooks in torch 2.14.1 and torchvision 0.29.1 (benchmarks/saved_tensors.py)."""
    network = without_dropout(archcalc.load(SPECS.get(name, name)).graph)
    assert saved_activations(network, MEASURED["batch"]).bytes == MEASURED["bytes"][name]


def kept(*layers: str, batch: int = 2, dtype: str = "float32") -> list[tuple[str, str, int]]:
    """Layer, extra and bytes of all that a small network keeps."""
    text = "\n".join(
        ("archcalc: 1", "name: tiny", "input: [4, 6, 6]", "layers:", *(f"  - {layer}" for layer in layers))
    )
    found = saved_activations(archcalc.loads(text).graph, batch, dtype)
    return [(tensor.layer, tensor.extra, tensor.bytes) for tensor in found.tensors]


MAP = 2 * 4 * 36 * 4  # bytes of 4×6×6 floats of two samples


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["relu"], [("relu", "", MAP)]),
        (["gelu"], [("input", "", MAP)]),
        (["dropout: {p: 0.5}"], [("dropout", "mask", 2 * 144)]),
        (["dropout: {p: 0.0}"], []),
        (["drop_path: {p: 0.2}"], [("drop_path", "kept", 2 * 4)]),
        (["batchnorm"], [("input", "", MAP), ("batchnorm", "mean and 1/deviation", 2 * 4 * 4)]),
        (["groupnorm: {num_groups: 2}"], [("input", "", MAP), ("groupnorm", "mean and 1/deviation", 2 * 2 * 2 * 4)]),
        (["maxpool: {kernel_size: 2}"], [("input", "", MAP), ("maxpool", "indices", 2 * 4 * 9 * 8)]),
        (["global_avgpool"], []),
        (["sigmoid: {name: a}", "mul: {inputs: [input, a]}"], [("input", "", MAP), ("a", "", MAP)]),
        (["sigmoid: {name: a}", "add: {inputs: [input, a]}"], [("a", "", MAP)]),
        (["relu: {name: a}", "flatten", "linear: {out_features: 3}"], [("a", "", MAP)]),
        (["gelu: {name: a}", "slice: {start: 1}", "gelu"], [("input", "", MAP), ("a", "", MAP)]),
        (
            [
                "relu: {name: a}",
                "sigmoid: {name: b, inputs: [a]}",
                "tanh: {name: c, inputs: [a]}",
                "mul: {inputs: [a, b, c]}",
            ],
            [("a", "", MAP), ("b", "", MAP), ("c", "", MAP), ("mul", "joined so far", MAP)],
        ),
    ],
    ids=str,
)
def test_single_layers(layers: list[str], expected: list[tuple[str, str, int]]) -> None:
    assert sorted(kept(*layers)) == sorted(expected)


def test_statistics_stay_in_single_precision() -> None:
    """torch keeps mean and 1/deviation in float32 under half precision; values are half as large."""
    assert kept("batchnorm", dtype="float16") == [("input", "", MAP // 2), ("batchnorm", "mean and 1/deviation", 32)]


def test_weights_are_not_kept_twice() -> None:
    assert kept("parameter: {name: p, shape: [4, 6, 6], inputs: []}", "mul: {inputs: [input, p]}") == [
        ("input", "", MAP)
    ]


@settings(max_examples=60, deadline=None)
@given(networks())
def test_laws(network: InferredGraph) -> None:
    """Each tensor once; proportional to the batch but for what is kept once a batch; views keep what they look at."""
    found = saved_activations(network, 3)
    seen = [(tensor.layer, tensor.extra) for tensor in found.tensors]
    assert len(set(seen)) == len(seen)
    owners = storage_owners(network)
    names = {node.name: position for position, node in enumerate(network.nodes)}
    assert all(owners[names[tensor.layer]] == names[tensor.layer] for tensor in found.tensors if not tensor.extra)

    def of(batch: int) -> dict[tuple[str, str], SavedTensor]:
        return {(tensor.layer, tensor.extra): tensor for tensor in saved_activations(network, batch).tensors}

    one, two = of(1), of(2)
    for key, tensor in two.items():
        assert tensor.bytes in (2 * one[key].bytes, one[key].bytes)
        assert tensor.bytes == 2 * one[key].bytes or tensor.extra
