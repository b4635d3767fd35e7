"""Closed forms as their tables."""

from typing import Any

from archcalc import opening
from archcalc.symbolic.results import Formulas


class ShownFormulas(Formulas, frozen=True):
    """Formulas that a notebook shows as `formula` does."""

    def _repr_html_(self) -> str:
        from archcalc.render.web import fragment
        from archcalc.views.formula import tables

        return "".join(map(fragment, tables(self)))


def formula(network: Any, *arguments: Any, **options: Any) -> ShownFormulas:
    """The closed forms of a network over symbols: `archcalc.opening.formula`, which tells the rest."""
    found = opening.formula(network, *arguments, **options)
    return ShownFormulas(**{name: getattr(found, name) for name in found.__struct_fields__})
