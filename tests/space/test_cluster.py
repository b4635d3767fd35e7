"""Chunks on a cluster: a real one of processes, one of which is killed in the middle."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.running import run

import archcalc
from archcalc.space.cluster import chunks_on, client_of
from archcalc.space.sweep import Chunk, Sweep

distributed = pytest.importorskip("distributed", reason="dask.distributed is the cluster")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
GRID = {"width_per_group": range(32, 96), "input": range(64, 96), "groups": [1, 3, 5]}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two processes that begin anew when they die."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


def same(chunks: list[Chunk], others: list[Chunk]) -> None:
    """Row for row, number for number, reason for reason."""
    assert len(chunks) == len(others)
    for one, other in zip(chunks, others, strict=True):
        assert (one.number, one.count, one.excluded) == (other.number, other.count, other.excluded)
        assert one.rows.numbers.tolist() == other.rows.numbers.tolist()
        for key, column in one.rows.columns.items():
            assert column.tolist() == other.rows.columns[key].tolist()
            assert column.dtype == other.rows.columns[key].dtype
        assert [(found.rows, found.settings, found.problems) for found in one.impossible] == [
            (found.rows, found.settings, found.problems) for found in other.impossible
        ]


def test_rows_are_those_of_one_process(client: Any) -> None:
    sweep: Sweep = archcalc.sweep("resnext50_32x4d", GRID, where="params < 40M", chunk=700)
    here = list(sweep)
    same(list(chunks_on(client, sweep, range(len(sweep.chunks)))), here)
    same(list(chunks_on(client, sweep, range(3, 6))), here[3:6])
    small: Sweep = archcalc.sweep("squeezenet1_1", {"input": range(1, 40)}, chunk=9)
    assert sum(len(chunk.impossible) for chunk in small) > 2
    same(list(chunks_on(client, small, range(len(small.chunks)))), list(small))


def test_a_killed_worker_loses_nothing(client: Any) -> None:
    """kill -9 while chunks are out: they are worked out by the other one, and all arrive once and in order."""
    sweep: Sweep = archcalc.sweep("resnet50", GRID, chunk=300)
    workers = {name: info["pid"] for name, info in _pids(client).items()}
    victim = next(iter(workers.values()))
    killed = threading.Event()
    found = []
    for chunk in chunks_on(client, sweep, range(len(sweep.chunks))):
        found.append(chunk)
        if len(found) == 3:
            os.kill(victim, signal.SIGKILL)
            killed.set()
    assert killed.is_set()
    deadline = time.monotonic() + 10
    while victim in {info["pid"] for info in _pids(client).values()} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert victim not in {info["pid"] for info in _pids(client).values()}
    same(found, list(sweep))


def _pids(client: Any) -> dict[str, dict[str, int]]:
    return {name: {"pid": pid} for name, pid in client.run(os.getpid).items()}


def test_the_command_line_uses_a_cluster(client: Any, tmp_path: Path) -> None:
    """By the address of its scheduler; the files are byte by byte those of a run without it."""
    sweep = ("sweep", "lenet5", "--set", "classes=1:40", "--set", "input=32:40", "--chunk", "100")
    address = client.scheduler.address
    assert run(*sweep, "-o", str(tmp_path / "here.csv")).code == 0
    result = run(*sweep, "-o", str(tmp_path / "there.csv"), "--dask", address)
    assert (result.code, result.out) == (0, "")
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert run(*sweep, "--top", "3", "--dask", address).out == run(*sweep, "--top", "3").out


def test_errors_of_workers_are_those_of_one_process(client: Any) -> None:
    """Whatever is raised there arrives here whole, with all its problems."""
    problems = [archcalc.errors.Problem("one"), archcalc.errors.Problem("two", None, "a hint")]

    def fail() -> None:
        raise archcalc.UsageError(problems)

    with pytest.raises(archcalc.UsageError) as error:
        client.submit(fail, pure=False).result()
    assert list(error.value.problems) == problems


def test_addresses_that_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archcalc.space.cluster._PATIENCE", "1s")
    for address in ("tcp://127.0.0.1:9", "nowhere at all"):
        with pytest.raises(archcalc.UsageError, match="there is no cluster at"), client_of(address):
            pass
