"""Train LeNet-5 on handwritten digits: the script that made specs/lenet5_digits.npz.

    python benchmarks/train_digits.py -o specs/lenet5_digits.npz
    python benchmarks/train_digits.py --unseen-hands      (how well it reads people it has not seen; writes nothing)

The digits are scikit-learn's: 1,797 of 8×8 pixels by 13 people, the test part of UCI's "Optical Recognition of
Handwritten Digits", whose 32×32 bitmaps were counted in blocks of 4×4. Every seventh is held out. They go through the
`preprocess` of the spec, as an image from the command line does.

All else is numpy: the forward and the backward pass of each kind of layer stand below. Weights begin as in the paper's
appendix A, U(−2.4/F, 2.4/F) for F inputs; the loss is the cross-entropy of a softmax; the steps are Adam's (Kingma and
Ba 2015) with a rate that falls as a cosine; digits are turned, sheared, stretched and moved a little, anew each time.

Deterministic for a seed on one machine. Another BLAS sums in another order, and gives weights as good but not the same.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image
from sklearn.datasets import load_digits

from archcalc.forward.image import prepare
from archcalc.forward.weight_files.writing import save_weights
from archcalc.forward.weights import stored
from archcalc.infer import InferredGraph
from archcalc.network import load
from archcalc.numbers import product

Array = npt.NDArray[Any]
Weights = Mapping[str, Array]
Back = Callable[[Array], tuple[Array, dict[str, Array]]]
"""The gradient of a layer's output → that of its input, and those of its weights."""

BATCH = 32
RATE = 5e-4
DISTORTION = 0.12  # the standard deviation of each entry of the matrix that turns, shears and stretches
MOVE = 1.4  # and of the way that a digit is moved, in pixels of 32
LAST_HANDS = 1415  # where the forms of the last three people begin: the order of the digits repeats from form to form


def picture(ink: Array) -> Image.Image:
    """A digit of the set, 0 to 16 in each pixel, as dark ink on light paper."""
    return Image.fromarray(255 - np.round(ink * (255 / 16)).astype(np.uint8))


def digits() -> tuple[Array, Array, Array]:
    """All samples as the network takes them, the pictures they come from, and which digits they are."""
    found = load_digits()
    preprocess = load("lenet5_digits").spec.preprocess
    if preprocess is None:
        raise SystemExit("specs/lenet5_digits.yaml has no preprocess")
    return np.concatenate([prepare(picture(ink), preprocess) for ink in found.images]), found.images, found.target


def held_out(count: int) -> Array:
    """Which samples are not trained on: every seventh. Seven shares no factor with ten, so that all digits occur."""
    return np.arange(count) % 7 == 3


def conv(op: Any, x: Array, weights: Weights) -> tuple[Array, Back]:
    """A convolution with stride 1 and no padding: a matrix product over all windows."""
    kernel, (samples, channels, height, width) = weights["weight"], x.shape
    filters, size = len(kernel), op.kernel_size
    rows, columns = height - size + 1, width - size + 1
    windows = sliding_window_view(x, (size, size), (2, 3)).transpose(0, 2, 3, 1, 4, 5).reshape(-1, channels * size**2)
    matrix = kernel.reshape(filters, -1)
    y = (windows @ matrix.T + weights["bias"]).reshape(samples, rows, columns, filters).transpose(0, 3, 1, 2)

    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        flat = dy.transpose(0, 2, 3, 1).reshape(-1, filters)
        read = (flat @ matrix).reshape(samples, rows, columns, channels, size, size)
        dx = np.zeros_like(x)
        for i, j in np.ndindex(size, size):
            dx[:, :, i : i + rows, j : j + columns] += read[..., i, j].transpose(0, 3, 1, 2)
        return dx, {"weight": (flat.T @ windows).reshape(kernel.shape), "bias": flat.sum(axis=0)}

    return y, back


def linear(op: Any, x: Array, weights: Weights) -> tuple[Array, Back]:
    def back(dy: Array) -> tuple[Array, dict[str, Array]]:
        return dy @ weights["weight"], {"weight": dy.T @ x, "bias": dy.sum(axis=0)}

    return x @ weights["weight"].T + weights["bias"], back


def tanh(op: Any, x: Array, weights: Weights) -> tuple[Array, Back]:
    y = np.tanh(x)
    return y, lambda dy: (dy * (1 - y * y), {})


