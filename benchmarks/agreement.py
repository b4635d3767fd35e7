"""How far the forward pass is from onnxruntime, on each network of the zoo at its own input.

    python benchmarks/agreement.py [NET…]

With the same weights and one sample, the largest difference of the outputs as a share of the largest output: of the
plain kernels, and of the fast plan.
"""

import sys
import time

import numpy as np
import onnxruntime
from inputs import Array, samples, varied_weights

from archcalc.formats.onnx_export import to_onnx
from archcalc.forward.plan import compile_plan
from archcalc.forward.reference import run_reference
from archcalc.infer import InferredGraph
from archcalc.network import load
from archcalc.spec import zoo


def by_onnxruntime(network: InferredGraph, weights: dict[str, Array], x: Array) -> Array:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it remarks on constants that it has folded
    model = to_onnx(network, weights).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: x})
    return output


def apart(output: Array, expected: Array) -> float:
    return float(np.abs(output - expected).max() / np.abs(expected).max())


def main() -> None:
    worst = [0.0, 0.0]
    print(f"{'network':<24} {'plain':>9} {'fast':>9} {'s':>6}")
    for name in sys.argv[1:] or zoo.names():
        start = time.perf_counter()
        network = load(name).graph
        weights, x = varied_weights(network), samples(network, 1)
        expected = by_onnxruntime(network, weights, x)
        *_, (_, plain) = run_reference(network, weights, x)
        fast = compile_plan(network, weights)(x)
        found = [apart(plain, expected), apart(fast, expected)]
        worst = [max(pair) for pair in zip(worst, found, strict=True)]
        print(f"{name:<24} {found[0]:>9.1e} {found[1]:>9.1e} {time.perf_counter() - start:>6.1f}", flush=True)
    print(f"{'worst':<24} {worst[0]:>9.1e} {worst[1]:>9.1e}")


if __name__ == "__main__":
    main()
