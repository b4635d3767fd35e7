"""roofline: what binds a network on a processor, and the least time it takes."""

import click

from archcalc.analysis.roofline import Hardware, roofline
from archcalc.cli.options import (
    Conventions,
    Output,
    Rows,
    analysis_of,
    conventions_options,
    each,
    network_argument,
    output_options,
    rows_options,
)
from archcalc.cli.output import emit
from archcalc.cli.tables import choice_of
from archcalc.errors import Problem, UsageError
from archcalc.space.hardware import names, read_hardware
from archcalc.views import roofline as views
from archcalc.views.layers import Choice
from archcalc.views.reports import largest


@click.command("roofline")
@network_argument
@click.option(
    "--on", multiple=True, metavar="NAME", help="A processor of the catalogue, or a .yaml file; default: all."
)
@click.option("--per-layer", is_flag=True, help="A row for each layer, on one processor.")
@conventions_options
@rows_options
@output_options
def roofline_of(
    network: str, on: tuple[str, ...], per_layer: bool, conventions: Conventions, rows: Rows, output: Output
) -> None:
    """Whether arithmetic or memory is the bound, layer by layer, and the least time and energy.

    Bounds from a processor's peaks: what no program can beat, and real ones do not reach.
    """
    per_layer = per_layer or rows != Rows((), Choice())
    if per_layer and len(on) != 1:
        raise UsageError(Problem("--per-layer is about one processor", None, f"--on {', '.join(names())}"))
    analysis = analysis_of(network, conventions)
    found = [roofline(analysis, hardware) for hardware in _processors(on, analysis.dtype)]
    if not found:
        raise UsageError(Problem(f"no processor of the catalogue has a peak for {analysis.dtype}"))
    if per_layer:
        table = views.layers_table(analysis, found[0], _keys(rows.columns), largest(choice_of(rows, output), "us"))
    else:
        table = views.processors_table(analysis, found)
    emit(table, output, lambda: views.document(analysis, found))


def _keys(asked: tuple[str, ...]) -> tuple[str, ...]:
    from archcalc.views.columns import columns_named

    columns_named([key for key in asked if key not in views.LAYER_KEYS])
    return tuple(key for key in asked if key != "layer")


def _processors(on: tuple[str, ...], dtype: str) -> list[Hardware]:
    """Those asked for, each of which needs a peak for the type; or all of the catalogue that have one."""
    if not on:
        return [hardware for hardware in map(read_hardware, names()) if dtype in hardware.peak]
    return each(read_hardware, on)
