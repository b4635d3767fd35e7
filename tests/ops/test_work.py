"""`work`, `output` and `weights` against naive code that counts every operation as it does it."""

import math
from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from archcalc.ops import OPS, AdaptiveMaxPool, BatchNorm, GroupNorm, InstanceNorm, LayerNorm, Pow, RMSNorm, Softmax
from archcalc.ops.base import Op, Shapes, Work

from .cases import Sample, each
from .counting import Grid, bits_of
from .reference import REFERENCES, UNITWISE, run
from .samples import SAMPLES
from .strategies import GEOMETRIES


@pytest.mark.parametrize("keyword", OPS)
def test_has_a_reference(keyword: str) -> None:
    """Every operator is done naively in exactly one way."""
    assert (keyword in REFERENCES) != (keyword in UNITWISE)


@each(SAMPLES)
def test_output_is_what_comes_out(case: Sample) -> None:
    """The shape that is stated is the shape that the loops fill."""
    _, result = run(case.op, case.inputs)
    assert case.op.output(case.inputs) == result.shape


@each(SAMPLES)
def test_work_is_what_was_counted(case: Sample) -> None:
    """As many operations of each class are stated as the loops have done."""
    bench, result = run(case.op, case.inputs)
    assert case.op.work(case.inputs, result.shape) == Work(**bench.tally)


@each(SAMPLES)
def test_weights_are_what_is_used(case: Sample) -> None:
    """Every stored value has a part in the output; that none is missing, the loops show by running at all."""
    bench, result = run(case.op, case.inputs)
    assert bits_of(result) >> bench.input_bits == (1 << (bench.stored - bench.input_bits)) - 1


@pytest.mark.parametrize("cases", GEOMETRIES.values(), ids=GEOMETRIES)
@given(data=st.data())
def test_work_and_output_of_any_geometry(cases: st.SearchStrategy[Sample], data: st.DataObject) -> None:
    """The same for random geometry."""
    case = data.draw(cases)
    test_output_is_what_comes_out(case)
    test_work_is_what_was_counted(case)


@given(n=st.integers(1, 40), o=st.integers(1, 40))
def test_bins_of_an_axis(n: int, o: int) -> None:
    """All bins of one axis together read n + o − gcd(n, o) units, for any n and o."""
    bench, result = run(AdaptiveMaxPool(o), ((1, n),))
    assert bench.tally["comparisons"] == n + o - math.gcd(n, o) - o
    assert AdaptiveMaxPool(o).work(((1, n),), result.shape) == Work(**bench.tally)


# The loops are only worth as much as what they compute: the values of those that are easily written down.


@pytest.mark.parametrize(
    ("keyword", "function"),
    [
        ("relu", lambda x: max(x, 0)),
        ("relu6", lambda x: min(max(x, 0), 6)),
        ("leaky_relu", lambda x: x if x > 0 else 0.01 * x),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("tanh", math.tanh),
        ("silu", lambda x: x / (1 + math.exp(-x))),
        ("gelu", lambda x: x / 2 * math.erfc(-x / math.sqrt(2))),
        ("elu", lambda x: x if x > 0 else math.expm1(x)),
        ("celu", lambda x: x if x > 0 else math.expm1(x)),
        ("selu", lambda x: 1.05070098 * x if x > 0 else 1.75809934 * math.expm1(x)),
        ("softplus", lambda x: math.log1p(math.exp(x))),
        ("softsign", lambda x: x / (1 + math.fabs(x))),
        ("mish", lambda x: x * math.tanh(math.log1p(math.exp(x)))),
        ("hardtanh", lambda x: max(-1, min(1, x))),
        ("exp", math.exp),
        ("abs", math.fabs),
        ("neg", lambda x: 0 - x),
        ("reciprocal", lambda x: x**-1),
        ("erf", lambda x: 1 - math.erfc(x)),
        ("sin", lambda x: math.cos(x - math.pi / 2)),
        ("cos", lambda x: math.sin(x + math.pi / 2)),
        ("hardsigmoid", lambda x: 0 if x < -3 else 1 if x > 3 else x / 6 + 1 / 2),
        ("hardswish", lambda x: 0 if x < -3 else x if x > 3 else x * (x + 3) / 6),
    ],
)
def test_reference_activations(keyword: str, function: Callable[[float], float]) -> None:
    """The naive activations are the functions they are named after."""
    bench, result = run(OPS[keyword](), ((3, 5),))
    expected = [function(x.value) for x in bench.inputs[0].flat]
    assert [y.value for y in result.flat] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("op", "inputs", "groups"),
    [
        (LayerNorm(elementwise_affine=False), ((3, 8),), 3),
        (GroupNorm(2, affine=False), ((4, 2, 5),), 2),
        (InstanceNorm(), ((3, 4, 2),), 3),
        (BatchNorm(affine=False, track_running_stats=False), ((3, 4, 2),), 3),
    ],
)
def test_reference_normalisation(op: Op, inputs: Shapes, groups: int) -> None:
    """The naive normalisations give mean 0 and variance 1."""
    rows = values(run(op, inputs)[1]).reshape(groups, -1)
    assert rows.mean(axis=1) == pytest.approx(0, abs=1e-9)
    assert rows.var(axis=1) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("exponent", [2, 3, 13, -1, -6])
def test_reference_powers(exponent: int) -> None:
    """Multiplied out they are the powers, with the fewest multiplications that squaring allows."""
    bench, result = run(Pow(exponent), ((2, 3),))
    assert values(result) == pytest.approx(values(bench.inputs[0]) ** exponent)
    assert bench.tally["multiplies"] == 6 * {2: 1, 3: 2, 13: 5, 1: 0, 6: 3}[abs(exponent)]


def test_reference_root_mean_square() -> None:
    """What it leaves has mean square 1."""
    rows = values(run(RMSNorm(elementwise_affine=False), ((3, 8),))[1])
    assert (rows**2).mean(axis=1) == pytest.approx(1)


def test_reference_softmax() -> None:
    """The naive softmax adds up to 1 along its axis."""
    assert values(run(Softmax(2), ((3, 4, 2),))[1]).sum(axis=1) == pytest.approx(1)


def values(grid: Grid) -> npt.NDArray[np.float64]:
    return np.array([number.value for number in grid.flat]).reshape(grid.shape)
