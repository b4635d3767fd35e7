"""Names for layers: those of the modules that they came from, so that weights are called as in a state dict."""

import re
from collections import Counter
from collections.abc import Sequence

from archcalc.formats.importer.draft import Draft
from archcalc.ops.source import Constant, Input, Parameter

_UNFIT = re.compile(r"[^A-Za-z0-9_/-]+")
MAX_NAME = 300


def named(drafts: Sequence[Draft]) -> list[str]:
    """A name for each layer, no two alike, and none that is also a scope of others.

    A layer with weights is called as the module that owns them; one that is the only layer of its module as that; any
    other by its operator, in the scope of its module.
    """
    paths = [_path(draft) for draft in drafts]
    alone = Counter(path for path in paths if path)
    scopes: set[str] = set()
    for draft, path in zip(drafts, paths, strict=True):
        for dotted in (path, _clean(draft.origin.scope)):
            parts = dotted.split(".")
            scopes |= {".".join(parts[:count]) for count in range(1, len(parts))}
    taken: set[str] = set()
    names = []
    for draft, path in zip(drafts, paths, strict=True):
        owned = bool(draft.weights) and bool(draft.origin.owner)
        whole = path != "" and path not in scopes and (owned or alone[path] == 1)
        word = draft.op.keyword
        name = _free(path if whole else f"{path}.{word}" if path else word, taken | scopes)
        taken.add(name)
        names.append(name)
    return names


def as_labelled(drafts: Sequence[Draft]) -> list[str]:
    """The names that a file of ours gives its layers. Where several stand for one, the last has its name."""
    wanted = [draft.origin.label for draft in drafts]
    last = {name: position for position, name in enumerate(wanted)}
    taken = set(last)
    names = []
    for position, (draft, name) in enumerate(zip(drafts, wanted, strict=True)):
        if last[name] != position:
            name = _free(f"{name}/{draft.op.keyword}", taken)
            taken.add(name)
        names.append(name)
    return names


def _free(wanted: str, taken: set[str]) -> str:
    """The name, or with the first number that nobody has."""
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}" if wanted[-1:].isdigit() else f"{wanted}{count}"
    return name


def _path(draft: Draft) -> str:
    origin = draft.origin
    if isinstance(draft.op, Input):
        return "input"
    if isinstance(draft.op, (Parameter, Constant)):
        # `table.weight` of a layer `table`, as weights are called; an array with a name of its own is called by that.
        own = next((f".{name}" for name in draft.weights), "")
        return _clean(origin.owner.removesuffix(own)) or _clean(origin.scope)
    return _clean(origin.owner if draft.weights and origin.owner else origin.scope or _labelled(origin.label))


def _labelled(label: str) -> str:
    """What a file calls a node, where it tells more than the node's number."""
    return "" if re.fullmatch(r"(node_|n)?[A-Za-z]*_?\d*|node_.*", label) or "/" in label else label


def _clean(path: str) -> str:
    parts = [_UNFIT.sub("_", part).strip("_/") for part in path.split(".")]
    return ".".join(part for part in parts if part)[-MAX_NAME:].strip(".")
