"""Network and weights → an ONNX model of standard nodes, for one size of batch."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archcalc.errors import Problem, UsageError
from archcalc.extras import need
from archcalc.formats.onnx import RULES
from archcalc.formats.onnx.layer import Layer
from archcalc.graph import Node
from archcalc.infer import InferredGraph
from archcalc.ops.base import Shape, show_shape
from archcalc.ops.source import Input

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[Any]

OLDEST_OPSET = 21
"""The first in which GroupNormalization has a scale for each channel; Gelu is there since 20."""

LARGEST_MODEL = 2**31 - 1
"""Bytes that one file of protocol buffers can hold."""


def to_onnx(
    network: InferredGraph, weights: Mapping[str, Array], batch: int = 1, opset: int = OLDEST_OPSET
) -> "onnx.ModelProto":
    """The network as a model whose nodes give values with the names of its layers.

    `weights` are flat (`conv1.weight`) and all of one floating type, which is that of the model; they become its
    initialisers under the same names, running statistics included, shared ones once. Inputs and output of the model
    have the batch in front: `(batch, 3, 224, 224)`. `opset` is 21 or later.

    Raises UsageError where the package `onnx` is missing, where weights are missing or of other shapes, and where they
    are more than the 2 GiB that a model in one file can hold. Source: onnx.ai/onnx/operators.
    """
    need("onnx", "onnx", "onnx", "an ONNX model")
    import onnx
    from onnx import helper, numpy_helper

    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise UsageError(Problem(f"opset {opset} cannot be written", None, f"{OLDEST_OPSET} to {newest}"))
    stored = {name: weights[name] for name in _stored(network, weights)}
    dtype = _common_type(stored)
    element = helper.np_dtype_to_tensor_dtype(dtype)

    def stated(name: str, shape: Shape) -> "onnx.ValueInfoProto":
        return helper.make_tensor_value_info(name, element, (batch, *shape))

    layers = list(_layers(network, batch, dtype))
    nodes = [
        helper.make_node(call.kind, call.inputs, call.outputs, call.outputs[0], **call.attributes)
        for layer in layers
        for call in layer.calls
    ]
    constants = {name: array for layer in layers for name, array in layer.constants.items()}
    values = [(node, stated(node.name, shape)) for node, shape in zip(network.nodes, network.shapes, strict=True)]
    graph = helper.make_graph(
        nodes,
        network.name,
        [value for node, value in values if isinstance(node.op, Input)],
        [values[-1][1]],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in (stored | constants).items()],
        value_info=[value for node, value in values[:-1] if not isinstance(node.op, Input)],
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(
        graph, producer_name="archcalc", opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports)
    )


def _layers(network: InferredGraph, batch: int, dtype: "np.dtype[Any]") -> Iterator[Layer]:
    """Every node but the inputs, written by its rule."""
    for node, shape in zip(network.nodes, network.shapes, strict=True):
        if isinstance(node.op, Input):
            continue
        names = [network.nodes[position].name for position in node.inputs]
        layer = Layer(node.name, _owner(network, node), names, network.inputs(node), shape, batch, dtype)
        RULES[node.op.keyword](node.op, layer)
        yield layer


def _owner(network: InferredGraph, node: Node) -> str:
    """The name of the node whose weights it uses."""
    return node.name if node.shares is None else network.nodes[node.shares].name


def _stored(network: InferredGraph, weights: Mapping[str, Array]) -> Iterator[str]:
    """The names of all weights that the network has. Raises UsageError with each that is missing or misshaped."""
    problems, size = [], 0
    for position, node in enumerate(network.nodes):
        for weight in network.weights(position) if node.shares is None else ():
            name = f"{node.name}.{weight.name}"
            if name not in weights:
                problems.append(Problem(f"the weights have no {name}"))
            elif weights[name].shape != weight.shape:
                hint = f"the network has {show_shape(weight.shape)}"
                problems.append(Problem(f"{name} is {show_shape(weights[name].shape)}", None, hint))
            else:
                size += weights[name].nbytes
                yield name
    if size > LARGEST_MODEL:
        problems.append(Problem(f"a model in one file holds at most 2 GiB, the weights are {size / 2**30:.2f} GiB"))
    if problems:
        raise UsageError(problems)


def _common_type(weights: Mapping[str, Array]) -> "np.dtype[Any]":
    """The floating type of all weights, float32 where there are none. Raises UsageError where there are several."""
    types = sorted({str(array.dtype) for array in weights.values()})
    if len(types) > 1:
        raise UsageError(Problem(f"the weights are of several types: {', '.join(types)}"))
    return np.dtype(types[0] if types else "float32")
