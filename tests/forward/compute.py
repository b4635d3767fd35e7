"""Rules at work: on the numbers that the naive loops ran on, and on random ones."""

from collections.abc import Mapping, Sequence

import numpy as np
from ops.cases import Sample
from ops.counting import Grid
from ops.reference import run

from archcalc.forward.kernels import Array
from archcalc.forward.rules import RULES
from archcalc.ops.base import Op


def values(grid: Grid) -> Array:
    """The values of counted numbers."""
    return np.array([number.value for number in grid.flat]).reshape(grid.shape)


def by_rule_and_loops(case: Sample) -> tuple[Array, Array]:
    """What the rule gives for a batch of one, and what the loops give."""
    bench, expected = run(case.op, case.inputs)
    inputs = [values(grid)[None] for grid in bench.inputs]
    weights = {name: values(grid) for name, grid in bench.weights.items()}
    return compute(case.op, inputs, weights), values(expected)


def random_arguments(case: Sample, batch: int = 2, dtype: str = "float64") -> tuple[list[Array], dict[str, Array]]:
    """Inputs of both signs, and positive weights, as variances are."""
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((batch, *shape)).astype(dtype) for shape in case.inputs]
    weights = {w.name: rng.uniform(0.5, 1.5, w.shape).astype(dtype) for w in case.op.weights(case.inputs)}
    return inputs, weights


def compute(op: Op, inputs: Sequence[Array], weights: Mapping[str, Array] | None = None) -> Array:
    """The output of one operator."""
    return RULES[op.keyword](op, inputs, weights or {})


def near(given: Array, expected: Array) -> None:
    """Equal but for a few roundings of float64."""
    np.testing.assert_allclose(given, expected, rtol=1e-11, atol=1e-12)
