"""verify: published numbers held against arithmetic; which variant gives a number?"""

import click

from archcalc.analysis.verify import Search, search, to_plain, verify
from archcalc.cli.options import Output, output_options
from archcalc.cli.output import chosen_format, emit
from archcalc.cli.quantity import quantity
from archcalc.errors import Problem, UsageError
from archcalc.opening import load
from archcalc.spec.zoo import names
from archcalc.views import verification


@click.command("verify")
@click.argument("networks", metavar="[NET]...", nargs=-1)
@click.option("--params", metavar="0.6M", help="Search the variants of one network for this many parameters.")
@click.option("--macs", metavar="600M", help="Search the variants of one network for this many multiply-accumulates.")
@output_options
@click.pass_context
def verify_networks(
    ctx: click.Context, networks: tuple[str, ...], params: str | None, macs: str | None, output: Output
) -> None:
    """Hold published numbers against arithmetic, for the whole zoo or for the networks named.

    match: as computed. convention: as computed under another way of counting, or another value of a variable. erratum:
    a sum with one term twice or left out. not reproduced: none of these. Exit 1 where a verdict is not the one that the
    spec declares.
    """
    wanted = {metric: text for metric, text in (("params", params), ("macs", macs)) if text is not None}
    if wanted:
        if len(networks) != 1:
            raise UsageError(Problem("a search takes one network", None, "such as verify densenet_40_12 --params 0.6M"))
        _search(networks[0], wanted, output)
        return
    findings = [finding for name in networks or names() for finding in verify(load(name))]
    table = verification.table(findings, with_reasons=chosen_format(output) == "csv")
    emit(table, output, lambda: {"findings": [to_plain(finding) for finding in findings]})
    if any(not finding.as_declared for finding in findings):
        ctx.exit(1)


def _search(name: str, wanted: dict[str, str], output: Output) -> None:
    network = load(name)
    found: dict[str, Search] = {}
    for metric, text in wanted.items():
        value, half = quantity(text)
        found[metric] = search(network, metric, value - half, value + half)
    table = verification.search_table(network.spec, wanted, found)
    emit(table, output, lambda: verification.search_plain(found))
