"""Matrix products: with weights they are linear layers, of two values that flow they are products."""

from archcalc.formats.importer.lowering import FLOATS, Call, Rule, Unlike
from archcalc.formats.importer.rules.movement import turned
from archcalc.formats.importer.rules.pointwise import with_number
from archcalc.formats.importer.values import Constant, Flow, Value, equal
from archcalc.numbers import product
from archcalc.ops import OPS
from archcalc.ops.linear import Linear, MatMul
from archcalc.ops.reshape import Permute


def transposed(constant: Constant) -> Constant:
    """A matrix with its axes exchanged."""
    rows, columns = constant.shape
    return constant.moved((columns, rows), lambda array: array.T)


def linear(call: Call, flow: Flow, weight: Constant, bias: Constant | None) -> Flow:
    """y = x·Wᵀ + b on the last axis."""
    flow = call.off(flow, len(flow.shape) - 1)
    if flow.shape[-1] != weight.shape[1]:
        raise call.error(f"{flow.shape[-1]} features are multiplied by {weight.shape[1]} × {weight.shape[0]} weights")
    if weight.origins and weight.origins[0] in call.lowering.tied:
        return _by_tied(call, flow, weight, bias)
    weights = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    shape = (*flow.shape[:-1], weight.shape[0])
    return call.emit(Linear(weight.shape[0], bias is not None), [flow], shape, flow.batch, weights)


def matmul(call: Call) -> Value:
    """numpy's rules: vectors are rows or columns, leading axes are stretched to one another."""
    a, b = call.value(0), call.held(1)
    if b is None:
        raise call.error("has no input 2")
    if isinstance(b, Constant) and b.fixed and len(b.shape) == 2 and isinstance(a, Flow) and a.shape:
        return by_fixed(call, a, b)
    if isinstance(b, Constant) and len(b.shape) == 2 and b.dtype in FLOATS and isinstance(a, Flow) and a.shape:
        return linear(call, a, transposed(b), None)
    if isinstance(b, Constant) and len(b.shape) == 1 and isinstance(a, Flow) and a.shape:
        size = b.shape[0]
        given = linear(call, a, b.moved((1, size), lambda array: array.reshape(1, size)), None)
        return call.reshape(given, given.shape[:-1])
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise Unlike("a vector is multiplied")
    return multiply(call, a, call.value(1))


def by_fixed(call: Call, a: Flow, b: Constant) -> Flow:
    """The product with a matrix that is no parameter, such as a table that places are looked up in."""
    return _rows_by(call, a, call.leaf(b))


def _rows_by(call: Call, a: Flow, b: Flow) -> Flow:
    if len(a.shape) > 2:
        return multiply(call, a, b)
    rows = call.reshape(a, (*a.shape[:-1], 1, a.shape[-1]))
    return call.reshape(multiply(call, rows, b), (*a.shape[:-1], b.shape[-1]))


def _by_tied(call: Call, flow: Flow, weight: Constant, bias: Constant | None) -> Flow:
    """The product with a parameter that others are multiplied by as well, in another order of its axes."""
    stored = call.lowering.values[weight.origins[0]]
    assert isinstance(stored, Constant)  # noqa: S101 - what is tied is stored
    matrix = call.leaf(stored)
    if weight.shape == stored.shape and equal(weight.stored, stored.stored):
        matrix = call.emit(Permute((0, 2, 1)), [matrix], matrix.shape[::-1], None)
    given = _rows_by(call, flow, matrix)
    if bias is None:
        return given
    flows, shape, batch = call.aligned([given, bias])
    return call.emit(OPS["add"](), flows, shape, batch)


def multiply(call: Call, a: Value, b: Value) -> Flow:
    """The product of two values over their last two axes."""
    if a.shape[-1] != b.shape[-2]:
        raise call.error(f"{a.shape[-1]} columns are multiplied by {b.shape[-2]} rows")
    rank = max(len(a.shape), len(b.shape))
    values = [call.off(v, len(v.shape) - 1, len(v.shape) - 2) if isinstance(v, Flow) else v for v in (a, b)]
    flows, together, batch = call.aligned(values, keep=2)
    if batch is not None and batch.axis >= rank - 2:
        raise Unlike("it multiplies along the batch")
    return call.emit(MatMul(), flows, (*together, a.shape[-2], b.shape[-1]), batch)


