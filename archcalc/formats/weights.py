"""Files of weights of any kind that is read: numpy's and safetensors', and the initialisers of ONNX models."""

import os

from archcalc.forward.weight_files.entry import Entry, Held, WeightFile
from archcalc.forward.weight_files.opened import load_weights


def open_weights(path: str | os.PathLike[str]) -> WeightFile:
    """The arrays of an `.npz`, `.safetensors` or `.onnx` file by their names; their values are mapped when asked for.

    Raises UsageError for a file that cannot be read, is of no such kind, or is damaged, and where a package is missing
    that its kind needs.
    """
    path = os.fspath(path)
    if not path.lower().endswith(".onnx"):
        return load_weights(path)
    from archcalc.formats.onnx_file import Stored, read_model

    def entry(stored: Stored) -> Entry:
        place = (stored.path, stored.offset) if stored.made is None and stored.path else None
        return Entry(stored.name, stored.shape, stored.dtype, Held(stored.array), place=place)

    return WeightFile(path, "onnx", {name: entry(stored) for name, stored in read_model(path).initialisers.items()})
