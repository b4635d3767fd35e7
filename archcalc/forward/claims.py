"""What is claimed of layers and what was observed: plain values that those who show them can have without numpy."""

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

from archcalc.ops.base import Shape

if TYPE_CHECKING:  # as in analysis.receptive_field
    from fractions import Fraction

Kind: TypeAlias = Literal["shape", "macs", "rf", "memory"]
KINDS: tuple[Kind, ...] = ("shape", "macs", "rf", "memory")
"""What is claimed of a layer: its output shape, its multiply-accumulates, its receptive field, and what is alive while
it runs."""


class Extent(Struct, frozen=True):
    """The receptive field along one axis of the input; None for what could not be observed of it."""

    size: int
    stride: "int | Fraction | None"
    padding: int | None


class Claim(Struct, frozen=True):
    """One claim about a layer or a network.

    `predicted` and `observed` are a shape, a number, or for receptive fields an `Extent` or a word for each axis of the
    input; `observed` is None where nothing was. `agrees` is None where the claim cannot be observed, and `remark` says
    why; where the two disagree, it says in what.
    """

    predicted: Any
    observed: Any
    agrees: bool | None
    remark: str = ""


class Count(Struct, frozen=True):
    """How many claims of a kind agree with what was observed, disagree with it, and could not be observed."""

    agree: int
    disagree: int
    unobserved: int


class LayerProof(Struct, frozen=True):
    """The claims about one layer, by kind: those that were asked for; a layer without products has none about MACs."""

    name: str
    op: str
    claims: dict[Kind, Claim]


class Proof(Struct, frozen=True):
    """A network held against itself while it runs.

    `totals` are claims about the whole network: `macs`, `peak` (the most bytes that are alive at once), `peak_layer`
    and `allocated` (the same by numpy's allocator). `strips` are the inputs of the maps on which receptive fields were
    observed beside the network's own.
    """

    network: str
    input: Shape
    seed: int
    kinds: tuple[Kind, ...]
    layers: tuple[LayerProof, ...]
    totals: dict[str, Claim]
    strips: tuple[Shape, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing disagrees."""
        claims = [claim for layer in self.layers for claim in layer.claims.values()]
        return all(claim.agrees is not False for claim in (*claims, *self.totals.values()))

    def count(self, kind: Kind) -> Count:
        """The claims of one kind about layers."""
        found = [layer.claims[kind].agrees for layer in self.layers if kind in layer.claims]
        return Count(found.count(True), found.count(False), found.count(None))
