"""Closed forms as their tables."""

from typing import Any

from msgspec.structs import asdict

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
    return ShownFormulas(**asdict(opening.formula(network, *arguments, **options)))
