"""Explanation → text: an answer, and under it the steps that lead there, one line a formula."""

import re

from archcalc.analysis.explain import Explanation, Section, Step
from archcalc.numbers import grouped
from archcalc.views.table import Column, Row, Table

_INDENT = 2
_LABEL = 24


def lines(explanation: Explanation, conventions: str, width: int) -> list[tuple[str, str]]:
    """Lines of text, each with what it is: `title`, `note`, `answer` or `step`."""
    found = [*(("title", line) for line in _broken(explanation.title, width)), ("note", conventions)]
    for section in explanation.sections:
        answer = _broken(f"{section.title}: {section.result}", width)
        found += [("step", ""), *(("answer", line) for line in answer)]
        label = min(_LABEL, max(len(step.label) for step in section.steps) if section.steps else 0)
        for step in section.steps:
            found += [("step", line) for line in _step_lines(step, label, width)]
    if explanation.notes:
        found += [("step", ""), *(("note", line) for note in explanation.notes for line in _broken(f"• {note}", width))]
    return found


def result_text(step: Step) -> str:
    result = grouped(step.result) if isinstance(step.result, int) else step.result
    return f"{result} {step.unit}".rstrip()


def _step_lines(step: Step, label: int, width: int) -> list[str]:
    """The name of a number, then its formula, the values and the result, each behind an equals sign on its own line."""
    sides = [side for side in (step.formula, step.values, result_text(step)) if side]
    start = " " * _INDENT + step.label.ljust(label)
    if len(step.label) > label:
        start = " " * _INDENT + step.label + "\n" + " " * (_INDENT + label)
    behind = " " * (_INDENT + label)
    if len(sides) == 2 and len(behind) + len(sides[0]) + len(sides[1]) + 6 <= width:
        sides = [f"{sides[0]} = {sides[1]}"]
    texts: list[str] = []
    for index, side in enumerate(sides):
        sign = "  " if index == 0 else "  = "
        hang = behind + "    "
        wrapped = _broken(side, max(20, width - len(hang)))
        texts.append((start if index == 0 else behind) + sign + wrapped[0])
        texts += [hang + line for line in wrapped[1:]]
    return "\n".join(texts).split("\n")


def _broken(text: str, width: int) -> list[str]:
    """A text in lines of at most `width`, broken at blanks or behind a multiplication sign."""
    lines, line = [], ""
    for piece in re.findall(r"[^\s·]*·|[^\s·]+\s*|\s+", text):
        if line and len((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()]


def table(explanation: Explanation, conventions: str) -> Table:
    """The same steps as a table, for formats that are tables."""
    columns = (
        Column("what", "What"),
        Column("formula", "Formula"),
        Column("values", "With the values"),
        Column("result", "Result"),
    )
    rows = [row for section in explanation.sections for row in _rows(section)]
    return Table(explanation.title, conventions, columns, tuple(rows), notes=explanation.notes)


def _rows(section: Section) -> list[Row]:
    head = Row((section.title, "", "", section.result), style="total")
    return [head, *(Row((step.label, step.formula, step.values, result_text(step)), 1) for step in section.steps)]
