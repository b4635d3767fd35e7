"""LeNet-5 with the weights that come along reads digits it was not trained on."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archcalc.forward.fit import fit_weights
from archcalc.forward.image import image_input
from archcalc.forward.reference import run_reference
from archcalc.forward.weight_files.opened import load_weights
from archcalc.network import load
from archcalc.spec.zoo import labels_of

ROOT = Path(__file__).parents[2]
IMAGES = sorted((ROOT / "tests" / "forward" / "images").glob("*.png"))


@pytest.fixture(scope="module")
def training() -> ModuleType:
    """benchmarks/train_digits.py, which is a script and not part of a package."""
    spec = importlib.util.spec_from_file_location("train_digits", ROOT / "benchmarks" / "train_digits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    network = load("lenet5_digits")
    return fit_weights(network.graph, load_weights(network.spec.weights))


def scores(weights: dict[str, Any], x: Any) -> Any:
    """The outputs of the plain forward pass."""
    *_, (_, output) = run_reference(load("lenet5_digits").graph, weights, x)
    return output


def test_digits_that_were_held_out(training: ModuleType, weights: dict[str, Any]) -> None:
    """256 of the 257, as when the weights were written; of none of the ten fewer than nine in ten."""
    x, _, target = training.digits()
    apart = training.held_out(len(x))
    right = scores(weights, x[apart]).argmax(axis=1) == target[apart]
    assert len(right) == 257
    assert right.mean() >= 0.97
    assert min(right[target[apart] == digit].mean() for digit in range(10)) >= 0.9


def test_images_of_digits(training: ModuleType, weights: dict[str, Any]) -> None:
    """As files, through `preprocess`: held-out digits as the set has them, dark on light, read by their names."""
    network = load("lenet5_digits")
    assert [path.stem for path in IMAGES] == list(labels_of(network.spec)) == [str(digit) for digit in range(10)]
    _, pictures, target = training.digits()
    apart = training.held_out(len(target))
    for digit, path in enumerate(IMAGES):
        (output,) = scores(weights, image_input(network, path))
        assert labels_of(network.spec)[output.argmax()] == path.stem
        with Image.open(path) as image:
            drawn = np.asarray(image)
        kept = [
            index for index in np.flatnonzero(apart) if (np.asarray(training.picture(pictures[index])) == drawn).all()
        ]
        assert [target[index] for index in kept] == [digit]
        assert drawn.max() == 255  # paper


def test_the_script_computes_what_the_network_computes(training: ModuleType, weights: dict[str, Any]) -> None:
    """Its own forward pass gives the outputs of the reference."""
    x = training.digits()[0][:7]
    ours, _ = training.forward(load("lenet5_digits").graph, weights, x)
    assert ours == pytest.approx(scores(weights, x), abs=1e-4)


def test_the_script_computes_gradients(training: ModuleType) -> None:
    """Against differences, for some of each layer's weights, in double precision."""
    graph, random = load("lenet5_digits").graph, np.random.default_rng(0)
    weights = {name: array.astype(float) for name, array in training.initial(graph, random).items()}
    x, _, target = training.digits()
    x, target = x[:4].astype(float), target[:4]

    def loss() -> float:
        output = training.forward(graph, weights, x)[0]
        return float(np.mean(np.log(np.exp(output).sum(axis=1)) - output[np.arange(4), target]))

    gradients = training.gradients(graph, weights, x, target)
    assert {*gradients} == {*weights}
    for name, array in weights.items():
        for place in random.integers(0, array.size, 3):
            value, change = array.flat[place], 1e-5
            array.flat[place] = value + change
            above = loss()
            array.flat[place] = value - change
            below = loss()
            array.flat[place] = value
            assert gradients[name].flat[place] == pytest.approx((above - below) / (2 * change), abs=1e-8)


def test_the_file_is_small() -> None:
    """It is in every wheel."""
    assert Path(load("lenet5_digits").spec.weights).stat().st_size < 300 * 1024
