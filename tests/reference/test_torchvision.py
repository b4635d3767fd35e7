"""The zoo against torchvision itself, layer by layer, where it is installed: `pip install torch torchvision`.

Nothing is computed there: the models stand on torch's meta device, which has shapes and no values. What torchvision
applies as a function leaves no module: poolings are therefore caught where they are called.
"""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from archcalc.analysis.cost import count_operations
from archcalc.analysis.params import count_params
from archcalc.infer import InferredGraph
from archcalc.network import load
from archcalc.spec import zoo

torch = pytest.importorskip("torch")
models = pytest.importorskip("torchvision").models
nn = torch.nn


NONE: Mapping[str, Any] = MappingProxyType({})


class Pair(NamedTuple):
    """A spec, with other values of its variables where there are any, and how torchvision builds the same."""

    spec: str
    builder: str
    arguments: Mapping[str, Any] = NONE
    variables: Mapping[str, Any] = NONE
    resolution: int = 0


SAME_NAME = (
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
    *("densenet121", "densenet161", "densenet169", "densenet201", "squeezenet1_0", "squeezenet1_1"),
    *("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet1_0"),
    *("shufflenet_v2_x1_0", "shufflenet_v2_x0_5", "efficientnet_b0", "regnet_x_400mf", "regnet_y_400mf"),
    *("convnext_tiny", "vit_b_16"),
)
NO_INIT = {"init_weights": False}
OTHER_NAME = (
    Pair("alexnet_torchvision", "alexnet"),
    Pair("googlenet_torchvision", "googlenet", {"aux_logits": False, **NO_INIT}),
    Pair("inception_v3", "inception_v3", {"aux_logits": False, **NO_INIT}),
    Pair("inception_v3_aux", "inception_v3", {"aux_logits": True, **NO_INIT}),
)
# The rest of each family, by the variables of its spec.
FAMILIES = (
    Pair("mobilenet_v2", "mobilenet_v2", {"width_mult": 0.35}, {"width": 0.35}),
    Pair("mobilenet_v2", "mobilenet_v2", {"width_mult": 1.4}, {"width": 1.4}),
    Pair("mobilenet_v3_large", "mobilenet_v3_large", {"width_mult": 0.75}, {"width": 0.75}),
    Pair("mobilenet_v3_small", "mobilenet_v3_small", {"width_mult": 0.5}, {"width": 0.5}),
    Pair("mnasnet1_0", "mnasnet0_5", NONE, {"alpha": 0.5}),
    Pair("mnasnet1_0", "mnasnet0_75", NONE, {"alpha": 0.75}),
    Pair("mnasnet1_0", "mnasnet1_3", NONE, {"alpha": 1.3}),
    Pair("shufflenet_v2_x1_0", "shufflenet_v2_x1_5", NONE, {"widths": [24, 176, 352, 704, 1024]}),
    Pair("shufflenet_v2_x1_0", "shufflenet_v2_x2_0", NONE, {"widths": [24, 244, 488, 976, 2048]}),
    Pair("efficientnet_b0", "efficientnet_b1", NONE, {"width": 1.0, "depth": 1.1}, 240),
    Pair("efficientnet_b0", "efficientnet_b2", NONE, {"width": 1.1, "depth": 1.2}, 260),
    Pair("efficientnet_b0", "efficientnet_b3", NONE, {"width": 1.2, "depth": 1.4}, 300),
    Pair("efficientnet_b0", "efficientnet_b4", NONE, {"width": 1.4, "depth": 1.8}, 380),
    Pair("efficientnet_b0", "efficientnet_b5", NONE, {"width": 1.6, "depth": 2.2}, 456),
    Pair("efficientnet_b0", "efficientnet_b6", NONE, {"width": 1.8, "depth": 2.6}, 528),
    Pair("efficientnet_b0", "efficientnet_b7", NONE, {"width": 2.0, "depth": 3.1}, 600),
    Pair(
        "regnet_x_400mf",
        "regnet_x_8gf",
        NONE,
        {"depths": [2, 5, 15, 1], "widths": [80, 240, 720, 1920], "group_width": 120},
    ),
    Pair(
        "regnet_y_400mf",
        "regnet_y_8gf",
        NONE,
        {"depths": [2, 4, 10, 1], "widths": [224, 448, 896, 2016], "group_width": 56},
    ),
    Pair("convnext_tiny", "convnext_small", NONE, {"depths": [3, 3, 27, 3]}),
    Pair("convnext_tiny", "convnext_base", NONE, {"depths": [3, 3, 27, 3], "width": 128}),
    Pair("convnext_tiny", "convnext_large", NONE, {"depths": [3, 3, 27, 3], "width": 192}),
    Pair("vit_b_16", "vit_b_32", NONE, {"patch": 32}),
    Pair("vit_b_16", "vit_l_16", NONE, {"dim": 1024, "depth": 24, "heads": 16, "mlp": 4096}),
    Pair("vit_b_16", "vit_h_14", NONE, {"patch": 14, "dim": 1280, "depth": 32, "heads": 16, "mlp": 5120}),
    Pair("vit_b_16", "vit_b_16", {"image_size": 384}, {"image": 384}),
)
PAIRS = (*(Pair(name, name) for name in SAME_NAME), *OTHER_NAME, *FAMILIES)


