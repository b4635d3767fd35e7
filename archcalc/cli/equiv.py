"""equiv: stacks of layers side by side."""

import click

from archcalc.analysis.memory import DTYPES
from archcalc.analysis.stacks import cost_of_stack
from archcalc.cli.options import Output, each, output_options
from archcalc.cli.output import emit
from archcalc.errors import Problem, UsageError
from archcalc.network import input_shape
from archcalc.views import equiv as views


@click.command("equiv")
@click.argument("stacks", metavar="STACK...", nargs=-1, required=True)
@click.option(
    "--channels", metavar="C", type=click.IntRange(1, 1_000_000), default=64, show_default=True, help="What C is."
)
@click.option("--size", metavar="HxW", default="56x56", show_default=True, help="The map that the stacks read.")
@click.option("--bias", is_flag=True, help="Convolutions have biases.")
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Samples at once.")
@click.option("--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True, help="Of activations.")
@output_options
def equiv(
    stacks: tuple[str, ...], channels: int, size: str, bias: bool, batch: int, dtype: str, output: Output
) -> None:
    """Stacks of layers side by side: what they see, their weights in closed form, operations and memory.

    A stack is layers with commas between: 3x3,3x3,3x3 against 7x7. A layer is KxK, dwKxK (depthwise), maxKxK or avgKxK,
    then :channels (64, C, 2C, C/4), s2 (stride), d2 (dilation), g32 (groups), *3 (three times): 1x1:C/4,3x3,1x1:C.
    """
    shape = input_shape(size)
    if len(shape) > 2:
        raise UsageError(Problem(f"'{size}' is not the size of a map", None, "such as 56 or 56x56"))
    costs = each(lambda stack: cost_of_stack(stack, channels, (shape[0], shape[-1]), bias, batch, dtype), stacks)
    said = f"C = {channels} · map {shape[0]}×{shape[-1]} · batch {batch} · {dtype}" + (" · with biases" if bias else "")
    emit(views.stacks_table(costs, said), output, lambda: views.document(costs))
