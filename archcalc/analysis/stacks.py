"""Stacks of layers in a few letters, and what they cost in closed form: three 3×3 convolutions against one 7×7.

    stack  = layer "," layer …
    layer  = ["dw" | "max" | "avg"] kernel, then in any order
             ":" channels   "s" stride   "d" dilation   "g" groups   "*" times
    kernel = size "x" size | size
    channels = number | [number] "C" ["/" number]

`3x3` is a convolution, `dw3x3` a depthwise one, `max2x2s2` a pooling. Channels stay as they are where none are said;
they begin as C. Every layer is padded so that a stride of 1 keeps the size, and a convolution is followed by a ReLU.
"""

import re
from fractions import Fraction
from math import lcm
from typing import Any

from msgspec import Struct

from archcalc.analysis.cost import count_operations
from archcalc.analysis.memory import measure_memory
from archcalc.analysis.params import count_params
from archcalc.analysis.receptive_field import Field, receptive_fields
from archcalc.errors import Problem, Problems, Source, Span, UsageError, printable
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.ops.activation import ReLU
from archcalc.ops.base import Op
from archcalc.ops.conv import Conv
from archcalc.ops.pool import AvgPool, MaxPool
from archcalc.ops.source import Input

MOST_LAYERS = 1_000
_LARGEST = 1_000_000
_LAYER = re.compile(r"(?P<kind>dw|max|avg)?(?P<kernel>[0-9]+(?:[x×][0-9]+)?)(?P<rest>.*)\Z")
_SUFFIX = re.compile(r"(?P<sign>[:sdg*])(?P<value>[0-9]*C(?:/[0-9]+)?|[0-9]+)")
_CONVOLUTIONS = ("conv", "dw")
_WORDS = {":": "channels", "s": "stride", "d": "dilation", "g": "groups", "*": "times"}
_SUCH = "such as 3x3,3x3:128s2 or 1x1:C/4,3x3,1x1:C or dw3x3,1x1"


class Channels(Struct, frozen=True):
    """A number of channels: `share` of C, or `fixed`."""

    share: Fraction | None = None
    fixed: int = 0

    def of(self, c: int) -> int:
        return self.fixed if self.share is None else int(c * self.share)


class Layer(Struct, frozen=True):
    """One layer of a stack; `channels` None keeps them."""

    kind: str
    kernel: tuple[int, int]
    channels: Channels | None
    stride: int = 1
    dilation: int = 1
    groups: int = 1


class Polynomial(Struct, frozen=True):
    """a·C² + b·C + c, exactly."""

    square: Fraction
    linear: Fraction
    constant: Fraction

    def __str__(self) -> str:
        terms = ((self.square, "C²"), (self.linear, "C"), (self.constant, ""))
        written = (power if factor == 1 and power else f"{factor}·{power}" for factor, power in terms if factor)
        return " + ".join(term.rstrip("·") for term in written) or "0"


class Cost(Struct, frozen=True):
    """What a stack is and costs for C channels and a size of map.

    `weights` is the closed form of `params`; `field` has size, stride and padding on both axes; activations are the
    input and the outputs of convolutions and poolings, ReLUs in place (the model `lecture`).
    """

    text: str
    weights: Polynomial
    params: int
    macs: int
    flops: int
    activation_bytes: int
    nonlinearities: int
    output: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_stack(text: str) -> tuple[Layer, ...]:
    """A stack from its letters. Raises UsageError with everything that is wrong, each at its place."""
    problems, layers = Problems(), list[Layer]()
    start = 0
    for part in text.split(","):
        word = part.strip()
        place = Span(Source("stack", text), 1, start + 1 + len(part) - len(part.lstrip()), max(1, len(word)))
        layers += _read_layer(word, place, problems)
        start += len(part) + 1
        if len(layers) > MOST_LAYERS:
            raise UsageError(Problem(f"more than {MOST_LAYERS:,} layers in a stack", place))
    if problems:
        raise UsageError(problems)
    return tuple(layers)


