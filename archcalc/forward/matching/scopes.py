"""Where in a network a scope of a file is: what is known of some of its layers says where the others are sought."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from archcalc.forward.matching.names import Kind, Layer, Numbers, Signature, layers_of, scopes_of, series_of, split
from archcalc.forward.matching.order import Ordered, match_in_order
from archcalc.forward.weights import stored
from archcalc.infer import InferredGraph
from archcalc.ops.base import Shape

_KINDS: tuple[Kind, ...] = ("product", "statistics", "other")  # what multiplies comes first: it says where the rest is


def in_order(
    network: InferredGraph, missing: Mapping[str, Shape], left: Mapping[str, Shape], known: Iterable[str]
) -> tuple[dict[str, str], list[str]]:
    """Weight → array of the file, by order and shape, and what keeps some from being matched.

    Layers that multiply are matched first, then those with statistics, then all others. A layer in a scope of the file
    is sought in the scope of the network that holds the layers known from there; `known` are weights of one name on
    both sides. If that leaves several ways, the order in which the file has its arrays is looked at: what comes behind
    a layer that multiplies. Where a layer has other sizes, it is matched too if that is the only thing that is wrong.
    """
    ours, theirs = layers_of(missing.items()), layers_of(left.items())
    landmarks = {layer: layer for layer in (split(name)[0] for name in known)}
    same = _same_scopes(ours, theirs)
    paths = _Paths(network)
    found, reasons = dict[str, str](), list[str]()
    for kind in _KINDS:
        mine, others = ([layer for layer in side if layer.kind == kind] for side in (ours, theirs))
        if not mine or not others:
            continue
        ordered = _matched(mine, others, {**_boxes(landmarks), **same}, paths)
        if ordered.reason and landmarks:
            behind = _behind_products((ours, theirs), kind, {name: source for source, name in landmarks.items()})
            ordered = Ordered(behind) if behind else ordered
        if ordered.reason:
            reasons.append(f"{len(mine)} layers cannot be matched by order and shape: {ordered.reason}")
        landmarks |= {source: name for name, source in ordered.pairs.items()}
        given = {layer.name: layer.parts for layer in others}
        for layer in mine:
            parts = given[ordered.pairs[layer.name]] if layer.name in ordered.pairs else {}
            found |= {name: parts[part][0] for part, (name, _) in layer.parts.items() if part in parts}
    return found, reasons


def unused_scopes(missing: Mapping[str, Shape], left: Mapping[str, Shape]) -> tuple[str, ...]:
    """Outermost scopes of a file that are all too much: without them, just what is missing is left."""
    theirs = layers_of(left.items())
    too_many = Counter(layer.signature for layer in theirs)
    too_many.subtract(layer.signature for layer in layers_of(missing.items()))
    if any(count < 0 for count in too_many.values()):
        return ()
    scopes: dict[str, Counter[Signature]] = {}
    for layer in theirs:
        outer = scopes_of(layer.name)
        if outer:
            scopes.setdefault(outer[-1], Counter())[layer.signature] += 1
    unused = []
    for scope, content in scopes.items():
        if all(too_many[signature] >= count for signature, count in content.items()):
            unused.append(scope)
            too_many.subtract(content)
    return tuple(unused) if not any(too_many.values()) else ()


def _matched(mine: Sequence[Layer], others: Sequence[Layer], boxes: Mapping[str, str], paths: "_Paths") -> Ordered:
    """Layers of one kind. Those of sizes that one side has more of than the other are matched for themselves."""
    ours, theirs = (Counter(layer.signature for layer in side) for side in (mine, others))
    same = {signature for signature, count in ours.items() if theirs[signature] == count}
    even = [[layer for layer in side if layer.signature in same] for side in (mine, others)]
    odd = [[_sizeless(layer) for layer in side if layer.signature not in same] for side in (mine, others)]
    pairs: dict[str, str] = {}
    for wanted, given in (even, odd):
        if wanted and len(wanted) == len(given):
            ordered = match_in_order(wanted, given, _Inside(boxes), paths.behind(wanted))
            if ordered.reason and boxes:  # scopes of the file may cut across those of the network
                ordered = match_in_order(wanted, given, _Inside({}), paths.behind(wanted))
            if ordered.reason and wanted is even[0]:
                return ordered
            pairs |= ordered.pairs
    return Ordered(pairs)


def _sizeless(layer: Layer) -> Layer:
    """A layer of which only the parts and their numbers of axes count."""
    return Layer(layer.name, {part: (name, (2,) * len(shape)) for part, (name, shape) in layer.parts.items()})


def _behind_products(
    sides: tuple[Sequence[Layer], Sequence[Layer]], kind: Kind, sources: Mapping[str, str]
) -> dict[str, str]:
    """Layers of one kind by the layer that multiplies before them, if each has one of its own there on both sides.

    Files that sort their names do not have that order: then nothing, or not everything, fits.
    """
    found: list[dict[tuple[str, Signature], list[str]]] = []
    for ours, layers in zip((True, False), sides, strict=True):
        before, followers = "", dict[tuple[str, Signature], list[str]]()
        for layer in layers:
            if layer.kind == "product":
                before = sources.get(layer.name, "") if ours else layer.name
            elif layer.kind == kind:
                followers.setdefault((before, layer.signature), []).append(layer.name)
        found.append(followers)
    places, given = found
    alone = all(len(names) == 1 for followers in found for names in followers.values())
    if not alone or places.keys() != given.keys():
        return {}
    return {names[0]: given[key][0] for key, names in places.items()}


class _Inside:
    """Whether a layer of the file may stand for one of the network: that must lie in the box of its innermost scope."""

    def __init__(self, boxes: Mapping[str, str]) -> None:
        self._boxes = boxes
        self._of: dict[str, str] = {}

    def __call__(self, given: Layer, place: Layer) -> bool:
        box = self._of.get(given.name)
        if box is None:
            box = next((self._boxes[scope] for scope in scopes_of(given.name) if scope in self._boxes), "")
            self._of[given.name] = box
        return not box or place.name.startswith(f"{box}.")


def _boxes(landmarks: Mapping[str, str]) -> dict[str, str]:
    """Scope of the file → the innermost scope of the network that holds all layers known from there."""
    boxes: dict[str, list[str]] = {}
    for source, name in landmarks.items():
        scope = name.split(".")[:-1]
        for outer in scopes_of(source):
            box = boxes.get(outer, scope)
            shared = next((i for i, pair in enumerate(zip(box, scope, strict=False)) if pair[0] != pair[1]), None)
            boxes[outer] = box[: min(len(box), len(scope)) if shared is None else shared]
    return {scope: ".".join(box) for scope, box in boxes.items()}


Content: TypeAlias = frozenset[tuple[Signature, int]]


def _same_scopes(ours: Sequence[Layer], theirs: Sequence[Layer]) -> dict[str, str]:
    """Scopes of the file → those of the network that hold the same, for series of them whose contents are the same one
    by one (`layer1.0`, `layer1.1`, … and `stage0.0`, `stage0.1`, …), if there is one such series, or one in the other.
    """
    places, given = _scope_series(ours), _scope_series(theirs)
    by_contents: dict[tuple[Content, ...], list[list[str]]] = {}
    for contents, scopes in places:
        by_contents.setdefault(contents, []).append(scopes)
    result: dict[str, str] = {}
    for contents, scopes in given:
        found = sorted(by_contents.get(contents, []), key=lambda series: len(series[0]))
        nested = all(
            inner.startswith(f"{outer}.")
            for shorter, longer in pairwise(found)
            for outer, inner in zip(shorter, longer, strict=True)
        )
        if found and nested:
            result |= dict(zip(scopes, found[-1], strict=True))
    return result


def _scope_series(layers: Sequence[Layer]) -> list[tuple[tuple[Content, ...], list[str]]]:
    """The scopes of each series in the order of their numbers, with what each holds."""
    contents: dict[str, Counter[Signature]] = {}
    for layer in layers:
        for scope in scopes_of(layer.name):
            contents.setdefault(scope, Counter())[layer.signature] += 1
    series: dict[str, list[tuple[Numbers, str]]] = {}
    for scope in contents:
        name, numbers = series_of(scope)
        series.setdefault(name, []).append((numbers, scope))
    ordered = [[scope for _, scope in sorted(members)] for members in series.values()]
    return [(tuple(frozenset(contents[scope].items()) for scope in scopes), scopes) for scopes in ordered]


class _Paths:
    """Which layers of a network depend on which."""

    def __init__(self, network: InferredGraph) -> None:
        self._position = {split(name)[0]: position for name, position, _ in stored(network)}
        self._above: list[int] = []  # bit i: depends on node i
        for node in network.nodes:
            above = 0
            for producer in node.inputs:
                above |= self._above[producer] | 1 << producer
            self._above.append(above)

    def behind(self, layers: Sequence[Layer]) -> list[int]:
        """For each layer, a bit for each that depends on it; layers of one node are behind one another."""
        places = [self._position[layer.name] for layer in layers]
        result = [0] * len(places)
        for j, place in enumerate(places):
            above = self._above[place] | 1 << place
            for i in range(j):
                if above >> places[i] & 1:
                    result[i] |= 1 << j
        return result
