"""Which networks of the zoo a file of weights is for."""

from collections import Counter
from collections.abc import Callable, Mapping

from archcalc.forward.matching.match import match_weights
from archcalc.forward.matching.names import COUNTERS, last_word, trimmed
from archcalc.forward.matching.report import Fit, Matching
from archcalc.forward.weights import stored
from archcalc.network import Network, load
from archcalc.ops.base import Shape, show_shape
from archcalc.spec import zoo

_NEAR = 0.05
"""Share of a network's arrays of which a file that nearly fits may have others."""


def fitting_networks(shapes: Mapping[str, Shape], tell: Callable[[float], None] = lambda share: None) -> list[Fit]:
    """All networks of the zoo, at their own inputs, that arrays of these shapes fit; else those that they nearly fit.

    First the sizes of all arrays are compared, whatever their names and the order of their axes; what is left is
    matched by `match_weights`. Weights do not tell networks apart that differ in strides or activations.
    """
    counted = {name: shape for name, shape in shapes.items() if last_word(name) not in COUNTERS}
    given = Counter(_sizes(shape) for shape in counted.values())
    whole, near = list[Fit](), list[tuple[int, Fit]]()
    names = zoo.names()
    for i, name in enumerate(names):
        tell(i / len(names))
        network = load(name)
        wanted = Counter(_sizes(weight.shape) for _, _, weight in stored(network.graph))
        missing, extra = (wanted - given).total(), (given - wanted).total()
        bound = _NEAR * wanted.total()
        # A single layer that differs, in weights and bias, is near however small the network is.
        if missing > max(2, bound) or (missing and extra > max(2, bound)) or extra > 0.2 * wanted.total():
            continue
        matching = match_weights(network.graph, counted, "")
        if not matching.problems:
            whole.append(Fit(name, _how(matching)))
        elif missing:
            near.append((missing + extra, Fit(name, _how(matching), _differences(network, counted, matching))))
        else:
            near.append((0, Fit(name, "", ("which array is which weight cannot be told",))))
    return whole or [fit for _, fit in sorted(near, key=lambda pair: pair[0]) if fit.but][:5]


def _sizes(shape: Shape) -> Shape:
    return tuple(sorted(trimmed(shape)))


def _how(matching: Matching) -> str:
    rules = {match.rule for match in matching.matches.values()}
    how = "by order and shape" if "order" in rules else "by name"
    return how + (f", without {', '.join(matching.unused)}" if matching.unused else "")


def _differences(network: Network, shapes: Mapping[str, Shape], matching: Matching) -> tuple[str, ...]:
    """What differs, in few words; nothing where that is more than a few arrays of other sizes."""
    if len(matching.problems) > len(matching.misshaped) or not matching.misshaped:
        return ()
    wanted = {name: weight.shape for name, _, weight in stored(network.graph)}
    found = {name: shapes[matching.matches[name].given] for name in matching.misshaped}
    outputs = {(wanted[name][0], matching.matches[name].change.shape[0]) for name in found}
    layers = {name.rpartition(".")[0] for name in found}
    classes = network.spec.variables.get("classes")
    if len(outputs) == len(layers) == 1 and classes is not None:
        ours, theirs = outputs.pop()
        return (f"{layers.pop()} has {theirs:,} outputs for {ours:,}: --set vars.classes={theirs}",)
    return tuple(
        f"{name} is {show_shape(shape)}, where {show_shape(wanted[name])} belongs" for name, shape in found.items()
    )
