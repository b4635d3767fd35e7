"""All operators: the one explicit list. An operator that is not in it does not exist."""

from archcalc.ops.activation import (
    GELU,
    Dropout,
    DropPath,
    HardSigmoid,
    HardSwish,
    Identity,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from archcalc.ops.attention import ScaledDotProductAttention
from archcalc.ops.base import Op
from archcalc.ops.conv import Conv, ConvTranspose
from archcalc.ops.function import Abs, Cos, Erf, Exp, Hardtanh, Log, Neg, Pow, Reciprocal, Rsqrt, Sin, Sqrt
from archcalc.ops.join import Add, Concat, Div, Max, Mean, Min, Mul, Sub
from archcalc.ops.linear import Linear, MatMul, MultiHeadAttention
from archcalc.ops.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, LayerScale, LocalResponseNorm, RMSNorm
from archcalc.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from archcalc.ops.rearrange import Expand, IndexSelect, PixelShuffle, PixelUnshuffle, Roll
from archcalc.ops.reduce import ReduceL2, ReduceMax, ReduceMean, ReduceMin, ReduceSum
from archcalc.ops.reshape import ChannelShuffle, Flatten, Pad, Permute, Reshape, Slice, Split, Upsample
from archcalc.ops.source import Constant, Input, Parameter

_CLASSES: tuple[type[Op], ...] = (
    Conv,
    ConvTranspose,
    Linear,
    MatMul,
    MultiHeadAttention,
    ScaledDotProductAttention,
    MaxPool,
    AvgPool,
    AdaptiveMaxPool,
    AdaptiveAvgPool,
    GlobalMaxPool,
    GlobalAvgPool,
    ReduceMean,
    ReduceSum,
    ReduceMax,
    ReduceMin,
    ReduceL2,
    BatchNorm,
    LayerNorm,
    GroupNorm,
    InstanceNorm,
    RMSNorm,
    LocalResponseNorm,
    LayerScale,
    ReLU,
    ReLU6,
    LeakyReLU,
    PReLU,
    Sigmoid,
    Tanh,
    GELU,
    SiLU,
    HardSigmoid,
    HardSwish,
    Hardtanh,
    Softmax,
    Exp,
    Log,
    Sqrt,
    Rsqrt,
    Reciprocal,
    Pow,
    Abs,
    Neg,
    Erf,
    Sin,
    Cos,
    Dropout,
    DropPath,
    Identity,
    Add,
    Sub,
    Mul,
    Div,
    Mean,
    Max,
    Min,
    Concat,
    Slice,
    Split,
    IndexSelect,
    ChannelShuffle,
    PixelShuffle,
    PixelUnshuffle,
    Roll,
    Flatten,
    Reshape,
    Permute,
    Expand,
    Pad,
    Upsample,
    Parameter,
    Constant,
    Input,
)

OPS: dict[str, type[Op]] = {op.keyword: op for op in _CLASSES}
"""Keyword in specs → operator class."""
