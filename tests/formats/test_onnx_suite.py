"""ONNX's own suite of operators passes over our backend; what does not is listed, and the page says how many."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/onnx_backend.md"


def _suite() -> ModuleType:
    """benchmarks/onnx_suite.py, which is a script and not part of a package."""
    spec = importlib.util.spec_from_file_location("onnx_suite", ROOT / "benchmarks/onnx_suite.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SUITE = _suite()


@pytest.fixture(scope="module")
def outcomes() -> list[Any]:
    return [SUITE.run(case) for case in SUITE.cases()]


def test_every_case_passes_or_is_listed(outcomes: list[Any]) -> None:
    """Those that are listed fail: the list holds nothing that could be struck out."""
    wrong = {
        outcome.case.name: outcome.error or "is listed, and passes"
        for outcome in outcomes
        if bool(outcome.error) != (outcome.case.name in SUITE.LISTED)
    }
    assert not wrong


def test_listed_cases_fail_for_the_reason_given(outcomes: list[Any]) -> None:
    """They are refused in words, not computed wrongly."""
    errors = [outcome.error for outcome in outcomes if outcome.case.name in SUITE.LISTED]
    assert all("training" in error or "ONNX's type 24" in error for error in errors)


def test_every_family_is_met(outcomes: list[Any]) -> None:
    """A loader that finds nothing would pass everything: ONNX has had hundreds of these cases for years."""
    counts = SUITE.counts(outcomes)
    assert set(counts) == {*SUITE.FAMILIES, *SUITE.MODELS}
    assert sum(whole for _, whole, _ in counts.values()) > 600


def test_the_page_shows_the_counts(outcomes: list[Any]) -> None:
    """By `python benchmarks/onnx_suite.py`, with the version of ONNX that the page names: others have other cases."""
    text = PAGE.read_text("utf-8")
    version = re.search(r"onnx (\d+\.\d+\.\d+)", text)
    assert version is not None
    if version[1] != onnx.__version__:
        pytest.skip(f"the page counts the cases of onnx {version[1]}, this is {onnx.__version__}")
    assert "\n".join(SUITE.table(outcomes)) in text
    assert "\n".join(SUITE.listed()) in text


def test_a_wrong_output_is_seen() -> None:
    """The runner compares: a case whose expected values are others fails."""
    case = next(case for case in SUITE.cases() if case.name == "test_relu")
    inputs, outputs = case.data[0]
    assert SUITE.run(case).error == ""
    assert SUITE.run(case._replace(data=[(inputs, [outputs[0] + 1])])).error
    assert SUITE.run(case._replace(data=[(inputs, [outputs[0].astype("float64")])])).error
