"""What memory a run takes beyond its imports, by the kind of file that the weights are in.

    python benchmarks/weight_memory.py [NET]      # resnet50; Linux, with safetensors and onnx installed

Weights are drawn, written in each format, and the network is run from each by the command line on one thread, in a
process of its own that is looked at every 2 ms. Pages of files, which the system drops when it needs them, are told
apart from the process's own: a copy of the weights shows in the latter. `random:0` has the weights in memory, once.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from archcalc.forward.weight_files.entry import Entry, Held
from archcalc.forward.weight_files.writing import save_weights, write_safetensors
from archcalc.forward.weights import random_weights
from archcalc.network import load

_KINDS = ("RssAnon:", "RssFile:")
_IMPORTS = "import archcalc.cli.main, archcalc.cli.run, archcalc.forward.run, archcalc.formats.weights; "


def peaks(command: list[str]) -> dict[str, float]:
    """The most of each kind of memory while a command runs, in MiB."""
    most = dict.fromkeys(_KINDS, 0.0)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text("utf-8").splitlines()
            except OSError:
                break
            for line in lines:
                for kind in _KINDS:
                    if line.startswith(kind):
                        most[kind] = max(most[kind], int(line.split()[1]) / 1024)
            time.sleep(0.002)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return most


def bfloat16(name: str, array: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> Entry:
    upper = np.ascontiguousarray(array).view("<u2").reshape(-1, 2)[:, 1]
    return Entry(name, array.shape, "bfloat16", Held(lambda: upper))


def write_all(name: str, folder: Path) -> tuple[dict[str, str], float]:
    """Format → file, and the MiB of the weights in float32."""
    from archcalc.formats.onnx_export import to_onnx

    network = load(name).graph
    weights = random_weights(network)
    halves = {key: array.astype(np.float16) for key, array in weights.items()}
    files = {kind: str(folder / kind) for kind in ("w.npz", "w16.npz", "packed.npz")}
    save_weights(files["w.npz"], weights)
    save_weights(files["w16.npz"], halves)
    with open(files["packed.npz"], "wb") as file:
        np.savez_compressed(file, **weights)
    files |= {kind: str(folder / kind) for kind in ("w.safetensors", "bf16.safetensors", "w.onnx")}
    save = {key: Entry(key, array.shape, "float32", Held(lambda array=array: array)) for key, array in weights.items()}
    write_safetensors(files["w.safetensors"], save.values())
    write_safetensors(files["bf16.safetensors"], [bfloat16(key, array) for key, array in weights.items()])
    (folder / "w.onnx").write_bytes(to_onnx(network, weights).SerializeToString())
    return files, sum(array.nbytes for array in weights.values()) / 2**20


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "resnet50"
    imports = peaks([sys.executable, "-c", f"{_IMPORTS}import time; time.sleep(0.3)"])
    with tempfile.TemporaryDirectory() as place:
        files, size = write_all(name, Path(place))
        print(f"{name}: {size:.0f} MiB of weights in float32; MiB beyond the imports at the peak")
        print(f"{'weights':<18} {'its own':>8} {'of files':>9}")
        for kind, source in {"random:0": "random:0", **files}.items():
            run = ["run", name, "--weights", source, "--no-times", "--threads", "1"]
            most = peaks([sys.executable, "-m", "archcalc", *run])
            own, of_files = (most[key] - imports[key] for key in _KINDS)
            print(f"{kind:<18} {own:>8.0f} {of_files:>9.0f}", flush=True)


if __name__ == "__main__":
    main()
