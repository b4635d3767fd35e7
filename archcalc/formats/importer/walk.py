"""The walk over a program: constants computed, operations written as layers, and what we do not know kept by name."""

from collections.abc import Mapping, Sequence

from archcalc.errors import Problem, UsageError, did_you_mean
from archcalc.formats.importer.draft import Sketch
from archcalc.formats.importer.folding import fold
from archcalc.formats.importer.inferred import inferred_shapes
from archcalc.formats.importer.lowering import Call, Lowering, Unlike, constant_of
from archcalc.formats.importer.program import Operation, Program
from archcalc.formats.importer.rules import RULES
from archcalc.formats.importer.sequences import without_lists
from archcalc.formats.importer.values import Batch, Constant, Flow, Value
from archcalc.ops.base import Shape
from archcalc.ops.unknown import Unknown


def sketched(program: Program, shapes: Mapping[str, Shape], count: int) -> Sketch:
    """The drafts of a program whose inputs have these whole shapes, `count` samples each."""
    lowering = Lowering(program, shapes, count)
    for operation in program.operations:
        lower_operation(lowering, operation)
    outputs = []
    for name in program.outputs:
        value = lowering.values.get(name)
        if isinstance(value, Flow) and value.draft not in outputs:
            outputs.append(value.draft)
    if not outputs:
        raise UsageError(Problem("no output of the model depends on its input"))
    return Sketch(lowering.drafts, lowering.inputs, outputs)


def lower_operation(lowering: Lowering, operation: Operation) -> None:
    """Give the outputs of one operation their values."""
    plain = without_lists(lowering, operation)
    if plain is not None:
        for inner in plain:
            lower_operation(lowering, inner)
        return
    call = Call(lowering, operation, tuple(lowering.values[name] if name else None for name in operation.inputs))
    if operation.kind == "If" and _branched(lowering, call):
        return
    for name, value in zip(operation.outputs, _outputs(call), strict=False):
        if name and value is not None:
            lowering.values[name] = value


def _outputs(call: Call) -> Sequence[Value | None]:
    try:
        folded = fold(call)
        if folded is not None:
            return folded
        rule = RULES.get(call.kind) if call.operation.domain in ("", "ai.onnx") else None
        if rule is None:
            raise Unlike(f"there is no operator {call.kind} here")
        found = rule(call)
        return [found] if isinstance(found, (Constant, Flow)) else found
    except Unlike as unlike:
        return _unknown(call, str(unlike))


def _branched(lowering: Lowering, call: Call) -> bool:
    """Take the branch of a condition that is known, and write it out."""
    condition = call.value(0)
    if isinstance(condition, Flow):
        return False
    branch = call.get("then_branch" if condition.array().reshape(-1)[0] else "else_branch")
    if not isinstance(branch, Program):
        return False
    for name, tensor in branch.tensors.items():
        lowering.values[name] = constant_of(tensor, name)
    for operation in branch.operations:
        lower_operation(lowering, operation)
    for name, inner in zip(call.operation.outputs, branch.outputs, strict=False):
        lowering.values[name] = lowering.values[inner]
    return True


def _unknown(call: Call, reason: str) -> Sequence[Value | None]:
    """Layers that stand for an operation that is not ours, by the shapes that the file states for its outputs, or else
    by those that follow from its inputs.

    None for outputs that nobody reads: files rarely state their shapes.
    """
    flows = [value for value in call.inputs if isinstance(value, Flow)]
    outputs: list[Value | None] = []
    for name in call.operation.outputs:
        if name not in call.lowering.read:
            outputs.append(None)
            continue
        shape, batch = _stated(call, name)
        if not shape or min(shape) < 1:
            shape, batch = inferred_shapes(call).get(name, ((), None))
        if not shape or min(shape) < 1:
            hint = did_you_mean(call.kind, RULES) if call.kind not in RULES else ""
            raise call.error(f"{reason}, and the file does not say what shape '{name}' has", hint)
        op = Unknown(call.kind, Flow(0, shape, batch).sample)
        outputs.append(call.emit(op, flows, shape, batch))
    return outputs


def _stated(call: Call, name: str) -> tuple[Shape, Batch | None]:
    """A shape as the file has it, and the batch in front if it fits there; () if the file says nothing.

    A name in front is the batch's size, and elsewhere a size that is not known.
    """
    stated = call.lowering.program.stated.get(name, ())
    if not stated and name in call.lowering.frozen:
        return call.lowering.frozen[name].shape, None
    shape = tuple(
        size if isinstance(size, int) else call.count if place == 0 else -1 for place, size in enumerate(stated)
    )
    follows = any(isinstance(value, Flow) and value.batch is not None for value in call.inputs)
    return shape, Batch(0) if follows and len(shape) > 1 and shape[0] == call.count else None
