"""The instruments themselves: products by whatever function, nothing else; arrays for as long as they live."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ops.cases import Sample, each
from ops.samples import SAMPLES

from archcalc.forward.instruments import Tally, tracing, watched
from archcalc.forward.kernels import Array
from archcalc.forward.rules import RULES

from .compute import random_arguments

A, B = np.ones((4, 3)), np.ones((3, 5))
STACK, SIX = np.ones((2, 3, 4)), np.ones((6, 2))

PRODUCTS: dict[str, tuple[Callable[[Any, Any], Any], Array, Array, int]] = {
    "matmul": (np.matmul, A, B, 60),
    "@": (lambda a, b: a @ b, A, B, 60),
    "a stack of matrices by one": (lambda a, b: a @ b, STACK, np.ones((4, 7)), 2 * 3 * 4 * 7),
    "a matrix by a vector": (lambda a, b: a @ b, A, np.ones(3), 12),
    "vectors": (lambda a, b: a @ b, np.ones(6), np.ones(6), 6),
    "into an array": (lambda a, b: np.matmul(a, b, out=np.empty((4, 5))), A, B, 60),
    "dot": (np.dot, A, B, 60),
    "the method": (lambda a, b: a.dot(b), A, B, 60),
    "dot by a number": (np.dot, A, np.float64(2), 0),
    "inner": (np.inner, A, np.ones((5, 3)), 60),
    "vdot": (np.vdot, A, A, 12),
    "tensordot": (lambda a, b: np.tensordot(a, b, axes=([1, 2], [1, 2])), STACK, STACK, 2 * 2 * 12),
    "tensordot over one axis": (lambda a, b: np.tensordot(a, b, 1), STACK, np.ones((4, 7)), 2 * 3 * 4 * 7),
    "tensordot over none": (lambda a, b: np.tensordot(a, b, axes=0), A, B, 0),
    "einsum": (lambda a, b: np.einsum("ij,jk->ik", a, b), A, B, 60),
    "einsum, all summed": (lambda a, b: np.einsum("ij, jk ->", a, b, optimize=True), A, B, 60),
    "einsum value by value": (lambda a, b: np.einsum("ij,ij->ij", a, b), A, A, 0),
    "einsum of one": (lambda a, b: np.einsum("ij->ji", a), A, A, 0),
    "value by value": (lambda a, b: (a * b + a / b - np.maximum(a, b)) ** 2, A, A, 0),
    "all pairs": (np.multiply.outer, np.ones(3), np.ones(5), 0),
    "of what became of it": (
        lambda a, b: np.concatenate([a[1:].T, b[:, :1]], 1).reshape(2, 6) @ np.ones((6, 2)),
        A,
        B,
        24,
    ),
    "what a product is made into": (lambda a, b: (a @ b).swapaxes(0, 1) @ np.ones((4, 2)), A, B, 60 + 40),
    "written into another array": (lambda a, b: np.copysign(np.exp(a), a).astype("f4") @ b.astype("f4"), A, B, 60),
}


@pytest.mark.parametrize(("compute", "a", "b", "macs"), PRODUCTS.values(), ids=PRODUCTS)
def test_products_are_counted(compute: Callable[[Any, Any], Any], a: Array, b: Array, macs: int) -> None:
    """By the shapes of the operands, and the result is what it is without anybody watching."""
    tally = Tally()
    seen = compute(watched(a, tally), b)
    np.testing.assert_array_equal(np.asarray(seen), compute(a, b))
    assert (tally.macs, tally.unknown) == (macs, [])


@pytest.mark.parametrize("compute", [np.matmul, np.dot, np.inner, np.vdot, lambda a, b: np.einsum("ij,jk->k", a, b)])
def test_it_is_enough_to_watch_one_operand(compute: Callable[[Any, Any], Any]) -> None:
    first, second = Tally(), Tally()
    square = np.ones((3, 3))
    compute(watched(square, first), square)
    compute(square, watched(square, second))
    assert first.macs == second.macs > 0


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: np.convolve(x[0], x[1]),
        lambda x: np.linalg.multi_dot([x, x.T, x]),
        lambda x: np.einsum("...j,jk->...k", x, x.T),
        lambda x: np.einsum(x, [0, 1], x, [2, 1], [0, 2]),
    ],
    ids=["convolve", "multi_dot", "einsum with dots", "einsum by numbers"],
)
def test_what_is_not_known_is_told(compute: Callable[[Any], Any]) -> None:
    tally = Tally()
    compute(watched(A, tally))
    assert tally.macs == 0
    assert len(tally.unknown) == 1


@each(sample for sample in SAMPLES if sample.op.keyword != "input")
def test_every_kernel_makes_the_products_that_are_stated(case: Sample) -> None:
    """Of one sample, with nothing in it that the instruments do not know; its result does not change."""
    inputs, weights = random_arguments(case, 1)
    tally, rule = Tally(), RULES[case.op.keyword]
    seen = rule(case.op, [watched(x, tally) for x in inputs], {k: watched(w, tally) for k, w in weights.items()})
    np.testing.assert_array_equal(np.asarray(seen), rule(case.op, inputs, weights))
    assert (tally.macs, tally.unknown) == (case.op.work(case.inputs, case.op.output(case.inputs)).macs, [])


def test_the_allocator_tells_what_arrays_hold() -> None:
    """To the byte, views for nothing, and nothing any more once they are gone; small arrays and large ones."""
    kept = np.zeros(1000)
    with tracing() as allocator:
        assert allocator.taken() == 0
        arrays = [np.zeros(size, "float32") for size in (1, 300, 50_000)]
        views = [array[:1] for array in arrays]
        assert allocator.taken() == 4 * 50_301
        del arrays
        assert allocator.taken() == 4 * 50_301
        del views[2]
        assert allocator.taken() == 4 * 301
        views.clear()
        assert allocator.taken() == 0
    assert kept.nbytes == 8000
