"""How many variants a sweep answers for in a second, against one analysis after the other in the same run.

    python benchmarks/sweep.py [MILLIONS]

Three sweeps, all columns: resnet50 over widths, inputs and batches (one structure); the RegNet design space, whose
depths and stages follow from its five numbers (thousands of structures); and MILLIONS (1) of variants of resnet50 in a
process of its own, whose peak memory is told, computed only and written as CSV. One by one is what `archcalc summary`
does in a process that is warm: load, analyse, the same columns, for variants of the same sweep drawn at random. Quote
the ratios.
"""

import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import archcalc
from archcalc.space import engine
from archcalc.space.quantities import QUANTITIES, measure

ROOT = Path(__file__).parents[1]
RESNET = {"width_per_group": range(32, 257, 2), "input": range(96, 352, 4), "batch": range(1, 18)}
# The ranges of the space itself, in coarser steps.
REGNET = {
    "w_0": "16:128:16",
    "w_a": "16:64:8",
    "w_m": "2:3:0.1",
    "d": "12:24:2",
    "group_width": "8,16,24",
    "resolution": "128:288:16",
}


def one_by_one(sweep: Any, network: str, count: int) -> float:
    """The median of the seconds that single variants take."""
    draw = random.Random(0)  # noqa: S311
    names = [target.name for target in sweep.question.targets]
    seconds = []
    for _ in range(count):
        number = draw.randrange(len(sweep.chunks))
        points = sweep.points(number)
        settings = engine.settings_of(sweep.question, points.one(draw.randrange(points.count)))
        own = {name: settings[name] for name in names if name not in ("input", "batch")}
        size = settings.get("input")
        start = time.perf_counter()
        found = archcalc.load(network, size and f"3x{size}x{size}", {f"vars.{key}": own[key] for key in own})
        measure(archcalc.analyse(found, batch=int(settings.get("batch", 1))), QUANTITIES)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def compared(network: str, changes: dict[str, Any], singles: int) -> None:
    """Sweep and single analyses take turns, so that a machine whose speed drifts is fair to both."""
    sweep = archcalc.sweep(network, changes)
    single = [one_by_one(sweep, network, singles)]
    start = time.perf_counter()
    rows = impossible = 0
    for chunk in sweep:
        rows += len(chunk.rows)
        impossible += sum(len(found.rows) for found in chunk.impossible)
    seconds = time.perf_counter() - start
    single.append(one_by_one(sweep, network, singles))
    rate, each = sweep.count / seconds, statistics.mean(single)
    print(
        f"{network:<16} {sweep.count:>9,} {impossible:>10,} {seconds:>8.1f} {rate:>12,.0f} {each * 1e3:>10.1f}"
        f" {rate * each:>8,.0f}×"
    )


def memory(millions: float, path: str) -> None:
    """A sweep of so many millions in a process of its own: its rate and its peak."""
    child = f"import sys; sys.argv[1:] = {[str(millions), path]!r}; sys.path.insert(0, {str(ROOT / 'benchmarks')!r})\n"
    child += "import sweep; sweep.large()"
    subprocess.run([sys.executable, "-c", child], check=True)


def large() -> None:
    """What the process of `memory` does."""
    millions, path = float(sys.argv[1]), sys.argv[2]
    count = round(millions * 1e6 / 1000)
    start = time.perf_counter()
    if path:
        from archcalc.cli.main import run

        grid = ["--set", f"width_per_group=1:{count}", "--set", "input=64:1063"]
        assert run(["sweep", "resnet50", *grid, "-o", path]) == 0  # noqa: S101
    else:
        sweep = archcalc.sweep("resnet50", {"width_per_group": range(1, count + 1), "input": range(64, 1064)})
        assert sum(len(chunk.rows) for chunk in sweep) == count * 1000  # noqa: S101
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what = "as CSV" if path else "computed"
    print(f"{count * 1000:>9,} variants {what}: {seconds:.1f} s, {count * 1000 / seconds:,.0f}/s, peak {peak:.0f} MiB")


def main() -> None:
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    print(
        f"{'network':<16} {'variants':>9} {'impossible':>10} {'s':>8} {'variants/s':>12} {'one, ms':>10} {'ratio':>9}"
    )
    compared("resnet50", RESNET, 40)
    compared("spaces/regnet", REGNET, 40)
    with tempfile.TemporaryDirectory() as folder:
        for share in (0.1, 1.0):
            memory(millions * share, "")
        memory(millions, str(Path(folder) / "rows.csv"))


if __name__ == "__main__":
    main()
