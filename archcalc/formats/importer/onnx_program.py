"""An ONNX model → a Program: attributes decoded, functions written out, nodes in order."""

import re
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any

import msgspec
from msgspec import Struct

from archcalc.errors import Problem, UsageError, printable
from archcalc.formats.importer.program import Dim, Operation, Program, Tensor
from archcalc.formats.importer.scopes import NAME_SCOPES, scope_of, state_name
from archcalc.formats.onnx_file import CONSTANTS, INNER, PRODUCER, Model, Stored, shortest
from archcalc.spec.schema import is_layer_name

OLDEST, NEWEST_KNOWN = 7, 26
MOST_OPERATIONS = 100_000
_DEEPEST = 40
_ONNX = ("", "ai.onnx")
_WEIGHT_INPUTS = {
    "Conv": range(1, 3),
    "ConvTranspose": range(1, 3),
    "Gemm": range(1, 3),
    "BatchNormalization": range(1, 5),
    "LayerNormalization": range(1, 3),
    "InstanceNormalization": range(1, 3),
    "GroupNormalization": range(1, 3),
    "PRelu": range(1, 2),
}
_SOURCE = re.compile(r"'([^']+)'")
_SIGNED = re.compile(r"(PARAMETER|BUFFER|CONSTANT_TENSOR) target='([^']+)'")


def to_program(model: Model) -> Program:
    """The program of a model. Raises UsageError for opsets before 7, cycles, and what is named but not there."""
    graph = model.proto.graph
    opset = max((entry.version for entry in model.proto.opset_import if entry.domain in _ONNX), default=0)
    if opset < OLDEST:
        said = f"opset {opset}" if opset else "no operator set of ONNX's own"
        raise UsageError(Problem(f"'{printable(model.path, 200)}' has {said}", None, f"opsets from {OLDEST} are read"))
    reader = _Reader(model)
    tensors = {tensor.name: reader.tensor(tensor) for tensor in graph.initializer}
    inputs = {value.name: _shape(value) for value in graph.input if value.name not in tensors}
    operations, own = reader.with_own_arrays(tuple(reader.operations(graph.node, (), "", 0)), tensors)
    tensors |= own
    if reader.ours:
        operations = tuple(_by_layer(operation) for operation in operations)
    ours = reader.ours and all(is_layer_name(operation.label) for operation in operations)
    weights = _weights_among(inputs, operations)
    tensors |= {name: _without_values(model.path, name, inputs.pop(name)) for name in weights}
    return Program(
        graph.name or "network",
        inputs,
        tensors,
        _in_order(operations, {*inputs, *tensors}, model.path),
        tuple(value.name for value in graph.output),
        opset,
        {value.name: _shape(value) for value in (*graph.value_info, *graph.output)},
        ours,
        ours,
    )


def _by_layer(operation: Operation) -> Operation:
    """An operation that we wrote, with the name of its layer for a label."""
    return msgspec.structs.replace(operation, label=operation.label.partition(INNER)[0])


def _dropped_bias(operation: Operation, tensors: list[Tensor | None], lost: set[str]) -> Tensor | None:
    """The bias that a layer was signed with, where an optimiser saw that it was of zeros and left it out."""
    weight = tensors[1] if len(tensors) > 1 else None
    if weight is None or len(tensors) > 2 or operation.kind not in ("Conv", "ConvTranspose", "Gemm"):
        return None
    name, stored = weight.path.rpartition(".")[0] + ".bias", weight.stored
    if name not in lost or not weight.path.endswith(".weight") or len(stored.shape) < 2:
        return None
    turned = operation.kind == "Gemm" and operation.attributes.get("transB", 0)
    first = turned or operation.kind == "Conv"
    groups = operation.attributes.get("group", 1) if operation.kind == "ConvTranspose" else 1
    count = stored.shape[0] if first else stored.shape[1] * groups

    def made() -> Any:
        import numpy as np

        return np.zeros(count, np.float32)

    return Tensor(
        Stored(name, (count,), stored.dtype if stored.dtype != "bfloat16" else "float32", made=made), name, True
    )


def _shape(value: Any) -> tuple[Dim, ...]:
    if not value.type.tensor_type.HasField("shape"):
        return ()
    dims = value.type.tensor_type.shape.dim
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param if dim.HasField("dim_param") else None
        for dim in dims
    )


def _weights_among(inputs: Mapping[str, tuple[Dim, ...]], operations: Iterable[Operation]) -> list[str]:
    """Inputs that hold weights: each of their readers takes weights there. Of such files only the shapes are there."""
    fixed = {name for name, shape in inputs.items() if shape and all(isinstance(size, int) for size in shape)}
    read = dict.fromkeys(fixed, 0)
    for operation in operations:
        for place, name in enumerate(operation.inputs):
            if name in fixed:
                named = operation.kind == "MatMul" and place == 1 and name.endswith("weight")
                held = place in _WEIGHT_INPUTS.get(operation.kind, ()) or named
                read[name] = read[name] + 1 if held else -(10**9)
    return [name for name, times in read.items() if times > 0]


