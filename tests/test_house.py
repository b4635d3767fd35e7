"""The house keeps its rules: arrows between rooms, style, types, and the size of modules."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKS = {
    "arrows": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    "style": ["-m", "ruff", "check", "archcalc", "tests", "benchmarks", "docs"],
    "format": ["-m", "ruff", "format", "--check", "archcalc", "tests", "benchmarks", "docs"],
    "types": ["-m", "mypy"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_tools_agree(check: str) -> None:
    """Import contracts, ruff and mypy (strict) find nothing."""
    done = subprocess.run([sys.executable, *CHECKS[check]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(ROOT.glob("archcalc/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_small(path: Path) -> None:
    """A module that outgrows 400 lines is to be parted first."""
    assert len(path.read_text("utf-8").splitlines()) <= 400
