"""weights: what is in a file of weights, what networks it fits, and the same in another format or under other names."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from archcalc.cli.options import Output, output_options
from archcalc.cli.output import emit
from archcalc.cli.progress import Bar
from archcalc.errors import Problem, UsageError, printable
from archcalc.views import weights as views
from archcalc.views.table import Table

if TYPE_CHECKING:
    from archcalc.forward.weight_files.entry import Entry, WeightFile


@click.command("weights")
@click.argument("file", metavar="FILE")
@click.option("--for", "network", metavar="NET", help="Match with this network: which array is which weight, and why.")
@click.option(
    "--set", "changes", multiple=True, metavar="TARGET=VALUE", help="Change that network, as vars.classes=10."
)
@click.option(
    "--to",
    metavar="FILE",
    help="Write .npz or .safetensors, with --for under that network's names, whole or not at all.",
)
@click.option("--values/--no-values", default=True, show_default=True, help="Look at the values too: norms, NaN.")
@click.option("--fits/--no-fits", default=True, show_default=True, help="Say which networks of the zoo fit.")
@click.option("--sort", default="", metavar="COLUMN", help="Largest first: values, bytes, l2, mean, min, max.")
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="The first N arrays only.")
@output_options
def list_weights(
    file: str,
    network: str | None,
    changes: tuple[str, ...],
    to: str | None,
    values: bool,
    fits: bool,
    sort: str,
    top: int | None,
    output: Output,
) -> None:
    """The arrays of FILE (.npz, .safetensors, its index of shards, or .onnx): shapes, types, norms; what networks fit.

    Values are mapped and looked at a piece at a time, so that a file may be larger than memory.
    """
    write = _writer(to)
    from archcalc.formats.weights import open_weights

    found = open_weights(file)
    if network is not None:
        table, document, entries = _for_network(found, network, changes)
    elif changes:
        raise UsageError(Problem("--set changes the network of --for, which is not given"))
    else:
        table, document = _listing(found, values, fits, sort, top)
        entries = list(found.entries.values())
    if write is not None and to is not None:
        write(entries)
        from msgspec import structs

        table = structs.replace(table, notes=(*table.notes, f"written: {len(entries)} arrays, in {printable(to, 200)}"))
    emit(table, output, document)


def _writer(to: str | None) -> "Callable[[list[Entry]], None] | None":
    """What writes the format that the ending of a file says. Raises UsageError for others."""
    if to is None:
        return None
    ending = os.path.splitext(to)[1].lower()
    if ending not in (".npz", ".safetensors"):
        raise UsageError(
            Problem(f"--to {printable(to, 100)} is no format that is written", None, ".npz and .safetensors are")
        )
    from archcalc.forward.weight_files import writing

    return lambda entries: (writing.write_npz if ending == ".npz" else writing.write_safetensors)(to, entries)


def _listing(
    file: "WeightFile", values: bool, fits: bool, sort: str, top: int | None
) -> "tuple[Table, Callable[[], dict[str, object]]]":
    from archcalc.forward.matching.zoo import fitting_networks
    from archcalc.forward.weight_files.statistics import listing_of

    with Bar(file.shown) as bar:
        listing = listing_of(file, values, bar)
        fitting = fitting_networks({name: entry.shape for name, entry in file.weights.items()}) if fits else None
    return views.contents(listing, fitting, sort, top), lambda: views.document(listing, fitting)


def _for_network(
    file: "WeightFile", name: str, changes: tuple[str, ...]
) -> "tuple[Table, Callable[[], dict[str, object]], list[Entry]]":
    from archcalc.cli.options import Conventions, analysis_of
    from archcalc.forward.fit import fit_weights

    analysis = analysis_of(name, Conventions(None, 1, "float32", "peak", "infer", changes))
    fitted = fit_weights(analysis.graph, file, file.shown)
    shapes = {given: entry.shape for given, entry in file.weights.items()}
    table = views.matches(file.path, file.kind, analysis.spec.name, fitted.matching, shapes)
    return (
        table,
        lambda: views.match_document(file.path, file.kind, analysis.spec.name, fitted.matching),
        fitted.entries(),
    )
