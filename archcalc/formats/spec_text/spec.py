"""Network → text of a spec, held against the network before it is given away."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from archcalc.builder.names import INPUT
from archcalc.errors import ArchcalcError, Problem, UsageError, enumerate_words, printable
from archcalc.formats.spec_text.blocks import Block, Tables, block_of
from archcalc.formats.spec_text.fit import Expr
from archcalc.formats.spec_text.forms import Call, Forms, Layer, Line, Loop
from archcalc.formats.spec_text.lines import Called, UnsayableError, lines_of
from archcalc.formats.spec_text.naming import block_name
from archcalc.formats.spec_text.places import Place, places_of
from archcalc.formats.spec_text.runs import collapse, unrolled
from archcalc.formats.spec_text.write import Writer, mapping, plain_value, quoted
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph
from archcalc.network import loads
from archcalc.ops import OPS
from archcalc.ops.linear import Linear
from archcalc.ops.source import Input
from archcalc.spec.schema import MAX_NAME, REQUIRED, VERSION, is_layer_name

PASSES = 12
"""How often scopes that are not worth a block are given up, which may make others so."""
CLASSES = "classes"
_BEHIND_CLASSES = ("softmax", "log_softmax", "dropout", "identity")
EAGER = 0.97
"""The share of lines below which more repeats, with more formulas, read better."""


def to_spec(network: InferredGraph, title: str = "", flat: bool = False) -> str:
    """The text of a spec that reads back as exactly this network: names, operators, inputs, shares and order.

    Scopes of names that occur several times become blocks, runs of equal layers repeats, series-parallel parts merges
    of branches; `flat` writes one line a layer instead. `title` is what the network is called for people.

    Raises UsageError for what the language cannot say: a second input, a name with signs that names do not have.
    """
    graph = network.graph
    _check(graph)
    if not flat:
        text = structured(graph, title)
        if text is not None and difference(graph, text) is None:
            return text
    text = _document(graph, title, _plan(graph.nodes, True, False, ()))
    found = difference(graph, text)
    if found is not None:
        raise AssertionError(f"a spec that reads back as another network: {found}")
    return text


def structured(graph: Graph, title: str = "") -> str | None:
    """The text with its structure, not yet held against the graph; None where the names allow none.

    Of one that takes loops where they are plainly worth it and an eager one it is the eager if that is shorter.
    """
    try:
        plain, eager = (_document(graph, title, _with_classes(_settled(graph.nodes, mood))) for mood in (False, True))
    except UnsayableError:
        return None
    return eager if eager.count("\n") < EAGER * plain.count("\n") else plain


def _check(graph: Graph) -> None:
    inputs = [node for node in graph.nodes if isinstance(node.op, Input)]
    if len(inputs) != 1 or graph.nodes[0] is not inputs[0] or inputs[0].name != INPUT:
        names = _some([node.name for node in inputs]) or "none"
        raise UsageError(Problem(f"a spec has one input, called '{INPUT}'; this network has {names}"))
    wrong = [node.name for node in graph.nodes if not is_layer_name(node.name)]
    if wrong:
        hint = f"letters, digits, _, -, /, : and dots, at most {MAX_NAME}"
        raise UsageError(Problem(f"layers of a spec cannot be called {_some(wrong)}", None, hint))
    foreign = [node.name for node in graph.nodes if OPS.get(node.op.keyword) is not type(node.op)]
    if foreign:
        raise UsageError(Problem(f"a spec has no word for what {_some(foreign)} compute{'s' * (len(foreign) == 1)}"))


def _some(names: Sequence[str]) -> str:
    """The first of some names, and how many there are beside them."""
    shown = [f"'{printable(name, 40)}'" for name in names[:3]]
    return enumerate_words([*shown, f"{len(names) - 3} more"] if len(names) > 3 else shown)


def difference(graph: Graph, text: str) -> str | None:
    """Where the network of a text is not the graph; None if it is."""
    try:
        found = loads(text).graph.graph.nodes
    except ArchcalcError as error:
        return str(error)
    if len(found) != len(graph.nodes):
        return f"{len(found)} layers for {len(graph.nodes)}"
    for mine, theirs in zip(graph.nodes, found, strict=True):
        if _said(mine) != _said(theirs):
            return f"{_said(theirs)} for {_said(mine)}"
    return None


def _said(node: Node) -> tuple[Any, ...]:
    return node.name, node.op, node.inputs, node.shares


class _Plan(Struct, frozen=True):
    """All that is written: blocks in an order in which each comes after those it calls, the network last."""

    forms: Forms
    blocks: list[Block]
    names: list[str]
    places: list[list[str]]
    tables: Tables
    variables: dict[str, Any] = {}


def _settled(nodes: tuple[Node, ...], eager: bool) -> _Plan:
    """The plan without the blocks that are not worth theirs, and those in which not all can be named that is read."""
    dissolved: set[str] = set()
    for attempt in range(PASSES):
        try:
            plan = _plan(nodes, False, eager, dissolved)
        except UnsayableError as error:
            if attempt == PASSES - 1:
                raise
            dissolved |= error.places
            continue
        idle = {path for number in _idle(plan) for path in plan.places[number]}
        if not idle:
            break
        dissolved |= idle
    return plan


def _plan(nodes: tuple[Node, ...], flat: bool, eager: bool, dissolved: Collection[str]) -> _Plan:
    places = places_of(nodes, flat, dissolved)
    forms, tables = Forms(), Tables()
    plan = _Plan(forms, [], [], [], tables)
    called: dict[str, tuple[int, tuple[Any, ...]]] = {}
    for level in _levels(places):
        written = _lines(level, nodes, forms, called, flat)
        if not flat:
            written = collapse(written, forms, eager)
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, lines in enumerate(written):
            alike[tuple(line.form for line in lines)].append(number)
        for numbers in alike.values():
            paths = [level[number].path for number in numbers]
            block, values = block_of(unrolled([written[number] for number in numbers], forms), forms, tables)
            if paths != [""]:
                plan.names.append(block_name(paths, block, forms, plan.names))
                for path, given in zip(paths, values, strict=True):
                    called[path] = len(plan.blocks), given
            plan.blocks.append(block)
            plan.places.append(paths)
    return plan


def _lines(
    level: Sequence[Place], nodes: tuple[Node, ...], forms: Forms, called: Called, flat: bool
) -> list[list[Line]]:
    """The lines of several places. Raises UnsayableError with all in which a layer cannot be named."""
    written, unsayable = [], set()
    for place in level:
        try:
            written.append(lines_of(place, nodes, forms, called, flat))
        except UnsayableError as error:
            unsayable |= error.places
    if unsayable:
        raise UnsayableError(unsayable)
    return written


def _with_classes(plan: _Plan) -> _Plan:
    """The plan with the width of the last linear layer as a variable, where it is what comes out of the network."""
    last, end = plan.blocks[-1], len(plan.blocks[-1].holes)
    for number in reversed(last.forms):
        form = plan.forms.all[number]
        start = end - len(plan.forms.holes((number,)))
        if isinstance(form, Layer) and form.op is Linear and CLASSES not in plan.tables.lists:
            place = start + len((form.name or ("",))[1:])  # out_features is the first argument
            holes = list(last.holes)
            variables = {**plan.variables, CLASSES: holes[place].value}
            holes[place] = Expr(formula=CLASSES)
            block = msgspec.structs.replace(last, holes=tuple(holes))
            return msgspec.structs.replace(plan, blocks=[*plan.blocks[:-1], block], variables=variables)
        if not isinstance(form, Layer) or form.op.keyword not in _BEHIND_CLASSES or form.inputs is not None:
            return plan
        end = start
    return plan


def _levels(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Places by height: those without others in them, those with such places in them, and so on."""
    heights: dict[str, int] = {}
    levels: dict[int, list[Place]] = defaultdict(list)
    for place in places:
        inner = [heights[item.path] for item in place.items if isinstance(item, Place)]
        heights[place.path] = max(inner, default=-1) + 1
        levels[heights[place.path]].append(place)
    for height in sorted(levels):
        yield sorted(levels[height], key=lambda place: place.start)


