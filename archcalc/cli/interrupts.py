"""Ctrl-C that does not wait: for commands that may be in the middle of one long call of a library."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE = 0.5  # seconds for the ordinary way: an exception, which threads are told of and files are cleaned up by


@contextmanager
def prompt_interrupts(restore: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Within, an interrupt ends the process with 130 half a second later, if the ordinary way has not by then.

    Python raises KeyboardInterrupt behind the call that is running, and a matrix product may run for long. But the
    signal is written to a socket at once, where a thread is waiting for it. It calls `restore` before the end. Off the
    main thread, where there are no signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    left = threading.Event()
    watcher = threading.Thread(target=_watch, args=(ours, left, restore), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(before)
        theirs.close()
        watcher.join()
        ours.close()


def _watch(signals: socket.socket, left: threading.Event, restore: Callable[[], object]) -> None:
    while numbers := signals.recv(64):
        if signal.SIGINT in numbers and not left.wait(_PATIENCE):
            restore()
            os._exit(130)
