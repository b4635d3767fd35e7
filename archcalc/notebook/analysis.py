"""An analysis as the table of its layers."""

from archcalc.analysis.whole import Analysis


class ShownAnalysis(Analysis):
    """An Analysis that a notebook shows as `summary` does."""

    def _repr_html_(self) -> str:
        from archcalc.render.web import fragment
        from archcalc.views.layers import Choice
        from archcalc.views.reports import summary

        return fragment(summary(self, (), Choice()))
