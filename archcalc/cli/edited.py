"""What --set does to a network: the same attribution as `diff`, against the network without it."""

from collections.abc import Callable
from typing import Any

import msgspec

from archcalc.analysis.whole import Analysis
from archcalc.cli.options import Conventions, Output, analysis_of
from archcalc.cli.output import chosen_format, emit_all
from archcalc.errors import ArchcalcError
from archcalc.views.table import Table


def emit_edited(
    table: Table,
    analysis: Analysis,
    network: str,
    conventions: Conventions,
    output: Output,
    document: Callable[[], dict[str, Any]],
) -> None:
    """Write a result; where --set changed the network, what each change does to every total stands below it.

    A spreadsheet has the result alone, JSON both: the second under `edits`.
    """
    before = _unedited(network, conventions) if conventions.set and chosen_format(output) != "csv" else None
    if before is None:
        emit_all((table,), output, document)
        return
    from archcalc.analysis.difference import difference
    from archcalc.views import difference as views

    found = difference(before, analysis)
    below = views.edits_table(before, analysis, found)
    emit_all((table, below), output, lambda: {**document(), "edits": views.document(before, analysis, found)})


def _unedited(network: str, conventions: Conventions) -> Analysis | None:
    """The network as it is without --set; None where there is none: a spec may need what --set says, and standard input
    cannot be read twice."""
    if network == "-":
        return None
    try:
        return analysis_of(network, msgspec.structs.replace(conventions, set=()))
    except ArchcalcError:
        return None
