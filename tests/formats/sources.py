"""Sources as tests run them: small networks around an operator, and sources written, imported and computed."""

import importlib.util
import itertools
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from ops.cases import Sample

from archcalc.forward.kernels import Array
from archcalc.forward.reference import run_reference
from archcalc.forward.weights import random_weights
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.ops import Add, Input

_NUMBERS = itertools.count()


def around(case: Sample) -> InferredGraph:
    """A network of one operator, called `layer`; what takes no input is added to one."""
    shapes = case.inputs or (case.op.output(()),)
    sources = [Node(f"x{i}", Input(shape)) for i, shape in enumerate(shapes)]
    layer = Node("layer", case.op, tuple(range(len(case.inputs))))
    behind = () if case.inputs else (Node("sum", Add(), (0, 1)),)
    return infer(Graph("one", (*sources, layer, *behind)))


def drawn(network: InferredGraph, batch: int = 2) -> tuple[list[Array], dict[str, Array]]:
    """Samples of both signs, and fresh weights of which no two channels are alike."""
    rng = np.random.default_rng(0)
    inputs = [
        rng.standard_normal((batch, *shape))
        for node, shape in zip(network.nodes, network.shapes, strict=True)
        if isinstance(node.op, Input)
    ]
    weights = random_weights(network, dtype="float64")
    for array in weights.values():
        array *= rng.uniform(0.8, 1.2, array.shape)
        array += rng.uniform(0.0, 0.05, array.shape)
    return inputs, weights


def by_reference(network: InferredGraph, inputs: list[Array], weights: Mapping[str, Array]) -> Array:
    *_, (_, output) = run_reference(network, weights, inputs)
    return output


def imported(text: str, folder: Path) -> ModuleType:
    """The module that a source is."""
    path = folder / f"source{next(_NUMBERS)}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def last_class(module: ModuleType) -> Any:
    """The network of a source for torch: its last class."""
    *_, kind = (value for value in vars(module).values() if isinstance(value, type))
    return kind
