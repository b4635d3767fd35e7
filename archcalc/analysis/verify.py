"""Published numbers held against arithmetic: matched, matched under another convention, or not reproduced, and why.

A published number is compared with what is computed. Where they differ, every other way of counting that people use is
computed too, for the spec as it stands and for each alternative value of its variables; then the slips of a sum, one
term counted twice or left out. Nothing is explained by a text that was written beforehand.
"""

from collections.abc import Callable, Iterator
from itertools import combinations, product
from typing import Any, Literal

import msgspec
from msgspec import Struct

from archcalc.analysis.memory import measure_memory
from archcalc.analysis.receptive_field import Field
from archcalc.analysis.whole import Analysis
from archcalc.errors import ArchcalcError
from archcalc.network import Network, variant
from archcalc.ops.base import POINTWISE
from archcalc.spec.model import Published, Spec
from archcalc.spec.tree import Tree, plain

Verdict = Literal["match", "convention", "erratum", "not reproduced"]

_SLIP_TOLERANCE = 0.001  # a slip explains a number only if it explains it closely
_EXACT = 1e-9
_LARGEST_K = 2e6


class Count(Struct, frozen=True):
    """One way of counting a metric, and what it gives."""

    convention: str
    value: int


class Finding(Struct, frozen=True):
    """A published number, what is computed, and how they go together: `why` names convention, slip or nearest count."""

    network: str
    published: Published
    computed: int
    verdict: Verdict
    why: str

    @property
    def as_declared(self) -> bool:
        return self.verdict == self.published.expect


def verify(network: Network) -> Iterator[Finding]:
    """A finding for every published number of a network."""
    variants = list(alternatives(network.spec))
    for published in filter(lambda published: published.metric in _COUNTERS, network.spec.published):
        yield _find(Analysis(network.spec, network.graph), published, variants)


def _find(analysis: Analysis, published: Published, variants: list[tuple[str, Network]]) -> Finding:
    counts = list(counted(analysis, published.metric, published.layer))
    computed = counts[0].value
    name = analysis.spec.name
    if _meets(computed, published, max(published.tolerance, _EXACT)):
        return Finding(name, published, computed, "match", counts[0].convention)
    others = list(counts[1:])
    for words, network in variants:
        found = counted(Analysis(network.spec, network.graph), published.metric, published.layer)
        others += [Count(f"{words}: {count.convention}", count.value) for count in found]
    tolerance = max(published.tolerance, _half_digit(published.value), _EXACT)
    # Papers of old print parameters in units of 1024, as K; nobody counts operations or millions so.
    units = list(scaled(counts)) if published.metric == "params" and published.value < _LARGEST_K else []
    # The first that fits needs the fewest words: ways of counting come before variants. Rounding comes before cutting.
    candidates = [*others, *units]
    rounded = (count for count in candidates if _meets(count.value, published, tolerance))
    other = next(rounded, None) or next((count for count in candidates if _cut(count.value, published)), None)
    if other is not None:
        return Finding(name, published, computed, "convention", f"{other.convention}: {other.value:,}")
    slip = _slip(analysis, published, counts[0])
    if slip:
        return Finding(name, published, computed, "erratum", slip)
    near = [count for count in (counts[0], _nearest(others, published.value)) if count is not None]
    words = "; ".join(f"{count.value:,} ({count.convention})" for count in near)
    return Finding(name, published, computed, "not reproduced", f"nearest: {words}")


def _meets(value: float, published: Published, tolerance: float) -> bool:
    return abs(value - published.value) <= tolerance * abs(published.value)


def _half_digit(value: float) -> float:
    """Half a unit of the last printed digit, as a share of the number: 34.8K may stand for 34,750 to 34,850.

    Of a number of one digit it would be a licence, and of more than three nobody rounds.
    """
    digits = f"{value:.12g}".replace(".", "").strip("0") or "1"
    return 0.5 / float(digits) if 1 < len(digits) < 4 else 0.0


def _cut(value: float, published: Published) -> bool:
    """Whether a number was printed cut behind its last digit and not rounded: 3.86 as 3.8."""
    return 0 <= value - published.value < 2 * _half_digit(published.value) * published.value


def _nearest(counts: list[Count], value: float) -> Count | None:
    """The count nearest to a value; among equals the first."""
    return min(counts, key=lambda count: abs(count.value - value), default=None)


