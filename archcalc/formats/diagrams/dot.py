"""Drawing → a graph in Graphviz's language. Source: graphviz.org/doc/info/lang.html."""

from archcalc.formats.diagrams.drawing import Box, Drawing, Frame, draw
from archcalc.formats.diagrams.palette import COLOURS
from archcalc.infer import InferredGraph


def to_dot(network: InferredGraph, depth: int | None = None, title: str = "") -> str:
    """The network as a directed graph from top to bottom, `depth` levels of names deep (all of them without)."""
    drawing = draw(network, depth)
    lines = [
        f"digraph {_quoted(drawing.name)} {{",
        f"    label={_quoted(title or drawing.name)} labelloc=t fontname=Helvetica fontsize=18",
        "    rankdir=TB nodesep=0.3 ranksep=0.35",
        '    node [shape=box style="rounded,filled" fontname=Helvetica fontsize=11 color="#808080"]',
        '    edge [color="#606060" arrowsize=0.7]',
        *_members(drawing, drawing.members, [], "    "),
        *(f"    n{start} -> n{end}" for start, end in drawing.arrows),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _members(drawing: Drawing, members: tuple[int | Frame, ...], path: list[str], margin: str) -> list[str]:
    lines = []
    for member in members:
        if isinstance(member, int):
            lines.append(f"{margin}n{member} {_attributes(drawing.boxes[member])}")
            continue
        inner = [*path, member.name]
        lines += [
            f"{margin}subgraph {_quoted('cluster_' + '.'.join(inner))} {{",
            f'{margin}    label={_quoted(member.name)} fontsize=12 style=rounded color="#a0a0a0"',
            *_members(drawing, member.members, inner, margin + "    "),
            f"{margin}}}",
        ]
    return lines


def _attributes(box: Box) -> str:
    label = "\\n".join(_escaped(line) for line in box.lines)
    return f'[label="{label}" tooltip={_quoted(box.name)} fillcolor="{COLOURS[box.kind]}"]'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """A quotation mark ends a text; a backslash and an ampersand begin escapes."""
    return text.replace("&", "&amp;").replace("\\", "\\\\").replace(chr(34), '\\"').replace("\n", " ")