def _without_values(path: str, name: str, shape: tuple[Dim, ...]) -> Tensor:
    def made() -> Any:
        message = f"'{printable(path, 200)}' has no values for '{printable(name, 100)}', which is one of its inputs"
        raise UsageError(Problem(message))

    sizes = tuple(size for size in shape if isinstance(size, int))
    return Tensor(Stored(name, sizes, "float32", made=made), state_name(name), True)


class _Call(Struct, frozen=True):
    """What a function is called with: names for its own, and values for the attributes that its nodes refer to."""

    names: Mapping[str, str]
    attributes: Mapping[str, Any]
    prefix: str


class _Reader:
    """The reading of one model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.functions = {(f.domain, f.name, getattr(f, "overload", "")): f for f in model.proto.functions}
        self.count = 0
        metadata = {entry.key: entry.value for entry in model.proto.graph.metadata_props}
        signature = metadata.get("pkg.torch.export.ExportedProgram.graph_signature", "")
        self.signed: dict[str, bool] = {target: kind == "PARAMETER" for kind, target in _SIGNED.findall(signature)}
        written = {entry.key: entry.value for entry in model.proto.metadata_props}
        self.constants = frozenset(written.get(CONSTANTS, "").splitlines())
        self.ours = model.proto.producer_name == PRODUCER
        self.folded = {
            value.name: entry.value
            for value in model.proto.graph.value_info
            for entry in value.metadata_props
            if entry.key == "pkg.onnxscript.optimizer.folded_from"
        }

    def tensor(self, tensor: Any) -> Tensor:
        """An initialiser, with what torch's newer exporter tells of it: parameter or not, folded from what."""
        name, stored = tensor.name, self.model.stored(tensor)
        if name in self.folded:
            try:
                sources = [str(source) for source in literal_eval(self.folded[name])]
            except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
                sources = []
            learned = [source for source in sources if self.signed.get(source)]
            return Tensor(stored, learned[0] if len(learned) == 1 else "", bool(learned) if self.signed else None)
        return Tensor(stored, state_name(name), self._is_learned(name))

    def _is_learned(self, name: str) -> bool | None:
        """Whether training changes an initialiser that is stored as it was; None where the file does not say."""
        if self.ours:
            return INNER not in name and name not in self.constants
        if not self.signed:
            return None
        # Folding a normalisation into the layer before it, torch's exporter calls the bias that this gives so.
        return self.signed.get(name, self.signed.get(name.removesuffix("_bias"), False))

    def with_own_arrays(
        self, operations: tuple[Operation, ...], tensors: Mapping[str, Tensor]
    ) -> tuple[tuple[Operation, ...], dict[str, Tensor]]:
        """Operations reading an array each, where an exporter stored several equal ones of a network once.

        What it signed and did not store it found equal to another: who reads that in the module of the missing one, by
        the same last name, reads the missing one.
        """
        there = {tensor.path for tensor in tensors.values()} | {
            source for text in self.folded.values() for source in _SOURCE.findall(text)
        }
        lost = {target for target, learned in self.signed.items() if learned} - there
        if not lost:
            return operations, {}
        own, changed = dict[str, Tensor](), []
        for operation in operations:
            names = []
            for name in operation.inputs:
                path = tensors[name].path if name in tensors else ""
                wanted = f"{operation.scope}.{path.rpartition('.')[2]}".lstrip(".")
                if path and wanted != path and wanted in lost:
                    own[wanted] = Tensor(tensors[name].stored, wanted, True)
                    name = wanted
                names.append(name)
            bias = _dropped_bias(operation, [own.get(name) or tensors.get(name) for name in names], lost)
            if bias is not None:
                own[bias.path] = bias
                names = [*names[:2], bias.path]
            changed.append(msgspec.structs.replace(operation, inputs=tuple(names)))
        return tuple(changed), own

    def operations(self, nodes: Any, call: "tuple[_Call, ...]", scope: str, depth: int) -> Iterator[Operation]:
        """The operations of nodes, those of functions written out in their place."""
        if depth > _DEEPEST:
            raise self._error("calls functions of its own more than 40 levels deep", "do they call themselves?")
        for node in nodes:
            self.count += 1
            if self.count > MOST_OPERATIONS:
                raise self._error(f"has more than {MOST_OPERATIONS:,} operations")
            function = self.functions.get((node.domain, node.op_type, getattr(node, "overload", "")))
            noted = next((entry.value for entry in node.metadata_props if entry.key == NAME_SCOPES), "")
            own = scope_of(node.name, node.op_type, noted) or scope
            inputs, outputs = self._renamed(node.input, call), self._renamed(node.output, call)
            attributes = dict(self._attributes(node.attribute, call, depth))
            if function is None:
                yield Operation(node.op_type, inputs, outputs, attributes, node.name, own, node.domain)
                continue
            names = dict(zip(function.input, [*inputs, *[""] * len(function.input)], strict=False))
            names |= dict(zip(function.output, outputs, strict=False))
            defaults = dict(self._attributes(function.attribute_proto, (), depth))
            inner = _Call(names, defaults | attributes, f"{self.count}/")
            yield from self.operations(function.node, (inner,), own, depth + 1)

    def _renamed(self, names: Iterable[str], call: tuple[_Call, ...]) -> tuple[str, ...]:
        if not call:
            return tuple(names)
        return tuple(name and call[0].names.get(name, call[0].prefix + name) for name in names)

    def _attributes(self, attributes: Any, call: tuple[_Call, ...], depth: int) -> Iterator[tuple[str, Any]]:
        for attribute in attributes:
            if attribute.ref_attr_name:
                if call and attribute.ref_attr_name in call[0].attributes:
                    yield attribute.name, call[0].attributes[attribute.ref_attr_name]
                continue
            yield attribute.name, self._value(attribute, depth)

    def _value(self, attribute: Any, depth: int) -> Any:
        kind = attribute.type
        if kind == 1:
            return shortest(attribute.f)
        if kind == 2:
            return attribute.i
        if kind == 3:
            return attribute.s.decode("utf-8", "replace")
        if kind == 4:
            return Tensor(self.model.stored(attribute.t))
        if kind == 5:
            return self._branch(attribute.g, depth)
        if kind == 6:
            return tuple(shortest(number) for number in attribute.floats)
        if kind == 7:
            return tuple(attribute.ints)
        return tuple(text.decode("utf-8", "replace") for text in attribute.strings)

    def _branch(self, graph: Any, depth: int) -> Program:
        """The body of a condition or loop: it may read what is around it."""
        tensors = {tensor.name: self.tensor(tensor) for tensor in graph.initializer}
        operations = tuple(self.operations(graph.node, (), "", depth + 1))
        inputs = {value.name: _shape(value) for value in graph.input}
        return Program(graph.name, inputs, tensors, operations, tuple(value.name for value in graph.output), 0)

    def _error(self, message: str, hint: str = "") -> UsageError:
        return UsageError(Problem(f"'{printable(self.model.path, 200)}' {message}", None, hint))


