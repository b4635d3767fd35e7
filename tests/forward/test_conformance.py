"""The rule of every operator against naive loops, on the samples that all of its facts are tested on."""

import numpy as np
import pytest
from ops.cases import Sample, each
from ops.samples import SAMPLES

from archcalc.forward.moments import PREDICTIONS
from archcalc.forward.rules import RULES
from archcalc.forward.weights import INITIAL
from archcalc.ops import OPS

from .compute import by_rule_and_loops, compute, near, random_arguments

COMPUTED = [sample for sample in SAMPLES if sample.op.keyword != "input"]
READING = [sample for sample in COMPUTED if sample.inputs]


@pytest.mark.parametrize("keyword", OPS)
def test_every_operator_is_known(keyword: str) -> None:
    """It has a rule (but for the input, which is given), a prediction, and a start for each weight, and no other."""
    assert (keyword in RULES) == (keyword != "input")
    assert keyword in PREDICTIONS
    stated = {w.name for s in SAMPLES if s.op.keyword == keyword for w in s.op.weights(s.inputs)}
    assert set(INITIAL.get(keyword, {})) == stated


@each(COMPUTED)
def test_computes_what_the_loops_compute(case: Sample) -> None:
    """In the stated shape."""
    given, expected = by_rule_and_loops(case)
    assert given.shape == (1, *case.op.output(case.inputs))
    near(given[0], expected)


@each(READING)
def test_samples_of_a_batch_do_not_meet(case: Sample) -> None:
    """A batch gives what its samples give one by one."""
    inputs, weights = random_arguments(case, 3)
    alone = [compute(case.op, [x[i : i + 1] for x in inputs], weights) for i in range(3)]
    near(compute(case.op, inputs, weights), np.concatenate(alone))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@each([sample for sample in COMPUTED if sample.inputs or sample.op.weights(())])
def test_keeps_the_type_and_its_arguments(case: Sample, dtype: str) -> None:
    """The result has the type of the input; neither inputs nor weights are written to."""
    inputs, weights = random_arguments(case, 2, dtype)
    for array in (*inputs, *weights.values()):
        array.setflags(write=False)
    assert compute(case.op, inputs, weights).dtype == dtype


@each(READING)
def test_float32_is_near_float64(case: Sample) -> None:
    """Within a few roundings."""
    inputs, weights = random_arguments(case, 2, "float32")
    wide = {name: weight.astype("float64") for name, weight in weights.items()}
    double = compute(case.op, [x.astype("float64") for x in inputs], wide)
    np.testing.assert_allclose(compute(case.op, inputs, weights), double, rtol=1e-4, atol=1e-5)


@each(READING)
def test_takes_arrays_that_lie_in_any_order(case: Sample) -> None:
    """Arrays whose axes lie in another order in memory give the same."""
    inputs, weights = random_arguments(case)
    turned = {name: np.asfortranarray(weight) for name, weight in weights.items()}
    near(compute(case.op, [np.asfortranarray(x) for x in inputs], turned), compute(case.op, inputs, weights))


@each(READING)
def test_nan_is_not_swallowed(case: Sample) -> None:
    """Whatever depends on a NaN is one."""
    inputs, weights = random_arguments(case)
    depends = compute(case.op, inputs, weights) != compute(case.op, [-x for x in inputs], weights)
    assert np.isnan(compute(case.op, [x * np.nan for x in inputs], weights)[depends]).all()
