"""Graphs of torchvision's networks without their weights, and what torch counts of them.

Needs torch, torchvision and onnx: `PYTHONPATH=. python tests/formats/graphs/make.py`. Weights become external data of a
file that is not there, and the exporter's notes on where code lies are left out: what stays is a few kilobytes.
"""

import gzip
import json
import logging
import tempfile
import warnings
from pathlib import Path

import onnx
import torch
import torchvision

from benchmarks.imports import counted, exported, network

HERE = Path(__file__).parent
GRAPHS = (
    *(("resnet50", "script"), ("mobilenet_v3_large", "whole"), ("shufflenet_v2_x1_0", "dynamo")),
    *(("vit_b_16", "script"), ("vit_b_16", "dynamo"), ("swin_t", "whole"), ("convnext_tiny", "dynamo")),
)
KEPT = ("pkg.torch.onnx.name_scopes", "pkg.onnxscript.optimizer.folded_from")


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model without the values of its weights: those that shapes are worked out with stay."""
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) > 256 and tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights.bin")
    for noted in (*model.graph.node, *model.graph.value_info):
        kept = [entry for entry in noted.metadata_props if entry.key in KEPT]
        del noted.metadata_props[:]
        noted.metadata_props.extend(kept)
    return model


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    facts: dict[str, object] = {"source": f"torch {torch.__version__}, torchvision {torchvision.__version__}"}
    for name, how in GRAPHS:
        made, x = network(name), torch.zeros(1, 3, 224, 224)
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "model.onnx")
            exported(made, x, how, path)
            model = bare(onnx.load(path))
        (HERE / f"{name}.{how}.onnx.gz").write_bytes(gzip.compress(model.SerializeToString(), 9, mtime=0))
        with torch.no_grad():
            output = list(made(x).shape[1:])
        norms = [m for m in made.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        params = sum(array.numel() for array in made.parameters())
        # Folded into its convolution, which had no bias, a norm leaves one number a channel of two.
        left = params if how == "whole" else params - sum(norm.num_features for norm in norms)
        facts[f"{name}.{how}"] = {"params": left, "macs": counted(made, x), "output": output}
    (HERE / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
