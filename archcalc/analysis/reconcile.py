"""What other tools print for a network, and which operators make the difference to our MACs.

This is the one analysis that asks for the keyword of an operator: a tool is a table of handlers by kind of layer, and
so is its profile here. Of a layer a handler sees what the operator states: work, shapes and weights. A keyword that is
not in the table counts 0 for the tool, in a row of its own.

The tools see a program and not a graph. Where they count a module otherwise than the same function, a rule stands for
the module and `otherwise` for the other spelling; a reconciliation then has a range, from `least` to `most`.

Source: the handlers of each version (fvcore/nn/flop_count.py, thop/vision/basic_hooks.py, ptflops/pytorch_ops.py and
aten_ops.py, torchinfo/layer_info.py, calflops/pytorch_ops.py), held against measurements in
tests/reference_data/profiles.json.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import prod
from types import MappingProxyType

from msgspec import Struct

from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.infer import InferredGraph
from archcalc.ops.base import Op, Shape, Shapes, Weights, Work


class Facts(Struct, frozen=True):
    """What an operator states of a layer, for one sample."""

    op: Op
    inputs: Shapes
    output: Shape
    weights: Weights
    work: Work

    @property
    def read(self) -> int:
        """Values of the (first) input."""
        return prod(self.inputs[0])

    @property
    def written(self) -> int:
        """Values of the output."""
        return prod(self.output)

    @property
    def params(self) -> int:
        return sum(weight.count for weight in self.weights if weight.role == "trainable")

    @property
    def affine(self) -> bool:
        return self.params > 0


Count = Callable[[Facts], int]


class Rule(Struct, frozen=True):
    """How a tool counts a kind of layer and why that is not ours; `otherwise` is its count of the other spelling."""

    count: Count
    reason: str = ""
    otherwise: Count | None = None
    spelling: str = ""


class Profile(Struct, frozen=True):
    """A version of a tool as a table keyword → rule; `notes` are what no rule can say."""

    tool: str
    version: str
    rules: Mapping[str, Rule]
    notes: tuple[str, ...] = ()


class Difference(Struct, frozen=True):
    """All layers of one keyword: our MACs, the tool's, and why they differ. `least` and `most` bound the tool's."""

    keyword: str
    layers: int
    ours: int
    theirs: int
    difference: int
    least: int
    most: int
    reason: str


class Reconciliation(Struct, frozen=True):
    """What a tool prints for one sample, by operator. `rows` add up to `theirs` − `ours`."""

    tool: str
    version: str
    ours: int
    theirs: int
    least: int
    most: int
    rows: tuple[Difference, ...]
    notes: tuple[str, ...]

    @property
    def difference(self) -> int:
        return self.theirs - self.ours

    @property
    def exact(self) -> bool:
        """Whether the tool's number does not depend on how the network is written as a program."""
        return self.least == self.theirs == self.most


def reconcile(network: InferredGraph, tool: str) -> Reconciliation:
    """What `tool` prints for one sample of the network, against our MACs. Raises UsageError for an unknown tool."""
    if tool not in PROFILES:
        raise UsageError(Problem(f"there is no counting profile '{tool}'", None, did_you_mean(tool, PROFILES)))
    profile = PROFILES[tool]
    layers: dict[str, list[Facts]] = {}
    for position, node in enumerate(network.nodes):
        facts = Facts(
            node.op, network.inputs(node), network.shapes[position], network.weights(position), network.work(position)
        )
        layers.setdefault(node.op.keyword, []).append(facts)
    rows = tuple(_difference(profile, keyword, found) for keyword, found in layers.items())
    spellings = tuple(f"{row.keyword}: {profile.rules[row.keyword].spelling}" for row in rows if row.least != row.most)
    return Reconciliation(
        profile.tool,
        profile.version,
        sum(row.ours for row in rows),
        sum(row.theirs for row in rows),
        sum(row.least for row in rows),
        sum(row.most for row in rows),
        rows,
        spellings + profile.notes,
    )


