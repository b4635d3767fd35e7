"""memory and fits: what a pass or a step takes, what is alive when, what fits."""

from collections.abc import Callable
from functools import partial
from typing import Any

import click
import msgspec

from archcalc.analysis.memory import MODELS
from archcalc.analysis.timeline import SCRATCHES
from archcalc.analysis.training import OPTIMIZERS, largest_batch
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
from archcalc.cli.output import chosen_format, emit, emit_all
from archcalc.cli.quantity import byte_count
from archcalc.cli.tables import choice_of, wants_layers
from archcalc.errors import Problem, UsageError
from archcalc.infer import InferredGraph
from archcalc.space.fitting import fit
from archcalc.space.hardware import read_hardware
from archcalc.space.spelling import as_option
from archcalc.space.steps import TIMELINES, Assumed, LaidOut, laid_out, not_about, training_step
from archcalc.views import memory as views
from archcalc.views import reports
from archcalc.views.layers import Choice
from archcalc.views.table import Table

ALL_MODELS = (*MODELS, "inplace", "arena", "train")


class Step(Assumed, frozen=True):
    """What is assumed, and what is shown of it."""

    timeline: bool = False
    fit: str | None = None


def step_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `Assumed`."""
    for option in reversed(
        (
            click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="With --model train.  [default: sgd]"),
            click.option(
                "--mixed", is_flag=True, help="With --model train: mixed precision, half-precision activations."
            ),
            click.option(
                "--checkpoint",
                type=click.IntRange(min=1),
                metavar="N",
                help="With --model train: keep every N blocks.",
            ),
            click.option(
                "--scratch", type=click.Choice(SCRATCHES), help="With --model arena: of convolutions.  [default: none]"
            ),
            click.option("--reorder", is_flag=True, help="The order of layers with the lowest peak that is found."),
        )
    ):
        command = option(command)
    return command


@click.command()
@network_argument
@click.option("--per-layer", is_flag=True, help="A row for each layer instead of the totals.")
@click.option("--timeline", is_flag=True, help="A row for each step: what is alive when.")
@step_options
@click.option("--fit", metavar="SIZE", help="The largest batch that takes no more: 16GiB.")
@partial(conventions_options, models=ALL_MODELS)
@rows_options
@output_options
@click.pass_context
def memory(
    context: click.Context,
    /,
    network: str,
    per_layer: bool,
    conventions: Conventions,
    rows: Rows,
    output: Output,
    **options: Any,
) -> None:
    """Memory of weights and activations, and the tensors that make the peak.

    Models: lecture, all and peak count outputs; inplace writes over what is not needed any more, arena besides lays
    everything into one block (as on a microcontroller; see --dtype int8), train is a step of training.
    """
    step, limit = Step(**options), byte_count(options["fit"], "--fit") if options["fit"] is not None else None
    _check(step, conventions.model)
    if conventions.model in MODELS and not (step.timeline or step.reorder) and limit is None:
        analysis = analysis_of(network, conventions)
        table = _table(analysis, per_layer, rows, output)
        emit_edited(table, analysis, network, conventions, output, lambda: _contract(analysis))
        return
    if rows != Rows((), Choice()) or per_layer:
        raise UsageError(Problem("rows and columns are chosen of the models lecture, all and peak", None, "--timeline"))
    analysis = analysis_of(network, msgspec.structs.replace(conventions, model="peak"))
    tables, document, largest = _modelled(analysis, conventions.model, step, limit)
    emit_all(tables[-1:] if chosen_format(output) == "csv" else tables, output, document)
    if largest == 0:
        context.exit(1)


def _contract(analysis: Analysis) -> dict[str, Any]:
    from archcalc.views.document import document

    return document(analysis)


def _table(analysis: Analysis, per_layer: bool, rows: Rows, output: Output) -> Table:
    if not wants_layers(rows, per_layer, output):
        return reports.memory_total(analysis)
    return reports.memory_per_layer(analysis, rows.columns, choice_of(rows, output))


def _check(step: Step, model: str) -> None:
    """Whether every option is about the model. Raises UsageError with all that are not."""
    problems = step.misplaced(model, as_option)
    for name, given in (("timeline", step.timeline), ("fit", step.fit is not None)):
        if given and model not in TIMELINES:
            problems.append(not_about(name, model, TIMELINES))
    if problems:
        raise UsageError(problems)


def _modelled(
    analysis: Analysis, model: str, step: Step, limit: int | None
) -> tuple[list[Table], Callable[[], dict[str, Any]], int | None]:
    """The tables of a model beyond plain outputs, what JSON shows, and the largest batch if it was asked for."""
    if model == "train":
        found = training_step(analysis.graph, analysis.batch, analysis.dtype, step)
        largest = None if limit is None else _largest(analysis, step, limit)
        tables = [views.training_table(analysis, found, largest, limit)]
        tables += [views.timeline_table(analysis, "a training step", found.timeline)] if step.timeline else []
        return tables, lambda: views.training_document(analysis, found, largest, limit), largest
    forward = laid_out(analysis.graph, analysis.batch, analysis.dtype, model, step)
    timeline, notes = forward.timeline, _notes(model, forward)
    largest = None if limit is None else _largest_forward(analysis, model, step, limit)
    tables = [views.inference_table(analysis, model, timeline, notes, largest, limit)]
    tables += [views.timeline_table(analysis, "a forward pass", timeline)] if step.timeline else []
    return tables, lambda: views.inference_document(analysis, model, timeline, largest, limit), largest


def _largest(analysis: Analysis, step: Step, limit: int) -> int:
    optimizer: Any = step.optimizer or "sgd"
    return largest_batch(analysis.graph, limit, analysis.dtype, optimizer, step.mixed, step.checkpoint or 0)


def _notes(model: str, found: LaidOut) -> list[str]:
    """What is said of a forward pass under a model."""
    notes = [_NOTES[model]]
    notes += ["concatenations are joined with their inputs"] if found.joined else []
    if found.reordered is not None:
        better = "layers run in another order"
        notes.append(better if found.reordered else "no order of the layers was found that needs less")
    return notes


_NOTES = {
    "peak": "peak: an output dies behind its last use, none is computed in place",
    "inplace": "inplace: what is read unit by unit for the last time is written over; views are where they look",
    "arena": "arena: in place, and all in one block",
}


def _largest_forward(analysis: Analysis, model: str, step: Step, limit: int) -> int:
    """The largest batch whose forward pass fits beside the weights: activations are proportional to the batch."""
    each = laid_out(analysis.graph, 1, analysis.dtype, model, step).timeline.peak()
    return max(0, (limit - analysis.memory.weight_bytes) // each) if each else 0


def _size(text: str | None, option: str) -> int | None:
    return None if text is None else byte_count(text, option)


@click.command()
@network_argument
@click.option("--sram", metavar="SIZE", help="Memory for activations: 320KiB.")
@click.option("--flash", metavar="SIZE", help="Memory for weights: 1MiB.")
@click.option("--on", metavar="NAME", help="A microcontroller of the catalogue, or a .yaml file: its SRAM and flash.")
@click.option("--scratch", type=click.Choice(SCRATCHES), default="none", show_default=True, help="Of convolutions.")
@partial(conventions_options, dtype="int8")
@output_options
@click.pass_context
def fits(
    context: click.Context,
    network: str,
    sram: str | None,
    flash: str | None,
    on: str | None,
    scratch: Any,
    conventions: Conventions,
    output: Output,
) -> None:
    """Does it fit, which tensors and layers are too large, and what would make it fit. Exit 1 where it does not.

    Activations lie in one block (model arena) in SRAM, weights in flash: matrices and kernels in --dtype, vectors in
    four bytes.
    """
    limits = {"sram": _size(sram, "--sram"), "flash": _size(flash, "--flash")}
    if on is not None:
        hardware = read_hardware(on)
        limits = {name: getattr(hardware, name) if size is None else size for name, size in limits.items()}
        if limits == {"sram": None, "flash": None}:
            raise UsageError(Problem(f"nothing is said of {hardware.title}'s SRAM and flash", None, "--sram, --flash"))
    if limits == {"sram": None, "flash": None}:
        raise UsageError(Problem("fits into what?", None, "--sram 320KiB --flash 1MiB, or --on stm32f746"))
    analysis = analysis_of(network, conventions)
    channels = analysis.graph.input_shape[0]

    def at_input(size: int) -> InferredGraph:
        again = msgspec.structs.replace(conventions, input=f"{channels}x{size}x{size}")
        return analysis_of(network, again).graph

    look = None if network == "-" else at_input
    found = fit(analysis.graph, limits["sram"], limits["flash"], analysis.dtype, scratch, look)
    emit(views.fit_table(analysis, found), output, lambda: views.fit_document(analysis, found))
    if not found.fits:
        context.exit(1)
