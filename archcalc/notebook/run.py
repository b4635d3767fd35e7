"""A run as the table of what came out."""

from typing import Any

from msgspec.structs import asdict

from archcalc import opening
from archcalc.analysis.whole import Analysis
from archcalc.forward.report import is_vector
from archcalc.forward.run import Run
from archcalc.network import Network


class ShownRun(Run, frozen=True):
    """A Run that a notebook shows as `run` does; `network` is what ran."""

    network: Network

    def _repr_html_(self) -> str:
        from archcalc.render.web import fragment
        from archcalc.views.run import output

        analysis = Analysis(self.network.spec, self.network.graph, self.batch)
        answer = self.top() if is_vector(self.output_shape) else self.spreads()
        return fragment(output(analysis, self, answer, {}))


def run(network: Network | str, x: Any = None, **options: Any) -> ShownRun:
    """Run a network, or one by name or path, on samples: `archcalc.opening.run`, which tells the options."""
    ran = opening.load(network) if isinstance(network, str) else network
    found = opening.run(ran, x, **options)
    return ShownRun(**asdict(found), network=ran)
