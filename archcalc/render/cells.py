"""One cell → text: the only place where a number becomes digits and a unit."""

import math
from collections.abc import Callable
from typing import Any

from archcalc.views.table import Cell, Change, Column, Kind, Least, Marked, Range, Row

ASCII = str.maketrans(
    {
        "×": "x",
        "≥": ">=",
        "·": "*",
        "−": "-",
        "–": "-",
        "→": "->",
        "…": "~",
        "⌈": "ceil(",
        "⌉": ")",
        "⌊": "floor(",
        "⌋": ")",
        "Σ": "sum",
        "•": "*",
        "─": "-",
        **{sign: f"^{power}" for power, sign in enumerate("²³⁴⁵⁶⁷⁸⁹", start=2)},
        "✓": "*",
        "✗": "!",
        "█": "#",
        **dict.fromkeys("▉▊▋▌", "#"),
        **dict.fromkeys("▍▎▏", ""),
    }
)
"""What `--ascii`, and a terminal that has no more, writes for each sign."""


def cell_text(value: Any, kind: Kind, si: bool = False) -> str:
    """A cell as text: counts written out, amounts in K, M and G, bytes in KiB and MiB (`si`: kB and MB)."""
    if value is None:
        return ""
    if isinstance(value, Least):
        return "?" if value.bare else f"≥ {cell_text(value.value, kind, si)}"
    if isinstance(value, Range):
        return f"{cell_text(value.first, kind, si)} … {cell_text(value.last, kind, si)}"
    if isinstance(value, Cell):
        return cell_text(value.value, value.kind, si)
    if isinstance(value, Marked):
        return f"{cell_text(value.value, kind, si)} {_MARKS[value.mark]}"
    if isinstance(value, Change):
        sign = "+" if value.value > 0 else "−" if value.value < 0 else ""
        return sign + cell_text(abs(value.value), kind, si)
    if kind == "pair" and isinstance(value, tuple):
        return "×".join(dict.fromkeys(map(_number, value))) if len(set(value)) == 1 else "×".join(map(_number, value))
    if isinstance(value, tuple):
        return "×".join(map(str, value))
    if isinstance(value, str):
        return value
    if kind == "count":
        return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    if kind in _WRITTEN:
        return _WRITTEN[kind](value)
    return _amount(value) if kind == "amount" else _bytes(value, si) if kind == "bytes" else _number(value)


_MARKS = {"best": "✓", "worst": "✗", "": " "}
_BAR = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


def _bar(share: float) -> str:
    """A bar in eighths of a letter; what is there at all is seen."""
    eighths = max(round(share * _BAR * 8), share > 0)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _ratio(value: float) -> str:
    """`×0.43`, `×1.00`, `×113`: three digits."""
    return f"×{value:.2f}" if value < 99.995 else f"×{value:,.0f}"


def _number(value: Any) -> str:
    """An int or a text as it is, anything finer (half a pixel, a third of a stride) in six digits."""
    return str(value) if isinstance(value, (int, str)) else f"{float(value):.6g}"


def _measured(value: float) -> str:
    """Three digits, at most three of them behind the point, and all before it: 0.012, 1.23, 12.3, 1,234; 4.5e-06."""
    rounded = float(f"{value:.2e}")
    if rounded == 0 or not math.isfinite(rounded):
        return f"{rounded:g}"
    if abs(rounded) < 5e-4:
        return f"{value:.1e}"
    before = math.floor(math.log10(abs(rounded))) + 1
    return f"{value:,.{min(3, max(0, 3 - before))}f}"


_WRITTEN: dict[str, Callable[[Any], str]] = {
    "percent": lambda value: f"{value * 100:.1f}",
    "measured": _measured,
    "bar": _bar,
    "ratio": _ratio,
}


def _amount(value: int) -> str:
    """Three digits or more and a decimal unit: 105.4M, 15.47G; below a thousand the number itself."""
    if value < 1000:
        return str(value)
    size, unit = _in_units(value, 1000, ("K", "M", "G", "T"))
    return f"{size:.{2 if size < 99.995 else 1}f}{unit}"


def _bytes(value: int, si: bool) -> str:
    base, units = (1000, ("kB", "MB", "GB", "TB")) if si else (1024, ("KiB", "MiB", "GiB", "TiB"))
    if value < base:
        return f"{value} B"
    size, unit = _in_units(value, base, units)
    return f"{size:.{2 if size < 9.995 else 1}f} {unit}"


def _in_units(value: int, base: int, units: tuple[str, ...]) -> tuple[float, str]:
    """A number in the first unit in which it is printed below `base`: 999,999 is 1.00M and not 1000.0K."""
    size = value / base
    for unit in units[:-1]:
        if round(size, 1) < base:
            return size, unit
        size /= base
    return size, units[-1]


def row_texts(row: Row, columns: tuple[Column, ...], si: bool, indent: str = "  ") -> list[str]:
    """The cells of a row as texts, the first indented by its depth and marked with how often it is there."""
    texts = []
    for column, value in zip(columns, row.cells, strict=True):
        if column.kind == "name":
            name, kind = value
            label = indent * row.depth + (name if kind in ("", name) else f"{name} ({kind})")
            texts.append(label + (f" ×{row.times}" if row.times > 1 else ""))
        else:
            texts.append(cell_text(value, column.kind, si))
    return texts


def is_number(column: Column) -> bool:
    """Whether a column is set flush right."""
    return column.kind in ("count", "amount", "bytes", "percent", "number", "measured", "pair", "ratio")


def aligned(text: str, column: Column, width: int) -> str:
    """A cell as wide as its column."""
    return text.rjust(width) if is_number(column) else text.ljust(width)
