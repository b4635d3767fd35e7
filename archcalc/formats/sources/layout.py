"""Lines of Python as a formatter would leave them: literals, names, and what is too long for a line."""

import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

WIDTH = 120

_OPENING, _CLOSING = "([{", ")]}"


def literal(value: Any) -> str:
    """A number, text or tuple of them as it is written in Python; infinities have no literal."""
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        parts = [literal(part) for part in value]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    return repr(value)


def quoted(text: str) -> str:
    """A text in double quotes."""
    if '"' in text:
        return repr(text)
    return f'"{repr(text)[1:-1]}"'.replace("\\'", "'")


def is_plain(name: str) -> bool:
    """Whether a text may be a name of Python."""
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


def camel(text: str) -> str:
    """`conv_bn` → `ConvBn`; empty where nothing is left of it."""
    words = re.findall("[A-Za-z0-9]+", text)
    return "".join(word[0].upper() + word[1:] for word in words)


def snake(text: str) -> str:
    """`stage0.conv-1` → `stage0_conv_1`; it may begin with a digit."""
    return "_".join(re.findall("[A-Za-z0-9]+", text))


def wrapped(line: str, margin: int) -> Iterator[str]:
    """A statement at a margin, over several lines where it is too long.

    What stands in its last brackets goes to a line of its own, or where it is too long for that, each part to one with
    a comma behind it, as black and ruff do.
    """
    whole = " " * margin + line
    begin, end = _last_brackets(line)
    if len(whole) <= WIDTH or begin < 0:
        yield whole
        return
    inner = line[begin + 1 : end]
    yield whole[: margin + begin + 1]
    parts = split(inner)
    if margin + 4 + len(inner) <= WIDTH or (len(parts) == 1 and parts[0].startswith("*")):
        yield from wrapped(inner, margin + 4)
    else:
        for part in parts:
            yield from wrapped(f"{part},", margin + 4)
    yield " " * margin + line[end:]


def listed(head: str, parts: Iterable[str], tail: str, margin: int) -> Iterator[str]:
    """Brackets with a line for each part, however short."""
    yield " " * margin + head
    for part in parts:
        yield from wrapped(f"{part},", margin + 4)
    yield " " * margin + tail


def split(text: str) -> list[str]:
    """The parts of a text between commas that stand in no brackets or quotes."""
    parts, depth, begin = [], 0, 0
    for position, character in _outside_quotes(text):
        depth += (character in _OPENING) - (character in _CLOSING)
        if character == "," and depth == 0:
            parts.append(text[begin:position].strip())
            begin = position + 1
    parts.append(text[begin:].strip())
    return [part for part in parts if part]


def _last_brackets(line: str) -> tuple[int, int]:
    """Where the last outer brackets open and close that hold anything; −1 twice if there are none.

    Of a call of what a call gives, `f(a)(b)`, they are those of the first.
    """
    depth, begin, found = 0, -1, (-1, -1)
    for position, character in _outside_quotes(line):
        if character in _OPENING:
            begin = position if depth == 0 else begin
            depth += 1
        elif character in _CLOSING:
            depth -= 1
            if depth == 0 and position > begin + 1 and line[begin - 1 : begin] != ")":
                found = begin, position
    return found


def _outside_quotes(text: str) -> Iterator[tuple[int, str]]:
    quote, escaped = "", False
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "\"'":
            quote = character
        else:
            yield position, character
