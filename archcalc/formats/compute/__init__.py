"""ONNX's operators on arrays, with the meaning of the opset that a model asks for: opsets 7 to the newest.

What convolutions, poolings, normalisations, products and activations compute comes from the kernels of the forward
pass. Sizes are checked before memory is taken: a model that nobody trusts may be folded. Source: the operators' pages
at onnx.ai/onnx/operators and, for what older opsets meant, their changelog.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from archcalc.errors import Problem, UsageError, did_you_mean, printable
from archcalc.formats.compute import (
    activations,
    arithmetic,
    constants,
    norms,
    places,
    pooling,
    products,
    reduce,
    resizing,
    shapes,
    types,
    windowed,
)
from archcalc.formats.compute.call import Call
from archcalc.forward.kernels import Array

LARGEST = 1 << 32
"""Bytes that one array may have unless the caller says otherwise: 4 GiB."""

OPERATORS: dict[str, Callable[..., Array | tuple[Array, ...]]] = {
    **activations.OPERATORS,
    **arithmetic.OPERATORS,
    **constants.OPERATORS,
    **norms.OPERATORS,
    **places.OPERATORS,
    **pooling.OPERATORS,
    **products.OPERATORS,
    **reduce.OPERATORS,
    **resizing.OPERATORS,
    **shapes.OPERATORS,
    **types.OPERATORS,
    **windowed.OPERATORS,
}
"""Operator of ONNX's own domain → what computes it: a function of the call and the inputs."""

_MISFITS = (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError, MemoryError)
"""What numpy raises where shapes, types and places do not fit together."""


def compute(
    kind: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any],
    opset: int,
    outputs: int = 1,
    limit: int = LARGEST,
) -> tuple[Array, ...]:
    """The first `outputs` outputs of an operator.

    `inputs` has None for an optional input that is left out. `attributes` are decoded: int, float, str, arrays, and
    tuples of them. No array of more than `limit` bytes is made.

    Raises UsageError for an operator that is not known, for inputs and attributes that do not fit it, and for results
    beyond the limit.
    """
    if kind not in OPERATORS:
        raise UsageError(Problem(f"{printable(kind, 60)} is not computed", None, did_you_mean(kind, OPERATORS)))
    call = Call(kind, attributes, opset, outputs, limit)
    function = OPERATORS[kind]
    _check_inputs(kind, function, inputs)
    try:
        # Infinities and NaN are results like others here, the mean of nothing among them.
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            results = function(call, *inputs)
    except _MISFITS as error:
        shown = ", ".join("none" if x is None else f"{np.asarray(x).dtype}{list(np.shape(x))}" for x in inputs)
        raise UsageError(Problem(f"{kind} of {shown or 'nothing'} fails: {printable(str(error), 200)}")) from error
    results = results if isinstance(results, tuple) else (results,)
    if len(results) < outputs:
        raise UsageError(Problem(f"{kind} has {len(results)} outputs", None, f"{outputs} are asked for"))
    # Of arrays without axes numpy makes numbers.
    return tuple(np.asarray(x) if isinstance(x, np.generic) else x for x in results[:outputs])


def _check_inputs(kind: str, function: Callable[..., Any], inputs: Sequence[Array | None]) -> None:
    """Raises UsageError where inputs are missing or too many."""
    takes = list(inspect.signature(function).parameters.values())[1:]
    if takes and takes[-1].kind is inspect.Parameter.VAR_POSITIONAL:
        needed = [True] * max(len(inputs), 1)
    else:
        needed = [parameter.default is inspect.Parameter.empty for parameter in takes]
    if len(inputs) > len(needed):
        raise UsageError(Problem(f"{kind} has {len(inputs)} inputs", None, f"it takes {len(needed)}"))
    given = [x is not None for x in inputs] + [False] * (len(needed) - len(inputs))
    missing = [str(place) for place, (need, there) in enumerate(zip(needed, given, strict=True), 1) if need > there]
    if missing:
        raise UsageError(Problem(f"{kind} lacks input {', '.join(missing)}"))
