"""explain: how every number comes about."""

import os
import shutil
import sys

import click

from archcalc.analysis.explain import Explanation, explain_layer, explain_network
from archcalc.cli.options import Conventions, Output, analysis_of, conventions_options, network_argument, output_options
from archcalc.cli.output import chosen_format, emit, write
from archcalc.views.document import document
from archcalc.views.layers import conventions as said


@click.command()
@network_argument
@click.argument("layer", required=False)
@conventions_options
@output_options
def explain(network: str, layer: str | None, conventions: Conventions, output: Output) -> None:
    """How every number of a LAYER comes about, with the values put in; without one, how the totals add up."""
    from archcalc.render import derivation

    analysis = analysis_of(network, conventions)
    explanation = explain_network(analysis) if layer is None else explain_layer(analysis, layer)
    kind = chosen_format(output)
    if kind in ("table", "plain"):
        # A pipe has no width: nothing is broken there.
        width = shutil.get_terminal_size().columns if kind == "table" else sys.maxsize
        _print(derivation.lines(explanation, said(analysis), width), output, kind == "table")
        return
    table = derivation.table(explanation, said(analysis))
    emit(table, output, lambda: {**document(analysis), "explanation": _plain(explanation)})


def _plain(explanation: Explanation) -> object:
    import msgspec

    return msgspec.to_builtins(explanation)


_STYLES: dict[str, dict[str, bool]] = {
    "title": {"bold": True},
    "answer": {"bold": True},
    "note": {"dim": True},
    "step": {},
}


def _print(lines: list[tuple[str, str]], output: Output, styled: bool) -> None:
    colour = styled and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    texts = (click.style(text, **_STYLES[kind]) if colour and text else text for kind, text in lines)
    write("\n".join(texts) + "\n", output)
