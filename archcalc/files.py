"""Files that are whole or untouched."""

import os
import tempfile
from collections.abc import Callable
from typing import IO, Any

from archcalc.errors import Problem, UsageError, printable


def write_whole(path: str, write: Callable[[IO[bytes]], Any]) -> None:
    """Let `write` fill a file: aside first and then renamed, so that nobody ever sees half of it.

    Raises UsageError, with the reason in a line, where the place cannot be written.
    """
    try:
        _write(path, write)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(Problem(f"'{printable(path, 200)}' cannot be written: {reason}")) from None


def _write(path: str, write: Callable[[IO[bytes]], Any]) -> None:
    if os.path.exists(path) and not os.path.isfile(path):
        if os.path.isdir(path):
            raise IsADirectoryError(21, "it is a directory")
        with open(path, "wb") as device:  # /dev/stdout, a pipe: there is nothing to rename
            write(device)
        return
    target = os.path.realpath(path)
    handle, aside = tempfile.mkstemp(dir=os.path.dirname(target), prefix=f".{os.path.basename(target)}.")
    try:
        with open(handle, "wb") as file:
            write(file)
        os.chmod(aside, os.stat(target).st_mode & 0o7777 if os.path.exists(target) else 0o666 & ~_umask())
        os.replace(aside, target)
    except BaseException:
        os.unlink(aside)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
