"""Derivations as tables: formula, values put in, result."""

from archcalc.analysis import explain
from archcalc.analysis.explain import Explanation
from archcalc.analysis.whole import Analysis
from archcalc.notebook.analysis import Analysable, analysed
from archcalc.views.layers import conventions


class ShownExplanation(Explanation, frozen=True, kw_only=True):
    """An Explanation that a notebook shows as `explain` does; `conventions` are those of its numbers."""

    conventions: str

    def _repr_html_(self) -> str:
        from archcalc.render.derivation import table
        from archcalc.render.web import fragment

        return fragment(table(self, self.conventions))


def explain_layer(network: Analysable, name: str) -> ShownExplanation:
    """The derivation of every number of one layer of a network, or of its analysis.

    Raises UsageError for a layer that is not there, and ArchcalcError for a network that cannot be found or read.
    """
    analysis = analysed(network)
    return _shown(explain.explain_layer(analysis, name), analysis)


def explain_network(network: Analysable) -> ShownExplanation:
    """How the totals of a network, or of its analysis, add up from its layers. Raises ArchcalcError as `load` does."""
    analysis = analysed(network)
    return _shown(explain.explain_network(analysis), analysis)


def _shown(found: Explanation, analysis: Analysis) -> ShownExplanation:
    return ShownExplanation(found.title, found.sections, found.notes, conventions=conventions(analysis))
