"""summary, shapes, params, macs and rf: one question each, one table each."""

from collections.abc import Callable
from typing import Any

import click

from archcalc.analysis.whole import Analysis
from archcalc.cli.edited import emit_edited
from archcalc.cli.options import (
    Conventions,
    Output,
    Rows,
    analysis_of,
    conventions_options,
    network_argument,
    output_options,
    rows_options,
)
from archcalc.cli.output import chosen_format
from archcalc.errors import Problem, UsageError
from archcalc.views import reports
from archcalc.views.layers import Choice
from archcalc.views.table import Table


def _emit(table: Table, analysis: Analysis, network: str, conventions: Conventions, output: Output) -> None:
    def contract() -> dict[str, Any]:
        from archcalc.views.document import document

        return document(analysis)

    emit_edited(table, analysis, network, conventions, output, contract)


def choice_of(rows: Rows, output: Output) -> Choice:
    """A spreadsheet wants a row for every layer, whatever a reader would have folded."""
    choice = rows.choice
    flat = chosen_format(output) == "csv"
    return Choice(choice.depth, choice.sort, choice.top, choice.fold, True) if flat else choice


_per_layer = click.option("--per-layer", is_flag=True, help="A row for each layer instead of the totals.")
_breakdown = click.option(
    "--breakdown", is_flag=True, help="Every class of operation in a column of its own, per layer."
)


def _command(*options: Callable[[Any], Any]) -> Callable[[Callable[..., None]], click.Command]:
    """A command about one network with the options that all of these have, its own first."""

    def decorate(function: Callable[..., None]) -> click.Command:
        for option in (output_options, rows_options, conventions_options, *reversed(options), network_argument):
            function = option(function)
        return click.command()(function)

    return decorate


def wants_layers(rows: Rows, per_layer: bool, output: Output) -> bool:
    """Options about rows ask for rows."""
    return per_layer or rows != Rows((), Choice()) or chosen_format(output) == "csv"


@_command()
def summary(network: str, conventions: Conventions, rows: Rows, output: Output) -> None:
    """Everything per layer in one table, the totals below it."""
    analysis = analysis_of(network, conventions)
    _emit(reports.summary(analysis, rows.columns, choice_of(rows, output)), analysis, network, conventions, output)


@_command()
def shapes(network: str, conventions: Conventions, rows: Rows, output: Output) -> None:
    """What flows from layer to layer: input and output shape, kernel and stride."""
    analysis = analysis_of(network, conventions)
    _emit(reports.shapes(analysis, rows.columns, choice_of(rows, output)), analysis, network, conventions, output)


@_command(_per_layer)
def params(network: str, per_layer: bool, conventions: Conventions, rows: Rows, output: Output) -> None:
    """Trainable parameters and buffers, in all or per layer."""
    analysis = analysis_of(network, conventions)
    if wants_layers(rows, per_layer, output):
        table = reports.params_per_layer(analysis, rows.columns, choice_of(rows, output))
    else:
        table = reports.params_total(analysis)
    _emit(table, analysis, network, conventions, output)


@_command(_per_layer, _breakdown)
def macs(network: str, per_layer: bool, breakdown: bool, conventions: Conventions, rows: Rows, output: Output) -> None:
    """Multiply-accumulates and floating-point operations, in all or per layer. Also called flops."""
    analysis = analysis_of(network, conventions)
    if breakdown or wants_layers(rows, per_layer, output):
        table = reports.macs_per_layer(analysis, rows.columns, choice_of(rows, output), breakdown)
    else:
        table = reports.macs_total(analysis)
    _emit(table, analysis, network, conventions, output)


@_command(
    click.option(
        "--effective", is_flag=True, help="How the paths to one unit are spread over the input, as a picture."
    ),
    click.option(
        "--layer", metavar="NAME", help="With --effective: whose unit; default: the last with a place on the map."
    ),
    click.option(
        "--unit", metavar="Y,X", help="With --effective: which unit of the layer's map; default: the central one."
    ),
)
def rf(
    network: str,
    effective: bool,
    layer: str | None,
    unit: str | None,
    conventions: Conventions,
    rows: Rows,
    output: Output,
) -> None:
    """Receptive field, effective stride and effective padding of each layer.

    With --effective how much of what one unit sees comes from each pixel, by the number of paths: most meet in the
    middle of the field. -o FILE.png writes the picture, -o FILE.npy the numbers, and so does --format json.
    """
    analysis = analysis_of(network, conventions)
    if not effective:
        if layer is not None or unit is not None:
            asked = "--unit" if layer is None else "--layer"
            raise UsageError(
                Problem(f"{asked} asks for an effective receptive field", None, f"rf {network} --effective")
            )
        _emit(reports.fields(analysis, rows.columns, choice_of(rows, output)), analysis, network, conventions, output)
        return
    if rows != Rows((), Choice()):
        raise UsageError(Problem("--effective shows one layer: there are no rows or columns to choose"))
    from archcalc.cli.effective import show

    show(analysis, layer, unit, output)
