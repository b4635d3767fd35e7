"""A program → our graph, with the stored arrays that its layers' weights are."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from archcalc.errors import Problem, UsageError, enumerate_words, printable
from archcalc.formats.importer.draft import Draft, Sketch
from archcalc.formats.importer.naming import as_labelled, named
from archcalc.formats.importer.program import Dim, Program
from archcalc.formats.importer.values import equal
from archcalc.formats.importer.walk import sketched
from archcalc.formats.onnx_file import Stored
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.numbers import product
from archcalc.ops.base import Shape, Shapes, show_shape

MOST_VALUES = 1 << 40

_OF_A_MODULE = ("batchnorm", "layernorm", "rms_norm", "groupnorm", "instance_norm", "prelu")
"""Operators that are modules of their own in the source, weights and all."""


class Opened(Struct, frozen=True):
    """A network of a model, and its weights by our names for them."""

    graph: InferredGraph
    weights: Mapping[str, Stored]


def opened(program: Program, name: str, shape: Shape | None, recognise: Callable[[Sketch], None]) -> Opened:
    """The network of a program under a name, its input in the shape of a sample, where one is given.

    Raises UsageError for what cannot be stated, for inputs without a size, and where no output depends on an input.
    """
    shapes, count = whole_shapes(program, shape)
    sketch = sketched(program, shapes, count)
    recognise(sketch)
    return _finished(name, sketch, program)


def whole_shapes(program: Program, shape: Shape | None) -> tuple[dict[str, Shape], int]:
    """The whole shape of each input, and how many samples are in it: a batch without a size is 1."""
    if not program.inputs:
        raise UsageError(Problem("the model has no inputs"))
    stated = next(iter(program.inputs.values()))
    if shape is not None and len(program.inputs) > 1:
        raise UsageError(Problem(f"the model has {len(program.inputs)} inputs: one shape does not say theirs"))
    if shape is not None and stated and len(stated) != len(shape) + 1:
        raise UsageError(Problem(f"the model's input has {len(stated) - 1} axes beside the batch, not {len(shape)}"))
    first = stated[0] if stated else None
    count = first if isinstance(first, int) and first > 0 else 1
    found = {}
    for name, dims in program.inputs.items():
        whole = (count, *shape) if shape is not None else _sized(name, dims, count)
        if product(whole) > MOST_VALUES:
            raise UsageError(Problem(f"the input '{printable(name, 60)}' cannot be {show_shape(whole)}"))
        found[name] = whole
    return found, count


def _sized(name: str, dims: tuple[Dim, ...], count: int) -> Shape:
    sizes = [dim if isinstance(dim, int) else count if place == 0 else 0 for place, dim in enumerate(dims)]
    if sizes and sizes[0] == 0:
        sizes[0] = count
    if not sizes or min(sizes) < 1:
        open_sizes = [
            f"'{dim}'" if isinstance(dim, str) and dim else "one without a name"
            for dim in dims[1:]
            if not isinstance(dim, int) or dim < 1
        ]
        what = enumerate_words(open_sizes) or "all of them"
        message = f"the input '{printable(name, 60)}' leaves sizes open: {printable(what, 100)}"
        raise UsageError(Problem(message, None, "--input CxHxW gives them, such as 3x224x224"))
    return tuple(sizes)


def _finished(name: str, sketch: Sketch, program: Program) -> Opened:
    kept = sketch.kept()
    # The output of the network is its last node.
    final = sketch.outputs[0]
    order = [position for position in kept if position != final] + [final]
    if any(final in sketch.drafts[position].inputs for position in kept):
        order = kept
    place = {position: new for new, position in enumerate(order)}
    drafts = [sketch.drafts[position] for position in order]
    names = as_labelled(drafts) if program.ours else named(drafts)
    owners: dict[tuple[object, ...], list[int]] = {}
    nodes, weights = [], dict[str, Stored]()
    for new, (draft, node_name) in enumerate(zip(drafts, names, strict=True)):
        shapes = tuple(sketch.drafts[producer].shape for producer in draft.inputs)
        shares = _shares(drafts, owners, new, shapes, program.apart)
        inputs = tuple(place[producer] for producer in draft.inputs)
        nodes.append(Node(node_name, draft.op, inputs, None, {}, shares))
        if shares is None:
            weights |= {f"{node_name}.{key}": constant.stored for key, constant in draft.weights.items()}
    return Opened(infer(Graph(name, tuple(nodes))), weights)


def _shares(
    drafts: Sequence[Draft], owners: dict[tuple[object, ...], list[int]], position: int, inputs: Shapes, apart: bool
) -> int | None:
    """The layer whose weights a layer uses: one of its kind with the same stored matrices, turned the same way.

    It need not do the same with them: a convolution may move its kernel in other steps. `inputs` are what it reads.
    Vectors alone say nothing where equal ones may be stored once: those of fresh networks are all of ones and zeros.
    There a module shares with itself, when the file says that it is called twice.
    """
    draft = drafts[position]
    matrices = [constant for constant in draft.weights.values() if len(constant.shape) > 1]
    caller = _caller(draft) if draft.weights and not (matrices or apart) else ""
    if not draft.inputs or not (matrices or (apart and draft.weights) or caller):
        return None
    key = (
        draft.op.keyword,
        caller,
        *draft.op.weights(inputs),
        *((name, constant.origins, constant.shape) for name, constant in draft.weights.items()),
    )
    alike = owners.setdefault(key, [])
    for owner in alike:
        held = drafts[owner].weights
        if all(equal(constant.stored, held[name].stored) for name, constant in draft.weights.items()):
            return owner
    alike.append(position)
    return None


def _caller(draft: Draft) -> str:
    """The module that has the vectors of a layer and computes it with them; empty where nothing tells.

    These are layers that have a module for themselves: others may use two parameters of one module, stored as one.
    """
    scope, owner = draft.origin.scope, draft.origin.owner
    return scope if draft.op.keyword in _OF_A_MODULE and owner in ("", scope) else ""
