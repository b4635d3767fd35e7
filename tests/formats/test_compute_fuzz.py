"""Operators of models that nobody checked: whatever they are given, they answer, or refuse in words."""

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.errors import UsageError
from archcalc.formats import compute as package
from archcalc.formats.compute import OPERATORS, compute

SOURCE = "".join(path.read_text("utf-8") for path in Path(package.__file__).parent.glob("*.py"))
ATTRIBUTES = sorted(set(re.findall(r'call\.(?:get|need)\("(\w+)"|per_axis\(call, "(\w+)"', SOURCE)) - {("", "")})
NAMES = sorted({first or second for first, second in ATTRIBUTES} | {"strides", "dilations", "alpha", "value_ints"})

numbers = st.one_of(st.integers(-3, 4), st.sampled_from([0, 1, 2, -1, 1 << 40, -(1 << 62), (1 << 63) - 1]))
shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple)
dtypes = st.sampled_from(["float32", "float16", "int64", "int8", "uint8", "bool"])


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    """Small arrays of any type, or a few numbers that may be absurd."""
    if draw(st.booleans()):
        return np.array(draw(st.lists(numbers, max_size=4)), np.int64)
    shape = draw(shapes)
    values = np.random.default_rng(draw(st.integers(0, 9))).integers(-2, 3, shape)
    return values.astype(draw(dtypes))


values = st.one_of(
    numbers,
    st.lists(numbers, max_size=4).map(tuple),
    st.floats(),
    st.lists(st.floats(), max_size=3).map(tuple),
    st.sampled_from(["SAME_UPPER", "VALID", "linear", "cubic", "reflect", "tanh", "DCR", "", "\x1b[31m"]),
    arrays(),
)


@settings(max_examples=8)
@given(st.data())
@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_anything_is_answered_or_refused(kind: str, data: st.DataObject) -> None:
    """No other error, no warning, no time without bound, and nothing larger than what is allowed."""
    inputs = data.draw(st.lists(st.one_of(arrays(), arrays(), st.none()), max_size=4))
    attributes = data.draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=4))
    opset, outputs = data.draw(st.sampled_from([6, 7, 9, 10, 11, 13, 18, 21, 25])), data.draw(st.integers(0, 3))
    start = time.thread_time()
    refusal = ""
    try:
        results = compute(kind, inputs, attributes, opset, outputs, limit=1 << 20)
        assert len(results) == outputs
        assert all(isinstance(x, np.ndarray) and x.nbytes <= 1 << 20 for x in results)
    except UsageError as error:
        refusal = str(error)
    assert "\x1b" not in refusal
    assert time.thread_time() - start < 5
