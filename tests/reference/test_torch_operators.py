"""Operators against torch's of the same name, value by value, where torch is installed: `pip install torch`.

Their samples are run in float64 with the same weights by both.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytest
from forward.compute import compute, random_arguments
from ops.cases import Sample, each
from ops.samples import SAMPLES

torch = pytest.importorskip("torch")
F = torch.nn.functional

Tensors = Sequence[Any]
Reference = Callable[[Any, Tensors, Mapping[str, Any]], Any]


def of_one(function: Callable[..., Any], *names: str) -> Reference:
    """A function of one tensor and of arguments of the same names."""
    return lambda op, inputs, weights: function(inputs[0], *(getattr(op, name) for name in names))


def reduction(function: Callable[..., Any]) -> Reference:
    return lambda op, inputs, weights: function(inputs[0], dim=op.dims, keepdim=op.keepdim)


def by_rank(name: str, x: Any) -> Callable[..., Any]:
    """Torch's function for so many spatial axes."""
    function: Callable[..., Any] = getattr(F, f"{name}{x.dim() - 2}d")
    return function


def lp_pool(op: Any, inputs: Tensors, weights: Mapping[str, Any]) -> Any:
    stride = None if op.stride == "kernel_size" else op.stride
    return by_rank("lp_pool", inputs[0])(inputs[0], float(op.norm_type), op.kernel_size, stride)


def attention(op: Any, inputs: Tensors, weights: Mapping[str, Any]) -> Any:
    mask = inputs[3] if len(inputs) == 4 else None
    return F.scaled_dot_product_attention(*inputs[:3], mask, is_causal=op.is_causal, scale=op.scale)


def rms_norm(op: Any, inputs: Tensors, weights: Mapping[str, Any]) -> Any:
    x, gamma = inputs[0], weights.get("weight")
    if op.dim is not None:
        return F.rms_norm(x.movedim(op.dim, -1), (x.shape[op.dim],), gamma, op.eps).movedim(-1, op.dim)
    last = len(op.normalized_shape) if isinstance(op.normalized_shape, tuple) else 1
    return F.rms_norm(x, x.shape[-last:], gamma, op.eps)


def instance_norm(op: Any, inputs: Tensors, weights: Mapping[str, Any]) -> Any:
    return F.instance_norm(inputs[0], weight=weights.get("weight"), bias=weights.get("bias"), eps=op.eps)


def expand(op: Any, inputs: Tensors, weights: Mapping[str, Any]) -> Any:
    """Sample by sample, as the shape leaves the batch out."""
    return torch.stack([sample.expand(*op.shape) for sample in inputs[0]])


REFERENCES: dict[str, Reference] = {
    "sub": lambda op, inputs, weights: torch.sub(*inputs),
    "div": lambda op, inputs, weights: torch.div(*inputs),
    "min": lambda op, inputs, weights: reduce(torch.minimum, inputs),
    "matmul": lambda op, inputs, weights: operator.matmul(*inputs),
    "reduce_mean": reduction(torch.mean),
    "reduce_sum": reduction(torch.sum),
    "reduce_max": reduction(torch.amax),
    "reduce_min": reduction(torch.amin),
    "reduce_l2": reduction(torch.linalg.vector_norm),
    "index_select": lambda op, inputs, weights: torch.index_select(inputs[0], op.dim, torch.tensor(op.index)),
    "roll": of_one(torch.roll, "shifts", "dims"),
    "expand": expand,
    "scaled_dot_product_attention": attention,
    "rms_norm": rms_norm,
    "instance_norm": instance_norm,
    "lp_pool": lp_pool,
    "pow": of_one(torch.pow, "exponent"),
    "hardtanh": of_one(F.hardtanh, "min_val", "max_val"),
    "threshold": of_one(F.threshold, "threshold", "value"),
    "elu": of_one(F.elu, "alpha"),
    "celu": of_one(F.celu, "alpha"),
    "softplus": of_one(F.softplus, "beta", "threshold"),
    "log_softmax": of_one(F.log_softmax, "dim"),
    **{name: of_one(getattr(F, name)) for name in ("selu", "softsign", "mish")},
    **{
        name: of_one(getattr(torch, name))
        for name in ("exp", "log", "sqrt", "rsqrt", "abs", "neg", "reciprocal", "erf", "sin", "cos")
    },
}


def in_torch(case: Sample) -> bool:
    """Whether torch has the operator in this form: no norms of windows on padding, on hanging windows or of volumes."""
    op: Any = case.op
    if op.keyword == "lp_pool":
        return not op.padding and not op.ceil_mode and len(case.inputs[0]) < 4
    return op.keyword in REFERENCES


@each(sample for sample in SAMPLES if in_torch(sample))
def test_operator(case: Sample) -> None:
    arrays, stored = random_arguments(case)
    weights = {name: torch.from_numpy(array) for name, array in stored.items()}
    expected = REFERENCES[case.op.keyword](case.op, [torch.from_numpy(x) for x in arrays], weights)
    np.testing.assert_allclose(compute(case.op, arrays, stored), expected.numpy(), rtol=1e-9, atol=1e-12)


def in_space(case: Sample) -> bool:
    """Torch has the mode `crd` only."""
    op: Any = case.op
    return op.keyword in ("pixel_shuffle", "pixel_unshuffle") and bool(op.mode == "crd")


@each(sample for sample in SAMPLES if in_space(sample))
def test_depth_and_space(case: Sample) -> None:
    op: Any = case.op
    (x,), _ = random_arguments(case)
    factor = op.upscale_factor if op.keyword == "pixel_shuffle" else op.downscale_factor
    np.testing.assert_array_equal(compute(op, [x]), getattr(F, op.keyword)(torch.from_numpy(x), factor).numpy())
