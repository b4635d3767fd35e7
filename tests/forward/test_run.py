"""Runs from Python: what goes in, what comes out, how it is timed, and how much memory that takes."""

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import environment, spec
from threadpoolctl import threadpool_limits

import archcalc
from archcalc import ops
from archcalc.analysis.memory import measure_memory
from archcalc.errors import UsageError
from archcalc.forward import passes
from archcalc.forward import run as module
from archcalc.forward.draws import normal
from archcalc.forward.kernels import Array
from archcalc.forward.memory import available_memory, predict_footprint
from archcalc.forward.rate import product_rate
from archcalc.forward.reference import run_reference
from archcalc.forward.run import Run, default_threads, run
from archcalc.forward.weight_files.writing import save_weights
from archcalc.forward.weights import random_weights
from archcalc.graph import Graph, Node
from archcalc.infer import infer
from archcalc.network import Network, load, loads

from .test_weights import pcg64

ROOT = Path(__file__).parents[2]
IMAGES = [ROOT / "tests" / "forward" / "images" / f"{digit}.png" for digit in range(10)]

SMALL = spec(
    "conv: {name: first, out_channels: 4, kernel_size: 3, padding: 1}",
    "batchnorm: {name: norm}",
    "relu: {name: bend}",
    "maxpool: {name: pool, kernel_size: 2}",
    "flatten",
    "linear: {name: last, out_features: 7}",
    head="input: [2, 8, 8]",
)


@pytest.fixture
def small() -> Network:
    return loads(SMALL)


def quick(network: Network | str, *samples: Any, **options: Any) -> Run:
    """A run that measures nothing, on one thread."""
    return run(network, *samples, **{"timed": False, "threads": 1, **options})


def said(call: Callable[[], object]) -> list[str]:
    """What is wrong, line by line."""
    with pytest.raises(UsageError) as error:
        call()
    return [str(problem) for problem in error.value.problems]


def by_reference(network: Network, weights: dict[str, Array], x: Array) -> dict[str, Array]:
    """The output of every layer, by the reference, on one thread as that of `quick`."""
    names = [node.name for node in network.graph.nodes]
    with threadpool_limits(1):
        return {names[i]: output for i, output in run_reference(network.graph, weights, x, names)}


# Numbers that are drawn.


def by_polar_method(count: int, seed: int, name: str) -> list[np.float32]:
    """Marsaglia's method once more, one point at a time, in Python's numbers and with its logarithm."""
    entropy = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest(), "little")
    state = np.random.PCG64(np.random.SeedSequence(entropy)).state["state"]
    values: list[np.float32] = []
    for word in pcg64(state["state"], state["inc"], 2 * count):
        halves = (word % 2**32, word >> 32)
        u, v = (((half - 2**32 if half >> 31 else half) + 0.5) / 2**31 for half in halves)
        s = u * u + v * v
        if s < 1:
            values += (np.float32(t * math.sqrt(-2 * math.log(s) / s)) for t in (u, v))
    return values[:count]


@pytest.mark.parametrize("count", [1, 2, 20_001])
def test_normal_draws(count: int) -> None:
    """The values of the definition, to the last bit of float32; a longer array begins as a shorter one."""
    drawn = normal((count,), 5, "samples.input")
    assert drawn.dtype == "float32"
    assert drawn.tolist() == by_polar_method(count, 5, "samples.input")
    np.testing.assert_array_equal(normal((300_000,), 5, "samples.input")[:count], drawn)
    np.testing.assert_array_equal(normal((count, 1), 5, "samples.input", "float64")[:, 0], drawn)


def test_normal_draws_are_normal() -> None:
    """Moments to the fourth, tails, no correlation of neighbours; seeds and names are streams of their own."""
    values = normal((1 << 20,), 0, "x").astype(float)
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3)):
        assert (values**power).mean() == pytest.approx(
            moment, abs=5 * math.sqrt(math.prod(range(1, 2 * power, 2)) / 2**20)
        )
    for limit in (1, 2, 3, 4):
        share = math.erfc(limit / math.sqrt(2))
        assert (abs(values) > limit).mean() == pytest.approx(share, abs=5 * math.sqrt(share / 2**20))
    assert abs(np.corrcoef(values[::2], values[1::2])[0, 1]) < 5 / math.sqrt(2**19)
    for other in (normal((1 << 20,), 1, "x"), normal((1 << 20,), 0, "y")):
        assert abs(np.corrcoef(values, other)[0, 1]) < 5 / 2**10