def alternatives(spec: Spec) -> Iterator[tuple[str, Network]]:
    """The network with each alternative value of a variable, then of two; those that cannot be built are none."""
    changes = [
        (name, value)
        for name, values in spec.alternatives.items()
        for value in values
        if not _is_set(spec, name, value)
    ]
    singles = [(change,) for change in changes]
    pairs = [pair for pair in combinations(changes, 2) if pair[0][0] != pair[1][0]]
    for chosen in (*singles, *pairs):
        try:
            yield _in_words(chosen), variant(spec, dict(chosen))
        except ArchcalcError:
            continue


def _is_set(spec: Spec, name: str, value: Tree) -> bool:
    return bool(plain(spec.variables[name]) == plain(value))


def _in_words(changes: tuple[tuple[str, Tree], ...]) -> str:
    return ", ".join(f"{name} = {str(plain(value)).lstrip('=')}" for name, value in changes)


def counted(analysis: Analysis, metric: str, layer: str = "") -> Iterator[Count]:
    """Every way of counting a metric, the one that archcalc uses first; of a layer or scope where one is named."""
    positions = [
        position
        for position, node in enumerate(analysis.graph.nodes)
        if not layer or node.name == layer or node.name.startswith(f"{layer}.")
    ]
    yield from _COUNTERS[metric](analysis, positions)


def scaled(counts: list[Count]) -> Iterator[Count]:
    """The counts in units of 1024: a printed 112K that stands for 112·1024."""
    for count in counts:
        yield Count(f"{count.convention}, K = 1024", round(count.value * 1000 / 1024))


def _params(analysis: Analysis, positions: list[int]) -> Iterator[Count]:
    layers = [analysis.params.layers[position] for position in positions]
    arrays = [weight for layer in layers if not layer.shared_with for weight in layer.weights]
    trainable = [weight for weight in arrays if weight.role == "trainable"]
    whole = sum(weight.count for weight in trainable)
    # A bias belongs to a weight of more than one axis in the same layer; shifts of normalisation do not.
    biases = sum(
        weight.count
        for layer in layers
        if not layer.shared_with and any(len(weight.shape) > 1 for weight in layer.weights)
        for weight in layer.weights
        if len(weight.shape) == 1
    )
    products = sum(weight.count for weight in trainable if len(weight.shape) > 1)
    yield Count("trainable parameters", whole)
    yield Count("biases left out", whole - biases)
    yield Count("weights of convolutions and linear layers alone", products)
    yield Count("running statistics counted", sum(weight.count for weight in arrays))


def _macs(analysis: Analysis, positions: list[int]) -> Iterator[Count]:
    layers = [analysis.cost.layers[position] for position in positions]
    macs = sum(layer.macs for layer in layers)
    biases = sum(layer.work.adds for layer in layers if layer.macs)
    others = [layer.work for layer in layers if not layer.macs]
    scales = sum(work.multiplies + work.adds for work in others if work.multiplies)
    yield Count("multiply-accumulates", macs)
    yield Count("a multiplication and an addition each", 2 * macs)
    yield Count("biases counted", macs + biases)
    yield Count("normalisation counted, a multiplication and an addition a value", macs + scales)
    yield Count("comparisons counted", macs + sum(work.comparisons for work in others))
    yield Count("every operation counted", sum(layer.flops for layer in layers))


def _flops(analysis: Analysis, positions: list[int]) -> Iterator[Count]:
    layers = [analysis.cost.layers[position] for position in positions]
    yield Count("2·MACs and every other operation", sum(layer.flops for layer in layers))
    macs = sum(layer.macs for layer in layers)
    yield Count("2·MACs", 2 * macs)
    yield Count("multiply-accumulates", macs)


def _activations(analysis: Analysis, positions: list[int]) -> Iterator[Count]:
    """Values of outputs: the rows of the lecture's table, then with more of them and with fewer."""
    nodes, graph = analysis.graph.nodes, analysis.graph
    lecture = measure_memory(graph, "lecture").layers
    rows = sum(lecture[i].values for i in positions if lecture[i].counted)
    inputs = sum(lecture[i].values for i in positions if not nodes[i].inputs)
    # An activation keeps places and shape, has no weights, and compares or exponentiates.
    separate = sum(
        lecture[i].values
        for i in positions
        if not lecture[i].counted
        and graph.windows(i) == (POINTWISE[len(graph.shapes[i])],)
        and (graph.work(i).comparisons or graph.work(i).exponentials)
    )
    yield Count("input and outputs of convolutions, poolings and matrix products", rows)
    yield Count("the same without the input", rows - inputs)
    yield Count("the same and a separate output for every activation", rows + separate)
    yield Count("every output", sum(lecture[i].values for i in positions))
    yield Count("most alive at once", measure_memory(graph, "peak").values)


