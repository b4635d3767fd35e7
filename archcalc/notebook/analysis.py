"""An analysis as the table of its layers."""

from archcalc.analysis.whole import Analysis
from archcalc.network import Network

Analysable = Analysis | Network | str
"""An analysis, or a network, or one by name or path: what `analysed` takes."""


class ShownAnalysis(Analysis):
    """An Analysis that a notebook shows as `summary` does."""

    def _repr_html_(self) -> str:
        from archcalc.render.web import fragment
        from archcalc.views.layers import Choice
        from archcalc.views.reports import summary

        return fragment(summary(self, (), Choice()))


def analysed(network: Analysable) -> Analysis:
    """An analysis as it is, and of a network that of one sample of float32. Raises ArchcalcError as `analyse` does."""
    from archcalc import analyse

    return network if isinstance(network, Analysis) else analyse(network)
