"""`archcalc params model.onnx --per-layer` against onnx-tool on the same file, in the same run: time and memory.

`python benchmarks/onnx_reading.py model.onnx PYTHON`, where PYTHON is the interpreter of an environment with onnx-tool
(`pip install onnx-tool`); archcalc runs in that of this script. Each runs five times in a process of its own, the
fastest counts; memory is the most that the process held (VmHWM). Both read the file warm.
"""

import os
import subprocess
import sys
import time

ONNX_TOOL = "import onnx_tool, sys; onnx_tool.model_profile(sys.argv[1])"
RUNS = 5


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds of the fastest run, and the most memory of any in MiB."""
    times, peaks = [], []
    for _ in range(RUNS):
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        times.append(time.perf_counter() - began)
        peaks.append(usage.ru_maxrss / 1024)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{' '.join(command)} fails")
    return min(times), max(peaks)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model, python = sys.argv[1:]
    size = os.path.getsize(model) / 2**20
    ours = measured([sys.executable, "-m", "archcalc", "params", model, "--per-layer"])
    theirs = measured([python, "-c", ONNX_TOOL, model])
    print(f"{os.path.basename(model)}, {size:.1f} MiB: fastest of {RUNS}, most memory")
    for name, (seconds, peak) in (("archcalc", ours), ("onnx-tool", theirs)):
        print(f"{name:10} {seconds * 1000:7.0f} ms {peak:7.0f} MiB")
    print(f"{'ratio':10} {theirs[0] / ours[0]:7.2f} ×  {theirs[1] / ours[1]:7.2f} ×")


if __name__ == "__main__":
    main()
