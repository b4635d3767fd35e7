"""plot: pictures of networks, as PNG, SVG, PDF or HTML."""

from functools import partial
from typing import Any

import click
import msgspec

from archcalc.cli.memory import step_options
from archcalc.cli.options import Conventions, analyses_of, analysis_of, conventions_options, networks_argument
from archcalc.space.spelling import as_option
from archcalc.space.steps import TIMELINES


@click.command("plot")
@networks_argument
@click.option(
    "--what",
    type=click.Choice(["drawing", "timeline", "rf", "params", "macs", "roofline", "bubble"]),
    default="drawing",
    show_default=True,
    help="The architecture; memory over time; growth of the receptive field; where params or MACs sit;"
    " layers under the roof of a processor; accuracy over operations.",
)
@click.option(
    "-o", "--output", "path", metavar="FILE", required=True, type=click.Path(), help=".png, .svg, .html, .pdf"
)
@click.option("--on", metavar="NAME", help="roofline: a processor of the catalogue, or a .yaml file.")
@click.option("--depth", type=click.IntRange(min=1), help="drawing, params, macs: levels of names to show.")
@click.option("--fold/--no-fold", default=True, show_default=True, help="drawing: identical blocks once (×3).")
@click.option("--metric", type=click.Choice(["top1", "top5"]), help="bubble: which accuracy.  [default: top1]")
@click.option("--dark", is_flag=True, help="Charts on black; drawings take the reader's colours by themselves.")
@step_options
@partial(conventions_options, models=TIMELINES)
def plot(networks: tuple[str, ...], path: str, conventions: Conventions, **options: Any) -> None:
    """Pictures: the architecture, memory over time, receptive fields, costs, rooflines, accuracy over operations.

    The ending of -o says what is written; no browser and no network is needed. bubble takes several networks, and the
    options that say "With --model", and --reorder, are about the timeline.
    """
    from archcalc.render.pictures import ending_of, write
    from archcalc.render.plots import Look, check, plotted

    look = Look(**options, model=conventions.model)
    check(look, len(networks), as_option)
    ending_of(path)
    plain = msgspec.structs.replace(conventions, model="peak")
    several = look.what == "bubble"
    write(plotted(analyses_of(networks, plain) if several else [analysis_of(networks[0], plain)], look), path)