def gemm(call: Call) -> Value:
    """alpha·A·B + beta·C, where A and B may be turned."""
    alpha, beta = call.get("alpha", 1.0), call.get("beta", 1.0)
    a, b, c = call.flow(0), call.held(1), call.held(2)
    if b is None or len(a.shape) != 2 or len(b.shape) != 2:
        raise call.error("multiplies what is no matrix")
    if call.get("transA", 0):
        a = call.relaid(a, None)
        a = call.emit(Permute((0, 2, 1)), [a], a.shape[::-1], None)
    size = b.shape[0] if call.get("transB", 0) else b.shape[1]
    fits = isinstance(c, Constant) and c.shape in ((size,), (1, size)) and alpha == beta == 1.0
    fits = fits and not (isinstance(c, Constant) and c.fixed) and not (isinstance(b, Constant) and b.fixed)
    if isinstance(b, Constant) and b.fixed:
        given, bias = by_fixed(call, a, transposed(b) if call.get("transB", 0) else b), None
    elif isinstance(b, Constant):
        bias = c.moved((size,), lambda array: array.reshape(size)) if fits and isinstance(c, Constant) else None
        given = linear(call, a, b if call.get("transB", 0) else transposed(b), bias)
    else:
        if call.get("transB", 0):
            b = call.relaid(b, None)
            b = call.emit(Permute((0, 2, 1)), [b], b.shape[::-1], None)
        given, bias = multiply(call, call.relaid(a, None), call.relaid(b, None)), None
    if alpha != 1.0:
        given = with_number(call, "mul", given, alpha)
    if c is None or bias is not None or beta == 0:
        return given
    if beta != 1.0:
        c = with_number(call, "mul", call.leaf(c) if isinstance(c, Constant) else c, beta)
    flows, shape, batch = call.aligned([given, c])
    return call.emit(OPS["add"](), flows, shape, batch)


def attention(call: Call) -> Value:
    """Attention of opset 23: softmax(q·kᵀ·scale + mask)·v, by heads or with them side by side."""
    names = [name for name in call.operation.outputs if name]
    if len(names) > 1 or any(call.optional(place) is not None for place in (4, 5, 6)) or call.get("softcap", 0.0):
        raise Unlike("it keeps what it has seen")
    flows = [call.flow(place) for place in range(3)]
    together = len(flows[0].shape) == 3
    if together:
        heads = (call.get("q_num_heads"), call.get("kv_num_heads"), call.get("kv_num_heads"))
        flows = [_by_heads(call, flow, count) for flow, count in zip(flows, heads, strict=True)]
    query, key, value = flows
    if not query.shape[1] == key.shape[1] == value.shape[1]:
        raise Unlike("its heads share keys")
    scale = call.get("scale")
    mask = call.optional(3)
    if isinstance(mask, Constant) and mask.dtype == "bool":
        raise Unlike("its mask is of truths")
    values: list[Value] = [query, key, value] if mask is None else [query, key, value, mask]
    given = attend(call, values, scale, bool(call.get("is_causal", 0)))
    if not together:
        return given
    turned = call.emit(Permute((0, 2, 1, 3)), [call.batch_first(given)], _swapped(given.shape), given.batch)
    return call.reshape(turned, (*turned.shape[:2], turned.shape[2] * turned.shape[3]))


def _swapped(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[2], shape[1], shape[3])


