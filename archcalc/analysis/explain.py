"""How a number comes about: the facts of a layer run on numbers that remember where they came from.

Nothing is computed here that an analysis does not compute: the same lines of code run, on `Traced` numbers, and the
expression that they leave behind is the explanation.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from archcalc.analysis.memory import DTYPES
from archcalc.analysis.receptive_field import Field, Seen, follow, grow, seen_note
from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.graph import Node
from archcalc.numbers import Traced, grouped, product
from archcalc.ops.base import NEUTRAL, Op, Reads, Shape, Window, Work, axis_names, show_shape

_LONG = 100  # a formula in names that is longer says less than its values do


class Step(Struct, frozen=True):
    """One number: what it is, its formula in names, the same with the values put in, and the result.

    `formula` or `values` are empty where they would only repeat the other or the result.
    """

    label: str
    formula: str
    values: str
    result: int | str
    unit: str = ""


class Section(Struct, frozen=True):
    """Steps that lead to one answer, which stands in the title."""

    title: str
    result: str
    steps: tuple[Step, ...]


class Explanation(Struct, frozen=True):
    """Everything about a layer, or about a whole network."""

    title: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


def explain_layer(analysis: Analysis, name: str) -> Explanation:
    """The derivation of every number of one layer. Raises UsageError for a layer that is not there."""
    index = analysis.graph.graph.index()
    if name not in index:
        hint = did_you_mean(name, index)
        raise UsageError(Problem(f"'{analysis.spec.name}' has no layer '{name}'", None, hint))
    return _explained(analysis, index[name])


def explain_layers(analysis: Analysis) -> Iterator[Explanation]:
    """The derivations of all layers, in their order."""
    return (_explained(analysis, position) for position in range(len(analysis.graph.nodes)))


def _explained(analysis: Analysis, position: int) -> Explanation:
    node = analysis.graph.nodes[position]
    trace = _Trace(analysis, position)
    sections = [
        trace.shape(),
        trace.params(),
        trace.work(),
        trace.memory(),
        trace.receptive_field(),
    ]
    notes = tuple(node.op.notes(analysis.graph.inputs(node)))
    title = f"{analysis.spec.title} · {node.name} ({node.op.keyword}{_arguments(node.op)})"
    return Explanation(title, tuple(section for section in sections if section is not None), notes)


def _arguments(op: Op) -> str:
    """The arguments that are not at their defaults: `: out_channels 96, kernel_size 11, stride 4`."""
    given = [
        f"{field.name} {_plain(getattr(op, field.name))}"
        for field in msgspec.structs.fields(op)
        if field.default is msgspec.NODEFAULT or getattr(op, field.name) != field.default
    ]
    return ": " + ", ".join(given) if given else ""


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "×".join(_plain(part) if not isinstance(part, tuple) else "+".join(map(str, part)) for part in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def traced_shape(shape: Shape, before: str = "", behind: str = "") -> Shape:
    """A shape of leaves, named by axis."""
    names = axis_names(len(shape))
    return tuple(Traced(size, f"{before}{name}{behind}") for size, name in zip(shape, names, strict=True))  # type: ignore[misc]


def traced_op(op: Op) -> Op:
    """The operator with its whole-number arguments as leaves; one that changes nothing is quiet."""
    changes = {}
    for field in msgspec.structs.fields(op):
        value = getattr(op, field.name)
        traced = _traced_argument(value, field.name, NEUTRAL.get(field.name))
        if traced is not value:
            changes[field.name] = traced
    return msgspec.structs.replace(op, **changes)


def _traced_argument(value: Any, name: str, neutral: int | None) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return Traced(value, name, value == neutral)
    if isinstance(value, tuple):
        return tuple(_traced_argument(part, f"{name}[{index}]", neutral) for index, part in enumerate(value))
    return value


def _step(label: str, number: Any, unit: str = "") -> Step:
    """A number as a step. A plain one has no formula; a leaf is its own."""
    if not isinstance(number, Traced):
        return Step(label, "", "", int(number), unit)
    formula = number.formula
    if not number.operator:
        return Step(label, formula if formula != label else "", "", number.value, unit)
    return Step(label, "" if len(formula) > _LONG else formula, number.substituted, number.value, unit)


class _Trace:
    """The facts of one layer, run once on traced numbers."""

    def __init__(self, analysis: Analysis, position: int) -> None:
        self.analysis = analysis
        self.position = position
        self.node: Node = analysis.graph.nodes[position]
        self.shapes = analysis.graph.inputs(self.node)
        self.output = analysis.graph.shapes[position]
        many = len(self.shapes) > 1
        producers = [analysis.graph.nodes[i].name.rpartition(".")[2] for i in self.node.inputs]
        self.op = traced_op(self.node.op)
        self.inputs = tuple(
            traced_shape(shape, "in_" if not many and len(shape) == 1 else "", f" of {name}" if many else "")
            for shape, name in zip(self.shapes, producers, strict=True)
        )

    def shape(self) -> Section:
        numbers = self.op.output(self.inputs)
        kept = self.inputs[:1] == (numbers,)
        steps = (
            []
            if kept
            else [(name, [_step(name, n)]) for name, n in zip(axis_names(len(numbers)), numbers, strict=True)]
        )
        told = _by_axis(steps) if steps else [Step("shape", "", "", "that of its input")]
        return Section("Output shape", show_shape(self.output), tuple(told))

    def params(self) -> Section:
        counted = self.analysis.params.layers[self.position]
        if counted.shared_with:
            step = Step("weights", "", "", f"those of {counted.shared_with}, counted there")
            return Section("Parameters", "0", (step,))
        weights = self.op.weights(self.inputs)
        trainable = [weight for weight in weights if weight.role == "trainable"]
        steps = [_step(weight.name, weight.count) for weight in trainable]
        if len(trainable) > 1:
            parts = " + ".join(grouped(int(weight.count)) for weight in trainable)
            words = " + ".join(weight.name for weight in trainable)
            steps.append(Step("params", words, parts, counted.params))
        buffers = [weight for weight in weights if weight.role != "trainable"]
        steps += [_step(f"{weight.name} (a buffer)", weight.count) for weight in buffers]
        return Section("Parameters", grouped(counted.params), tuple(steps or [Step("weights", "", "", "none")]))

    def work(self) -> Section:
        output = traced_shape(self.output, "out_")
        if self.analysis.training:
            batch = Traced(self.analysis.batch, "batch", self.analysis.batch == 1)
            work = self.op.training_work(self.inputs, output, batch)  # type: ignore[arg-type]
        else:
            work = self.op.work(self.inputs, output)
        classes = [(name, getattr(work, name)) for name in Work.__struct_fields__ if int(getattr(work, name))]
        cost = self.analysis.cost.layers[self.position]
        labels = {"macs": "MACs"}
        steps = [_step(labels.get(name, name), number) for name, number in classes]
        if len(classes) > 1 or int(work.macs):
            parts = [("2·" if name == "macs" else "") + grouped(int(number)) for name, number in classes]
            words = " + ".join(("2·MACs" if name == "macs" else labels.get(name, name)) for name, _ in classes)
            steps.append(Step("FLOPs", words, " + ".join(parts), sum(int(n) * (1 + (k == "macs")) for k, n in classes)))
        if self.analysis.batch > 1 and classes and not self.analysis.training:
            steps.append(
                Step("MACs of the batch", "MACs·batch", f"{grouped(int(work.macs))}·{self.analysis.batch}", cost.macs)
            )
        result = f"{grouped(cost.macs)} MACs, {grouped(cost.flops)} FLOPs"
        return Section("Operations", result, tuple(steps or [Step("work", "", "", "none at inference")]))

    def memory(self) -> Section:
        size = self.analysis.memory.layers[self.position]
        batch = Traced(self.analysis.batch, "batch", self.analysis.batch == 1)
        if not size.values:
            return Section("Memory", "0 bytes of activations", (Step("output", "", "", "its weights, counted there"),))
        values = product(traced_shape(self.output, "out_"))
        each = Traced(DTYPES[self.analysis.dtype], f"bytes of {self.analysis.dtype}")
        whole = values * batch * each
        return Section("Memory", f"{grouped(size.bytes)} bytes of activations", (_step("output", whole, "bytes"),))

    def receptive_field(self) -> Section | None:
        seen = self.analysis.fields.layers[self.position]
        if not self.node.inputs or not seen.axes:
            return None
        windows = self.op.windows(self.inputs, self.op.output(self.inputs))
        ways = list(zip(self.node.inputs, windows, self.analysis.graph.windows(self.position), strict=True))
        axes = []
        for axis, name in enumerate(axis_names(len(seen.axes) + 1)[1:]):
            steps = [step for way in ways for step in self._growth(axis, *way)]
            union = seen.axes[axis]
            if len(ways) > 1 and isinstance(union, Field):
                steps.append(
                    Step("size, all ways together", "", "from the first position any way sees to the last", union.size)
                )
            axes.append((name, steps))
        sizes = tuple(axis.size for axis in seen.axes if isinstance(axis, Field))
        return Section("Receptive field", seen_note(seen) or show_shape(sizes), tuple(_by_axis(axes)))

    def _growth(self, axis: int, producer: int, reads: Reads, plain: Reads) -> Iterator[Step]:
        """How the field grows on one way into the layer, where that is one window on a regular grid.

        `reads` are traced, `plain` the same in ints: spread grids are worked out unit by unit and leave no one formula.
        """
        before = self.analysis.fields.layers[producer].axes[axis]
        after = follow(before, plain)
        window = _window_on(before, reads)
        if window is None or not isinstance(before, Field) or not isinstance(after, Field):
            return
        through = f" through {self.analysis.graph.nodes[producer].name}" if len(self.node.inputs) > 1 else ""
        if before.period > 1 or int(window.upsample) > 1:
            yield Step(f"size{through}", "", f"from {before.size}, through {_spread_points(before, plain)}", after.size)
            return
        leaves = (
            Traced(before.size, "size before"),
            Traced(before.step, "stride before"),
            Traced(before.padding, "padding before"),
        )
        size, stride, padding = grow(*leaves, window)  # type: ignore[arg-type]
        yield _step(f"size{through}", size)
        if not through:
            yield _step("effective stride", stride)
            yield _step("effective padding", padding)


def _window_on(seen: Seen, reads: Reads) -> Window | None:
    if not isinstance(seen, Field):
        return None
    return next((entry for entry in reads if isinstance(entry, Window) and entry.axis == seen.axis), None)


def _spread_points(before: Field, reads: Reads) -> str:
    """How many points of a spread grid a window has, and how far apart on the network's input they are."""
    from fractions import Fraction

    window = _window_on(before, reads)
    if window is None or window.kernel == 1:
        return "1 point of a spread grid"
    apart = Fraction(before.stride) * window.dilation / window.upsample
    return f"{window.kernel} points of a spread grid, {apart} of the input apart"


