"""Results → the plain data of charts: what is plotted, under which title, and what it depends on."""

from collections.abc import Callable, Sequence
from textwrap import wrap

from msgspec import Struct

from archcalc.analysis.receptive_field import Field
from archcalc.analysis.roofline import Roofline
from archcalc.analysis.timeline import Timeline
from archcalc.analysis.whole import Analysis
from archcalc.errors import Problem, UsageError, enumerate_words, printable
from archcalc.views.compare import ACCURACIES, published
from archcalc.views.layers import conventions

NAMED = 6
"""As many tensors of the peak have a band of their own; more cannot be told apart."""

MOST_BARS = 40
"""A chart of more bars than these sums scopes up, if there are fewer of them."""

OTHERS = "all others"


class Heading(Struct, frozen=True):
    """The title of a chart, and the lines below it: conventions, what is marked, sources."""

    title: str
    lines: tuple[str, ...]


class Band(Struct, frozen=True):
    """What a tensor, or all that are not named, takes during a step: from `low` to `high` bytes of the pile."""

    step: int
    layer: str
    name: str
    low: int
    high: int


class MemoryOverTime(Struct, frozen=True):
    """The pile of each step, with the names of its bands from the ground up, and the step of the peak."""

    heading: Heading
    names: tuple[str, ...]
    bands: tuple[Band, ...]
    peak_step: int
    peak_layer: str
    peak_bytes: int


class FieldAt(Struct, frozen=True):
    """How far a layer sees: pixels of the input on an axis, and from one unit to the next."""

    step: int
    layer: str
    kind: str
    axis: str
    size: int
    stride: float


class FieldGrowth(Struct, frozen=True):
    """The fields of all layers that have one, and how large the input is on each axis shown."""

    heading: Heading
    layers: tuple[FieldAt, ...]
    input: tuple[tuple[str, int], ...]


class Share(Struct, frozen=True):
    """What a layer, or all layers of a scope, have of a total."""

    name: str
    value: int


class Shares(Struct, frozen=True):
    """A total by layer or scope, in the order of execution; `quantity` names the axis."""

    heading: Heading
    quantity: str
    bars: tuple[Share, ...]
    total: int


class LayerPoint(Struct, frozen=True):
    """A layer under a roof: its operations a byte, the most operations a second that it can reach, and its time."""

    layer: str
    intensity: float
    rate: float
    seconds: float
    bound: str


class RooflinePoints(Struct, frozen=True):
    """Layers under the roof of a processor: operations and bytes a second."""

    heading: Heading
    points: tuple[LayerPoint, ...]
    peak: int
    bandwidth: int
    ridge: float


class Bubble(Struct, frozen=True):
    """A network: its accuracy in percent over its operations, and its parameters."""

    name: str
    accuracy: float
    macs: int
    params: int
    source: str


class Bubbles(Struct, frozen=True):
    """Networks to be compared by one accuracy."""

    heading: Heading
    metric: str
    bubbles: tuple[Bubble, ...]


def memory_over_time(analysis: Analysis, timeline: Timeline, model: str, constant: int = 0) -> MemoryOverTime:
    """What is alive when: a band for each of the largest tensors of the peak, one for what there is all the time
    (`constant` bytes: weights, states of the optimizer), and one for everything else."""
    alive, peak = timeline.alive(), timeline.peak_step()
    ground = "weights and optimizer" if constant else ""
    chosen = {id(tensor): _tensor_name(tensor.name, tensor.kind) for tensor in timeline.at(peak)[:NAMED]}
    names = [name for name in dict.fromkeys([ground, *chosen.values(), OTHERS]) if name]
    bytes_of: list[dict[str, int]] = [{ground: constant} if constant else {} for _ in timeline.steps]
    named = [0] * len(timeline.steps)
    for tensor in timeline.tensors:
        if id(tensor) in chosen:
            for step in range(tensor.first, tensor.last + 1):
                name = chosen[id(tensor)]
                bytes_of[step][name] = bytes_of[step].get(name, 0) + tensor.bytes
                named[step] += tensor.bytes
    bands = []
    for step, (layer, sums) in enumerate(zip(timeline.steps, bytes_of, strict=True)):
        sums[OTHERS] = alive[step] - named[step]
        low = 0
        for name in names:
            if size := sums.get(name, 0):
                bands.append(Band(step, printable(layer), name, low, low + size))
                low += size
    most = alive[peak] + constant
    lines = (
        f"{conventions(analysis)} · model {model}",
        f"peak {most:,} bytes at {printable(timeline.steps[peak], 80)}; its {len(chosen)} largest tensors have bands"
        " of their own",
    )
    heading = Heading(f"{_title(analysis)}: memory over time", lines)
    return MemoryOverTime(heading, tuple(names), tuple(bands), peak, printable(timeline.steps[peak], 80), most)