def _difference(profile: Profile, keyword: str, layers: list[Facts]) -> Difference:
    rule = profile.rules.get(keyword, _LEFT_OUT)
    ours = sum(layer.work.macs for layer in layers)
    theirs = sum(map(rule.count, layers))
    other = sum(map(rule.otherwise, layers)) if rule.otherwise else theirs
    reason = rule.reason if theirs != ours else ""
    return Difference(keyword, len(layers), ours, theirs, theirs - ours, min(theirs, other), max(theirs, other), reason)


def _nothing(layer: Facts) -> int:
    return 0


def _macs(layer: Facts) -> int:
    return layer.work.macs


def _macs_and_bias(layer: Facts) -> int:
    """Convolutions and linear layers have no additions but those of a bias."""
    return layer.work.macs + layer.work.adds


def _tokens(layer: Facts) -> tuple[int, int, int]:
    """Queries, keys and features of attention."""
    return layer.inputs[0][0], layer.inputs[-1][0], layer.inputs[0][1]


def _projections(layer: Facts) -> int:
    """The four projections of attention without its two products, of L·S·E multiply-accumulates each."""
    queries, keys, features = _tokens(layer)
    return layer.work.macs - 2 * queries * keys * features


def _projections_and_bias(layer: Facts) -> int:
    queries, keys, features = _tokens(layer)
    biased = any(weight.name == "in_proj_bias" for weight in layer.weights)
    return _projections(layer) + (2 * (queries + keys) * features if biased else 0)


def _ptflops_attention(layer: Facts) -> int:
    """MACs, one scaling a query, one softmax a score, the biases; that of the output also where there is none."""
    queries, keys, features = _tokens(layer)
    heads: int = getattr(layer.op, "num_heads")  # noqa: B009 - of one operator only, which the table names
    biased = any(weight.name == "in_proj_bias" for weight in layer.weights)
    biases = (queries + 2 * keys) * features if biased else 0
    return layer.work.macs + queries * features + heads * queries * keys + biases + queries * features


def _read(times: int) -> Count:
    """So many a value of the input."""
    return lambda layer: times * layer.read


def _written(times: int) -> Count:
    """So many a value of the output."""
    return lambda layer: times * layer.written


def _norm(affine: int, plain: int) -> Count:
    """So many a value, with a learned scale and without."""
    return lambda layer: layer.read * (affine if layer.affine else plain)


def _fvcore_batchnorm(layer: Facts) -> int:
    """2 or 1 a value by running statistics, else 5 or 4 as in training."""
    running = any(weight.role == "statistic" for weight in layer.weights)
    return _norm(2, 1)(layer) if running else _norm(5, 4)(layer)


def _on_maps(count: Count) -> Count:
    """Counted over two spatial axes only: there is no handler for one or three."""
    return lambda layer: count(layer) if len(layer.inputs[0]) == 3 else 0


