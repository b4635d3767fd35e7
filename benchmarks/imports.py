"""Networks of torchvision and timm, exported by both of torch's exporters, imported and held against torch.

Run it where torch, torchvision, timm, onnx and onnxruntime are installed: `python benchmarks/imports.py`, or with names
of networks behind it (`resnet50`, `timm:deit_tiny_patch16_224`, `seg:fcn_resnet50`). For each export it prints

- params against torch's own, and what is missing of them: batch norm that the exporter folds into convolutions, and
  tables of positions that it stores gathered, are not in the file any more (`whole` is an export that folds nothing);
- MACs against half of what `torch.utils.flop_counter` counts, with attention by its plain products;
- how many of the shapes that onnx infers for the values of the file differ from ours;
- how far the output is from onnxruntime's, relative to its largest value.
"""

import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import archcalc
from archcalc.formats.importer.lowering import Lowering
from archcalc.formats.importer.onnx_program import to_program
from archcalc.formats.importer.opened import whole_shapes
from archcalc.formats.importer.walk import lower_operation
from archcalc.formats.onnx_file import read_model

NETWORKS = (
    *("alexnet", "googlenet", "densenet121", "inception_v3", "shufflenet_v2_x1_0", "mobilenet_v3_large"),
    *("efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "vit_b_16", "swin_t", "resnet50", "squeezenet1_0"),
    *("mnasnet1_0", "vgg16_bn", "resnext50_32x4d", "seg:deeplabv3_mobilenet_v3_large", "seg:fcn_resnet50"),
    *("seg:lraspp_mobilenet_v3_large", "timm:mobilevit_s", "timm:levit_128s", "timm:coat_tiny", "timm:ghostnet_100"),
    *(
        "timm:efficientformer_l1",
        "timm:dm_nfnet_f0",
        "timm:repvgg_a0",
        "timm:poolformer_s12",
        "timm:xcit_nano_12_p16_224",
    ),
    *("timm:deit_tiny_patch16_224", "timm:mixer_s16_224", "timm:hrnet_w18_small", "timm:dla34", "timm:tresnet_m"),
    *(
        "timm:res2net50_14w_8s",
        "timm:cspdarknet53",
        "timm:convmixer_768_32",
        "timm:edgenext_x_small",
        "timm:fastvit_t8",
    ),
    *("timm:swinv2_tiny_window8_256", "timm:tnt_s_patch16_224", "timm:pvt_v2_b0", "timm:gcvit_xxtiny"),
)
EXPORTS = ("script", "whole", "dynamo")


def network(name: str) -> torch.nn.Module:
    """With numbers of its own everywhere: fresh networks hide what ones and zeros hide."""
    family, _, rest = name.rpartition(":")
    torch.manual_seed(0)
    if family == "timm":
        import timm

        made = timm.create_model(rest)
    elif family == "seg":
        made = getattr(torchvision.models.segmentation, rest)(weights=None, weights_backbone=None)
    else:
        more = {"init_weights": False} if rest in ("googlenet", "inception_v3") else {}
        made = getattr(torchvision.models, rest)(weights=None, **more)
    for key, array in [*made.named_buffers(), *made.named_parameters()]:
        if array.dtype != torch.float32:
            continue
        if key.endswith("running_var"):
            array.data.uniform_(0.5, 1.5)
        elif key.endswith("running_mean") or bool((array == 0).all()):
            array.data.normal_(0, 0.05)
        elif bool((array == array.flatten()[0]).all()) and array.numel() > 1:
            array.data.mul_(torch.empty_like(array).uniform_(0.75, 1.25))
    return made.eval()


def counted(made: torch.nn.Module, x: torch.Tensor) -> int:
    """MACs by torch, which has no count for its fused kernels of attention."""
    torch.backends.mha.set_fastpath_enabled(False)
    learned = [array for array in made.parameters() if array.requires_grad]
    for array in learned:  # the counter stumbles over parameters that are inputs of modules
        array.requires_grad_(False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        made(x)
    for array in learned:
        array.requires_grad_(True)
    return int(counter.get_total_flops() // 2)


def exported(made: torch.nn.Module, x: torch.Tensor, how: str, path: str) -> None:
    if how == "dynamo":
        torch.onnx.export(made, (x,), path, dynamo=True, verbose=False)
        return
    folded: dict[str, Any] = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    torch.onnx.export(made, (x,), path, dynamo=False, **(folded if how == "whole" else {}))


def other_shapes(path: str) -> int:
    """How many values have another shape here than in the file, or than onnx infers."""
    program = to_program(read_model(path))
    shapes, count = whole_shapes(program, None)
    lowering = Lowering(program, shapes, count)
    for operation in program.operations:
        lower_operation(lowering, operation)
    inferred = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    differ = 0
    for value in (*inferred.value_info, *inferred.output):
        sizes = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        mine = lowering.values.get(value.name)
        known = value.type.tensor_type.HasField("shape") and 0 not in sizes and mine is not None
        differ += known and mine is not None and tuple(sizes) != mine.shape
    return differ


def row(name: str, made: torch.nn.Module, x: torch.Tensor, macs: int, how: str, folder: str) -> str:
    path = str(Path(folder) / "model.onnx")
    try:
        exported(made, x, how, path)
    except Exception as error:  # what torch cannot export is not ours to judge
        return f"{name:34} {how:7} not exported: {type(error).__name__}"
    found = archcalc.load(path)
    analysis, params = archcalc.analyse(found), sum(p.numel() for p in made.parameters() if p.requires_grad)
    if found.graph.unknown:
        return f"{name:34} {how:7} unknown: {', '.join(sorted({node.op.title for node in found.graph.unknown}))}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options)
    expected = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    output = archcalc.run(found, x.numpy(), timed=False).output
    error = float(np.abs(output.reshape(expected.shape) - expected).max() / np.abs(expected).max())
    sizes = f"{analysis.params.params:>12,} {analysis.params.params - params:>+11,} {analysis.cost.macs:>15,}"
    return f"{name:34} {how:7} {sizes} {analysis.cost.macs - macs:>+10,} {other_shapes(path):>6} {error:8.1e}"


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, onnx {onnx.__version__}")
    head = f"{'params':>12} {'− torch':>11} {'MACs':>15} {'− torch':>10} {'shapes':>6} {'output':>8}"
    print(f"{'network':34} {'export':7} {head}")
    for name in sys.argv[1:] or NETWORKS:
        made = network(name)
        size = getattr(made, "default_cfg", {}).get(
            "input_size", (3, 299, 299) if name == "inception_v3" else (3, 224, 224)
        )
        x = torch.randn(1, *size, generator=torch.Generator().manual_seed(1))
        macs = counted(made, x)
        for how in EXPORTS:
            with tempfile.TemporaryDirectory() as folder:
                print(row(name, made, x, macs, how, folder), flush=True)


if __name__ == "__main__":
    main()
