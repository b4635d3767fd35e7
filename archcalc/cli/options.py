"""The options that commands share: one decorator gives them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click
from msgspec import Struct

from archcalc.analysis.memory import DTYPES, MODELS
from archcalc.analysis.whole import Analysis
from archcalc.errors import ArchcalcError, Problem, UsageError
from archcalc.opening import load
from archcalc.views.layers import Choice

Command = TypeVar("Command", bound=Callable[..., Any])
Made = TypeVar("Made")

FORMATS = ("table", "plain", "markdown", "latex", "html", "csv", "json")


class Conventions(Struct, frozen=True):
    """What a network is analysed under."""

    input: str | None
    batch: int
    dtype: str
    model: str
    mode: str
    set: tuple[str, ...]


class Output(Struct, frozen=True):
    """How a result is written: the format (none: by the file's ending, else a table), where to, with which signs."""

    format: str | None
    path: str | None
    si: bool
    ascii: bool


class Rows(Struct, frozen=True):
    """Which rows and columns a table of layers has."""

    columns: tuple[str, ...]
    choice: Choice


def _complete_network(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from archcalc.spec.zoo import names, spaces

    found: list[Any] = [CompletionItem(name) for name in (*names(), *spaces()) if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def network_argument(command: Command) -> Command:
    return click.argument("network", metavar="NET", shell_complete=_complete_network)(command)


def network_arguments(*names: str) -> Callable[[Command], Command]:
    """Several networks, each under its own name: A and B."""

    def decorate(command: Command) -> Command:
        for name, metavar in reversed(tuple(zip(names, "ABC", strict=False))):
            command = click.argument(name, metavar=metavar, shell_complete=_complete_network)(command)
        return command

    return decorate


def networks_argument(command: Command) -> Command:
    """One network or more."""
    return click.argument("networks", metavar="NET...", nargs=-1, required=True, shell_complete=_complete_network)(
        command
    )


def _collected(kind: type[Struct], names: tuple[str, ...], command: Callable[..., Any]) -> Callable[..., Any]:
    """`command` with the options of these names packed into one value, by the kind's own name."""

    def packed(**options: Any) -> Any:
        values = {name: options.pop(name) for name in names}
        return command(**{kind.__name__.lower(): kind(**values)}, **options)

    packed.__doc__ = command.__doc__
    packed.__name__ = command.__name__
    packed.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]
    return packed


def conventions_options(
    command: Callable[..., Any], models: Sequence[str] = MODELS, dtype: str = "float32"
) -> Callable[..., Any]:
    """--input, --batch, --dtype, --model, --mode and --set."""
    command = _collected(Conventions, ("input", "batch", "dtype", "model", "mode", "set"), command)
    for option in reversed(
        (
            click.option("--input", metavar="CxHxW", help="Input shape, instead of the network's own: 3x227x227."),
            click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Samples at once."),
            click.option(
                "--dtype",
                type=click.Choice(list(DTYPES)),
                default=dtype,
                show_default=True,
                help="Of weights and activations.",
            ),
            click.option(
                "--model",
                type=click.Choice(models),
                default="peak",
                show_default=True,
                help="What memory of activations counts.",
            ),
            click.option(
                "--mode",
                type=click.Choice(["infer", "train"]),
                default="infer",
                show_default=True,
                help="train: training heads, dropout, statistics of the batch.",
            ),
            click.option(
                "--set",
                multiple=True,
                metavar="TARGET=VALUE",
                help="Change a variable (vars.depths=[3,4,23,3]) or an argument of a layer (conv1.stride=2).",
            ),
        )
    ):
        command = option(command)
    return command


def output_options(command: Callable[..., Any], *more: str) -> Callable[..., Any]:
    """--format, -o, --si and --ascii; `more` formats are those that only this command has."""
    command = _collected(Output, ("format", "path", "si", "ascii"), command)
    for option in reversed(
        (
            click.option(
                "--format",
                type=click.Choice([*FORMATS, *more]),
                default=None,
                help="Default: a table; by the ending of -o.",
            ),
            click.option(
                "-o",
                "--output",
                "path",
                metavar="FILE",
                type=click.Path(),
                help="Write there instead, whole or not at all.",
            ),
            click.option("--si", is_flag=True, help="Bytes in kB and MB instead of KiB and MiB."),
            click.option("--ascii", is_flag=True, help="No signs beyond ASCII."),
        )
    ):
        command = option(command)
    return command


def rows_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--columns, --depth, --sort, --top and --no-fold."""

    def packed(
        columns: str | None, depth: int | None, sort: str | None, top: int | None, fold: bool, **options: Any
    ) -> Any:
        keys = tuple(filter(None, (key.strip() for key in (columns or "").split(","))))
        return command(rows=Rows(keys, Choice(depth, sort or "", top, fold)), **options)

    packed.__doc__ = command.__doc__
    packed.__name__ = command.__name__
    packed.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined]
    for option in reversed(
        (
            click.option(
                "--columns", metavar="A,B,...", help="Columns to show: output, kernel, params, macs, rf and others."
            ),
            click.option("--depth", type=click.IntRange(min=1), help="Levels of the tree to show."),
            click.option("--sort", metavar="COLUMN", help="Largest first, layers in one flat list."),
            click.option("--top", type=click.IntRange(min=1), metavar="N", help="The first N layers only."),
            click.option("--fold/--no-fold", default=True, help="Show identical blocks once (x3).", show_default=True),
        )
    ):
        packed = option(packed)
    return packed


def changes_of(conventions: Conventions) -> dict[str, str]:
    """What --set changes: targets and their new values. Raises UsageError."""
    changes = {}
    for change in conventions.set:
        target, sign, value = change.partition("=")
        if not sign:
            raise UsageError(Problem(f"--set {change} changes nothing", None, "such as --set vars.classes=10"))
        changes[target.strip()] = value
    return changes


def analysis_of(network: str, conventions: Conventions) -> Analysis:
    """The analysis that a command's options ask for. Raises ArchcalcError."""
    training = conventions.mode == "train"
    found = load(network, conventions.input, changes_of(conventions), training)
    return Analysis(
        found.spec,
        found.graph,
        conventions.batch,
        conventions.dtype,
        conventions.model,  # type: ignore[arg-type]
        training,
        found.weights,
    )


def analyses_of(networks: Iterable[str], conventions: Conventions) -> list[Analysis]:
    """The analyses of all networks. Raises one error with what is wrong with any of them."""
    return each(lambda network: analysis_of(network, conventions), networks)


def each(make: Callable[[str], Made], words: Iterable[str]) -> list[Made]:
    """What is made of each word. Raises one UsageError with what is wrong with any of them."""
    made: list[Made] = []
    problems: list[Problem] = []
    for word in words:
        try:
            made.append(make(word))
        except ArchcalcError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    return made
