"""Sweeps as tables and documents: a row a variant, and what is to be said of the others."""

from typing import Any

from archcalc.space.quantities import QUANTITIES
from archcalc.space.report import Swept, Tally
from archcalc.views.document import CONVENTIONS
from archcalc.views.table import Column, Fact, Kind, Row, Table

MOST_SHOWN = 100
"""Rows of a table that nobody limits: more are for files."""

_RANKS = {
    "buffers": 7,
    "activation_bytes": 6,
    "input": 5,
    "output": 6,
    "layers": 5,
    "depth": 5,
    "memory_bytes": 4,
    "flops": 4,
    "receptive_field": 3,
    "weight_bytes": 2,
    "peak_activation_bytes": 1,
}
"""What goes first where a terminal is narrow."""
_METHODS = {"uniform": "drawn evenly", "sobol": "drawn by a Sobol sequence"}


def table(swept: Swept) -> Table:
    """A row for each variant; numbers of variants below, and why some are impossible."""
    tally = swept.tally
    notes = reason_notes(tally)
    if tally.rows > MOST_SHOWN and not swept.choice:
        notes.insert(0, f"the first {MOST_SHOWN} of {tally.rows:,} rows: --top N shows more, -o FILE.csv has all")
    facts = [Fact("Variants", tally.variants, "count", _how(swept))]
    if tally.impossible:
        facts.append(Fact("Impossible", tally.impossible, "count", "why is noted below"))
    if swept.where:
        facts.append(Fact("Left out", tally.excluded, "count", f"not {swept.where}"))
    if swept.choice:
        facts.append(Fact("Chosen", len(swept.rows), "count", swept.choice))
    shown = [place for place, key in enumerate(swept.columns) if key not in _told_twice(swept)]
    keys = [swept.columns[place] for place in shown]
    columns = tuple(_column(key, key in swept.targets, key in swept.numbers) for key in keys)
    conventions = [*swept.fixed, f"activations: model {swept.model}", *(["training"] if swept.training else [])]
    body = tuple(Row(tuple(row[place] for place in shown)) for row in swept.rows)
    return Table(f"{swept.title}: sweep", " · ".join(conventions), columns, body, (), tuple(facts), tuple(notes))


def _told_twice(swept: Swept) -> tuple[str, ...]:
    """What another column says as well, where nobody chose the columns: by the model peak, activations are."""
    all_of_them = set(QUANTITIES) <= set(swept.columns)
    return ("activation_bytes",) if swept.model == "peak" and all_of_them else ()


def _column(key: str, target: bool, number: bool) -> Column:
    if target:
        return Column(key, key, "number" if number else "text")
    quantity = QUANTITIES[key]
    kind: Kind = quantity.kind if quantity.kind != "shape" else "text"
    return Column(key, quantity.title, kind, _RANKS.get(key, 0))


def _how(swept: Swept) -> str:
    """How variants come about: `a grid of 29 × 3`, `drawn evenly, seed 0`."""
    if swept.drawn is not None:
        return f"{_METHODS[swept.drawn['method']]}, seed {swept.drawn['seed']}"
    return f"a grid of {' × '.join(map(str, swept.sizes))}"


def reason_notes(tally: Tally) -> list[str]:
    """Why variants are impossible, a line a reason, each with an example."""
    notes = []
    for reason in tally.reasons:
        settings = ", ".join(f"{name}={value}" for name, value in reason.settings.items())
        place = f"{reason.place}: " if reason.place else ""
        notes.append(f"{reason.count:,} impossible as {settings} is: {place}{reason.message}")
    if tally.unsaid:
        notes.append(f"{tally.unsaid:,} impossible for further reasons")
    return notes


def document(swept: Swept) -> dict[str, Any]:
    """The sweep as JSON has it: exact numbers, conventions and reasons with them."""
    tally = swept.tally
    return {
        "network": swept.network,
        "title": swept.title,
        "mode": "train" if swept.training else "infer",
        "conventions": {**CONVENTIONS, "activation_bytes": f"model {swept.model}", "fixed": list(swept.fixed)},
        "variants": tally.variants,
        "drawn": swept.drawn,
        "where": swept.where or None,
        "choice": swept.choice or None,
        "excluded": tally.excluded,
        "impossible": tally.impossible,
        "reasons": [
            {"message": r.message, "place": r.place, "count": r.count, "variant": r.variant, "settings": r.settings}
            for r in tally.reasons
        ],
        "rows": [dict(zip(swept.columns, row, strict=True)) for row in swept.rows],
    }
