"""Networks → one page that needs nothing else: its style, its script and its data are in it.

The page forbids itself the network: its policy lets run what was written here, by its hash, and fetch nothing.
"""

import base64
import hashlib
import importlib.util
import re
from collections.abc import Sequence
from importlib import resources

import msgspec

from archcalc.analysis.whole import Analysis
from archcalc.render.cells import cell_text
from archcalc.render.derivation import result_text
from archcalc.render.web import fragment, safe
from archcalc.views.compare import Wishes, networks_table
from archcalc.views.report import Writing, page

SCRIPTS = ("dom.js", "table.js", "derivation.js", "charts.js", "picture.js", "field.js", "main.js")
"""The parts of the script, in the order in which they are joined."""


def render(analyses: Sequence[Analysis], si: bool = False, by: str = "archcalc") -> str:
    """The page about these networks: their comparison first, where there are several; `by` says what wrote it."""
    style = _asset("page.css")
    script = "".join(map(_asset, SCRIPTS))
    data = page(
        analyses, list(map(_drawing, analyses)), Writing(lambda value, kind: cell_text(value, kind, si), result_text)
    )
    titles = ", ".join(analysis.spec.title or analysis.spec.name for analysis in analyses)
    several = len(analyses) > 1
    slots = {
        "title": safe(titles),
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "data": _json(data),
        "comparison": fragment(networks_table(analyses, Wishes()), si) if several else "",
        "by": safe(by),
    }
    # One pass: what fills a slot is not looked at for slots again.
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: slots[slot[1]], _asset("page.html"))


_MOST_BOXES = 60
"""Boxes that are read as one picture."""
_MOST_DRAWN = 400


def _drawing(analysis: Analysis) -> str:
    """The architecture as SVG, its scopes opened as far as it can be read; "" for a network that is one long list of
    layers, and where the layout engine is not installed."""
    if importlib.util.find_spec("graphlay") is None:
        return ""
    from archcalc.render import drawing
    from archcalc.views.drawing import picture

    chosen = picture(analysis, 1)
    boxes = len(chosen.drawing.boxes)
    for depth in range(2, 1 + max(node.name.count(".") + 1 for node in analysis.graph.nodes)):
        deeper = picture(analysis, depth)
        if len(deeper.drawing.boxes) > _MOST_BOXES:
            break
        chosen = deeper
    return drawing.render(chosen) if boxes <= _MOST_DRAWN else ""


def _asset(name: str) -> str:
    return (resources.files("archcalc.render") / "page" / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """What the page may do: run this script, look so, show pictures that it has or was given; fetch nothing."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()


_ESCAPED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def _json(data: object) -> str:
    """JSON as it may stand in a script element: no sign in it begins or ends markup, or a line of a script."""
    return msgspec.json.encode(data).decode("utf-8").translate(_ESCAPED)
