"""expected and split: what training with dropped branches costs, and what each of several devices holds."""

import click

from archcalc.analysis.expected import expected_cost
from archcalc.analysis.split import split_network
from archcalc.cli.options import Conventions, Output, analysis_of, conventions_options, network_argument, output_options
from archcalc.cli.output import emit
from archcalc.render.json import plain
from archcalc.views import training


@click.command()
@network_argument
@conventions_options
@output_options
def expected(network: str, conventions: Conventions, output: Output) -> None:
    """What a training step costs in expectation where branches are dropped (stochastic depth)."""
    analysis = analysis_of(network, conventions)
    result = expected_cost(analysis.graph, analysis.batch)
    emit(training.expected_table(analysis, result), output, lambda: {"network": analysis.spec.name, **plain(result)})


@click.command()
@network_argument
@click.option(
    "--devices", type=click.IntRange(min=1), default=2, show_default=True, help="How many share the channels."
)
@conventions_options
@output_options
def split(network: str, devices: int, conventions: Conventions, output: Output) -> None:
    """Which layers read only their own device's channels and which read across, and what is sent for it."""
    analysis = analysis_of(network, conventions)
    result = split_network(analysis.graph, devices, analysis.batch, analysis.dtype)
    emit(training.split_table(analysis, result), output, lambda: {"network": analysis.spec.name, **plain(result)})