def _tensor_name(name: str, kind: str) -> str:
    return printable(name, 60) if kind == "activation" else printable(f"{name} ({kind})", 60)


def field_growth(analysis: Analysis) -> FieldGrowth:
    """The receptive field of every layer that has one. Raises UsageError where none has."""
    shape = analysis.graph.input_shape
    names = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}.get(len(shape) - 1, ())
    found = []
    for step, (layer, node) in enumerate(zip(analysis.fields.layers, analysis.graph.nodes, strict=True)):
        for axis, seen in zip(names, layer.axes, strict=False):
            if isinstance(seen, Field):
                kind = node.op.keyword
                found.append(FieldAt(step, printable(layer.name), kind, axis, seen.size, float(seen.stride)))
    if not found:
        raise UsageError(Problem(f"no layer of {_title(analysis)} has a receptive field in pixels"))
    kept = _alike_once(found, names, shape[1:])
    shown = tuple((axis, size) for axis, size in zip(names, shape[1:], strict=False) if axis in kept)
    merged = kept == names[:1] and len(names) > 1
    layers = tuple(field for field in found if field.axis in kept)
    without = len(analysis.graph.nodes) - len({field.step for field in layers})
    lines = [conventions(analysis)]
    if merged:
        lines.append(f"{enumerate_words(names)} alike: one line for all")
    if without:
        lines.append(
            f"{without} of {len(analysis.graph.nodes)} layers see the whole input, or nothing of it: not drawn"
        )
    last = layers[-1]
    lines.append(f"at the end {last.size:,} pixels, a unit every {last.stride:g} ({last.layer})")
    return FieldGrowth(Heading(f"{_title(analysis)}: growth of the receptive field", tuple(lines)), layers, shown)


def _alike_once(found: Sequence[FieldAt], names: tuple[str, ...], sizes: Sequence[int]) -> tuple[str, ...]:
    """The axes to be drawn: the first alone where all are alike."""
    lines = [[(f.step, f.size) for f in found if f.axis == axis] for axis in names]
    alike = all(line == lines[0] for line in lines) and len(set(sizes)) == 1
    return names[:1] if alike else names


_QUANTITIES: dict[str, tuple[str, Callable[[Analysis, int], int], Callable[[Analysis], int]]] = {
    "params": ("parameters", lambda a, i: a.params.layers[i].params, lambda a: a.params.params),
    "macs": ("multiply-accumulates (MACs)", lambda a, i: a.cost.layers[i].macs, lambda a: a.cost.macs),
}
SHARED = tuple(_QUANTITIES)


def shares(analysis: Analysis, of: str, depth: int | None = None) -> Shares:
    """Where `of` (params, macs) sits: by layer, or by scopes to a depth of names; without a depth, by the deepest at
    which bars are not too many. What has nothing of it has no bar."""
    quantity, amount, total = _QUANTITIES[of]
    names = [node.name for node in analysis.graph.nodes]
    values = [amount(analysis, position) for position in range(len(names))]
    deepest = max(name.count(".") for name in names) + 1
    if depth is None:
        depths = range(deepest, 0, -1)
        fitting = (d for d in depths if len(_summed(names, values, d)) <= MOST_BARS)
        depth = next(fitting, 1)
    bars = tuple(Share(printable(name), value) for name, value in _summed(names, values, depth).items())
    by = "layer" if depth >= deepest else f"layer or scope, {depth} {'name' if depth == 1 else 'names'} deep"
    lines = (f"{conventions(analysis)} · {total(analysis):,} in all", f"by {by}; what has none is not drawn")
    return Shares(Heading(f"{_title(analysis)}: where {quantity} sit", lines), quantity, bars, total(analysis))


