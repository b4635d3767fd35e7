"""The rule of every operator against naive loops, on the samples that all of its facts are tested on."""

from collections.abc import Sequence

import numpy as np
import pytest
from ops.cases import Sample, each
from ops.counting import Grid
from ops.reference import run
from ops.samples import SAMPLES

from archcalc.forward.kernels import Array
from archcalc.forward.moments import PREDICTIONS
from archcalc.forward.rules import RULES
from archcalc.forward.weights import INITIAL
from archcalc.ops import OPS

COMPUTED = [sample for sample in SAMPLES if sample.op.keyword != "input"]


def values(grid: Grid) -> Array:
    return np.array([number.value for number in grid.flat]).reshape(grid.shape)


def by_rule_and_loops(case: Sample) -> tuple[Array, Array]:
    """What the rule gives for a batch of one, and what the loops give."""
    bench, expected = run(case.op, case.inputs)
    inputs = [values(grid)[None] for grid in bench.inputs]
    weights = {name: values(grid) for name, grid in bench.weights.items()}
    return RULES[case.op.keyword](case.op, inputs, weights), values(expected)


def random_arguments(case: Sample, batch: int, dtype: str, seed: int = 0) -> tuple[list[Array], dict[str, Array]]:
    """Inputs of both signs and positive weights, as variances are."""
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal((batch, *shape)).astype(dtype) for shape in case.inputs]
    weights = {w.name: rng.uniform(0.5, 1.5, w.shape).astype(dtype) for w in case.op.weights(case.inputs)}
    return inputs, weights


def result(case: Sample, inputs: Sequence[Array], weights: dict[str, Array]) -> Array:
    return RULES[case.op.keyword](case.op, inputs, weights)


@pytest.mark.parametrize("keyword", OPS)
def test_every_operator_is_known(keyword: str) -> None:
    """It has a rule (but for the input, which is given), a prediction, and a start for weights if it has any."""
    assert (keyword in RULES) == (keyword != "input")
    assert keyword in PREDICTIONS
    stated = {w.name for s in SAMPLES if s.op.keyword == keyword for w in s.op.weights(s.inputs)}
    assert set(INITIAL.get(keyword, {})) == stated


@each(COMPUTED)
def test_computes_what_the_loops_compute(case: Sample) -> None:
    """In the stated shape."""
    given, expected = by_rule_and_loops(case)
    assert given.shape == (1, *case.op.output(case.inputs))
    np.testing.assert_allclose(given[0], expected, rtol=1e-12, atol=1e-14)


@each([sample for sample in COMPUTED if sample.inputs])
def test_samples_of_a_batch_do_not_meet(case: Sample) -> None:
    """A batch gives what its samples give one by one."""
    inputs, weights = random_arguments(case, 3, "float64")
    together = result(case, inputs, weights)
    alone = [result(case, [x[i : i + 1] for x in inputs], weights) for i in range(3)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@each(COMPUTED)
def test_keeps_the_type_and_its_arguments(case: Sample, dtype: str) -> None:
    """The result has the type of the input; neither inputs nor weights are written to."""
    inputs, weights = random_arguments(case, 2, dtype)
    for array in (*inputs, *weights.values()):
        array.setflags(write=False)
    assert result(case, inputs, weights).dtype == dtype


@each([sample for sample in COMPUTED if sample.inputs])
def test_float32_is_near_float64(case: Sample) -> None:
    """Within a few roundings."""
    inputs, weights = random_arguments(case, 2, "float32")
    single = result(case, inputs, weights)
    wide = {name: w.astype("float64") for name, w in weights.items()}
    double = result(case, [x.astype("float64") for x in inputs], wide)
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)


@each([sample for sample in COMPUTED if sample.inputs])
def test_takes_arrays_that_lie_in_any_order(case: Sample) -> None:
    """Views whose axes lie in another order in memory give the same."""
    inputs, weights = random_arguments(case, 2, "float64")
    turned = [np.asfortranarray(x) for x in inputs]
    other = {name: np.asfortranarray(w) for name, w in weights.items()}
    np.testing.assert_allclose(result(case, turned, other), result(case, inputs, weights), rtol=1e-12, atol=1e-14)
