"""Learned arrays that belong to a layer: biases added behind a product, factors of layer scale."""

import msgspec

from archcalc.formats.importer.draft import Draft, Origin, Sketch
from archcalc.formats.importer.patterns.matching import as_vector, fused, inputs, is_inner, one_axis, stored_in
from archcalc.ops.norm import LayerScale

_OWN_AXIS = {"linear": -1, "conv": 0, "conv_transpose": 0}


def bias(sketch: Sketch, position: int) -> bool:
    """A vector added to a product's outputs is its bias."""
    reads = inputs(sketch, position)
    if len(reads) != 2:
        return False
    for layer, leaf in (reads, reads[::-1]):
        word, stored = sketch.drafts[layer].op.keyword, stored_in(sketch, leaf)
        if word not in _OWN_AXIS or stored is None or stored.fixed or not is_inner(sketch, layer, word):
            continue
        draft, shape = sketch.drafts[layer], sketch.drafts[leaf].shape
        axis, count = _OWN_AXIS[word] % len(draft.shape), draft.shape[_OWN_AXIS[word]]
        closed = getattr(draft.op, "bias", True) or not getattr(draft.op, "trainable", True)
        if closed or draft.shape != sketch.drafts[position].shape:
            continue
        if one_axis(shape) == axis or (count == 1 and shape == (1,) * len(shape)):
            op = msgspec.structs.replace(draft.op, bias=True)
            weights = {**draft.weights, "bias": as_vector(stored)}
            owner = draft.origin.owner or stored.path.rpartition(".")[0]
            origin = Origin(draft.origin.scope, owner, sketch.drafts[position].origin.label)
            sketch.replace(position, Draft(op, draft.inputs, draft.shape, weights, origin))
            return True
    return False


def layer_scale(sketch: Sketch, position: int) -> bool:
    """A learned factor for each channel, or each feature."""
    reads = inputs(sketch, position)
    if len(reads) != 2:
        return False
    for x, leaf in (reads, reads[::-1]):
        given, shape = sketch.drafts[leaf], sketch.drafts[x].shape
        if given.op.keyword != "parameter" or not inputs(sketch, x) or shape != sketch.drafts[position].shape:
            continue
        axis = one_axis(given.shape)
        if axis is None or given.shape[axis] != shape[axis]:
            continue
        dim = -1 if axis == len(shape) - 1 and axis > 0 else axis + 1
        old = sketch.drafts[position].origin
        path = given.origin.owner
        origin = Origin(old.scope, path if path.endswith("gamma") or "scale" in path else old.scope, old.label)
        return fused(sketch, position, LayerScale(dim), (x,), {"gamma": as_vector(given.weights["weight"])}, origin)
    return False


BIASES = {"add": (bias,)}
SCALES = {"mul": (layer_scale,)}
