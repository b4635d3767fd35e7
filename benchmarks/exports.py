"""How far the sources that we export are from our own forward pass, on each network of the zoo at its own input.

    KERAS_BACKEND=torch python benchmarks/exports.py [--to torch|keras] [NET…]

Needs torch, and keras for its sources: neither is a dependency. For each network its source is written, imported and
given the same weights: its parameters (and for torch its MACs, as `torch.utils.flop_counter` counts them) have to be
ours, and the error is the largest difference of the outputs, all computed in float64, as a share of the largest output.
"""

import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from inputs import Array, samples, varied_weights

from archcalc.analysis.cost import count_operations
from archcalc.analysis.params import count_params
from archcalc.formats.export import text_of
from archcalc.forward.reference import run_reference
from archcalc.forward.weight_files.writing import save_weights
from archcalc.network import Network, load
from archcalc.spec import zoo


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_torch(module: ModuleType, weights: Path, x: Array) -> tuple[int, int | None, Array]:
    """Parameters, MACs and output of a source for torch; the class of the network is its last."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    torch.backends.mha.set_fastpath_enabled(False)  # of attention only the plain form is counted
    *_, kind = (value for value in vars(module).values() if isinstance(value, type))
    model = kind()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in np.load(weights).items()})
    model.double().eval()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        output = model(torch.from_numpy(x))
    output = output[0] if isinstance(output, tuple) else output
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2, output.numpy()


def by_keras(module: ModuleType, weights: Path, x: Array) -> tuple[int, int | None, Array]:
    """Parameters and output of a source for Keras; it counts no MACs."""
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    model = module.build()
    module.load_weights(model, weights)
    output: Any = model(x, training=False)
    output = output[0] if isinstance(output, (list, tuple)) else output
    params = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return params, None, np.asarray(output.detach() if hasattr(output, "detach") else output)


FORMS = {"torch": by_torch, "keras": by_keras}


def measured(network: Network, form: str, folder: Path, x: Array, expected: Array) -> float:
    """The error of a source; raises AssertionError where it counts otherwise than we do."""
    path = folder / f"{network.spec.name}_{form}.py"
    path.write_text(text_of(network, form), encoding="utf-8")
    params, macs, output = FORMS[form](imported(path), folder / "weights.npz", x)
    assert params == count_params(network.graph).params, f"{params} parameters"  # noqa: S101
    assert macs in (None, count_operations(network.graph).macs), f"{macs} MACs"  # noqa: S101
    return float(np.abs(output - expected).max() / np.abs(expected).max())


def main() -> None:
    sys.setrecursionlimit(100_000)  # Keras walks a model recursively, and some have a thousand layers
    arguments = sys.argv[1:]
    forms = list(FORMS)
    if "--to" in arguments:
        at = arguments.index("--to")
        forms = [arguments[at + 1]]
        del arguments[at : at + 2]
    worst = dict.fromkeys(forms, 0.0)
    print(f"{'network':<24}", *(f"{form:>9}" for form in forms), f"{'s':>6}")
    for name in arguments or zoo.names():
        start = time.perf_counter()
        network = load(name)
        weights = {name: array.astype("float64") for name, array in varied_weights(network.graph).items()}
        x = samples(network.graph, 1).astype("float64")
        *_, (_, expected) = run_reference(network.graph, weights, x)
        with tempfile.TemporaryDirectory() as folder:
            save_weights(Path(folder, "weights.npz"), weights)
            errors = {form: measured(network, form, Path(folder), x, expected) for form in forms}
        worst = {form: max(worst[form], errors[form]) for form in forms}
        cells = [f"{error:>9.1e}" for error in errors.values()]
        print(f"{name:<24}", *cells, f"{time.perf_counter() - start:>6.1f}", flush=True)
    print(f"{'worst':<24}", *(f"{error:>9.1e}" for error in worst.values()))


if __name__ == "__main__":
    main()
