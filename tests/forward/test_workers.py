"""Workers side by side: in step with each other, and gone when they should be."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from archcalc.forward.kernels import Array
from archcalc.forward.plan.processes import Processes, shared_bytes
from archcalc.forward.plan.workers import Phase, Team, Threads, best_kind

KINDS = pytest.mark.parametrize(
    "kind", [Threads, pytest.param(Processes, marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork"))]
)
Make = Callable[[list[Phase], int], Team]


def numbers(count: int) -> Array:
    """Zeros that all workers see."""
    return shared_bytes(8 * count).view(np.int64)


def step(cells: Array, to: int, since: int) -> None:
    cells[to] = cells[since] + 1


def chained(cells: Array, count: int, rounds: int) -> list[Phase]:
    """In each phase every worker writes one more than its neighbour wrote in the phase before."""
    return [
        tuple([partial(step, cells, (turn + 1) * count + me, turn * count + (me + 1) % count)] for me in range(count))
        for turn in range(rounds)
    ]


@KINDS
@pytest.mark.parametrize("count", [1, 2, 5])
def test_no_phase_begins_before_the_last_has_ended(kind: Make, count: int) -> None:
    """Each number is read by another worker than wrote it, a phase later; three runs, so that nothing is left over."""
    rounds = 400
    cells = numbers((rounds + 1) * count)
    team = kind(chained(cells, count, rounds), count)
    for start in (0, 100, 7):
        cells[:] = 0
        cells[:count] = start
        team.run()
        assert cells[-count:].tolist() == [start + rounds] * count
    team.close()


@KINDS
def test_times_every_phase(kind: Make) -> None:
    """What the caller measures are all phases, the waiting included."""
    team = kind([([], [partial(time.sleep, 0.1)]), ([], [])], 2)
    seconds: list[float] = []
    team.run(seconds)
    team.close()
    assert len(seconds) == 2
    assert seconds[0] >= 0.05
    assert seconds[1] >= 0


def fail(message: str) -> None:
    raise ArithmeticError(message)


@KINDS
@pytest.mark.parametrize("guilty", [0, 1])
def test_a_failure_ends_the_run(kind: Make, guilty: int) -> None:
    """Whoever fails: nobody waits for it, and it says why."""
    calls = [[partial(fail, "so it goes")] if me == guilty else [] for me in range(3)]
    team = kind([([], [], []), tuple(calls), ([], [], [])], 3)
    with pytest.raises((ArithmeticError, RuntimeError), match="so it goes"):
        team.run()
    team.close()


@KINDS
def test_an_interrupt_leaves_workers_that_can_run_again(kind: Make) -> None:
    """The caller is interrupted in the second phase; the next run is whole."""
    cells, interrupts = numbers(4), [True]

    def interrupt() -> None:
        if interrupts.pop():
            raise KeyboardInterrupt

    interrupts.insert(0, False)
    phases: list[Phase] = [
        ([interrupt], [partial(step, cells, 1, 0)]),
        ([partial(step, cells, 2, 1)], [partial(step, cells, 3, 1)]),
    ]
    team = kind(phases, 2)
    with pytest.raises(KeyboardInterrupt):
        team.run()
    cells[:] = 0
    team.run()
    team.close()
    assert cells.tolist() == [0, 1, 2, 2]


def test_an_interrupt_while_threads_are_started_leaves_none_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two threads is never started: the first must not wait for it."""
    before, start, starts = set(threading.enumerate()), threading.Thread.start, [True, False]

    def interrupted(thread: threading.Thread) -> None:
        if not starts.pop(0):
            raise KeyboardInterrupt
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Threads([([], [], [])], 3).run()
    assert set(threading.enumerate()) <= before


needs_fork = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux only")


@needs_fork
def test_a_worker_that_is_killed_is_missed() -> None:
    """The caller does not wait for ever."""
    pids = numbers(1)

    def tell() -> None:
        pids[0] = os.getpid()

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    team = Processes([([], [tell]), ([], [die]), ([], [])], 2)
    with pytest.raises(RuntimeError, match="has gone"):
        team.run()
    assert not os.path.exists(f"/proc/{pids[0]}")


@needs_fork
@pytest.mark.parametrize("how", ["closed", "forgotten"])
def test_workers_end_with_their_team(how: str) -> None:
    """No process is left behind, not even as a zombie."""
    pids = numbers(2)

    def tell(me: int) -> None:
        pids[me] = os.getpid()

    team = Processes([([], [partial(tell, 0)], [partial(tell, 1)])], 3)
    team.run()
    assert all(os.path.exists(f"/proc/{pid}") for pid in pids)
    assert os.getpid() not in pids
    if how == "closed":
        team.close()
    del team
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


ORPHAN = """
import os, sys, time
from functools import partial
from archcalc.forward.plan.processes import Processes
team = Processes([([], [partial(lambda: open(sys.argv[1], "w").write(str(os.getpid())))])], 2)
team.run()
os.kill(os.getpid(), 9)
"""


@needs_fork
def test_workers_end_when_their_parent_is_killed(tmp_path: object) -> None:
    """Within a few seconds, by themselves."""
    file = f"{tmp_path}/pid"
    subprocess.run([sys.executable, "-c", ORPHAN, file], check=False)
    with open(file) as text:
        pid = int(text.read())
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid}"):
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the worker lived on")


@needs_fork
def test_a_process_with_other_threads_is_not_forked() -> None:
    """They may hold locks that a fork would copy."""
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    kind = best_kind()
    over.set()
    other.join()
    assert kind == "threads"


@needs_fork
def test_the_caller_keeps_its_cores() -> None:
    """It keeps off those of its workers during a run only."""
    before = os.sched_getaffinity(0)
    team = Processes([([], [])], 2)
    team.run()
    assert os.sched_getaffinity(0) == before
    team.close()
