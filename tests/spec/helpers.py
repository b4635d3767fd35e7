"""What the tests of specs share: texts, what is wrong with them, and bounds on time and memory."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from archcalc.errors import ArchcalcError, Problem
from archcalc.network import Network, loads

SECONDS = 20.0  # of the processor: some take 4.5 on a slow machine, and what explodes takes for ever
NEW_MEMORY = 300 * 2**20
ROOM = 2 * 2**30  # what a body may ask for before it is refused, so that the machine survives a failing test


def spec(layers: str, before: str = "") -> str:
    """The text of a spec with these layers; `before` are further top-level keys."""
    head = "archcalc: 1\nname: tiny\ninput: [8, 32, 32]\n"
    return f"{head}{dedent(before)}layers:\n{indent(dedent(layers), '  ')}"


def build(layers: str, before: str = "", **options: Any) -> Network:
    return loads(spec(layers, before), **options)


def names(network: Network) -> list[str]:
    """The names of all layers but the input."""
    return [node.name for node in network.graph.nodes[1:]]


def reads(network: Network) -> dict[str, list[str]]:
    """Which layers each layer reads, by name."""
    nodes = network.graph.nodes
    return {node.name: [nodes[producer].name for producer in node.inputs] for node in nodes[1:]}


def refused(text: str, **options: Any) -> tuple[Problem, ...]:
    """What is wrong with a text; fails if nothing is."""
    with pytest.raises(ArchcalcError) as caught:
        loads(text, **options)
    return caught.value.problems


def said(text: str) -> str:
    """The error of a text as users see it; empty if there is none."""
    try:
        loads(text)
    except ArchcalcError as error:
        return str(error)
    return ""


def messages(layers: str, before: str = "", **options: Any) -> list[str]:
    return [problem.message for problem in refused(spec(layers, before), **options)]


def marked(problem: Problem) -> str:
    """The text that a problem points at; empty for one without a place."""
    span = problem.span
    if span is None:
        return ""
    return span.source.text.split("\n")[span.line - 1][span.column - 1 :][: span.width]


class _TimeIsUp(BaseException):
    """Not an Exception: nobody is to catch it on the way."""


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Fails a body that takes longer, or more than `NEW_MEMORY`: no text may stop a machine."""
    if sys.platform != "linux":  # neither timers nor limits of memory work alike elsewhere
        yield
        return
    import resource

    def stop(*_: object) -> None:
        raise _TimeIsUp

    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before = signal.signal(signal.SIGPROF, stop)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM, limits[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    in_time = True
    try:
        yield
    except _TimeIsUp:
        in_time = False  # its own traceback, from the middle of anywhere, is more than pytest can show
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGPROF, before)
    if not in_time:
        raise AssertionError(f"not done after {seconds} seconds") from None
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most) * 1024
    assert taken < NEW_MEMORY, f"took {taken / 2**20:.0f} MiB"