def _by_axis(axes: list[tuple[str, list[Step]]]) -> Iterator[Step]:
    """The steps of each axis; axes on which the same happens are told once, under both names."""
    groups: dict[tuple[tuple[str, int | str], ...], tuple[list[str], list[Step]]] = {}
    for name, steps in axes:
        told = tuple((step.values, step.result) for step in steps)
        groups.setdefault(told, ([], steps))[0].append(name)
    for names, steps in groups.values():
        where = ", ".join(names)
        for step in steps:
            label = where if step.label == names[0] else step.label if len(groups) == 1 else f"{step.label} ({where})"
            yield Step(label, step.formula, step.values, step.result, step.unit)


def explain_network(analysis: Analysis) -> Explanation:
    """How the totals of a network add up from its layers."""
    sections = (_total_params(analysis), _total_operations(analysis), _total_memory(analysis), _total_field(analysis))
    words = analysis.graph.unknown_words()
    title, found = f"{analysis.spec.title} · the whole network", tuple(section for section in sections if section)
    return Explanation(title, found, (f"at least: {words}",) if words else ())


def _parts(analysis: Analysis, numbers: list[int]) -> list[tuple[str, int]]:
    """What adds up to a total: layers, or outermost scopes, in order, without those that add nothing."""
    parts: dict[str, int] = {}
    for node, number in zip(analysis.graph.nodes, numbers, strict=True):
        if number:
            name = node.name.partition(".")[0]
            parts[name] = parts.get(name, 0) + number
    return list(parts.items())


