"""Any network run by others, with our weights: torch in eager mode and onnxruntime.

torch runs node by node in inference mode as people run a model after `model.eval()`: nothing is folded, activations and
shortcuts work in place where nothing else reads their input (torchvision's `inplace=True` and `out += identity`), an
output is freed after its last use, and nothing is copied that need not be. With `channels_last`, maps and filters lie
in that order.
"""

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy.typing as npt

from archcalc.graph import Node
from archcalc.infer import InferredGraph
from archcalc.ops.base import Shape, Shapes, axis_of, both_sides, spread
from archcalc.ops.conv import sides

Array = npt.NDArray[Any]
Step = Callable[..., Any]

# What gives memory of its own, which the only one that reads it may write over; others may pass on a view.
FRESH = frozenset(
    ("conv", "conv_transpose", "linear", "matmul", "multihead_attention", "maxpool", "avgpool", "add", "mul", "concat")
) | {"batchnorm", "layernorm", "groupnorm", "lrn", "layer_scale", "relu", "relu6", "silu", "hardswish"}


class Site(NamedTuple):
    """Where an operator stands: shapes without the batch, weights, and which of its inputs it may write over."""

    shapes: Shapes
    output: Shape
    weights: Mapping[str, Any]
    batch: int
    writable: tuple[bool, ...]

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.shapes[0]) - 1


def torch_eager(
    network: InferredGraph, weights: Mapping[str, Array], batch: int = 1, channels_last: bool = False
) -> Callable[[Any], Any]:
    """A function from the input tensor (batch first, laid out as asked for) to the output tensor."""
    import torch

    def laid_out(name: str, array: Array) -> Any:
        tensor = torch.from_numpy(array)
        last = channels_last and tensor.dim() == 4 and name == "weight"
        return tensor.contiguous(memory_format=torch.channels_last) if last else tensor

    owners: dict[int, dict[str, Any]] = {}  # what is shared is laid out once
    for position, node in enumerate(network.nodes):
        stated = network.weights(position) if node.shares is None else ()
        owners[position] = {w.name: laid_out(w.name, weights[f"{node.name}.{w.name}"]) for w in stated}
    last, readers = network.graph.last_uses(), _readers(network)
    program = []
    for position, node in enumerate(network.nodes):
        if node.op.keyword == "input":
            continue
        stored = owners[position if node.shares is None else node.shares]
        writable = tuple(readers[producer] == 1 and _owns(network.nodes[producer]) for producer in node.inputs)
        site = Site(network.inputs(node), network.shapes[position], stored, batch, writable)
        dead = tuple({producer for producer in node.inputs if last[producer] == position})
        program.append((position, STEPS[node.op.keyword](node.op, site), node.inputs, dead))
    source = next(position for position, node in enumerate(network.nodes) if node.op.keyword == "input")

    def run(x: Any) -> Any:
        values = [None] * len(network.nodes)
        values[source] = x
        with torch.inference_mode():
            for position, step, inputs, dead in program:
                values[position] = step(*[values[producer] for producer in inputs])
                for producer in dead:
                    values[producer] = None
        return values[-1]

    return run


def _readers(network: InferredGraph) -> list[int]:
    """How often each output is read, by the caller too."""
    readers = [0] * len(network.nodes)
    for node in network.nodes:
        for producer in node.inputs:
            readers[producer] += 1
    readers[-1] += 1
    return readers


def _owns(node: Node) -> bool:
    """Whether its output is memory of its own; a join of a single input passes that on."""
    return node.op.keyword in FRESH and (node.op.keyword not in ("add", "mul") or len(node.inputs) > 1)


