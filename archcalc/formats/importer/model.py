"""A model file → a network of ours with its weights: what `archcalc.load` does with an `.onnx` path."""

import os

from archcalc.errors import ArchcalcError, Problem, printable
from archcalc.formats.importer.onnx_program import to_program
from archcalc.formats.importer.opened import Opened, opened
from archcalc.formats.importer.patterns import recognise
from archcalc.formats.onnx_file import read_model
from archcalc.ops.base import Shape


def open_model(path: str, shape: Shape | None = None) -> Opened:
    """The network of an ONNX file, its input in the shape of a sample, where one is given.

    Raises UsageError for a file that cannot be read and for what its graph says that cannot be, ShapeError for layers
    that do not fit together; each names the file.
    """
    program = to_program(read_model(path))
    try:
        return opened(program, os.path.splitext(os.path.basename(path))[0], shape, recognise)
    except ArchcalcError as error:
        shown = printable(path, 200)
        raise type(error)(
            Problem(f"'{shown}': {problem.message}", problem.span, problem.hint, problem.details)
            for problem in error.problems
        ) from None
