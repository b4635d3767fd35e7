"""Whether weights of others end up where they belong: torchvision's models against `archcalc.run` on their state dicts.

    python benchmarks/weights.py [SPEC…]          # where torch, torchvision and safetensors are installed

Each model gets random weights, statistics of its batch norms included, is run in torch, and its state dict saved as
`.safetensors` (which sorts names) and `.npz`. Both are handed to `archcalc.run` for the network of the zoo. Printed is
the largest difference of the outputs as a share of the largest output. A weight in a wrong place shows: no two layers
have the same numbers.
"""

import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import torchvision

import archcalc
from archcalc.network import Network, load

TESTS = Path(__file__).parents[1] / "tests" / "reference"
sys.path.insert(0, str(TESTS))

from test_torchvision import PAIRS, Pair  # noqa: E402 - the list of all pairs is there


def random_model(pair: Pair) -> torch.nn.Module:
    """Weights He-normal, so that values neither vanish nor explode; statistics and factors all different."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # on how googlenet will be initialised one day
        model: torch.nn.Module = getattr(torchvision.models, pair.builder)(weights=None, **pair.arguments)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith(("running_var", "layer_scale")):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "bias")):
                tensor.normal_(0, 0.1)
            elif tensor.dim() == 1:
                tensor.uniform_(0.5, 1.0)
            elif tensor.dim() > 1:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
    return model.eval()


def network_of(pair: Pair) -> Network:
    size = (3, pair.resolution, pair.resolution) if pair.resolution else None
    return load(pair.spec, size, {f"vars.{name}": value for name, value in pair.variables.items()})


def apart(network: Network, x: torch.Tensor, expected: np.ndarray[Any, Any], path: Path) -> tuple[float, str]:
    found = archcalc.run(network, x.numpy(), weights=path, timed=False)
    error = float(np.abs(found.output - expected).max() / np.abs(expected).max())
    return error, "; ".join(found.matched) or "all by name"


def save_npz(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    with open(path, "wb") as file:
        np.savez(file, **{name: tensor.numpy() for name, tensor in state.items()})


def main() -> int:
    asked = sys.argv[1:]
    worst = 0.0
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}")
    print(f"{'network':<22} {'torchvision':<20} {'safetensors':>11} {'npz':>9}  how")
    for pair in PAIRS:
        if asked and pair.spec not in asked:
            continue
        network, model = network_of(pair), random_model(pair)
        x = torch.randn(1, *network.graph.input_shape, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            output = model(x)
        expected = output.numpy()
        with tempfile.TemporaryDirectory() as folder:
            state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
            place = Path(folder)
            safetensors.torch.save_file(state, place / "w.safetensors")
            save_npz(place / "w.npz", state)
            errors = [apart(network, x, expected, place / name) for name in ("w.safetensors", "w.npz")]
        worst = max(worst, *(error for error, _ in errors))
        figures = f"{errors[0][0]:>11.1e} {errors[1][0]:>9.1e}"
        print(f"{pair.spec:<22} {pair.builder:<20} {figures}  {errors[0][1]}", flush=True)
    print(f"worst {worst:.1e}: {'all within' if worst <= 1e-4 else 'NOT within'} 1e-4")
    return int(worst > 1e-4)


if __name__ == "__main__":
    sys.exit(main())
