"""diff: what turns one network into another, and what each edit costs."""

import click

from archcalc.analysis.difference import difference
from archcalc.cli.options import (
    Conventions,
    Output,
    analysis_of,
    conventions_options,
    network_arguments,
    output_options,
)
from archcalc.cli.output import emit
from archcalc.views import difference as views


@click.command("diff")
@network_arguments("before", "after")
@click.option("--per-layer", is_flag=True, help="A row for each layer that differs instead of each edit.")
@click.option("--exit-code", is_flag=True, help="Exit 1 where the networks differ.")
@conventions_options
@output_options
@click.pass_context
def diff(
    context: click.Context,
    before: str,
    after: str,
    per_layer: bool,
    exit_code: bool,
    conventions: Conventions,
    output: Output,
) -> None:
    """What turns network A into network B: the edits, and what each does to every total, summing exactly.

    Layers are aligned by what they are, the shapes around them and their names. --set and --input are meant for both.
    """
    one, other = analysis_of(before, conventions), analysis_of(after, conventions)
    found = difference(one, other)
    table = views.layers_table if per_layer else views.edits_table
    emit(table(one, other, found), output, lambda: views.document(one, other, found))
    if exit_code and found.edits:
        context.exit(1)
