"""A name or a path → text → Spec: where specs lie, and the ones they extend."""

import os
import re
import sys
from collections.abc import Iterator

from archcalc.errors import Problem, Problems, Source, SpecError, UsageError, did_you_mean, printable
from archcalc.spec.model import Spec, Text
from archcalc.spec.schema import read_spec, read_text
from archcalc.spec.tree import MAX_BYTES, Scalar, read_tree

_SUFFIXES = (".yaml", ".yml")
_MAX_EXTENDS = 16
SPACES = "spaces/"


def specs_folder() -> str:
    """The folder of the zoo: `archcalc/specs` of a wheel, `specs` beside the package in a checkout or editable install.

    Looked for by path: `importlib.resources` finds the first only, and importing it costs more than reading a spec.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = os.path.join(package, "specs")
    return installed if os.path.isdir(installed) else os.path.join(os.path.dirname(package), "specs")


def names() -> list[str]:
    """The names of all networks in the zoo."""
    return _names_in(specs_folder())


def spaces() -> list[str]:
    """The names of the design spaces: specs whose variables span many networks, called spaces/NAME."""
    return [SPACES + name for name in _names_in(os.path.join(specs_folder(), SPACES))]


def _names_in(folder: str) -> list[str]:
    return sorted(entry.name[:-5] for entry in os.scandir(folder) if entry.name.endswith(".yaml"))


def find(network: str, beside: str = "") -> Source:
    """The text of a zoo name, `spaces/NAME` among them, a path ending in `.yaml` or `.yml`, or `-` for standard input.

    `beside` is the file that a relative path counts from. Raises UsageError for what cannot be found or read.
    """
    if network == "-":
        if sys.stdin is None:
            raise UsageError(Problem("standard input is closed"))
        return Source("<stdin>", _decode("<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1)))
    in_space = re.fullmatch(SPACES + r"\w+", network) is not None
    if not in_space and (network.endswith(_SUFFIXES) or "/" in network or os.sep in network):
        path = os.path.join(os.path.dirname(beside), network) if beside else network
        return Source(path, _decode(path, _read(path)))
    path = os.path.join(specs_folder(), f"{network}.yaml")
    if not os.path.isfile(path):
        if os.path.isdir(network):
            raise UsageError(Problem(f"'{printable(network, 60)}' is a directory", None, "name a .yaml file in it"))
        hint = did_you_mean(network, [*names(), *spaces()])
        if os.path.isfile(network):
            hint = f"specs are files that end in .yaml: '{printable(network, 60)}' does not"
        raise UsageError(Problem(f"there is no network '{printable(network, 60)}' in the zoo", None, hint))
    shown = os.path.relpath(path)
    return Source(path if shown.startswith("..") else shown, _decode(path, _read(path)))


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = did_you_mean(os.path.basename(path), _neighbours(path))
        raise UsageError(Problem(f"there is no file '{printable(path, 200)}'", None, hint)) from None
    except IsADirectoryError:
        raise UsageError(Problem(f"'{printable(path, 200)}' is a directory", None, "name a .yaml file in it")) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(Problem(f"'{printable(path, 200)}' cannot be read: {reason}")) from None


def _neighbours(path: str) -> Iterator[str]:
    try:
        yield from (entry.name for entry in os.scandir(os.path.dirname(path) or ".") if entry.name.endswith(_SUFFIXES))
    except OSError:
        return


def _decode(name: str, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        limit = f"a spec has at most {MAX_BYTES // 2**20} MiB"
        raise UsageError(Problem(f"'{printable(name, 200)}' is too large", None, limit))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = f"byte {data[error.start]:#04x} at {error.start} is not UTF-8"
        raise UsageError(Problem(f"'{printable(name, 200)}' is not text", None, hint)) from None


def read(network: str) -> tuple[Spec, Problems]:
    """The Spec of a network by name or path, and what is wrong with its words."""
    return parse(find(network))


def parse(source: Source) -> tuple[Spec, Problems]:
    """The Spec of a text, the chain of specs it extends taken in, and what is wrong with its words."""
    problems = Problems()
    chain: list[Text] = []
    seen: list[str] = []
    while True:
        text, found = read_text(source, read_tree(source))
        problems += found
        chain.append(text)
        seen.append(os.path.realpath(source.name))
        base = text.entries.get("extends")
        if not isinstance(base, Scalar) or not isinstance(base.value, str):
            break  # there is none, or what it should be has been said
        try:
            source = _extended(text, base.value, seen)
        except SpecError as error:
            problems += error.problems
            break
    spec: Spec | None = None
    for text in reversed(chain):
        spec, found = read_spec(text, spec)
        problems += found
    assert spec is not None  # noqa: S101 - the chain holds at least the file itself
    return spec, problems


def labels_of(spec: Spec) -> tuple[str, ...]:
    """What the outputs of a network are called, in their order; nothing where nobody says so.

    A file of labels has one a line. Raises UsageError where it cannot be read.
    """
    if isinstance(spec.labels, tuple):
        return spec.labels
    return tuple(_decode(spec.labels, _read(spec.labels)).splitlines())


def _extended(text: Text, base: str, seen: list[str]) -> Source:
    span = text.entries["extends"].span
    if base in ("", "-"):
        raise SpecError(Problem("extends names a spec: a network of the zoo, or a .yaml file", span))
    sibling = os.path.join(os.path.dirname(text.source.name), f"{base}.yaml")
    name = f"./{base}.yaml" if not base.endswith(_SUFFIXES) and os.path.isfile(sibling) else base
    try:
        source = find(name, beside=text.source.name if text.source.name != "<stdin>" else "")
    except UsageError as error:
        first = error.problems[0]
        raise SpecError(Problem(first.message, span, first.hint)) from None
    if os.path.realpath(source.name) in seen:
        raise SpecError(Problem(f"'{printable(base, 60)}' extends itself in the end", span))
    if len(seen) >= _MAX_EXTENDS:
        raise SpecError(Problem(f"more than {_MAX_EXTENDS} specs extend one another", span))
    return source
