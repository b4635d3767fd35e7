"""Derivations as tables: formula, values put in, result."""

from archcalc.analysis import explain
from archcalc.analysis.explain import Explanation
from archcalc.analysis.whole import Analysis
from archcalc.views.layers import conventions


class ShownExplanation(Explanation, frozen=True, kw_only=True):
    """An Explanation that a notebook shows as `explain` does; `conventions` are those of its numbers."""

    conventions: str

    def _repr_html_(self) -> str:
        from archcalc.render.derivation import table
        from archcalc.render.web import fragment

        return fragment(table(self, self.conventions))


def explain_layer(analysis: Analysis, name: str) -> ShownExplanation:
    """The derivation of every number of one layer. Raises UsageError for a layer that is not there."""
    return _shown(explain.explain_layer(analysis, name), analysis)


def explain_network(analysis: Analysis) -> ShownExplanation:
    """How the totals of a network add up from its layers."""
    return _shown(explain.explain_network(analysis), analysis)


def _shown(found: Explanation, analysis: Analysis) -> ShownExplanation:
    return ShownExplanation(found.title, found.sections, found.notes, conventions=conventions(analysis))
