"""What patterns ask of layers."""

import math

from archcalc.formats.importer.draft import Draft, Origin, Sketch
from archcalc.formats.importer.values import Constant
from archcalc.numbers import product
from archcalc.ops.base import Op, Shape


def keyword(sketch: Sketch, position: int) -> str:
    return sketch.drafts[position].op.keyword


def inputs(sketch: Sketch, position: int) -> tuple[int, ...]:
    return sketch.drafts[position].inputs


def is_inner(sketch: Sketch, position: int, word: str) -> bool:
    """Whether a layer is of a kind and read once, so that it may vanish in another."""
    return keyword(sketch, position) == word and sketch.only_reader(position) is not None


def number(sketch: Sketch, position: int) -> float | None:
    """The number that a layer gives everywhere, if it does."""
    op = sketch.drafts[position].op
    return getattr(op, "value", None) if op.keyword == "constant" else None


def is_number(sketch: Sketch, position: int, value: float) -> bool:
    found = number(sketch, position)
    return found is not None and math.isclose(found, value, rel_tol=1e-4)


def with_number(sketch: Sketch, position: int, word: str) -> tuple[int, float] | None:
    """The other input of a join with a number, and the number; of differences and quotients only behind it."""
    if keyword(sketch, position) != word or len(inputs(sketch, position)) != 2:
        return None
    left, right = inputs(sketch, position)
    found = number(sketch, right)
    if found is not None:
        return left, found
    found = number(sketch, left) if word in ("add", "mul") else None
    return None if found is None else (right, found)


def factors(sketch: Sketch, position: int, root: bool = True) -> tuple[float, list[int]]:
    """A tree of products and quotients by numbers as one number and the layers multiplied."""
    if not root and sketch.only_reader(position) is None:
        return 1.0, [position]
    divided = with_number(sketch, position, "div")
    if divided is not None and divided[1]:
        whole, layers = factors(sketch, divided[0], False)
        return whole / divided[1], layers
    if keyword(sketch, position) != "mul":
        return 1.0, [position]
    whole, layers = 1.0, list[int]()
    for producer in inputs(sketch, position):
        value = number(sketch, producer)
        if value is not None:
            whole *= value
            continue
        inner, more = factors(sketch, producer, False)
        whole *= inner
        layers += more
    return whole, layers


def fused(
    sketch: Sketch,
    position: int,
    op: Op,
    reads: tuple[int, ...],
    weights: dict[str, Constant] | None = None,
    origin: Origin | None = None,
) -> bool:
    """Put a layer in the place of the last of a pattern, if it gives what that gave."""
    old = sketch.drafts[position]
    shapes = tuple(sketch.drafts[producer].shape for producer in reads)
    if any(True for _ in op.check(shapes)) or op.output(shapes) != old.shape:
        return False
    sketch.replace(position, Draft(op, reads, old.shape, weights or {}, origin or old.origin))
    return True


def stored_in(sketch: Sketch, position: int) -> Constant | None:
    """The array that a layer gives, where it is a parameter or a stored constant."""
    weights = sketch.drafts[position].weights
    return weights.get("weight", weights.get("value")) if not inputs(sketch, position) else None


def one_axis(shape: tuple[int, ...]) -> int | None:
    """The one axis of a shape that is longer than 1."""
    longer = [axis for axis, size in enumerate(shape) if size != 1]
    return longer[0] if len(longer) == 1 else None


def as_vector(constant: Constant) -> Constant:
    """An array of one long axis, as that."""
    return reshaped(constant, (product(constant.shape),))


def reshaped(constant: Constant, shape: Shape) -> Constant:
    """An array in another shape."""
    return constant.moved(shape, lambda array: array.reshape(shape))
