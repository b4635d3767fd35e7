"""Which array of a file is which weight of a network."""

from collections.abc import Iterable, Mapping, Sequence

from archcalc.errors import Problem, did_you_mean, printable
from archcalc.forward.matching.layouts import Change, find_layout, fitted_changes
from archcalc.forward.matching.names import COUNTERS, last_word, split, trimmed, wrapper_of
from archcalc.forward.matching.report import Match, Matching
from archcalc.forward.matching.scopes import in_order, unused_scopes
from archcalc.forward.weights import stored
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.ops.base import Shape, show_shape

_MOST_HINTS = 20


def match_weights(network: InferredGraph, given: Mapping[str, Shape], shown: str) -> Matching:
    """Match arrays of a file, by their names and shapes, with a network's weights.

    1. By name, if half of the network's names are there: what stands before all names (`module.`, `model.`,
       `state_dict.`) is left off.
    2. By order and shape, where there is exactly one way: see `in_order`.

    Nothing is guessed: what can be matched in several ways is a problem. `shown` is the file in messages.
    """
    wanted = {name: weight.shape for name, _, weight in stored(network)}
    counted = [name for name in given if last_word(name) not in COUNTERS]
    wrapper = "" if any(name in wanted for name in counted) else wrapper_of(counted)
    shapes = {name.removeprefix(wrapper): given[name] for name in counted}
    layout, problems = find_layout(shapes, wanted.values(), shown)
    changes = fitted_changes(shapes, layout, wanted.values())
    same = [name for name in wanted if name in shapes]
    if 2 * len(same) < len(wanted):
        same = []  # what a few layers of another program are called is chance: its conv2 may be our conv3
    matches = {name: Match(name, wrapper + name, "name", changes[name]) for name in same}
    missing = {name: shape for name, shape in wanted.items() if name not in matches}
    left = {name: changes[name].shape for name in shapes if name not in matches}
    unused = unused_scopes(missing, left)
    left = {name: shape for name, shape in left.items() if not _within(name, unused)}
    named = {split(name)[0] for name in matches}  # what is wrong in a layer that has its name, is a mistake
    places, others = (
        {name: shape for name, shape in side.items() if split(name)[0] not in named} for side in (missing, left)
    )
    if places and others:
        found, reasons = in_order(network, places, others, matches)
        matches |= {name: Match(name, wrapper + source, "order", changes[source]) for name, source in found.items()}
        problems += [Problem(f"{shown}: {reason}") for reason in reasons]
        left = {name: shape for name, shape in left.items() if name not in {*found.values()}}
        missing = {name: shape for name, shape in missing.items() if name not in found}
    misshaped = [match for name, match in matches.items() if trimmed(match.change.shape) != trimmed(wanted[name])]
    problems = _misshaped(misshaped, given, wanted, shown) + problems
    if layout.last:
        problems += _flattened(network, matches, shown)
    problems += _unknown(network.name, [wrapper + name for name in left], list(missing) or list(wanted), shown)
    problems += [Problem(f"{shown}: '{name}' {show_shape(shape)} is missing") for name, shape in missing.items()]
    shaped = {name: _shaped(matches[name], shape) for name, shape in wanted.items() if name in matches}
    odd = frozenset(match.name for match in misshaped)
    return Matching(shaped, odd, len(given) - len(counted), tuple(wrapper + scope for scope in unused), tuple(problems))


def _shaped(match: Match, shape: Shape) -> Match:
    """A match whose array ends up in the very shape that is wanted: axes of size 1 come and go."""
    change = match.change
    fits = trimmed(change.shape) == trimmed(shape)
    return Match(match.name, match.given, match.rule, Change(shape, change.axes)) if fits else match


def _misshaped(
    matches: Iterable[Match], given: Mapping[str, Shape], wanted: Mapping[str, Shape], shown: str
) -> list[Problem]:
    problems = []
    for match in matches:
        stands = "" if match.given == match.name else f" for '{match.name}'"
        message = f"is {show_shape(given[match.given])}, where {show_shape(wanted[match.name])} belongs"
        problems.append(Problem(f"{shown}: '{printable(match.given, 100)}'{stands} {message}"))
    return problems


def _unknown(network: str, names: Sequence[str], free: Sequence[str], shown: str) -> list[Problem]:
    """What the network has no place for, each with the nearest name among those that are free."""
    problems = []
    for name in names:
        # Where nothing fits, the file is for another network, and comparing thousands of names takes seconds.
        hint = did_you_mean(name, free) if len(names) <= _MOST_HINTS else ""
        problems.append(Problem(f"{shown}: {network} has no weight '{printable(name, 100)}'", None, hint))
    return problems


def _within(name: str, scopes: Iterable[str]) -> bool:
    return any(name.startswith((f"{scope}.", f"{scope}/")) for scope in scopes)


def _flattened(network: InferredGraph, matches: Mapping[str, Match], shown: str) -> list[Problem]:
    """Matrices from a file with channels last, behind a map that is flattened: its order is not that of the rows."""
    problems = []
    for name, position, _ in stored(network):
        match = matches.get(name)
        if match is not None and match.change.axes is not None:
            shape = _flattened_map(network, position)
            if shape is not None:
                message = f"reads a map of {show_shape(shape)}, and whether that was flattened with its channels last"
                hint = f"turn its rows with numpy: reshape, transpose, and save it as '{name}'"
                problem = f"{shown}: '{printable(match.given, 100)}' {message} is not in the file"
                problems.append(Problem(problem, None, hint))
    return problems


def _flattened_map(network: InferredGraph, position: int) -> Shape | None:
    """The map of more than one pixel whose values, one after the other, a layer reads as features."""
    inputs, read = network.nodes[position].inputs, network.inputs(network.nodes[position])
    while len(inputs) == 1 and len(read[0]) == 1:
        shape = network.shapes[inputs[0]]
        if len(shape) > 2:
            return shape if shape[1:] != (1,) * (len(shape) - 1) and product(shape) == product(read[0]) else None
        if network.weights(inputs[0]):
            return None
        inputs = network.nodes[inputs[0]].inputs
    return None
