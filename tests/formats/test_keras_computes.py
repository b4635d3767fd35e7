"""Sources for Keras, run by Keras: the outputs are those of our own kernels. Skipped where Keras is not installed."""

from pathlib import Path

import numpy as np
import pytest
from ops.cases import Sample, each
from ops.samples import SAMPLES

from archcalc.analysis.params import count_params
from archcalc.formats.sources.keras import to_keras
from archcalc.forward.weight_files.writing import save_weights
from archcalc.infer import InferredGraph
from archcalc.network import load, loads

from .sources import around, by_reference, drawn, imported

keras = pytest.importorskip("keras", reason="Keras is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # those of Keras itself


def check(network: InferredGraph, folder: Path) -> None:
    """The number of weights and the output are ours."""
    inputs, weights = drawn(network)
    save_weights(folder / "weights.npz", weights)
    module = imported(to_keras(network), folder)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    model = module.build()
    module.load_weights(model, folder / "weights.npz")
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == count_params(network).params
    output = model(inputs[0] if len(inputs) == 1 else inputs, training=False)
    output = keras.ops.convert_to_numpy(output[0] if isinstance(output, list) else output)
    expected = by_reference(network, inputs, weights)
    assert output.shape == expected.shape
    # Normalisation in Keras has constants in float32, whatever it computes in.
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5 * np.nanmax(np.abs(expected)))


@each([sample for sample in SAMPLES if sample.op.keyword != "input"])
def test_operator(case: Sample, tmp_path: Path) -> None:
    with np.errstate(all="ignore"):  # logarithms of samples of both signs
        check(around(case), tmp_path)


@pytest.mark.parametrize("name", ["lenet5", "resnet20_cifar_b", "densenet_40_12", "shufflenet_v2_x0_5"])
def test_network(name: str, tmp_path: Path) -> None:
    check(load(name).graph, tmp_path)


def test_shared_weights(tmp_path: Path) -> None:
    """One layer called three times, within a scope too."""
    text = """
archcalc: 1
name: siamese
input: [4, 8, 8]
blocks:
  pair:
    layers:
      - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
      - relu
      - conv: {name: b, out_channels: 4, kernel_size: 3, padding: 1, shares: a}
layers:
  - pair: {name: first}
  - pair: {name: second}
  - conv: {name: c, out_channels: 4, kernel_size: 3, padding: 1}
  - conv: {name: d, out_channels: 4, kernel_size: 3, padding: 1, shares: c}
  - conv: {name: e, out_channels: 4, kernel_size: 3, padding: 1, shares: c}
"""
    check(loads(text).graph, tmp_path)
