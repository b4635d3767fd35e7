"""Where the channels of each value stand: Keras computes maps with the channels last, as TensorFlow on CPUs must.

Our axes are channels first: `(C, H, W)` becomes `(H, W, C)` for all that slides windows over it, and stays so for what
does not care. Layers whose meaning is the order of the axes (flatten, reshape, linear layers on tokens) have them as
they are here.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import Struct

from archcalc.formats.sources.program import Unsayable
from archcalc.formats.sources.said import Said
from archcalc.graph import Node
from archcalc.infer import InferredGraph
from archcalc.ops.base import Shape, Shapes, axis_of
from archcalc.ops.source import Input

Wants = Literal["last", "ours", "any"]


class Place(Struct, frozen=True):
    """What a rule is given: the shapes, in our order of axes, and whether its inputs have the channels last."""

    inputs: Shapes
    output: Shape
    last: bool

    def axis(self, dim: int) -> int:
        """The axis of a Keras tensor, with the batch, that torch's `dim` of an input is."""
        along = axis_of(dim, len(self.inputs[0]) if self.inputs else len(self.output))
        return 1 + self._moved(along)

    def _moved(self, along: int) -> int:
        if not self.last:
            return along
        return len(self.output) - 1 if along == 0 else along - 1

    def ordered(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Values by our axes in the order of Keras."""
        return (*values[1:], values[0]) if self.last else tuple(values)


class Entry(Struct, frozen=True):
    """A rule, where it wants the channels, and where they are in what it gives where that is another place."""

    rule: Callable[[Any, Place], Said]
    wants: Callable[[Any, Shapes], Wants]
    gives_ours: bool = False


def always(wants: Wants) -> Callable[[Any, Shapes], Wants]:
    return lambda op, inputs: wants


def layouts(network: InferredGraph, table: dict[str, Entry]) -> list[bool]:
    """For each node whether what it gives has the channels last.

    Samples come as they are here, and are turned at once where a layer that reads them wants it.
    """
    result: list[bool] = []
    for position, node in enumerate(network.nodes):
        if isinstance(node.op, Input):
            wanted = {_wants(network, reader, table) for reader in network.nodes if position in reader.inputs}
            maps = len(network.shapes[position]) > 2 and wanted != {"ours"}
            result.append(maps or "last" in wanted)
        else:
            entry = table.get(node.op.keyword)
            last = reads_last(network, node, table, result)
            result.append(last and entry is not None and not entry.gives_ours)
    return result


def reads_last(network: InferredGraph, node: Node, table: dict[str, Entry], known: Sequence[bool]) -> bool:
    """Whether a node reads its inputs with the channels last."""
    wants = _wants(network, node, table)
    return wants == "last" or (wants == "any" and any(known[producer] for producer in node.inputs))


def _wants(network: InferredGraph, node: Node, table: dict[str, Entry]) -> Wants:
    entry = table.get(node.op.keyword)
    return "ours" if entry is None else entry.wants(node.op, network.inputs(node))


def by_layout(framework: str, table: dict[str, Entry], network: InferredGraph) -> Callable[[InferredGraph, int], Said]:
    """What the table says of each layer, its inputs turned where they stand otherwise than it wants them."""
    known = layouts(network, table)

    def say(network: InferredGraph, position: int) -> Said:
        node = network.nodes[position]
        entry = table.get(node.op.keyword)
        if entry is None:
            raise Unsayable(f"{framework} has no word for {node.op.keyword}")
        last = reads_last(network, node, table, known)
        said = entry.rule(node.op, Place(network.inputs(node), network.shapes[position], last))
        form = said.form
        for number, producer in enumerate(node.inputs):
            rank = len(network.shapes[producer])
            if rank > 1 and known[producer] != last:
                form = form.replace(f"{{{number}}}", turned(f"{{{number}}}", rank, last))
        return Said(form, said.call)

    return say


def turned(value: str, rank: int, last: bool) -> str:
    """A value with its channels put last, or first again."""
    order = (*range(2, rank + 1), 1) if last else (rank, *range(1, rank))
    return f"layers.Permute(({', '.join(map(str, order))}))({value})"
