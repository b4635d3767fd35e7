"""formula: what a network costs in closed form, over symbols."""

import click

from archcalc.analysis.memory import DTYPES
from archcalc.cli.options import Output, network_argument, output_options
from archcalc.cli.output import chosen_format, emit_all, write
from archcalc.errors import Problem, UsageError
from archcalc.extras import need
from archcalc.opening import formula as formulas_of


@click.command("formula")
@network_argument
@click.option("--over", metavar="A,B,...", help="The symbols: sizes of the input, batch, variables.  [default: sizes]")
@click.option(
    "--assume", multiple=True, metavar="'H % 32 == 0'", help="Only for sizes that leave this over.  [default: chosen]"
)
@click.option("--per-layer", is_flag=True, help="The closed forms of each layer as well.")
@click.option("--input", "input_", metavar="CxHxW", help="Input shape, instead of the network's own: 3x227x227.")
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Samples at once.")
@click.option("--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True, help="Of all values.")
@click.option(
    "--mode", type=click.Choice(["infer", "train"]), default="infer", show_default=True, help="As in summary."
)
@click.option("--set", "changes", multiple=True, metavar="TARGET=VALUE", help="Change a variable or an argument.")
@output_options
def formula(
    network: str,
    over: str | None,
    assume: tuple[str, ...],
    per_layer: bool,
    input_: str | None,
    batch: int,
    dtype: str,
    mode: str,
    changes: tuple[str, ...],
    output: Output,
) -> None:
    """Parameters, operations, memory and receptive field as closed forms: 27·C², 307,904·H·W.

    Symbols are H and W (L, or D, H and W), C (channels of the input), batch, and every whole number among the variables
    of a spec. Strides leave floors, which are shown as they are; a second table has the sizes at which all of them come
    out even.
    """
    need("sympy", "sympy", "symbolic", "formula")
    set_ = {}
    for change in changes:
        target, sign, value = change.partition("=")
        if not sign:
            raise UsageError(Problem(f"--set {change} changes nothing", None, "such as --set vars.classes=10"))
        set_[target.strip()] = value
    names = None if over is None else [name.strip() for name in over.split(",") if name.strip()]
    if names == []:
        raise UsageError(Problem("--over names no symbol", None, "such as --over H,W"))
    found = formulas_of(network, names, assume, input_, set_, batch, dtype, mode == "train")

    from archcalc.views import formula as views

    if chosen_format(output) == "latex":
        from archcalc.render.equations import render

        write(render(views.equations(found)), output)
    else:
        emit_all(views.tables(found, per_layer), output, lambda: views.document(found, per_layer))