def _sum_steps(analysis: Analysis, label: str, numbers: list[int], total: int) -> list[Step]:
    parts = _parts(analysis, numbers)
    steps = [Step(name, "", "", number) for name, number in parts]
    return [*steps, Step(label, "the sum of these", " + ".join(grouped(number) for _, number in parts), total)]


def _total_params(analysis: Analysis) -> Section:
    counted = analysis.params
    steps = _sum_steps(analysis, "params", [layer.params for layer in counted.layers], counted.params)
    if counted.buffers:
        steps.append(Step("buffers", "", "running statistics and constants", counted.buffers))
    return Section("Parameters", grouped(counted.params), tuple(steps))


def _total_operations(analysis: Analysis) -> Section:
    cost = analysis.cost
    steps = _sum_steps(analysis, "MACs", [layer.macs for layer in cost.layers], cost.macs)
    classes = [(name, getattr(cost.work, name)) for name in cost.work.__struct_fields__[1:] if getattr(cost.work, name)]
    words = " + ".join(("2·MACs", *(name for name, _ in classes)))
    values = " + ".join((f"2·{grouped(cost.macs)}", *(grouped(count) for _, count in classes)))
    steps.append(Step("FLOPs", words, values, cost.flops))
    return Section("Operations", f"{grouped(cost.macs)} MACs, {grouped(cost.flops)} FLOPs", tuple(steps))


