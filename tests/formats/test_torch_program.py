"""Modules of PyTorch opened directly: named, counted and computed as torch does. Skipped where torch is not there."""

import sys
from typing import Any

import numpy as np
import pytest

import archcalc
from archcalc.errors import UsageError

from .models import close


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that says what is missing; `import archcalc` never asks for it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match="needs the package torch, which is not installed"):
        archcalc.from_torch(object(), (3, 8, 8))


def small() -> Any:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnxscript", reason="torch exports through onnxscript")
    nn = torch.nn
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 5),
    )


def test_a_module() -> None:
    """Names, parameters and output are the module's; its arrays are not copied, and it is left as it was."""
    module = small()
    network = archcalc.from_torch(module, (3, 8, 8))
    assert [node.op.keyword for node in network.graph.nodes] == [
        "input",
        "conv",
        "batchnorm",
        "silu",
        "maxpool",
        "flatten",
        "linear",
    ]
    assert set(network.weights or {}) == {name for name in module.state_dict() if "num_batches" not in name}
    assert module.training
    weight = (network.weights or {})["5.weight"].array()
    assert np.shares_memory(weight, module[5].weight.detach().numpy())
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    import torch

    expected = module.eval()(torch.from_numpy(x)).detach().numpy()
    assert close(archcalc.run(network, x, timed=False).output, expected)


def test_what_is_no_module() -> None:
    """And what torch cannot export."""
    small()
    with pytest.raises(UsageError, match=r"takes a torch\.nn\.Module, this is a str"):
        archcalc.from_torch("resnet50", (3, 8, 8))
    with pytest.raises(UsageError, match="torch cannot export Sequential"):
        archcalc.from_torch(small(), (4, 8, 8))
