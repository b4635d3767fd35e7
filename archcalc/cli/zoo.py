"""list: the networks of the zoo."""

import click

from archcalc.analysis.whole import Analysis
from archcalc.cli.options import Output, output_options
from archcalc.cli.output import chosen_format, emit
from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.opening import load
from archcalc.spec.zoo import names, read, spaces
from archcalc.views.table import Column, Row, Table

_COLUMNS = (
    Column("name", "Name"),
    Column("title", "Title", rank=3),
    Column("family", "Family", rank=2),
    Column("year", "Year", "number", 1),
    Column("input", "Input", "shape", 1),
    Column("params", "Params", "count"),
    Column("macs", "MACs", "amount"),
)


@click.command("list")
@click.option("--family", help="Only networks of a family: VGG, ResNet, …")
@click.option("--year", type=int, help="Only networks of a year.")
@click.option("--names", "only_names", is_flag=True, help="Only the names, one a line.")
@click.option("--spaces", "only_spaces", is_flag=True, help="Design spaces and what their variables range over.")
@output_options
def list_networks(family: str | None, year: int | None, only_names: bool, only_spaces: bool, output: Output) -> None:
    """The networks of the zoo: family, year, input, parameters, MACs. With --spaces the design spaces instead."""
    if only_spaces:
        _list_spaces(only_names, output)
        return
    if only_names and family is None and year is None:
        click.echo("\n".join(names()))
        return
    found = [row for row in map(_row, names()) if year is None or row.cells[3] == year]
    if family is not None:
        found = [row for row in found if str(row.cells[2]).lower() == family.lower()]
        if not found:
            hint = did_you_mean(family, {str(_row(name).cells[2]) for name in names()})
            raise UsageError(Problem(f"there is no family '{printable(family, 40)}'", None, hint))
    if only_names:
        click.echo("\n".join(row.cells[0] for row in found))
        return
    found.sort(key=lambda row: (row.cells[3], row.cells[2], row.cells[5]))
    notes = () if family or year else (f"design spaces: {', '.join(spaces())}: archcalc list --spaces",)
    table = Table("The zoo", "each at its own input · batch 1", _COLUMNS, tuple(found), notes=notes)
    emit(table, output, lambda: {"networks": [_plain(row) for row in found]})


def _list_spaces(only_names: bool, output: Output) -> None:
    if only_names:
        click.echo("\n".join(spaces()))
        return
    from archcalc.views import spaces as views

    found = {name: read(name)[0] for name in spaces()}
    emit(views.table(found, chosen_format(output) == "csv"), output, lambda: views.document(found))


def _row(name: str) -> Row:
    network = load(name)
    analysis = Analysis(network.spec, network.graph)
    spec = network.spec
    year = spec.paper.get("year")
    return Row(
        (name, spec.title, spec.family, year, network.graph.input_shape, analysis.params.params, analysis.cost.macs)
    )


def _plain(row: Row) -> dict[str, object]:
    return dict(zip((column.key for column in _COLUMNS), row.cells, strict=True))
