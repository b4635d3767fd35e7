"""The operators that exporters leave among constants, held against ONNX's own evaluator; and what they refuse."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.errors import UsageError
from archcalc.formats.compute import OPERATORS, compute
from tests.formats.reference import assert_alike

Array = Any

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
OLD_AND_NEW = [9, 11, 13, 18, 21]


def filled(shape: tuple[int, ...], dtype: str = "float32") -> Array:
    """Numbers of both signs, all different."""
    size = int(np.prod(shape))
    return (np.random.default_rng(size).permutation(size) - size // 3).reshape(shape).astype(dtype)


def whole(*values: int) -> Array:
    return np.array(values, np.int64)


@given(shapes, st.data())
def test_slice(shape: tuple[int, ...], data: st.DataObject) -> None:
    """Any places, far beyond both edges too, any steps, axes from either end."""
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    count = len(axes)
    places = st.lists(st.integers(-7, 7), min_size=count, max_size=count)
    starts, ends = data.draw(places), data.draw(places)
    steps = data.draw(st.lists(st.sampled_from([-3, -2, -1, 1, 2, 5]), min_size=count, max_size=count))
    turned = [axis - len(shape) if data.draw(st.booleans()) else axis for axis in axes]
    assert_alike("Slice", [filled(shape), whole(*starts), whole(*ends), whole(*turned), whole(*steps)], {}, 13)
    expected = compute("Slice", [filled(shape), whole(*starts), whole(*ends), whole(*axes)], {}, 13)
    old = compute("Slice", [filled(shape)], {"starts": starts, "ends": ends, "axes": axes}, 9)
    np.testing.assert_array_equal(old[0], expected[0])


@given(shapes, st.data())
def test_split(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x, n = filled(shape), shape[axis]
    parts = data.draw(st.integers(1, n))
    assert_alike("Split", [x], {"axis": axis, "num_outputs": parts}, 18, parts)
    sizes = [n - parts, parts]
    assert_alike("Split", [x, whole(*sizes)], {"axis": axis}, 13, 2)
    assert_alike("Split", [x], {"axis": axis, "split": sizes}, 11, 2)


@given(shapes, st.data())
def test_gather(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = shape[axis]
    indices = data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=4))
    wanted = np.array(indices).reshape(data.draw(st.sampled_from([(-1,), (1, -1)])))
    assert_alike("Gather", [filled(shape), wanted], {"axis": axis}, 13)


@given(shapes, shapes)
def test_expand_and_tile(shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    x = filled(shape)
    stretched = tuple(b if a == 1 else a for a, b in zip(shape, (*other, 1, 1, 1), strict=False))
    assert_alike("Expand", [x, whole(*stretched)], {}, 13)
    repeats = [1 + (n % 3) for n in (*other, 0, 0, 0)][: len(shape)]
    assert_alike("Tile", [x, whole(*repeats)], {}, 13)


@given(shapes, st.data())
def test_reductions(shape: tuple[int, ...], data: st.DataObject) -> None:
    """Axes as an attribute and as an input, kept and dropped, none named."""
    kind = data.draw(st.sampled_from(sorted(name for name in OPERATORS if name.startswith("Reduce"))))
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    keep = data.draw(st.integers(0, 1))
    x = np.abs(filled(shape)) / 4 + 1
    assert_alike(kind, [x, whole(*axes)], {"keepdims": keep}, 18)
    assert_alike(kind, [x], {"axes": axes, "keepdims": keep}, 11)
    assert_alike(kind, [x], {"keepdims": keep}, 18)
    if kind in ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"):  # of others the evaluator widens the type
        assert_alike(kind, [x.astype(np.int32), whole(*axes)], {"keepdims": keep}, 18)


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Equal", "Less", "Greater"])
@pytest.mark.parametrize("dtype", ["float32", "int64", "int8"])
def test_arithmetic(kind: str, dtype: str) -> None:
    """Stretched both ways; signs of all kinds in quotients and rests."""
    a, b = filled((4, 1, 5), dtype), filled((3, 1), dtype) * 2 + 1
    assert_alike(kind, [a, b], {"fmod": 1} if kind == "Mod" and dtype == "float32" else {}, 13)


def test_whole_quotients_are_cut_off_towards_zero() -> None:
    """As in C, which numpy rounds down: −7/2 is −3."""
    a, b = whole(-7, 7, -7, 7, 6), whole(2, -2, -2, 2, -3)
    assert compute("Div", [a, b], {}, 14)[0].tolist() == [-3, -3, 3, 3, -2]


@pytest.mark.parametrize(
    ("first", "end", "step"), [(0, 7, 2), (7, 0, -2), (3, 3, 1), (5, 1, 1), (0.5, 2.0, 0.25), (1.0, -1.0, -0.3)]
)
def test_range(first: float, end: float, step: float) -> None:
    dtype = np.int64 if isinstance(first, int) else np.float32
    assert_alike("Range", [np.array(value, dtype) for value in (first, end, step)], {}, 11)


@given(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4).map(tuple), st.data())
def test_shapes(shape: tuple[int, ...], data: st.DataObject) -> None:
    x, rank = filled(shape), len(shape)
    # The evaluator does not clamp an end ahead of the first axis, as the standard says.
    start, end = data.draw(st.integers(-5, 5)), data.draw(st.integers(-rank, 5))
    assert_alike("Shape", [x], {"start": start, "end": end}, 15)
    axis = data.draw(st.integers(-rank, rank))
    assert_alike("Flatten", [x], {"axis": axis}, 13)
    assert_alike("Transpose", [x], {"perm": data.draw(st.permutations(range(rank)))}, 13)
    new = data.draw(st.lists(st.integers(0, rank), unique=True, min_size=1, max_size=1))
    assert_alike("Unsqueeze", [x, whole(*new)], {}, 13)
    assert_alike("Unsqueeze", [x], {"axes": new}, 11)
    wide = np.expand_dims(x, new[0])
    assert_alike("Squeeze", [wide, whole(*new)], {}, 13)
    assert_alike("Squeeze", [wide], {"axes": new}, 11)


@pytest.mark.parametrize("attributes", [{}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}])
def test_cumulative_sum(attributes: dict[str, int]) -> None:
    assert_alike("CumSum", [filled((3, 4)), np.array(1)], attributes, 14)


def test_places() -> None:
    x = filled((3, 4, 2))
    assert_alike("GatherND", [x, np.array([[0, 1], [2, 3]])], {}, 13)
    assert_alike("GatherND", [x, np.array([[1], [0], [3]])], {"batch_dims": 1}, 13)
    assert_alike("GatherElements", [x, np.array([[[0, 1], [2, 0]]] * 3)], {"axis": 1}, 13)
    assert_alike("ScatterND", [x, np.array([[0], [2]]), filled((2, 4, 2))], {}, 11)
    assert_alike("NonZero", [x > 0], {}, 13)
    assert_alike("Trilu", [x, np.array(-1)], {"upper": 0}, 14)
    assert_alike("Trilu", [x], {}, 14)
    assert_alike("ArgMax", [x // 4], {"axis": 1, "keepdims": 0, "select_last_index": 1}, 13)


HUGE = 1 << 40
HOSTILE: dict[str, tuple[str, list[Array | None], dict[str, Any]]] = {
    "expand": ("Expand", [np.zeros(1), whole(HUGE)], {}),
    "expand beyond any integer": ("Expand", [np.zeros(1), whole(*[HUGE] * 8)], {}),
    "constant": ("ConstantOfShape", [whole(HUGE, HUGE)], {}),
    "tile": ("Tile", [np.zeros(4), whole(HUGE)], {}),
    "range": ("Range", [np.array(0), np.array(HUGE), np.array(1)], {}),
    "range of nearly nothing": ("Range", [np.array(0.0), np.array(1e300), np.array(1e-300)], {}),
    "stretched": ("Add", [np.zeros((1 << 13, 1)), np.zeros((1, 1 << 13))], {}),
    "where": ("Where", [np.ones((1 << 13, 1), bool), np.zeros(1 << 13), np.zeros(1)], {}),
    "gathered": ("Gather", [np.broadcast_to(0.0, (2, 1 << 20)), np.zeros(1 << 20, np.int64)], {}),
    "joined": ("Concat", [np.broadcast_to(0.0, (1 << 24,))] * 2, {"axis": 0}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_sizes_are_bounded_before_memory_is_taken(case: str) -> None:
    kind, inputs, attributes = HOSTILE[case]
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"16 MiB are allowed|fails"):
            compute(kind, inputs, attributes, 13, limit=1 << 24)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


WRONG: dict[str, tuple[str, list[Array | None], dict[str, Any], str]] = {
    "unknown": ("Unsqeeze", [], {}, "did you mean 'Unsqueeze'"),
    "controls in a name": ("\x1b[31m", [], {}, "�"),
    "no input": ("Add", [filled((2,)), None], {}, "Add lacks input 2"),
    "too many inputs": ("Abs", [filled((2,))] * 2, {}, "Abs has 2 inputs; it takes 1"),
    "no attribute": ("Concat", [filled((2,))], {}, "Concat has no attribute 'axis'"),
    "no axis": ("Concat", [filled((2,))], {"axis": 3}, "no axis 3 among 1"),
    "no type": ("Cast", [filled((2,))], {"to": 99}, "ONNX's type 99"),
    "no sizes": ("Reshape", [filled((6,)), whole(4, 4)], {}, "Reshape of float32.6., int64.2. fails"),
    "sizes below zero": ("ConstantOfShape", [whole(-4)], {}, "-4"),
    "parts that do not fit": ("Split", [filled((6,)), whole(3, 4)], {}, "Split of 6 units into 3, 4"),
    "place beyond": ("Gather", [filled((6,)), whole(6)], {}, "Gather of"),
    "steps of nothing": ("Slice", [filled((6,)), whole(0), whole(4), whole(0), whole(0)], {}, "Slice of"),
    "no steps": ("Range", [np.array(0), np.array(4), np.array(0)], {}, "has no end"),
    "shapes that do not fit": ("Mul", [filled((6,)), filled((4,))], {}, "Mul of"),
    "a text as attribute": ("Flatten", [filled((2, 2))], {"axis": "one"}, "Flatten of"),
    "fewer outputs": ("Abs", [filled((2,))], {}, "Abs has 1 outputs"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_said(case: str) -> None:
    kind, inputs, attributes, message = WRONG[case]
    with pytest.raises(UsageError, match=message):
        compute(kind, inputs, attributes, 13, outputs=2 if case == "fewer outputs" else 1)
