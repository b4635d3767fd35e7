"""schema and completion: what editors and shells need to help."""

import click
from click.shell_completion import get_completion_class

from archcalc.cli.options import Output
from archcalc.cli.output import write
from archcalc.render import json
from archcalc.views.schema import spec_schema


@click.command()
@click.option("-o", "--output", "path", metavar="FILE", type=click.Path(), help="Write there instead.")
def schema(path: str | None) -> None:
    """JSON Schema of specs, for completion and checks in editors.

    With the YAML extension of an editor: # yaml-language-server: $schema=archcalc.schema.json
    """
    write(json.render(spec_schema()), Output("json", path, False, False))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Shell completion: eval "$(archcalc completion bash)" in ~/.bashrc, likewise for zsh and fish."""
    from archcalc.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows the three shells above
    click.echo(kind(cli, {}, "archcalc", "_ARCHCALC_COMPLETE").source())
