"""plot: pictures of networks, as PNG, SVG, PDF or HTML."""

from collections.abc import Callable
from functools import partial
from typing import Any

import click
import msgspec
from msgspec import Struct

from archcalc.analysis.training import OPTIMIZERS
from archcalc.analysis.whole import Analysis
from archcalc.cli.memory import Step, laid_out, training_step
from archcalc.cli.options import Conventions, analyses_of, analysis_of, conventions_options, networks_argument
from archcalc.errors import Problem, UsageError, enumerate_words

MODELS = ("peak", "inplace", "arena", "train")


class Look(Struct, frozen=True):
    """What is plotted, and the options that only some pictures have."""

    what: str
    on: str | None
    depth: int | None
    fold: bool
    metric: str | None
    dark: bool
    optimizer: str | None
    reorder: bool


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
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="timeline of --model train.  [default: sgd]")
@click.option("--reorder", is_flag=True, help="timeline: the order of layers with the lowest peak that is found.")
@click.option("--dark", is_flag=True, help="Charts on black; drawings take the reader's colours by themselves.")
@partial(conventions_options, models=MODELS)
def plot(networks: tuple[str, ...], path: str, conventions: Conventions, **options: Any) -> None:
    """Pictures: the architecture, memory over time, receptive fields, costs, rooflines, accuracy over operations.

    The ending of -o says what is written; no browser and no network is needed. bubble takes several networks.
    """
    from archcalc.render.pictures import ending_of, write

    look = Look(**options)
    _check(look, networks, conventions)
    ending_of(path)
    if look.what == "bubble":
        write(_bubbles(networks, conventions, look), path)
    else:
        analysis = analysis_of(networks[0], msgspec.structs.replace(conventions, model="peak"))
        write(_PICTURES[look.what](analysis, conventions.model, look), path)


def _check(look: Look, networks: tuple[str, ...], conventions: Conventions) -> None:
    """Whether every option is about the picture. Raises UsageError with all that are not."""
    problems = []
    if look.what != "bubble" and len(networks) > 1:
        problems.append(Problem(f"{look.what} is a picture of one network", None, "--what bubble compares several"))
    for name, given, pictures in (
        ("--on", look.on is not None, ("roofline",)),
        ("--depth", look.depth is not None, ("drawing", "params", "macs")),
        ("--no-fold", not look.fold, ("drawing",)),
        ("--metric", look.metric is not None, ("bubble",)),
        ("--optimizer", look.optimizer is not None, ("timeline",)),
        ("--reorder", look.reorder, ("timeline",)),
        ("--model", conventions.model != "peak", ("timeline",)),
    ):
        if given and look.what not in pictures:
            problems.append(
                Problem(f"{name} is not about {look.what}", None, f"--what {enumerate_words(pictures, 'or')}")
            )
    if look.what == "timeline" and look.optimizer is not None and conventions.model != "train":
        problems.append(Problem(f"--optimizer is not about the model {conventions.model}", None, "--model train"))
    if look.what == "timeline" and look.reorder and conventions.model == "train":
        problems.append(Problem("--reorder is not about the model train", None, "--model peak, inplace or arena"))
    if look.what == "roofline" and look.on is None:
        from archcalc.space.hardware import names

        problems.append(Problem("a roofline is that of a processor", None, f"--on {', '.join(names())}"))
    if problems:
        raise UsageError(problems)


def _bubbles(networks: tuple[str, ...], conventions: Conventions, look: Look) -> Any:
    """Networks compared by accuracy and operations."""
    from archcalc.render import charts
    from archcalc.views.charts import bubbles

    data = bubbles(analyses_of(networks, conventions), look.metric or "top1")
    return charts.bubbles(data, _ground(look))


def _drawing(analysis: Analysis, model: str, look: Look) -> str:
    from archcalc.render.drawing import render
    from archcalc.views.drawing import picture

    return render(picture(analysis, look.depth, look.fold))


def _timeline(analysis: Analysis, model: str, look: Look) -> Any:
    from archcalc.render import charts
    from archcalc.views.charts import memory_over_time

    step = Step(look.optimizer, False, None, None, look.reorder, True, None)
    if model == "train":
        found = training_step(analysis, step)
        data = memory_over_time(analysis, found.timeline, f"train, {found.optimizer}", found.constant_bytes)
    else:
        timeline, _ = laid_out(analysis.graph, analysis.batch, analysis.dtype, model, step)
        data = memory_over_time(analysis, timeline, f"{model}, reordered" if look.reorder else model)
    return charts.memory_over_time(data, _ground(look))


def _field(analysis: Analysis, model: str, look: Look) -> Any:
    from archcalc.render import charts
    from archcalc.views.charts import field_growth

    return charts.field_growth(field_growth(analysis), _ground(look))


def _shares(analysis: Analysis, model: str, look: Look) -> Any:
    from archcalc.render import charts
    from archcalc.views.charts import shares

    return charts.shares(shares(analysis, look.what, look.depth), _ground(look))


def _roofline(analysis: Analysis, model: str, look: Look) -> Any:
    from archcalc.analysis.roofline import roofline
    from archcalc.render import charts
    from archcalc.space.hardware import read_hardware
    from archcalc.views.charts import roofline_points

    roof = roofline(analysis, read_hardware(look.on or ""))
    return charts.roofline(roofline_points(analysis, roof), _ground(look))


def _ground(look: Look) -> Any:
    return "dark" if look.dark else "light"


_PICTURES: dict[str, Callable[[Analysis, str, Look], Any]] = {
    "drawing": _drawing,
    "timeline": _timeline,
    "rf": _field,
    "params": _shares,
    "macs": _shares,
    "roofline": _roofline,
}