def _by_heads(call: Call, flow: Flow, heads: int | None) -> Flow:
    if not heads or flow.shape[2] % heads:
        raise call.error(f"{heads} heads do not divide {flow.shape[2]} features")
    parted = call.batch_first(call.reshape(flow, (*flow.shape[:2], heads, flow.shape[2] // heads)))
    return call.emit(Permute((0, 2, 1, 3)), [parted], _swapped(parted.shape), parted.batch)


def attend(call: Call, values: list[Value], scale: float | None, causal: bool) -> Flow:
    """Attention on query, key, value and perhaps what is added to the scores."""
    query, value = values[0], values[2]
    flows, together, batch = call.aligned([v for v in values if v is not None], keep=2)
    shape = (*together, query.shape[-2], value.shape[-1])
    arguments = {"is_causal": causal} if scale is None else {"scale": float(scale), "is_causal": causal}
    return call.emit(OPS["scaled_dot_product_attention"](**arguments), flows, shape, batch)


def einsum(call: Call) -> Value:
    """A product of two values whose letters each stand for one axis."""
    equation = str(call.get("equation", "")).replace(" ", "")
    given, arrow, result = equation.partition("->")
    terms = given.split(",")
    letters = all(len(set(term)) == len(term) and term.isalpha() for term in (*terms, result))
    if not arrow or len(terms) != 2 or len(call.inputs) != 2 or not letters:
        raise Unlike(f"the sum {equation!r} is not written out here")
    return _contracted(call, terms, result)


def _contracted(call: Call, terms: list[str], result: str) -> Flow:
    """Both terms turned to (shared, own, summed) and (shared, summed, own), multiplied, and turned to the result."""
    a, b = terms
    summed = [letter for letter in a if letter in b and letter not in result]
    shared = [letter for letter in a if letter in b and letter in result]
    own = [[x for x in term if x not in other] for term, other in ((a, b), (b, a))]
    if not summed or any(letter not in result for letters in own for letter in letters):
        raise Unlike(f"the sum of {a} and {b} to {result} is no matrix product")
    sizes = {x: n for term, place in ((a, 0), (b, 1)) for x, n in zip(term, call.value(place).shape, strict=True)}
    weight = call.held(1)
    if isinstance(weight, Constant) and not shared and weight.dtype in FLOATS and not weight.fixed:
        return _by_weights(call, terms, result, summed, own)
    orders = [*shared, *own[0], *summed], [*shared, *summed, *own[1]]
    flows = []
    for term, order, place in zip(terms, orders, range(2), strict=True):
        flow = turned(call, call.flow(place), tuple(term.index(x) for x in order))
        groups = (own[0], summed) if place == 0 else (summed, own[1])
        flows.append(call.reshape(flow, (*(sizes[x] for x in shared), *(product(sizes[x] for x in g) for g in groups))))
    given = multiply(call, *flows)
    letters = [*shared, *own[0], *own[1]]
    given = call.reshape(given, tuple(sizes[x] for x in letters))
    return turned(call, given, tuple(letters.index(x) for x in result))


def _by_weights(call: Call, terms: list[str], result: str, summed: list[str], own: list[list[str]]) -> Flow:
    """A sum over weights is a linear layer: the letters that are summed last, and all others left as they are."""
    a, b = terms
    flow, weight = call.flow(0), call.constant(1)
    assert weight is not None  # noqa: S101 - the caller has seen it
    order = (*(b.index(x) for x in own[1]), *(b.index(x) for x in summed))
    outputs = product(weight.shape[b.index(x)] for x in own[1])
    shape = (outputs, product(weight.shape[b.index(x)] for x in summed))
    matrix = weight.moved(shape, lambda array: array.transpose(order).reshape(shape))
    flow = turned(call, flow, tuple(a.index(x) for x in (*own[0], *summed)))
    leading = flow.shape[: len(own[0])]
    given = linear(call, call.reshape(flow, (*leading, shape[1])), matrix, None)
    given = call.reshape(given, (*leading, *(weight.shape[b.index(x)] for x in own[1])))
    letters = [*own[0], *own[1]]
    return turned(call, given, tuple(letters.index(x) for x in result))


RULES: dict[str, Rule] = {"MatMul": matmul, "Gemm": gemm, "Attention": attention, "Einsum": einsum}
