"""What a sample is, and how lists of them become the parameters of tests."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest

from archcalc.ops.base import Op, Shapes


class Sample(NamedTuple):
    """An operator and the shapes of its inputs, to be accepted."""

    op: Op
    inputs: Shapes


class Refusal(NamedTuple):
    """An operator and the shapes of its inputs, to be refused with a complaint that contains `says`."""

    op: Op
    inputs: Shapes
    says: str


def each(cases: Iterable[Sample | Refusal]) -> Callable[[Any], Any]:
    """Runs a test for each case, under the name of its operator."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.op.keyword) for case in cases])
