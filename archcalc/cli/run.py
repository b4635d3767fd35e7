"""run: the network on samples, in numpy; what comes out, and where the time and the memory went."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from archcalc.analysis.whole import Analysis
from archcalc.cli.interrupts import prompt_interrupts
from archcalc.cli.options import Conventions, Output, analysis_of, network_argument, output_options
from archcalc.cli.output import chosen_format, emit_all
from archcalc.cli.progress import Bar
from archcalc.errors import Problem, UsageError, printable
from archcalc.files import write_whole
from archcalc.forward.report import ALGORITHMS, EXECUTIONS, MOST_THREADS, Algorithm, Execution, is_vector
from archcalc.forward.seed import seed_of
from archcalc.network import Network, input_shape
from archcalc.ops.base import show_shape
from archcalc.views import run as views
from archcalc.views.document import document
from archcalc.views.table import Table

if TYPE_CHECKING:
    from archcalc.forward.run import Run
    from archcalc.forward.weight_files.entry import WeightFile

_TOP = 5


class Wishes(Struct, frozen=True):
    """The options of the command, as they come."""

    weights: str | None
    image: tuple[str, ...]
    input: tuple[str, ...]
    batch: int | None
    set: tuple[str, ...]
    execution: Execution
    algorithm: Algorithm | None
    threads: int | None
    repeat: int | None
    top: int | None
    save: tuple[str, ...]
    times: bool
    per_layer: bool
    columns: str | None
    sort: str | None

    @property
    def layers(self) -> bool:
        """Whether options about rows ask for a row a step."""
        return self.per_layer or self.columns is not None or self.sort is not None

    @property
    def keys(self) -> list[str]:
        return [key.strip() for key in (self.columns or "").split(",") if key.strip()]


@click.command("run")
@network_argument
@click.option(
    "--weights",
    metavar="SOURCE",
    help="FILE.npz, .safetensors or .onnx, or random:SEED; default: the spec's, or random:0.",
)
@click.option("--image", multiple=True, metavar="FILE", help="A photo or drawing as a sample; more make a batch.")
@click.option(
    "--input",
    multiple=True,
    metavar="INPUT",
    help="Samples, FILE.npy or random:SEED (default random:0), or an input shape, 3x227x227; or one of each.",
)
@click.option("--batch", type=click.IntRange(min=1), help="Samples to draw; default 1.")
@click.option(
    "--set",
    multiple=True,
    metavar="TARGET=VALUE",
    help="Change a variable (vars.classes=10) or an argument of a layer (conv1.stride=2).",
)
@click.option(
    "--execution",
    type=click.Choice(EXECUTIONS),
    default="fast",
    show_default=True,
    help="fast: planned, fused, over threads; reference: layer by layer.",
)
@click.option(
    "--algorithm", type=click.Choice(ALGORITHMS), help="How convolutions are computed, wherever it is defined."
)
@click.option("--threads", type=click.IntRange(1, MOST_THREADS), help="Workers; default: the cores that we may use.")
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    metavar="N",
    help="Passes to time, behind one that does not count; default: half a second of them, 20 at most.",
)
@click.option(
    "--top", type=click.IntRange(min=1), metavar="K", help="Classes to show; default 5, of several samples 1."
)
@click.option("--save", multiple=True, metavar="LAYER=FILE.npy", help="Write the output of a layer.")
@click.option("--times/--no-times", default=True, show_default=True, help="Tell time and memory too.")
@click.option("--per-layer", is_flag=True, help="A row of times for each step instead of each kind.")
@click.option(
    "--columns", metavar="A,B,...", help="Per layer: output, algorithm, macs, ms, time_share, gflops, peak_share."
)
@click.option("--sort", metavar="COLUMN", help="Per layer, the largest first.")
@output_options
def run_network(network: str, output: Output, **options: Any) -> None:
    """Run the network in numpy: what comes out, how long each kind of layer took, and how much memory.

    Weights come from a file, the spec or a seed, samples from images, a file or a seed: the output says which. Times
    are medians. Layers that are computed in one step are one row: conv1 (conv + batchnorm + relu).
    """
    wishes = Wishes(**options)
    shape, samples = _inputs(wishes.input)
    saves = _saves(wishes.save)
    views.columns_named(wishes.keys, wishes.sort or "")
    if not wishes.times and wishes.layers:
        raise UsageError(Problem("--no-times leaves no times per layer to be shown"))
    asked = analysis_of(network, Conventions(shape, wishes.batch or 1, "float32", "peak", "infer", wishes.set))
    if wishes.top is not None and not is_vector(asked.graph.shapes[-1]):
        message = f"--top asks for classes, and {asked.spec.name} gives {show_shape(asked.graph.shapes[-1])}"
        raise UsageError(Problem(message))
    found = _run(Network(asked.spec, asked.graph, asked.weights), wishes, samples, saves)
    analysis = Analysis(asked.spec, asked.graph, found.batch)
    answer = _answer(found, wishes)
    for layer, path in saves.items():
        _save(path, found, layer)
    emit_all(
        _tables(analysis, found, answer, wishes, output, saves),
        output,
        lambda: {**document(analysis), "run": views.document(analysis, found, answer, saves)},
    )


def _inputs(given: Sequence[str]) -> tuple[str | None, list[str]]:
    """Which of `--input` are a shape, and which are samples: those end in .npy or are a seed, which shapes never do."""
    samples = [text for text in given if text.lower().endswith(".npy") or seed_of(text) is not None]
    shapes = [text for text in given if text not in samples]
    if len(shapes) > 1:
        raise UsageError(Problem(f"--input {printable(shapes[0], 60)} and {printable(shapes[1], 60)} are two shapes"))
    if len(samples) > 1 and any(seed_of(text) is not None for text in samples):
        raise UsageError(Problem("--input random:SEED draws the samples of every input: there is no more to give"))
    if shapes:
        try:
            input_shape(shapes[0])
        except UsageError:
            message = f"--input '{printable(shapes[0], 60)}' is neither samples nor the shape of an input"
            raise UsageError(Problem(message, None, "such as x.npy, random:1, or 3x224x224")) from None
    return (shapes[0] if shapes else None), samples


def _saves(given: Sequence[str]) -> dict[str, str]:
    """Layer → file. Raises UsageError with everything that is wrong."""
    saves: dict[str, str] = {}
    problems = []
    for text in given:
        layer, sign, path = text.partition("=")
        if not sign or not layer or not path.lower().endswith(".npy"):
            problems.append(Problem(f"--save {printable(text, 100)} saves nothing", None, "such as conv1=conv1.npy"))
        elif layer in saves or path in saves.values():
            problems.append(Problem(f"--save {printable(text, 100)}: a layer and a file belong to one another"))
        else:
            saves[layer] = path
    if problems:
        raise UsageError(problems)
    return saves


def _run(network: Network, wishes: Wishes, samples: list[str], saves: dict[str, str]) -> "Run":
    with Bar(network.spec.title) as bar, _interrupts(bar, wishes.execution):
        from archcalc.forward.run import run

        return run(
            network,
            samples[0] if len(samples) == 1 else samples or None,
            weights=_weights(wishes.weights),
            image=wishes.image,
            batch=wishes.batch,
            execution=wishes.execution,
            algorithm=wishes.algorithm,
            threads=wishes.threads,
            repeat=wishes.repeat,
            keep=tuple(saves),
            timed=wishes.times,
            progress=bar,
        )


def _weights(source: str | None) -> "WeightFile | str | None":
    """What the option means: a file, opened, or a seed."""
    if source is None or seed_of(source) is not None:
        return source
    from archcalc.formats.weights import open_weights

    return open_weights(source)


def _interrupts(bar: Bar, execution: Execution) -> AbstractContextManager[None]:
    """The reference computes layers whole, for seconds each. The plan's calls are short, and it forks processes, which
    must not be done beside a thread."""
    return prompt_interrupts(bar.abandon) if execution == "reference" else nullcontext()


def _answer(found: "Run", wishes: Wishes) -> views.Answer:
    """Classes where there are any, else how the values are spread."""
    if not is_vector(found.output_shape):
        return found.spreads()
    return found.top(wishes.top or (_TOP if found.batch == 1 else 1))


def _tables(
    analysis: Analysis, found: "Run", answer: views.Answer, wishes: Wishes, output: Output, saves: dict[str, str]
) -> list[Table]:
    """What came out, and where the time went; in a spreadsheet the last of these alone, a row a step."""
    first = views.output(analysis, found, answer, saves)
    if not wishes.times:
        return [first]
    flat = chosen_format(output) == "csv"
    if not flat and not wishes.layers:
        return [first, views.times(analysis, found)]
    second = views.times_per_layer(analysis, found, wishes.keys, wishes.sort or "")
    return [second] if flat else [first, second]


def _save(path: str, found: "Run", layer: str) -> None:
    import numpy as np

    write_whole(path, lambda file: np.save(file, found.kept[layer], allow_pickle=False))
