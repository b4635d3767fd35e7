"""Network and weights → an ONNX model of standard nodes, for one size of batch or for any."""

import os
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archcalc.errors import Problem, UsageError
from archcalc.extras import need
from archcalc.files import write_whole
from archcalc.formats.onnx import RULES
from archcalc.formats.onnx.layer import Layer
from archcalc.formats.onnx_file import CONSTANTS, PRODUCER
from archcalc.forward.weights import stored as stored_weights
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


ANY = "batch"
"""What a batch is called whose size is known only when the model runs."""

MOST_GRAPH = 2**26
"""Bytes that are kept free, in a model with weights, for all else: a node takes about two hundred."""


def to_onnx(
    network: InferredGraph, weights: Mapping[str, Array], batch: int | None = 1, opset: int = OLDEST_OPSET
) -> "onnx.ModelProto":
    """The network as a model whose nodes give values with the names of its layers.

    `weights` are flat (`conv1.weight`) and all of one floating type, which is that of the model; they become its
    initialisers under the same names, running statistics included, shared ones once. Constants, which nobody learns,
    are named in the model's metadata, under `archcalc.constants` a line each. Inputs and output of the model have the
    batch in front: `(batch, 3, 224, 224)`; with `batch` None it may be of any size. `opset` is 21 or later.

    Raises UsageError where the package `onnx` is missing, where weights are missing or of other shapes, and where they
    are more than the 2 GiB that a model in one file can hold. Source: onnx.ai/onnx/operators.
    """
    need("onnx", "onnx", "onnx", "an ONNX model")
    from onnx import numpy_helper

    stored = _stored(network, weights)
    size = _size(stored)
    if size > LARGEST_MODEL:
        message = f"a model in one file holds at most 2 GiB, the weights are {size / 2**30:.2f} GiB"
        raise UsageError(Problem(message, None, "save_onnx puts them in a file beside it"))
    tensors = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in stored.items()]
    return _model(network, tensors, _common_type(stored), batch, opset)


def save_onnx(
    path: str,
    network: InferredGraph,
    weights: Mapping[str, Array],
    batch: int | None = 1,
    opset: int = OLDEST_OPSET,
    most: int = LARGEST_MODEL - MOST_GRAPH,
) -> None:
    """Write the model, otherwise as `to_onnx`; weights of more than `most` bytes go to a file `{path}.data` beside it.

    Both are written whole or not at all, the weights array by array and first: a model without them is never there.
    Source: onnx.ai/onnx/repo-docs/ExternalData.html.
    """
    stored = _stored(network, weights)
    if _size(stored) <= most:
        model = to_onnx(network, weights, batch, opset)
        write_whole(path, lambda file: file.write(model.SerializeToString()))
        return
    need("onnx", "onnx", "onnx", "an ONNX model")
    tensors, begin = [], 0
    for name, array in stored.items():
        tensors.append(_beside(name, array, f"{os.path.basename(path)}.data", begin))
        begin += _aligned(array.nbytes)
    model = _model(network, tensors, _common_type(stored), batch, opset)

    def write(file: IO[bytes]) -> None:
        for array in stored.values():
            file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
            file.write(bytes(_aligned(array.nbytes) - array.nbytes))

    write_whole(f"{path}.data", write)
    write_whole(path, lambda file: file.write(model.SerializeToString()))


def _aligned(size: int) -> int:
    """Up to the next page: readers map arrays into memory, which begins at pages."""
    return -(-size // 4096) * 4096


def _beside(name: str, array: Array, location: str, begin: int) -> "onnx.TensorProto":
    """An initialiser whose values stand in another file."""
    import onnx
    from onnx import helper

    tensor = onnx.TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", begin), ("length", array.nbytes)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _model(
    network: InferredGraph,
    tensors: "list[onnx.TensorProto]",
    dtype: "np.dtype[Any]",
    batch: int | None,
    opset: int,
) -> "onnx.ModelProto":
    """The model with these initialisers."""
    import onnx
    from onnx import helper, numpy_helper

    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise UsageError(Problem(f"opset {opset} cannot be written", None, f"{OLDEST_OPSET} to {newest}"))
    element = helper.np_dtype_to_tensor_dtype(dtype)

    def stated(name: str, shape: Shape) -> "onnx.ValueInfoProto":
        return helper.make_tensor_value_info(name, element, (ANY if batch is None else batch, *shape))

    layers = list(_layers(network, batch or 0, dtype))
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
        [*tensors, *(numpy_helper.from_array(array, name) for name, array in constants.items())],
        value_info=[value for node, value in values[:-1] if not isinstance(node.op, Input)],
    )
    imports = [helper.make_opsetid("", opset)]
    proto = helper.make_model(
        graph, producer_name=PRODUCER, opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports)
    )
    if fixed := [name for name, _, weight in stored_weights(network) if weight.role == "constant"]:
        helper.set_model_props(proto, {CONSTANTS: "\n".join(fixed)})
    return proto


def _layers(network: InferredGraph, batch: int, dtype: "np.dtype[Any]") -> Iterator[Layer]:
    """Every node but the inputs, written by its rule."""
    entry = next((node.name for node in network.nodes if isinstance(node.op, Input)), "")
    if not entry and not batch:
        raise UsageError(Problem("a network without an input has no batch of any size"))
    for node, shape in zip(network.nodes, network.shapes, strict=True):
        if isinstance(node.op, Input):
            continue
        names = [network.nodes[position].name for position in node.inputs]
        layer = Layer(node.name, _owner(network, node), names, network.inputs(node), shape, batch, dtype, entry)
        RULES[node.op.keyword](node.op, layer)
        yield layer


def _owner(network: InferredGraph, node: Node) -> str:
    """The name of the node whose weights it uses."""
    return node.name if node.shares is None else network.nodes[node.shares].name


def _stored(network: InferredGraph, weights: Mapping[str, Array]) -> dict[str, Array]:
    """All weights that the network has. Raises UsageError with each that is missing or misshaped."""
    problems, stored = [], {}
    for name, _, weight in stored_weights(network):
        if name not in weights:
            problems.append(Problem(f"the weights have no {name}"))
        elif weights[name].shape != weight.shape:
            hint = f"the network has {show_shape(weight.shape)}"
            problems.append(Problem(f"{name} is {show_shape(weights[name].shape)}", None, hint))
        else:
            stored[name] = weights[name]
    if problems:
        raise UsageError(problems)
    return stored


def _size(stored: Mapping[str, Array]) -> int:
    return sum(array.nbytes for array in stored.values())


def _common_type(weights: Mapping[str, Array]) -> "np.dtype[Any]":
    """The floating type of all weights, float32 where there are none. Raises UsageError where there are several."""
    types = sorted({str(array.dtype) for array in weights.values()})
    if len(types) > 1:
        raise UsageError(Problem(f"the weights are of several types: {', '.join(types)}"))
    return np.dtype(types[0] if types else "float32")
