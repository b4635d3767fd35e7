"""A module of PyTorch → a Program, through `torch.export` and torch's own translation of it to ONNX's operators.

Nothing is written to a file and nothing copied: arrays are the module's own. torch is imported here and nowhere else.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from archcalc.errors import Problem, UsageError, printable
from archcalc.extras import need
from archcalc.formats.importer.program import Dim, Operation, Program, Tensor
from archcalc.formats.importer.scopes import NAME_SCOPES, scope_of, state_name
from archcalc.formats.onnx_file import TYPES, Stored
from archcalc.ops.base import Shape

_KIND = "pkg.torch.export.graph_signature.InputSpec.kind"


def program_of(module: Any, shapes: Iterable[Shape]) -> Program:
    """The program of a module on inputs of these shapes, a sample each, as it is at inference.

    Raises UsageError where torch or its exporter's package onnxscript is missing, for what is no module, and where
    torch cannot export it: the reason is torch's own.
    """
    torch = need("torch", "torch", "torch", "a module of PyTorch")
    need("onnxscript", "onnxscript", "torch", "a module of PyTorch")
    if not isinstance(module, torch.nn.Module):
        raise UsageError(Problem(f"from_torch takes a torch.nn.Module, this is a {type(module).__name__}"))
    name = type(module).__name__
    with _at_inference(module):
        samples = tuple(torch.zeros(1, *shape, **_like_its_own(module)) for shape in shapes)
        model = _exported(torch, module, samples, name)
    return _program(model, name)


@contextmanager
def _at_inference(module: Any) -> Iterator[None]:
    """With each part of a module in evaluation mode, and as it was afterwards."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _like_its_own(module: Any) -> dict[str, Any]:
    """The type and the device of the module's own numbers."""
    first = next((array for array in module.parameters() if array.is_floating_point()), None)
    return {} if first is None else {"dtype": first.dtype, "device": first.device}


def _exported(torch: ModuleType, module: Any, samples: tuple[Any, ...], name: str) -> Any:
    import logging
    import warnings

    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # what torch has to say of its own insides
            return torch.onnx.export(module, samples, dynamo=True, optimize=False, verbose=False).model
    except Exception as error:  # of whatever kind: it is torch's, about the user's code
        cause: BaseException = error
        while cause.__cause__ is not None:  # torch says first that it failed, and behind that why
            cause = cause.__cause__
        reason = printable(str(cause).strip().partition("\n")[0], 300) or type(cause).__name__
        raise UsageError(Problem(f"torch cannot export {name}: {reason}")) from error
    finally:
        quiet.setLevel(level)


def _program(model: Any, name: str) -> Program:
    graph = model.graph
    tensors = {
        value.name: Tensor(_stored(value.const_value, value.name), state_name(value.name), _is_learned(value))
        for value in graph.initializers.values()
    }
    inputs = {value.name: _shape(value) for value in graph.inputs if value.name not in tensors}
    operations = tuple(_operation(node) for node in graph)
    outputs = tuple(value.name for value in graph.outputs)
    stated = {value.name: _shape(value) for node in graph for value in node.outputs if value.shape is not None}
    return Program(name, inputs, tensors, operations, outputs, model.opset_imports[""], stated, True)


def _is_learned(value: Any) -> bool:
    return bool(value.metadata_props.get(_KIND) == "PARAMETER")


def _shape(value: Any) -> tuple[Dim, ...]:
    return tuple(size if isinstance(size, int) else None for size in value.shape or ())


def _stored(tensor: Any, name: str) -> Stored:
    """An array that lies where torch has it."""
    dtype = TYPES.get(tensor.dtype.value, (str(tensor.dtype), 0))[0]

    def made() -> Any:
        import numpy as np

        array = tensor.numpy()
        return array.view(np.uint16) if dtype == "bfloat16" else array

    return Stored(name, tuple(int(size) for size in tensor.shape), dtype, made=made)


def _operation(node: Any) -> Operation:
    inputs = tuple("" if value is None else value.name for value in node.inputs)
    outputs = tuple(value.name for value in node.outputs)
    scope = scope_of(node.name or "", node.op_type, node.metadata_props.get(NAME_SCOPES, ""))
    attributes = dict(_attributes(node.attributes))
    return Operation(node.op_type, inputs, outputs, attributes, node.name or "", scope, node.domain)


def _attributes(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, attribute in attributes.items():
        value = attribute.value
        if attribute.type.name == "TENSOR":
            yield name, Tensor(_stored(value, name))
        else:
            yield name, tuple(value) if isinstance(value, (list, tuple)) else value
