"""A network and symbols → its totals as closed forms: the analysis of the network on numbers that are expressions.

There is no second builder: symbols stand where `vars` and the input have numbers, and flow through expressions,
arguments, checks, facts and analyses as the numbers of a sweep do. What comes out is true for all values in the ranges
that are stated with it. Where floors are left, the network is derived once more for the sizes at which every stride
comes out even (H = 32·h), which is no approximation either: h is the symbol of that derivation.
"""

from collections.abc import Mapping
from collections.abc import Sequence as Names
from typing import Any

import msgspec
from msgspec import Struct

from archcalc.analysis.receptive_field import Field as Seen
from archcalc.analysis.receptive_field import LayerField
from archcalc.analysis.whole import Analysis
from archcalc.builder.assemble import assemble, evaluate
from archcalc.builder.overrides import Overrides
from archcalc.errors import ArchcalcError, Problem, Source, Span, UsageError, did_you_mean, printable
from archcalc.graph import Graph, Node
from archcalc.infer import infer, propagate
from archcalc.network import Network, changed
from archcalc.ops.source import Input
from archcalc.spec.expressions import Evaluator
from archcalc.spec.tree import Scalar, Sequence, Tree
from archcalc.symbolic.atoms import Symbol
from archcalc.symbolic.field import Coincidence, Field
from archcalc.symbolic.form import Form, Undecided
from archcalc.symbolic.results import Derivation, Formulas, LayerForms

MOST_LAYERS = 20_000
LONGEST_PERIOD = 4096
_ROUNDS = 8

