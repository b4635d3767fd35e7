"""reconcile: what other tools print for a network, and which operators make the difference."""

from typing import Any

import click

from archcalc.analysis.reconcile import PROFILES, Reconciliation, reconcile
from archcalc.cli.options import Conventions, Output, analysis_of, conventions_options, network_argument, output_options
from archcalc.cli.output import emit
from archcalc.errors import Problem, UsageError
from archcalc.render.json import plain
from archcalc.views import reconcile as views


@click.command("reconcile")
@network_argument
@click.option("--tool", metavar="NAME", help=f"One tool, operator by operator: {', '.join(PROFILES)}.")
@conventions_options
@output_options
def reconcile_network(network: str, tool: str | None, conventions: Conventions, output: Output) -> None:
    """What fvcore, thop, ptflops, torchinfo and calflops print for a network, and why that is not what we count.

    Each is described in one version, by its own table of handlers. Where a number depends on how the network is written
    as a program, the range is said.
    """
    if conventions.batch != 1:
        raise UsageError(Problem("tools are reconciled for one sample", None, "leave --batch out"))
    analysis = analysis_of(network, conventions)
    results = [reconcile(analysis.graph, name) for name in ([tool] if tool is not None else PROFILES)]
    table = views.tools_table(analysis, results) if tool is None else views.tool_table(analysis, results[0])
    emit(table, output, lambda: {"network": analysis.spec.name, "tools": [_document(result) for result in results]})


def _document(result: Reconciliation) -> dict[str, Any]:
    return {**plain(result), "difference": result.difference, "exact": result.exact}
