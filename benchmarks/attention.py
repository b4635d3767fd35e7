"""Attention without projections: the plan, head by head, against the plain kernel, in the same run.

    python benchmarks/attention.py

12 heads of 64 features in float32 on one thread: the best of several passes of each, taken in turn, and their ratio.
"""

import time
from collections.abc import Callable

import numpy as np
from inputs import Array
from threadpoolctl import threadpool_limits

from archcalc import ops
from archcalc.forward.kernels.product import scaled_dot_product_attention
from archcalc.forward.plan import compile_plan
from archcalc.graph import Graph, Node
from archcalc.infer import infer

PASSES = 12


def seconds(call: Callable[[], Array]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    print(f"{'tokens':>6} {'kernel ms':>10} {'plan ms':>10} {'ratio':>6}")
    for tokens in (50, 197, 577, 1024):
        shape = (12, tokens, 64)
        sources = [Node(name, ops.Input(shape)) for name in ("query", "key", "value")]
        mixed = Node("mixed", ops.ScaledDotProductAttention(), (0, 1, 2))
        plan = compile_plan(infer(Graph("attention", (*sources, mixed))), {}, 1, 1)
        rng = np.random.default_rng(0)
        query, key, value = (rng.standard_normal((1, *shape), dtype=np.float32) for _ in sources)
        ways = (
            (lambda q=query, k=key, v=value: scaled_dot_product_attention(q, k, v)),
            (lambda p=plan, q=query, k=key, v=value: p(q, k, v)),
        )
        with threadpool_limits(1, user_api="blas"):
            kernel, planned = (min(times) for times in zip(*(map(seconds, ways) for _ in range(PASSES)), strict=True))
        print(f"{tokens:>6} {kernel * 1e3:>10.2f} {planned * 1e3:>10.2f} {kernel / planned:>6.2f}")


if __name__ == "__main__":
    main()
