"""The graph while it is put together: layers with their weights and where they come from, not yet named."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from archcalc.formats.importer.values import Constant
from archcalc.ops.base import Op, Shape


class Origin(Struct, frozen=True):
    """Where a layer comes from: the module that called it, the one whose weights it has, and its name in the file."""

    scope: str = ""
    owner: str = ""
    label: str = ""


class Draft(Struct, frozen=True):
    """A layer to be. `inputs` are positions in the list of drafts, `shape` is that of a sample's output."""

    op: Op
    inputs: tuple[int, ...]
    shape: Shape
    weights: Mapping[str, Constant] = {}
    origin: Origin = Origin()


class Sketch:
    """The drafts of a network. Passes replace drafts and let readers read others; what nobody reads is dropped last."""

    def __init__(self, drafts: Sequence[Draft], inputs: Sequence[int], outputs: Sequence[int]) -> None:
        self.drafts = list(drafts)
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.readers: list[set[int]] = [set() for _ in self.drafts]
        for position, draft in enumerate(self.drafts):
            for producer in draft.inputs:
                self.readers[producer].add(position)

    def replace(self, position: int, draft: Draft) -> None:
        """Put another draft in the place of one."""
        for producer in self.drafts[position].inputs:
            self.readers[producer].discard(position)
        self.drafts[position] = draft
        for producer in draft.inputs:
            self.readers[producer].add(position)

    def bypass(self, position: int, instead: int) -> None:
        """Let all that read one draft read another."""
        for reader in list(self.readers[position]):
            draft = self.drafts[reader]
            inputs = tuple(instead if producer == position else producer for producer in draft.inputs)
            self.replace(reader, Draft(draft.op, inputs, draft.shape, draft.weights, draft.origin))
        self.outputs = [instead if output == position else output for output in self.outputs]

    def only_reader(self, position: int) -> int | None:
        """The one draft that reads this one; None where there are several, none, or the network gives it out."""
        readers = self.readers[position]
        return next(iter(readers)) if len(readers) == 1 and position not in self.outputs else None

    def kept(self) -> list[int]:
        """The drafts that an output depends on, and all inputs, in order: each is behind what it reads."""
        found = {*self.inputs, *self.outputs}
        pending = list(found)
        while pending:
            for producer in self.drafts[pending.pop()].inputs:
                if producer not in found:
                    found.add(producer)
                    pending.append(producer)
        return sorted(found)