def _sites(plan: _Plan) -> Counter[int]:
    """How often each block is called in the text; a call within a repeat counts for many."""
    sites: Counter[int] = Counter()
    for block in plan.blocks:
        pending = [(number, 1) for number in block.forms]
        while pending:
            number, weight = pending.pop()
            form = plan.forms.all[number]
            if isinstance(form, Call):
                sites[form.block] += weight
            pending += [(inner, 4 if isinstance(form, Loop) else weight) for inner in plan.forms.inner(form)]
    return sites


def _idle(plan: _Plan) -> Iterator[int]:
    """Blocks that take more lines than they save: short ones that are called once or twice."""
    sites = _sites(plan)
    for number, block in enumerate(plan.blocks[:-1]):
        height = sum(plan.forms.lines[form] for form in block.forms)
        if (sites[number] == 1 and height <= 6) or (sites[number] == 2 and height < 4):
            yield number


def _document(graph: Graph, title: str, plan: _Plan) -> str:
    sites = _sites(plan)
    bare = {number: name for number, name in enumerate(plan.names) if sites[number] == 1}
    writer = Writer(plan.forms, plan.blocks, plan.names, bare)
    name = printable(graph.name).strip() or "network"
    lines = [f"archcalc: {VERSION}", f"name: {quoted(name, number=False)}"]
    if title and title != name:
        lines.append(f"title: {quoted(printable(title), number=False)}")
    lines.append(f"input: {plain_value(graph.nodes[0].op.shape)}")  # type: ignore[attr-defined]
    variables = {**plan.tables.lists, **plan.variables}
    if variables:
        lines += mapping("vars", variables.items(), 0)
    if len(plan.blocks) > 1:
        lines.append("blocks:")
    for number, block in enumerate(plan.blocks[:-1]):
        lines.append(f"  {plan.names[number]}:")
        if block.arguments:
            given = [(one.name, REQUIRED if one.required else one.default) for one in block.arguments]
            lines += mapping("args", given, 4)
        lines += ["    layers:", *writer.text(block, 6)]
    return "\n".join([*lines, "layers:", *writer.text(plan.blocks[-1], 2)]) + "\n"