def _read_layer(word: str, place: Span, problems: Problems) -> list[Layer]:
    match = _LAYER.match(word)
    if match is None:
        problems.append(Problem(f"'{printable(word, 40)}' is not a layer", place, _SUCH))
        return []
    given, at = dict[str, str](), match.start("rest")
    while at < len(word):
        suffix = _SUFFIX.match(word, at)
        if suffix is None or _WORDS[suffix["sign"]] in given or ("C" in suffix["value"] and suffix["sign"] != ":"):
            there = Span(place.source, 1, place.column + at, len(word) - at)
            hint = ":channels, s2 (stride), d2 (dilation), g4 (groups) or *3 (times), each once"
            problems.append(Problem(f"'{printable(word[at:], 40)}' says nothing of a layer", there, hint))
            return []
        given[_WORDS[suffix["sign"]]] = suffix["value"]
        at = suffix.end()
    sizes = [int(size) for size in re.split("[x×]", match["kernel"])]
    numbers = [*sizes, *(int(number) for value in given.values() for number in re.findall("[0-9]+", value))]
    kind = match["kind"] or "conv"
    problem = ""
    if not all(0 < number <= _LARGEST for number in numbers) or int(given.get("times", "1")) > MOST_LAYERS:
        problem = f"numbers of a layer are from 1 to {_LARGEST:,}, and it stands there {MOST_LAYERS:,} times at most"
    elif kind != "conv" and ("groups" in given or (kind != "dw" and "channels" in given)):
        problem = f"{kind} has no groups" if "groups" in given else f"{kind} keeps its channels"
    if problem:
        problems.append(Problem(problem, place))
        return []
    layer = Layer(
        kind,
        (sizes[0], sizes[-1]),
        _channels(given["channels"]) if "channels" in given else None,
        *(int(given.get(name, "1")) for name in ("stride", "dilation", "groups")),
    )
    return [layer] * int(given.get("times", "1"))


def _channels(text: str) -> Channels:
    if "C" not in text:
        return Channels(fixed=int(text))
    times, _, parts = text.partition("C")
    return Channels(Fraction(int(times or 1), int(parts.removeprefix("/") or 1)))


def stack_network(
    layers: tuple[Layer, ...], c: int, size: tuple[int, int], bias: bool = False, checked: bool = True
) -> InferredGraph:
    """The stack as a network behind c channels of a map; unless `checked`, whether it fits is not asked.

    Raises UsageError where c cannot be shared out as the stack says, and ShapeError where a layer does not fit.
    """
    nodes, channels = [Node("input", Input((c, *size)))], c
    for number, layer in enumerate(layers, start=1):
        wanted = channels if layer.channels is None else layer.channels.of(c)
        if layer.channels is not None and layer.channels.share is not None and c % layer.channels.share.denominator:
            share = layer.channels.share
            raise UsageError(Problem(f"{c} channels cannot be parted into {share.denominator}", None, "--channels"))
        op = _op(layer, channels, wanted, bias)
        nodes.append(Node(f"{layer.kind}{number}", op, (len(nodes) - 1,)))
        if layer.kind in _CONVOLUTIONS:
            nodes.append(Node(f"relu{number}", ReLU(), (len(nodes) - 1,)))
            channels = wanted
    return infer(Graph("stack", tuple(nodes)), checked)


def _op(layer: Layer, channels: int, wanted: int, bias: bool) -> Op:
    spans = tuple(layer.dilation * (k - 1) for k in layer.kernel)
    sides = tuple((span // 2, span - span // 2) for span in spans)
    common: dict[str, Any] = {"kernel_size": layer.kernel, "stride": layer.stride, "padding": sides}
    if layer.kind == "max":
        return MaxPool(**common, dilation=layer.dilation)
    if layer.kind == "avg":
        return AvgPool(**common)
    groups = channels if layer.kind == "dw" else layer.groups
    return Conv(out_channels=wanted, **common, dilation=layer.dilation, groups=groups, bias=bias)


def cost_of_stack(
    text: str,
    c: int = 64,
    size: tuple[int, int] = (56, 56),
    bias: bool = False,
    batch: int = 1,
    dtype: str = "float32",
) -> Cost:
    """What a stack costs; raises UsageError and ShapeError as `read_stack` and `stack_network` do."""
    layers = read_stack(text)
    network = stack_network(layers, c, size, bias)
    cost, memory = count_operations(network, batch), measure_memory(network, "lecture", batch, dtype)
    fields = [seen for seen in receptive_fields(network).layers[-1].axes if isinstance(seen, Field)]
    return Cost(
        text,
        closed_form(layers, bias),
        count_params(network).params,
        cost.macs,
        cost.flops,
        memory.activation_bytes,
        sum(layer.kind in _CONVOLUTIONS for layer in layers),
        network.shapes[-1],
        tuple(field.size for field in fields),
        tuple(int(field.stride) for field in fields),
    )


def closed_form(layers: tuple[Layer, ...], bias: bool = False) -> Polynomial:
    """The weights of a stack as a polynomial of C: the one of degree 2 through its weights at three C.

    A layer's weights are kernel · channels before · channels after / groups, with channels that are shares of C or
    fixed, and as many biases: a polynomial of degree 2 at most, which three values determine.
    """
    shares = [layer.channels.share for layer in layers if layer.channels and layer.channels.share is not None]
    # Of so many channels, and of every share of them, there are whole groups.
    unit = lcm(*(layer.groups for layer in layers)) * lcm(*(share.denominator for share in shares))
    at = [count_params(stack_network(layers, unit * t, (1, 1), bias, checked=False)).params for t in (1, 2, 3)]
    second = Fraction(at[2] - 2 * at[1] + at[0], 2)
    first = at[1] - at[0] - 3 * second
    constant = at[0] - first - second
    return Polynomial(second / unit**2, Fraction(first, unit), Fraction(constant))
