"""What turns one network into another, and what each edit does to every total: parts that add up to the whole exactly.

Every total is a sum over layers, the peak a sum over the tensors that are alive then. A layer that was added, removed
or changed accounts for its own part of the difference. A layer that is the same on both sides and yet costs something
else reads other shapes: its part belongs to the edits that those shapes come from, followed back through the graph; to
several of them together where the shapes need several, for then no part is one's alone.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from archcalc.analysis.alignment import align
from archcalc.analysis.cost import count_operations
from archcalc.analysis.edits import Edit, find_edits, roots_of
from archcalc.analysis.memory import DTYPES
from archcalc.analysis.params import count_params
from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.ops.base import Shape, Shapes
from archcalc.ops.source import Input

Causes = frozenset[int]

TOTALS = ("params", "buffers", "macs", "flops", "activation_bytes", "peak_activation_bytes")
"""What is attributed: activations are all outputs, the peak is what is alive at once."""


class Part(Struct, frozen=True):
    """What of the difference comes from `edits` together (their positions), by TOTALS, and in how many `layers`.

    No edits at all: tensors that are alive at one peak and not at the other, which lies elsewhere.
    """

    edits: tuple[int, ...]
    amounts: tuple[int, ...]
    layers: int


class LayerPart(Struct, frozen=True):
    """What of the difference shows in one layer and comes from `edits`; a name is "" where there is no such layer.

    A layer that was edited and reads other shapes as well has two parts.
    """

    before: str
    after: str
    edits: tuple[int, ...]
    amounts: tuple[int, ...]


class Total(Struct, frozen=True):
    """A total on either side."""

    name: str
    before: int
    after: int

    @property
    def change(self) -> int:
        return self.after - self.before


class Difference(Struct, frozen=True):
    """Two networks: the edits that turn one into the other, and for each total the parts that sum to its change.

    `layers` are the parts layer by layer; `pairs` the names of the layers that are each other's, `same` how many of
    these cost the same on either side.
    """

    totals: tuple[Total, ...]
    edits: tuple[Edit, ...]
    parts: tuple[Part, ...]
    layers: tuple[LayerPart, ...]
    pairs: tuple[tuple[str, str], ...]
    same: int


def difference(before: Analysis, after: Analysis) -> Difference:
    """What turns the first network into the second. Raises UsageError where they are analysed under two conventions."""
    for name in ("batch", "dtype", "training"):
        one, other = getattr(before, name), getattr(after, name)
        if one != other:
            raise UsageError(Problem(f"networks are compared under one {name}: these have {one} and {other}"))
    return _Comparison(before, after).result()


class _Side(Struct, frozen=True):
    """For each layer of one network where it comes from: its root, and the edits on the way to it (`passed`), some of
    which change the shape (`reshaping`)."""

    roots: list[int | None]
    passed: list[Causes]
    reshaping: list[Causes]

    @classmethod
    def of(cls, network: InferredGraph, edit_of: Mapping[int, int]) -> "_Side":
        return cls(roots_of(network, edit_of), _passed(network, edit_of, False), _passed(network, edit_of, True))


class _Comparison:
    """One comparison while it is made. Mutable while it is, and dropped then."""

    def __init__(self, before: Analysis, after: Analysis) -> None:
        self.before, self.after = before, after
        alignment = align(before.graph, after.graph)
        self.partner = {j: i for i, j in alignment.pairs}
        self.alignment = alignment
        self.edits = find_edits(before.graph, after.graph, alignment)
        self.old = _Side.of(before.graph, self.edits.removed)
        self.new = _Side.of(after.graph, self.edits.added)
        self.shape_causes: dict[int, Causes] = {}
        self.layers: list[LayerPart] = []
        self.peak: dict[Causes, int] = {}

    def result(self) -> Difference:
        before, after = self.before.graph.nodes, self.after.graph.nodes
        for i in self.alignment.removed:
            self._add(i, None, {self.edits.removed[i]}, [-amount for amount in _amounts(self.before, i)])
        for j in range(len(after)):
            if j in self.partner:
                self._pair(self.partner[j], j)
            else:
                self._add(None, j, {self.edits.added[j]}, _amounts(self.after, j))
        self._peak()
        pairs = tuple((before[i].name, after[j].name) for i, j in self.alignment.pairs)
        differing = {layer.after for layer in self.layers if layer.before and layer.after and any(layer.amounts)}
        totals = zip(TOTALS, _totals(self.before), _totals(self.after), strict=True)
        return Difference(
            tuple(Total(name, one, other) for name, one, other in totals),
            self.edits.edits,
            tuple(_summed(self.layers, self.peak)),
            tuple(self.layers),
            pairs,
            len(pairs) - len(differing),
        )

    def _add(self, i: int | None, j: int | None, causes: Iterable[int], amounts: Iterable[int]) -> None:
        names = (
            "" if i is None else self.before.graph.nodes[i].name,
            "" if j is None else self.after.graph.nodes[j].name,
        )
        self.layers.append(LayerPart(*names, tuple(sorted(causes)), tuple(amounts)))

    def _pair(self, i: int, j: int) -> None:
        """Account for a layer that is on both sides, and say where its shape comes from if that is another."""
        shape_before, shape_after = self.before.graph.shapes[i], self.after.graph.shapes[j]
        own, read = self.edits.paired.get(j), self._causes_of_inputs(i, j)
        one, other = _amounts(self.before, i), _amounts(self.after, j)
        if own is None:
            if one != other:
                self._add(i, j, read, _less(other, one))
            self.shape_causes[j] = read if shape_before != shape_after else frozenset()
            return
        between = self._with_old_inputs(i, j) if read else None
        if between is None:
            self._add(i, j, {own}, _less(other, one))
            self.shape_causes[j] = frozenset({own}) if shape_before != shape_after else frozenset()
            return
        amounts, shape = between
        self._add(i, j, {own}, _less(amounts, one))
        if amounts != other:
            self._add(i, j, read, _less(other, amounts))
        causes = {own} if shape != shape_before else set()
        self.shape_causes[j] = frozenset(causes | (read if shape != shape_after else set()))

    def _causes_of_inputs(self, i: int, j: int) -> Causes:
        """The edits that the shapes which a layer reads come from; none where they are as before."""
        before, after = self.before.graph, self.after.graph
        if before.inputs(before.nodes[i]) == after.inputs(after.nodes[j]):
            return frozenset()
        causes: Causes = frozenset()
        one, other = before.nodes[i].inputs, after.nodes[j].inputs
        for slot in range(max(len(one), len(other))):
            theirs, mine = one[slot] if slot < len(one) else None, other[slot] if slot < len(other) else None
            if theirs is None or mine is None or before.shapes[theirs] != after.shapes[mine]:
                causes |= self._parting(theirs, mine)
        # Shapes may differ by nothing that was found on the way to them: then all that was done is to blame.
        return causes or frozenset(range(len(self.edits.edits)))

    def _parting(self, theirs: int | None, mine: int | None) -> Causes:
        """The edits by which what is read in one place differs."""
        old, new = self.old, self.new
        causes: Causes = frozenset()
        causes = causes | old.reshaping[theirs] if theirs is not None else causes
        causes = causes | new.reshaping[mine] if mine is not None else causes
        root = None if mine is None else new.roots[mine]
        if root is not None and theirs is not None and self.partner[root] == old.roots[theirs]:
            return causes | self.shape_causes[root]
        causes = causes | old.passed[theirs] if theirs is not None else causes
        return causes | new.passed[mine] if mine is not None else causes

    def _with_old_inputs(self, i: int, j: int) -> tuple[list[int], Shape] | None:
        """What a changed layer would cost, and give, on the shapes that it read before; None where it could not."""
        node, inputs = self.after.graph.nodes[j], self.before.graph.inputs(self.before.graph.nodes[i])
        if len(inputs) != len(node.inputs) or not inputs or any(node.op.check(inputs)):
            return None
        shape = node.op.output(inputs)
        return _amounts_of(node, inputs, shape, self.after), shape

    def _peak(self) -> None:
        """Attribute what is alive at either peak, tensor by tensor."""
        one, other = _alive(self.before), _alive(self.after)

        def add(causes: Iterable[int], amount: int) -> None:
            key = frozenset(causes)
            self.peak[key] = self.peak.get(key, 0) + amount

        met = set()
        for j, size in other.items():
            i = self.partner.get(j)
            if i is None:
                add({self.edits.added[j]}, size)
            elif i in one:
                met.add(i)
                add(self.shape_causes.get(j, frozenset()), size - one[i])
            else:
                add((), size)
        for i, size in one.items():
            if i in self.edits.removed:
                add({self.edits.removed[i]}, -size)
            elif i not in met:
                add((), -size)


def _summed(layers: Iterable[LayerPart], peak: Mapping[Causes, int]) -> Iterator[Part]:
    """The parts of layers and of the peak by what they come from: one edit, then several together."""
    sums: dict[tuple[int, ...], list[int]] = {}
    names: dict[tuple[int, ...], set[tuple[str, str]]] = {}
    for layer in layers:
        found = sums.setdefault(layer.edits, [0] * len(TOTALS))
        names.setdefault(layer.edits, set()).add((layer.before, layer.after))
        for number, amount in enumerate(layer.amounts):
            found[number] += amount
    for causes, amount in peak.items():
        if amount:
            sums.setdefault(tuple(sorted(causes)), [0] * len(TOTALS))[-1] += amount
    for edits in sorted(sums, key=lambda edits: (len(edits), edits)):
        yield Part(edits, tuple(sums[edits]), len(names.get(edits, ())))


def _less(one: Iterable[int], other: Iterable[int]) -> list[int]:
    return [a - b for a, b in zip(one, other, strict=True)]


def _amounts(analysis: Analysis, position: int) -> list[int]:
    """What a layer adds to each of TOTALS; the peak is accounted for by itself."""
    params, cost = analysis.params.layers[position], analysis.cost.layers[position]
    return [params.params, params.buffers, cost.macs, cost.flops, analysis.memory.layers[position].bytes, 0]


def _amounts_of(node: Node, inputs: Shapes, shape: Shape, like: Analysis) -> list[int]:
    """As `_amounts`, of a layer that stands in neither network: asked of a network that is nothing but this layer."""
    entries = tuple(Node(f"{number}", Input(entry)) for number, entry in enumerate(inputs))
    alone = Node(node.name, node.op, tuple(range(len(inputs))))
    network = InferredGraph(Graph("", (*entries, alone)), (*inputs, shape))
    params = count_params(network).layers[-1]
    cost = count_operations(network, like.batch, like.training).layers[-1]
    stored = (params.params, params.buffers) if node.shares is None else (0, 0)
    return [*stored, cost.macs, cost.flops, product(shape) * like.batch * DTYPES[like.dtype], 0]


def _totals(analysis: Analysis) -> tuple[int, ...]:
    outputs = sum(layer.bytes for layer in analysis.memory.layers)
    params, cost = analysis.params, analysis.cost
    return params.params, params.buffers, cost.macs, cost.flops, outputs, analysis.memory.peak_bytes


def _alive(analysis: Analysis) -> dict[int, int]:
    """Position → bytes of each tensor that is alive at the peak."""
    index = analysis.graph.graph.index()
    return {index[tensor.name]: tensor.bytes for tensor in analysis.memory.alive}


def _passed(network: InferredGraph, edit_of: Mapping[int, int], reshaping_only: bool) -> list[Causes]:
    """For each layer the edits that lie between it and its root: all of them, or those that change a shape."""
    found: list[Causes] = []
    for position, node in enumerate(network.nodes):
        before = found[node.inputs[0]] if node.inputs and position in edit_of else frozenset[int]()
        if position in edit_of and edit_of[position] not in before:
            reshapes = not node.inputs or network.shapes[node.inputs[0]] != network.shapes[position]
            before = before | {edit_of[position]} if reshapes or not reshaping_only else before
        found.append(before)
    return found