def test_random_weights_are_these() -> None:
    """`random:3` by hand: He's bounds times halves of raw words, each layer from a stream of its own."""
    network = load("lenet5_digits")
    drawn = {}
    for name, shape, fan_in in (
        ("conv1", (6, 1, 5, 5), 25),
        ("conv2", (16, 6, 5, 5), 150),
        ("fc1", (120, 400), 400),
        ("fc2", (84, 120), 120),
        ("fc3", (10, 84), 84),
    ):
        entropy = int.from_bytes(hashlib.sha256(f"3:{name}.weight".encode()).digest(), "little")
        state = np.random.PCG64(np.random.SeedSequence(entropy)).state["state"]
        words = pcg64(state["state"], state["inc"], math.prod(shape) // 2 + 1)
        halves = [half for word in words for half in (word % 2**32, word >> 32)][: math.prod(shape)]
        whole = np.array([(half >> 8) - (2**24 if half >> 31 else 0) for half in halves])
        step = np.float32(math.sqrt(6 / fan_in) / 2**23)
        drawn[f"{name}.weight"] = (whole.astype("float32") * step).reshape(shape)
        drawn[f"{name}.bias"] = np.zeros(shape[0], "float32")
    bits = hashlib.sha256(b"".join(array.astype("<f4").tobytes() for array in drawn.values())).hexdigest()
    assert bits == "9f17052f9b3514b4d3c3b6870455cc7e1e532d47fd08887fa082fb747da8ff65"
    x = normal((1, 1, 32, 32), 0, "samples.input")
    found = quick(network, x, weights="random:3", execution="reference")
    np.testing.assert_array_equal(found.output, by_reference(network, drawn, x)["fc3"])
    assert quick(network, x, weights="random:4").output.tolist() != found.output.tolist()


def test_samples_are_drawn_by_their_seed(small: Network) -> None:
    """Without any, from `random:0`; a sample is the same in batches of any size, and the report says what it is."""
    found = quick(small, batch=3, keep=["input"])
    np.testing.assert_array_equal(found.kept["input"], normal((3, 2, 8, 8), 0, "samples.input"))
    assert (found.samples, found.batch, found.names) == ("random:0", 3, ("0", "1", "2"))
    assert (quick(small).samples, quick(small).batch) == ("random:0", 1)
    other = quick(small, "random:-12", batch=2, keep=["input"])
    assert other.samples == "random:-12"
    np.testing.assert_array_equal(other.kept["input"], normal((2, 2, 8, 8), -12, "samples.input"))
    np.testing.assert_allclose(quick(small).output[0], found.output[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "seed", ["random", "random:", "random:x", "random:1.5", "random: 1", "random:+1", "random:" + "9" * 30]
)
def test_what_is_no_seed(small: Network, seed: str) -> None:
    for options in ({"x": seed}, {"weights": seed}):
        (problem,) = said(lambda options=options: quick(small, **options))
        assert problem.startswith(f"'{seed}' is no seed; random:0 is one")


# Samples that are given.


def test_arrays(small: Network) -> None:
    """One sample or a batch, in any kind of floating-point number and in any order in memory."""
    x = np.random.default_rng(0).standard_normal((3, 2, 8, 8))
    expected = by_reference(small, random_weights(small.graph), x.astype("float32"))["last"]
    for given in (x, x.astype(">f8"), np.asfortranarray(x.astype("float32")), x.astype("float32")):
        found = quick(small, given, execution="reference")
        np.testing.assert_array_equal(found.output, expected)
        assert (found.samples, found.batch, found.names) == ("given", 3, ("0", "1", "2"))
    assert quick(small, x.astype("float16")).output == pytest.approx(expected, abs=0.05)
    one = quick(small, x[1], execution="reference")
    assert one.output.shape == (1, 7)
    np.testing.assert_allclose(one.output[0], expected[1], rtol=1e-5, atol=1e-6)


def test_files(small: Network, tmp_path: Path) -> None:
    """As arrays, by the name of the file."""
    x = np.random.default_rng(0).standard_normal((3, 2, 8, 8))
    for name, array in (("batch", x), ("one", x[0].astype("float32")), ("turned", np.asfortranarray(x))):
        path = tmp_path / f"{name}.npy"
        np.save(path, array)
        found = quick(small, path)
        np.testing.assert_array_equal(found.output, quick(small, array).output)
        assert found.samples == str(path)


def test_several_inputs(tmp_path: Path) -> None:
    """One array or file each, in order; drawn ones differ."""
    places = (Node("a", ops.Input((2, 3))), Node("b", ops.Input((2, 3))), Node("sum", ops.Add(), (0, 1)))
    network = Network(load("lenet5").spec, infer(Graph("two", places)))
    a, b = np.random.default_rng(0).standard_normal((2, 4, 2, 3)).astype("float32")
    np.save(tmp_path / "b.npy", b)
    for given in ([a, b], [a, tmp_path / "b.npy"]):
        assert quick(network, given).output == pytest.approx(a + b)
    drawn = quick(network, "random:2", keep=["a", "b"])
    np.testing.assert_array_equal(drawn.kept["b"], normal((1, 2, 3), 2, "samples.b"))
    assert drawn.kept["a"].tolist() != drawn.kept["b"].tolist()
    assert said(lambda: quick(network, a)) == ["lenet5 has 2 inputs, and samples for 1 came"]
    assert said(lambda: quick(network, [a, b[:2]])) == ["the inputs have batches of 2 and 4"]
    assert said(lambda: quick(network, [a[:, 0], b.astype(int)])) == [
        "input 'a' is 4×3, where 2×3, or N×2×3, belongs",
        "input 'b' holds int64 and not floating-point numbers",
    ]
    assert said(lambda: quick(network, image="a.png")) == ["lenet5 has several inputs, and an image is one"]


def nan_at(place: int, value: float = math.nan) -> Array:
    array = np.zeros((2, 8, 8))
    array.flat[place] = value
    return array


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((8, 8)), "is 8×8, where 2×8×8, or N×2×8×8, belongs"),
        (np.zeros((1, 3, 8, 8)), "is 1×3×8×8, where 2×8×8, or N×2×8×8, belongs"),
        (np.zeros((1, 1, 2, 8, 8)), "is 1×1×2×8×8, where 2×8×8, or N×2×8×8, belongs"),
        (np.zeros(()), "is a single number, where 2×8×8, or N×2×8×8, belongs"),
        (np.zeros((0, 2, 8, 8)), "holds no samples"),
        (np.zeros((2, 8, 8), np.uint8), "holds uint8 and not floating-point numbers"),
        (np.zeros((2, 8, 8), complex), "holds complex128 and not floating-point numbers"),
        (np.zeros((2, 8, 8), "U3"), "holds <U3 and not floating-point numbers"),
        (np.zeros((2, 8, 8), [("r", "f4")]), "holds [('r', '<f4')] and not floating-point numbers"),
        (np.full((2, 8, 8), None), "holds Python objects, which can run code when they are loaded"),
        (nan_at(5), "holds 1 value that is NaN, infinite or too large for float32"),
        (nan_at(5, -math.inf), "holds 1 value that is NaN, infinite or too large for float32"),
        (np.full((2, 8, 8), 1e39), "holds 128 values that are NaN, infinite or too large for float32"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_samples_that_do_not_fit(small: Network, array: Array, problem: str, tmp_path: Path) -> None:
    """One line, from an array and from a file alike."""
    assert said(lambda: quick(small, array)) == [f"input 'input' {problem}"]
    path = tmp_path / "x.npy"
    np.save(path, array)
    assert said(lambda: quick(small, path)) == [f"'{path}' {problem}"]


class Trap:
    """What would tell that a file has been unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("sprung",)


def test_nothing_is_unpickled(small: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an array of objects nor a bare pickle."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.array([Trap()]), allow_pickle=True)
    assert said(lambda: quick(small, "x.npy"))[0].startswith("'x.npy' holds Python objects")
    Path("x.npy").write_bytes(np.array([Trap()]).dumps())
    assert said(lambda: quick(small, "x.npy")) == ["'x.npy' is not an .npy file; numpy.save writes them"]
    assert not Path("sprung").exists()


def whole(tmp_path: Path) -> bytes:
    np.save(tmp_path / "whole.npy", np.ones((2, 8, 8), "float32"))
    return (tmp_path / "whole.npy").read_bytes()


def outcome(network: Network, path: Path) -> str:
    """What is said against a file; nothing if it is run."""
    try:
        quick(network, path, execution="reference")
    except UsageError as error:
        return str(error)
    return ""


def test_damaged_files(small: Network, tmp_path: Path) -> None:
    """Cut anywhere, or with bytes of its header changed: an error in one line, and never another one."""
    content, path = whole(tmp_path), tmp_path / "x.npy"
    rng = np.random.default_rng(0)
    changed = []
    for _ in range(300):
        other = bytearray(content)
        other[rng.integers(0, 80)] = rng.integers(0, 256)
        changed.append(bytes(other))
    for damaged in (*(content[:end] for end in range(0, len(content), 7)), *changed):
        path.write_bytes(damaged)
        problem = outcome(small, path)
        assert "\n" not in problem
        assert not problem or str(path) in problem
    path.write_bytes(content[:-1])
    (problem,) = said(lambda: quick(small, path))
    assert problem.startswith(f"'{path}' cannot be loaded: Failed to read all data for array.")


def test_files_that_are_not_there(small: Network, tmp_path: Path) -> None:
    assert said(lambda: quick(small, "no.npy")) == ["'no.npy' cannot be read: No such file or directory"]
    assert said(lambda: quick(small, tmp_path)) == [f"'{tmp_path}' cannot be read: Is a directory"]


def test_images() -> None:
    """Prepared as the spec says; several make a batch with their names, and each digit is read."""
    found = quick("lenet5_digits", image=IMAGES)
    assert found.names == tuple(map(str, IMAGES))
    assert (found.samples, found.batch) == ("10 images", 10)
    assert [best.label for (best, *_) in found.top(1)] == list("0123456789")
    one = quick("lenet5_digits", image=IMAGES[3])
    assert (one.samples, one.batch) == (str(IMAGES[3]), 1)
    assert one.output[0] == pytest.approx(found.output[3], abs=1e-4)


def test_samples_that_contradict(small: Network) -> None:
    x = np.zeros((2, 2, 8, 8))
    assert said(lambda: quick(small, x, batch=3)) == ["a batch of 3 was asked for, and 2 samples came"]
    assert said(lambda: quick(small, x[0], batch=3)) == ["a batch of 3 was asked for, and 1 sample came"]
    assert quick(small, x, batch=2).batch == 2
    assert said(lambda: quick(small, x, image="a.png")) == ["samples are images or arrays, and both came"]


# Weights.


def test_weights(small: Network, tmp_path: Path) -> None:
    """By name, from a file, from a seed, or as the spec has them; the report says which."""
    weights, x = random_weights(small.graph, 9), normal((1, 2, 8, 8), 0, "x")
    path = tmp_path / "w.npz"
    save_weights(path, weights)
    expected = quick(small, x, weights="random:9")
    assert expected.weights == "random:9"
    for given, name in ((weights, "given"), (path, str(path)), (str(path), str(path))):
        found = quick(small, x, weights=given)
        np.testing.assert_array_equal(found.output, expected.output)
        assert found.weights == name
    assert quick(small, x).weights == "random:0"
    own = load("lenet5_digits").spec.weights
    assert quick("lenet5_digits").weights == own
    assert quick("lenet5_digits", weights=own).output.tolist() == quick("lenet5_digits").output.tolist()


def test_weights_that_do_not_fit(small: Network, tmp_path: Path) -> None:
    """Everything at once, by its name and that of the file."""
    weights = random_weights(small.graph)
    weights["first.wight"] = weights.pop("first.weight")
    weights["norm.bias"][1] = np.nan
    weights["last.weight"] = weights["last.weight"].astype(int)
    path = tmp_path / "w.npz"
    save_weights(path, weights)
    problems = said(lambda: quick(small, weights=path))
    assert len(problems) == 4
    assert all(problem.startswith(f"{path}: ") for problem in problems)
    for words in (
        "'norm.bias' holds 1 value",
        "'last.weight' holds int64",
        "'first.weight'?",
        "'first.weight' 4×2×3×3 is missing",
    ):
        assert any(words in problem for problem in problems)


# What comes out.


@pytest.mark.parametrize("name", ["lenet5", "resnet20_cifar", "squeezenet1_1", "mobilenet_v3_large", "nin_imagenet"])
def test_both_executions_compute_the_network(name: str) -> None:
    """The reference's numbers, its own exactly, those of the plan but for rounding; kept layers too."""
    network = load(name)
    weights, x = random_weights(network.graph, 2), normal((2, *network.graph.input_shape), 1, "x")
    expected = by_reference(network, weights, x)
    layers = [
        network.graph.nodes[i].name for i in (0, len(network.graph.nodes) // 3, len(network.graph.nodes) // 2, -2)
    ]
    for options in ({"execution": "reference"}, {"execution": "fast"}, {"execution": "fast", "threads": 2}):
        found = quick(network, x, weights=weights, keep=layers, **options)
        assert {*found.kept} == {*layers}
        assert found.output.dtype == "float32"
        for name, output in (*found.kept.items(), (network.graph.nodes[-1].name, found.output)):
            size = np.abs(expected[name]).max()
            np.testing.assert_allclose(output, expected[name], rtol=0, atol=2e-4 * size)
            if options["execution"] == "reference":
                np.testing.assert_array_equal(output, expected[name])


@pytest.mark.parametrize("algorithm", ["direct", "im2col", "winograd"])
def test_algorithms_can_be_forced(algorithm: Any) -> None:
    """All convolutions for which it is defined, with the same output; the others say what they do."""
    network, x = load("resnet20_cifar"), normal((1, 3, 32, 32), 0, "x")
    found = run(network, x, threads=1, algorithm=algorithm)
    assert found.algorithm == algorithm
    assert found.output == pytest.approx(quick(network, x, execution="reference").output, abs=2e-3)
    slides = {
        i
        for i, node in enumerate(network.graph.nodes)
        if node.op.keyword == "conv" and (node.op.kernel_size, node.op.stride) == (3, 1)  # type: ignore[attr-defined]
    }
    assert len(slides) > 10
    for timing in found.timings:
        if slides & {*timing.nodes}:
            assert timing.algorithm.startswith(algorithm)


def test_probabilities(small: Network) -> None:
    """Softmax of what comes out, largest first; all classes where there are fewer than asked for."""
    found = quick(small, batch=2)
    for scores, guesses in zip(found.output.astype(float), found.top(), strict=True):
        shares = np.exp(scores) / np.exp(scores).sum()
        assert [guess.index for guess in guesses] == np.argsort(-scores).tolist()[:5]
        assert [guess.probability for guess in guesses] == pytest.approx(np.sort(shares)[::-1][:5])
        assert [guess.score for guess in guesses] == sorted(scores, reverse=True)[:5]
        assert {guess.label for guess in guesses} == {""}
    assert [len(guesses) for guesses in found.top(100)] == [7, 7]
    assert sum(guess.probability for guess in found.top(7)[0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("layers", "softmax"),
    [
        (["flatten", "linear: {out_features: 5}", "softmax"], True),
        (["flatten", "linear: {out_features: 5}", "softmax", "dropout: {p: 0.5}", "identity"], True),
        (["conv: {out_channels: 5, kernel_size: 8}", "softmax"], True),
        (["conv: {out_channels: 5, kernel_size: 8}", "softmax", "flatten"], True),
        (["conv: {out_channels: 5, kernel_size: 8}", "softmax: {dim: 2}", "flatten"], False),
        (["flatten", "linear: {out_features: 5}", "softmax", "relu"], False),
        (["flatten", "linear: {out_features: 5}"], False),
    ],
)
def test_probabilities_of_a_network_that_gives_them(layers: list[str], softmax: bool) -> None:
    """They are taken as they are, whatever shape they have and whatever passes them on."""
    found = quick(loads(spec(*layers, head="input: [2, 8, 8]")))
    assert found.softmax == softmax
    (guesses,) = found.top()
    values = np.sort(found.output.reshape(-1))[::-1]
    expected = values if softmax else np.sort(np.exp(values) / np.exp(values).sum())[::-1]
    assert [guess.probability for guess in guesses] == pytest.approx(expected.tolist())


def test_labels() -> None:
    """By their place, if there is one for each class."""
    text = SMALL.replace("layers:", "labels: [a, b, c, d, e, f, g]\nlayers:")
    found = quick(loads(text))
    assert found.labels == tuple("abcdefg")
    assert [guess.label for guess in found.top(7)[0]] == ["abcdefg"[guess.index] for guess in found.top(7)[0]]
    short = quick(loads(text.replace(", g]", "]")))
    assert {guess.label for guess in short.top(7)[0]} == {""}


def test_outputs_that_are_no_classes() -> None:
    """How their values are spread, sample by sample."""
    found = quick(loads(spec("conv: {out_channels: 4, kernel_size: 3}", head="input: [2, 8, 8]")), batch=3)
    assert found.output_shape == (4, 6, 6)
    for values, spread in zip(found.output.astype(float), found.spreads(), strict=True):
        assert (spread.min, spread.max) == (values.min(), values.max())
        assert (spread.mean, spread.std) == pytest.approx((values.mean(), values.std()))
    assert said(found.top) == ["an output of 4×6×6 has no classes"]
    assert said(quick(loads(spec("global_avgpool", "flatten", head="input: [1, 8, 8]"))).top) == [
        "an output of 1 has no classes"
    ]


def test_outputs_that_are_no_numbers(small: Network) -> None:
    """Are counted; they are the last of the classes and have no probability."""
    weights = random_weights(small.graph)
    weights["last.bias"][2] = 3e38
    weights["last.weight"][2] = 3e38
    for execution in ("reference", "fast"):
        found = quick(small, np.abs(normal((1, 2, 8, 8), 0, "x")), weights=weights, execution=execution)
        assert found.nonfinite == 1
        assert all(math.isnan(guess.probability) for guess in found.top(7)[0])


# Steps and passes.


@pytest.mark.parametrize(
    ("name", "execution"),
    [
        *((name, "fast") for name in ("resnet18", "densenet121", "vit_b_16", "shufflenet_v2_x1_0", "lenet5")),
        *((name, "reference") for name in ("resnet18", "lenet5")),
    ],
)
def test_every_layer_is_timed_once(name: str, execution: Any) -> None:
    """No node in two steps; each that multiplies is in one: MACs of steps add up to those of the network."""
    network = load(name)
    found = run(network, execution=execution, threads=2, repeat=2)
    timed = [position for timing in found.timings for position in timing.nodes]
    assert len(timed) == len({*timed})
    work = [network.graph.work(i).macs for i in range(len(network.graph.nodes))]
    assert sum(work[i] for i in timed) == sum(work)
    assert all(timing.seconds > 0 for timing in found.timings)
    assert len(found.passes) == 2
    assert 0 < sum(timing.seconds for timing in found.timings) < 1.5 * max(found.passes)
    if execution == "reference":
        assert timed == list(range(1, len(network.graph.nodes)))
        assert found.planned is None


class Clockwork:
    """A plan whose steps take as long as it is told, pass by pass."""

    activation_bytes, scratch_bytes = 100, 10

    def __init__(self, steps: Sequence[tuple[tuple[int, ...], str]], passes: Sequence[Sequence[float]]) -> None:
        class Step:
            def __init__(self, nodes: tuple[int, ...], algorithm: str) -> None:
                self.nodes, self.algorithm = nodes, algorithm

        class Bound:
            def __init__(self, step: Step) -> None:
                self.step = step

        self.bound = [Bound(Step(*step)) for step in steps]
        self.passes = iter(passes)
        self.closed = 0

    def timed(self, *samples: Array) -> tuple[Array, list[float]]:
        return np.zeros((1, 7), "float32"), list(next(self.passes))

    def output(self, position: int) -> Array:
        return np.full(3, position)

    def close(self) -> None:
        self.closed += 1


def test_medians_without_the_first_pass(small: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of the same layers are one, their times added up before the median is taken."""
    steps = [((1, 2), "im2col"), ((4,), "separable"), ((1,), "copy"), ((6,), "direct"), ((2,), "copy")]
    times = [[9, 9, 9, 9, 9], [1, 2, 3, 4, 1], [2, 2, 1, 5, 0], [7, 1, 7, 6, 0]]
    plan = Clockwork(steps, times)
    monkeypatch.setattr(passes, "compile_plan", lambda *_: plan)
    told: list[float] = []
    found = run(small, repeat=3, keep=["pool"], progress=told.append)
    assert [(timing.nodes, timing.algorithm, timing.seconds) for timing in found.timings] == [
        ((1, 2), "im2col + copy", 5),
        ((4,), "separable", 2),
        ((6,), "direct", 5),
    ]
    assert len(found.passes) == 3
    assert found.kept["pool"].tolist() == [4, 4, 4]
    assert (found.planned.activations, found.planned.scratch) == (100, 10)  # type: ignore[union-attr]
    assert told == sorted(told)
    assert plan.closed == 1


@pytest.mark.parametrize(
    ("seconds", "count"), [((9, 9), 1), ((9, 0.6), 1), ((0.0, 0.2), 2), ((0.1, 0.04), 12), ((0.1, 1e-6), 20)]
)
def test_half_a_second_of_passes(seconds: tuple[float, float], count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody says how many: one at least, 20 at most, none that would not fit."""
    clock, first = [0.0], [True]

    def timed(*_: Array) -> tuple[Array, list[float]]:
        clock[0] += seconds[0 if first.pop() else 1]
        first.append(False)
        return np.zeros((1, 7), "float32"), [1.0]

    plan = Clockwork([((1,), "im2col")], [])
    plan.timed = timed  # type: ignore[method-assign]
    monkeypatch.setattr(passes, "compile_plan", lambda *_: plan)
    monkeypatch.setattr(passes.time, "perf_counter", lambda: clock[0])
    way = passes.Way("fast", None, 1, ())
    told: list[float] = []
    network = loads(SMALL).graph
    found = passes.run_passes(network, {}, [np.zeros((1, 2, 8, 8))], way, None, told.append)
    assert len(found.seconds) == count
    assert told == sorted(told)
    assert told[-1] <= 1


def test_workers_end_when_a_pass_fails(small: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Clockwork([], [])
    monkeypatch.setattr(passes, "compile_plan", lambda *_: plan)
    with pytest.raises(StopIteration):
        run(small)
    assert plan.closed == 1


def test_a_run_without_times(small: Network) -> None:
    """One pass and no clock."""
    told: list[float] = []
    found = quick(small, execution="reference", progress=told.append)
    assert (found.timings, found.passes, found.product_rate) == ((), (), 0.0)
    assert told == pytest.approx([(i + 1) / 7 for i in range(7)])


def test_the_rate_of_matrix_products() -> None:
    """What a product of our own reaches, within what a busy machine's speed changes by."""
    import time

    a = np.ones((512, 512), "float32")
    best = math.inf
    for _ in range(20):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    for threads in (1, 2):
        assert 0.05 < product_rate(threads) / (2 * 512**3 / best) < 20


def test_the_peak_is_that_of_the_cores(small: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """More threads than cores reach no more; the better of what is found before and behind the passes."""
    asked: list[int] = []
    monkeypatch.setattr(module, "product_rate", lambda threads: asked.append(threads) or float(len(asked) % 2))
    monkeypatch.setattr(module, "default_threads", lambda: 3)
    for threads, cores in ((2, 2), (8, 3)):
        found = run(small, threads=threads, repeat=1, execution="reference")
        assert asked[-2:] == [cores, cores]
        assert (found.product_rate, found.threads) == (1.0, threads)


def test_default_threads() -> None:
    """As many as this process may use, however many there are."""
    cores = sorted(os.sched_getaffinity(0))
    assert default_threads() == len(cores)
    code = "import os; os.sched_setaffinity(0, {%d}); from archcalc.forward.run import default_threads as t; print(t())"
    done = subprocess.run(
        [sys.executable, "-c", code % cores[0]], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_what_cannot_be_asked(small: Network) -> None:
    """All of it at once."""
    wrong: dict[str, Any] = {
        "execution": "fas",
        "algorithm": "wino",
        "threads": 0,
        "repeat": 0,
        "batch": 0,
        "keep": ["frist"],
    }
    assert said(lambda: run(small, **wrong)) == [
        "there is no execution 'fas'; did you mean 'fast'?",
        "there is no algorithm 'wino'; did you mean 'winograd'?",
        "0 threads; from 1 to 256 can be had",
        "0 repeats; 1 or more can be had",
        "a batch of 0; a batch is 1 or more",
        "'tiny' has no layer 'frist'; did you mean 'first'?",
    ]
    problem = "the reference computes convolutions in one way; the fast execution has several"
    assert said(lambda: run(small, execution="reference", algorithm="im2col")) == [problem]


# Memory.


def test_too_little_memory(small: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said from shapes alone, with both numbers: nothing has been made or read."""
    monkeypatch.setattr(module, "available_memory", lambda: 3 << 20)
    for name in ("random_weights", "load_weights", "run_passes", "product_rate"):
        monkeypatch.setattr(module, name, None)
    total = predict_footprint(load("alexnet").graph, 4).total / 2**20
    (problem,) = said(lambda: run("alexnet", batch=4, threads=1))
    takes = f"alexnet takes about {total:.1f} MiB at batch 4"
    assert problem == f"{takes}, and 3.0 MiB are available; a smaller batch or input takes less"
    (problem,) = said(lambda: run("alexnet", batch=10**7))
    assert "GiB at batch 10000000, and 3.0 MiB are available" in problem


def test_memory_is_not_asked_for_where_nobody_tells(small: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: None)
    assert quick(small).output.shape == (1, 7)


def test_memory_that_runs_out(small: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """In spite of the prediction: a line as well."""

    def fail(*_: object) -> None:
        raise MemoryError("Unable to allocate 12 GiB")

    monkeypatch.setattr(module, "run_passes", fail)
    assert said(lambda: quick(small)) == ["tiny: there is not enough memory: Unable to allocate 12 GiB"]


def machine(root: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return str(root)


SYSTEM = {"proc/meminfo": "MemTotal: 99 kB\nMemAvailable:   1000 kB\nX: 1 kB\n"}
KIB = 1024


@pytest.mark.parametrize(
    ("files", "available"),
    [
        ({}, None),
        (SYSTEM, 1000 * KIB),
        ({**SYSTEM, "proc/self/cgroup": "0::/\n"}, 1000 * KIB),
        (
            {
                **SYSTEM,
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": "600000\n",
                "sys/fs/cgroup/a/memory.current": "500000\n",
                "sys/fs/cgroup/a/memory.stat": "anon 1\nfile 5\ninactive_file 7\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/b/memory.current": "1\n",
            },
            100007,
        ),
        (
            {
                **SYSTEM,
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "9\n",
                "sys/fs/cgroup/memory.current": "11\n",
            },
            0,
        ),
        (
            {
                **SYSTEM,
                "proc/self/cgroup": "12:cpu,cpuacct:/x\n4:memory:/a\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "5\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "5000\n",
                "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "2000\n",
                "sys/fs/cgroup/memory/a/memory.stat": "inactive_file 1\ntotal_inactive_file 30\n",
            },
            3030,
        ),
    ],
    ids=["nothing", "system", "no limit", "version 2", "over the limit", "version 1"],
)
def test_available_memory(files: dict[str, str], available: int | None, tmp_path: Path) -> None:
    """The least of what the system has and what each group above us leaves."""
    assert available_memory(machine(tmp_path, files)) == available


def test_available_memory_here() -> None:
    assert (available_memory() or 0) > 1 << 20


def test_a_prediction_by_hand(small: Network) -> None:
    """A network whose every array can be counted."""
    graph = small.graph
    peak = measure_memory(graph, "peak", 3).peak_bytes
    values = {"input": 128, "conv": 256, "pool": 64}
    assert peak == 3 * 4 * 2 * values["conv"]
    weights = 4 * (4 * 2 * 9 + 4 + 4 * 4 + 7 * 64 + 7)
    found = predict_footprint(graph, 3, "fast", 2)
    assert found.weights == weights
    assert found.rearranged == 4 * (4 + 8) * 72
    assert found.activations == peak + 3 * 4 * values["input"]
    assert found.scratch == 2 * 3 * 4 * 9 * 2 * 64
    assert found.total == found.weights + found.rearranged + found.activations + found.scratch
    assert predict_footprint(graph, 3, "fast", 2, "im2col").rearranged == 4 * 72
    kept = predict_footprint(graph, 3, "fast", 2, None, ["pool"])
    assert kept.activations == found.activations + 2 * 3 * 4 * values["pool"]
    plain = predict_footprint(graph, 3, "reference", 2)
    assert (plain.weights, plain.rearranged) == (weights, 0)
    assert plain.activations == 3 * 4 * (4 * values["conv"] + values["input"])


@pytest.mark.parametrize(
    "options",
    [
        "'resnet18', execution='fast'",
        "'resnet18', execution='reference', batch=4",
        "'mobilenet_v2', batch=8",
        "'alexnet'",
        "'convnext_tiny', execution='reference'",
    ],
)
def test_predictions_hold(options: str) -> None:
    """In a process of its own that takes no more than a fifth above the prediction, and no less than four tenths."""
    code = (
        f"from archcalc.forward.run import run; r = run({options}, threads=2); print(r.taken_bytes / r.predicted.total)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert 0.4 < float(done.stdout) < 1.2


# The name in the API.


def test_the_api() -> None:
    """`archcalc.run`, by a network's name or with one that was loaded."""
    found = archcalc.run("lenet5_digits", image=IMAGES[7], timed=False)
    assert found.top(1)[0][0].label == "7"
    np.testing.assert_array_equal(
        found.output, archcalc.run(archcalc.load("lenet5_digits"), image=IMAGES[7], timed=False).output
    )


def test_nothing_large_is_read_before_the_check(small: Network, tmp_path: Path) -> None:
    """A file that says it holds more than there is memory for: its header is enough."""
    path = tmp_path / "x.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 2, 8, 8)})
    (problem,) = said(lambda: run(small, path))
    assert "at batch 1000000000000" in problem
