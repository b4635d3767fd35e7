"""What a source says of itself."""

import builtins
import keyword
import re

from archcalc import __version__
from archcalc.analysis.cost import count_operations
from archcalc.analysis.params import count_params
from archcalc.errors import printable
from archcalc.formats.sources.layout import WIDTH, camel, is_plain, snake
from archcalc.formats.sources.program import Definition
from archcalc.infer import InferredGraph
from archcalc.ops.base import show_shape

_MOST_USES = 4

TAKEN = frozenset({*dir(builtins), *keyword.kwlist})
"""Names that a definition must not have: Python's own."""


def header(network: InferredGraph, title: str, loaded: str, name: str) -> str:
    """The docstring of a source: what it is, and how weights get into it; `loaded` are the lines that do it."""
    params, macs = count_params(network).params, count_operations(network).macs
    shape = show_shape(network.input_shape)
    file = snake(network.name) or "weights"
    lines = [
        f'"""{said(title or network.name)}: {params:,} parameters, {macs:,} MACs for an input of {shape}.',
        "",
        f"Written by archcalc {__version__}. Its weights have archcalc's names; an .npz file of them is loaded by",
        "",
        loaded.format(name=name, file=file),
        '"""',
    ]
    return "\n".join(lines) + "\n"


def said(text: str) -> str:
    """A text that may stand in a docstring."""
    clean = re.sub(r'[\\"]', "'", printable(text, 60)).strip()
    return clean or "A network"


def class_name(text: str) -> str:
    """What the network is called as a class: `ResNet-50` → `ResNet50`."""
    name = camel(text)
    return name if is_plain(name) else f"Network{name}"


def uses(definition: Definition) -> str:
    """The scopes that a definition stands for, a few by name."""
    paths = [path for path in definition.paths if path]
    if not paths:
        return ""
    shown = [said(path) for path in paths[:_MOST_USES]]
    rest = len(paths) - len(shown)
    text = ", ".join(shown) + (f" and {rest} more" if rest else "")
    text = text if len(text) < WIDTH - 20 else f"{shown[-1][:60]} and others" if len(paths) > 1 else shown[0]
    return f"{text}."
