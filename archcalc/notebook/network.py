"""A network as the table of its layers, at batch 1 in float32."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archcalc.network import Network

if TYPE_CHECKING:
    import os


class ShownNetwork(Network, frozen=True):
    """A Network that a notebook shows as `summary` does."""

    def _repr_html_(self) -> str:
        from archcalc.notebook.analysis import ShownAnalysis

        return ShownAnalysis(self.spec, self.graph)._repr_html_()


def load(
    network: "str | os.PathLike[str]",
    input: str | Iterable[int] | None = None,  # noqa: A002 - the words of the command line
    set: Mapping[str, Any] | None = None,  # noqa: A002
    training: bool = False,
) -> ShownNetwork:
    """A network of the zoo, a `.yaml` or `.onnx` path, or `-` for a spec on standard input: `archcalc.opening.load`,
    which tells the options and the errors."""
    from archcalc.opening import load as load_network

    return _shown(load_network(network, input, set, training))


def loads(text: str, input: str | Iterable[int] | None = None, set: Mapping[str, Any] | None = None) -> ShownNetwork:  # noqa: A002
    """A network from the text of a spec; otherwise as `load`."""
    from archcalc.network import loads as load_text

    return _shown(load_text(text, input, set))


def from_torch(module: Any, input_shape: Any, name: str = "") -> ShownNetwork:
    """A network of PyTorch: `archcalc.opening.from_torch`, which tells the rest."""
    from archcalc.opening import from_torch as opened

    return _shown(opened(module, input_shape, name))


def _shown(network: Network) -> ShownNetwork:
    return ShownNetwork(network.spec, network.graph, network.weights)
