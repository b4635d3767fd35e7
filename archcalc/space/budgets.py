"""Budgets: networks and the conditions that none of them may meet, from a file, and what became of them.

budgets:
  - network: mobilenet_v2        # a network of the zoo, or a .yaml file, from this file's folder
    input: 3x192x192             # and batch, dtype, model, mode, set: as the options are called
    dtype: int8
    set: {vars.width: 0.75}
    fail_on:                     # one condition, or a list of them
      - params > 3M
      - peak > 2MiB or memory > 8MiB
"""

import os
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct

from archcalc.analysis.memory import DTYPES, MODELS
from archcalc.analysis.whole import Analysis
from archcalc.errors import (
    ArchcalcError,
    Problem,
    Problems,
    Source,
    Span,
    SpecError,
    UsageError,
    did_you_mean,
    printable,
)
from archcalc.space.conditions import parse_condition
from archcalc.space.quantities import NUMERIC, measure
from archcalc.space.terms import Condition, Term
from archcalc.spec.tree import Mapping, Scalar, Sequence, Tree, describe, plain, read_tree

MAX_ENTRIES = 10_000
_WORDS = {"dtype": tuple(DTYPES), "model": MODELS, "mode": ("infer", "train")}
_KEYS = ("network", "input", "batch", *_WORDS, "set", "fail_on")


class Entry(Struct, frozen=True):
    """One network of a budgets file. `conventions` holds what is said of it, by the names of the options."""

    network: str
    conventions: dict[str, Any]
    conditions: tuple[Condition, ...]
    span: Span


class Gap(Struct, frozen=True):
    """One comparison of a condition and how far apart its sides are: difference = value − limit."""

    term: Term
    value: int
    limit: "int | Fraction"
    holds: bool

    @property
    def difference(self) -> "int | Fraction":
        return self.value - self.limit

    @property
    def share(self) -> float | None:
        """How far apart, as a share of the limit; None of a limit of 0."""
        return float(abs(Fraction(self.difference) / self.limit)) if self.limit else None


class Finding(Struct, frozen=True):
    """What became of one condition on one network: a budget `fails` where its condition holds."""

    network: str
    under: str
    condition: Condition
    fails: bool
    gaps: tuple[Gap, ...]


def judge(network: str, under: str, analysis: Analysis, condition: Condition) -> Finding:
    """Hold one condition to fail on against a network, called so and under these conventions.

    Raises UsageError for a quantity that cannot be stated, and for networks with layers that are not known.
    """
    if analysis.graph.unknown:
        raise UsageError(Problem(f"{network} cannot be held against a budget: {analysis.graph.unknown_words()}"))
    values = measure(analysis, condition.names)
    gaps = tuple(
        Gap(term, term.value(values), term.limit(values), bool(term.holds(values))) for term in condition.terms
    )
    return Finding(network, under, condition, bool(condition.holds(values)), gaps)


def read_budgets(source: Source) -> tuple[Entry, ...]:
    """The entries of a budgets file. Raises SpecError with all problems of the file, each at its place."""
    if not source.text.strip():
        raise SpecError(Problem(f"{printable(source.name, 200)} is empty", None, "it begins with 'budgets:'"))
    tree = read_tree(source)
    if not isinstance(tree, Mapping) or "budgets" not in tree.entries:
        raise SpecError(Problem("a file of budgets has a list of networks under 'budgets:'", tree.span))
    problems = Problems(
        Problem(f"a file of budgets has no '{printable(key, 40)}'", span, "only 'budgets'")
        for key, span in tree.keys.items()
        if key != "budgets"
    )
    items = tree.entries["budgets"]
    if not isinstance(items, Sequence) or not 0 < len(items.items) <= MAX_ENTRIES:
        hint = "" if isinstance(items, Sequence) else f"this is {describe(items)}"
        problems.append(Problem(f"budgets are a list of 1 to {MAX_ENTRIES:,} networks", items.span, hint))
        raise SpecError(problems)
    entries = [_entry(item, source, problems) for item in items.items]
    if problems:
        raise SpecError(problems)
    return tuple(entry for entry in entries if entry is not None)


