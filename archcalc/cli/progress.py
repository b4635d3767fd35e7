"""A bar that shows how far a long command has come: on a terminal only, and only if there is something to wait for."""

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_WAIT = 1.0  # seconds that nobody minds
_BETWEEN = 0.1  # seconds from one drawing to the next


class Bar:
    """Called with how much is done, from 0 to 1. It draws to stderr, and leaves nothing behind.

    With a `total` it says how many of them are done in a second.
    """

    def __init__(self, text: str, total: int = 0) -> None:
        self._text = text
        self._total = total
        self._first: tuple[float, float] | None = None
        self._next = time.monotonic() + _WAIT if sys.stderr is not None and sys.stderr.isatty() else float("inf")
        self._shown: Progress | None = None

    def __call__(self, share: float) -> None:
        self._first = self._first or (time.monotonic(), share)
        if time.monotonic() < self._next:
            return
        if self._shown is None:
            self._shown = _progress()
            self._task = self._shown.add_task(self._text, total=1.0)
            self._shown.start()
        self._shown.update(self._task, completed=share, description=self._text + self._rate(share))
        self._shown.refresh()
        self._next = time.monotonic() + _BETWEEN

    def _rate(self, share: float) -> str:
        """How many a second, since the first word of how much is done."""
        if not self._total or self._first is None:
            return ""
        seconds = time.monotonic() - self._first[0]
        return f" {(share - self._first[1]) * self._total / max(seconds, 1e-9):,.0f}/s"

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.stop()

    def abandon(self) -> None:
        """Leave a usable line and a cursor, in a hurry and from another thread."""
        if self._shown is not None:
            os.write(sys.stderr.fileno(), b"\r\x1b[K\x1b[?25h")

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _progress() -> "Progress":
    """Drawn when we say so: a thread of its own would take time from what it shows."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
