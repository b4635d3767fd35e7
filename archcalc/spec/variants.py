"""What values the variables of a spec may take: alternatives to the one they have, and the ranges of a design space."""

from collections.abc import Iterator

from archcalc.errors import Problem, Problems, SpecError, did_you_mean, printable
from archcalc.spec.model import Spec
from archcalc.spec.ranges import SUCH, Values, parse_range
from archcalc.spec.tree import Mapping, Sequence, Tree, describe, plain


def read_alternatives(
    tree: Tree | None, variables: dict[str, Tree], base: Spec | None, problems: Problems
) -> dict[str, tuple[Tree, ...]]:
    """Other values that variables are known to take: what a search for a published number may try."""
    found = dict(base.alternatives) if base else {}
    for name, values in _entries("alternatives", tree, variables, problems):
        if not isinstance(values, Sequence):
            problems.append(Problem(f"alternatives are a list, this is {describe(values)}", values.span))
        else:
            found[name] = tuple(values.items)
    return found


def read_ranges(
    tree: Tree | None, variables: dict[str, Tree], base: Spec | None, problems: Problems
) -> dict[str, Values]:
    """What variables range over in a design space: `8:256:8`, or a list of values."""
    found: dict[str, Values] = dict(base.ranges) if base else {}
    for name, values in _entries("ranges", tree, variables, problems):
        value = plain(values)
        if isinstance(values, Sequence) and values.items:
            found[name] = tuple(plain(item) for item in values.items)
        elif isinstance(value, str):
            try:
                found[name] = parse_range(value, values.span)
            except SpecError as error:
                problems.extend(error.problems)
        else:
            problems.append(Problem(f"a range is {SUCH}; or a list of values", values.span))
    return found


def _entries(
    word: str, tree: Tree | None, variables: dict[str, Tree], problems: Problems
) -> Iterator[tuple[str, Tree]]:
    """The entries of a mapping whose keys are variables; others are noted."""
    if tree is None:
        return
    if not isinstance(tree, Mapping):
        problems.append(
            Problem(f"{word} is a mapping of variables to their values, this is {describe(tree)}", tree.span)
        )
        return
    for name, values in tree.entries.items():
        if name in variables:
            yield name, values
        else:
            hint = did_you_mean(name, variables)
            problems.append(Problem(f"there is no variable '{printable(name, 40)}'", tree.keys[name], hint))
