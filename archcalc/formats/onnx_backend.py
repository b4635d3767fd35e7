"""ONNX's interface for backends on our kernels: a model computed node by node, with the meaning of its opset.

It is meant for checking: ONNX's own suite of operators runs over it (docs/onnx_backend.md). Networks run faster by
`archcalc.run`. Source: onnx.backend.base.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from archcalc.errors import Problem, UsageError, printable
from archcalc.extras import need
from archcalc.formats.compute import LARGEST, compute
from archcalc.forward.kernels import Array

need("onnx", "onnx", "onnx", "the ONNX backend")

import onnx  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402
from onnx.backend.base import Backend, BackendRep, namedtupledict  # noqa: E402

_OWN = ("", "ai.onnx")

Value: TypeAlias = Array | list[Any] | None
"""A tensor, a sequence of them, or an optional value that is not there."""


class Prepared(BackendRep):
    """A model that was checked, with its stored values decoded; it may be run any number of times."""

    def __init__(self, model: onnx.ModelProto, limit: int = LARGEST) -> None:
        graph = model.graph
        self._graph = graph
        self._limit = limit
        self._opset = _opset(model.opset_import)
        self._stored: dict[str, Value] = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
        self._inputs = [value.name for value in graph.input if value.name not in self._stored]

    def run(self, inputs: Sequence[Value] | Mapping[str, Value], **_: Any) -> tuple[Any, ...]:
        """The outputs of the model, by place and by name. `inputs` are as the model lists those that it does not store.

        Raises UsageError where inputs are missing or too many, and where a node cannot be computed.
        """
        values = {**self._stored, **self._given(inputs)}
        last = _last_uses(self._graph)
        for place, node in enumerate(self._graph.node):
            arguments = [values[name] if name else None for name in node.input]
            results = _computed(node, arguments, self._opset, self._limit)
            values.update(zip(node.output, results, strict=True))
            for name in last.get(place, ()):
                del values[name]
        names = [value.name for value in self._graph.output]
        return _by_name(names, [values[name] for name in names])

    def _given(self, inputs: Sequence[Value] | Mapping[str, Value]) -> Mapping[str, Value]:
        if isinstance(inputs, Mapping):
            return inputs
        if len(inputs) == len(self._graph.input) > len(self._inputs):
            return {value.name: x for value, x in zip(self._graph.input, inputs, strict=True)}
        if len(inputs) != len(self._inputs):
            raise UsageError(Problem(f"{len(inputs)} inputs are given", None, f"the model has {len(self._inputs)}"))
        return dict(zip(self._inputs, inputs, strict=True))


def _computed(node: onnx.NodeProto, inputs: Sequence[Value], opset: int, limit: int) -> tuple[Value, ...]:
    """The outputs of a node. Raises UsageError that names it."""
    if node.domain not in _OWN:
        raise UsageError(
            Problem(f"{_named(node)} is of the domain {printable(node.domain, 60)}, which is not computed")
        )
    attributes = {attribute.name: _decoded(attribute) for attribute in node.attribute}
    arrays = cast(Sequence[Array | None], inputs)
    try:
        return compute(node.op_type, arrays, attributes, opset, len(node.output), limit)
    except UsageError as error:
        raise UsageError(Problem(f"{_named(node)}: {error}")) from error


def _by_name(names: Sequence[str], values: Sequence[Value]) -> tuple[Any, ...]:
    """A tuple that can be asked by place and by name."""
    outputs: Any = namedtupledict("Outputs", names)
    return cast(tuple[Any, ...], outputs(*values))


def _decoded(attribute: onnx.AttributeProto) -> Any:
    """An attribute as Python has it: a number, a text, an array, or a tuple of them."""
    value = helper.get_attribute_value(attribute)
    return tuple(map(_plain, value)) if isinstance(value, Sequence) and not isinstance(value, bytes) else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _named(node: onnx.NodeProto) -> str:
    return printable(f"node {node.name or ', '.join(node.output)}", 80)


def _opset(imports: Sequence[onnx.OperatorSetIdProto]) -> int:
    """The version of ONNX's own operators that a model asks for."""
    return max((entry.version for entry in imports if entry.domain in _OWN), default=1)


def _last_uses(graph: onnx.GraphProto) -> dict[int, list[str]]:
    """For each node by its place, the values that no later node reads and that are no outputs of the model."""
    last = {name: place for place, node in enumerate(graph.node) for name in (*node.output, *node.input) if name}
    for value in graph.output:
        last.pop(value.name, None)
    ends: dict[int, list[str]] = {}
    for name, place in last.items():
        ends.setdefault(place, []).append(name)
    return ends


def _on_cpu(device: str) -> None:
    if not ArchcalcBackend.supports_device(device):
        raise UsageError(Problem(f"the device {printable(device, 60)} is not there", None, "there is CPU"))


class ArchcalcBackend(Backend):
    """`prepare`, `run_model` and `run_node` by the kernels of archcalc, on the CPU."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> Prepared:
        """A model to run; functions of its own are put in where they are called.

        `limit` bounds the bytes of one array. Raises ONNX's ValidationError for a model that is none, UsageError for
        another device.
        """
        _on_cpu(device)
        super().prepare(model, device)
        if model.functions:
            from onnx.inliner import inline_local_functions

            model = inline_local_functions(model)
        return Prepared(model, **kwargs)

    @classmethod
    def run_node(
        cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any
    ) -> tuple[Any, ...]:
        """The outputs of one node, with the meaning of `opset_version`, the newest unless told."""
        _on_cpu(device)
        super().run_node(node, inputs, device, outputs_info, **kwargs)
        opset = kwargs.get("opset_version", onnx.defs.onnx_opset_version())
        arguments = [None if x is None else np.asarray(x) for x in inputs]
        return _by_name(node.output, _computed(node, arguments, opset, LARGEST))

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether it is the CPU."""
        return device.partition(":")[0] == "CPU"


prepare = ArchcalcBackend.prepare
run_model = ArchcalcBackend.run_model
run_node = ArchcalcBackend.run_node
supports_device = ArchcalcBackend.supports_device
