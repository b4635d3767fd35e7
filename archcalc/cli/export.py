"""export: the network as ONNX, as PyTorch's or Keras's source, or as a diagram."""

import sys

import click

from archcalc.cli.options import Conventions, Output, analysis_of, network_argument
from archcalc.cli.output import write
from archcalc.errors import Problem, UsageError
from archcalc.formats.export import FORMS, Wishes, check, form_of, stream_onnx, text_of, write_onnx, write_texts
from archcalc.network import Network


@click.command("export")
@network_argument
@click.option("--to", type=click.Choice(FORMS), help="Default: what the ending of -o says: .onnx, .dot, .gv or .mmd.")
@click.option("-o", "--output", "path", metavar="FILE", type=click.Path(), help="Write there, whole or not at all.")
@click.option(
    "--weights",
    metavar="SOURCE",
    help="FILE.npz or random:SEED; default: the spec's. ONNX holds them, sources have them beside, in .npz.",
)
@click.option("--depth", type=click.IntRange(min=1), help="Diagrams: levels of names to show; default all.")
@click.option("--batch", type=click.IntRange(min=1), help="ONNX: samples at once; default 1.")
@click.option("--any-batch", is_flag=True, help="ONNX: as many samples as come when the model runs.")
@click.option("--opset", type=click.IntRange(min=1), help="ONNX: version of the operators; default 21.")
@click.option("--input", "shape", metavar="CxHxW", help="Input shape, instead of the network's own: 3x227x227.")
@click.option(
    "--mode",
    type=click.Choice(["infer", "train"]),
    default="infer",
    show_default=True,
    help="train: with training heads.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="TARGET=VALUE",
    help="Change a variable (vars.classes=10) or an argument of a layer (conv1.stride=2).",
)
def export_network(
    network: str,
    to: str | None,
    path: str | None,
    weights: str | None,
    depth: int | None,
    batch: int | None,
    any_batch: bool,
    opset: int | None,
    shape: str | None,
    mode: str,
    changes: tuple[str, ...],
) -> None:
    """The network for other programs: ONNX, the source of a PyTorch or Keras model, a Graphviz or Mermaid diagram.

    Sources stand on their own, and have our parameters, names of weights and outputs. Texts go to standard output
    without -o.
    """
    if batch and any_batch:
        raise UsageError(Problem("--batch and --any-batch exclude one another"))
    form = form_of(to, path)
    default = 1 if form == "onnx" else 0
    wishes = Wishes(weights, None if any_batch else batch or default, opset, depth)
    check(form, path, wishes)
    if form == "onnx" and path is None and sys.stdout.isatty():
        raise UsageError(Problem("ONNX is no text for a terminal", None, "give it a file, such as -o net.onnx"))
    found = analysis_of(network, Conventions(shape, 1, "float32", "peak", mode, changes))
    exported = Network(found.spec, found.graph)
    if form == "onnx":
        _onnx(exported, path, wishes)
        return
    text = text_of(exported, form, depth)
    if path is not None:
        write_texts(exported, form, path, text, weights)
    else:
        write(text, Output(None, None, False, False))
    if form == "mermaid":
        _warn(text)


def _onnx(network: Network, path: str | None, wishes: Wishes) -> None:
    if path is not None:
        write_onnx(network, path, wishes)
    else:
        stream_onnx(network, sys.stdout.buffer, wishes)


def _warn(text: str) -> None:
    from archcalc.formats.diagrams.mermaid import MOST_ARROWS, MOST_TEXT, too_large

    if too_large(text):
        limits = f"maxEdges {MOST_ARROWS} and maxTextSize {MOST_TEXT:,}"
        click.echo(f"archcalc: more than Mermaid draws by default ({limits}); a smaller --depth draws less", err=True)
