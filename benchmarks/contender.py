"""One contender of `forward.py`: a process that sets itself up once and then does one run for each line it is sent.

The first line it reads is its task as JSON. It answers every line with one: the first, after setting up and a first
run, with how long these took and what memory they needed; each further one with the seconds of one run; the last, an
empty one, with the memory of the runs. Memory is the most that stood in RAM (VmHWM of Linux) beyond the interpreter
with all its imports and beyond the weights once, which every contender has to have in some form.
"""

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from inputs import samples, varied_weights

from archcalc.infer import InferredGraph
from archcalc.network import load

Array = npt.NDArray[Any]
Task = dict[str, Any]
Runner = Callable[[], Any]
Weights = Mapping[str, Array]

MATRIX = 1024
MIB = 2**20


def ours(task: Task, network: InferredGraph, weights: Weights, x: Array) -> Runner:
    """The fast plan."""
    from archcalc.forward.plan import compile_plan

    plan = compile_plan(network, weights, batch=len(x), threads=task["threads"])
    return lambda: plan(x)


def reference(task: Task, network: InferredGraph, weights: Weights, x: Array) -> Runner:
    """The plain kernels, layer by layer."""
    from archcalc.forward.reference import run_reference

    def run() -> Array:
        for _, output in run_reference(network, weights, x):
            result = output
        return result

    return run


def torch_eager(task: Task, network: InferredGraph, weights: Weights, x: Array) -> Runner:
    """torch in eager mode, in the memory format that the task asks for; the input lies in it, too."""
    import torch
    from peers import torch_eager

    torch.set_num_threads(task["threads"])
    last = task["kind"] == "torch-cl" and x.ndim == 4
    tensor = torch.from_numpy(x).contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    run = torch_eager(network, weights, len(x), last)
    return lambda: run(tensor).numpy()


def onnxruntime(task: Task, network: InferredGraph, weights: Weights, x: Array) -> Runner:
    """onnxruntime, which has its weights from the stored model."""
    from peers import onnxruntime_session

    run = onnxruntime_session(task["model"], task["threads"])
    return lambda: run(x)


def export(task: Task, network: InferredGraph, weights: Weights, x: Array) -> Runner:
    """No contender: it stores the model for onnxruntime."""
    import onnx

    from archcalc.formats.onnx_export import to_onnx

    onnx.save(to_onnx(network, weights, len(x)), task["model"])
    return lambda: np.zeros(0)


def matmul(task: Task, network: InferredGraph, weights: Weights, x: Array) -> Runner:
    """The product of two square matrices in numpy, in as many threads as its environment says."""
    a, b = np.random.default_rng(0).random((2, MATRIX, MATRIX), dtype=np.float32)
    return lambda: a @ b


class Kind:
    """What a contender imports before anything is measured, and what sets it up; some bring weights of their own."""

    def __init__(self, make: Callable[..., Runner], *imports: str, weighted: bool = True) -> None:
        self.make = make
        self.imports = imports
        self.weighted = weighted


KINDS = {
    "ours": Kind(ours, "archcalc.forward.plan"),
    "torch": Kind(torch_eager, "torch", "peers"),
    "torch-cl": Kind(torch_eager, "torch", "peers"),
    "ort": Kind(onnxruntime, "onnxruntime", "peers", weighted=False),
    "reference": Kind(reference, "archcalc.forward.reference"),
    "export": Kind(export, "onnx"),
    "matmul": Kind(matmul, weighted=False),
}


def memory(field: str) -> float:
    """`VmRSS`, what stands in RAM now, or `VmHWM`, the most since the last `forget_peak`, in MiB."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))


def forget_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    task = json.loads(sys.stdin.readline())
    kind = KINDS[task["kind"]]
    try:
        for module in kind.imports:
            importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith("archcalc"):
            raise
        say(absent=f"there is no {missing.name}")
        return
    network = load(task["network"]).graph
    x = samples(network, task["batch"])
    bare = memory("VmRSS")
    weights = varied_weights(network) if kind.weighted else {}
    bare += sum(w.count for i, n in enumerate(network.nodes) if n.shares is None for w in network.weights(i)) * 4 / MIB
    forget_peak()
    start = time.perf_counter()
    run = kind.make(task, network, weights, x)
    output = run()
    first = time.perf_counter() - start
    setup = memory("VmHWM") - bare
    del weights
    gc.collect()
    np.save(task["output"], output)
    del output
    forget_peak()
    say(first=first, setup=setup)
    while sys.stdin.readline().strip():  # nothing comes where whoever asks is gone
        run()  # what the others have left in the caches is no part of the measurement
        start = time.perf_counter()
        run()
        say(seconds=time.perf_counter() - start)
    say(peak=memory("VmHWM") - bare)


if __name__ == "__main__":
    main()
