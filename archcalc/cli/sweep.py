"""sweep: the quantities of many variants of a network, as a table or into a file that grows in chunks."""

from collections.abc import Callable
from typing import Any

import click
from msgspec import Struct

from archcalc.analysis.memory import MODELS
from archcalc.cli.options import Output, network_argument, output_options


class Wishes(Struct, frozen=True):
    """What is swept, and which rows of it are wanted."""

    set: tuple[str, ...]
    sample: int | None
    seed: int | None
    method: str | None
    where: str | None
    columns: str | None
    pareto: str | None
    sort: str | None
    top: int | None
    model: str | None
    mode: str | None
    chunk: int | None


def _wishes(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `Wishes`, packed into one."""

    def packed(**options: Any) -> Any:
        values = {name: options.pop(name) for name in Wishes.__struct_fields__}
        return command(wishes=Wishes(**values), **options)

    packed.__doc__ = command.__doc__
    packed.__name__ = command.__name__
    packed.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]
    for option in reversed(
        (
            click.option(
                "--set",
                multiple=True,
                metavar="TARGET=VALUES",
                help="A range a:b:step (b included), log:a:b, or values with commas; of a variable (width), an argument"
                " of a layer (conv1.stride), input (224 or 3x224x224), batch or dtype.",
            ),
            click.option("--sample", type=int, metavar="N", help="Draw N variants instead of all of the grid."),
            click.option("--seed", type=int, metavar="S", help="What draws begin with.  [default: 0]"),
            click.option("--method", type=click.Choice(["uniform", "sobol"]), help="How to draw.  [default: uniform]"),
            click.option("--where", metavar="CONDITION", help="Only rows such as 'params < 5M and macs < 300M'."),
            click.option("--columns", metavar="A,B,...", help="Quantities to show: params, macs, peak, rf and others."),
            click.option("--pareto", metavar="OBJECTIVES", help="Only rows that none beats in 'min macs, max params'."),
            click.option("--sort", metavar="COLUMNS", help="Largest first; 'min macs' is smallest first."),
            click.option("--top", type=click.IntRange(min=1), metavar="N", help="The first N rows only."),
            click.option("--model", type=click.Choice(MODELS), help="What memory of activations counts."),
            click.option(
                "--mode", type=click.Choice(["infer", "train"]), help="train: as in the summary of a network."
            ),
            click.option("--chunk", type=click.IntRange(min=1), metavar="N", help="Variants at a time.", hidden=True),
        )
    ):
        packed = option(packed)
    return packed


def _output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    return output_options(command, "jsonl", "parquet")


@click.command("sweep")
@network_argument
@_wishes
@click.option("--resume", is_flag=True, help="Go on with a file that was begun (CSV, JSON lines, Parquet).")
@click.option("--dask", metavar="ADDRESS", help="On a cluster: local, or tcp://host:8786.")
@_output_options
@click.pass_context
def sweep_network(
    ctx: click.Context, network: str, wishes: Wishes, resume: bool, dask: str | None, output: Output
) -> None:
    """Parameters, operations and memory of every variant of a network, thousands in one pass.

    NET is a network, or a sweep file that says all of this. Several --set span a grid, the last changing fastest.
    Variants that cannot be are counted, with their reasons. -o FILE.csv, .jsonl or .parquet writes in chunks; what is
    interrupted goes on with --resume.
    """
    from archcalc.cli.swept import sweep_into, work_of

    if not sweep_into(work_of(network, wishes, dask), output, resume):
        ctx.exit(2)
