"""What all tests share."""

import ast
import math
import operator
import os
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import hypothesis
import pytest
import simpleeval

# A busy machine is no failure, and what was found once is found again by the next run.
hypothesis.settings.register_profile("archcalc", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("archcalc")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors: many tests wait for commands that they start."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def evaluate() -> Callable[[str], int]:
    """Works a printed computation out again: `(227 − 11 + 2·0)//4 + 1` is 55."""
    python = str.maketrans({"−": "-", "·": "*", "⌈": "ceil(", "⌉": ")"})
    functions: dict[str, Any] = {"ceil": math.ceil, "max": max, "min": min, "gcd": math.gcd}
    # `/` is the exact quotient under ⌈ ⌉. Numbers may be large; simpleeval would bound products.
    operators = simpleeval.DEFAULT_OPERATORS | {ast.Div: Fraction, ast.Mult: operator.mul}

    def worked_out(text: str) -> int:
        digits = re.sub(r"(?<=\d),(?=\d{3})", "", text)
        return simpleeval.simple_eval(digits.translate(python), operators=operators, functions=functions)

    return worked_out
