"""Sources for torch, run by torch: the outputs are those of our own kernels. Skipped where torch is not installed."""

import math
from pathlib import Path

import numpy as np
import pytest
from ops.cases import Sample, each
from ops.samples import SAMPLES

from archcalc.analysis.cost import count_operations
from archcalc.analysis.params import count_params
from archcalc.formats.sources.torch import to_torch
from archcalc.forward.weights import stored
from archcalc.infer import InferredGraph
from archcalc.network import load

from .sources import around, by_reference, drawn, imported, last_class

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def check(network: InferredGraph, folder: Path) -> None:
    """Names, shapes and number of weights, and the output, are ours."""
    inputs, weights = drawn(network)
    model = last_class(imported(to_torch(network), folder))().double()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    names = {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}
    assert names == {name for name, _, _ in stored(network)}
    assert sum(parameter.numel() for parameter in model.parameters()) == count_params(network).params
    with torch.no_grad():
        output = model.eval()(*map(torch.from_numpy, inputs))
    output = output[0] if isinstance(output, tuple) else output
    expected = by_reference(network, inputs, weights)
    assert output.shape == expected.shape
    np.testing.assert_allclose(output.numpy(), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch copies the input, which it tells every caller
@each([sample for sample in SAMPLES if sample.op.keyword != "input"])
def test_operator(case: Sample, tmp_path: Path) -> None:
    with np.errstate(all="ignore"):  # logarithms of samples of both signs
        check(around(case), tmp_path)


@pytest.mark.parametrize(
    "name", ["lenet5", "resnet20_cifar_b", "densenet_40_12", "fractalnet_c3", "shufflenet_v2_x0_5"]
)
def test_network(name: str, tmp_path: Path) -> None:
    check(load(name).graph, tmp_path)


def test_multiply_accumulates_are_ours(tmp_path: Path) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    network = load("resnet20_cifar").graph
    model = last_class(imported(to_torch(network), tmp_path))().eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *network.input_shape))
    assert counter.get_total_flops() == 2 * count_operations(network).macs


def test_branches_are_dropped_while_training(tmp_path: Path) -> None:
    """A dropped branch leaves zeros, a kept one is larger by as much as is dropped; of joins some input stays."""
    module = imported(to_torch(load("stochastic_depth_110").graph), tmp_path)
    torch.manual_seed(0)
    drop = module.DropPath(0.25).train()
    x = drop(torch.ones(4000, 3, 2))
    kept = x.amax(dim=(1, 2))
    assert x.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert torch.equal(x, kept[:, None, None].expand_as(x))  # a sample as a whole
    assert math.isclose((kept > 0).double().mean().item(), 0.75, abs_tol=0.03)
    mean = imported(to_torch(load("fractalnet_c3").graph), tmp_path).DropMean(0.9).train()
    drawn_means = {mean(torch.ones(1), 3 * torch.ones(1)).item() for _ in range(200)}
    assert drawn_means == {1.0, 2.0, 3.0}