def _neurons(analysis: Analysis, positions: list[int]) -> Iterator[Count]:
    """Outputs of convolutions and matrix products."""
    values = analysis.memory.layers
    units = sum(values[i].values for i in positions if analysis.cost.layers[i].macs)
    yield Count("outputs of convolutions and linear layers", units)
    yield Count(
        "the same and the input", units + sum(values[i].values for i in positions if not analysis.graph.nodes[i].inputs)
    )


def _weight_bytes(analysis: Analysis, positions: list[int]) -> Iterator[Count]:
    for count in _params(analysis, positions):
        yield Count(f"4 bytes each: {count.convention}", 4 * count.value)


def _buffers(analysis: Analysis, positions: list[int]) -> Iterator[Count]:
    yield Count("running statistics", sum(analysis.params.layers[i].buffers for i in positions))


def _receptive_field(analysis: Analysis, positions: list[int]) -> Iterator[Count]:
    """The size on the first axis, of the last layer that does not see everything."""
    for position in reversed(positions):
        seen = analysis.fields.layers[position].axes[:1]
        if seen and isinstance(seen[0], Field):
            yield Count(f"union over paths, at {analysis.graph.nodes[position].name}", seen[0].size)
            return
    yield Count("no layer has a field of its own", 0)


_COUNTERS: dict[str, Callable[[Analysis, list[int]], Iterator[Count]]] = {
    "params": _params,
    "weights": lambda analysis, positions: iter([list(_params(analysis, positions))[1]]),
    "buffers": _buffers,
    "macs": _macs,
    "flops": _flops,
    "weight_bytes": _weight_bytes,
    "activations": _activations,
    "neurons": _neurons,
    "receptive_field": _receptive_field,
}
"""Metric → its ways of counting. What no arithmetic gives, accuracy, is not held against any."""


def _slip(analysis: Analysis, published: Published, count: Count) -> str:
    """The sum with one term twice, or without one, if that is what was published."""
    difference = published.value - count.value
    parts: dict[str, int] = {}
    for node in analysis.graph.nodes:
        part = next(counted(analysis, published.metric, node.name)).value if node.inputs else 0
        if part:
            parts[node.name] = part
    if published.layer:
        parts = {name: part for name, part in parts.items() if name.startswith(published.layer)}
    for name, part in parts.items():
        for times, words in ((1, "counted twice"), (-1, "left out")):
            if abs(difference - times * part) <= _SLIP_TOLERANCE * published.value:
                sign = "+" if times > 0 else "−"
                return f"{count.value:,} {sign} {part:,} = {count.value + times * part:,}: {name} {words}"
    return ""


Bound = tuple[float, float]


class Search(Struct, frozen=True):
    """Which variants of a spec give a number, and the range that they can reach."""

    matches: tuple[tuple[str, Count], ...]
    reach: Bound
    tried: int


def search(network: Network, metric: str, low: float, high: float, most: int = 10_000) -> Search:
    """All combinations of alternative values, counted in every way, that give a number from `low` to `high`."""
    spec = network.spec
    choices = [[(name, value) for value in values] for name, values in spec.alternatives.items()]
    matches, values = [], []
    tried = 0
    for chosen in product(*choices):
        if tried >= most:
            break
        try:
            found = variant(spec, dict(chosen)) if chosen else network
        except ArchcalcError:
            continue
        tried += 1
        for count in counted(Analysis(found.spec, found.graph), metric):
            values.append(count.value)
            if low <= count.value <= high:
                changed = tuple(change for change in chosen if not _is_set(spec, *change))
                matches.append((_in_words(changed) or "as it stands", count))
    matches.sort(key=lambda match: (abs(match[1].value - (low + high) / 2), match[0]))
    return Search(tuple(matches), (min(values), max(values)), tried)


def to_plain(finding: Finding) -> dict[str, Any]:
    """A finding for JSON."""
    published = msgspec.to_builtins(msgspec.structs.replace(finding.published, span=None))
    return {
        "network": finding.network,
        "published": published,
        "computed": finding.computed,
        "verdict": finding.verdict,
        "why": finding.why,
    }
