"""How long a report takes and how large it is: seconds, as a ratio to a bare interpreter in the same run, and bytes.

    python benchmarks/report.py [RUNS]

Commands take turns, so that a machine whose speed drifts is fair to all. Quote the ratios.
"""

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
NETWORKS = (
    ("alexnet",),
    ("resnet50",),
    ("alexnet", "vgg16", "resnet50", "densenet121"),
    ("densenet201",),
    ("preact_resnet1001",),
)


def seconds(arguments: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, check=True)
    return time.perf_counter() - start


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    compileall.compile_dir(ROOT / "archcalc", quiet=1)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment["PYTHONPATH"] = str(ROOT)
    bare: list[float] = []
    taken: dict[tuple[str, ...], list[float]] = {names: [] for names in NETWORKS}
    sizes: dict[tuple[str, ...], int] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        for _ in range(runs):
            bare.append(seconds(["-c", "pass"], environment))
            for names, found in taken.items():
                found.append(seconds(["-m", "archcalc", "report", *names, "-o", str(path)], environment))
                sizes[names] = path.stat().st_size
    base = statistics.median(bare)
    print(f"{'report of':<42} {'median s':>8} {'ratio':>6} {'bytes':>10}")
    for names, found in taken.items():
        median = statistics.median(found)
        print(f"{', '.join(names):<42} {median:>8.2f} {median / base:>6.1f} {sizes[names]:>10,}")


if __name__ == "__main__":
    main()
