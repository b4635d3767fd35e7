"""Fresh weights: their bits, their size and what they do to a network; weights that fit, and those that do not."""

import hashlib
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from ops.cases import Sample

from archcalc import ops
from archcalc.errors import MOST_PROBLEMS, UsageError
from archcalc.forward.draws import uniform
from archcalc.forward.fit import fit_weights
from archcalc.forward.kernels import Array
from archcalc.forward.moments import PREDICTIONS, STANDARD, Moments, predict
from archcalc.forward.reference import run_reference
from archcalc.forward.weights import fan_in, random_weights, stored, weights_of
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load, loads
from archcalc.ops.base import Op, Shape
from archcalc.spec import zoo

from .compute import compute
from .strategies import convolutions

SMALL = """
archcalc: 1
name: small
input: [2, 6, 6]
layers:
  - conv: {name: first, out_channels: 4, kernel_size: 3, groups: 2}
  - batchnorm: {name: norm}
  - conv: {name: second, out_channels: 4, kernel_size: 1}
  - conv: {name: again, out_channels: 4, kernel_size: 1, shares: second}
"""

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def small() -> InferredGraph:
    return loads(SMALL).graph


def one_layer(op: Op, *inputs: Shape) -> InferredGraph:
    sources = tuple(Node(f"x{i}", ops.Input(shape)) for i, shape in enumerate(inputs))
    return infer(Graph("one", (*sources, Node("layer", op, tuple(range(len(inputs)))))))


def pcg64(state: int, increment: int, count: int) -> list[int]:
    """O'Neill's PCG XSL RR 128/64 (2014), section 6.3.3, in whole numbers."""
    words = []
    for _ in range(count):
        state = (state * 0x2360ED051FC65DA44385DF649FCCF645 + increment) % 2**128
        turn, folded = state >> 122, (state >> 64) ^ state % 2**64
        words.append((folded >> turn | folded << (-turn % 64)) % 2**64)
    return words


