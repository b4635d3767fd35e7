"""Pictures of networks that a notebook shows."""

import os
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from archcalc.analysis.whole import Analysis
from archcalc.network import Network
from archcalc.notebook.analysis import Analysable, analysed


class Picture(Struct, frozen=True):
    """A picture as the text of an SVG, which a notebook shows; `save` writes what `archcalc plot -o` does."""

    svg: str
    source: Any
    """What it was made of: a chart of altair's, or the SVG itself."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it whole, or not at all, as the ending says: .png, .svg, .html or .pdf. Raises UsageError."""
        from archcalc.render.pictures import write

        write(self.source, os.fspath(path))

    def _repr_svg_(self) -> str:
        return self.svg


def plot(networks: Analysable | Iterable[Analysable], what: str = "drawing", **options: Any) -> Picture:
    """A picture of an analysis, of a network, or of one by name or path; of several with `what="bubble"`.

    `what` and `options` are the words of `archcalc plot`: `drawing` (`depth`, `fold`), `timeline` (`model`,
    `optimizer`, `mixed`, `checkpoint`, `scratch`, `reorder`), `rf`, `params` and `macs` (`depth`), `roofline` (`on`),
    `bubble` (`metric`), and `dark` for charts on black. Batch and data type are those of the analysis; the memory of a
    timeline is that of its own `model`.

    Raises UsageError where there is no network, for options that are not about the picture, and where altair,
    vl-convert or graphlay is missing; ArchcalcError for networks that cannot be found or read.
    """
    from archcalc.render.pictures import svg_of
    from archcalc.render.plots import Look, check, plotted
    from archcalc.space.spelling import as_keyword

    given = [networks] if isinstance(networks, (Analysis, Network, str)) else list(networks)
    look = Look(what=what, **options)
    check(look, len(given), as_keyword)
    made = plotted(list(map(analysed, given)), look)
    return Picture(made if isinstance(made, str) else svg_of(made), made)
