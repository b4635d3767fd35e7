"""Every operator runs on numbers that are many at once: its checks, its facts and its arguments."""

from typing import Any

import numpy as np
from ops.cases import Refusal, Sample, each
from ops.facts import facts, leaves, on_arguments, on_sizes
from ops.samples import REFUSALS, SAMPLES

from archcalc.numbers import agreed
from archcalc.space.many import Many


def twice(value: int) -> Many:
    """The number of two variants that have the same, and do not know it."""
    return Many(np.array([value, value], np.int64), value, value, int)


def at_once(case: Any) -> tuple[Any, Any]:
    """A case with such numbers for its sizes and for its arguments."""
    return on_arguments(case.op, lambda name, value: twice(value)), on_sizes(case.inputs, twice)


@each(SAMPLES)
def test_facts_are_those_of_ints(case: Sample) -> None:
    """What decides about structure is asked and answered; everything else is arithmetic."""
    op, inputs = at_once(case)
    assert list(op.check(inputs)) == []
    assert [agreed(leaf) for leaf in leaves(facts(op, inputs))] == list(leaves(facts(case.op, case.inputs)))


@each(REFUSALS)
def test_checks_refuse_the_same(case: Refusal) -> None:
    """As many complaints; their texts are those of single variants."""
    op, inputs = at_once(case)
    assert len(list(op.check(inputs))) == len(list(case.op.check(case.inputs))) > 0
