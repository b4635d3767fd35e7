"""solve: the largest number of a network within a budget, and the sizes of input at which nothing is lost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from archcalc.cli.options import (
    Conventions,
    Output,
    changes_of,
    conventions_options,
    network_argument,
    output_options,
)
from archcalc.cli.output import chosen_format, emit
from archcalc.cli.progress import Bar
from archcalc.errors import ArchcalcError, Problem, UsageError
from archcalc.network import overrides_of
from archcalc.spec import zoo
from archcalc.spec.ranges import Range, parse_range

if TYPE_CHECKING:
    from archcalc.space.members import Members

_EXAMPLE = "such as --for width --to 'macs <= 600M', or --legal-inputs 100:512"
_MOST_INPUTS = 20_000


@click.command()
@network_argument
@click.option(
    "--for", "target", metavar="WHAT", help="A variable, LAYER.ARGUMENT, an element (depths[2]), input or batch."
)
@click.option("--to", "texts", multiple=True, metavar="'macs <= 600M'", help="What has to hold; several: all of them.")
@click.option(
    "--range", "span", metavar="LOW:HIGH[:STEP]", help="What is tried. Default: the spec's ranges, or 1 to 1024."
)
@click.option("--smallest", is_flag=True, help="The smallest value instead of the largest.")
@click.option(
    "--legal-inputs", "legal", metavar="LOW:HIGH", help="Sizes of square inputs at which no pixel is dropped."
)
@conventions_options
@output_options
@click.pass_context
def solve(
    ctx: click.Context,
    network: str,
    target: str | None,
    texts: tuple[str, ...],
    span: str | None,
    smallest: bool,
    legal: str | None,
    conventions: Conventions,
    output: Output,
) -> None:
    """The largest width, resolution, depth or batch within a budget.

    Exact: all values of the range are tried from the wanted end until one holds. Shows what the network is there, one
    step beyond, and which limit binds; exit 1 with the nearest miss where none holds. --legal-inputs lists sizes of the
    input at which every pixel is read, and those at which every window divides exactly.
    """
    if legal is not None:
        if target is not None or texts:
            raise UsageError(Problem("--legal-inputs is a question of its own: leave --for and --to out"))
        _legal(network, legal, conventions, output)
        return
    if target is None or not texts:
        raise UsageError(Problem("solve needs --for and --to", None, _EXAMPLE))
    if not _solve(network, target, texts, span, smallest, conventions, output):
        ctx.exit(1)


def _solve(
    network: str,
    target: str,
    texts: tuple[str, ...],
    span: str | None,
    smallest: bool,
    conventions: Conventions,
    output: Output,
) -> bool:
    """Show the answer; whether there is one."""
    from archcalc.space.budgets import read_conditions
    from archcalc.space.solve import default_values, solve
    from archcalc.views import solve as views
    from archcalc.views.layers import conventions as in_words

    conditions = read_conditions(texts, "--to")
    members = _members(network, target, conventions)
    values: Sequence[Any] | Range = default_values(members) if span is None else parse_range(span)
    if members.target.kind != "variable":
        _check_whole(values, members.target.shown)
    with Bar(f"values of {members.target.shown}") as bar:
        found = solve(members, values, conditions, smallest, bar)
    shown = found.answer or found.nearest
    under = in_words(members.analysis(shown.value)) if shown is not None else ""
    asked = views.Asked(members.spec.title, under, members.target.shown, _in_words(values), conditions, smallest)
    emit(views.solution_table(asked, found), output, lambda: views.solution_document(members.spec.name, asked, found))
    return found.answer is not None


def _members(network: str, target: str, conventions: Conventions) -> "Members":
    """The networks to choose from. Raises ArchcalcError for a spec, a change or a target that is wrong."""
    from archcalc.space import members

    spec, problems = zoo.read(network)
    if problems:
        raise ArchcalcError(problems)
    training = conventions.mode == "train"
    overrides = msgspec.structs.replace(overrides_of(conventions.input, changes_of(conventions)), training=training)
    under = members.Conventions(conventions.batch, conventions.dtype, conventions.model)  # type: ignore[arg-type]
    return members.Members(spec, overrides, target, under)


def _check_whole(values: Sequence[Any] | Range, shown: str) -> None:
    """Sizes and batches are whole numbers from 1."""
    if isinstance(values, Range) and (not values.whole or values.low < 1 or values.high >= 2**31):
        raise UsageError(Problem(f"{shown} is a whole number from 1", None, "--range 8:1024:8"))


def _in_words(values: Sequence[Any] | Range) -> str:
    if isinstance(values, Range):
        return f"{values.low}:{values.high}:{values.step}"
    if isinstance(values, range):
        return f"{values[0]}:{values[-1]}:{values.step}"
    return ", ".join(map(str, values))


def _legal(network: str, text: str, conventions: Conventions, output: Output) -> None:
    from archcalc.space.legal import legal_inputs
    from archcalc.views import solve as views

    span = parse_range(text)
    _check_whole(span, "a size of the input")
    if len(span) > _MOST_INPUTS:
        raise UsageError(Problem(f"{len(span):,} sizes are more than the {_MOST_INPUTS:,} that are tried"))
    members = _members(network, "batch", conventions)
    with Bar("sizes of the input") as bar:
        found = legal_inputs(members.graph, [int(size) for size in span], bar)
    channels = f"{members.network.input_shape[0]} channels"
    table = views.legal_table(members.spec.title, channels, found, chosen_format(output) == "csv")
    emit(table, output, lambda: views.legal_document(members.spec.name, found))
