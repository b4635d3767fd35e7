"""A path → the arrays of the file, whatever kind it is; and why some kinds are not read."""

import os
import zipfile

from archcalc.errors import Problem, UsageError, printable
from archcalc.forward.weight_files.entry import WeightFile, unreadable
from archcalc.forward.weight_files.npz import read_npz
from archcalc.forward.weight_files.safetensors import INDEX, read_safetensors, read_shards

_PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin")
_FROM_TORCH = "in torch: safetensors.torch.save_file(torch.load('{}', weights_only=True), 'weights.safetensors')"
_FROM_KERAS = "in Keras: numpy.savez('weights.npz', **{v.path: v.numpy() for v in model.weights})"


def load_weights(path: str | os.PathLike[str]) -> WeightFile:
    """The arrays of an `.npz` or `.safetensors` file, or of an index of shards, by their names, whatever network they
    are for. What kind of file it is, its content says.

    Nothing is read but names, shapes and types; values are mapped when they are asked for. Python objects, which can
    run code when they are loaded, are refused, and so are torch's files, which are such. Raises UsageError for a file
    that cannot be read, is none of these kinds, or is damaged.
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            begin = file.read(9)
            if begin[:4] in (b"PK\3\4", b"PK\5\6"):  # how zip archives begin, full ones and empty ones
                _refuse_archives_of_others(path)
                file.seek(0)
                return WeightFile(path, "npz", read_npz(path, file))
    except OSError as error:
        raise unreadable(path, error) from None
    if path.endswith(INDEX):
        return WeightFile(path, "safetensors", read_shards(path))
    if path.endswith(".safetensors") or begin[8:] == b"{":
        return WeightFile(path, "safetensors", read_safetensors(path))
    raise UsageError(_unknown(path, begin))


def _refuse_archives_of_others(path: str) -> None:
    """torch and Keras write zip archives, too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:
        return
    if any(name.endswith("/data.pkl") for name in names):
        raise UsageError(_pickle(path))
    if any(name.endswith(".weights.h5") for name in names):
        raise UsageError(Problem(f"'{printable(path, 200)}' is a file of Keras, which is not read", None, _FROM_KERAS))


def _unknown(path: str, begin: bytes) -> Problem:
    shown, ending = printable(path, 200), os.path.splitext(path)[1].lower()
    if begin[:1] == b"\x80" or ending in _PICKLES:
        return _pickle(path)
    if ending == ".onnx":
        hint = "archcalc.formats.weights.open_weights gives its initialisers"
        return Problem(f"'{shown}' is a model and no file of weights alone", None, hint)
    if begin[:8] == b"\x89HDF\r\n\x1a\n":
        return Problem(f"'{shown}' is an HDF5 file, which is not read", None, _FROM_KERAS)
    return Problem(f"'{shown}' is no file of weights that is read", None, ".npz, .safetensors and .onnx are")


def _pickle(path: str) -> Problem:
    message = f"'{printable(path, 200)}' is a pickle, as torch.save writes them: to load one is to run the code in it"
    return Problem(message, None, _FROM_TORCH.format(printable(os.path.basename(path), 100)))
