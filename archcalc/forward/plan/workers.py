"""Several workers run prepared calls side by side, phase by phase.

Within a phase no worker waits for another; at its end all wait for the last. Most phases take some 50 µs, so waiting is
looking at the counters of the others again and again; sleeping on a lock would take as long as many phases.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from threadpoolctl import ThreadpoolController

Call = Callable[[], Any]
"""A numpy function with all its arguments bound, outputs too."""

Phase = tuple[list[Call], ...]
"""The calls of each worker; none of them waits for another within the phase."""

Kind = Literal["processes", "threads"]

_give_way: Callable[[], Any] = getattr(os, "sched_yield", lambda: time.sleep(0))
LOOKS = 2_000
"""Looks at a counter between two checks that all is well, and before it is looked at less often."""
_NAP = 50e-6


class Stopped(Exception):  # noqa: N818 - it ends a run and reports nothing
    """Another worker failed, or the run was interrupted."""


class Team(Protocol):
    """Workers that run the phases they were made with; the caller is the first of them."""

    def run(self, seconds: list[float] | None = None) -> None:
        """Runs all phases; `seconds`, if given, becomes how long each took."""

    def close(self) -> None:
        """Ends the workers."""


def best_kind() -> Kind:
    """Processes where they can be forked and threads would stand in each other's way.

    numpy gives up the interpreter lock inside its loops, but calls of a few µs spend more time on getting it back than
    on their work: the two threads of ResNet-50 took 0.72 of the time of one where two processes took 0.53. A process
    with other threads is not forked, they might hold a lock; nor is one on macOS, whose own BLAS does not survive it.
    """
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    return "processes" if locked and sys.platform == "linux" and threading.active_count() == 1 else "threads"


def work(
    me: int,
    phases: Sequence[Phase],
    counters: "list[int] | memoryview[int]",
    checked: Callable[[], None],
    fence: Callable[[], None],
    seconds: list[float] | None = None,
) -> None:
    """What each worker does. `checked` raises Stopped if the others will not come; `fence` orders memory."""
    give_way, others = _give_way, [other for other in range(len(counters)) if other != me]
    began = time.perf_counter()
    for done, phase in enumerate(phases, start=1):
        for call in phase[me]:
            call()
        fence()
        counters[me] = done
        for other in others:
            looks = 0
            while counters[other] < done:
                looks += 1
                if looks % LOOKS == 0:
                    checked()
                    if looks > 5 * LOOKS:
                        time.sleep(_NAP)
                give_way()
        fence()
        if seconds is not None:
            now = time.perf_counter()
            seconds.append(now - began)
            began = now


def _no_fence() -> None:
    """Threads see each other's writes in order: each of them takes the interpreter lock in between."""


class Threads:
    """Workers that are threads, started for each run."""

    def __init__(self, phases: Sequence[Phase], count: int) -> None:
        self._phases, self._count = phases, count
        # BLAS would start threads of its own in each of ours.
        self._blas = ThreadpoolController()

    def run(self, seconds: list[float] | None = None) -> None:
        with self._blas.limit(limits=1, user_api="blas"):
            counters, broken, failures = [0] * self._count, threading.Event(), list[BaseException]()

            def checked() -> None:
                if broken.is_set():
                    raise Stopped

            def other(me: int) -> None:
                try:
                    with np.errstate(all="ignore"):
                        work(me, self._phases, counters, checked, _no_fence)
                except Stopped:
                    pass
                except BaseException as failure:
                    failures.append(failure)
                    broken.set()

            others = [threading.Thread(target=other, args=(me,), daemon=True) for me in range(1, self._count)]
            try:
                for thread in others:
                    thread.start()
                with np.errstate(all="ignore"):
                    work(0, self._phases, counters, checked, _no_fence, seconds)
            except Stopped:
                pass
            except BaseException:
                broken.set()
                raise
            finally:
                for thread in others:
                    if thread.is_alive():  # an interrupt may come before all have been started
                        thread.join()
            if failures:
                raise failures[0]

    def close(self) -> None:
        """Nothing is left of a run."""