@pytest.mark.parametrize("shape", [(1,), (2,), (5, 3), (2**17 + 1,), (2**18,)])
def test_draws_are_halves_of_raw_words(shape: Shape) -> None:
    """24 bits of each half, the lower half first, through all chunks; done once more without numpy's generators."""
    given = uniform(shape, 0.3, seed=7, name="conv1.weight")
    entropy = int.from_bytes(hashlib.sha256(b"7:conv1.weight").digest(), "little")
    state = np.random.PCG64(np.random.SeedSequence(entropy)).state["state"]
    words = pcg64(state["state"], state["inc"], -(-given.size // 2))
    halves = [half for word in words for half in (word % 2**32, word >> 32)]
    whole = [(half >> 8) - (2**24 if half >> 31 else 0) for half in halves][: given.size]
    expected = np.array(whole, "float32") * np.float32(0.3 / 2**23)
    np.testing.assert_array_equal(given.ravel(), expected)
    assert given.shape == shape


def test_the_bits_are_these() -> None:
    """On every machine and with every numpy: a change of these is a change of everybody's weights."""
    drawn = b"".join(array.astype("<f4").tobytes() for array in random_weights(load("lenet5").graph).values())
    assert hashlib.sha256(drawn).hexdigest() == "e8e8e474932a66862bb81cec805b376854c572dce53f2370bef44e397c926eab"
    weights = random_weights(load("resnet20_cifar").graph)
    variances = [array[0] for name, array in weights.items() if name.endswith("conv1.batchnorm.running_var")]
    assert variances == [0.95703125, 2.15625, 3.453125, 4.8125, 3.265625, 4.5, 5.8125, 3.5, 4.625]


def test_a_layer_has_its_numbers_for_itself(small: InferredGraph) -> None:
    """They depend on the seed and its name, and on nothing before or behind it."""
    alone = random_weights(
        loads(SMALL.replace("first, out", "other, out").replace("shares", "if: false, shares")).graph
    )
    weights = random_weights(small)
    np.testing.assert_array_equal(weights["second.weight"], alone["second.weight"])
    assert not np.array_equal(weights["first.weight"], alone["other.weight"])
    assert not np.array_equal(weights["second.weight"], random_weights(small, seed=1)["second.weight"])


def test_every_weight_is_there_as_stated(small: InferredGraph) -> None:
    """In order, in its shape, contiguous; shared ones once."""
    weights = random_weights(small)
    assert [*weights] == [
        *("first.weight", "first.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"),
        *("second.weight", "second.bias"),
    ]
    for name, _, weight in stored(small):
        assert weights[name].shape == weight.shape
        assert weights[name].dtype == "float32"
        assert weights[name].flags.c_contiguous
        assert weights[name].flags.writeable


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_types_hold_the_same_numbers(small: InferredGraph, dtype: str) -> None:
    """Rounded, or widened."""
    for name, array in random_weights(small, dtype=dtype).items():
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, random_weights(small)[name].astype(dtype))


@pytest.mark.parametrize("dtype", ["int8", "bfloat16", "float"])
def test_types_that_networks_are_not_computed_in(small: InferredGraph, dtype: str) -> None:
    """Are an error, for fresh weights and for those of others."""
    problem = [f"networks are not computed in {dtype}; there is float16, float32 and float64"]
    assert said(lambda: random_weights(small, dtype=dtype)) == problem
    assert said(lambda: fit_weights(small, random_weights(small), dtype=dtype)) == problem


def test_he_uniform() -> None:
    """U(−b, b) with b = √(6/fan_in): the bound is reached and kept, the variance is 2/fan_in, nothing is correlated."""
    network = one_layer(ops.Conv(64, 3, groups=2), (64, 8, 8))
    weight = random_weights(network)["layer.weight"].astype(float)
    bound = math.sqrt(6 / (32 * 9))
    assert 0.999 * bound < weight.max() <= bound
    assert -bound <= weight.min() < -0.999 * bound
    assert weight.var() == pytest.approx(2 / (32 * 9), rel=0.02)
    assert abs(weight.mean()) < 4 * weight.std() / math.sqrt(weight.size)
    rows = np.corrcoef(weight.reshape(64, -1)) - np.eye(64)
    assert np.abs(rows).max() < 6 / math.sqrt(32 * 9)


@pytest.mark.parametrize(
    ("op", "shape", "expected"),
    [
        (ops.Conv(8, (3, 2)), (6, 5, 5), 36),
        (ops.Conv(8, 3, groups=2), (6, 5, 5), 27),
        (ops.Conv(6, 3, groups=6), (6, 5, 5), 9),
        (ops.Linear(10), (3, 7), 7),
        (ops.ConvTranspose(5, 2, 2), (6, 4, 4), 6),  # each output is written once
        (ops.ConvTranspose(6, 2, 2, groups=3), (6, 4, 4), 2),
        (ops.ConvTranspose(5, 3), (6, 4, 4), 6 * 9 * 16 / 36),  # less at the edges, on average this
        (ops.MultiHeadAttention(8, 2), (5, 8), 8),
    ],
)
def test_fan_in(op: Op, shape: Shape, expected: float) -> None:
    """How many products an output sums up, from what the operator states."""
    network = one_layer(op, shape)
    assert {fan_in(network, 1, w) for w in network.weights(1) if len(w.shape) > 1} == {expected}


@pytest.mark.parametrize(
    ("op", "names"),
    [
        (ops.LayerNorm(), {"weight": 1, "bias": 0}),
        (ops.GroupNorm(2), {"weight": 1, "bias": 0}),
        (ops.InstanceNorm(affine=True), {"weight": 1, "bias": 0}),
        (ops.RMSNorm(), {"weight": 1}),
        (ops.LayerScale(), {"gamma": 1}),
        (ops.PReLU(4), {"weight": 0.25}),
        (ops.BatchNorm(), {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}),
    ],
)
def test_where_others_begin(op: Op, names: dict[str, float]) -> None:
    """Normalisation does nothing beyond normalising; behind an input of variance 1, running variances are 1."""
    weights = random_weights(one_layer(op, (4, 3)))
    assert {name: {*array.tolist()} for name, array in weights.items()} == {
        f"layer.{name}": {value} for name, value in names.items()
    }


def test_learned_parameters_begin_small() -> None:
    """Within ±0.02."""
    tokens = random_weights(infer(Graph("one", (Node("tokens", ops.Parameter((50, 30))),))))["tokens.weight"]
    assert 0.0199 < np.abs(tokens).max() <= 0.02


def test_constants_begin_near_one() -> None:
    """Within 1 ± 0.5, whatever their type: what is multiplied and divided by them keeps its size."""
    network = infer(Graph("one", (Node("c", ops.Constant((50, 30))),)))
    for dtype in ("float16", "float32", "float64"):
        values = random_weights(network, dtype=dtype)["c.value"]
        assert values.dtype == dtype
        assert 0.5 <= values.min() < 0.51 < 1.49 < values.max() <= 1.5
        assert values.mean() == pytest.approx(1, abs=0.02)


# What is predicted, against what comes out.


@pytest.mark.parametrize(
    ("op", "given", "expected"),
    [
        (ops.ReLU(), [STANDARD], Moments(1 / math.sqrt(2 * math.pi), 0.5)),
        (ops.LeakyReLU(0.5), [STANDARD], Moments(0.5 / math.sqrt(2 * math.pi), 0.625)),
        (ops.Identity(), [Moments(2, 13)], Moments(2, 13)),
        (ops.HardSigmoid(), [Moments(0, 0.01)], Moments(0.5, 0.25 + 0.01 / 36)),
        (ops.Conv(3, 3), [Moments(1, 5)], Moments(0, 10)),
        (ops.Conv(3, 3, padding=1), [Moments(1, 5)], Moments(0, 10 * (13 / 15) ** 2)),
        (ops.Conv(3, (1, 2), (1, 3), ((0, 0), (2, 3)), (1, 4)), [Moments(1, 5)], Moments(0, 10 * 2 / 4)),
        (ops.Add(), [Moments(1, 2), Moments(3, 10)], Moments(4, 18)),
        (ops.Mean(), [Moments(1, 2), Moments(3, 10)], Moments(2, 4.5)),
        (ops.Mul(), [Moments(1, 2), Moments(3, 10)], Moments(3, 20)),
        (ops.Max(), [Moments(1, 2), Moments(3, 10)], Moments(3, 10)),
        (ops.BatchNorm(), [Moments(1, 4)], Moments(0.5, 1)),
        (ops.BatchNorm(track_running_stats=False), [Moments(1, 4)], STANDARD),
        (ops.LocalResponseNorm(alpha=1, beta=1, k=2), [Moments(3, 10)], Moments(0.25, 10 / 144)),
        (ops.Pad(channels=2), [Moments(1, 6)], Moments(0.5, 3)),
        (ops.Pad(1, mode="reflect"), [Moments(1, 6)], Moments(1, 6)),
        (ops.Softmax(), [STANDARD], Moments(0.25, 0.0625)),
        (ops.Sub(), [Moments(1, 2), Moments(3, 10)], Moments(-2, 6)),
        (ops.Div(), [Moments(1, 2), Moments(3, 16)], Moments(0.25, 0.125)),
        (ops.Min(), [Moments(1, 2), Moments(3, 10)], Moments(3, 10)),
        (ops.ReduceMean(1), [Moments(1, 2)], Moments(1, 2)),
        (ops.ReduceSum((2, 3)), [Moments(1, 3)], Moments(25, 25**2 + 50)),
        (ops.ReduceL2(1), [Moments(1, 4)], Moments(4, 16)),
        (ops.InstanceNorm(), [Moments(1, 4)], STANDARD),
        (ops.RMSNorm(dim=1), [Moments(1, 4)], STANDARD),
        (ops.Sqrt(), [Moments(0, 16)], Moments(2, 4)),
        (ops.Rsqrt(), [Moments(0, 16)], Moments(0.5, 0.25)),
        (ops.Reciprocal(), [Moments(0, 16)], Moments(0.25, 0.0625)),
        (ops.Log(), [Moments(0, math.e**2)], Moments(1, 1)),
        (ops.Pow(2), [STANDARD], Moments(1, 3)),
        (ops.Pow(-2), [Moments(0, 4)], Moments(0.25, 0.0625)),
        (ops.Exp(), [STANDARD], Moments(math.exp(0.5), math.exp(2))),
        (ops.Exp(), [Moments(1, 1)], Moments(math.e, math.e**2)),
        (ops.Abs(), [STANDARD], Moments(math.sqrt(2 / math.pi), 1)),
        (ops.LogSoftmax(), [STANDARD], Moments(-math.log(4) - 0.5, 1 + (math.log(4) + 0.5) ** 2)),
        (ops.LpPool(3), [Moments(0, 4)], Moments(6, 36)),
        (ops.LpPool((1, 2), norm_type=1), [Moments(3, 10)], Moments(6, 38)),
        (ops.ELU(), [Moments(2, 4)], Moments(2, 4)),
        (ops.Constant((4, 5, 5), 3.0), [], Moments(3, 9)),
        (ops.Constant((4, 5, 5)), [], Moments(1, 1 + 1 / 12)),
        (ops.ScaledDotProductAttention(), [STANDARD, STANDARD, Moments(1, 3)], Moments(1, 3)),
    ],
)
def test_predictions(op: Op, given: list[Moments], expected: Moments) -> None:
    """Of mean and mean square, on maps of 4 channels."""
    predicted = PREDICTIONS[op.keyword](op, given, ((4, 5, 5),) * len(given))
    assert predicted == pytest.approx(expected, rel=1e-3)


@given(convolutions())
def test_zeros_around_a_map_are_not_counted(case: Sample) -> None:
    """On a map of ones, with weights of ones, what is summed up are the taps on the map."""
    weight, *_ = case.op.weights(case.inputs)
    ones = {"weight": np.ones(weight.shape), "bias": np.zeros(weight.shape[0])}
    share = compute(case.op, [np.ones((1, *case.inputs[0]))], ones).mean() / math.prod(weight.shape[1:])
    assert PREDICTIONS["conv"](case.op, [STANDARD], case.inputs).square == pytest.approx(2 * share)


@pytest.mark.parametrize("op", [ops.Exp(), ops.Pow(9), ops.Reciprocal(), ops.Log(), ops.Pow(-0.5), ops.Sqrt()])
@pytest.mark.parametrize("square", [0.0, 1e-30, 1e30])
def test_predictions_are_finite(op: Op, square: float) -> None:
    """Whatever comes in."""
    assert np.isfinite(PREDICTIONS[op.keyword](op, [Moments(0, square)], ((4, 5, 5),))).all()


def test_parts_of_a_concatenation_count_by_their_size() -> None:
    """One channel beside three."""
    predicted = PREDICTIONS["concat"](ops.Concat(), [Moments(0, 1), Moments(1, 5)], ((1, 2), (3, 2)))
    assert predicted == Moments(0.75, 4)


def test_predictions_of_products_of_two() -> None:
    """Measured on independent values."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 2, (64, 20, 30)), rng.normal(-1, 1, (64, 30, 20))
    predicted = PREDICTIONS["matmul"](ops.MatMul(), [Moments(1, 5), Moments(-1, 2)], ((20, 30), (30, 20)))
    product = a @ b
    assert (product.mean(), (product**2).mean()) == pytest.approx(predicted, rel=0.05)


@pytest.mark.parametrize("name", zoo.names())
def test_running_variances_of_the_whole_zoo(name: str) -> None:
    """Finite, above zero, and no larger than a sum over all blocks could be."""
    network = load(name).graph
    squares = [moments.square for moments in predict(network)]
    assert all(1e-5 < square < 2 * len(network.nodes) for square in squares)


NETWORKS = {
    "lenet5": None,
    "lenet5_paper": None,
    "alexnet": "3x67x67",  # with lrn
    "vgg11_lrn": "3x32x32",
    "googlenet": "3x97x97",
    "densenet121": "3x97x97",
    "densenet_40_12": None,
    "mobilenet_v2": "3x97x97",
    "mobilenet_v3_large": "3x97x97",
    "efficientnet_b0": "3x97x97",
    "se_resnet50": "3x97x97",
    "shufflenet_v2_x1_0": "3x97x97",
    "fractalnet40": None,
    "inception_v4": "3x139x139",
    "resnet20_cifar": None,
    "resnet1202_cifar": None,
    "preact_resnet1001": None,
    "convnext_tiny": "3x64x64",
    "vit_b_16": None,
}


@pytest.mark.parametrize(("name", "size"), NETWORKS.items(), ids=NETWORKS)
def test_networks_are_alive(name: str, size: str | None) -> None:
    """No layer's values vanish, explode or fail; the outputs are neither all alike nor far from 1."""
    network = load(name, size).graph
    x = np.random.default_rng(0).standard_normal((1, *network.input_shape)).astype("float32")
    for position, output in run_reference(network, random_weights(network), x):
        square = float(np.square(output, dtype=float).mean())
        assert 1e-5 < square < 1e5, network.nodes[position].name
    assert 0.01 < output.std() <= math.sqrt(square) < 100


# Whether weights fit.


def said(call: Callable[[], object]) -> list[str]:
    with pytest.raises(UsageError) as caught:
        call()
    return [str(problem) for problem in caught.value.problems]


def test_weights_that_fit(small: InferredGraph) -> None:
    """As float32 or as asked, in the network's order, whatever order, type and layout they come in."""
    weights = random_weights(small)
    given = {name: np.asfortranarray(array.astype(">f8")) for name, array in reversed(weights.items())}
    fitted = fit_weights(small, given)
    assert [*fitted] == [*weights]
    for name, array in fitted.items():
        np.testing.assert_array_equal(array, weights[name])
        assert array.dtype == np.dtype("float32")
        assert array.flags.c_contiguous
    assert fit_weights(small, given, dtype="float64")["first.weight"].dtype == np.dtype("float64")


def test_everything_that_does_not_fit_is_named(small: InferredGraph) -> None:
    """All at once, each with what is right."""
    weights: dict[str, Array] = random_weights(small)
    del weights["second.bias"]
    weights["second.bais"] = np.zeros(4, "float32")
    weights["first.weight"] = weights["first.weight"].reshape(4, 9)
    weights["first.bias"] = np.zeros(4, int)
    weights["norm.weight"] = np.array([1, np.nan, np.inf, 2])
    weights["norm.bias"] = np.array([1e300, 1, 1, 1])
    weights["norm.running_var"] = -weights["norm.running_var"]
    weights["\x1b[2Jx"] = np.zeros(1)
    assert said(lambda: fit_weights(small, weights, "w.npz")) == [
        "w.npz: 'first.weight' is 4×9, where 4×1×3×3 belongs",
        "w.npz: small has no weight 'second.bais'; did you mean 'second.bias'?",
        "w.npz: small has no weight '�[2Jx'; there is second.bias",
        "w.npz: 'second.bias' 4 is missing",
        "w.npz: 'first.bias' holds int64 and not floating-point numbers",
        "w.npz: 'norm.weight' holds 2 values that are NaN, infinite or too large for float32",
        "w.npz: 'norm.bias' holds 1 value that is NaN, infinite or too large for float32",
        "w.npz: 'norm.running_var' holds negative variances",
    ]


def test_a_wholly_foreign_file_is_told_in_a_hundred_lines() -> None:
    """The first of them, and how many more there are."""
    network = load("resnet1202_cifar").graph
    lines = said(lambda: fit_weights(network, {f"module.{i}.weight": np.zeros(3) for i in range(3000)}, "w.npz"))
    assert len(lines) == MOST_PROBLEMS + 1
    stated = sum(1 for _ in stored(network))
    assert lines[-1] == f"w.npz: and {3000 + stated - MOST_PROBLEMS} more that do not fit {network.name}"


def test_weights_of_a_node(small: InferredGraph) -> None:
    """By their bare names; a node that shares has those of the owner."""
    weights = random_weights(small)
    index = small.graph.index()
    assert weights_of(small, index["first"], weights).keys() == {"weight", "bias"}
    assert weights_of(small, index["again"], weights)["weight"] is weights["second.weight"]
    assert weights_of(small, index["input"], weights) == {}
