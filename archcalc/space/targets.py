"""What a sweep changes, as people write it: `width=32:256:8`, `input=160,192,224`, `conv1.stride=1,2`, `lr=log:32:256`.

A range a:b:step holds a, a + step, … up to b, and b itself where it is met. A list parts its values by commas.
"""

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from archcalc.analysis.memory import DTYPES
from archcalc.errors import Problem, Problems, Source, Span, SpecError, UsageError, did_you_mean, printable
from archcalc.network import input_shape
from archcalc.space.axes import Axis, Between, Listed, Steps, in_words, listed, steps
from archcalc.space.spelling import Spelling
from archcalc.spec import tree as trees
from archcalc.spec.model import Spec
from archcalc.spec.ranges import Range
from archcalc.spec.tree import Tree, describe, plain, read_tree

OWN = ("input", "batch", "dtype")
"""What is no variable and no argument, but a convention that an analysis is made under."""
MAX_VALUES = 1_000_000  # of a list
_RANGE = re.compile(r"\s*(?P<log>log\s*:)?\s*(?P<first>[^:]*?)\s*:\s*(?P<last>[^:]*?)\s*(?::\s*(?P<step>[^:]*?)\s*)?\Z")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\Z")
_SUCH = "such as 32:256:8, 160,192,224 or log:32:256"
_MOST_DIGITS = 18
_LOCATED = (trees.Scalar, trees.Sequence)


class Target(Struct, frozen=True):
    """Something that is changed: its name in the output, what it means, and what it takes.

    `owner` is the layer whose argument `word` it is; `vars` of a variable; empty for one of `OWN`.
    """

    name: str
    owner: str
    word: str
    axis: Axis
    span: Span

    @property
    def setting(self) -> str:
        """What `--set` calls it."""
        return f"{self.owner}.{self.word}" if self.owner else self.word


def targets_of(spec: Spec, changes: Mapping[str, Any], spell: Spelling) -> tuple[Target, ...]:
    """The targets of a sweep over a spec. Raises UsageError with everything that is wrong with them.

    A value is a text as `--set` has it, a `range`, a list of values, one value, or a tree of a file.
    """
    problems, found = Problems(), []
    for name, value in changes.items():
        span = value.span if isinstance(value, _LOCATED) else _typed(f"{spell('set', '')} {printable(name, 60)}", value)
        owner, word = _meaning(name.strip(), spec, span, problems)
        try:
            axis = _axis(value, span, word if not owner else "")
        except UsageError as error:
            problems += error.problems
            continue
        found.append(Target(name.strip(), owner, word, axis, span))
    names = [target.setting for target in found]
    twice = [target for place, target in enumerate(found) if target.setting in names[:place]]
    problems += [Problem(f"'{printable(target.name, 60)}' is set twice", target.span) for target in twice]
    if problems:
        raise UsageError(problems)
    return tuple(found)


def _typed(place: str, value: Any) -> Span:
    """The place of a value that stands in no file."""
    text = value if isinstance(value, str) else printable(repr(value), 60)
    return Span(Source(place, text), 1, 1, max(1, len(text)))


def _meaning(name: str, spec: Spec, span: Span, problems: Problems) -> tuple[str, str]:
    """Owner and word of a target by its name."""
    owner, dot, word = name.rpartition(".")
    if name in OWN or (not dot and name in spec.variables):
        return ("", name) if name in OWN else ("vars", name)
    if dot and owner != "vars":
        return owner, word
    if word not in spec.variables:
        known = [*spec.variables, *OWN]
        hint = did_you_mean(word, known) or "a variable, LAYER.ARGUMENT, input, batch or dtype"
        problems.append(Problem(f"'{spec.name}' has no variable '{printable(word, 60)}'", span, hint))
    return "vars", word


def _axis(value: Any, span: Span, own: str) -> Axis:
    """What a target takes. Raises UsageError."""
    if isinstance(value, _LOCATED):
        axis = _located(value)
    else:
        axis = _written(value, span) if isinstance(value, str) else _given(value, span)
    if own == "input":
        return _inputs(axis, span)
    if own == "batch" and not (isinstance(axis, (Steps, Listed)) and all(_is_batch(v) for v in _few(axis))):
        raise UsageError(Problem("a batch is a whole number from 1", span))
    if own == "dtype":
        for dtype in _few(axis) if isinstance(axis, Listed) else ["a range"]:
            if dtype not in DTYPES:
                message = f"there is no data type '{printable(str(dtype), 40)}'"
                raise UsageError(Problem(message, span, did_you_mean(str(dtype), DTYPES)))
    return axis


def _few(axis: Steps | Listed) -> list[Any]:
    """The values of a list, the ends of a range."""
    if isinstance(axis, Listed):
        return [plain(tree) for tree in axis.trees]
    return [axis.number(0), axis.number(axis.count - 1)]


