"""Random networks with random names, for what writes networks out."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st

from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import loads
from archcalc.ops import OPS
from archcalc.ops.base import Op

Draw = Callable[[st.SearchStrategy[Any]], Any]

WIDTH = 4

# Words of YAML, of Python and of the language; keywords and what is made of them; numbers that are none; scopes that
# come back, that are layers as well, and that hide each other.
WORDS = [
    *("true", "null", "no", "1e5", "007", "1_0", "0", "12", "-", "a b", "if", "lambda", "name", "inputs", "i", "stage"),
    *("relu", "relu2", "relu3", "conv", "conv2", "add", "block", "block2", "residual", "input", "repeat", "out", "k"),
    *("a", "b", "conv1", "conv1_1", "res2a", "x", "1x1", "/x/y", "t:0", "classes", "required"),
]
words = st.sampled_from(WORDS)


@st.composite
def names(draw: Draw) -> str:
    parts = draw(st.lists(words, min_size=1, max_size=4))
    return ".".join(part.replace("-", "_") if i == 0 else part for i, part in enumerate(parts))


def operators() -> st.SearchStrategy[Op]:
    """Operators of one input that keep the shape."""
    return st.one_of(
        st.sampled_from([OPS[keyword]() for keyword in ("relu", "relu6", "batchnorm", "tanh", "identity")]),
        st.sampled_from([3, 5, (3, 3)]).map(
            lambda kernel: OPS["conv"](out_channels=WIDTH, kernel_size=kernel, padding=1 if kernel != 5 else 2)
        ),
        st.sampled_from([0.25, 1e-7, 1.0]).map(lambda p: OPS["dropout"](p=p)),
        st.builds(lambda eps: OPS["batchnorm"](eps=eps), st.sampled_from([1e-5, 1e-3, 0.5])),
        st.just(OPS["avgpool"](kernel_size=3, stride=1, padding=1)),
    )


class Drafts:
    """A network while it grows: every layer keeps the shape of the input."""

    def __init__(self) -> None:
        self.nodes = [Node("input", OPS["input"]((WIDTH, 6, 6)))]

    def add(self, name: str, op: Op, *inputs: int, shares: int | None = None) -> int:
        taken = {node.name for node in self.nodes}
        while name in taken:
            name += "_"
        self.nodes.append(Node(name, op, inputs, shares=shares))
        return len(self.nodes) - 1

    def graph(self) -> InferredGraph:
        return infer(Graph("random", tuple(self.nodes)))


@st.composite
def random_graphs(draw: Draw) -> InferredGraph:
    """Any directed acyclic graph: nodes read by several or by none, shared weights, joins of anything."""
    drafts = Drafts()
    for _ in range(draw(st.integers(1, 14))):
        last = len(drafts.nodes) - 1
        near = st.integers(0, 3).map(lambda back: max(0, last - back))  # noqa: B023 - drawn at once
        inputs = draw(st.lists(near, min_size=1, max_size=4))
        if len(inputs) > 1:
            drafts.add(draw(names()), OPS[draw(st.sampled_from(("add", "mul", "max")))](), *inputs)
            continue
        op = draw(operators())
        owners = [i for i, node in enumerate(drafts.nodes) if node.op == op and op.keyword == "conv"]
        shares = draw(st.sampled_from([None, *owners])) if owners else None
        if draw(st.integers(0, 9)) == 0:
            drafts.add(draw(names()), OPS["parameter"]((WIDTH, 6, 6)))
        else:
            drafts.add(draw(names()), op, *inputs, shares=shares)
    return drafts.graph()


@st.composite
def repetitive_graphs(draw: Draw) -> InferredGraph:
    """Pieces that come back: chains and joins of branches, in scopes or numbered on, with arguments that change."""
    drafts = Drafts()
    pieces = [draw(st.lists(operators(), min_size=1, max_size=4)) for _ in range(draw(st.integers(1, 2)))]
    joins = [draw(st.sampled_from(("none", "identity", "two", "skip"))) for _ in pieces]
    name = draw(st.sampled_from(("{s}.{t}.{k}{n}", "b{t}.{k}", "{k}{a}", "s{s}.{k}{t}_{n}", "{k}.{a}", "x{s}_{t}{k}")))
    flow = before = counted = which = 0
    for stage in range(draw(st.integers(1, 4))):
        for turn in range(draw(st.integers(1, 5))):
            which = draw(st.integers(0, len(pieces) - 1)) if turn == 0 else which
            entry, ends = flow, []
            for branch in range(2 if joins[which] == "two" else 1):
                at = entry
                for place, op in enumerate(pieces[which]):
                    counted += 1
                    kind = OPS["conv"](out_channels=WIDTH, kernel_size=1) if branch else op
                    text = name.format(s=stage, t=turn, n=place + 1, k=kind.keyword, a=counted)
                    at = drafts.add(text, kind, at)
                ends.append(at)
            if joins[which] != "none":
                others = {"identity": [entry], "two": [], "skip": [before]}[joins[which]]
                ends += others
                counted += 1
                text = name.format(s=stage, t=turn, n="", k="add", a=counted)
                flow = drafts.add(text, OPS["add"](), *ends)
            else:
                flow = ends[0]
            before = entry
    return drafts.graph()


def assert_equal(network: InferredGraph, text: str) -> None:
    """The network of a text is this one: names, operators with all arguments, inputs, shares, order and shapes."""
    found = loads(text)
    assert found.graph.name == network.name
    for mine, theirs in zip(network.nodes, found.graph.nodes, strict=True):
        said = (theirs.name, repr(theirs.op), theirs.inputs, theirs.shares)
        assert said == (mine.name, repr(mine.op), mine.inputs, mine.shares)
    assert found.graph.shapes == network.shapes


def chain(count: int, name: str = "conv{}") -> InferredGraph:
    nodes = [Node("input", OPS["input"]((4, 6, 6)))]
    for i in range(1, count + 1):
        op = OPS["conv"](out_channels=4, kernel_size=3, padding=1) if i % 2 else OPS["relu"]()
        nodes.append(Node(name.format(i), op, (i - 1,)))
    return infer(Graph("chain", tuple(nodes)), checked=False)


def dense(blocks: dict[str, int], texts: tuple[str, str] = ("denseblock{}", "denselayer{}.conv")) -> InferredGraph:
    """DenseNet as torchvision's code has it: each layer concatenates all that came before it, by a list that grows."""
    nodes = [Node("input", OPS["input"]((8, 4, 4))), Node("conv0", OPS["conv"](8, 1), (0,))]
    for number, (entry, depth) in enumerate(blocks.items(), 1):
        before = [len(nodes) - 1]
        for layer in range(1, depth + 1):
            name = f"{texts[0].format(number)}.{texts[1].format(layer)}"
            if layer > 1:
                nodes.append(Node(f"{name.rpartition('.')[0]}.concat", OPS["concat"](), tuple(before)))
            nodes.append(Node(f"{name}1", OPS["conv"](16, 1), (len(nodes) - 1,)))
            nodes.append(Node(f"{name}2", OPS["conv"](4, 3, padding=1), (len(nodes) - 1,)))
            before.append(len(nodes) - 1)
        nodes.append(Node(f"{texts[0].format(number)}.concat", OPS["concat"](), tuple(before)))
        nodes.append(Node(entry, OPS["conv"](8 * number, 1), (len(nodes) - 1,)))
    return infer(Graph("dense", tuple(nodes)))
