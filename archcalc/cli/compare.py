"""compare: networks side by side."""

import click

from archcalc.cli.options import (
    Conventions,
    Output,
    analyses_of,
    conventions_options,
    networks_argument,
    output_options,
)
from archcalc.cli.output import chosen_format, emit
from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.views import compare as views


@click.command("compare")
@networks_argument
@click.option("--baseline", metavar="NET", help="One of the networks: every number also as a multiple of its.")
@click.option(
    "--by", type=click.Choice(views.BY), help="A row for each stage or kind of layer, a column for each network."
)
@click.option("--of", type=click.Choice(views.OF), help="With --by: of what.  [default: macs]")
@click.option("--columns", metavar="A,B,...", help="Quantities to show: params, macs, peak, depth, rf and others.")
@click.option("--sort", metavar="COLUMN", help="The largest first.")
@click.option("--bars/--no-bars", default=True, show_default=True, help="Bars beside the numbers.")
@click.option("--plot", is_flag=True, help="A picture for -o: accuracy over operations, areas are parameters.")
@conventions_options
@output_options
def compare(
    networks: tuple[str, ...],
    baseline: str | None,
    by: str | None,
    of: str | None,
    columns: str | None,
    sort: str | None,
    bars: bool,
    plot: bool,
    conventions: Conventions,
    output: Output,
) -> None:
    """Networks side by side: parameters, operations, memory, depth, receptive field.

    Networks of the zoo and files mix. The options of --input, --set and the like hold for all of them.
    """
    keys = views.quantities_named(filter(None, (key.strip() for key in (columns or "").split(","))))
    if plot:
        if keys or sort or baseline or by or of or output.format:
            raise UsageError(Problem("--plot draws accuracy over operations: options of tables have no say in it"))
        _plot(networks, conventions, output.path)
        return
    if of is not None and by is None:
        raise UsageError(Problem(f"--of {of} tells what --by sums", None, "--by stage, or --by kind"))
    if by is not None and (keys or sort or baseline):
        raise UsageError(Problem("--by has one column a network: --columns, --sort and --baseline choose none"))
    flat = chosen_format(output) == "csv"
    wishes = views.Wishes(keys, sort or "", _baseline(networks, baseline), bars, flat)
    analyses = analyses_of(networks, conventions)
    if by is not None:
        what = of or "macs"
        table = views.groups_table(analyses, by, what, bars and not flat)
        emit(table, output, lambda: views.group_document(analyses, by, what))
    else:
        emit(views.networks_table(analyses, wishes), output, lambda: views.document(analyses, wishes))


def _plot(networks: tuple[str, ...], conventions: Conventions, path: str | None) -> None:
    from archcalc.render import charts
    from archcalc.render.pictures import ending_of, write
    from archcalc.views.charts import bubbles

    if path is None:
        raise UsageError(Problem("--plot writes a picture, and needs to be told where", None, "-o compared.png"))
    ending_of(path)
    write(charts.bubbles(bubbles(analyses_of(networks, conventions))), path)


def _baseline(networks: tuple[str, ...], baseline: str | None) -> int | None:
    if baseline is None:
        return None
    if baseline not in networks:
        message = f"the baseline '{printable(baseline, 60)}' is not one of the networks compared"
        raise UsageError(Problem(message, None, did_you_mean(baseline, networks) or f"such as {networks[0]}"))
    return networks.index(baseline)
