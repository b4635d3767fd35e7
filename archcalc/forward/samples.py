"""What goes into a run: arrays, `.npy` files, images, or numbers drawn from a seed."""

import os
import tokenize
from collections.abc import Callable, Sequence
from typing import IO, Any, TypeAlias

import numpy as np
from msgspec import Struct

from archcalc.errors import Problem, UsageError, printable
from archcalc.forward.draws import normal
from archcalc.forward.image import image_input
from archcalc.forward.kernels import Array
from archcalc.forward.seed import seed_of
from archcalc.infer import InferredGraph
from archcalc.network import Network
from archcalc.ops.base import Shape, show_shape
from archcalc.ops.source import Input

Path: TypeAlias = str | os.PathLike[str]
Given: TypeAlias = Array | Path | Sequence[Array | Path] | None
"""An array or the path of an `.npy` file, of several inputs one each; `random:SEED`; None for `random:0`."""

# What numpy's reader of headers, which are Python literals, raises for bytes that are not as they should be.
_DAMAGE = (EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError, tokenize.TokenError)


class Samples(Struct, frozen=True):
    """Samples that are known by their number and not yet there: `read` makes or loads them, an array an input.

    `said` tells where they come from, `files` which one each comes from, if it has one of its own.
    """

    said: str
    batch: int
    read: Callable[[], list[Array]]
    files: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What each one is called: by its file, else by its number."""
        return self.files or tuple(map(str, range(self.batch)))


class _Found(Struct, frozen=True):
    """An array that is known by its shape and kind; `name` is how an error calls it."""

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    load: Callable[[], Array]


def samples_for(
    network: Network, given: Given = None, images: Sequence[Path] = (), batch: int | None = None
) -> Samples:
    """The samples of a run. Files are opened and their headers looked at, but nothing large is read.

    `batch` is how many are drawn; of samples that are there it may only say how many they are. Raises UsageError.
    """
    if images and given is not None:
        raise UsageError(Problem("samples are images or arrays, and both came"))
    if images:
        found = _images(network, images)
    elif given is None:
        return _drawn(network.graph, 0, batch or 1)
    elif isinstance(given, (str, os.PathLike)) and (seed := seed_of(os.fspath(given))) is not None:
        return _drawn(network.graph, seed, batch or 1)
    else:
        found = _arrays(network, [given] if isinstance(given, (str, os.PathLike, np.ndarray)) else list(given))
    if batch not in (None, found.batch):
        came = "1 sample" if found.batch == 1 else f"{found.batch} samples"
        raise UsageError(Problem(f"a batch of {batch} was asked for, and {came} came"))
    return found


def _inputs_of(network: InferredGraph) -> list[tuple[str, Shape]]:
    places = zip(network.nodes, network.shapes, strict=True)
    return [(node.name, shape) for node, shape in places if isinstance(node.op, Input)]


def _drawn(network: InferredGraph, seed: int, batch: int) -> Samples:
    """Standard normal values. Every input has a stream of its own, and a sample is the same in batches of any size."""

    def read() -> list[Array]:
        return [normal((batch, *shape), seed, f"samples.{name}") for name, shape in _inputs_of(network)]

    return Samples(f"random:{seed}", batch, read)


def _images(network: Network, paths: Sequence[Path]) -> Samples:
    """An image a sample."""
    if len(_inputs_of(network.graph)) > 1:
        raise UsageError(Problem(f"{network.spec.name} has several inputs, and an image is one"))
    files = tuple(printable(os.fspath(path), 200) for path in paths)

    def read() -> list[Array]:
        return [np.concatenate([image_input(network, path) for path in paths])]

    return Samples(files[0] if len(files) == 1 else f"{len(files)} images", len(files), read, files)


def _arrays(network: Network, given: Sequence[Array | Path]) -> Samples:
    """An array an input, in float32; everything that is wrong with their shapes and kinds is said at once."""
    inputs = _inputs_of(network.graph)
    if len(given) != len(inputs):
        wanted = "1 input" if len(inputs) == 1 else f"{len(inputs)} inputs"
        raise UsageError(Problem(f"{network.spec.name} has {wanted}, and samples for {len(given)} came"))
    found = [_found(array, name) for array, (name, _) in zip(given, inputs, strict=True)]
    problems = [
        Problem(f"{array.name} {reason}")
        for array, (_, shape) in zip(found, inputs, strict=True)
        if (reason := _misfit(array, shape))
    ]
    if problems:
        raise UsageError(problems)
    shapes = [
        (1, *array.shape) if array.shape == shape else array.shape
        for array, (_, shape) in zip(found, inputs, strict=True)
    ]
    sizes = sorted({shape[0] for shape in shapes})
    if len(sizes) > 1:
        raise UsageError(Problem(f"the inputs have batches of {' and '.join(map(str, sizes))}"))

    def read() -> list[Array]:
        return [_numbers(array).reshape(shape) for array, shape in zip(found, shapes, strict=True)]

    paths = [printable(os.fspath(one), 200) for one in given if not isinstance(one, np.ndarray)]
    return Samples(", ".join(paths) or "given", sizes[0], read)


def _misfit(found: _Found, shape: Shape) -> str:
    """What is wrong with an array for an input of a shape; nothing if it fits."""
    if found.dtype.hasobject:
        return "holds Python objects, which can run code when they are loaded"
    if found.shape != shape and found.shape[1:] != shape:
        came = show_shape(found.shape) if found.shape else "a single number"
        return f"is {came}, where {show_shape(shape)}, or N×{show_shape(shape)}, belongs"
    if 0 in found.shape:
        return "holds no samples"
    if found.dtype.kind != "f":
        return f"holds {printable(str(found.dtype), 60)} and not floating-point numbers"
    return ""


def _numbers(found: _Found) -> Array:
    """The array in float32. Raises UsageError where a value is no number."""
    with np.errstate(over="ignore"):  # what overflows is told below
        array: Array = np.ascontiguousarray(found.load(), np.float32)
    wrong = array.size - np.count_nonzero(np.isfinite(array))
    if wrong:
        values = "1 value that is" if wrong == 1 else f"{wrong} values that are"
        raise UsageError(Problem(f"{found.name} holds {values} NaN, infinite or too large for float32"))
    return array


def _found(given: Array | Path, name: str) -> _Found:
    """An array as it is, or by the header of its file. Raises UsageError for what is neither."""
    if isinstance(given, np.ndarray):
        return _Found(f"input '{name}'", given.shape, given.dtype, lambda: given)
    path = os.fspath(given)
    shape, dtype = _of_file(path, _header)

    def load() -> Array:
        array: Array = _of_file(path, lambda file: np.lib.format.read_array(file, allow_pickle=False))
        return array

    return _Found(f"'{printable(path, 200)}'", shape, dtype, load)


def _of_file(path: str, read: Callable[[IO[bytes]], Any]) -> Any:
    """What `read` gives of an `.npy` file. Raises UsageError where it cannot be read or is damaged."""
    shown = printable(path, 200)
    try:
        with open(path, "rb") as file:
            if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
                raise UsageError(Problem(f"'{shown}' is not an .npy file", None, "numpy.save writes them"))
            file.seek(0)
            return read(file)
    except OSError as error:
        raise UsageError(Problem(f"'{shown}' cannot be read: {error.strerror or error}")) from None
    except _DAMAGE as error:
        reason = printable(str(error).partition("\n")[0], 200) or type(error).__name__
        raise UsageError(Problem(f"'{shown}' cannot be loaded: {reason}")) from None


def _header(file: IO[bytes]) -> tuple[Shape, np.dtype[Any]]:
    """Shape and kind. A third version of headers is for records with names, which are no samples."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype
