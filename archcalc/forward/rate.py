"""How fast this machine multiplies matrices: what the speed of a forward pass is measured against."""

import threading
import time

import numpy as np
from threadpoolctl import threadpool_limits

_SIZE = 512  # three float32 matrices of 1 MiB: large enough for BLAS to be at its best
_WINDOWS = 2
_SECONDS = 0.01  # a window of these takes as long


def product_rate(threads: int) -> float:
    """FLOP/s of float32 matrix products, 2·n³ each, one after the other on each of `threads` threads.

    The better of two windows of 10 ms: what else runs on the machine slows some of them down.
    """
    with threadpool_limits(1, user_api="blas"):
        return max(_window(threads) for _ in range(_WINDOWS))


def _window(threads: int) -> float:
    rates = [0.0] * threads
    start = threading.Barrier(threads)

    def work(me: int) -> None:
        a, b, product = (np.ones((_SIZE, _SIZE), np.float32) for _ in range(3))
        np.matmul(a, b, out=product)
        start.wait()
        began = now = time.perf_counter()
        done = 0
        while now - began < _SECONDS:
            np.matmul(a, b, out=product)
            done += 1
            now = time.perf_counter()
        rates[me] = 2 * _SIZE**3 * done / (now - began)

    workers = [threading.Thread(target=work, args=(me,), daemon=True) for me in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)