def _upsample(by_taps: Mapping[int, int]) -> Count:
    """So many a value of the output, by how many values that is interpolated from: none is the nearest."""
    return lambda layer: layer.written * by_taps.get(layer.work.multiplies // layer.written, 0)


def _thop_adaptive(layer: Facts) -> int:
    """The window's values, taken as input over output, and a division, for each output."""
    window = Fraction(prod(layer.inputs[0][1:]), prod(layer.output[1:]))
    return int((window + 1) * layer.written)


def _thop_conv_transpose(layer: Facts) -> int:
    """Every weight of an output channel at each position of the output, though only some meet an input there."""
    weight = layer.weights[0].shape
    groups = layer.output[0] // weight[1]
    return layer.written * (layer.inputs[0][0] // groups) * prod(weight[2:])


def _thop_softmax(layer: Facts) -> int:
    """Per row of m: m exponentials, m − 1 additions, m divisions. We state 2·n − rows additions for n values."""
    rows = 2 * layer.written - layer.work.adds
    return 3 * layer.written - rows


def _ptflops_lrn(layer: Facts) -> int:
    """What torch.nn.functional.local_response_norm calls: mul, mul and add on the input, avg_pool3d on it padded."""
    size: int = getattr(layer.op, "size")  # noqa: B009 - of one operator only, which the table names
    padded = (layer.output[0] + size - 1) * prod(layer.output[1:])
    return 3 * layer.written + padded


def _ptflops_lp_pool(layer: Facts) -> int:
    """What torch.nn.functional.lp_pool calls: avg_pool on the input, relu and mul on its output."""
    return layer.read + 2 * layer.written


def _torchinfo_conv(layer: Facts) -> int:
    """Every parameter at each position of the output."""
    return layer.params * prod(layer.output[1:])


def _params(layer: Facts) -> int:
    return layer.params


def _torchinfo_conv_as_linear(layer: Facts) -> int:
    """Its parameters once, where it could be nn.Linear on the last axis: 1×1 in one group, with a bias."""
    weight = layer.weights[0].shape
    dense = prod(weight[2:]) == 1 and weight[1] == layer.inputs[0][0]
    return layer.params if dense and len(layer.weights) > 1 else _torchinfo_conv(layer)


def _calflops_conv_transpose(layer: Facts) -> int:
    """The channels of a group are divided by the groups once more."""
    per_group = layer.weights[0].shape[1]
    groups = layer.output[0] // per_group
    return layer.work.macs // per_group * (per_group // groups)


_LEFT_OUT = Rule(_nothing, "left out")
_SAME = Rule(_macs)
_BIAS = Rule(_macs_and_bias, "adds the bias")
_NO_PRODUCTS = "leaves the products q·kᵀ and scores·v out"

_MEAN = "not counted where it is written as x.mean()"
_FVCORE_POOL = Rule(_on_maps(_read(1)), "1 a value of the input", _nothing, _MEAN)
_FVCORE = {
    "conv": _SAME,
    "conv_transpose": _SAME,
    "linear": _SAME,
    "matmul": _SAME,
    "multihead_attention": Rule(_projections, _NO_PRODUCTS),
    "batchnorm": Rule(_fvcore_batchnorm, "2 a value"),
    "layernorm": Rule(_norm(5, 4), "5 a value"),
    "groupnorm": Rule(_norm(5, 4), "5 a value"),
    "instance_norm": Rule(_norm(5, 4), "5 a value"),
    "adaptive_avgpool": _FVCORE_POOL,
    "global_avgpool": _FVCORE_POOL,
    "upsample": Rule(_on_maps(_upsample({0: 1, 4: 4})), "1 a value of the output, bilinear 4"),
}

_FUNCTION = "not counted where it is called as a function"
_SUBCLASS = "not counted where it is a class of its own, such as torchvision's LayerNorm2d"
_THOP_POOL = Rule(_thop_adaptive, "1 a value read and 1 an output", _nothing, _FUNCTION)
_THOP = {
    "conv": _SAME,
    "conv_transpose": Rule(_thop_conv_transpose, "counts at output positions"),
    "linear": _SAME,
    "multihead_attention": Rule(_nothing, "left out: its products are functions"),
    "batchnorm": Rule(_norm(4, 2), "4 a value"),
    "layernorm": Rule(_norm(4, 2), "4 a value", _nothing, _SUBCLASS),
    "instance_norm": Rule(_norm(4, 2), "4 a value", _nothing, _FUNCTION),
    "prelu": Rule(_read(1), "1 a value", _nothing, _FUNCTION),
    "softmax": Rule(_thop_softmax, "3·m − 1 a row of m", _nothing, _FUNCTION),
    "avgpool": Rule(_written(1), "1 a value of the output", _nothing, _FUNCTION),
    "adaptive_avgpool": _THOP_POOL,
    "global_avgpool": _THOP_POOL,
    "upsample": Rule(
        _upsample({0: 1, 2: 5, 4: 11, 16: 259}), "1 a value of the output, bilinear 11", _nothing, _FUNCTION
    ),
}

_TWICE = "once where it is called as a function"
_PTFLOPS_TWICE = Rule(_read(2), "1 a value, as the module and as the function in it", _read(1), _TWICE)
_PTFLOPS_ADAPTIVE = Rule(_read(2), _PTFLOPS_TWICE.reason, _nothing, f"{_TWICE}, not at all where it is x.mean()")
_PTFLOPS_ONCE = Rule(_read(1), "1 a value")
_PTFLOPS = {
    "conv": _BIAS,
    "conv_transpose": _BIAS,
    "linear": _BIAS,
    "matmul": _SAME,
    "multihead_attention": Rule(_ptflops_attention, "adds scaling, softmax and biases"),
    "batchnorm": Rule(_norm(2, 1), "2 a value"),
    "groupnorm": Rule(_norm(2, 1), "2 a value"),
    "instance_norm": Rule(_norm(2, 1), "2 a value", _nothing, _FUNCTION),
    "layernorm": Rule(_read(1), "1 a value", _nothing, _SUBCLASS),
    "lrn": Rule(_ptflops_lrn, "its multiplications, addition and pooling"),
    "relu": _PTFLOPS_TWICE,
    "prelu": _PTFLOPS_TWICE,
    "gelu": _PTFLOPS_TWICE,
    "elu": _PTFLOPS_TWICE,
    "lp_pool": Rule(_ptflops_lp_pool, "1 a value read and 2 an output"),
    "maxpool": _PTFLOPS_TWICE,
    "avgpool": _PTFLOPS_TWICE,
    "adaptive_maxpool": _PTFLOPS_TWICE,
    "global_maxpool": _PTFLOPS_TWICE,
    "adaptive_avgpool": _PTFLOPS_ADAPTIVE,
    "global_avgpool": _PTFLOPS_ADAPTIVE,
    "relu6": _PTFLOPS_ONCE,
    "leaky_relu": _PTFLOPS_ONCE,
    "silu": _PTFLOPS_ONCE,
    "softmax": _PTFLOPS_ONCE,
    "upsample": Rule(_written(2), "1 a value, as the module and as the function in it", _written(1), _TWICE),
}
_PTFLOPS_ATEN = {
    "conv": _BIAS,
    "conv_transpose": _BIAS,
    "linear": _BIAS,
    "matmul": _SAME,
    "multihead_attention": Rule(_projections_and_bias, f"{_NO_PRODUCTS}, adds biases"),
}

_AS_LINEAR = "parameters once where a 1×1 with a bias is nn.Linear on the last axis, as in torchvision's ConvNeXt"
_TORCHINFO_PARAMS = Rule(_params, "its parameters")
_TORCHINFO = {
    "conv": Rule(_torchinfo_conv, "adds the bias", _torchinfo_conv_as_linear, _AS_LINEAR),
    "conv_transpose": Rule(_torchinfo_conv, "every parameter at output positions"),
    "linear": Rule(_params, "its parameters once: bias added, other axes ignored"),
    "batchnorm": _TORCHINFO_PARAMS,
    "layernorm": _TORCHINFO_PARAMS,
    "groupnorm": _TORCHINFO_PARAMS,
    "instance_norm": _TORCHINFO_PARAMS,
    "rms_norm": _TORCHINFO_PARAMS,
    "prelu": _TORCHINFO_PARAMS,
}
_CALFLOPS = {
    "conv": _SAME,
    "conv_transpose": Rule(_calflops_conv_transpose, "divides by the groups twice"),
    "linear": _SAME,
    "matmul": _SAME,
    "multihead_attention": Rule(_projections, _NO_PRODUCTS),
}

_MODULES_ONLY = "counts modules only: a layer written with functions of its own parameters is not seen"
_NO_FUNCTIONS = "convolutions and linear layers that are called as functions are not seen"
_PROFILES = (
    Profile("fvcore", "0.1.5.post20221221", _FVCORE, ("prints MACs under the name of flops",)),
    Profile("thop", "0.1.1.post2209072238", _THOP, (_MODULES_ONLY,)),
    Profile("ptflops", "0.7.5", _PTFLOPS, ("backend pytorch", _NO_FUNCTIONS)),
    Profile("ptflops-aten", "0.7.5", _PTFLOPS_ATEN, ("backend aten",)),
    Profile("torchinfo", "1.8.0", _TORCHINFO, (_MODULES_ONLY,)),
    Profile("calflops", "0.3.2", _CALFLOPS, ("its MACs; its FLOPs are another number that it prints beside them",)),
)
PROFILES: Mapping[str, Profile] = MappingProxyType({profile.tool: profile for profile in _PROFILES})
"""Name of a tool → its profile."""
