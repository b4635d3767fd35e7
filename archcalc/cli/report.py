"""report: one page about networks, for a browser."""

import click

from archcalc import __version__
from archcalc.cli.options import Conventions, analyses_of, conventions_options, networks_argument
from archcalc.errors import Problem, UsageError


@click.command("report")
@networks_argument
@click.option("-o", "--output", "path", metavar="FILE", type=click.Path(), help="The page, whole or not at all.")
@click.option("--si", is_flag=True, help="Bytes in kB and MB instead of KiB and MiB.")
@conventions_options
def report(networks: tuple[str, ...], path: str | None, si: bool, conventions: Conventions) -> None:
    """One self-contained page about one network or several, for a browser, with no access to a network.

    Layers to fold, sort and search, derivations of every number, charts, and what each unit sees of the input.
    """
    if path is None:
        raise UsageError(Problem("a report is a page in a file: it needs a name", None, "-o report.html"))
    analyses = analyses_of(networks, conventions)
    from archcalc.files import write_whole
    from archcalc.render.report import render

    text = render(analyses, si, f"archcalc {__version__}")
    write_whole(path, lambda file: file.write(text.encode("utf-8")))
