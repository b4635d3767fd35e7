"""One run of a network on samples: what came out, how long each step took, and what memory it took."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.forward import classes
from archcalc.forward.fit import Fitted, fit_weights, own_weights
from archcalc.forward.kernels import Array
from archcalc.forward.memory import available_memory, most_taken, predict_footprint, taken_now
from archcalc.forward.passes import Progress, Way, run_passes
from archcalc.forward.rate import product_rate
from archcalc.forward.report import (
    ALGORITHMS,
    EXECUTIONS,
    MOST_THREADS,
    Algorithm,
    Execution,
    Footprint,
    Guess,
    Report,
    Spread,
    is_vector,
)
from archcalc.forward.samples import Given, Path, samples_for
from archcalc.forward.seed import seed_of
from archcalc.forward.weight_files.entry import WeightFile
from archcalc.forward.weight_files.opened import load_weights
from archcalc.forward.weights import random_weights
from archcalc.network import Network, load
from archcalc.ops.base import show_shape
from archcalc.spec.zoo import labels_of


class Run(Report, frozen=True):
    """A run with its arrays: `output` (N, …), and the outputs of the layers to be kept, by their names."""

    output: Array
    kept: dict[str, Array]

    def top(self, count: int = 5) -> tuple[tuple[Guess, ...], ...]:
        """The likeliest classes of each sample. Raises UsageError for outputs that are not a number a class."""
        if not is_vector(self.output_shape):
            raise UsageError(Problem(f"an output of {show_shape(self.output_shape)} has no classes"))
        return classes.guesses(self.output, self.softmax, self.labels, count)

    def spreads(self) -> tuple[Spread, ...]:
        """How the values of each sample's output are spread."""
        return classes.spreads(self.output)


def run(
    network: Network | str,
    x: Given = None,
    *,
    weights: Mapping[str, Array] | Path | None = None,
    image: Path | Sequence[Path] = (),
    batch: int | None = None,
    execution: Execution = "fast",
    algorithm: Algorithm | None = None,
    threads: int | None = None,
    repeat: int | None = None,
    keep: Collection[str] = (),
    timed: bool = True,
    progress: Progress = lambda share: None,
) -> Run:
    """Run a network, or one by name or path, on samples, in float32.

    `x` is an array (N × the shape of the input, or one sample), the path of an `.npy` file, or `random:SEED`; for
    several inputs a sequence of these. `image` is a path or several, each a sample, prepared as the spec says. Without
    either, `batch` samples are drawn, by `random:0`. `weights` are arrays by name, the path of an `.npz` or
    `.safetensors` file or `random:SEED`; without them the spec's own are taken, or else `random:0`. Names may be those
    of other programs where order and shapes leave no doubt which weights they are (`matched` says how).

    `execution` is `fast` (by a plan: fused, over `threads`, as many as there are cores for us, with convolutions by
    `algorithm` wherever it is defined) or `reference` (node by node). `keep` names layers whose outputs are kept. One
    pass goes before the `repeat` that count, by default as many as half a second has room for, 20 at most; with `timed`
    false there is one, and no times.

    Raises ArchcalcError for what cannot be found, read or fitted together, and where memory will not do.
    """
    found = load(network) if isinstance(network, str) else network
    way = Way(execution, algorithm, default_threads() if threads is None else threads, tuple(dict.fromkeys(keep)))
    _check(found, way, repeat, batch)
    found.graph.need_known()
    labels = labels_of(found.spec)
    samples = samples_for(found, x, [image] if isinstance(image, (str, os.PathLike)) else list(image), batch)
    said, get_weights = weights_for(found, weights)
    predicted = predict_footprint(found.graph, samples.batch, execution, way.threads, algorithm, way.keep)
    _check_memory(found.spec.name, samples.batch, predicted)
    cores = min(way.threads, default_threads())
    rate = product_rate(cores) if timed else 0.0
    at_most, before = most_taken(), taken_now()
    try:
        fitted = get_weights()
        passes = run_passes(found.graph, fitted, samples.read(), way, repeat if timed else 0, progress)
    except MemoryError as error:
        raise UsageError(Problem(f"{found.spec.name}: there is not enough memory: {error}")) from None
    taken = _taken(before, at_most, most_taken())
    # A machine's speed changes with what else it does and how warm it is: behind the passes once more.
    rate = max(rate, product_rate(cores)) if timed else 0.0
    return Run(
        execution=execution,
        algorithm=algorithm,
        threads=way.threads,
        batch=samples.batch,
        weights=said,
        matched=fitted.matching.remarks() if isinstance(fitted, Fitted) else (),
        samples=samples.said,
        names=samples.names,
        labels=labels,
        output_shape=found.graph.shapes[-1],
        softmax=classes.ends_in_softmax(found.graph),
        nonfinite=passes.output.size - int(np.count_nonzero(np.isfinite(passes.output))),
        timings=passes.timings,
        passes=passes.seconds,
        product_rate=rate,
        predicted=predicted,
        planned=passes.planned,
        taken_bytes=taken,
        output=passes.output,
        kept=passes.kept,
    )


