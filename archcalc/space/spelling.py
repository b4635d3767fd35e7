"""Options in errors, written as who asked writes them."""

from collections.abc import Callable

Spelling = Callable[[str, str], str]
"""How who asked writes an option, by its name and value or ""."""


def as_option(name: str, value: str = "") -> str:
    """As on the command line: `--model train`."""
    return f"--{name} {value}".rstrip()


def as_keyword(name: str, value: str = "") -> str:
    """As in Python: `model=train`; `fold` is given as `no-fold`."""
    return f"{name}={value}" if value else name.removeprefix("no-")