def _in_order(operations: tuple[Operation, ...], given: set[str], path: str) -> tuple[Operation, ...]:
    """Each operation behind what it reads, as near to the file's order as that allows.

    Raises UsageError where a value is made twice, is read and never made, or depends on itself.
    """
    shown = printable(path, 200)
    maker: dict[str, int] = {}
    for position, operation in enumerate(operations):
        for name in filter(None, operation.outputs):
            if name in maker or name in given:
                raise UsageError(Problem(f"'{shown}': the value '{printable(name, 100)}' is made twice"))
            maker[name] = position
    reads = [{*operation.inputs, *_captured(operation)} - given - {""} for operation in operations]
    missing = next(((i, name) for i, names in enumerate(reads) for name in sorted(names) if name not in maker), None)
    if missing is not None:
        label = printable(operations[missing[0]].label or operations[missing[0]].kind, 100)
        raise UsageError(
            Problem(f"'{shown}': the node '{label}' reads '{printable(missing[1], 100)}', which is nowhere")
        )
    if all(maker[name] < position for position, names in enumerate(reads) for name in names):
        return operations
    return _sorted(operations, [{maker[name] for name in names} for names in reads], shown)


def _captured(operation: Operation) -> set[str]:
    """What the branches of an operation read from around them."""
    found: set[str] = set()
    for branch in operation.attributes.values():
        if isinstance(branch, Program):
            own = {*branch.inputs, *branch.tensors, *(name for inner in branch.operations for name in inner.outputs)}
            for inner in branch.operations:
                found |= ({*inner.inputs} | _captured(inner)) - own
            found |= {*branch.outputs} - own
    return found


def _sorted(operations: tuple[Operation, ...], reads: list[set[int]], shown: str) -> tuple[Operation, ...]:
    left = [len(makers) for makers in reads]
    readers: list[list[int]] = [[] for _ in operations]
    for position, makers in enumerate(reads):
        for maker in makers:
            readers[maker].append(position)
    ready = [position for position, count in enumerate(left) if not count]
    order: list[int] = []
    while ready:
        position = heappop(ready)
        order.append(position)
        for reader in readers[position]:
            left[reader] -= 1
            if not left[reader]:
                heappush(ready, reader)
    if len(order) < len(operations):
        stuck = next(operations[i] for i, count in enumerate(left) if count)
        label = printable(stuck.label or stuck.kind, 100)
        raise UsageError(Problem(f"'{shown}': what the node '{label}' computes depends on itself"))
    return tuple(operations[position] for position in order)
