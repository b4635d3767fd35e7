"""A sweep as the table of its first variants."""

import os
from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from archcalc.space.spelling import as_keyword
from archcalc.space.sweep import Sweep
from archcalc.space.sweep import sweep as spanned


class ShownSweep(Sweep, frozen=True):
    """A Sweep that a notebook shows as `sweep` does: as many of its chunks as make a table."""

    def _repr_html_(self) -> str:
        from archcalc.render.web import fragment
        from archcalc.space.report import Tally
        from archcalc.space.rows import joined
        from archcalc.space.tally import swept, tally_of
        from archcalc.views.sweep import MOST_SHOWN, table

        parts, tally = [], Tally()
        for chunk in self:
            parts.append(chunk.rows)
            tally = tally.with_other(tally_of(chunk))
            if tally.rows >= MOST_SHOWN:
                break
        rows = joined(parts)
        later = self.count - tally.variants
        waiting = f"; {later:,} variants are worked out when they are asked for" if later else ""
        choice = f"the first of them{waiting}" if later or len(rows) > MOST_SHOWN else ""
        return fragment(table(swept(self, rows.taken(slice(0, MOST_SHOWN)), tally, choice)))


def sweep(network: str | os.PathLike[str], set: Mapping[str, Any], **options: Any) -> ShownSweep:  # noqa: A002
    """The variants of a network that `set` spans: `archcalc.space.sweep.sweep`, which tells the options and errors."""
    return ShownSweep(**asdict(spanned(network, set, spell=as_keyword, **options)))
