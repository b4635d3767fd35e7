"""Normalisation that exporters write out, or turn maps for."""

from archcalc.formats.importer.draft import Origin, Sketch
from archcalc.formats.importer.patterns.matching import (
    as_vector,
    fused,
    inputs,
    is_inner,
    keyword,
    reshaped,
    stored_in,
    with_number,
)
from archcalc.formats.importer.values import Constant
from archcalc.numbers import product
from archcalc.ops.base import axis_of
from archcalc.ops.norm import GroupNorm, LayerNorm


def layernorm(sketch: Sketch, position: int) -> bool:
    """(x − mean)/√(mean of (x − mean)² + eps)."""
    found = _quotient(sketch, position)
    if found is None:
        return False
    centred, root = found
    shifted = with_number(sketch, inputs(sketch, root)[0], "add")
    if keyword(sketch, centred) != "sub" or shifted is None:
        return False
    x, mean = inputs(sketch, centred)
    variance, eps = shifted
    if not _is_mean(sketch, mean, x) or keyword(sketch, variance) != "reduce_mean":
        return False
    dims = _dims(sketch, mean)
    if _dims(sketch, variance) != dims or not _is_square(sketch, inputs(sketch, variance)[0], x, mean):
        return False
    rank = len(sketch.drafts[x].shape)
    if dims == tuple(range(rank - len(dims), rank)):
        sizes = sketch.drafts[x].shape[rank - len(dims) :]
        op = LayerNorm(sizes[0] if len(sizes) == 1 else sizes, None, eps, False, False)
    elif dims == (0,):
        op = LayerNorm(None, 1, eps, False, False)
    else:
        return False
    return fused(sketch, position, op, (x,))


def _quotient(sketch: Sketch, position: int) -> tuple[int, int] | None:
    """What is divided by a root, and the root: as a quotient, or times its reciprocal."""
    reads = inputs(sketch, position)
    if len(reads) != 2:
        return None
    if keyword(sketch, position) == "div":
        return reads if keyword(sketch, reads[1]) == "sqrt" else None
    for x, other in (reads, reads[::-1]):
        if keyword(sketch, other) == "rsqrt":
            return x, other
        if keyword(sketch, other) == "reciprocal" and keyword(sketch, inputs(sketch, other)[0]) == "sqrt":
            return x, inputs(sketch, other)[0]
    return None


def _dims(sketch: Sketch, position: int) -> tuple[int, ...]:
    """The axes of a sample that a reduction runs along."""
    op, rank = sketch.drafts[position].op, len(sketch.drafts[inputs(sketch, position)[0]].shape)
    dims = getattr(op, "dims", ())
    return tuple(sorted(axis_of(dim, rank) for dim in (dims if isinstance(dims, tuple) else (dims,))))


def _is_mean(sketch: Sketch, position: int, x: int) -> bool:
    return keyword(sketch, position) == "reduce_mean" and inputs(sketch, position) == (x,)


def _is_square(sketch: Sketch, position: int, x: int, mean: int) -> bool:
    """Whether a layer gives (x − mean)², whose difference may have been computed a second time."""
    reads = inputs(sketch, position)
    squared = keyword(sketch, position) == "mul" and len(reads) == 2 and reads[0] == reads[1]
    if not squared and not (
        keyword(sketch, position) == "pow" and getattr(sketch.drafts[position].op, "exponent", 0) == 2
    ):
        return False
    return (
        keyword(sketch, reads[0]) == "sub"
        and inputs(sketch, reads[0])[0] == x
        and _is_mean(sketch, inputs(sketch, reads[0])[1], x)
        and _dims(sketch, inputs(sketch, reads[0])[1]) == _dims(sketch, mean)
    )


def scaled(sketch: Sketch, position: int) -> bool:
    """A factor, and then a summand, for each normalised value."""
    reads = inputs(sketch, position)
    if len(reads) != 2:
        return False
    word = keyword(sketch, position)
    for layer, leaf in (reads, reads[::-1]):
        stored = stored_in(sketch, leaf)
        draft = sketch.drafts[layer]
        if stored is None or not is_inner(sketch, layer, "layernorm") or not isinstance(draft.op, LayerNorm):
            continue
        if stored.learned is False:
            return _without(sketch, position, layer, stored)
        first, op = word == "mul", draft.op
        if first == op.elementwise_affine or (not first and op.bias):
            continue
        name = "weight" if first else "bias"
        wanted = LayerNorm(op.normalized_shape, op.dim, op.eps, True, True).weights((draft.shape,))[0].shape
        if product(stored.shape) != product(wanted) or not _matches(draft.op, draft.shape, stored.shape, wanted):
            continue
        array = reshaped(stored, wanted)
        whole = LayerNorm(op.normalized_shape, op.dim, op.eps, True, not first)
        origin = Origin(draft.origin.scope, stored.path.rpartition(".")[0] or draft.origin.owner, draft.origin.label)
        return fused(sketch, position, whole, draft.inputs, {**draft.weights, name: array}, origin)
    return False


