"""What a spec says about running its network: `weights`, `preprocess` and `labels`. Nothing here opens a file."""

import os

from archcalc.errors import Problem, Problems, Source, did_you_mean
from archcalc.spec.model import Preprocess
from archcalc.spec.tree import Mapping, Scalar, Sequence, Tree, describe, plain

PREPROCESS = ("mode", "invert", "resize", "crop", "divide", "mean", "std")
CHANNELS = {"RGB": 3, "L": 1}
"""Mode of an image → how many channels it has."""
MAX_SIDE = 16384


def beside(source: Source, path: str) -> str:
    """A path that a spec names, which counts from the folder that the spec lies in."""
    return path if source.name.startswith("<") else os.path.join(os.path.dirname(source.name), path)


def read_weights(tree: Tree | None, source: Source, problems: Problems) -> str:
    """The file with the network's weights; empty where there is none."""
    if tree is None:
        return ""
    value = plain(tree)
    if not isinstance(value, str) or not value.strip():
        problems.append(Problem(f"weights is the path of a file, this is {describe(tree)}", tree.span))
        return ""
    if not value.endswith(".npz"):
        problems.append(Problem("weights are an .npz file", tree.span, f"this is {describe(tree)}"))
        return ""
    return beside(source, value)


def read_labels(tree: Tree | None, source: Source, problems: Problems) -> tuple[str, ...] | str:
    """What the outputs are called, in their order, or the path of a file that says so, one a line."""
    if tree is None:
        return ()
    value = plain(tree)
    if isinstance(value, str) and value.strip():
        return beside(source, value)
    if not isinstance(tree, Sequence) or not tree.items:
        message = f"labels are a list of texts or the path of a file with one a line, this is {describe(tree)}"
        problems.append(Problem(message, tree.span))
        return ()
    found = []
    for item in tree.items:
        if isinstance(item, Scalar) and isinstance(item.value, str):
            found.append(item.value)
        else:
            problems.append(Problem(f"a label is a text, this is {describe(item)}", item.span, "'7' in quotes is one"))
    return tuple(found)


def read_preprocess(tree: Tree | None, problems: Problems) -> Preprocess | None:
    """How an image becomes the network's input; None where nothing is said."""
    if tree is None:
        return None
    if not isinstance(tree, Mapping):
        message = f"preprocess has {', '.join(PREPROCESS)}; this is {describe(tree)}"
        problems.append(Problem(message, tree.span))
        return None
    for key, span in tree.keys.items():
        if key not in PREPROCESS:
            problems.append(Problem(f"preprocess has no '{key}'", span, did_you_mean(key, PREPROCESS)))
    entries = tree.entries
    mode = _mode(entries.get("mode"), problems)
    mean, std = (_per_channel(key, entries.get(key), mode, problems) for key in ("mean", "std"))
    return Preprocess(
        mode,
        _flag(entries.get("invert"), problems),
        _size("resize", entries.get("resize"), problems),
        _size("crop", entries.get("crop"), problems),
        _divisor(entries.get("divide"), problems),
        mean,
        std,
    )


def _mode(tree: Tree | None, problems: Problems) -> str:
    value = "RGB" if tree is None else plain(tree)
    if isinstance(value, str) and value in CHANNELS:
        return value
    assert tree is not None  # noqa: S101 - the default is a mode
    problems.append(Problem("mode is RGB, or L for shades of grey", tree.span, f"this is {describe(tree)}"))
    return ""


def _flag(tree: Tree | None, problems: Problems) -> bool:
    value = False if tree is None else plain(tree)
    if isinstance(value, bool):
        return value
    assert tree is not None  # noqa: S101 - the default is one
    problems.append(Problem(f"invert is true or false, this is {describe(tree)}", tree.span))
    return False


def _size(key: str, tree: Tree | None, problems: Problems) -> int | tuple[int, int] | None:
    """A number of pixels, or a height and a width."""
    if tree is None:
        return None
    value = plain(tree)
    sides = value if isinstance(value, list) and len(value) == 2 else [value]
    sizes = [side for side in sides if type(side) is int and 0 < side <= MAX_SIDE]
    if len(sizes) == len(sides):
        return sizes[0] if len(sizes) == 1 else (sizes[0], sizes[1])
    message = f"{key} is a number of pixels from 1 to {MAX_SIDE:,}, or [height, width]"
    problems.append(Problem(message, tree.span, f"this is {describe(tree)}"))
    return None


def _divisor(tree: Tree | None, problems: Problems) -> float:
    value = 1 if tree is None else plain(tree)
    if _is_number(value) and float(str(value)) > 0:
        return float(str(value))
    assert tree is not None  # noqa: S101 - the default is a number
    problems.append(Problem("divide is a number above 0, such as 255", tree.span, f"this is {describe(tree)}"))
    return 1.0


def _per_channel(key: str, tree: Tree | None, mode: str, problems: Problems) -> tuple[float, ...]:
    """One number a channel; as many nothings (0 to take off, 1 to divide by) where none are written."""
    channels = CHANNELS.get(mode, 0)
    if tree is None:
        return (0.0 if key == "mean" else 1.0,) * channels
    items = [plain(item) for item in tree.items] if isinstance(tree, Sequence) else []
    numbers = [float(str(value)) for value in items if _is_number(value)]
    if not items or len(numbers) < len(items):
        message = f"{key} is a list of numbers, one a channel"
        problems.append(Problem(message, tree.span, "such as [0.485, 0.456, 0.406]"))
    elif channels and len(numbers) != channels:
        message = f"{key} has one number a channel, {channels} in mode {mode}"
        problems.append(Problem(message, tree.span, f"this has {len(numbers)}"))
    elif key == "std" and min(numbers) <= 0:
        problems.append(Problem("std is divided by: its numbers are above 0", tree.span))
    return tuple(numbers)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
