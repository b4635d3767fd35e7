"""Calls as they are written, and runs of calls that are alike as one comprehension."""

from collections.abc import Iterator, Sequence
from typing import Any

from archcalc.formats.sources.parameters import BY_NAME
from archcalc.formats.sources.program import Definition
from archcalc.formats.sources.said import NO_DEFAULT, Argument, Call, Name, written

FEWEST = 3
"""Calls that are worth a comprehension."""


def shown(call: Call) -> str:
    """A call in one line, without arguments that have their default."""
    return f"{call.callee}({', '.join(arguments_of(call))})"


def arguments_of(call: Call) -> list[str]:
    """The arguments of a call as they are written."""
    found = []
    for argument in call.arguments:
        if isinstance(argument.value, Call):
            found.append(shown(argument.value))
        elif argument.default == NO_DEFAULT:
            found.append(written(argument.value))
        elif not is_default(argument):
            found.append(f"{argument.name}={written(argument.value)}")
    return found


def is_default(argument: Argument) -> bool:
    """Whether a value is the default of its argument; True is not 1."""
    return type(argument.value) is type(argument.default) and argument.value == argument.default


def signature(definition: Definition) -> Iterator[str]:
    """The parameters of a definition as they are declared, those by name behind a star."""
    starred = False
    for parameter in definition.parameters:
        if parameter.default != NO_DEFAULT and not starred:
            starred = True
            yield "*"
        default = "" if parameter.default in (NO_DEFAULT, BY_NAME) else f" = {written(parameter.default)}"
        yield f"{parameter.name}: {parameter.annotation}{default}"


def parts_of(chain: Call) -> Iterator[str]:
    """The calls of a chain as arguments, several alike as a comprehension over i."""
    calls = [argument.value for argument in chain.arguments]
    start = 0
    while start < len(calls):
        end = run_end(calls, start)
        if end - start < FEWEST:
            yield shown(calls[start])
            start += 1
            continue
        call, index = run_call(calls, start)
        yield f"*({shown(call)} for {index} in range({end - start}))"
        start = end


def run_end(calls: Sequence[Call], start: int) -> int:
    """Up to where calls have the same skeleton, each number in them the same throughout or growing evenly."""
    end, steps = start + 1, None
    while end < len(calls) and calls[end].skeleton() == calls[start].skeleton():
        step = _steps(calls[end - 1], calls[end])
        if step is None or step != (steps or step):
            break
        steps, end = step, end + 1
    return end


def run_call(calls: Sequence[Call], start: int, base: int = 0) -> tuple[Call, str]:
    """The call of a run in terms of the index, which begins at `base`; the index is _ where it makes no difference."""
    steps = _steps(calls[start], calls[start + 1]) or ()
    values: list[Any] = []
    for leaf, step in zip(calls[start].leaves(), steps, strict=True):
        values.append(Name(_progression(leaf.value - step * base, step)) if step else leaf.value)
    return calls[start].replaced(iter(values)), "i" if any(steps) else "_"


def _progression(first: int, step: int) -> str:
    sign = "+" if step > 0 else "-"
    times = "i" if abs(step) == 1 else f"{abs(step)} * i"
    return times if first == 0 and step > 0 else f"{first} {sign} {times}"


def _steps(call: Call, following: Call) -> tuple[int, ...] | None:
    """By how much each leaf grows; None where one differs otherwise."""
    steps = []
    for a, b in zip(call.leaves(), following.leaves(), strict=True):
        if type(a.value) is type(b.value) and a.value == b.value:
            steps.append(0)
        elif type(a.value) is int and type(b.value) is int:
            steps.append(b.value - a.value)
        else:
            return None
    return tuple(steps)