def default_threads() -> int:
    """How many cores this process may use."""
    of_process = getattr(os, "process_cpu_count", None)  # Python 3.13
    if of_process is not None:
        return min(of_process() or 1, MOST_THREADS)
    affinity = getattr(os, "sched_getaffinity", None)  # not everywhere
    return min(len(affinity(0)) if affinity else os.cpu_count() or 1, MOST_THREADS)


def _check(network: Network, way: Way, repeat: int | None, batch: int | None) -> None:
    """Everything that is wrong with what is asked for, at once. Raises UsageError."""
    problems = []
    if way.execution not in EXECUTIONS:
        problems.append(
            Problem(f"there is no execution '{way.execution}'", None, did_you_mean(way.execution, EXECUTIONS))
        )
    if way.algorithm is not None and way.algorithm not in ALGORITHMS:
        problems.append(
            Problem(f"there is no algorithm '{way.algorithm}'", None, did_you_mean(way.algorithm, ALGORITHMS))
        )
    elif way.algorithm is not None and way.execution == "reference":
        problems.append(
            Problem("the reference computes convolutions in one way", None, "the fast execution has several")
        )
    if not 1 <= way.threads <= MOST_THREADS:
        problems.append(Problem(f"{way.threads} threads", None, f"from 1 to {MOST_THREADS} can be had"))
    if repeat is not None and repeat < 1:
        problems.append(Problem(f"{repeat} repeats", None, "1 or more can be had"))
    if batch is not None and batch < 1:
        problems.append(Problem(f"a batch of {batch}", None, "a batch is 1 or more"))
    known = network.graph.graph.index()
    for name in way.keep:
        if name not in known:
            message = f"'{network.spec.name}' has no layer '{printable(name, 100)}'"
            problems.append(Problem(message, None, did_you_mean(name, known)))
    if problems:
        raise UsageError(problems)


def weights_for(
    network: Network, given: Mapping[str, Array] | Path | None
) -> tuple[str, Callable[[], Mapping[str, Array]]]:
    """Where weights come from, in words, and what makes or loads them."""
    if isinstance(given, WeightFile):
        return given.shown, lambda: fit_weights(network.graph, given, given.shown)
    if isinstance(given, Mapping):
        return "given", lambda: fit_weights(network.graph, given)
    if given is None and network.weights is not None:
        return printable(network.spec.source.name, 200), lambda: own_weights(network) or {}
    path = os.fspath(given) if given is not None else network.spec.weights or "random:0"
    seed = seed_of(path)
    if seed is not None:
        return f"random:{seed}", lambda: random_weights(network.graph, seed)
    shown = printable(path, 200)
    return shown, lambda: fit_weights(network.graph, load_weights(path), shown)


def _check_memory(name: str, batch: int, predicted: Footprint) -> None:
    """Raises UsageError where there is less memory than the run will take."""
    available = available_memory()
    if available is not None and predicted.total > available:
        message = (
            f"{name} takes about {_shown(predicted.total)} at batch {batch}, and {_shown(available)} are available"
        )
        raise UsageError(Problem(message, None, "a smaller batch or input takes less"))


def _shown(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


def _taken(before: int | None, at_most: int | None, at_most_now: int | None) -> int | None:
    """How much more was taken than before; unknown where the process had once taken more than that."""
    if at_most is None or at_most_now is None or at_most_now <= at_most:
        return None
    return at_most_now - (at_most if before is None else before)
