"""Plain data → JSON text, indented for people."""

from typing import Any

import msgspec


def render(document: Any) -> str:
    """The document with two spaces a level and a last newline."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def plain(result: msgspec.Struct) -> dict[str, Any]:
    """A frozen result as plain data."""
    found: dict[str, Any] = msgspec.to_builtins(result)
    return found