def _is_batch(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**31


def _written(text: str, span: Span) -> Axis:
    """The axis of a text: a range, or values with commas between them."""
    if not text.strip():
        raise UsageError(Problem(f"{span.source.name} has no value", None, _SUCH))
    match = _RANGE.match(text)
    if match and (match["log"] or any(_DECIMAL.match(match[part] or "") for part in ("first", "last", "step"))):
        return _range(match, span)
    try:
        tree = read_tree(Source(span.source.name, f"[{text}]"))
    except SpecError:
        raise UsageError(Problem(f"'{printable(text, 60)}' is not a list of values", span, _SUCH)) from None
    items = tree.items if isinstance(tree, trees.Sequence) else []
    for item in items:
        if isinstance(item, trees.Scalar) and isinstance(item.value, str) and re.match(r"[-+.0-9]+:", item.value):
            raise UsageError(Problem(f"'{printable(item.value, 40)}': a range stands by itself, not in a list", span))
    return _of_trees(items, span)


def _located(tree: trees.Scalar | trees.Sequence) -> Axis:
    """The axis of a value that stands in a file."""
    if isinstance(tree, trees.Sequence):
        return _of_trees(tree.items, tree.span)
    return _written(tree.value, tree.span) if isinstance(tree.value, str) else _of_trees([tree], tree.span)


def _of_trees(items: Iterable[Tree], span: Span) -> Listed:
    values = tuple(items)
    if not values:
        raise UsageError(Problem("this list is empty: there is nothing to try", span, _SUCH))
    if len(values) > MAX_VALUES:
        raise UsageError(Problem(f"a list of more than {MAX_VALUES:,} values", span, "give a range"))
    return listed(values)


def _range(match: "re.Match[str]", span: Span) -> Axis:
    """a:b or a:b:step, with `log:` before it where it is drawn evenly in its logarithm."""
    parts = [match["first"], match["last"], match["step"]]
    for part in filter(None, parts):
        if not _DECIMAL.match(part) or len(part) > _MOST_DIGITS:
            raise UsageError(Problem(f"'{printable(part, 40)}' is not a number", span, _SUCH))
    if not parts[0] or not parts[1] or parts[2] == "":
        raise UsageError(Problem("a range has a beginning and an end", span, _SUCH))
    first, last = Decimal(parts[0]), Decimal(parts[1])
    log = bool(match["log"])
    if first > last:
        raise UsageError(Problem(f"this range is empty: {parts[0]} lies behind {parts[1]}", span, "smallest first"))
    if log and first <= 0:
        raise UsageError(Problem("a range drawn by its logarithm begins above 0", span, "such as log:32:256"))
    whole = "." not in "".join(filter(None, parts))
    if parts[2] is None and not whole:
        return Between(float(first), float(last), log)
    step = Decimal(parts[2] or 1)
    if step <= 0:
        raise UsageError(Problem(f"a step of {parts[2]} leads nowhere", span, "a step is above 0"))
    return steps(first, last, step, log)


def _given(value: Any, span: Span) -> Axis:
    """The axis of a Python value: a range, several values, or one."""
    if isinstance(value, Range):
        whole = value.whole
        start, step = (int(value.low), int(value.step)) if whole else (value.low, value.step)
        return Steps(start, step, len(value))
    if isinstance(value, range):
        if not value:
            raise UsageError(Problem("this range is empty: there is nothing to try", span))
        return Steps(value[0], value.step, len(value))
    value = value.tolist() if hasattr(value, "tolist") else value
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if not values:
        raise UsageError(Problem("this list is empty: there is nothing to try", span))
    return _of_trees((_tree(item, span) for item in values), span)


def _tree(value: Any, span: Span) -> Tree:
    if isinstance(value, (list, tuple)):
        return trees.Sequence([_tree(item, span) for item in value], span)
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(Problem(f"{value} is not a number that a network can have", span))
    if not isinstance(value, (int, float, str)) and value is not None:
        raise UsageError(Problem(f"a value of a spec cannot be a {type(value).__name__}", span))
    return trees.Scalar(value, span)


def _inputs(axis: Axis, span: Span) -> Axis:
    """Sizes of square inputs, or whole shapes."""
    if isinstance(axis, Steps) and isinstance(axis.start, int) and axis.start > 0 and isinstance(axis.step, int):
        return axis
    if not isinstance(axis, Listed):
        raise UsageError(Problem("an input is a size from 1, or a shape", span, "such as 224 or 3x224x224"))
    shapes: list[Tree] = []
    for tree in axis.trees:
        value = plain(tree)
        try:
            shape = input_shape([value] if type(value) is int else value)  # type: ignore[arg-type]
        except (UsageError, TypeError):
            message = f"{describe(tree)} is not the shape of an input"
            raise UsageError(Problem(message, span, "such as 224 or 3x224x224")) from None
        alone = trees.Scalar(shape[0], tree.span)
        sizes: list[Tree] = [trees.Scalar(size, tree.span) for size in shape]
        shapes.append(alone if type(value) is int else trees.Sequence(sizes, tree.span))
    return listed(shapes)


def shown_value(target: Target, value: Any) -> str:
    """A value of a target as `--set` and `--input` take it."""
    return "x".join(map(str, value)) if target.setting == "input" and isinstance(value, list) else in_words(value)
