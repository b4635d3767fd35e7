"""Chunks of a sweep on the workers of a dask.distributed cluster, started here or reached by its address."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from archcalc.errors import Problem, UsageError, printable
from archcalc.extras import need
from archcalc.space.sweep import Chunk, Sweep

LOCAL = "local"
_AHEAD = 3  # chunks that are handed out for each worker: it never waits, and memory does not grow with their number
_PATIENCE = "20s"


@contextmanager
def client_of(address: str) -> Iterator[Any]:
    """A client of the cluster at an address, or of one of processes on this machine (`local`). Raises UsageError."""
    distributed = need("distributed", "dask[distributed]", "dask", "--dask")
    if address == LOCAL:
        with (
            distributed.LocalCluster(threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(address, timeout=_PATIENCE)
    except (OSError, ValueError, TimeoutError) as error:
        message = f"there is no cluster at '{printable(address, 100)}'"
        hint = printable(str(error), 100) or "local, or the address of a scheduler: tcp://host:8786"
        raise UsageError(Problem(message, None, hint)) from None
    with client:
        yield client


def chunks_on(client: Any, sweep: Sweep, numbers: Sequence[int]) -> Iterator[Chunk]:
    """The chunks of these numbers, in their order, as `Sweep.chunk` gives them.

    A chunk whose worker dies is worked out by another. Raises UsageError where workers keep dying.
    """
    from distributed.scheduler import KilledWorker

    pending: deque[Any] = deque()
    ahead = _AHEAD * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
    left = iter(numbers)
    try:
        while True:
            for number in left:
                pending.append(client.submit(_chunk, sweep, number, pure=False, retries=2))
                if len(pending) >= ahead:
                    break
            if not pending:
                return
            yield pending.popleft().result()
    except KilledWorker as error:
        message = "workers of the cluster keep dying"
        raise UsageError(Problem(message, None, printable(str(error), 200))) from None
    finally:
        client.cancel(list(pending))


def _chunk(sweep: Sweep, number: int) -> Chunk:
    return sweep.chunk(number)