INPUT_NAMES = {1: ("C",), 2: ("C", "L"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}
"""Axes of the input → what their sizes are called."""
MEANINGS = {
    "C": "channels of the input",
    "L": "length of the input",
    "D": "depth of the input",
    "H": "height of the input",
    "W": "width of the input",
    "batch": "samples at once",
}


class Question(Struct, frozen=True):
    """What closed forms are asked of: a network, what is changed about it, and the conventions."""

    network: Network
    overrides: Overrides
    batch: int = 1
    dtype: str = "float32"
    training: bool = False

    @property
    def is_spec(self) -> bool:
        """Whether there is a text to build from; else there are layers with arguments."""
        return bool(self.network.spec.source.text)


def closed_forms(
    question: Question, over: Names[str] | None = None, residues: Mapping[str, tuple[int, int]] = {}
) -> Formulas:
    """The closed forms of a network over symbols; `residues` assumes name → (period, residue).

    Without `over` the symbols are the input's sizes and those variables that totals turn out to depend on. Raises
    UsageError for symbols that there are none of, and the errors of the spec where structure depends on a symbol.
    """
    if len(question.network.graph.nodes) > MOST_LAYERS:
        raise UsageError(Problem(f"a network of more than {MOST_LAYERS:,} layers is too large for closed forms"))
    values, meanings = _possible(question)
    wrong = [name for name in (*(over or ()), *residues) if name not in values]
    if wrong:
        hint = did_you_mean(wrong[0], values) or f"there are {', '.join(values)}"
        raise UsageError(
            [Problem(f"'{printable(name, 40)}' is no symbol of this network", None, hint) for name in wrong]
        )
    if over is None:
        chosen, left_out = _sensible(question, values, residues)
    else:
        chosen, left_out = tuple(dict.fromkeys(over)), {}
    idle = [name for name in residues if name not in chosen]
    if idle:
        raise UsageError(Problem(f"'{idle[0]}' is assumed, but --over does not have it", None, f"--over {idle[0]}"))
    symbols = tuple(_symbol(name, values[name], *residues.get(name, (1, 0))) for name in chosen)
    general = even = None
    try:
        general = _derived(question, symbols)
        if residues:
            general, even = None, general
    except Coincidence as coincidence:
        even = _with_periods(question, symbols, coincidence)
        even = even if residues else _evened(question, even) or even
    if general is not None and not residues:
        even = _evened(question, general)
    batch = "batch" if "batch" in chosen else question.batch
    spec = question.network.spec
    return Formulas(spec.name, spec.title or spec.name, batch, question.dtype, general, even, meanings, left_out)


def _possible(question: Question) -> tuple[dict[str, int], dict[str, str]]:
    """Every symbol that there might be: its value where the network stands, and what it is."""
    shape = question.network.graph.input_shape
    values = dict(zip(INPUT_NAMES.get(len(shape), ()), shape, strict=False))
    values["batch"] = question.batch
    meanings = {name: MEANINGS[name] for name in values}
    spec = question.network.spec
    evaluator, names = Evaluator(), dict[str, Any](training=question.training)
    for name, tree in {**spec.variables, **question.overrides.variables}.items():
        names[name] = evaluate(tree, names, evaluator)
        if isinstance(names[name], int) and not isinstance(names[name], bool) and names[name] > 0:
            values[name] = names[name]
            meanings[name] = f"the variable {name}"
    return values, meanings


def _symbol(name: str, value: int, period: int, residue: int) -> Symbol:
    """A symbol that stands at the first value from its own on that has the residue."""
    return Symbol(name, value + (residue - value) % period, period, residue)


def _sensible(
    question: Question, values: Mapping[str, int], residues: Mapping[str, tuple[int, int]]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The sizes of the input, and the variables that are more than a switch and leave the structure alone."""
    sizes = tuple(name for name in INPUT_NAMES.get(len(question.network.graph.input_shape), ()) if name != "C")
    chosen, left_out = list[str](), dict[str, str]()
    variables = [name for name in values if name in question.network.spec.variables and values[name] > 1]
    for names in (sizes, *((name,) for name in variables)):
        if chosen:
            break
        symbols = [_symbol(name, values[name], *residues.get(name, (1, 0))) for name in (*chosen, *names)]
        try:
            _fitted(question, tuple(symbols), sizes=names is sizes)
        except ArchcalcError as error:
            left_out.update(dict.fromkeys(names, error.problems[0].message if error.problems else ""))
        else:
            chosen += names
    if not chosen:
        raise UsageError(
            Problem("no size and no variable of this network can be a symbol", None, next(iter(left_out.values()), ""))
        )
    return tuple(chosen), left_out


def _fitted(question: Question, symbols: tuple[Symbol, ...], sizes: bool) -> None:
    """Raise what stands against symbols: of `sizes` not that they need a period, which is as common as U-Nets are."""
    try:
        _network(question, symbols)
    except Coincidence as coincidence:
        if not sizes:
            raise UsageError(Problem(str(coincidence))) from None
        _with_periods(question, symbols, coincidence, built=True)


def _with_periods(
    question: Question, symbols: tuple[Symbol, ...], coincidence: Coincidence, built: bool = False
) -> Any:
    """The derivation for the residues at which sizes are equal that need not be. Raises UsageError without any."""
    for _ in range(_ROUNDS):
        field = coincidence.form.field
        periods = field.moduli(coincidence.form)
        grown = _periodic(symbols, periods)
        if grown == symbols or max(periods.values()) > LONGEST_PERIOD:
            break
        symbols = grown
        try:
            return _network(question, symbols) if built else _derived(question, symbols)
        except Coincidence as another:
            coincidence = another
    names = " and ".join(coincidence.names)
    value = ", ".join(f"{symbol.name} = {symbol.value}" for symbol in symbols if symbol.name in coincidence.names)
    message = f"the network fits together for {value}, and not for other values of {names}"
    raise UsageError(Problem(message, None, "choose other symbols with --over"))


def _periodic(symbols: tuple[Symbol, ...], periods: Mapping[str, int]) -> tuple[Symbol, ...]:
    return tuple(
        msgspec.structs.replace(symbol, period=periods[symbol.name], residue=symbol.value % periods[symbol.name])
        for symbol in symbols
    )


def _evened(question: Question, derivation: Derivation) -> Derivation | None:
    """The derivation for the residues at which no floor is left; None where there was none, or where some stay."""
    for _ in range(_ROUNDS):
        periods = derivation.periods()
        symbols = _periodic(derivation.symbols, periods)
        if max(periods.values(), default=1) > LONGEST_PERIOD:
            return None
        if symbols == derivation.symbols:
            return derivation if any(symbol.period > 1 for symbol in symbols) else None
        try:
            derivation = _derived(question, symbols)
        except (ArchcalcError, Coincidence):
            return None
    return None


def _network(question: Question, symbols: tuple[Symbol, ...]) -> tuple[Field, Network, Any]:
    """The network on symbols, with the field they belong to and the batch."""
    field = Field(symbols)
    numbers = {symbol.name: field.number(symbol.name) for symbol in symbols}
    try:
        return field, _built(question, numbers), numbers.get("batch", question.batch)
    except Undecided as error:
        if isinstance(error, Coincidence):
            raise
        raise UsageError(_located(question, numbers, error)) from None
    except ArchcalcError:
        if field.coincidences:
            raise field.coincidences[-1] from None
        raise


def _overrides(question: Question, numbers: Mapping[str, Form]) -> Overrides:
    """The changes of the question, with symbols in the place of numbers."""
    spec, shape = question.network.spec, question.network.graph.input_shape
    names = INPUT_NAMES.get(len(shape), ())
    variables = dict(question.overrides.variables)
    for name in numbers:
        if name in spec.variables:
            span = Span(Source("--over", name), 1, 1, len(name))
            variables[name] = Scalar(numbers[name], span)  # type: ignore[arg-type]
    sizes: Any = question.overrides.input
    if any(name in names and name not in spec.variables for name in numbers):
        sizes = sizes or _own_shape(question, variables)
        free = [
            number if name in spec.variables else numbers.get(name, number)
            for name, number in zip(names, sizes, strict=True)
        ]
        sizes = tuple(free)
    return Overrides(variables, question.overrides.arguments, sizes, question.training)


def _own_shape(question: Question, variables: Mapping[str, Tree]) -> tuple[Any, ...]:
    """The shape that the spec itself gives the input, which may be an expression of symbols."""
    spec, shape = question.network.spec, question.network.graph.input_shape
    if isinstance(spec.input, Sequence):
        evaluator, names = Evaluator(), dict[str, Any](training=question.training)
        try:
            for name, tree in {**spec.variables, **variables}.items():
                names[name] = evaluate(tree, names, evaluator)
            found = evaluate(spec.input, names, evaluator)
        except ArchcalcError:
            return shape  # what is wrong is said when the network is built
        if any(isinstance(size, Form) for size in found):
            return tuple(found)
    return shape


def _built(question: Question, numbers: Mapping[str, Form]) -> Network:
    overrides = _overrides(question, numbers)
    if question.is_spec:
        return changed(question.network.spec, overrides)
    graph = question.network.graph.graph
    shape = overrides.input or question.network.graph.input_shape
    nodes = [Node(n.name, Input(shape), (), n.span) if isinstance(n.op, Input) else n for n in graph.nodes]
    return Network(question.network.spec, infer(Graph(graph.name, tuple(nodes), graph.blocks)))


def _located(question: Question, numbers: Mapping[str, Form], error: Undecided) -> Problem:
    """At which layer a question cannot be answered: the last of the shortest beginning that asks it."""
    hint = f"leave {' and '.join(error.names)} out of --over"
    if not question.is_spec:
        return Problem(str(error), None, hint)
    graph = assemble(question.network.spec, _overrides(question, numbers)).graph
    fine, failing = 0, len(graph.nodes)
    while failing - fine > 1:
        middle = (fine + failing) // 2
        try:
            propagate(Graph(graph.name, graph.nodes[:middle]))
        except Undecided:
            failing = middle
        else:
            fine = middle
    node = graph.nodes[failing - 1]
    return Problem(f"{node.name}: {error}", node.span, hint)


def _derived(question: Question, symbols: tuple[Symbol, ...]) -> Derivation:
    """The closed forms over symbols. Raises Coincidence where sizes fit together for some of their values only."""
    field, network, batch = _network(question, symbols)
    analysis = Analysis(network.spec, network.graph, batch, question.dtype, "all", question.training)
    params, cost, memory = analysis.params, analysis.cost, analysis.memory
    reasons: dict[str, str] = {}
    seen, fields = _seen(analysis, reasons)
    totals = {
        "params": params.params,
        "buffers": params.buffers,
        "weight_bytes": memory.weight_bytes,
        "macs": cost.macs,
        "flops": cost.flops,
        "activation_bytes": memory.activation_bytes,
        "peak_activation_bytes": memory.peak_bytes,
        "receptive_field": seen,
        "output": network.graph.shapes[-1],
    }
    if field.is_unstated(memory.peak_bytes):
        totals["peak_activation_bytes"] = None
        reasons["peak_activation_bytes"] = (
            "it is now at one layer and now at another: the largest of too many expressions"
        )
    layers = tuple(
        LayerForms(
            node.name,
            node.op.keyword,
            shape,
            params.layers[i].params,
            cost.layers[i].macs,
            cost.layers[i].flops,
            memory.layers[i].bytes,
            _sizes(fields[i]) if fields else None,
        )
        for i, (node, shape) in enumerate(zip(network.graph.nodes, network.graph.shapes, strict=True))
    )
    return Derivation(symbols, field, totals, reasons, layers)


def _seen(analysis: Analysis, reasons: dict[str, str]) -> tuple[Any, tuple[LayerField, ...]]:
    """The receptive field of the network, and those of its layers; nothing, with the reason, where there is none."""
    try:
        fields = analysis.fields
        if fields.last is not None:
            return _sizes(fields.last), fields.layers
        reasons["receptive_field"] = "no layer has one in numbers"
    except (Undecided, TypeError) as error:
        if isinstance(error, Coincidence):
            raise
        reasons["receptive_field"] = str(error) if isinstance(error, Undecided) else "it depends on sizes"
        return None, ()
    return None, fields.layers


def _sizes(layer: LayerField) -> tuple[Any, ...] | None:
    """The size on each axis; None where one of them has none."""
    sizes = tuple(seen.size for seen in layer.axes if isinstance(seen, Seen))
    return sizes if sizes and len(sizes) == len(layer.axes) else None
