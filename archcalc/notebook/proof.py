"""A proof as the tables of what was predicted and what was observed."""

from typing import Any

from msgspec.structs import asdict

from archcalc import opening
from archcalc.forward.claims import Proof
from archcalc.infer import InferredGraph
from archcalc.network import Network


class ShownProof(Proof, frozen=True):
    """A Proof that a notebook shows as `prove --per-layer` does."""

    def _repr_html_(self) -> str:
        from archcalc.render.web import fragment
        from archcalc.views.proof import Proven, tables

        return "".join(map(fragment, tables([Proven(self.network, self.network, self)], per_layer=True)))


def prove(network: Network | InferredGraph | str, *arguments: Any, **options: Any) -> ShownProof:
    """Hold the claims about a network, or one by name or path, against what it does: `archcalc.forward.proof.prove`,
    which tells the options."""
    return ShownProof(**asdict(opening.prove(network, *arguments, **options)))