class Layer(NamedTuple):
    """Everything that is compared of a layer; `place` is where it stands, for messages."""

    kind: str
    shape: tuple[int, ...]
    params: int
    macs: int
    place: str

    def same(self, other: "Layer") -> bool:
        return self[:-1] == other[:-1]


# A 1×1 convolution and a linear layer on channels are one thing: ConvNeXt is written in either way.
KINDS = {
    "conv": "product",
    "linear": "product",
    "multihead_attention": "attention",
    "batchnorm": "batchnorm",
    "layernorm": "layernorm",
    "maxpool": "maxpool",
    "avgpool": "avgpool",
    "adaptive_avgpool": "adaptive",
    "global_avgpool": "adaptive",
}
MODULES: dict[type, str] = {
    nn.Conv2d: "product",
    nn.Linear: "product",
    nn.MultiheadAttention: "attention",
    nn.BatchNorm2d: "batchnorm",
    nn.LayerNorm: "layernorm",
}
POOLINGS: dict[Callable[..., Any], str] = {
    nn.functional.max_pool2d: "maxpool",
    nn.functional.avg_pool2d: "avgpool",
    nn.functional.adaptive_avg_pool2d: "adaptive",
    torch.Tensor.mean: "adaptive",
}


@pytest.mark.parametrize(
    "pair",
    [pytest.param(pair, id=f"{pair.spec}-{pair.builder}") for pair in PAIRS if pair.spec in zoo.names()],
)
def test_every_layer_of_torchvision(pair: Pair) -> None:
    """Kind, output shape, parameters and MACs of every layer with parameters and of every pooling; then all in all."""
    changes = {f"vars.{name}": value for name, value in pair.variables.items()}
    size = (3, pair.resolution, pair.resolution) if pair.resolution else None
    network = load(pair.spec, size, changes).graph
    model = built(pair)
    theirs, macs = run(model, network.input_shape)
    ours = list(layers(network))
    for our, their in zip(ours, theirs, strict=False):
        assert our.same(their), (our, their)
    assert len(ours) == len(theirs)
    assert count_params(network).params == sum(parameter.numel() for parameter in model.parameters())
    assert count_operations(network).macs == sum(layer.macs for layer in theirs) == macs


def layers(network: InferredGraph) -> Iterator[Layer]:
    """Our layers; `parameter` and `layer_scale` are no modules there, and only in the totals."""
    params, cost = count_params(network), count_operations(network)
    for position, (node, shape) in enumerate(zip(network.nodes, network.shapes, strict=True)):
        kind = KINDS.get(node.op.keyword)
        if kind is None or (kind == "adaptive" and network.shapes[node.inputs[0]] == shape):
            continue
        yield Layer(kind, shape, params.layers[position].params, cost.layers[position].macs, node.name)


def built(pair: Pair) -> Any:
    """torchvision's model without values, in eval mode; an auxiliary head runs only where the model is training."""
    # RegNet works its widths out in tensors, which needs values.
    with torch.device("cpu" if pair.builder.startswith("regnet") else "meta"):
        model = getattr(models, pair.builder)(**pair.arguments)
    model.to("meta").eval()
    model.training = bool(pair.arguments.get("aux_logits"))
    return model


def run(model: Any, shape: tuple[int, ...]) -> tuple[list[Layer], int]:
    """torchvision's layers in the order in which they run, and the MACs that torch counts itself."""
    found: list[Layer] = []
    for name, module in model.named_modules():
        kind = next((kind for of, kind in MODULES.items() if isinstance(module, of)), None)
        if kind is not None:
            module.register_forward_hook(hook(kind, name, found))
    counter = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode(display=False)
    with torch.no_grad(), counter, Poolings(found):
        model(torch.zeros(1, *shape, device="meta"))
    return found, counter.get_total_flops() // 2


def hook(kind: str, name: str, found: list[Layer]) -> Callable[..., None]:
    """A hook that notes a module when it runs."""

    def note(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        shape = tuple(output[0].shape[1:] if kind == "attention" else output.shape[1:])
        macs = module_macs(module, shape)
        if type(module) in (nn.LayerNorm, nn.Linear) and len(shape) == 3:  # ConvNeXt has channels last within blocks
            shape = (shape[-1], *shape[:-1])
        found.append(Layer(kind, shape, sum(parameter.numel() for parameter in module.parameters()), macs, name))

    return note


def module_macs(module: Any, shape: tuple[int, ...]) -> int:
    """One for each weight at each output position; for attention the four projections and the two products."""
    if isinstance(module, nn.MultiheadAttention):
        tokens, features = shape
        return 4 * tokens * features**2 + 2 * tokens**2 * features
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        return int(prod(shape) * prod(module.weight.shape[1:]))
    return 0


class Poolings(torch.overrides.TorchFunctionMode):
    """Notes every pooling when it is called, by a module or not; one that keeps the shape does nothing."""

    def __init__(self, found: list[Layer]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        kind = POOLINGS.get(func)
        if kind is not None:
            shape = tuple(output.shape[1:])
            shape += (1,) * (args[0].dim() - output.dim())  # a mean drops the axes that it has taken
            if kind != "adaptive" or shape != tuple(args[0].shape[1:]):
                self.found.append(Layer(kind, shape, 0, 0, str(func)))
        return output
