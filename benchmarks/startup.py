"""How long a command takes from start to end, as a ratio to a bare interpreter in the same run, and its peak memory.

    python benchmarks/startup.py [RUNS]

The interpreter is the real one behind the running one (no shim of a version manager), bytecode is compiled beforehand,
and the commands take turns, so that a machine whose speed drifts is fair to all. Quote the ratios.
"""

import compileall
import contextlib
import os
import pty
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


TERMINAL = ", terminal"
COMMANDS: dict[str, list[str]] = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import click, yaml'": ["-c", "import click, yaml"],
    "archcalc params vgg16 --per-layer": ["-m", "archcalc", "params", "vgg16", "--per-layer"],
    "archcalc params resnet50 --per-layer": ["-m", "archcalc", "params", "resnet50", "--per-layer"],
    "archcalc params densenet121 --per-layer": ["-m", "archcalc", "params", "densenet121", "--per-layer"],
    "archcalc params vgg16 --per-layer, terminal": ["-m", "archcalc", "params", "vgg16", "--per-layer"],
    "archcalc params densenet121 --per-layer, terminal": ["-m", "archcalc", "params", "densenet121", "--per-layer"],
    "archcalc summary alexnet": ["-m", "archcalc", "summary", "alexnet"],
    "archcalc rf vgg16": ["-m", "archcalc", "rf", "vgg16"],
    "archcalc explain alexnet conv1": ["-m", "archcalc", "explain", "alexnet", "conv1"],
    "archcalc compare, ten networks": [
        *("-m", "archcalc", "compare", "alexnet", "zfnet", "vgg16", "vgg19", "googlenet", "resnet18", "resnet50"),
        *("densenet121", "squeezenet1_0", "mobilenet_v2"),
    ],
    "archcalc diff resnet50 resnet101": ["-m", "archcalc", "diff", "resnet50", "resnet101"],
    "archcalc list": ["-m", "archcalc", "list"],
}


def run(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds from start to end and the peak memory in MiB of one process that writes into a pipe."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, cwd=ROOT)
    return waited(process, start)


def run_on_terminal(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """The same of one that writes to a terminal, which is another renderer."""
    ours, theirs = pty.openpty()
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=theirs, stdin=theirs, cwd=ROOT)
    os.close(theirs)
    with contextlib.suppress(OSError):  # how Linux tells that the other side is closed
        while os.read(ours, 1 << 16):
            pass
    os.close(ours)
    return waited(process, start)


def waited(process: "subprocess.Popen[bytes]", start: float) -> tuple[float, float]:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status  # reaped here: nothing is left to wait for
    if status:
        raise SystemExit(f"{process.args!r} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    compileall.compile_dir(ROOT / "archcalc", quiet=1)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment["PYTHONPATH"] = str(ROOT)
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    memory: dict[str, float] = {}
    for _ in range(runs):
        for name, arguments in COMMANDS.items():
            way = run_on_terminal if name.endswith(TERMINAL) else run
            took, peak = way(arguments, environment)
            seconds[name].append(took)
            memory[name] = max(peak, memory.get(name, 0))
    bare = statistics.median(seconds["python -c pass"])
    print(f"{'command':<50} {'median ms':>9} {'ratio':>6} {'MiB':>6}")
    for name, found in seconds.items():
        median = statistics.median(found)
        print(f"{name:<50} {median * 1000:>9.1f} {median / bare:>6.2f} {memory[name]:>6.1f}")


if __name__ == "__main__":
    main()
