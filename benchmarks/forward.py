"""How fast the forward pass is beside torch and onnxruntime, with the same weights and input, and what memory it needs.

    python benchmarks/forward.py [NET…] [--batch N] [--threads N] [--repeat R] [--peers torch,onnxruntime]

Contenders are the fast plan, torch in eager mode with maps channels first and channels last (`torch-cl`), and
onnxruntime (`ort`). Each is a process of its own, so that thread pools do not meet and memory is its own; they take
turns, so that a machine whose speed drifts is fair to all, and a turn is one run that is not measured and one that is.
Medians of all turns are compared: `/torch` is ours to the better of both torches. In the same turns two more processes
multiply matrices in numpy, with one thread and with as many as the others have (`GF/s`): `of peak` is the network's
2·MACs a second as a share of what the latter reach. Errors are the largest difference to the plain kernels over their
largest value, ours and the worst peer's. A peer that is not installed is left out; `--python PATH` is another
interpreter for the peers.
"""

import argparse
import compileall
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contender import MATRIX

from archcalc.analysis.cost import count_operations
from archcalc.network import load

HERE = Path(__file__).parent
DEFAULT = ("alexnet", "vgg16", "resnet50", "squeezenet1_0", "mobilenet_v2", "densenet121", "googlenet")
PEERS = {"torch": ("torch", "torch-cl"), "onnxruntime": ("ort",)}
ALL = ("ours", "torch", "torch-cl", "ort")
PAUSE = 0.15
"""Seconds after a turn in which threads that wait by spinning fall asleep: OpenBLAS's were seen to spin for 0.1 s,
onnxruntime's for 0.05 s, on cores that the next one needs."""


class Contender:
    """A process that waits for its turn."""

    def __init__(self, kind: str, python: str, task: dict[str, Any], blas_threads: int | None = None) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENBLAS_"))}
        environment["PYTHONPATH"] = str(HERE.parent)
        if blas_threads:
            environment["OPENBLAS_NUM_THREADS"] = str(blas_threads)
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([python, str(HERE / "contender.py")], env=environment, **pipes)
        self.kind = kind
        self.output = f"{task['folder']}/{kind}.npy"
        self.start = self.ask(json.dumps({**task, "kind": kind, "output": self.output}))
        self.seconds: list[float] = []

    @property
    def absent(self) -> str | None:
        """Why it takes no turns, if it does not."""
        return self.start.get("absent")

    def ask(self, line: str) -> dict[str, Any]:
        """Its answer to a line; one that fails has said why on standard error."""
        print(line, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else {"absent": "it failed"}

    def take_turn(self) -> None:
        self.seconds.append(self.ask("run")["seconds"])
        time.sleep(PAUSE)

    def end(self) -> float:
        """Lets it go; the memory of its runs in MiB."""
        peak = self.ask("")["peak"]
        self.process.communicate()
        return peak


def measure(name: str, options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """All contenders on one network: seconds, memory in MiB and errors by contender, and what the machine can do."""
    task = {"network": name, "batch": options.batch, "threads": options.threads}
    task |= {"folder": folder, "model": f"{folder}/model.onnx"}
    expected = result_of(Contender("reference", sys.executable, task, options.threads))
    if expected is None:
        raise SystemExit("without the plain kernels there is nothing to compare with")
    kinds = [kind for peer in options.peers for kind in PEERS[peer]]
    if "ort" in kinds:
        result_of(Contender("export", options.python, task))
    contenders = [Contender("ours", sys.executable, task), *(Contender(kind, options.python, task) for kind in kinds)]
    present = [contender for contender in contenders if not contender.absent]
    products = [Contender("matmul", sys.executable, task, threads) for threads in (1, options.threads)]
    for _ in range(options.repeat):
        for contender in (*present, *products):
            contender.take_turn()
    return {
        "absent": {contender.kind: contender.absent for contender in contenders if contender.absent},
        "rows": {contender.kind: summary(contender, expected) for contender in present},
        "rates": [2 * MATRIX**3 / summary(product)["seconds"] for product in products],
        "flops": 2 * count_operations(load(name).graph, options.batch).macs,
    }


def result_of(contender: Contender) -> Any:
    """The output of a contender that takes no turns; None of one that cannot run."""
    if contender.absent:
        return None
    contender.end()
    return np.load(contender.output)


def summary(contender: Contender, expected: Any = None) -> dict[str, float]:
    """What is known of a contender, which ends with it."""
    found = {"seconds": statistics.median(contender.seconds), "peak": contender.end(), **contender.start}
    if expected is not None:
        found["error"] = float(np.abs(np.load(contender.output) - expected).max() / np.abs(expected).max())
    return found


def times(found: dict[str, Any]) -> list[str]:
    """The cells of a network in the table of times."""
    rows, (one, many) = found["rows"], found["rates"]
    seconds = {kind: row["seconds"] for kind, row in rows.items()}
    ours = seconds.get("ours", math.nan)
    eager = min((seconds[kind] for kind in PEERS["torch"] if kind in seconds), default=math.nan)
    return [
        *(shown(seconds.get(kind, math.nan) * 1000, ".1f") for kind in ALL),
        shown(ours / eager, ".2f"),
        shown(ours / seconds.get("ort", math.nan), ".2f"),
        shown(found["flops"] / ours / many, ".0%"),
        shown(one / 1e9, ".0f"),
        shown(many / 1e9, ".0f"),
        shown(rows["ours"]["error"] if "ours" in rows else math.nan, ".0e"),
        shown(max((row["error"] for kind, row in rows.items() if kind != "ours"), default=math.nan), ".0e"),
    ]


def memories(found: dict[str, Any]) -> list[str]:
    """The cells of a network in the table of memory and first runs."""
    formats = {"peak": ".0f", "setup": ".0f", "first": ".2f"}
    rows = found["rows"]
    return [shown(rows[k][key] if k in rows else math.nan, form) for key, form in formats.items() for k in ALL]


def shown(value: float, form: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"


def print_line(name: str, cells: Sequence[str]) -> None:
    print(f"{name:<20}", *(f"{cell:>11}" for cell in cells), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=DEFAULT, metavar="NET")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=9, help="turns of each contender")
    parser.add_argument("--peers", type=lambda text: [peer for peer in text.split(",") if peer], default=list(PEERS))
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the peers")
    options = parser.parse_args()
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"there is no peer {', '.join(sorted(unknown))}")
    return options


def main() -> None:
    options = arguments()
    compileall.compile_dir(HERE.parent / "archcalc", quiet=1)
    load_average = f"{os.getloadavg()[0]:.1f} processes at work before"
    print(f"batch {options.batch}, {options.threads} threads, medians of {options.repeat} turns, {load_average}")
    rates = ["of peak", "GF/s 1", f"GF/s {options.threads}"]
    print_line("", [*(f"{kind} ms" for kind in ALL), "/torch", "/ort", *rates, "error", "of peers"])
    results = {}
    for name in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = measure(name, options, folder)
        print_line(name, times(results[name]))
    print(
        "\nMiB beyond imports and weights: the most in the runs, and in setting up and the first run; seconds of that"
    )
    print_line("", [f"{kind}{unit}" for unit in (" MiB", " first", " s") for kind in ALL])
    for name, found in results.items():
        print_line(name, memories(found))
    for name, found in results.items():
        for kind, why in found["absent"].items():
            print(f"{name} without {kind}: {why}")


if __name__ == "__main__":
    main()
