"""Workers that are processes, forked from the caller with everything bound; what they compute lies in shared memory."""

import contextlib
import mmap
import os
import select
import signal
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NoReturn

import numpy as np
from threadpoolctl import ThreadpoolController

from archcalc.forward.plan.tiles import Array
from archcalc.forward.plan.workers import Phase, Stopped, work

_STOP, _HEAD = 0, 1
"""Where in the shared numbers the sign to stop is; behind it a counter and the runs begun and ended of each worker."""

_ORPHANED = 1.0
"""Seconds after which an idle worker looks whether its parent is still there."""


def shared_bytes(count: int) -> Array:
    """Memory that a fork does not copy; pages that nobody touches take none."""
    return np.frombuffer(mmap.mmap(-1, max(count, 1)), np.uint8, count)


class Processes:
    """Workers that are forked when they are first needed. They end with the caller, or when they are closed."""

    def __init__(self, phases: Sequence[Phase], count: int) -> None:
        self._phases, self._count = phases, count
        self._blas = ThreadpoolController()
        self._numbers = memoryview(mmap.mmap(-1, 8 * (_HEAD + 2 * count))).cast("q")
        self._fence = threading.Lock()
        self._workers: list[_Worker] = []
        self._runs = 0
        cores = sorted(os.sched_getaffinity(0))
        self._cores = cores[1 - count :] if 1 < count <= len(cores) else []

    def run(self, seconds: list[float] | None = None) -> None:
        """Runs all phases. Raises RuntimeError, with what it says, if a worker fails or has gone."""
        counters, ended = self._counters(), self._ended()
        with self._blas.limit(limits=1, user_api="blas"), np.errstate(all="ignore"), self._on_other_cores():
            if not self._workers:
                self._fork()
            self._wait_for_all(ended)
            self._runs += 1
            self._numbers[_STOP] = 0
            for me in range(self._count):
                counters[me] = 0
            self._order()
            for worker in self._workers:
                worker.start()
            try:
                work(0, self._phases, counters, self._checked, self._order, seconds)
            except Stopped:
                self._report()
            except BaseException:
                self._numbers[_STOP] = 1
                raise

    def close(self) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []

    @contextlib.contextmanager
    def _on_other_cores(self) -> Iterator[None]:
        """The caller keeps off the cores of its workers while it runs.

        A worker is woken on the core of who wakes it, and the system takes some ms to find it another: most of a run.
        """
        before = os.sched_getaffinity(0)
        others = before.difference(self._cores)
        if others and others != before:
            os.sched_setaffinity(0, others)
        try:
            yield
        finally:
            if others and others != before:
                os.sched_setaffinity(0, before)

    def _counters(self) -> memoryview:
        return self._numbers[_HEAD : _HEAD + self._count]

    def _ended(self) -> memoryview:
        return self._numbers[_HEAD + self._count :]

    def _order(self) -> None:
        """What is written before is seen before what is written after, on processors that would swap them too."""
        with self._fence:
            pass

    def _checked(self) -> None:
        if self._numbers[_STOP] or any(worker.gone() for worker in self._workers):
            raise Stopped

    def _wait_for_all(self, ended: memoryview) -> None:
        """Workers that were stopped finish their phase first."""
        while any(ended[me] != self._runs for me in range(1, len(self._workers) + 1)):
            if any(worker.gone() for worker in self._workers):
                self._report()
            os.sched_yield()

    def _report(self) -> None:
        """Raises what a worker said before it ended."""
        said = [text for worker in self._workers if (text := worker.last_words())]
        self.close()
        raise RuntimeError("; ".join(said) or "a worker of the forward pass has gone")

    def _fork(self) -> None:
        ended = self._ended()
        for me in range(1, self._count):
            ended[me] = self._runs
            orders, gives = os.pipe()
            takes, says = os.pipe()
            with warnings.catch_warnings():
                # Other threads than those of BLAS, which stop for a fork, are excluded by who chooses processes.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                if self._cores:
                    os.sched_setaffinity(0, {self._cores[me - 1]})
                _live(partial(self._serve, me), orders, says)
            os.close(orders)
            os.close(says)
            self._workers.append(_Worker(pid, gives, takes))

    def _serve(self, me: int) -> None:
        """One run in a worker."""
        self._runs += 1
        try:
            work(me, self._phases, self._counters(), self._stopped, self._order)
        except Stopped:
            pass
        except BaseException:
            self._numbers[_STOP] = 1
            raise
        finally:
            self._ended()[me] = self._runs

    def _stopped(self) -> None:
        if self._numbers[_STOP]:
            raise Stopped


def _live(serve: Callable[[], None], orders: int, says: int) -> NoReturn:
    """The life of a worker: a run for each order, until it is told to end or its parent has gone."""
    parent = os.getppid()
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        np.seterr(all="ignore")
        while True:
            ready, _, _ = select.select([orders], [], [], _ORPHANED)
            if ready and os.read(orders, 1) == b"r":
                serve()
            elif ready or os.getppid() != parent:
                break
    except BaseException as failure:
        os.write(says, f"{type(failure).__name__}: {failure}".encode()[:4000])
    finally:
        os._exit(0)


class _Worker:
    """The caller's side of a worker."""

    def __init__(self, pid: int, gives: int, takes: int) -> None:
        self._gives, self._takes = gives, takes
        self._pid = pid
        self._end = weakref.finalize(self, _end, pid, gives, takes)

    def start(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has gone: that is found out when it is waited for
            os.write(self._gives, b"r")

    def gone(self) -> bool:
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def last_words(self) -> str:
        ready, _, _ = select.select([self._takes], [], [], 0)
        return os.read(self._takes, 4000).decode() if ready else ""

    def end(self) -> None:
        self._end()


def _end(pid: int, gives: int, takes: int) -> None:
    """Tells a worker to end, and waits until it has."""
    listens = True
    try:
        os.write(gives, b"e")
    except BrokenPipeError:
        listens = False
    os.close(gives)
    os.close(takes)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0 if listens else os.WNOHANG)
