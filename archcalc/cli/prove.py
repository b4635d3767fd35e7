"""prove: the network runs, and what the analyses say of each layer is held against what is observed."""

import click

from archcalc.analysis.whole import Analysis
from archcalc.cli.interrupts import prompt_interrupts
from archcalc.cli.options import Conventions, Output, analysis_of, networks_argument, output_options
from archcalc.cli.output import chosen_format, emit, emit_all
from archcalc.cli.progress import Bar
from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.forward.claims import KINDS, Kind
from archcalc.network import Network
from archcalc.views import proof as views


@click.command("prove")
@networks_argument
@click.option("--claims", metavar="A,B,...", help=f"Which claims: {', '.join(KINDS)}. Default: all.")
@click.option("--per-layer", is_flag=True, help="A row for each layer, those that disagree first.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the weights and the sample.")
@click.option("--input", "shape", metavar="CxHxW", help="Input shape, instead of the network's own: 3x227x227.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="TARGET=VALUE",
    help="Change a variable (vars.classes=10) or an argument of a layer (conv1.stride=2).",
)
@output_options
@click.pass_context
def prove_networks(
    ctx: click.Context,
    networks: tuple[str, ...],
    claims: str | None,
    per_layer: bool,
    seed: int,
    shape: str | None,
    changes: tuple[str, ...],
    output: Output,
) -> None:
    """Run the networks and hold what is predicted against what is observed, layer by layer. Exit 1 where it differs.

    Shapes are those of the arrays that come out. Multiply-accumulates are counted at each product. Receptive fields:
    parts of the input are NaN, and which units come out NaN shows what each unit sees, on the network's own map and on
    strips that are as long as its fields. Memory is what outputs hold while each layer runs, and at the peak what
    numpy's allocator says.
    """
    kinds = _kinds(claims)
    conventions = Conventions(shape, 1, "float32", "peak", "infer", changes)
    found = [_proven(analysis, kinds, seed) for analysis in [analysis_of(network, conventions) for network in networks]]
    if chosen_format(output) == "csv":
        emit(views.long_table(found), output, dict)
    else:
        emit_all(views.tables(found, per_layer), output, lambda: views.document(found))
    if not all(one.proof.agrees for one in found):
        ctx.exit(1)


def _proven(analysis: Analysis, kinds: tuple[Kind, ...], seed: int) -> views.Proven:
    from archcalc.forward.proof import prove

    with Bar(f"proving {analysis.spec.name}") as bar, prompt_interrupts(bar.abandon):
        network = Network(analysis.spec, analysis.graph, analysis.weights)
        proof = prove(network, kinds, seed, bar)
    return views.proven(analysis, proof)


def _kinds(claims: str | None) -> tuple[Kind, ...]:
    """The kinds of claims that were asked for. Raises UsageError."""
    if claims is None:
        return KINDS
    asked = [word.strip() for word in claims.split(",") if word.strip()]
    problems = [
        Problem(f"there is no claim '{printable(word, 40)}'", None, did_you_mean(word, KINDS))
        for word in asked
        if word not in KINDS
    ]
    if problems or not asked:
        raise UsageError(problems or Problem("--claims names no claim", None, ", ".join(KINDS)))
    return tuple(kind for kind in KINDS if kind in asked)
