"""Drawing → a flowchart in Mermaid's language. Source: mermaid.js.org/syntax/flowchart.html."""

from archcalc.formats.diagrams.drawing import Box, Drawing, Frame, draw
from archcalc.formats.diagrams.palette import COLOURS
from archcalc.infer import InferredGraph

MOST_ARROWS = 500
"""More than so many arrows Mermaid refuses unless it is told otherwise (`maxEdges`)."""

MOST_TEXT = 50_000
"""More than so many characters, too (`maxTextSize`)."""


def to_mermaid(network: InferredGraph, depth: int | None = None, title: str = "") -> str:
    """The network as a flowchart from top to bottom, `depth` levels of names deep (all of them without)."""
    drawing = draw(network, depth)
    kinds = sorted({box.kind for box in drawing.boxes})
    lines = [
        "---",
        f"title: {_yaml(title or drawing.name)}",
        "---",
        "flowchart TD",
        *_members(drawing, drawing.members, [], "    "),
        *(f"    n{start} --> n{end}" for start, end in drawing.arrows),
        *(f"    classDef {kind} fill:{COLOURS[kind]},stroke:#808080,color:#000000" for kind in kinds),
    ]
    return "\n".join(lines) + "\n"


def too_large(text: str) -> bool:
    """Whether Mermaid, as it is set up by default, refuses to draw a text."""
    return text.count(" --> ") > MOST_ARROWS or len(text) > MOST_TEXT


def _members(drawing: Drawing, members: tuple[int | Frame, ...], path: list[int], margin: str) -> list[str]:
    """Frames are numbered as paths, since names may hold what a Mermaid identifier must not."""
    lines, frames = [], 0
    for member in members:
        if isinstance(member, int):
            lines.append(f"{margin}n{member}{_box(drawing.boxes[member])}")
            continue
        inner, frames = [*path, frames], frames + 1
        lines += [
            f'{margin}subgraph s{"_".join(map(str, inner))}["{_escaped(member.name)}"]',
            *_members(drawing, member.members, inner, margin + "    "),
            f"{margin}end",
        ]
    return lines


def _box(box: Box) -> str:
    return f'["{"<br>".join(_escaped(line) for line in box.lines)}"]:::{box.kind}'


_ESCAPES = {ord(character): f"#{ord(character)};" for character in '"#&<>`'}


def _escaped(text: str) -> str:
    """Whatever Mermaid, Markdown or HTML would read as more than itself in a quoted text is written as its number."""
    return text.translate(_ESCAPES).replace("\n", " ")


def _yaml(text: str) -> str:
    """A title in the front matter, which is YAML: JSON's texts are among its own."""
    import json

    return json.dumps(text, ensure_ascii=False)
