"""Sweep files: what `archcalc sweep` takes on its command line, as a YAML file."""

import os
from typing import Any

from msgspec import Struct

from archcalc.errors import Problem, Problems, Source, SpecError, did_you_mean, printable
from archcalc.spec import zoo
from archcalc.spec.tree import Mapping, Scalar, Sequence, Tree, describe, plain, read_tree

VERSION = 1
_TEXTS = ("network", "method", "where", "pareto", "sort", "model", "mode")
_COUNTS = ("sample", "seed", "top")
KEYS = ("sweep", *_TEXTS, *_COUNTS, "set", "columns")


class Request(Struct, frozen=True):
    """A sweep as a file asks for it. `network` counts from where the file lies; `options` by the names of the command
    line; `set` holds located trees."""

    network: str
    set: dict[str, Any]
    options: dict[str, Any]


def read_request(path: str) -> Request | None:
    """The sweep that a file asks for; None where it is no sweep file, which begins with `sweep: 1`.

    Raises SpecError with everything that is wrong with it.
    """
    if not path.endswith((".yaml", ".yml")):
        return None
    source = zoo.find(path)
    if "sweep" not in source.text:
        return None
    tree = read_tree(source)
    if not isinstance(tree, Mapping) or "sweep" not in tree.entries:
        return None
    return _request(tree, source)


def _request(tree: Mapping, source: Source) -> Request:
    problems = Problems()
    entries, keys = tree.entries, tree.keys
    for key, span in keys.items():
        if key not in KEYS:
            problems.append(Problem(f"a sweep has no '{printable(key, 40)}'", span, did_you_mean(key, KEYS)))
    if plain(entries["sweep"]) != VERSION:
        problems.append(Problem(f"this archcalc reads version {VERSION} of sweep files", entries["sweep"].span))
    options: dict[str, Any] = {}
    for key in (*_TEXTS, *_COUNTS):
        if key in entries:
            options[key] = _value(key, entries[key], problems)
    if "network" not in entries:
        problems.append(Problem("a sweep file names its 'network'", tree.span, "such as 'network: resnet50'"))
    if "columns" in entries:
        options["columns"] = _columns(entries["columns"], problems)
    changes = _changes(entries.get("set"), tree, problems)
    if problems:
        raise SpecError(problems)
    network = str(options.pop("network"))
    if network.endswith((".yaml", ".yml")) and not source.name.startswith("<"):
        network = os.path.join(os.path.dirname(source.name), network)
    return Request(network, changes, options)


def _value(key: str, tree: Tree, problems: Problems) -> Any:
    value = plain(tree)
    wanted: tuple[type, str] = (str, "a text") if key in _TEXTS else (int, "a whole number")
    if type(value) is not wanted[0]:
        problems.append(Problem(f"{key} is {wanted[1]}, this is {describe(tree)}", tree.span))
    return value


def _columns(tree: Tree, problems: Problems) -> tuple[str, ...]:
    value = plain(tree)
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.append(Problem(f"columns are a list of names, this is {describe(tree)}", tree.span))
        return ()
    return tuple(name.strip() for name in names)


def _changes(tree: Tree | None, whole: Mapping, problems: Problems) -> dict[str, Any]:
    if tree is None or not isinstance(tree, Mapping) or not tree.entries:
        span = whole.span if tree is None else tree.span
        problems.append(Problem("a sweep has a 'set': targets with what they take", span, "width: 32:256:8"))
        return {}
    for name, value in tree.entries.items():
        if not isinstance(value, (Scalar, Sequence)):
            message = f"{printable(name, 40)} takes a range or a list, this is {describe(value)}"
            problems.append(Problem(message, value.span))
    return dict(tree.entries)
