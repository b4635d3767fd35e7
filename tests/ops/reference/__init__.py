"""Operators once more, as loops: independent of the facts that they are compared with, and as naive as can be.

Each function takes a Bench and returns the output as a grid of Numbers. Positions of windows are found by walking and
not by a formula, values beyond an edge are read like others, and what only moves values is numpy's.
"""

from collections.abc import Callable

from archcalc.ops.base import Op, Shapes

from ..counting import Bench, Grid, add_up, build, largest, multiply, smallest
from . import movement, reduce
from .norm import (
    batchnorm,
    groupnorm,
    instance_norm,
    layer_scale,
    layernorm,
    log_softmax_along,
    lrn,
    prelu,
    rms_norm,
    softmax_along,
)
from .products import linear, matmul, multihead_attention, scaled_dot_product_attention
from .unitwise import UNITWISE
from .windowed import adaptive, avgpool, conv, conv_transpose, lp_pool, maxpool, mean, over_all

REFERENCES: dict[str, Callable[[Bench], Grid]] = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "linear": linear,
    "matmul": matmul,
    "multihead_attention": multihead_attention,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "maxpool": maxpool,
    "avgpool": avgpool,
    "lp_pool": lp_pool,
    "adaptive_maxpool": lambda bench: adaptive(bench, largest),
    "adaptive_avgpool": lambda bench: adaptive(bench, mean),
    "global_maxpool": lambda bench: over_all(bench, largest),
    "global_avgpool": lambda bench: over_all(bench, mean),
    "reduce_mean": lambda bench: reduce.along(bench, mean),
    "reduce_sum": lambda bench: reduce.along(bench, add_up),
    "reduce_max": lambda bench: reduce.along(bench, largest),
    "reduce_min": lambda bench: reduce.along(bench, smallest),
    "reduce_l2": lambda bench: reduce.along(bench, reduce.length),
    "batchnorm": batchnorm,
    "layernorm": layernorm,
    "groupnorm": groupnorm,
    "instance_norm": instance_norm,
    "rms_norm": rms_norm,
    "lrn": lrn,
    "layer_scale": layer_scale,
    "prelu": prelu,
    "softmax": softmax_along,
    "log_softmax": log_softmax_along,
    "add": lambda bench: movement.broadcast(bench, add_up),
    "sub": lambda bench: movement.broadcast(bench, lambda terms: terms[0] - terms[1]),
    "mul": lambda bench: movement.broadcast(bench, multiply),
    "div": lambda bench: movement.broadcast(bench, lambda terms: terms[0] / terms[1]),
    "mean": lambda bench: movement.broadcast(bench, mean),
    "max": lambda bench: movement.broadcast(bench, largest),
    "min": lambda bench: movement.broadcast(bench, smallest),
    "concat": movement.concat,
    "slice": movement.slice_,
    "split": movement.split,
    "index_select": movement.index_select,
    "pixel_shuffle": movement.pixel_shuffle,
    "pixel_unshuffle": movement.pixel_unshuffle,
    "roll": movement.roll,
    "expand": movement.expand,
    "channel_shuffle": movement.channel_shuffle,
    "flatten": movement.flatten,
    "reshape": movement.reshape,
    "permute": movement.permute,
    "pad": movement.pad,
    "upsample": movement.upsample,
    "parameter": movement.learned,
    "constant": movement.constant,
    "input": lambda bench: build(bench.op.shape, lambda place: bench.zero),
}


def run(op: Op, shapes: Shapes) -> tuple[Bench, Grid]:
    """The bench after the reference code of `op` has run on it, and the output."""
    bench = Bench(op, shapes)
    if op.keyword in UNITWISE:
        unit, x = UNITWISE[op.keyword], bench.inputs[0]
        return bench, build(x.shape, lambda place: unit(bench.op, x[place]))
    return bench, REFERENCES[op.keyword](bench)
