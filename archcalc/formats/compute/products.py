"""Matrix products."""

from collections.abc import Callable

import numpy as np

from archcalc.errors import Problem, UsageError
from archcalc.formats.compute.call import Call
from archcalc.forward.kernels import Array, product


def matmul(call: Call, a: Array, b: Array) -> Array:
    """(…, m, k) and (…, k, n) give (…, m, n); leading axes are stretched, vectors are rows or columns."""
    if a.ndim and b.ndim:
        rows, columns = a.shape[:-1][-1:], b.shape[-1:] if b.ndim > 1 else ()
        call.room((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *rows, *columns), a.dtype)
    return np.asarray(product.matmul(a, b))


def gemm(call: Call, a: Array, b: Array, c: Array | None = None) -> Array:
    """alpha·A·B + beta·C, A and B turned over where asked for; C is stretched."""
    a = a.T if call.get("transA", 0) else a
    b = b if call.get("transB", 0) else b.T
    if a.ndim != 2 or b.ndim != 2:
        raise UsageError(Problem("Gemm of what is no matrix"))
    call.room((len(a), len(b)), a.dtype)
    y: Array = product.linear(a, b, None) * call.get("alpha", 1.0)
    return np.asarray(y if c is None else y + c * call.get("beta", 1.0)).astype(a.dtype, copy=False)


OPERATORS: dict[str, Callable[..., Array]] = {"Gemm": gemm, "MatMul": matmul}
