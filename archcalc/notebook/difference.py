"""What turns one network into another as the table of its edits."""

from msgspec.structs import asdict

from archcalc.analysis.difference import Difference
from archcalc.analysis.difference import difference as find
from archcalc.analysis.whole import Analysis
from archcalc.notebook.analysis import Analysable, analysed


class ShownDifference(Difference, frozen=True):
    """A Difference that a notebook shows as `diff` does; `sides` are the two analyses."""

    sides: tuple[Analysis, Analysis]

    def _repr_html_(self) -> str:
        from archcalc.render.web import fragment
        from archcalc.views.difference import edits_table

        return fragment(edits_table(*self.sides, self))


def difference(before: Analysable, after: Analysable) -> ShownDifference:
    """What turns the first network, or its analysis, into the second: `archcalc.analysis.difference.difference`.

    Raises UsageError where they are analysed under two conventions, and ArchcalcError for what cannot be found or read.
    """
    sides = (analysed(before), analysed(after))
    return ShownDifference(**asdict(find(*sides)), sides=sides)
