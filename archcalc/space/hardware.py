"""The catalogue of processors, and files like its own: what a network may be held against.

archcalc: 1
name: t4
title: NVIDIA T4
kind: gpu                                          # cpu, gpu, phone or microcontroller
peak: {float32: 8.1T, float16: 65T, int8: 130T}    # operations a second; a multiply-accumulate is two
bandwidth: 320GB                                   # bytes a second
memory: 16GB                                       # or sram and flash
source: NVIDIA T4 datasheet (2019)
"""

import os
import re
from fractions import Fraction
from typing import Any

from archcalc.analysis.memory import DTYPES
from archcalc.analysis.roofline import Hardware
from archcalc.errors import Problem, Problems, Source, Span, SpecError, UsageError, did_you_mean, printable
from archcalc.space.amounts import BYTES, COUNTS, NUMBER, exact
from archcalc.spec import zoo
from archcalc.spec.tree import Mapping, Scalar, Tree, describe, read_tree

KINDS = ("cpu", "gpu", "phone", "microcontroller")
_TEXTS = ("name", "title", "kind", "source", "note")
_SIZES = ("bandwidth", "memory", "sram", "flash")
_KEYS = ("archcalc", *_TEXTS[:3], "peak", *_SIZES, *_TEXTS[3:])
_REQUIRED = ("name", "kind", "peak", "bandwidth", "source")
_AMOUNT = re.compile(rf"\s*({NUMBER})\s*([A-Za-z]*)\s*\Z")


def folder() -> str:
    return os.path.join(zoo.specs_folder(), "hardware")


def names() -> list[str]:
    """The names of all processors in the catalogue."""
    return sorted(entry.name[:-5] for entry in os.scandir(folder()) if entry.name.endswith(".yaml"))


def read_hardware(name: str) -> Hardware:
    """A processor by its name in the catalogue, or from a `.yaml` file. Raises UsageError and SpecError."""
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        return parse(zoo.find(name))
    if name not in names():
        hint = did_you_mean(name, names()) or "a name of the catalogue, or a .yaml file"
        raise UsageError(Problem(f"there is no processor '{printable(name, 60)}' in the catalogue", None, hint))
    return parse(zoo.find(os.path.join(folder(), f"{name}.yaml")))


def parse(source: Source) -> Hardware:
    """The processor that a text describes. Raises SpecError with everything that is wrong."""
    tree = read_tree(source)
    if not isinstance(tree, Mapping):
        raise SpecError(Problem(f"a processor is a mapping, this is {describe(tree)}", tree.span))
    problems = Problems()
    for key in tree.entries:
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS)
            problems.append(Problem(f"a processor has no '{printable(key, 40)}'", tree.keys[key], hint))
    for key in _REQUIRED:
        if key not in tree.entries:
            problems.append(Problem(f"a processor needs '{key}'", tree.span))
    version = tree.entries.get("archcalc")
    if not isinstance(version, Scalar) or version.value != 1:
        problems.append(Problem("'archcalc: 1' is missing: the version of the language", tree.span))
    texts = {key: _text(key, tree.entries[key], problems) for key in _TEXTS if key in tree.entries}
    sizes = {key: _amount(key, tree.entries[key], BYTES, problems) for key in _SIZES if key in tree.entries}
    peak = _peak(tree.entries.get("peak"), problems)
    if problems:
        raise SpecError(problems)
    found: dict[str, Any] = {**texts, **sizes, "peak": peak}
    return Hardware(**{"title": texts["name"], **found})


def _text(key: str, tree: Tree, problems: Problems) -> str:
    value = tree.value if isinstance(tree, Scalar) else None
    if not isinstance(value, str) or not value.strip():
        problems.append(Problem(f"{key} is a text", tree.span, f"this is {describe(tree)}"))
        return ""
    if key == "kind" and value not in KINDS:
        hint = did_you_mean(value, KINDS)
        problems.append(Problem(f"kind is one of {', '.join(KINDS)}", tree.span, hint))
    return value


def _peak(tree: Tree | None, problems: Problems) -> dict[str, int]:
    if tree is None:
        return {}
    if not isinstance(tree, Mapping) or not tree.entries:
        problems.append(Problem(f"peak maps data types to operations a second, this is {describe(tree)}", tree.span))
        return {}
    found = {}
    for dtype, value in tree.entries.items():
        if dtype not in DTYPES:
            hint = did_you_mean(dtype, DTYPES)
            problems.append(Problem(f"there is no data type '{printable(dtype, 40)}'", tree.keys[dtype], hint))
        else:
            found[dtype] = _amount(dtype, value, COUNTS, problems)
    return found


def _amount(key: str, tree: Tree, units: dict[str, int], problems: Problems) -> int:
    """A whole number above 0 with a unit; bytes, or operations without one."""
    value = tree.value if isinstance(tree, Scalar) and not isinstance(tree.value, bool) else None
    match = _AMOUNT.match(str(value)) if isinstance(value, (str, int, float)) else None
    such = "such as 8.1T or 432M" if units is COUNTS else "such as 320GB or 1MiB"
    if match is None or (match[2] and match[2] not in units) or len(str(value)) > 40:
        problems.append(Problem(f"{key} is a number with a unit, this is {describe(tree)}", tree.span, such))
        return 0
    number = _whole(match[1], match[2], tree.span, problems)
    if number <= 0 or number.denominator != 1:
        problems.append(Problem(f"{key} is a whole number above 0", tree.span, such))
    return int(number)


def _whole(number: str, unit: str, span: Span, problems: Problems) -> "Fraction | int":
    try:
        return exact(number, unit)
    except ValueError as error:
        problems.append(Problem(str(error), span))
        return 1
