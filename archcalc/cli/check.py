"""check: is this spec valid, and does it keep its budgets?"""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec import Struct

from archcalc.analysis.whole import Analysis
from archcalc.cli.options import Conventions, Output, analysis_of, conventions_options, output_options
from archcalc.cli.output import chosen_format, write
from archcalc.errors import ArchcalcError, Problem, Span, UsageError, printable

if TYPE_CHECKING:  # a spec without a budget does not need them
    from archcalc.space.budgets import Finding
    from archcalc.space.terms import Condition
    from archcalc.views.budgets import Case

_CI = ("github", "junit")


def _formats(command: Callable[..., Any]) -> Callable[..., Any]:
    return output_options(command, *_CI)


@click.command()
@click.argument("networks", metavar="[NET]...", nargs=-1)
@click.option("--fail-on", "conditions", multiple=True, metavar="'params > 5M'", help="Exit 1 where this is true.")
@click.option("--budgets", metavar="FILE", type=click.Path(), help="Networks and what each is to fail on: YAML.")
@conventions_options
@_formats
@click.pass_context
def check(
    ctx: click.Context,
    networks: tuple[str, ...],
    conditions: tuple[str, ...],
    budgets: str | None,
    conventions: Conventions,
    output: Output,
) -> None:
    """Are these specs valid, and do they keep their budgets?

    All problems of all networks at once, exit 2. --fail-on 'params > 5M and macs > 1G' and a file of --budgets: exit 1
    where a condition is true, and a table of what fell short by how much. --format github writes annotations, --format
    junit a report that CI systems read.
    """
    if not networks and budgets is None:
        raise UsageError(Problem("there is nothing to check", None, "name a network, or --budgets FILE"))
    result = _Result([], [], [], [])
    for subject in _subjects(networks, conditions, budgets, conventions):
        _check(subject, result)
    _show(result, output)
    if result.problems:
        raise ArchcalcError(result.problems)
    if any(finding.fails for finding in result.findings):
        ctx.exit(1)


class _Subject(Struct, frozen=True):
    """A network to look at, how, and what it is to fail on; `span` is where a file names it."""

    network: str
    conventions: Conventions
    conditions: "tuple[Condition, ...]"
    span: Span | None = None


class _Result(Struct):
    """What has been found so far."""

    findings: "list[Finding]"
    networks: list[dict[str, Any]]
    cases: "list[Case]"
    problems: list[Problem]


def _subjects(
    networks: tuple[str, ...], texts: tuple[str, ...], budgets: str | None, conventions: Conventions
) -> Iterator[_Subject]:
    """Everything to look at. Raises ArchcalcError with what is wrong with any condition, of the options or the file."""
    conditions: tuple[Condition, ...] = ()
    problems: list[Problem] = []
    entries = []
    if texts or budgets is not None:
        from archcalc.space.budgets import read_budgets, read_conditions

        try:
            conditions = read_conditions(texts, "--fail-on")
        except ArchcalcError as error:
            problems += error.problems
        try:
            entries = [*read_budgets(_file(budgets))] if budgets is not None else []
        except ArchcalcError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    for network in networks:
        yield _Subject(network, conventions, conditions)
    for entry in entries:
        under = msgspec.structs.replace(conventions, **entry.conventions)
        yield _Subject(entry.network, under, (*entry.conditions, *conditions), entry.span)


def _file(budgets: str) -> Any:
    from archcalc.spec.zoo import find

    if budgets != "-" and not budgets.endswith((".yaml", ".yml")):
        raise UsageError(Problem(f"'{printable(budgets, 200)}' is no file of budgets", None, "it ends in .yaml"))
    return find(budgets if os.path.dirname(budgets) or budgets == "-" else os.path.join(".", budgets))


def _check(subject: _Subject, result: _Result) -> None:
    """Look at one network; what is wrong with it is noted, so that all are looked at."""
    shown = printable(subject.network, 200)
    try:
        analysis = analysis_of(subject.network, subject.conventions)
        result.networks.append({"network": shown, "layers": len(analysis.graph.nodes) - 1})
        _judge(subject, shown, analysis, result)
    except ArchcalcError as error:
        problems = list(error.problems)
        if subject.span is not None:
            from archcalc.space.budgets import located

            problems = located(error, subject.span)
        result.problems += problems
        from archcalc.views.budgets import case_of_problem

        result.cases += [case_of_problem(shown, problem) for problem in problems]


def _judge(subject: _Subject, shown: str, analysis: Analysis, result: _Result) -> None:
    if not subject.conditions:
        return
    from archcalc.space.budgets import judge
    from archcalc.views.budgets import case_of, network
    from archcalc.views.layers import conventions

    source = analysis.spec.source.name
    file = source if subject.network.endswith((".yaml", ".yml")) else ""
    result.networks[-1] = network(shown, analysis)
    for condition in subject.conditions:
        finding = judge(shown, conventions(analysis), analysis, condition)
        result.findings.append(finding)
        result.cases.append(case_of(finding, file))


def _show(result: _Result, output: Output) -> None:
    """What has been found in the format asked for; without a budget one line for each network that is valid."""
    kind = chosen_format(output)
    if kind in _CI:
        from archcalc.render import ci
        from archcalc.views.budgets import Case

        judged = {case.group for case in result.cases}
        valid = [
            Case(entry["network"], "is valid", "passes", f"fine, {entry['layers']} layers")
            for entry in result.networks
            if entry["network"] not in judged
        ]
        cases = [*valid, *result.cases]
        write(ci.github(cases) if kind == "github" else ci.junit(cases), output)
    elif result.findings or kind in ("json", "csv"):
        from archcalc.cli.output import emit
        from archcalc.views.budgets import document, table

        shown = table(result.findings, flat=kind == "csv")
        emit(shown, output, lambda: document(result.findings, result.networks))
    elif result.networks:
        lines = (f"{entry['network']}: fine, {entry['layers']} layers\n" for entry in result.networks)
        write("".join(lines), output)
