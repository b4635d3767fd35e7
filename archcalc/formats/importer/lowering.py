"""Program → drafts: one walk, in which constants are computed, the batch is followed, and operators become ours."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archcalc.builder.arguments import MISFIT, Argument, arguments_of, expected
from archcalc.errors import Problem, UsageError, printable
from archcalc.formats.importer.draft import Draft, Origin
from archcalc.formats.importer.program import Operation, Program, Tensor
from archcalc.formats.importer.tied import tied
from archcalc.formats.importer.values import (
    Batch,
    Constant,
    Flow,
    Value,
    broadcast_shape,
    computed,
    reshaped_batch,
    sample_of,
)
from archcalc.formats.onnx_file import shortest
from archcalc.numbers import product
from archcalc.ops.base import Op, Shape, show_shape
from archcalc.ops.reshape import Flatten, Reshape
from archcalc.ops.source import Constant as ConstantOp
from archcalc.ops.source import Input, Parameter

Rule = Callable[["Call"], Value | Sequence[Value]]


class Unlike(Exception):  # noqa: N818 - the way to the operator `unknown`
    """An operation that no operator of ours states. The text says why; where the output's shape is known, it becomes
    an unknown layer."""


class Lowering:
    """The walk over one program. Mutable while it runs, and dropped then."""

    def __init__(self, program: Program, shapes: Mapping[str, Shape], count: int) -> None:
        self.program = program
        self.count = count  # samples in a batch
        self.drafts: list[Draft] = []
        self.values: dict[str, Value] = {}
        self.compared: dict[str, tuple[Flow, float]] = {}  # truths: what is above which number
        self.lists: dict[str, tuple[str, ...]] = {}  # the names of their items
        self.frozen: dict[
            str, Constant
        ] = {}  # what does not depend on the input, of values that are layers all the same
        self.leaves: dict[tuple[int, Shape], tuple[int, Constant]] = {}  # by identity, which lasts as long as they do
        self.declared: dict[type[Op], tuple[Argument, ...]] = {}
        self.inputs: list[int] = []
        self.tied = tied(program)
        self.read = frozenset(program.read())
        for name, tensor in program.tensors.items():
            self.values[name] = constant_of(tensor, name)
        for name, shape in shapes.items():
            batch = Batch(0) if shape and shape[0] == count else None
            self.inputs.append(self.add(Draft(Input(sample_of(shape, batch)), (), sample_of(shape, batch))))
            self.drafts[-1] = Draft(self.drafts[-1].op, (), self.drafts[-1].shape, {}, Origin(label=name))
            self.values[name] = Flow(self.inputs[-1], shape, batch)

    def arguments_of(self, op: type[Op]) -> tuple[Argument, ...]:
        """What a class of operators declares, worked out once a program."""
        if op not in self.declared:
            # What stands for an operator that is not ours is none of specs, and its arguments are texts.
            self.declared[op] = tuple(arguments_of(op).values()) if op.known else ()
        return self.declared[op]

    def add(self, draft: Draft) -> int:
        self.drafts.append(draft)
        return len(self.drafts) - 1


def constant_of(tensor: Tensor, name: str) -> Constant:
    return Constant(tensor.stored, tensor.path, tensor.trainable, (name,), tensor.trainable is False)


class Call:
    """One operation while it is lowered: its inputs as values, its attributes, and how to write layers for it."""

    def __init__(self, lowering: Lowering, operation: Operation, inputs: tuple[Value | None, ...]) -> None:
        self.lowering = lowering
        self.operation = operation
        self.inputs = inputs
        self.opset = lowering.program.opset

    @property
    def kind(self) -> str:
        return self.operation.kind

    @property
    def count(self) -> int:
        """Samples in a batch."""
        return self.lowering.count

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.operation.attributes.get(name, default)

    def value(self, place: int) -> Value:
        """An input that has to be there."""
        found = self.optional(place)
        if found is None:
            raise self.error(f"has no input {place + 1}")
        return found

    def optional(self, place: int) -> Value | None:
        return self.inputs[place] if place < len(self.inputs) else None

    def flow(self, place: int = 0) -> Flow:
        """An input as a value that flows: a constant becomes a layer that gives it."""
        value = self.value(place)
        return value if isinstance(value, Flow) else self.leaf(value)

    def constant(self, place: int) -> Constant | None:
        """An input that has to be constant, if it is there at all."""
        value = self.held(place)
        if isinstance(value, Flow):
            raise Unlike(f"its input {place + 1} depends on the network's input")
        return value

    def held(self, place: int) -> Value | None:
        """An input, as a constant wherever it can be one: weights may be parts of an array, or computed from others."""
        value = self.optional(place)
        return self.lowering.frozen.get(self.operation.inputs[place], value) if isinstance(value, Flow) else value

    def numbers(self, name: str, place: int) -> tuple[int, ...] | None:
        """Whole numbers that are an attribute, or in later opsets the input `place`."""
        given = self.get(name)
        if given is not None:
            return tuple(given) if isinstance(given, (tuple, list)) else (given,)
        constant = self.constant(place)
        if constant is None:
            return None
        if product(constant.shape) > 64:
            raise self.error(f"has {product(constant.shape):,} {name}")
        return tuple(int(number) for number in constant.array().reshape(-1))

    def scalar(self, place: int) -> float | None:
        """The one number that a constant input holds; None where it is left out."""
        constant = self.constant(place)
        return None if constant is None else self.one_number(constant)

    def one_number(self, constant: Constant) -> float:
        if product(constant.shape) != 1:
            raise Unlike(f"a number is wanted, {show_shape(constant.shape)} are given")
        number = float(constant.array().reshape(-1)[0])
        return shortest(number) if constant.dtype == "float32" else number

    def error(self, message: str, hint: str = "") -> UsageError:
        return UsageError(Problem(f"{self.named}: {message}", None, hint))

    @property
    def named(self) -> str:
        """How a message names the operation."""
        label = self.operation.label or next(iter(self.operation.outputs), "")
        return f"the {printable(self.kind, 60)} '{printable(label, 100)}'"

    def origin(self, owner: str = "") -> Origin:
        return Origin(self.operation.scope, owner, self.operation.label)

    # What follows writes layers.

    def emit(
        self,
        op: Op,
        inputs: Sequence[Flow],
        shape: Shape,
        batch: Batch | None,
        weights: Mapping[str, Constant] | None = None,
    ) -> Flow:
        """A layer whose output has the whole shape `shape`. Raises UsageError where it does not fit its inputs."""
        weights = weights or {}
        return self.write(op, [flow.draft for flow in inputs], shape, batch, weights)

    def bounded(self, op: Op) -> Op:
        """The operator, whose arguments a file may have given any numbers. Raises UsageError for one out of bounds."""
        for argument in self.lowering.arguments_of(type(op)):
            value = getattr(op, argument.name)
            if argument.convert(value) is MISFIT:
                raise self.error(f"{argument.name} is {expected(argument.type)}, this is {printable(str(value), 60)}")
        return op

    def write(
        self,
        op: Op,
        drafts: Sequence[int],
        shape: Shape,
        batch: Batch | None,
        weights: Mapping[str, Constant],
    ) -> Flow:
        samples = tuple(self.lowering.drafts[position].shape for position in drafts)
        self.bounded(op)
        for complaint in op.check(samples):
            raise self.error(complaint.message, complaint.hint)
        sample = sample_of(shape, batch)
        given = op.output(samples)
        if given != sample:
            raise self.error(
                f"gives {show_shape(sample)}, and {op.keyword} of {show_shape(samples[0])} {show_shape(given)}"
            )
        for weight in op.weights(samples):
            if weight.name in weights and weights[weight.name].shape != weight.shape:
                stored = show_shape(weights[weight.name].shape)
                raise self.error(f"its {weight.name} is {stored}, where {show_shape(weight.shape)} belongs")
        owner = next((weight.path.rpartition(".")[0] for weight in weights.values() if "." in weight.path), "")
        return Flow(self.lowering.add(Draft(op, tuple(drafts), sample, weights, self.origin(owner))), shape, batch)

    def leaf(self, constant: Constant, shape: Shape | None = None) -> Flow:
        """A layer that gives a constant, as `shape`: learned arrays are parameters, others constants.

        Of what nobody knows, arrays of several numbers are taken for learned, single ones if a state dict has them.
        """
        shape = constant.shape if shape is None else shape
        if not shape:
            shape = (1,)
        key = (id(constant), shape)
        if key not in self.lowering.leaves:
            self.lowering.leaves[key] = self.lowering.add(self._leaf_draft(constant, shape)), constant
        return Flow(self.lowering.leaves[key][0], shape, None)

    def _leaf_draft(self, constant: Constant, shape: Shape) -> Draft:
        moved = constant if constant.shape == shape else constant.moved(shape, lambda array: array.reshape(shape))
        several = product(shape) != 1 or "." in constant.path
        learned = several if constant.learned is None else constant.learned
        if constant.dtype not in FLOATS:
            moved, learned = as_float(moved), False
        origin = Origin(self.operation.scope, constant.path, self.operation.label)
        if learned:
            return Draft(Parameter(shape), (), shape, {"weight": moved}, origin)
        if product(shape) == 1:
            return Draft(ConstantOp(shape, self.one_number(moved)), (), shape, {}, origin)
        return Draft(ConstantOp(shape), (), shape, {"value": moved}, origin)

    def as_samples(self, flow: Flow, sample: Shape) -> int:
        """The draft of a value as samples of another shape, with a reshape where that differs."""
        if flow.sample == sample:
            return flow.draft
        return self.write(reshape_to(flow.sample, sample), [flow.draft], sample, None, {}).draft

    def reshape(self, flow: Flow, shape: Shape, batch: Batch | None = None) -> Flow:
        """The values in another whole shape."""
        if product(flow.shape) != product(shape):
            raise self.error(f"{show_shape(flow.shape)} cannot become {show_shape(shape)}")
        batch = batch or reshaped_batch(flow.shape, flow.batch, shape, self.count)
        if batch is None and flow.batch is not None and self.count > 1:
            raise Unlike("it tears the batch apart")
        sample = sample_of(shape, batch)
        if not sample:
            batch, sample = None, shape
        return Flow(self.as_samples(flow, sample), shape, batch)

    def relaid(self, flow: Flow, batch: Batch | None) -> Flow:
        """The same value with the batch thought to be elsewhere, which a batch of 1 can be."""
        if flow.batch == batch:
            return flow
        if self.count != 1:
            raise Unlike(f"the batch of {self.count} is not where it belongs")
        return Flow(self.as_samples(flow, sample_of(flow.shape, batch)), flow.shape, batch)

    def off(self, flow: Flow, *axes: int) -> Flow:
        """The value with the batch on none of these axes."""
        if flow.batch is None or flow.batch.axis not in axes:
            return flow
        free = [axis for axis in range(len(flow.shape)) if axis not in axes]
        alone = next((axis for axis in free if flow.shape[axis] == 1), None)
        if alone is not None:
            return self.relaid(flow, Batch(alone))
        return self.relaid(flow, Batch(free[0], flow.shape[free[0]]) if free else None)

    def batch_first(self, flow: Flow) -> Flow:
        """The value with nothing but the batch on its first axis."""
        if flow.batch == (0, 1, 1):
            return flow
        if not flow.shape or flow.shape[0] != self.count:
            raise Unlike(f"its input of {show_shape(flow.shape)} has more than the batch on the first axis")
        if flow.batch is None and self.count != 1:
            raise Unlike(f"its input of {show_shape(flow.shape)} does not depend on the batch")
        return self.relaid(flow, Batch(0))

    def aligned(self, values: Sequence[Value], keep: int = 0) -> tuple[list[Flow], Shape, Batch | None]:
        """Values stretched to one another as numpy does, but for the last `keep` axes: as flows whose samples have
        one rank, with the whole shape that they have together and its batch."""
        rank = max(len(value.shape) for value in values)
        wholes = [(1,) * (rank - len(value.shape)) + value.shape for value in values]
        together = broadcast_shape([whole[: rank - keep] for whole in wholes])
        if together is None:
            raise self.error(f"cannot join {' and '.join(show_shape(whole) for whole in wholes)}")
        batch = self._common_batch(values, wholes)
        if batch is not None and batch.axis >= rank - keep:
            batch = None if self.count == 1 else batch
        return [self._fitted(value, whole, batch) for value, whole in zip(values, wholes, strict=True)], together, batch

    def _common_batch(self, values: Sequence[Value], wholes: Sequence[Shape]) -> Batch | None:
        found = []
        for value, whole in zip(values, wholes, strict=True):
            if isinstance(value, Flow) and value.batch is not None:
                axis, outer, inner = value.batch
                found.append(Batch(axis + len(whole) - len(value.shape), outer, inner))
        if not found:
            return None
        # The axis that most batches are on; of several the one where it is alone, or where most of it is.
        best = max(found, key=lambda batch: (sum(other == batch for other in found), batch.outer * batch.inner == 1))
        largest = max(whole[best.axis] for whole in wholes)
        if best.outer * self.count * best.inner == largest:
            return best
        return Batch(best.axis, largest) if self.count == 1 else best

    def _fitted(self, value: Value, whole: Shape, batch: Batch | None) -> Flow:
        """A value as a flow of this whole shape, whose sample leaves out the axis that the batch has for itself."""
        if batch is None or not batch.alone:
            sample = whole if batch is None or whole[batch.axis] == 1 else sample_of(whole, batch)
        else:
            sample = (*whole[: batch.axis], *whole[batch.axis + 1 :])
        if isinstance(value, Flow):
            same = value.batch is None or batch is None or value.batch[1:] == batch[1:] or whole[batch.axis] == 1
            if self.count != 1 and not same:
                raise Unlike("its inputs have the batch in different places")
            if product(value.sample) != product(sample):
                raise Unlike("its inputs have the batch in different places")
            return Flow(self.as_samples(value, sample or (1,)), whole, batch)
        if product(sample) != product(whole):
            value = self._one_sample(value, batch)
        return Flow(self.leaf(value, sample or (1,)).draft, whole, batch)

    def _one_sample(self, constant: Constant, batch: Batch | None) -> Constant:
        """A constant that repeats itself for each sample, once."""
        shape = constant.shape
        if batch is None or len(shape) <= batch.axis or shape[batch.axis] != self.count or not batch.alone:
            raise Unlike("a constant has other values for each sample")
        array = constant.array().take([0], batch.axis)
        if not (constant.array() == array).all():
            raise Unlike("a constant has other values for each sample")
        return constant.moved(array.shape, lambda whole: whole.take([0], batch.axis))


FLOATS = ("float16", "bfloat16", "float32", "float64")


def as_float(constant: Constant) -> Constant:
    """Whole numbers and truths as numbers that layers compute with."""
    array = constant.array()
    return computed(array.astype("float32"), constant.stored.name, False, constant.origins)


def reshape_to(shape: Shape, target: Shape) -> Op:
    """The operator that makes one shape of another: a flatten where neighbouring axes become one, else a reshape."""
    lost = len(shape) - len(target)
    if lost > 0:
        for first in range(len(target)):
            merged = product(shape[first : first + lost + 1])
            if (*shape[:first], merged, *shape[first + lost + 1 :]) == target:
                return Flatten(first + 1, -1 if first + lost + 1 == len(shape) else first + lost + 1)
    return Reshape(target)