def _total_memory(analysis: Analysis) -> Section:
    memory, params = analysis.memory, analysis.params
    arrays = Traced(params.params, "params") + Traced(params.buffers, "buffers", params.buffers == 0)
    weights = _step("weights", arrays * Traced(DTYPES[analysis.dtype], f"bytes of {analysis.dtype}"), "bytes")
    alive = " + ".join(grouped(tensor.bytes) for tensor in memory.alive)
    names = " + ".join(tensor.name for tensor in memory.alive)
    steps = [
        weights,
        Step(
            "peak of activations", f"alive while {memory.peak_layer} runs: {names}", alive, memory.peak_bytes, "bytes"
        ),
    ]
    if memory.model != "peak":
        step = Step(
            f"activations ({memory.model})", f"values·bytes of {memory.dtype}", "", memory.activation_bytes, "bytes"
        )
        steps.append(step)
    return Section("Memory", f"{grouped(memory.weight_bytes + memory.activation_bytes)} bytes", tuple(steps))


def _total_field(analysis: Analysis) -> Section | None:
    """The size of the last field as 1 + Σ (span − 1)·stride along the way that sees farthest."""
    last = analysis.fields.last
    seen = last.axes[0] if last is not None else None
    if last is None or not isinstance(seen, Field):
        return None
    terms, steps = ["1"], []
    position, reached = analysis.graph.graph.index()[last.name], 1
    chain: list[tuple[str, Window, int]] = []
    while analysis.graph.nodes[position].inputs:
        producer, window, stride = _farthest(analysis, position)
        if window.span > 1:
            chain.append((analysis.graph.nodes[position].name, window, stride))
        position = producer
    for name, window, stride in reversed(chain):
        reached += (window.span - 1) * stride
        terms.append(f"({window.span} − 1)·{stride}")
        steps.append(
            Step(
                name,
                "size before + (kernel − 1)·stride before",
                f"{reached - (window.span - 1) * stride} + ({window.span} − 1)·{stride}",
                reached,
            )
        )
    if reached != seen.size:
        steps = [Step("size", "", "the union of ways that look at different places", seen.size)]
    else:
        steps.append(Step("size", "1 + Σ (kernel − 1)·stride before", " + ".join(terms), seen.size))
    return Section(
        "Receptive field",
        f"{show_shape(tuple(a.size for a in last.axes if isinstance(a, Field)))} at {last.name}",
        tuple(steps),
    )


def _farthest(analysis: Analysis, position: int) -> tuple[int, Window, int]:
    """The input through which a layer sees farthest on the first axis, its window there and the stride before it."""
    best: tuple[int, Window, int] | None = None
    size = 0
    for producer, reads in zip(analysis.graph.nodes[position].inputs, analysis.graph.windows(position), strict=True):
        before = analysis.fields.layers[producer].axes[0]
        window, after = _window_on(before, reads), follow(before, reads)
        if window is not None and isinstance(before, Field) and isinstance(after, Field) and after.size > size:
            best, size = (producer, window, before.step), after.size
    assert best is not None  # noqa: S101 - a layer with a field has an input with one
    return best