def avgpool(op: Any, x: Array, weights: Weights) -> tuple[Array, Back]:
    """The means of blocks that do not overlap and leave nothing over."""
    k, (samples, channels, height, width) = op.kernel_size, x.shape
    y = x.reshape(samples, channels, height // k, k, width // k, k).mean(axis=(3, 5))
    return y, lambda dy: ((dy / (k * k)).repeat(k, axis=2).repeat(k, axis=3), {})


def flatten(op: Any, x: Array, weights: Weights) -> tuple[Array, Back]:
    return x.reshape(len(x), -1), lambda dy: (dy.reshape(x.shape), {})


RULES = {"conv": conv, "linear": linear, "tanh": tanh, "avgpool": avgpool, "flatten": flatten}


def forward(network: InferredGraph, weights: Weights, x: Array) -> tuple[Array, list[tuple[str, Back]]]:
    """The output of a chain of layers, and the ways back."""
    ways = []
    for node in network.nodes[1:]:
        own = {name.rpartition(".")[2]: array for name, array in weights.items() if name.startswith(f"{node.name}.")}
        x, back = RULES[node.op.keyword](node.op, x, own)
        ways.append((node.name, back))
    return x, ways


def gradients(network: InferredGraph, weights: Weights, x: Array, target: Array) -> dict[str, Array]:
    """Those of the mean cross-entropy by all weights."""
    scores, ways = forward(network, weights, x)
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(x)), target] -= 1
    found, gradient = {}, chances / len(x)
    for name, back in reversed(ways):
        gradient, own = back(gradient)
        found.update({f"{name}.{weight}": array for weight, array in own.items()})
    return found


def distorted(x: Array, random: np.random.Generator) -> Array:
    """Each sample seen through a matrix near the identity and moved, bilinearly; paper beyond its edges."""
    samples, _, height, width = x.shape
    matrix = np.eye(2) + random.normal(0, DISTORTION, (samples, 2, 2))
    place = np.indices((height, width)).reshape(2, -1) - np.array([[height - 1], [width - 1]]) / 2
    seen = matrix @ place + np.array([[height + 1], [width + 1]]) / 2 + random.normal(0, MOVE, (samples, 2, 1))
    paper = x.min()
    wide = np.pad(x[:, 0], ((0, 0), (1, 1), (1, 1)), constant_values=paper)
    seen = np.clip(seen, 0, np.array([[height], [width]]) + 0.999)
    corner = seen.astype(int)
    (down, right), (row, column), sample = (
        np.moveaxis(seen - corner, 1, 0),
        np.moveaxis(corner, 1, 0),
        np.arange(samples),
    )
    sample = sample[:, np.newaxis]
    above = wide[sample, row, column] * (1 - right) + wide[sample, row, column + 1] * right
    below = wide[sample, row + 1, column] * (1 - right) + wide[sample, row + 1, column + 1] * right
    return (above * (1 - down) + below * down).reshape(x.shape).astype(np.float32)


def initial(network: InferredGraph, random: np.random.Generator) -> dict[str, Array]:
    """U(−2.4/F, 2.4/F) for F inputs; biases 0."""
    found = {}
    for name, _, weight in stored(network):
        bound = 0.0 if len(weight.shape) == 1 else 2.4 / product(weight.shape[1:])
        found[name] = random.uniform(-bound, bound, weight.shape).astype(np.float32)
    return found


def train(network: InferredGraph, x: Array, target: Array, epochs: int, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    weights = initial(network, random)
    first, second = ({name: np.zeros_like(array) for name, array in weights.items()} for _ in range(2))
    step = 0
    for epoch in range(epochs):
        rate = RATE * (1 + np.cos(np.pi * epoch / epochs)) / 2
        order = random.permutation(len(x))
        for start in range(0, len(x), BATCH):
            chosen = order[start : start + BATCH]
            step += 1
            for name, gradient in gradients(network, weights, distorted(x[chosen], random), target[chosen]).items():
                first[name] = 0.9 * first[name] + 0.1 * gradient
                second[name] = 0.999 * second[name] + 0.001 * gradient * gradient
                mean, square = first[name] / (1 - 0.9**step), second[name] / (1 - 0.999**step)
                weights[name] -= (rate * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)
    return weights


def accuracy(network: InferredGraph, weights: Weights, x: Array, target: Array) -> float:
    return float((forward(network, weights, x)[0].argmax(axis=1) == target).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unseen-hands", action="store_true", help="hold out the last three people instead")
    parser.add_argument("-o", type=Path, help="write the weights there")
    parser.add_argument("--images", type=Path, help="write the first held-out digit of each kind into this folder")
    options = parser.parse_args()
    network = load("lenet5_digits").graph
    x, pictures, target = digits()
    apart = np.arange(len(x)) >= LAST_HANDS if options.unseen_hands else held_out(len(x))
    start = time.perf_counter()
    weights = train(network, x[~apart], target[~apart], options.epochs, options.seed)
    print(f"{np.sum(~apart)} digits, {options.epochs} epochs, {time.perf_counter() - start:.0f} s")
    for name, chosen in (("trained on", ~apart), ("held out", apart)):
        print(f"{name:<10}  {accuracy(network, weights, x[chosen], target[chosen]):.4f} of {np.sum(chosen)}")
    if options.o:
        save_weights(options.o, weights)
    if options.images:
        for digit in range(10):
            picture(pictures[np.flatnonzero(apart & (target == digit))[0]]).save(options.images / f"{digit}.png")


if __name__ == "__main__":
    main()
