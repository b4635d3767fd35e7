"""Documentation runs: every console block, every reference page, every example in Python."""

import doctest
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from archcalc.cli.main import COMMANDS
from archcalc.ops import OPS

ROOT = Path(__file__).parents[2]


def _writer() -> ModuleType:
    """docs/write.py, which is a script and not part of a package."""
    spec = importlib.util.spec_from_file_location("docs_write", ROOT / "docs/write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_show_what_the_code_does() -> None:
    """Console blocks hold the real output, reference pages the real docstrings and help: `make docs` writes them."""
    for path, text in _writer().pages().items():
        assert path.read_text("utf-8").splitlines() == text.splitlines(), f"{path.name}: run `make docs`"


def test_console_blocks_are_there_and_print_something() -> None:
    """The README answers the lecture's questions by commands; none of them fails silently."""
    blocks = list(_writer()._BLOCK.finditer((ROOT / "README.md").read_text("utf-8")))
    assert len(blocks) >= 8
    assert all(block["output"].strip() for block in blocks)


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda path: path.stem)
def test_python_examples(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples with a prompt give what stands under them, at the root of the repository."""
    monkeypatch.chdir(ROOT)
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


def test_library_page_has_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert doctest.testfile(str(ROOT / "docs/library.md"), module_relative=False, encoding="utf-8").attempted >= 6


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"## archcalc {command}\n" in (ROOT / "docs/commands.md").read_text("utf-8")


@pytest.mark.parametrize("keyword", sorted(set(OPS) - {"input"}))
def test_every_operator_is_documented(keyword: str) -> None:
    assert f"## {keyword}\n" in (ROOT / "docs/operators.md").read_text("utf-8")


def test_links_lead_somewhere() -> None:
    """Every relative link of README, CONTRIBUTING and docs names a file that is there."""
    import re

    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
