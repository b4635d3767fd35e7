"""What turns one network into another as the table of its edits."""

from msgspec.structs import asdict

from archcalc.analysis.difference import Difference
from archcalc.analysis.difference import difference as find
from archcalc.analysis.whole import Analysis


class ShownDifference(Difference, frozen=True):
    """A Difference that a notebook shows as `diff` does; `sides` are the two analyses."""

    sides: tuple[Analysis, Analysis]

    def _repr_html_(self) -> str:
        from archcalc.render.web import fragment
        from archcalc.views.difference import edits_table

        return fragment(edits_table(*self.sides, self))


def difference(before: Analysis, after: Analysis) -> ShownDifference:
    """What turns the first network into the second: `archcalc.analysis.difference.difference`.

    Raises UsageError where they are analysed under two conventions.
    """
    found = find(before, after)
    return ShownDifference(**asdict(found), sides=(before, after))
