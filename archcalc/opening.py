"""Any network by name or path: of the zoo, a spec, or a model file of another framework."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archcalc import network as specs
from archcalc.builder.overrides import Overrides, with_arguments
from archcalc.errors import Problem, Problems, Source, SpecError, printable
from archcalc.graph import Graph
from archcalc.infer import infer
from archcalc.network import Network, overrides_of
from archcalc.spec.model import Spec

if TYPE_CHECKING:
    from archcalc.forward.claims import Proof
    from archcalc.forward.run import Run
    from archcalc.symbolic.results import Formulas

ENDING = ".onnx"


def load(
    network: str | os.PathLike[str],
    input: str | Iterable[int] | None = None,  # noqa: A002 - the words of the command line
    set: Mapping[str, Any] | None = None,  # noqa: A002
    training: bool = False,
) -> Network:
    """A network of the zoo, a `.yaml` or `.onnx` path, or `-` for a spec on standard input.

    `input` replaces the input shape (`(3, 227, 227)` or `"3x227x227"`); `set` changes variables of a spec and arguments
    of layers (`{"vars.classes": 10, "conv1.stride": 2}`). `training` is what expressions of a spec know by that name.
    A network of a model file knows its weights, which are read when they are asked for.

    Raises UsageError for a network that cannot be found or read, SpecError for what cannot be read in a spec and
    ShapeError for what does not fit; each holds all problems of its kind and those of the other.
    """
    path = os.fspath(network)
    if path.lower().endswith(ENDING):
        return _model(path, overrides_of(input, set or {}))
    return specs.load(path, input, set, training)


def _model(path: str, overrides: Overrides) -> Network:
    from archcalc.formats.importer.model import open_model

    found = open_model(path, overrides.input)
    name = os.path.splitext(os.path.basename(path))[0]
    spec = Spec(Source(path, ""), name, name, None, {}, {}, {}, ())
    graph = found.graph
    if overrides.arguments or overrides.variables:
        graph = infer(_changed(graph.graph, name, overrides))
    return Network(spec, graph, found.weights)


def _changed(graph: Graph, name: str, overrides: Overrides) -> Graph:
    """The graph with arguments of layers changed. Raises SpecError for what it does not have."""
    problems = Problems()
    for variable, tree in overrides.variables.items():
        message = f"there is no variable '{printable(variable, 40)}'"
        problems.append(Problem(message, tree.span, f"'{name}' has no vars: it has layers with arguments"))
    changed = with_arguments(graph, overrides, problems)
    if problems:
        raise SpecError(problems)
    return changed


def from_torch(
    module: Any,
    input_shape: str | Iterable[int] | Sequence[Iterable[int]],
    name: str = "",
) -> Network:
    """A network of PyTorch: its shapes, operations and weights, as it is at inference.

    `input_shape` is that of a sample, channels first and without the batch (`(3, 224, 224)`), or one for each input.
    Layers are called as the module's parts, and `weights` are the module's own arrays, not copied. Needs torch with
    onnxscript, which only this imports.

    Raises UsageError where they are missing, for what torch cannot export, and for what its graph says that cannot be.
    """
    from archcalc.formats.importer.opened import opened
    from archcalc.formats.importer.patterns import recognise
    from archcalc.formats.torch_program import program_of

    several = not isinstance(input_shape, str) and any(not isinstance(size, int) for size in input_shape)
    shapes = [specs.input_shape(shape) for shape in (input_shape if several else (input_shape,))]  # type: ignore[arg-type]
    program = program_of(module, shapes)
    called = name or program.name
    found = opened(program, called, None, recognise)
    spec = Spec(Source(called, ""), called, called, None, {}, {}, {}, ())
    return Network(spec, found.graph, found.weights)


def run(network: Network | str, x: Any = None, **options: Any) -> "Run":
    """Run a network, or one by name or path, on samples: `archcalc.forward.run.run`, which tells the options.

    A network of a model file has weights of its own, which are taken where none are given; `weights` may be the path of
    such a file, too.
    """
    from archcalc.forward.run import run as run_network

    weights = options.get("weights")
    if isinstance(weights, (str, os.PathLike)) and os.fspath(weights).lower().endswith(ENDING):
        from archcalc.formats.weights import open_weights

        options["weights"] = open_weights(weights)
    return run_network(load(network) if isinstance(network, str) else network, x, **options)


def export(network: Network | str, *arguments: Any, **options: Any) -> str:
    """A network, or one by name or path, in another form: `archcalc.formats.export.export`, which tells the options."""
    from archcalc.formats.export import export as export_network

    return export_network(load(network) if isinstance(network, str) else network, *arguments, **options)


def prove(network: Any, *arguments: Any, **options: Any) -> "Proof":
    """Hold the claims about a network, or one by name or path, against what it does: `archcalc.forward.proof.prove`."""
    from archcalc.forward.proof import prove as prove_network

    return prove_network(load(network) if isinstance(network, str) else network, *arguments, **options)


def formula(
    network: str | os.PathLike[str],
    over: Iterable[str] | None = None,
    assume: Iterable[str] = (),
    input: str | Iterable[int] | None = None,  # noqa: A002
    set: Mapping[str, Any] | None = None,  # noqa: A002
    batch: int = 1,
    dtype: str = "float32",
    training: bool = False,
) -> "Formulas":
    """The closed forms of a network, named as for `load`, over symbols: `over=["H", "W", "classes"]`.

    `assume` (`["H % 32 == 0"]`) restricts sizes to a residue. `.general` and `.even` of the result have `.totals`,
    their values `.at(H=256)` and sympy's expressions `.expression("macs")`. Raises UsageError for what is no symbol,
    and SpecError or ShapeError where the structure of the network depends on one.
    """
    from archcalc.symbolic.assumptions import residues_of
    from archcalc.symbolic.engine import Question, closed_forms

    changes = dict(set or {})
    shape = None if input is None else specs.input_shape(input)
    found = load(network, shape, changes, training)
    question = Question(found, overrides_of(shape, changes), batch, dtype, training)
    return closed_forms(question, None if over is None else tuple(over), residues_of(assume))
