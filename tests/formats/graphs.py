"""Random networks with random names, for what writes networks out."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st

from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
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
