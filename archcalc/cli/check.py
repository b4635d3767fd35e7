"""check: is this spec valid, and does it keep its budgets?"""

import re

import click

from archcalc.cli.options import Conventions, analysis_of, conventions_options
from archcalc.cli.quantity import quantity
from archcalc.errors import Problem, UsageError, did_you_mean, printable

_BUDGET = re.compile(r"\s*([a-z_]+)\s*(<=|>=|<|>|==|!=)\s*(.+)\Z")


@click.command()
@click.argument("networks", metavar="FILE...", nargs=-1, required=True)
@click.option("--fail-on", "budgets", multiple=True, metavar="'params > 5M'", help="Exit 1 where this is true.")
@conventions_options
@click.pass_context
def check(ctx: click.Context, networks: tuple[str, ...], budgets: tuple[str, ...], conventions: Conventions) -> None:
    """Is this spec valid? All problems at once, exit 2. With --fail-on, exit 1 where a budget is broken."""
    limits = [_budget(text) for text in budgets]
    failed = False
    for network in networks:
        analysis = analysis_of(network, conventions)
        shown = printable(network, 200)
        click.echo(f"{shown}: fine, {len(analysis.graph.nodes) - 1} layers")
        for text, metric, sign, limit in limits:
            value = _METRICS[metric](analysis)
            if _SIGNS[sign](value, limit):
                failed = True
                click.echo(f"{shown}: {printable(text.strip(), 100)}: {metric} is {value:,}")
    if failed:
        ctx.exit(1)


_METRICS = {
    "params": lambda analysis: analysis.params.params,
    "buffers": lambda analysis: analysis.params.buffers,
    "macs": lambda analysis: analysis.cost.macs,
    "flops": lambda analysis: analysis.cost.flops,
    "weights": lambda analysis: analysis.memory.weight_bytes,
    "activations": lambda analysis: analysis.memory.activation_bytes,
    "peak": lambda analysis: analysis.memory.peak_bytes,
}
_SIGNS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _budget(text: str) -> tuple[str, str, str, float]:
    """A budget as text, metric, sign and limit. Raises UsageError."""
    match = _BUDGET.match(text)
    if match is None:
        hint = "such as 'params > 5M' or 'peak > 320KiB'"
        raise UsageError(Problem(f"'{printable(text, 60)}' is not a budget", None, hint))
    metric, sign, limit = match.groups()
    if metric not in _METRICS:
        raise UsageError(Problem(f"there is no metric '{metric}'", None, did_you_mean(metric, _METRICS)))
    return text, metric, sign, quantity(limit)[0]
