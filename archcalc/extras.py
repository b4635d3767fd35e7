"""Packages that not every installation has: imported where they are used, and one line where they are missing."""

import importlib
from types import ModuleType

from archcalc.errors import Problem, UsageError


def need(module: str, package: str, extra: str, what: str) -> ModuleType:
    """A module of an optional package. Raises UsageError where it is missing, with the command that installs it.

    `extra` is the name under which pyproject.toml has the package, `what` what it is needed for.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        message = f"{what} needs the package {package}, which is not installed"
        raise UsageError(Problem(message, None, f"pip install 'archcalc[{extra}]'")) from None
