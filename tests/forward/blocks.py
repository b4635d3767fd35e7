"""Random networks of what real ones are made of: what a plan fuses, folds, leaves to readers and writes in place."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from archcalc.forward.kernels import Array
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.ops import OPS
from archcalc.ops.base import Op, Shape

Draw = Callable[[st.SearchStrategy[Any]], Any]
ACTIVATIONS = (
    *("relu", "relu6", "leaky_relu", "sigmoid", "tanh", "gelu", "silu", "hardsigmoid", "hardswish", "prelu"),
    *("elu", "celu", "softplus", "softsign", "mish", "hardtanh", "abs", "erf", "cos"),
)
LARGEST = 4_000


class _Drafts:
    """Nodes so far, with their shapes. What the operators refuse is left out."""

    def __init__(self, draw: Draw, shape: Shape) -> None:
        self.draw = draw
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = []
        self.add("input", shape=shape)

    def add(self, keyword: str, *inputs: int, **arguments: Any) -> int:
        """The position of a new layer; of its first input, if it does not fit or gets too large."""
        op: Op = OPS[keyword](**arguments)
        shapes = tuple(self.shapes[i] for i in inputs)
        if inputs and any(True for _ in op.check(shapes)):
            return inputs[0]
        shape = op.output(shapes)
        if np.prod(shape) > LARGEST:
            return inputs[0]
        self.nodes.append(Node(f"{keyword}{len(self.nodes)}", op, inputs))
        self.shapes.append(shape)
        return len(self.nodes) - 1

    def number(self, low: int, high: int) -> int:
        number: int = self.draw(st.integers(low, high))
        return number

    def choice(self, *of: Any) -> Any:
        return self.draw(st.sampled_from(of))

    def any_node(self) -> int:
        """The last ones more often than the first."""
        return len(self.nodes) - 1 - min(self.number(0, len(self.nodes) - 1), self.number(0, len(self.nodes) - 1))

    def conv(self, at: int) -> int:
        """A convolution of any kind, then perhaps batch norm and an activation, in any order."""
        channels, rank = self.shapes[at][0], len(self.shapes[at]) - 1
        kind = self.choice("full", "same", "depthwise", "grouped", "pointwise")
        groups = {"depthwise": channels, "grouped": 2 if channels % 2 == 0 else 1}.get(kind, 1)
        filters = channels if kind == "depthwise" else groups * self.number(1, 4)
        kernel = 1 if kind == "pointwise" else 3 if kind == "same" else self.number(1, 4)
        geometry = {"padding": 1} if kind == "same" else {"padding": self.number(0, 2), "stride": self.number(1, 3)}
        if kind == "pointwise":
            geometry = {"stride": self.number(1, 2)}
        if kind == "full" and rank:
            geometry["dilation"] = self.number(1, 2)
        at = self.add(
            "conv",
            at,
            out_channels=filters,
            kernel_size=kernel,
            groups=groups,
            bias=self.draw(st.booleans()),
            **geometry,
        )
        for follow in self.draw(st.lists(st.sampled_from(["batchnorm", "activation", "dropout"]), max_size=3)):
            at = self.activation(at) if follow == "activation" else self.add(follow, at)
        return at

    def activation(self, at: int) -> int:
        return self.add(self.choice("relu", "relu", "relu6", *ACTIVATIONS), at)

    def before(self, at: int) -> int:
        """A batch norm and an activation that a convolution reads: pre-activation."""
        return self.conv(self.add(self.choice("relu", "relu6"), self.add("batchnorm", at)))

    def residual(self, at: int) -> int:
        """A branch added to its beginning, to a projection of it, or gated by it."""
        channels = self.shapes[at][0]
        branch = self.add("conv", at, out_channels=channels, kernel_size=3, padding=1, bias=False)
        branch = self.add("batchnorm", branch) if self.draw(st.booleans()) else branch
        other = at
        if self.draw(st.booleans()):
            other = self.add("batchnorm", self.add("conv", at, out_channels=channels, kernel_size=1))
        ways = [branch, other] if self.draw(st.booleans()) else [other, branch]
        joined = self.add(self.choice("add", "add", "mul", "mean", "max", "min", "sub"), *ways)
        return self.add("relu", joined) if self.draw(st.booleans()) else joined

    def gate(self, at: int) -> int:
        """Squeeze and excitation."""
        squeezed = self.add("global_avgpool", at)
        narrow = self.add("relu", self.add("conv", squeezed, out_channels=2, kernel_size=1))
        wide = self.add("conv", narrow, out_channels=self.shapes[at][0], kernel_size=1)
        return self.add("mul", at, self.add(self.choice("sigmoid", "hardsigmoid"), wide))

    def concat(self, at: int) -> int:
        """Branches side by side, one of them perhaps the input itself, or the same twice."""
        ways = []
        for kind in self.draw(
            st.lists(st.sampled_from(["itself", "conv", "pool", "batchnorm"]), min_size=2, max_size=4)
        ):
            if kind == "conv":
                way = self.add("conv", at, out_channels=self.number(1, 4), kernel_size=3, padding=1)
                way = self.activation(way) if self.draw(st.booleans()) else way
            elif kind == "pool":
                way = self.add(self.choice("maxpool", "avgpool"), at, kernel_size=3, stride=1, padding=1)
            else:
                way = at if kind == "itself" else self.add(kind, at)
            ways.append(way)
        return self.add("concat", *ways)

    def pool(self, at: int) -> int:
        kind = self.choice("maxpool", "avgpool", "adaptive_avgpool", "adaptive_maxpool")
        if kind.startswith("adaptive"):
            return self.add(kind, at, output_size=self.number(1, 4))
        kernel = self.number(1, 3)
        return self.add(
            kind,
            at,
            kernel_size=kernel,
            stride=self.number(1, 3),
            padding=self.number(0, kernel // 2),
            ceil_mode=self.draw(st.booleans()),
        )

    def movement(self, at: int) -> int:
        rank = len(self.shapes[at])
        kind = self.choice(
            *("split", "slice", "channel_shuffle", "pad", "upsample", "permute", "lrn", "identity", "groupnorm"),
            *("index_select", "pixel_shuffle", "pixel_unshuffle", "roll", "reduce_mean", "reduce_max", "reduce_sum"),
        )
        arguments: dict[str, Any] = {
            "split": {"chunks": 2, "index": self.number(0, 1), "dim": self.number(1, rank)},
            "slice": {"start": self.number(0, 1), "step": self.number(1, 2), "dim": self.number(1, rank)},
            "channel_shuffle": {"groups": 2},
            "pad": {"padding": self.number(-1, 2), "channels": self.number(0, 1)},
            "upsample": {"scale_factor": 2, "mode": self.choice("nearest", "linear", "bicubic")},
            "permute": {"dims": self.draw(st.permutations(range(1, rank + 1)).map(lambda dims: (0, *dims)))},
            "groupnorm": {"num_groups": 1},
            "index_select": {"dim": self.number(1, rank), "index": (1, 0)},
            "pixel_shuffle": {"upscale_factor": 2},
            "pixel_unshuffle": {"downscale_factor": 2},
            "roll": {"shifts": 1, "dims": self.number(1, rank)},
        }.get(kind, {})
        if kind.startswith("reduce"):
            dims = self.choice(tuple(range(2, rank + 1)), self.number(1, rank))
            arguments = {"dims": dims, "keepdim": self.draw(st.booleans())}
        return self.add(kind, at, **arguments)

    def head(self, at: int) -> None:
        """A classifier, or features of every position."""
        kind = self.choice("none", "classifier", "tokens")
        if kind == "classifier":
            at = self.add("linear", self.add("flatten", at), out_features=self.number(1, 7))
            at = self.activation(at)
            self.add("softmax", self.add("linear", at, out_features=3))
        elif kind == "tokens":
            at = self.add("layernorm", self.add("linear", at, out_features=6))
            inner = self.add("linear", self.add("gelu", self.add("linear", at, out_features=8)), out_features=6)
            at = self.add("add", at, self.add("layer_scale", inner, dim=-1))
            self.add("multihead_attention", at, embed_dim=6, num_heads=2)


STEPS = ("conv", "conv", "before", "residual", "concat", "concat", "gate", "pool", "movement")


@st.composite
def block_networks(draw: Draw, steps: int = 6) -> InferredGraph:
    """Networks of up to `steps` blocks over one or two axes."""
    line, square = (
        st.tuples(st.integers(1, 4), st.integers(6, 20)),
        st.tuples(st.integers(1, 4), *[st.integers(5, 11)] * 2),
    )
    drafts = _Drafts(draw, draw(square | square | line))
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=steps)):
        getattr(drafts, step)(drafts.any_node() if draw(st.booleans()) else len(drafts.nodes) - 1)
    drafts.head(len(drafts.nodes) - 1)
    return infer(Graph("random", tuple(drafts.nodes)))


def any_weights(network: InferredGraph, seed: int = 0, dtype: str = "float64") -> dict[str, Array]:
    """Weights and statistics that leave nothing at a value that changes nothing; some scales are negative."""
    rng = np.random.default_rng(seed)
    weights = {}
    for position, node in enumerate(network.nodes):
        for weight in network.weights(position) if node.shares is None else ():
            bound = 1 / np.sqrt(max(np.prod(weight.shape[1:]), 1))
            drawn = rng.uniform(-1.5, 1.5, weight.shape) * (bound if len(weight.shape) > 1 else 1)
            if weight.name == "running_var":
                drawn = rng.uniform(0.5, 2.0, weight.shape)
            weights[f"{node.name}.{weight.name}"] = drawn.astype(dtype)
    return weights