def onnxruntime_session(path: str, threads: int) -> Callable[[Array], Array]:
    """A function that runs a stored model, at the optimisation level and the settings that onnxruntime comes with."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()

    def run(x: Array) -> Array:
        (output,) = session.run(None, {source.name: x})
        return output

    return run


def _functional(name: str, rank: int = 0) -> Step:
    """A function of torch.nn.functional, of `rank` axes where there is one for each number of them."""
    import torch.nn.functional

    return getattr(torch.nn.functional, f"{name}{rank}d" if rank else name)


def _conv(op: Any, site: Site) -> Step:
    function, weight, bias = _functional("conv", site.rank), site.weights["weight"], site.weights.get("bias")
    stride, dilation = spread(op.stride, site.rank), spread(op.dilation, site.rank)
    pads, padding = _split_padding(sides(op, site.shapes))
    return _padded(pads, 0.0, lambda x: function(x, weight, bias, stride, padding, dilation, op.groups))


def _conv_transpose(op: Any, site: Site) -> Step:
    function, weight, bias = _functional("conv_transpose", site.rank), site.weights["weight"], site.weights.get("bias")
    stride, dilation = spread(op.stride, site.rank), spread(op.dilation, site.rank)
    padding, extra = spread(op.padding, site.rank), spread(op.output_padding, site.rank)
    return lambda x: function(x, weight, bias, stride, padding, extra, op.groups, dilation)


def _split_padding(pads: tuple[tuple[int, int], ...]) -> tuple[list[int], tuple[int, ...]]:
    """What has to be put around first, in the order of F.pad, and what the function itself can pad."""
    if all(before == after for before, after in pads):
        return [], tuple(before for before, _ in pads)
    return [side for pair in reversed(pads) for side in pair], (0,) * len(pads)


def _padded(pads: list[int], value: float, function: Step) -> Step:
    if not pads:
        return function
    pad = _functional("pad")
    return lambda x: function(pad(x, pads, value=value))


def _maxpool(op: Any, site: Site) -> Step:
    function, (kernel, stride) = _functional("max_pool", site.rank), _kernel_and_stride(op, site)
    pads, padding = _split_padding(both_sides(op.padding, site.rank))
    dilation = spread(op.dilation, site.rank)
    return _padded(pads, -math.inf, lambda x: function(x, kernel, stride, padding, dilation, op.ceil_mode))


def _avgpool(op: Any, site: Site) -> Step:
    function, (kernel, stride) = _functional("avg_pool", site.rank), _kernel_and_stride(op, site)
    pads, padding = _split_padding(both_sides(op.padding, site.rank))
    if pads and not op.count_include_pad:
        raise NotImplementedError("torch cannot leave uneven padding out of a mean")
    return _padded(pads, 0.0, lambda x: function(x, kernel, stride, padding, op.ceil_mode, op.count_include_pad))


def _kernel_and_stride(op: Any, site: Site) -> tuple[tuple[int, ...], tuple[int, ...]]:
    kernel = spread(op.kernel_size, site.rank)
    return kernel, kernel if op.stride == "kernel_size" else spread(op.stride, site.rank)


def _adaptive(name: str) -> Callable[[Any, Site], Step]:
    def made(op: Any, site: Site) -> Step:
        function, size = _functional(name, site.rank), site.output[1:]
        return lambda x: function(x, size)

    return made


def _linear(op: Any, site: Site) -> Step:
    function, weight, bias = _functional("linear"), site.weights["weight"], site.weights.get("bias")
    return lambda x: function(x, weight, bias)


def _matmul(op: Any, site: Site) -> Step:
    return lambda a, b: a @ b


def _attention(op: Any, site: Site) -> Step:
    linear, attend = _functional("linear"), _functional("scaled_dot_product_attention")
    matrix, bias = site.weights["in_proj_weight"], site.weights.get("in_proj_bias")
    matrices, biases = matrix.chunk(3), (None,) * 3 if bias is None else bias.chunk(3)
    weight, shift = site.weights["out_proj.weight"], site.weights.get("out_proj.bias")

    def heads(x: Any) -> Any:
        return x.unflatten(-1, (op.num_heads, -1)).transpose(1, 2)

    def run(*tokens: Any) -> Any:
        if len(tokens) == 1:
            projected = linear(tokens[0], matrix, bias).chunk(3, dim=-1)
        else:
            projected = [linear(*terms) for terms in zip(tokens, matrices, biases, strict=True)]
        mixed = attend(*(heads(x) for x in projected))
        return linear(mixed.transpose(1, 2).flatten(2), weight, shift)

    return run


def _batchnorm(op: Any, site: Site) -> Step:
    stored = site.weights
    mean, variance, weight, bias = (stored.get(name) for name in ("running_mean", "running_var", "weight", "bias"))
    if not op.track_running_stats:  # the statistics of each sample, as if it were a batch
        normalise = _functional("instance_norm")
        return lambda x: normalise(x, weight=weight, bias=bias, eps=op.eps)
    function = _functional("batch_norm")
    return lambda x: function(x, mean, variance, weight, bias, False, 0.0, op.eps)


def _layernorm(op: Any, site: Site) -> Step:
    function, weight, bias = _functional("layer_norm"), site.weights.get("weight"), site.weights.get("bias")
    if op.dim is None:
        sizes = op.normalized_shape if isinstance(op.normalized_shape, tuple) else site.shapes[0][-1:]
        return lambda x: function(x, sizes, weight, bias, op.eps)
    along = 1 + axis_of(op.dim, len(site.shapes[0]))
    sizes = site.shapes[0][along - 1 : along]
    return lambda x: function(x.movedim(along, -1), sizes, weight, bias, op.eps).movedim(-1, along)


def _groupnorm(op: Any, site: Site) -> Step:
    function, weight, bias = _functional("group_norm"), site.weights.get("weight"), site.weights.get("bias")
    return lambda x: function(x, op.num_groups, weight, bias, op.eps)


def _lrn(op: Any, site: Site) -> Step:
    function = _functional("local_response_norm")
    return lambda x: function(x, op.size, op.alpha, op.beta, op.k)


def _layer_scale(op: Any, site: Site) -> Step:
    rank = len(site.shapes[0])
    gamma = site.weights["gamma"].reshape(-1, *(1 for _ in range(rank - 1 - axis_of(op.dim, rank))))
    return lambda x: x * gamma


def _activation(name: str) -> Callable[[Any, Site], Step]:
    """One that can write over its input."""

    def made(op: Any, site: Site) -> Step:
        function, inplace = _functional(name), site.writable[0]
        return lambda x: function(x, inplace=inplace)

    return made


def _leaky_relu(op: Any, site: Site) -> Step:
    function, inplace = _functional("leaky_relu"), site.writable[0]
    return lambda x: function(x, op.negative_slope, inplace)


def _prelu(op: Any, site: Site) -> Step:
    function, weight = _functional("prelu"), site.weights["weight"]
    return lambda x: function(x, weight)


def _method(name: str) -> Callable[[Any, Site], Step]:
    """An activation that is a method of tensors, and writes over its input under the same name with `_`."""

    def made(op: Any, site: Site) -> Step:
        import torch

        return getattr(torch.Tensor, f"{name}_" if site.writable[0] else name)

    return made


def _gelu(op: Any, site: Site) -> Step:
    function = _functional("gelu")
    return lambda x: function(x, approximate=op.approximate)


def _softmax(op: Any, site: Site) -> Step:
    dim = 1 + axis_of(op.dim, len(site.shapes[0]))
    return lambda x: x.softmax(dim)


def _nothing(op: Any, site: Site) -> Step:
    return lambda x: x


def _add(op: Any, site: Site) -> Step:
    """Two maps are added in place where one may be written over and has the shape of the sum."""
    if len(site.shapes) != 2:
        return lambda *xs: reduce(lambda a, b: a + b, xs)
    left, right = (
        writable and shape == site.output for writable, shape in zip(site.writable, site.shapes, strict=True)
    )
    if left:
        return lambda a, b: a.add_(b)
    return (lambda a, b: b.add_(a)) if right else (lambda a, b: a + b)


def _mul(op: Any, site: Site) -> Step:
    return lambda *xs: reduce(lambda a, b: a * b, xs)


def _mean(op: Any, site: Site) -> Step:
    return lambda *xs: reduce(lambda a, b: a + b, xs) / len(xs)


def _max(op: Any, site: Site) -> Step:
    import torch

    return lambda *xs: reduce(torch.maximum, xs)


def _concat(op: Any, site: Site) -> Step:
    import torch

    dim = 1 + axis_of(op.dim, len(site.shapes[0]))
    return lambda *xs: torch.cat(xs, dim)


def _slice(op: Any, site: Site) -> Step:
    along = axis_of(op.dim, len(site.shapes[0]))
    index = (slice(None),) * (1 + along) + (slice(op.start, op.end, op.step),)
    return lambda x: x[index]


def _split(op: Any, site: Site) -> Step:
    along = axis_of(op.dim, len(site.shapes[0]))
    size = site.output[along]
    return lambda x: x.narrow(1 + along, op.index * size, size)


def _channel_shuffle(op: Any, site: Site) -> Step:
    import torch

    if site.rank:
        return lambda x: torch.channel_shuffle(x, op.groups)
    return lambda x: x.unflatten(1, (op.groups, -1)).transpose(1, 2).flatten(1)


def _reshape(op: Any, site: Site) -> Step:
    return lambda x: x.reshape(site.batch, *site.output)


def _permute(op: Any, site: Site) -> Step:
    return lambda x: x.permute(op.dims)


def _parameter(op: Any, site: Site) -> Step:
    expanded = site.weights["weight"].expand(site.batch, *site.output)
    return lambda: expanded


def _pad(op: Any, site: Site) -> Step:
    function = _functional("pad")
    sides = (*both_sides((op.channels,), 1), *both_sides(op.padding, site.rank))
    pads = [side for pair in reversed(sides) for side in pair]
    if op.mode != "constant":
        pads = pads[:-2]  # only constants go around channels
    return lambda x: function(x, pads, op.mode)


def _upsample(op: Any, site: Site) -> Step:
    function, size = _functional("interpolate"), site.output[1:]
    if op.mode == "nearest":
        return lambda x: function(x, size)
    mode = op.mode if op.mode == "bicubic" else ("linear", "bilinear", "trilinear")[site.rank - 1]
    return lambda x: function(x, size, mode=mode, align_corners=op.align_corners)


STEPS: dict[str, Callable[[Any, Site], Step]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "linear": _linear,
    "matmul": _matmul,
    "multihead_attention": _attention,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "adaptive_maxpool": _adaptive("adaptive_max_pool"),
    "adaptive_avgpool": _adaptive("adaptive_avg_pool"),
    "global_maxpool": _adaptive("adaptive_max_pool"),
    "global_avgpool": _adaptive("adaptive_avg_pool"),
    "batchnorm": _batchnorm,
    "layernorm": _layernorm,
    "groupnorm": _groupnorm,
    "lrn": _lrn,
    "layer_scale": _layer_scale,
    "relu": _method("relu"),
    "relu6": _activation("relu6"),
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "sigmoid": _method("sigmoid"),
    "tanh": _method("tanh"),
    "gelu": _gelu,
    "silu": _activation("silu"),
    "hardsigmoid": _activation("hardsigmoid"),
    "hardswish": _activation("hardswish"),
    "softmax": _softmax,
    "dropout": _nothing,
    "drop_path": _nothing,
    "identity": _nothing,
    "add": _add,
    "mul": _mul,
    "mean": _mean,
    "max": _max,
    "concat": _concat,
    "slice": _slice,
    "split": _split,
    "channel_shuffle": _channel_shuffle,
    "flatten": _reshape,
    "reshape": _reshape,
    "permute": _permute,
    "pad": _pad,
    "upsample": _upsample,
    "parameter": _parameter,
}
"""Keyword in specs → a function of tensors, made once for each node."""
