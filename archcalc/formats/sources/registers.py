"""Values of a definition → names of variables: one is used again when what it held is not read any more."""

from collections.abc import Iterator

from msgspec import Struct

from archcalc.formats.sources.program import Definition, Line


class Statement(Struct, frozen=True):
    """A line with the names of what it reads and gives; `batch` is one that has the batch as its first axis."""

    line: Line
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    batch: str


class Named(Struct, frozen=True):
    """A definition whose values have names."""

    inputs: tuple[str, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[str, ...]


def named_values(definition: Definition) -> Named:
    """The statements of a definition, with few variables: x, y and z, then x4, x5, ….

    What a line gives takes the name of the first of its inputs that nothing reads afterwards, else the first free name.
    """
    last = dict.fromkeys(definition.outputs, len(definition.lines))
    for number, line in reversed(list(enumerate(definition.lines))):
        for value in line.reads:
            last.setdefault(value, number)
    names = {value: _register(value) for value in range(definition.inputs)}
    inputs = tuple(names.values())
    statements = []
    for number, line in enumerate(definition.lines):
        reads = tuple(names[value] for value in line.reads)
        batch = next(iter(names.values()), "")
        for value in [value for value in names if last.get(value, -1) <= number]:
            del names[value]
        free = _free(set(names.values()))
        for value in line.gives:
            names[value] = next(free)
        statements.append(Statement(line, reads, tuple(names[value] for value in line.gives), batch))
    return Named(inputs, tuple(statements), tuple(names[value] for value in definition.outputs))


def _free(taken: set[str]) -> Iterator[str]:
    number = 0
    while True:
        if _register(number) not in taken:
            yield _register(number)
        number += 1


def _register(number: int) -> str:
    return "xyz"[number] if number < 3 else f"x{number + 1}"
