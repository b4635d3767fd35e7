"""Weights from elsewhere as a network's own: matched, checked, and laid out layer by layer when they are asked for."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from msgspec import structs

from archcalc.errors import MOST_PROBLEMS, Problem, UsageError, printable
from archcalc.forward.kernels import Array
from archcalc.forward.matching.match import match_weights
from archcalc.forward.matching.report import Matching
from archcalc.forward.weight_files.entry import FLOATS, Entry, Held, WeightFile, entry_of
from archcalc.forward.weights import check_type
from archcalc.infer import InferredGraph
from archcalc.network import Network


class Fitted(Mapping[str, Array]):
    """All weights of a network, in its order, by its names.

    What is in memory, or in a file, as the network has it is handed out as it lies there. Everything else is laid out
    and converted each time it is asked for and kept by nobody: a network whose plan packs its weights layer by layer
    never has them in memory twice.
    """

    def __init__(self, matching: Matching, entries: Mapping[str, Entry], dtype: str) -> None:
        self.matching, self._entries, self.dtype = matching, entries, np.dtype(dtype)

    def __getitem__(self, name: str) -> Array:
        match = self.matching.matches[name]
        array = match.change.of(self._entries[match.given].array())
        fitted: Array = np.require(array, self.dtype, ("C_CONTIGUOUS", "ALIGNED"))
        return fitted

    def entries(self) -> list[Entry]:
        """The weights under the network's names and in its layout, of the types that they have in the file."""
        return [self._renamed(name) for name in self]

    def _renamed(self, name: str) -> Entry:
        match = self.matching.matches[name]
        entry = self._entries[match.given]
        if match.change.axes is None and not entry.fortran:
            return structs.replace(entry, name=name, shape=match.change.shape)
        turned = Held(lambda: np.ascontiguousarray(match.change.of(entry.array())))
        return Entry(name, match.change.shape, entry.dtype, turned)

    def __iter__(self) -> Iterator[str]:
        return iter(self.matching.matches)

    def __len__(self) -> int:
        return len(self.matching.matches)


def fit_weights(
    network: InferredGraph, arrays: Mapping[str, Array], source_name: str = "weights", dtype: str = "float32"
) -> Fitted:
    """Arrays by their names, or those of a file, → all weights of the network, in its order and as `dtype`.

    Names may be another program's where order and shapes leave no doubt: see `match_weights`. Raises UsageError with
    everything that is wrong: names that the network does not know, what is missing, arrays of another shape or kind,
    and values that are no numbers.
    """
    check_type(dtype)
    entries = entries_of(arrays)
    matching = match_weights(network, {name: entry.shape for name, entry in entries.items()}, source_name)
    problems = [*matching.problems, *_faults(matching, entries, source_name, dtype)]
    if len(problems) > MOST_PROBLEMS:
        more = Problem(f"{source_name}: and {len(problems) - MOST_PROBLEMS} more that do not fit {network.name}")
        problems[MOST_PROBLEMS:] = [more]
    if problems:
        raise UsageError(problems)
    return Fitted(matching, entries, dtype)


def own_weights(network: Network) -> Fitted | None:
    """The weights that a model file has for its network, mapped where they are float32; None for a spec.

    Raises UsageError as `fit_weights` does, and where the values are not in the file.
    """
    if network.weights is None:
        return None
    arrays = {name: stored.array() for name, stored in network.weights.items()}
    return fit_weights(network.graph, arrays, printable(network.spec.source.name, 200))


def entries_of(arrays: Mapping[str, Array]) -> Mapping[str, Entry]:
    """What a mapping holds, without reading it where it is a file."""
    if isinstance(arrays, WeightFile):
        return arrays.weights
    return {name: entry_of(name, array) for name, array in arrays.items()}


def _faults(matching: Matching, entries: Mapping[str, Entry], source_name: str, dtype: str) -> Iterator[Problem]:
    """What is wrong with the values of the arrays that are matched and have their shape."""
    for name, match in matching.matches.items():
        if name in matching.misshaped:
            continue
        entry = entries[match.given]
        fault = _fault(entry, dtype, name.endswith(".running_var"))
        if fault:
            yield Problem(f"{source_name}: '{printable(match.given, 100)}' {fault}")


def _fault(entry: Entry, dtype: str, variances: bool) -> str:
    if entry.dtype not in FLOATS:
        return f"holds {entry.dtype} and not floating-point numbers"
    wrong, negative = _count_wrong(entry.pieces(), dtype, variances)
    if wrong:
        values = "1 value that is" if wrong == 1 else f"{wrong} values that are"
        return f"holds {values} NaN, infinite or too large for {dtype}"
    return "holds negative variances" if negative else ""


def _count_wrong(pieces: Iterable[Array], dtype: str, variances: bool) -> tuple[int, bool]:
    """How many values are no numbers as `dtype`, and whether there is one below 0 where variances are."""
    wrong, negative = 0, False
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is counted
        for piece in pieces:
            converted = piece.astype(dtype, copy=False)
            wrong += converted.size - int(np.count_nonzero(np.isfinite(converted)))
            negative |= variances and bool((converted < 0).any())
    return wrong, negative