def _without(sketch: Sketch, position: int, layer: int, stored: Constant) -> bool:
    """A normalisation without the factors of 1 or the summands of 0 behind it, which nobody learned; others stay."""
    neutral = 1 if keyword(sketch, position) == "mul" else 0
    draft = sketch.drafts[layer]
    if not (stored.array() == neutral).all():
        return False
    return fused(sketch, position, draft.op, draft.inputs, dict(draft.weights), draft.origin)


def _matches(op: LayerNorm, shape: tuple[int, ...], given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether factors lie along the axes that are normalised over."""
    if op.dim is not None:
        return given == (wanted[0], *(1 for _ in shape[1:]))
    return given == (*(1 for _ in shape[: len(shape) - len(wanted)]), *wanted)


def turned_layernorm(sketch: Sketch, position: int) -> bool:
    """Channels to the back, layer normalisation, channels to the front: that of the channels of a map."""
    (layer,) = inputs(sketch, position)
    draft = sketch.drafts[layer]
    if not is_inner(sketch, layer, "layernorm") or not isinstance(draft.op, LayerNorm):
        return False
    (before,) = draft.inputs
    if not is_inner(sketch, before, "permute") or draft.op.dim is not None or len(draft.shape) < 3:
        return False
    rank, op = len(draft.shape), draft.op
    back, front = getattr(sketch.drafts[before].op, "dims", ()), getattr(sketch.drafts[position].op, "dims", ())
    if back != (0, *range(2, rank + 1), 1) or front != (0, rank, *range(1, rank)):
        return False
    if isinstance(op.normalized_shape, tuple) and len(op.normalized_shape) > 1:
        return False
    whole = LayerNorm(None, 1, op.eps, op.elementwise_affine, op.bias)
    return fused(sketch, position, whole, inputs(sketch, before), dict(draft.weights), draft.origin)


def groupnorm(sketch: Sketch, position: int) -> bool:
    """A map as groups, instance normalisation of these, and a map again; factor and summand of each channel behind."""
    word = keyword(sketch, position)
    if word in ("mul", "add"):
        return _with_channels(sketch, position, word)
    (layer,) = inputs(sketch, position)
    if not is_inner(sketch, layer, "instance_norm"):
        return False
    draft = sketch.drafts[layer]
    (before,) = draft.inputs
    if keyword(sketch, before) not in ("reshape", "flatten"):
        return False
    (x,) = inputs(sketch, before)
    shape, groups = sketch.drafts[x].shape, draft.shape[0]
    if shape != sketch.drafts[position].shape or shape[0] % groups or not _is_plain(draft.weights):
        return False
    return fused(sketch, position, GroupNorm(groups, getattr(draft.op, "eps", 1e-5), False), (x,), {}, draft.origin)


def _is_plain(weights: "dict[str, Constant] | object") -> bool:
    """Whether factors are 1 and summands 0: only their values say so."""
    if not isinstance(weights, dict):
        return False
    given = {name: constant.array() for name, constant in weights.items() if product(constant.shape) < 1 << 16}
    return len(given) == len(weights) and all((array == (name == "weight")).all() for name, array in given.items())


def _with_channels(sketch: Sketch, position: int, word: str) -> bool:
    reads = inputs(sketch, position)
    if len(reads) != 2:
        return False
    for layer, leaf in (reads, reads[::-1]):
        stored, draft = stored_in(sketch, leaf), sketch.drafts[layer]
        if stored is None or not is_inner(sketch, layer, "groupnorm") or not isinstance(draft.op, GroupNorm):
            continue
        if stored.learned is False:
            return _without(sketch, position, layer, stored)
        name = "weight" if word == "mul" else "bias"
        if name in draft.weights or (name == "bias" and "weight" not in draft.weights):
            continue
        channels = draft.shape[0]
        if sketch.drafts[leaf].shape != (channels, *(1 for _ in draft.shape[1:])):
            continue
        weights = {**draft.weights, name: as_vector(stored)}
        # Until both are there the layer is not whole: the summand is filled in right behind the factor.
        op = GroupNorm(draft.op.num_groups, draft.op.eps, "bias" in weights)
        origin = Origin(draft.origin.scope, stored.path.rpartition(".")[0] or draft.origin.owner, draft.origin.label)
        follows = sketch.only_reader(position)
        if name == "weight" and (follows is None or keyword(sketch, follows) != "add"):
            return False
        return fused(sketch, position, op, draft.inputs, weights, origin)
    return False


PATTERNS = {
    "div": (layernorm,),
    "mul": (layernorm, scaled, groupnorm),
    "add": (scaled, groupnorm),
    "permute": (turned_layernorm,),
    "reshape": (groupnorm,),
}