def _summed(names: Sequence[str], values: Sequence[int], depth: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in zip(names, values, strict=True):
        if value:
            scope = ".".join(name.split(".")[:depth])
            found[scope] = found.get(scope, 0) + value
    return found


def roofline_points(analysis: Analysis, roof: Roofline) -> RooflinePoints:
    """Layers that compute and move something, each at the most that the processor lets it reach."""
    hardware = roof.hardware
    points = tuple(
        LayerPoint(printable(layer.name), layer.intensity, layer.flops / layer.seconds, layer.seconds, layer.bound)
        for layer in roof.layers
        if layer.intensity and layer.seconds
    )
    by_memory = sum(layer.seconds for layer in roof.layers if layer.bound == "memory")
    lines = (
        f"{conventions(analysis)} · {printable(hardware.title, 80)}: {_decimal(hardware.peak[roof.dtype])}FLOP/s, "
        f"{_decimal(hardware.bandwidth)}B/s",
        f"at least {1e3 * roof.seconds:.3g} ms, {100 * by_memory / roof.seconds:.0f}% of it bound by memory;"
        " bounds, not forecasts"
        if roof.seconds
        else "nothing is computed",
        f"source of the peaks: {printable(hardware.source, 160)}",
    )
    heading = Heading(f"{_title(analysis)}: roofline", lines)
    return RooflinePoints(heading, points, hardware.peak[roof.dtype], hardware.bandwidth, roof.ridge)


def bubbles(analyses: Sequence[Analysis], metric: str = "top1") -> Bubbles:
    """Networks by a published accuracy. Raises UsageError with every network of which none is known, and where
    accuracies are of several datasets."""
    found, lacking = [], []
    datasets: dict[str, list[str]] = {}
    for analysis in analyses:
        name, number = printable(analysis.spec.name, 80), published(analysis).get(metric)
        if number is None:
            lacking.append(name)
            continue
        datasets.setdefault(number.dataset, []).append(name)
        said = f"{number.source}, {number.note}" if number.note else number.source
        found.append(Bubble(_title(analysis), number.value, analysis.cost.macs, analysis.params.params, said))
    if lacking:
        hint = f"a spec may say it: published: [{{metric: {metric}, value: …, dataset: …, source: …}}]"
        said = f"no published {ACCURACIES[metric]} accuracy"
        raise UsageError(Problem(f"{name} has {said}", None, hint) for name in lacking)
    if len(datasets) > 1:
        which = "; ".join(f"{dataset}: {enumerate_words(names)}" for dataset, names in datasets.items())
        raise UsageError(Problem("accuracies of several datasets do not compare", None, which))
    inputs = list(dict.fromkeys(conventions(analysis) for analysis in analyses))
    shared = inputs[0] if len(inputs) == 1 else "each at its own input · " + inputs[0].partition(" · ")[2]
    lines = (f"{shared} · area: parameters", *_sources([bubble.source for bubble in found]))
    (dataset,) = datasets
    axis = f"{ACCURACIES[metric]} accuracy on {dataset}, %" if dataset else f"{ACCURACIES[metric]} accuracy, %"
    return Bubbles(Heading("Accuracy over operations", lines), axis, tuple(found))


def _sources(said: Sequence[str]) -> list[str]:
    """Sources in few lines: those that differ in no more than one word are told together, with all that stand there."""
    groups: list[list[list[str]]] = []
    for source in dict.fromkeys(said):
        words = source.split()
        near = (group for group in groups if len(_differences([*group, words])) <= 1)
        group = next(near, None)
        if group is None:
            groups.append([words])
        else:
            group.append(words)
    return [line for group in groups for line in wrap("source: " + _together(group), 120, subsequent_indent="  ")]


def _differences(group: Sequence[Sequence[str]]) -> set[int]:
    """At which words texts differ; at all, where they are not as long as one another."""
    if len({len(words) for words in group}) > 1:
        return set(range(max(map(len, group)) + 1))
    return {i for i, column in enumerate(zip(*group, strict=True)) if len(set(column)) > 1}


def _together(group: Sequence[Sequence[str]]) -> str:
    places = _differences(group)
    return " ".join(
        f"({', '.join(words[i] for words in group)})" if i in places else word for i, word in enumerate(group[0])
    )


def _decimal(value: int) -> str:
    """`19.5 T` of 19,500,000,000,000."""
    size, unit = float(value), ""
    for larger in "kMGTPE":
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"


def _title(analysis: Analysis) -> str:
    return printable(analysis.spec.title or analysis.spec.name, 100)
