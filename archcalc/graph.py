"""The network as a graph: nodes in execution order, each with an operator and the nodes it reads."""

from collections.abc import Mapping

from msgspec import Struct

from archcalc.errors import Span
from archcalc.ops.base import Op


class Node(Struct, frozen=True, gc=False):
    """One layer. `inputs` are positions in `Graph.nodes`, all before its own.

    `shares` is the position of the node whose weights it uses, if it has none of its own. `span` is where its keyword
    stands, `spans` where its arguments do; both are empty for graphs that no text describes.
    """

    name: str
    op: Op
    inputs: tuple[int, ...] = ()
    span: Span | None = None
    spans: Mapping[str, Span] = {}
    shares: int | None = None

    @property
    def scope(self) -> str:
        """The part of the name before the last dot: `stage3.0` of `stage3.0.conv2`."""
        return self.name.rpartition(".")[0]


class Graph(Struct, frozen=True):
    """Nodes in an order in which each comes after all it reads; the last one is the output of the network.

    `blocks` says which block of a spec a scope, with its dot, was written by: `stage3.0.` → `bottleneck`.
    """

    name: str
    nodes: tuple[Node, ...]
    blocks: Mapping[str, str] = {}

    def index(self) -> dict[str, int]:
        """Name → position."""
        return {node.name: position for position, node in enumerate(self.nodes)}

    def last_uses(self) -> list[int]:
        """For each node the position of the last node that reads it; its own position if none does.

        The output of the network is read by whoever asked for it: its last use is behind the last node.
        """
        last = list(range(len(self.nodes)))
        for position, node in enumerate(self.nodes):
            for producer in node.inputs:
                last[producer] = position
        if last:
            last[-1] = len(self.nodes)
        return last

    def fork(self, inputs: tuple[int, ...]) -> int | None:
        """Where the ways to all of `inputs` part: the last node that each of them depends on (or is)."""
        common: set[int] | None = None
        for start in set(inputs):
            above, pending = {start}, [start]
            while pending:
                for producer in self.nodes[pending.pop()].inputs:
                    if producer not in above:
                        above.add(producer)
                        pending.append(producer)
            common = above if common is None else common & above
        return max(common) if common else None
