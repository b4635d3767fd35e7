"""Equations → LaTeX for a paper: aligned at their equality signs (package amsmath)."""

from collections.abc import Sequence


def render(groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    """Groups of equations, each under what is said of it as a comment: name and expression of each."""
    return "\n".join(_group(heading, lines) for heading, lines in groups)


def _group(heading: str, lines: Sequence[tuple[str, str]]) -> str:
    body = [rf"\text{{{name}}} &= {expression}" for name, expression in lines]
    aligned = " \\\\\n".join(body)
    return f"% {heading}\n\\begin{{align*}}\n{aligned}\n\\end{{align*}}\n"
