"""import: a network written out as a spec."""

import click

from archcalc.cli.options import Output, network_argument
from archcalc.cli.output import write
from archcalc.opening import load


@click.command("import")
@network_argument
@click.option("--input", metavar="CxHxW", help="Input shape, instead of the network's own: 3x227x227.")
@click.option("--flat", is_flag=True, help="One line a layer: no blocks, no repeats.")
@click.option(
    "-o", "--output", "path", metavar="FILE", type=click.Path(), help="Write there instead, whole or not at all."
)
def import_network(network: str, input: str | None, flat: bool, path: str | None) -> None:  # noqa: A002
    """A network as a spec that can be read, changed and kept: repeated structure as blocks and repeats.

    The spec reads back as exactly the same network: names, arguments, connections and order.
    """
    from archcalc.formats.spec_text import to_spec

    found = load(network, input)
    title = found.spec.title if found.spec.title != found.spec.name else ""
    write(to_spec(found.graph, title, flat), Output(None, path, False, False))
