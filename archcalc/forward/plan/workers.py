"""Threads that run prepared calls side by side, phase by phase.

numpy gives up the interpreter lock inside its loops and matrix products, so threads that mostly call numpy run at the
same time. What they wait for at the end of a phase is a counter of the others: waiting on a lock would take several
times as long as most phases are apart (30 µs against 2 to 10 on the machine it was measured on), so they look at the
counter again and again, giving way to others between two looks, and after a while they sleep between looks.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

Call = Callable[[], Any]
"""A numpy function with all its arguments bound, outputs too."""

Phase = tuple[list[Call], ...]
"""The calls of each thread; none of them waits for another within the phase."""

_give_way: Callable[[], Any] = getattr(os, "sched_yield", lambda: time.sleep(0))
_LOOKS = 20_000  # about 10 ms of looking; then the others are busy with something long, or the cores are
_NAP = 50e-6


class _Stop(Exception):  # noqa: N818 - it ends a run and reports nothing
    """Another thread failed, or the run was interrupted."""


class Team:
    """Runs phases on several threads, the caller's being the first. It is used by one caller at a time."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._counters = [0] * threads
        self._broken = False
        # BLAS would start threads of its own in each of ours.
        self._blas = ThreadpoolController()

    def run(self, phases: Sequence[Phase], seconds: list[float] | None = None) -> None:
        """Runs all phases; `seconds`, if given, becomes how long each took."""
        with self._blas.limit(limits=1, user_api="blas"), np.errstate(all="ignore"):
            if self._threads == 1:
                _alone(phases, seconds)
                return
            self._counters, self._broken = [0] * self._threads, False
            failures: list[BaseException] = []
            others = [
                threading.Thread(target=self._other, args=(me, phases, failures), daemon=True)
                for me in range(1, self._threads)
            ]
            for other in others:
                other.start()
            try:
                self._work(0, phases, seconds)
            except _Stop:
                pass
            except BaseException:
                self._broken = True
                raise
            finally:
                for other in others:
                    other.join()
            if failures:
                raise failures[0]

    def _other(self, me: int, phases: Sequence[Phase], failures: list[BaseException]) -> None:
        try:
            with np.errstate(all="ignore"):
                self._work(me, phases, None)
        except _Stop:
            pass
        except BaseException as failure:
            failures.append(failure)
            self._broken = True

    def _work(self, me: int, phases: Sequence[Phase], seconds: list[float] | None) -> None:
        counters, give_way = self._counters, _give_way
        others = [other for other in range(self._threads) if other != me]
        began = time.perf_counter()
        for done, phase in enumerate(phases, start=1):
            for call in phase[me]:
                call()
            counters[me] = done
            for other in others:
                looks = 0
                while counters[other] < done:
                    if self._broken:
                        raise _Stop
                    give_way()
                    looks += 1
                    if looks > _LOOKS:
                        time.sleep(_NAP)
            if seconds is not None:
                now = time.perf_counter()
                seconds.append(now - began)
                began = now


def _alone(phases: Sequence[Phase], seconds: list[float] | None) -> None:
    began = time.perf_counter()
    for (calls,) in phases:
        for call in calls:
            call()
        if seconds is not None:
            now = time.perf_counter()
            seconds.append(now - began)
            began = now
