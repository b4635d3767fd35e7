"""Program → the source of a module: a class for each definition, with its layers and what it computes of them."""

from collections.abc import Iterator

from archcalc.formats.sources.header import TAKEN, class_name, header, uses
from archcalc.formats.sources.layout import camel, is_plain, listed, quoted, wrapped
from archcalc.formats.sources.program import Definition, Dialect, Line, by_table, compile_network
from archcalc.formats.sources.registers import Named, Statement, named_values
from archcalc.formats.sources.runs import parts_of, shown, signature
from archcalc.formats.sources.said import Call
from archcalc.formats.sources.torch.helpers import HELPERS
from archcalc.formats.sources.torch.reserved import RESERVED
from archcalc.formats.sources.torch.rules import RULES
from archcalc.infer import InferredGraph

CHAIN = "nn.Sequential"

_LOADED = """\
    model = {name}()
    model.load_state_dict({{name: torch.from_numpy(array) for name, array in numpy.load("{file}.npz").items()}})
    model.eval()"""


def to_torch(network: InferredGraph, title: str = "") -> str:
    """The network as the source of a `torch.nn.Module`, with nothing but torch to import.

    Scopes of names are classes, those alike but for numbers one class with parameters; scopes whose layers are numbered
    and follow one another are an `nn.Sequential`. The keys of its `state_dict()` are the names of our weights, but for
    `num_batches_tracked`, which torch fills in itself. Where the network has several ends, `forward` gives its output
    first and then the others.

    Raises UsageError, with their names, for layers that torch has no word for.
    Source: docs.pytorch.org/docs/stable/nn.html.
    """
    name = class_name(title or network.name)
    taken = frozenset({*HELPERS, *TAKEN, "F", "nn", "torch"})
    program = compile_network(network, Dialect("torch", by_table("torch", RULES), camel, taken, CHAIN), name)
    classes = [
        HELPERS[callee] for callee in dict.fromkeys(call.callee for call in program.calls()) if callee in HELPERS
    ]
    classes += ["\n".join(_class(definition)) + "\n" for definition in program.definitions]
    classes.append("\n".join(_class(program.main)) + "\n")
    body = "\n\n".join(classes)
    imports = ["import torch", "from torch import nn"] + ["from torch.nn import functional as F"] * ("F." in body)
    return header(network, title, _LOADED, name) + "\n" + "\n".join(imports) + "\n\n\n" + body


def _class(definition: Definition) -> Iterator[str]:
    yield f"class {definition.name}(nn.Module):"
    if uses(definition):
        yield f'    """{uses(definition)}"""'
        yield ""
    made = {line.made: line.call for line in definition.lines if line.call is not None}
    if made:
        yield from wrapped(f"def __init__({', '.join(['self', *signature(definition)])}) -> None:", 4)
        yield "        super().__init__()"
        yield from _layers(made)
        yield ""
    named = named_values(definition)
    arguments = ", ".join(["self", *(f"{name}: torch.Tensor" for name in named.inputs)])
    result = "torch.Tensor" if len(named.outputs) == 1 else "tuple[torch.Tensor, ...]"
    yield from wrapped(f"def forward({arguments}) -> {result}:", 4)
    yield from _computed(named)


def _layers(made: dict[tuple[str, ...], Call]) -> Iterator[str]:
    """The attributes of a class; scopes without a class of their own are modules that hold others."""
    done: set[tuple[str, ...]] = set()
    for whole in made:
        for end in range(1, len(whole) + 1):
            path = whole[:end]
            if path in done:
                continue
            done.add(path)
            call = made.get(path)
            if call is None:
                yield from wrapped(f"{_place(path)} = nn.Module()", 8)
            elif call.callee == CHAIN:
                yield from listed(f"{_place(path)} = {CHAIN}(", parts_of(call), ")", 8)
            else:
                yield from wrapped(f"{_place(path)} = {shown(call)}", 8)


def _place(path: tuple[str, ...]) -> str:
    """A layer from within the class: `self.conv1`, or by way of its dictionary where its name is none of Python's."""
    parts = []
    for name in path:
        plain = is_plain(name) and name not in RESERVED and not name.startswith("__")
        parts.append(f".{name}" if plain else f"._modules[{quoted(name)}]")
    return "self" + "".join(parts)


def _computed(named: Named) -> Iterator[str]:
    """The body of `forward`; what the last line gives is returned as it is."""
    last = named.statements[-1] if named.statements else None
    direct = last is not None and last.gives == named.outputs
    for statement in named.statements[: -1 if direct else None]:
        yield from wrapped(f"{', '.join(statement.gives)} = {_expression(statement)}", 8)
    if last is not None and direct:
        yield from wrapped(f"return {_expression(last)}", 8)
    else:
        yield from wrapped(f"return {', '.join(named.outputs)}", 8)


def _expression(statement: Statement) -> str:
    line: Line = statement.line
    text = line.form
    for number, name in enumerate(statement.reads):
        text = text.replace(f"{{{number}}}", name)
    return text.replace("{batch}", statement.batch).replace("{self}", _place(line.made))
