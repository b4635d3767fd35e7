"""Operators that read and write units by constant places along several axes, which become one for them."""

from archcalc.formats.importer.lowering import Call, Rule, Unlike
from archcalc.formats.importer.rules.movement import cut, joined, select
from archcalc.formats.importer.values import Constant, Flow, Value
from archcalc.numbers import product

_MOST = 1 << 20


def _units(call: Call, sizes: tuple[int, ...], indices: Constant) -> tuple[int, ...]:
    """The places that the last axis of `indices` spells out, as places on one axis."""
    count, depth = product(indices.shape[:-1]), indices.shape[-1]
    if not 0 < count <= _MOST:
        raise Unlike(f"it is about {count:,} units")
    places = indices.array().reshape(count, depth).tolist()
    if any(not -n <= place < n for row in places for n, place in zip(sizes, row, strict=True)):
        raise call.error("goes beyond the units that are there")
    units = []
    for row in places:
        unit = 0
        for n, place in zip(sizes, row, strict=True):
            unit = unit * n + place % n
        units.append(unit)
    return tuple(units)


def _merged(call: Call, flow: Flow, depth: int) -> Flow:
    """The value with its first axes as one."""
    if not 0 < depth <= len(flow.shape):
        raise call.error(f"spells out places on {depth} axes of {len(flow.shape)}")
    return call.reshape(call.off(flow, *range(depth)), (product(flow.shape[:depth]), *flow.shape[depth:]))


def gather_nd(call: Call) -> Value:
    """Units by constant places along the first axes, which become one."""
    flow, indices = call.flow(), call.constant(1)
    if indices is None or not indices.shape or call.get("batch_dims", 0):
        raise Unlike("it gathers for each sample by itself")
    depth = indices.shape[-1]
    flat = _merged(call, flow, depth)
    units = _units(call, flow.shape[:depth], indices)
    return call.reshape(select(call, flat, 0, units), (*indices.shape[:-1], *flow.shape[depth:]))


def scatter_nd(call: Call) -> Value:
    """Units in constant places replaced by others: of several for one place the last.

    Where the places are neighbours the new units are joined to what is before and behind them, else all units are
    joined, and each place takes its own.
    """
    flow, indices, updates = call.flow(), call.constant(1), call.value(2)
    if indices is None or not indices.shape or call.get("reduction", "none") != "none":
        raise Unlike("it adds to what is there")
    depth = indices.shape[-1]
    flat, rest = _merged(call, flow, depth), flow.shape[depth:]
    units, size = _units(call, flow.shape[:depth], indices), product(flow.shape[:depth])
    if updates.shape != (*indices.shape[:-1], *rest):
        raise call.error(f"replaces {len(units)} units by {list(updates.shape)}")
    new = _relisted(call, updates, (len(units), *rest))
    first, last = units[0], units[0] + len(units)
    if units == tuple(range(first, last)):
        before = [cut(call, flat, 0, 0, first)] if first else []
        behind = [cut(call, flat, 0, last, size)] if last < size else []
        whole = joined(call, [*before, new, *behind], 0) if before or behind else new
    else:
        order = list(range(size))
        for place, unit in enumerate(units):
            order[unit] = size + place
        whole = select(call, joined(call, [flat, new], 0), 0, tuple(order))
    return _relisted(call, whole, flow.shape)


def _relisted(call: Call, value: Value, shape: tuple[int, ...]) -> Value:
    """The values in another whole shape, the batch on none of the axes that become one."""
    if isinstance(value, Flow):
        return call.reshape(call.off(value, *range(len(value.shape) - len(shape) + 1)), shape)
    return value.moved(shape, lambda array: array.reshape(shape))


RULES: dict[str, Rule] = {"GatherND": gather_nd, "ScatterND": scatter_nd}
