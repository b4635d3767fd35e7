"""Attention: a product, perhaps scaled and added to, a softmax, and a product."""

import math

from archcalc.formats.importer.draft import Draft, Sketch
from archcalc.formats.importer.patterns.matching import fused, inputs, is_inner, keyword, with_number
from archcalc.ops import OPS
from archcalc.ops.activation import Softmax
from archcalc.ops.reshape import Permute


def attention(sketch: Sketch, position: int) -> bool:
    """softmax(q·kᵀ·scale + mask)·v over the last two axes."""
    weighted, value = inputs(sketch, position)
    if not is_inner(sketch, weighted, "softmax") or not _is_last(sketch, weighted):
        return False
    (scores,) = inputs(sketch, weighted)
    mask = None
    if is_inner(sketch, scores, "add") and with_number(sketch, scores, "add") is None:
        scores, mask = _masked(sketch, scores)
    if sketch.only_reader(scores) is None:
        return False
    scale, product = _unscaled(sketch, scores)
    if not is_inner(sketch, product, "matmul"):
        return False
    query, key = inputs(sketch, product)
    by_query, query = _unscaled(sketch, query)
    by_key, key = _unscaled(sketch, key)
    scale *= by_query * by_key
    if not is_inner(sketch, key, "permute"):
        return False
    op, shape = sketch.drafts[key].op, sketch.drafts[key].shape
    dims: tuple[int, ...] = getattr(op, "dims", ())
    rank = len(shape)
    usual = math.isclose(scale, 1 / math.sqrt(sketch.drafts[query].shape[-1]), rel_tol=1e-5)
    whole = OPS["scaled_dot_product_attention"](scale=None if usual else scale)
    turned = (*dims[:-2], dims[-1], dims[-2])
    if turned == tuple(range(rank + 1)):
        (key,) = inputs(sketch, key)
    else:  # the keys were turned once for all: now but for their last two axes
        old = sketch.drafts[key]
        sketch.replace(key, Draft(Permute(turned), old.inputs, (*shape[:-2], shape[-1], shape[-2]), {}, old.origin))
    reads = (query, key, value) if mask is None else (query, key, value, mask)
    if fused(sketch, position, whole, reads):
        return True
    if turned != tuple(range(rank + 1)):
        sketch.replace(key, Draft(op, sketch.drafts[key].inputs, shape, {}, sketch.drafts[key].origin))
    return False


def _is_last(sketch: Sketch, position: int) -> bool:
    op, rank = sketch.drafts[position].op, len(sketch.drafts[position].shape)
    return isinstance(op, Softmax) and op.dim in (-1, rank)


def _masked(sketch: Sketch, position: int) -> tuple[int, int | None]:
    """The scores of a sum, and what is added to them."""
    reads = inputs(sketch, position)
    for scores, mask in (reads, reads[::-1]):
        product = _unscaled(sketch, scores)[1]
        if len(reads) == 2 and keyword(sketch, product) == "matmul" and sketch.only_reader(scores) is not None:
            return scores, mask
    return position, None


def _unscaled(sketch: Sketch, position: int) -> tuple[float, int]:
    """A layer without the numbers that it is multiplied by or divided by, and these."""
    scale = 1.0
    while sketch.only_reader(position) is not None:
        times, by = with_number(sketch, position, "mul"), with_number(sketch, position, "div")
        if times is not None:
            position, scale = times[0], scale * times[1]
        elif by is not None and by[1]:
            position, scale = by[0], scale / by[1]
        else:
            break
    return scale, position


PATTERNS = {"matmul": (attention,)} if "scaled_dot_product_attention" in OPS else {}
