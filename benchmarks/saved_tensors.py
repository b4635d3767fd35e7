"""What training keeps for the backward pass, held against what torch's autograd keeps: bytes of one step, network by
network.

    python benchmarks/saved_tensors.py [--json FILE]

Needs torch and torchvision. Every tensor that an operation packs for its backward pass is seen by
`saved_tensors_hooks`; storages are counted once, parameters and buffers not at all. Dropout is left out on both sides:
on a CPU torch keeps its mask as floats, elsewhere as bytes. `--json` writes what torch keeps, as the tests have it.
"""

import argparse
import json
from typing import Any

import torch
import torchvision
from torch.autograd.graph import saved_tensors_hooks

import archcalc
from archcalc.analysis.saved import saved_activations
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph
from archcalc.ops import OPS

BATCH = 2
MODELS = {
    "resnet18": 224,
    "resnet50": 224,
    "resnext50_32x4d": 224,
    "densenet121": 224,
    "googlenet": 224,
    "squeezenet1_0": 224,
    "mobilenet_v2": 224,
    "mobilenet_v3_large": 224,
    "shufflenet_v2_x1_0": 224,
    "mnasnet1_0": 224,
    "efficientnet_b0": 224,
    "regnet_y_400mf": 224,
    "convnext_tiny": 224,
    "inception_v3": 299,
    "alexnet": 224,
}
SPECS = {"alexnet": "alexnet_torchvision", "googlenet": "googlenet_torchvision"}
HEADS = {"googlenet": {"aux_logits": False}, "inception_v3": {"aux_logits": False}}


def kept_by_torch(name: str, size: int) -> int:
    """The bytes of all storages that the forward pass of one training step keeps."""
    options: dict[str, Any] = HEADS.get(name, {})
    model = getattr(torchvision.models, name)(weights=None, **options).train()
    for module in model.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0
    own = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(torch.randn(BATCH, 3, size, size))  # held until all is counted: its graph holds the tensors
        total = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    del output
    return total


def without_dropout(network: InferredGraph) -> InferredGraph:
    nodes = (
        Node(node.name, OPS["identity"](), node.inputs) if node.op.keyword in ("dropout", "drop_path") else node
        for node in network.nodes
    )
    return InferredGraph(Graph(network.name, tuple(nodes)), network.shapes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    found = {name: kept_by_torch(name, size) for name, size in MODELS.items()}
    print(f"batch {BATCH}, float32, torch {torch.__version__}, torchvision {torchvision.__version__}")
    for name, theirs in found.items():
        network = without_dropout(archcalc.load(SPECS.get(name, name)).graph)
        ours = saved_activations(network, BATCH).bytes
        print(f"{name:22} {theirs:12,} torch {ours:12,} archcalc {ours - theirs:+,}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"batch": BATCH, "bytes": found}, file, indent=2)


if __name__ == "__main__":
    main()
