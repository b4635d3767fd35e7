"""archcalc: exact shapes, parameters, memory, operations and receptive fields of convolutional networks, explained.

>>> import archcalc
>>> network = archcalc.load("alexnet")
>>> archcalc.analyse(network).params.params
62378344
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archcalc.analysis.memory import Model
    from archcalc.analysis.whole import Analysis
    from archcalc.errors import ArchcalcError, ShapeError, SpecError, UsageError
    from archcalc.network import Network
    from archcalc.notebook.difference import difference
    from archcalc.notebook.explanation import explain_layer, explain_network
    from archcalc.notebook.formula import formula
    from archcalc.notebook.network import from_torch, load, loads
    from archcalc.notebook.picture import plot
    from archcalc.notebook.proof import prove
    from archcalc.notebook.run import run
    from archcalc.notebook.sweep import sweep
    from archcalc.opening import export

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "ArchcalcError",
    "Network",
    "ShapeError",
    "SpecError",
    "UsageError",
    "analyse",
    "difference",
    "explain_layer",
    "explain_network",
    "export",
    "formula",
    "from_torch",
    "load",
    "loads",
    "plot",
    "prove",
    "run",
    "sweep",
]

_HOMES = {
    "Analysis": "archcalc.analysis.whole",
    "ArchcalcError": "archcalc.errors",
    "Network": "archcalc.network",
    "ShapeError": "archcalc.errors",
    "SpecError": "archcalc.errors",
    "UsageError": "archcalc.errors",
    "difference": "archcalc.notebook.difference",
    "explain_layer": "archcalc.notebook.explanation",
    "explain_network": "archcalc.notebook.explanation",
    "export": "archcalc.opening",
    "formula": "archcalc.notebook.formula",
    "from_torch": "archcalc.notebook.network",
    "load": "archcalc.notebook.network",
    "loads": "archcalc.notebook.network",
    "plot": "archcalc.notebook.picture",
    "prove": "archcalc.notebook.proof",
    "run": "archcalc.notebook.run",
    "sweep": "archcalc.notebook.sweep",
}


def analyse(
    network: "Network | str",
    batch: int = 1,
    dtype: str = "float32",
    model: "Model" = "peak",
    training: bool = False,
) -> "Analysis":
    """All analyses of a network, or of one by name or path: `.params`, `.cost`, `.memory` and `.fields`.

    `batch` multiplies operations and activations; `dtype` is that of weights and activations (float64, float32,
    float16, bfloat16, int8); `model` says what memory of activations counts (lecture, all, peak); `training` counts
    the forward pass of training. A notebook shows its table of layers. Raises ArchcalcError for what cannot be found,
    read or fitted together.
    """
    from archcalc.notebook.analysis import ShownAnalysis
    from archcalc.opening import load

    found = load(network, training=training) if isinstance(network, str) else network
    return ShownAnalysis(found.spec, found.graph, batch, dtype, model, training, found.weights)


def __getattr__(name: str) -> Any:
    """The names of the API, imported when they are used: `import archcalc` itself costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'archcalc' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