def _entry(tree: Tree, source: Source, problems: Problems) -> Entry | None:
    if not isinstance(tree, Mapping):
        hint = "such as '- {network: alexnet, fail_on: params > 5M}'"
        problems.append(Problem(f"an entry has 'network' and 'fail_on', this is {describe(tree)}", tree.span, hint))
        return None
    for key, span in tree.keys.items():
        if key not in _KEYS:
            problems.append(Problem(f"an entry has no '{printable(key, 40)}'", span, did_you_mean(key, _KEYS)))
    for key in ("network", "fail_on"):
        if key not in tree.entries:
            problems.append(Problem(f"'{key}' is missing here", tree.span))
    conventions = {
        key: value
        for key, entry in tree.entries.items()
        if key in _KEYS and (value := _convention(key, entry, problems)) is not None
    }
    conditions = _conditions(tree.entries.get("fail_on"), problems)
    network = tree.entries.get("network")
    if network is None:
        return None
    name = plain(network)
    if not isinstance(name, str) or name in ("", "-"):
        problems.append(Problem("network is a name or a path", network.span, f"this is {describe(network)}"))
        return None
    if name.endswith((".yaml", ".yml")) or "/" in name or os.sep in name:
        name = os.path.join(os.path.dirname(source.name), name)
    return Entry(name, conventions, conditions, network.span)


def _convention(key: str, tree: Tree, problems: Problems) -> Any:
    """The value of a word about how a network is looked at; None, with the problem noted, where it has none."""
    value = plain(tree)
    if key in _WORDS:
        if value in _WORDS[key]:
            return value
        hint = did_you_mean(value, _WORDS[key]) if isinstance(value, str) else f"this is {describe(tree)}"
        problems.append(Problem(f"{key} is one of {', '.join(_WORDS[key])}", tree.span, hint))
    elif key == "batch":
        if type(value) is int and value >= 1:
            return value
        problems.append(Problem("batch is a whole number from 1", tree.span, f"this is {describe(tree)}"))
    elif key == "input":
        return value if isinstance(value, str) else "x".join(map(str, value)) if isinstance(value, list) else str(value)
    elif key == "set":
        if isinstance(tree, Mapping):
            return tuple(f"{target}={msgspec.json.encode(new).decode()}" for target, new in _plain(tree).items())
        message = "set is a mapping of what to change, such as {vars.width: 0.5}"
        problems.append(Problem(message, tree.span, f"this is {describe(tree)}"))
    return None


def _plain(tree: Mapping) -> dict[str, Any]:
    return {key: plain(value) for key, value in tree.entries.items()}


def _conditions(tree: Tree | None, problems: Problems) -> tuple[Condition, ...]:
    found = []
    for item in () if tree is None else tree.items if isinstance(tree, Sequence) else (tree,):
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            hint = f"this is {describe(item)}"
            problems.append(Problem("a condition is a text such as 'params > 5M'", item.span, hint))
            continue
        try:
            found.append(parse_condition(item.value, NUMERIC, _inside(item)))
        except ArchcalcError as error:
            problems.extend(error.problems)
    if isinstance(tree, Sequence) and not tree.items:
        problems.append(Problem("there are no conditions to fail on", tree.span))
    return tuple(found)


def _inside(item: Scalar) -> Span:
    """Where the text of a scalar begins: behind its quote, if it has one."""
    span = item.span
    line = span.source.text.splitlines()[span.line - 1]
    quoted = line[span.column - 1 : span.column] in ('"', "'")
    return Span(span.source, span.line, span.column + quoted, span.width)


def located(error: ArchcalcError, span: Span) -> list[Problem]:
    """The problems of a network that a file names, at that place where they have none of their own."""
    return [
        msgspec.structs.replace(problem, span=span) if problem.span is None else problem for problem in error.problems
    ]


def read_conditions(texts: tuple[str, ...], option: str) -> tuple[Condition, ...]:
    """The conditions of an option. Raises UsageError with what is wrong with any of them."""
    problems, found = Problems(), []
    for text in texts:
        try:
            found.append(parse_condition(text, NUMERIC, option))
        except ArchcalcError as error:
            problems.extend(error.problems)
    if problems:
        raise UsageError(problems)
    return tuple(found)
