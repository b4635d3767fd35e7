"""What a sample is, and how lists of them become the parameters of tests.

`defects` says which laws a case is known to break, and why: their tests are expected to fail until the operator is
mended, and then ask for the entry to be taken out.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pytest

from archcalc.ops.base import Op, Shapes


class Sample(NamedTuple):
    """An operator and the shapes of its inputs, to be accepted."""

    op: Op
    inputs: Shapes
    defects: Mapping[str, str] = {}


class Refusal(NamedTuple):
    """An operator and the shapes of its inputs, to be refused with a complaint that contains `says`."""

    op: Op
    inputs: Shapes
    says: str
    defects: Mapping[str, str] = {}


def each(cases: Iterable[Sample | Refusal], law: str = "") -> Callable[[Any], Any]:
    """Runs a test of a law for each case, under the name of its operator."""
    return pytest.mark.parametrize("case", [_param(case, law) for case in cases])


def _param(case: Sample | Refusal, law: str) -> Any:
    marks = [pytest.mark.xfail(strict=True, reason=case.defects[law])] if law in case.defects else []
    return pytest.param(case, id=case.op.keyword, marks=marks)
