"""Lists of values: exporters split a value into one and read its items by number, which is known before anything runs.

A list is kept as the names of its items, and whoever splits, reads or joins one is written out in operators on values.
"""

from collections.abc import Callable, Sequence

import msgspec

from archcalc.formats.importer.lowering import Call, Lowering, Unlike
from archcalc.formats.importer.program import Operation
from archcalc.formats.importer.values import computed

MOST_ITEMS = 4096


def without_lists(lowering: Lowering, operation: Operation) -> Sequence[Operation] | None:
    """The operations that do the same without lists; None for one that neither makes nor reads any.

    Raises UsageError where the items of a list or the number of one are not known, and for other readers of a list.
    """
    if operation.kind not in _LISTS:
        found = [name for name in operation.inputs if name in lowering.lists]
        if found:
            raise Call(lowering, operation, ()).error("reads a list of values, and there are none here")
        return None
    inputs = tuple(lowering.values.get(name) for name in operation.inputs)
    call = Call(lowering, operation, inputs)
    try:
        return _LISTS[operation.kind](call)
    except Unlike as unlike:
        raise call.error(str(unlike)) from None


def _items(call: Call) -> tuple[str, ...]:
    """The names in the list that is the first input."""
    name = next(iter(call.operation.inputs), "")
    if name not in call.lowering.lists:
        raise call.error("reads no list of values")
    return call.lowering.lists[name]


def _split(call: Call) -> Sequence[Operation]:
    """Parts of one size, the last perhaps smaller, or of the sizes given; by default of one unit each."""
    value, operation = call.value(0), call.operation
    axis, given = call.get("axis", 0), call.constant(1)
    if not -len(value.shape) <= axis < len(value.shape):
        raise call.error(f"{axis} is no axis of {len(value.shape)}")
    size = value.shape[axis]
    if given is None or not given.shape:
        each = 1 if given is None else int(given.array())
        if each < 1 or size > each * MOST_ITEMS:
            raise call.error(f"makes parts of {each} of {size}")
        sizes = tuple(min(each, size - start) for start in range(0, size, each))
    else:
        sizes = call.numbers("", 1) or ()
    parts = _named(call, "", len(sizes))
    flat = given is None and not call.get("keepdims", 1)
    cut = _named(call, "/cut", len(sizes)) if flat else parts
    call.lowering.lists[operation.outputs[0]] = parts
    split = _operation(call, "Split", (operation.inputs[0],), cut, "split", sizes)
    split = msgspec.structs.replace(split, attributes={**split.attributes, "axis": axis})
    squeezed = zip(cut, parts, strict=True) if flat else ()
    return [split, *(_operation(call, "Squeeze", (one,), (part,), "axes", (axis,)) for one, part in squeezed)]


def _operation(
    call: Call, kind: str, inputs: tuple[str, ...], outputs: tuple[str, ...], name: str, numbers: tuple[int, ...]
) -> Operation:
    """An operation with numbers that are an attribute in old opsets, and an input in later ones."""
    import numpy as np

    given = f"{outputs[0] if outputs else ''}/{name}"
    call.lowering.values[given] = computed(np.array(numbers, np.int64))
    old = call.operation
    return Operation(kind, (*inputs, given), outputs, {name: numbers}, old.label, old.scope)


def _named(call: Call, suffix: str, count: int) -> tuple[str, ...]:
    """Names that no file has for values."""
    return tuple(f"{call.operation.outputs[0]}\0{index}{suffix}" for index in range(count))


def _construct(call: Call) -> Sequence[Operation]:
    if not all(name in call.lowering.values for name in call.operation.inputs):
        raise call.error("is a list made of lists")
    call.lowering.lists[call.operation.outputs[0]] = call.operation.inputs
    return ()


def _at(call: Call) -> Sequence[Operation]:
    """One item, counted from behind where its number is negative. It keeps all that is known of it."""
    items, index = _items(call), call.numbers("", 1)
    if index is None or len(index) != 1 or not -len(items) <= index[0] < len(items):
        raise call.error(f"reads an item that is none of {len(items)}")
    (output,), item, lowering = call.operation.outputs, items[index[0]], call.lowering
    lowering.values[output] = lowering.values[item]
    if item in lowering.frozen:
        lowering.frozen[output] = lowering.frozen[item]
    return ()


def _length(call: Call) -> Sequence[Operation]:
    import numpy as np

    call.lowering.values[call.operation.outputs[0]] = computed(np.array(len(_items(call)), np.int64))
    return ()


def _join(call: Call) -> Sequence[Operation]:
    """Along an axis that the items have, or along a new one."""
    items, axis, old = _items(call), call.get("axis", 0), call.operation
    joined = Operation("Concat", items, old.outputs, {"axis": axis}, old.label, old.scope)
    if not call.get("new_axis", 0):
        return [joined]
    raised = _named(call, "/raised", len(items))
    steps = [
        _operation(call, "Unsqueeze", (item,), (name,), "axes", (axis,))
        for item, name in zip(items, raised, strict=True)
    ]
    return [*steps, msgspec.structs.replace(joined, inputs=raised)]


_LISTS: dict[str, Callable[[Call], Sequence[Operation]]] = {
    "SplitToSequence": _split,
    "SequenceConstruct": _construct,
    "SequenceAt": _at,
    "SequenceLength": _length,
    "ConcatFromSequence": _join,
}
