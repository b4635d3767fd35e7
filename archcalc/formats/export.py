"""A network in the words of other programs: which form, with which weights, and into which file."""

import os
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from msgspec import Struct

from archcalc.errors import Problem, UsageError, did_you_mean, enumerate_words, printable
from archcalc.files import write_whole
from archcalc.infer import InferredGraph
from archcalc.network import Network

if TYPE_CHECKING:
    from archcalc.forward.kernels import Array

Form = Literal["onnx", "torch", "keras", "dot", "mermaid"]
FORMS: tuple[Form, ...] = get_args(Form)

ENDINGS: Mapping[str, Form] = {
    ".onnx": "onnx",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
}
"""Endings of files that say a form; `.py` may be either of two."""


class Wishes(Struct, frozen=True):
    """What is asked of a form: `weights` (as `run` takes them), `batch` (None: of any size) and `opset` of ONNX and
    `depth` of diagrams; whatever is not asked for is None, but for the batch, where that is 0."""

    weights: "Mapping[str, Array] | str | os.PathLike[str] | None" = None
    batch: int | None = 0
    opset: int | None = None
    depth: int | None = None


def export(
    network: Network,
    to: Form | None = None,
    path: "str | os.PathLike[str] | None" = None,
    *,
    weights: "Mapping[str, Array] | str | os.PathLike[str] | None" = None,
    batch: int | None = 1,
    opset: int | None = None,
    depth: int | None = None,
) -> str:
    """A network as ONNX, as PyTorch's or Keras's source, or as a diagram.

    `to` is `onnx`, `torch`, `keras`, `dot` or `mermaid`; without it the ending of `path` says it. With a `path` it is
    written there, whole or not at all; what is returned is the text, empty for ONNX, which has none and needs a path.

    `weights` are arrays by name, a path or `random:SEED`, as for `run`; without them the network's own are taken. ONNX
    holds them (or `random:0`, where there are none), and sources have them in a file beside them, `net.npz` for
    `net.py`. `batch` and `opset` are ONNX's: a batch of None may be of any size. `depth` is how many levels of names a
    diagram shows.

    Raises ArchcalcError for what cannot be found, read, said in that form, or written.
    """
    target = None if path is None else os.fspath(path)
    form = form_of(to, target)
    wishes = Wishes(weights, batch if form == "onnx" or batch != 1 else 0, opset, depth)
    check(form, target, wishes)
    if form != "onnx":
        text = text_of(network, form, depth)
        if target is not None:
            write_texts(network, form, target, text, weights)
        return text
    if target is None:
        raise UsageError(Problem("ONNX is no text", None, "give it a path"))
    write_onnx(network, target, wishes)
    return ""


def form_of(to: str | None, path: str | None) -> Form:
    """The form that is asked for, or that the ending of a file says. Raises UsageError where neither does."""
    if to is not None:
        form: Form | None = next((form for form in FORMS if form == to), None)
        if form is None:
            raise UsageError(Problem(f"nothing is exported to '{printable(to, 40)}'", None, did_you_mean(to, FORMS)))
        return form
    ending = os.path.splitext(path or "")[1].lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    said = f"'{printable(ending, 20)}' does not say it" if ending else "there is no ending that says it"
    hint = "--to torch or --to keras" if ending == ".py" else f"--to {enumerate_words(FORMS, 'or')}"
    raise UsageError(Problem(f"exported to what? {said}", None, hint))


def check(form: Form, path: str | None, wishes: Wishes) -> None:
    """Raises UsageError with every wish that the form cannot fulfil."""
    problems = []
    if form != "onnx":
        given = {"a batch": wishes.batch != 0, "an opset": wishes.opset is not None}
        problems += [Problem(f"{what} is ONNX's, and {form} has none") for what, asked in given.items() if asked]
    if form not in ("dot", "mermaid") and wishes.depth is not None:
        problems.append(Problem(f"a depth is for diagrams, and {form} is none", None, "dot and mermaid are"))
    if form in ("dot", "mermaid") and wishes.weights is not None:
        problems.append(Problem(f"weights do not show in {form}"))
    if form in ("torch", "keras") and wishes.weights is not None and path is None:
        problems.append(Problem("weights are written beside a source", None, "give it a file, such as -o net.py"))
    if problems:
        raise UsageError(problems)


def text_of(network: Network, form: Form, depth: int | None = None) -> str:
    """The network in a form that is text. Raises UsageError for what cannot be said in it."""
    title = network.spec.title or network.spec.name
    if form == "dot":
        from archcalc.formats.diagrams.dot import to_dot

        return to_dot(network.graph, depth, title)
    if form == "mermaid":
        from archcalc.formats.diagrams.mermaid import to_mermaid

        return to_mermaid(network.graph, depth, title)
    if form == "torch":
        from archcalc.formats.sources.torch import to_torch

        return to_torch(network.graph, title)
    from archcalc.formats.sources.keras import to_keras

    return to_keras(network.graph, title)


def write_texts(network: Network, form: Form, path: str, text: str, weights: Any) -> None:
    """A text, and beside a source weights: those asked for, or that the network comes with. They come first, so that
    a source never stands without them."""
    if weights is not None or (form in ("torch", "keras") and network.spec.weights):
        from archcalc.forward.weight_files.writing import save_weights

        save_weights(f"{os.path.splitext(path)[0]}.npz", _weights(network, weights))
    write_whole(path, lambda file: file.write(text.encode()))


def write_onnx(network: Network, path: str, wishes: Wishes) -> None:
    """The model in a file, and where its weights are more than one holds, in another beside it."""
    from archcalc.formats.onnx_export import OLDEST_OPSET, save_onnx

    save_onnx(path, network.graph, _weights(network, wishes.weights), wishes.batch, wishes.opset or OLDEST_OPSET)


def stream_onnx(network: Network, stream: IO[bytes], wishes: Wishes) -> None:
    """The model into a stream. Raises UsageError where it is too large to be in one piece."""
    from archcalc.formats.onnx_export import OLDEST_OPSET, to_onnx

    graph: InferredGraph = network.graph
    model = to_onnx(graph, _weights(network, wishes.weights), wishes.batch, wishes.opset or OLDEST_OPSET)
    stream.write(model.SerializeToString())


def _weights(network: Network, given: Any) -> "Mapping[str, Array]":
    from archcalc.forward.run import weights_for

    _, get = weights_for(network, given)
    return get()
