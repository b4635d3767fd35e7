"""Samples of every operator: what it accepts, and what it must refuse with which words.

The conformance suite, the counting loops and the window tests are all driven by these two lists. A new operator adds
its lines here and is tested. Sizes are tiny, because naive loops run over them, and differ within a sample where they
can, so that a mixed-up axis shows.
"""

from typing import Any

from archcalc import ops
from archcalc.ops.base import Op

from .cases import Refusal, Sample


def _windowed(pool: type[ops.MaxPool] | type[ops.AvgPool] | type[ops.LpPool]) -> list[Sample]:
    return [
        Sample(pool(2), ((2, 5, 7),)),
        Sample(pool(3, 2), ((2, 6, 8),)),
        Sample(pool(3, 2, ceil_mode=True), ((2, 6, 7),)),
        Sample(pool(2, 2, padding=1, ceil_mode=True), ((1, 5, 3),)),  # a last window behind the input is dropped
        Sample(pool(1, 4, ceil_mode=True), ((2, 5, 4),)),
        Sample(pool((3, 2), (2, 1), padding=((1, 0), 1)), ((2, 6, 4),)),
        Sample(pool((3, 2, 1), (1, 2, 3)), ((1, 4, 5, 6),)),
        Sample(pool(3, 2, ceil_mode=True), ((1, 2, 2),)),  # the only window hangs over the end
    ]


def _wrongly_windowed(pool: type[ops.MaxPool] | type[ops.AvgPool] | type[ops.LpPool]) -> list[Refusal]:
    return [
        Refusal(pool(2), ((7,),), "needs channels and 1 to 3 spatial axes"),
        Refusal(pool(2), ((1, 2, 3, 4, 5),), "needs channels and 1 to 3 spatial axes"),
        Refusal(pool((2, 2, 2)), ((3, 8, 8),), "kernel_size has 3 numbers for 2 axes"),
        Refusal(pool(2, (2, 2)), ((3, 8),), "stride has 2 numbers for 1 axis"),
        Refusal(pool(2, padding=(1,)), ((3, 8, 8),), "padding has 1 numbers for 2 axes"),
        Refusal(pool(3, padding=2), ((3, 8, 8),), "padding is more than half of the kernel"),
        Refusal(pool(9), ((3, 8, 8),), "kernel 9 is larger than its input of 8"),
        Refusal(pool(9, padding=((1, 0),)), ((3, 7),), "kernel 9 is larger than its input of 7"),
    ]


def _adaptive(pool: type[ops.AdaptiveMaxPool] | type[ops.AdaptiveAvgPool]) -> list[Sample]:
    return [
        Sample(pool(3), ((2, 7, 5),)),
        Sample(pool((1, 4)), ((2, 6, 9),)),
        Sample(pool(5), ((3, 2),)),  # more bins than units: they overlap
        Sample(pool((2, 1, 4)), ((1, 4, 3, 6),)),
    ]


def _wrongly_adaptive(pool: type[ops.AdaptiveMaxPool] | type[ops.AdaptiveAvgPool]) -> list[Refusal]:
    return [
        Refusal(pool(1), ((7,),), "needs channels and 1 to 3 spatial axes"),
        Refusal(pool((1, 2)), ((3, 8),), "output_size has 2 numbers for 1 axis"),
    ]


def _unary(*of: Op) -> list[Sample]:
    return [Sample(op, (shape,)) for op in of for shape in ((3, 2, 5), (4,))]


def _reduced(reduction: Any) -> list[Sample]:
    return [
        Sample(reduction(1), ((4, 3),)),
        Sample(reduction((2, 3), keepdim=True), ((2, 3, 4),)),
        Sample(reduction((2, 3)), ((2, 3, 4),)),
        Sample(reduction(-2), ((3, 4, 2),)),
        Sample(reduction((-1, 1), keepdim=True), ((3, 2, 4),)),
        Sample(reduction((1, 2), keepdim=True), ((2, 5),)),  # everything
    ]


def _wrongly_reduced(reduction: Any) -> list[Refusal]:
    return [
        Refusal(reduction(0), ((3, 4),), "dims 0 is not an axis of a 2-axis shape"),
        Refusal(reduction((1, 3)), ((3, 4),), "dims 3 is not an axis"),
        Refusal(reduction(()), ((3, 4),), "has no axis to reduce"),
        Refusal(reduction((2, -1)), ((3, 4),), "[2, -1] names an axis of 3×4 twice"),
        Refusal(reduction((1, 2)), ((3, 4),), "leaves no axis of 3×4"),
    ]


def _of_two(join: type[ops.Sub] | type[ops.Div]) -> list[Sample]:
    return [
        Sample(join(), ((2, 3, 4), (2, 3, 4))),
        Sample(join(), ((3, 2, 4), (3, 1, 1))),
        Sample(join(), ((1, 4), (3, 1))),
    ]


def _wrongly_of_two(join: type[ops.Sub] | type[ops.Div]) -> list[Refusal]:
    return [
        Refusal(join(), ((2, 3, 4), (2, 3, 5)), "cannot join 2×3×4 and 2×3×5"),
        Refusal(join(), ((2, 3), (1, 2, 3)), "cannot join"),
    ]


def _joined(join: type[ops.Add] | type[ops.Mul] | type[ops.Mean] | type[ops.Max] | type[ops.Min]) -> list[Sample]:
    return [
        Sample(join(), ((2, 3, 4), (2, 3, 4))),
        Sample(join(), ((5, 3), (5, 3), (5, 3))),
        Sample(join(), ((3, 2, 4), (3, 1, 1))),  # a gate
        Sample(join(), ((1, 4), (3, 1), (3, 4))),
        Sample(join(), ((2, 3),)),
    ]


def _wrongly_joined(
    join: type[ops.Add] | type[ops.Mul] | type[ops.Mean] | type[ops.Max] | type[ops.Min],
) -> list[Refusal]:
    return [
        Refusal(join(), ((2, 3, 4), (2, 3, 5)), "cannot join 2×3×4 and 2×3×5"),
        Refusal(join(), ((2, 1), (2, 3), (2, 4)), "cannot join 2×1 and 2×3 and 2×4"),
        Refusal(join(), ((2, 3), (1, 2, 3)), "cannot join"),
    ]


SAMPLES: list[Sample] = [
    Sample(ops.Conv(3, 3), ((2, 5, 7),)),
    Sample(ops.Conv(4, 3, stride=2, padding=1, groups=2), ((6, 5, 8),)),
    Sample(ops.Conv(6, (3, 1), bias=False, groups=3), ((3, 4, 5),)),  # depthwise, two filters a channel
    Sample(ops.Conv(2, 4, stride=3), ((2, 9, 12),)),  # does not divide
    Sample(ops.Conv(2, 3, padding=2, dilation=2), ((1, 6, 4),)),
    Sample(ops.Conv(2, 3, stride=(1, 2), padding=((0, 2), (1, 3))), ((2, 5, 6),)),
    Sample(ops.Conv(2, (2, 3), padding=(2, 1), dilation=(3, 1)), ((1, 4, 6),)),
    *(Sample(ops.Conv(2, (4, 3), stride=s, padding="same"), ((1, *hw),)) for s in (1, 2) for hw in ((6, 7), (5, 8))),
    Sample(ops.Conv(1, 3, stride=2, padding="same", dilation=2), ((2, 9),)),
    Sample(ops.Conv(1, 1, stride=3, padding="same"), ((2, 7, 4),)),  # nothing to pad, although the stride is larger
    Sample(ops.Conv(2, 2, padding="valid"), ((3, 4, 5),)),
    Sample(ops.Conv(5, 3, stride=2, padding=((2, 0),)), ((4, 10),)),
    Sample(ops.Conv(2, (1, 2, 3), stride=(1, 2, 1), padding=(0, 1, (2, 0))), ((2, 3, 4, 5),)),
    Sample(ops.Conv(3, 3, 2, 1, groups=3, bias=False, trainable=False), ((3, 5, 6),)),  # a blur
    Sample(ops.Conv(3, 2, padding=((0, 1), 0), trainable=False), ((2, 5, 6),)),
    Sample(ops.ConvTranspose(3, 2, stride=2), ((2, 3, 4),)),
    Sample(ops.ConvTranspose(2, 4, stride=2, padding=1, groups=2, trainable=False), ((2, 3, 4),)),
    Sample(ops.ConvTranspose(4, 3, stride=2, padding=1, output_padding=1, groups=2), ((2, 3, 5),)),
    Sample(ops.ConvTranspose(2, 2, stride=3, bias=False), ((3, 2, 4),)),  # holes that nothing is written to
    Sample(ops.ConvTranspose(1, 3, padding=4, dilation=3, output_padding=2), ((2, 5),)),
    Sample(ops.ConvTranspose(2, (3, 2), (1, 3), (1, 0), (0, 2), (2, 1)), ((1, 4, 3),)),
    Sample(ops.ConvTranspose(2, (1, 2, 3), stride=(2, 1, 2)), ((2, 2, 3, 2),)),
    Sample(ops.Linear(5), ((7,),)),
    Sample(ops.Linear(4, bias=False), ((3, 6),)),
    Sample(ops.Linear(2), ((3, 2, 5),)),
    Sample(ops.MatMul(), ((3, 4), (4, 5))),
    Sample(ops.MatMul(), ((2, 3, 1), (2, 1, 4))),
    Sample(ops.MatMul(), ((3, 1, 2, 5), (3, 4, 5, 2))),
    Sample(ops.MatMul(), ((2, 3, 4, 5), (1, 1, 5, 2))),
    Sample(ops.MultiHeadAttention(4, 2), ((3, 4),)),
    Sample(ops.MultiHeadAttention(6, 3, bias=False), ((1, 6), (4, 6), (4, 6))),
    Sample(ops.MultiHeadAttention(2, 1), ((5, 2), (1, 2), (1, 2))),
    Sample(ops.ScaledDotProductAttention(), ((3, 4), (5, 4), (5, 2))),
    Sample(ops.ScaledDotProductAttention(scale=0.3), ((2, 3, 4), (2, 5, 4), (2, 5, 1))),
    Sample(ops.ScaledDotProductAttention(is_causal=True), ((2, 3, 4), (2, 3, 4), (2, 3, 5))),
    Sample(ops.ScaledDotProductAttention(is_causal=True), ((4, 2), (3, 2), (3, 1))),
    Sample(ops.ScaledDotProductAttention(), ((2, 3, 4), (2, 5, 4), (2, 5, 6), (2, 3, 5))),
    Sample(ops.ScaledDotProductAttention(), ((2, 3, 2, 4), (2, 3, 5, 4), (2, 3, 5, 4), (1, 3, 1, 5))),
    *_windowed(ops.MaxPool),
    Sample(ops.MaxPool(3, 1, padding=(2,), dilation=2), ((3, 8),)),
    Sample(ops.MaxPool((3, 2, 1), (1, 2, 3), dilation=(1, 2, 1)), ((1, 4, 5, 6),)),
    *_windowed(ops.AvgPool),
    Sample(ops.AvgPool(3, 1, padding=1, count_include_pad=False), ((2, 4, 5),)),
    *_windowed(ops.LpPool),
    *(Sample(ops.LpPool(3, 2, padding=1, ceil_mode=True, norm_type=p), ((2, 4, 6),)) for p in (1, 3, 4)),
    *_adaptive(ops.AdaptiveMaxPool),
    *_adaptive(ops.AdaptiveAvgPool),
    *(Sample(pool(), (shape,)) for pool in (ops.GlobalMaxPool, ops.GlobalAvgPool) for shape in ((3, 4, 5), (2, 7))),
    *(
        sample
        for reduction in (ops.ReduceMean, ops.ReduceSum, ops.ReduceMax, ops.ReduceMin, ops.ReduceL2)
        for sample in _reduced(reduction)
    ),
    *_unary(ops.BatchNorm(), ops.BatchNorm(eps=1e-3, affine=False)),
    Sample(ops.BatchNorm(track_running_stats=False), ((2, 3, 4),)),
    Sample(ops.BatchNorm(track_running_stats=False, affine=False), ((2, 5),)),
    Sample(ops.LayerNorm(), ((3, 4),)),
    Sample(ops.LayerNorm(5, bias=False), ((2, 5),)),
    Sample(ops.LayerNorm((3, 4), eps=1e-6), ((2, 3, 4),)),
    Sample(ops.LayerNorm(dim=1), ((4, 2, 3),)),
    Sample(ops.LayerNorm(dim=-2, elementwise_affine=False), ((4, 2, 3),)),
    Sample(ops.GroupNorm(2), ((4, 3, 2),)),
    Sample(ops.GroupNorm(3, eps=0.0, affine=False), ((3, 2, 5),)),
    Sample(ops.GroupNorm(1), ((6,),)),
    Sample(ops.InstanceNorm(), ((3, 2, 4),)),
    Sample(ops.InstanceNorm(1e-3, affine=True), ((2, 5),)),
    Sample(ops.RMSNorm(), ((3, 4),)),
    Sample(ops.RMSNorm((3, 4), eps=1e-6), ((2, 3, 4),)),
    Sample(ops.RMSNorm(dim=1), ((4, 2, 3),)),
    Sample(ops.RMSNorm(5, elementwise_affine=False), ((2, 5),)),
    Sample(ops.LocalResponseNorm(), ((7, 2, 3),)),
    Sample(ops.LocalResponseNorm(4, alpha=1e-3, beta=0.5, k=2.0), ((3, 5),)),
    Sample(ops.LayerScale(), ((3, 2, 4),)),
    Sample(ops.LayerScale(-1), ((3, 4),)),
    *_unary(ops.ReLU(), ops.ReLU6(), ops.LeakyReLU(), ops.LeakyReLU(0.2), ops.PReLU()),
    Sample(ops.PReLU(3), ((3, 2, 4),)),
    *_unary(ops.Sigmoid(), ops.Tanh(), ops.GELU(), ops.GELU("tanh"), ops.SiLU(), ops.HardSigmoid(), ops.HardSwish()),
    *_unary(ops.Hardtanh(), ops.Hardtanh(-0.5, 0.25), ops.Exp(), ops.Log(), ops.Sqrt(), ops.Rsqrt(), ops.Reciprocal()),
    *_unary(*(ops.Pow(exponent) for exponent in (2, 3, -1, 13, -6, 1, 0.5, -0.5, 1.5))),
    *_unary(ops.Threshold(0.2, -1.0), ops.ELU(), ops.ELU(0.5), ops.SELU(), ops.CELU(), ops.CELU(2.0)),
    *_unary(ops.Softplus(), ops.Softplus(2.0, 0.5), ops.Softplus(0.5), ops.Softsign(), ops.Mish()),
    *_unary(ops.Abs(), ops.Neg(), ops.Erf(), ops.Sin(), ops.Cos()),
    Sample(ops.Softmax(), ((5,),)),
    Sample(ops.Softmax(2), ((3, 4, 2),)),
    Sample(ops.Softmax(-1), ((3, 4),)),
    Sample(ops.LogSoftmax(), ((5,),)),
    Sample(ops.LogSoftmax(2), ((3, 4, 2),)),
    *_unary(ops.Dropout(), ops.Dropout(0.1), ops.DropPath(), ops.DropPath(0.2), ops.Identity()),
    *_joined(ops.Add),
    *_joined(ops.Mul),
    *_joined(ops.Mean),
    Sample(ops.Mean(p=0.15), ((2, 3, 4), (2, 3, 4))),
    *_joined(ops.Max),
    *_joined(ops.Min),
    *_of_two(ops.Sub),
    *_of_two(ops.Div),
    Sample(ops.Concat(), ((2, 3, 4), (5, 3, 4))),
    Sample(ops.Concat(-1), ((2, 3), (2, 1), (2, 4))),
    Sample(ops.Concat(2), ((2, 5, 3),)),
    Sample(ops.Slice(), ((4, 3),)),
    Sample(ops.Slice(1, 0, 1), ((4, 3),)),
    Sample(ops.Slice(2, -3, -1), ((2, 7),)),
    Sample(ops.Slice(-1, 1, None, 3), ((2, 3, 9),)),
    Sample(ops.Slice(-2, 2, 7, 2), ((2, 8, 3),)),
    Sample(ops.Split(2), ((6, 3),)),
    Sample(ops.Split(3, 2, -1), ((2, 4, 9),)),
    Sample(ops.IndexSelect(1, (2, 0, 2)), ((3, 4),)),
    Sample(ops.IndexSelect(-1, (1, 3, 5)), ((2, 3, 7),)),
    Sample(ops.IndexSelect(2, (2, 2)), ((2, 3, 4),)),
    Sample(ops.IndexSelect(2, (3,)), ((2, 4),)),
    Sample(ops.IndexSelect(3, (3, 2, 1, 0)), ((2, 3, 4),)),
    Sample(ops.PixelShuffle(2), ((8, 2, 3),)),
    Sample(ops.PixelShuffle(3, "dcr"), ((18, 2, 1),)),
    Sample(ops.PixelUnshuffle(2), ((2, 4, 6),)),
    Sample(ops.PixelUnshuffle(3, "dcr"), ((2, 3, 6),)),
    Sample(ops.Roll(1, 1), ((4,),)),
    Sample(ops.Roll(-2, -1), ((3, 5),)),
    Sample(ops.Roll((1, 4), (2, 3)), ((2, 3, 4),)),  # once around is not at all
    Sample(ops.ChannelShuffle(2), ((6, 2, 3),)),
    Sample(ops.ChannelShuffle(3), ((9,),)),
    Sample(ops.Flatten(), ((2, 3, 4),)),
    Sample(ops.Flatten(2), ((3, 2, 4),)),
    Sample(ops.Flatten(1, 2), ((3, 2, 4),)),
    Sample(ops.Flatten(-1), ((3, 5),)),
    Sample(ops.Reshape((6, 4)), ((2, 3, 4),)),
    Sample(ops.Reshape((4, -1, 2)), ((3, 8),)),
    Sample(ops.Permute((0, 2, 3, 1)), ((2, 3, 4),)),
    Sample(ops.Permute((0, 1)), ((5,),)),
    Sample(ops.Expand((3, 4, 5)), ((3, 1, 5),)),
    Sample(ops.Expand((-1, 6)), ((4, 1),)),
    Sample(ops.Expand((2, 3, -1, 4)), ((5, 1),)),
    Sample(ops.Expand((1, 3)), ((3,),)),
    Sample(ops.Pad(1), ((2, 3, 4),)),
    Sample(ops.Pad(channels=(1, 2)), ((2, 3, 4),)),
    Sample(ops.Pad(1, channels=(-1, 0)), ((4, 3),)),
    Sample(ops.Pad(((2, 0), (-1, 3))), ((2, 3, 4),)),
    Sample(ops.Pad((-1, 2), mode="reflect"), ((1, 4, 5),)),
    Sample(ops.Pad(((-2, 3),), mode="reflect"), ((2, 5),)),  # what is cropped is seen from the other side
    Sample(ops.Pad(3, mode="circular"), ((2, 3),)),
    Sample(ops.Pad(((2, -1), (-2, 1)), mode="circular"), ((1, 4, 5),)),  # and here it is not
    Sample(ops.Pad((1, 0, (0, 2)), mode="replicate"), ((1, 3, 2, 4),)),
    Sample(ops.Pad(3, mode="replicate"), ((1, 2),)),  # an edge can be repeated more often than there are units
    Sample(ops.Upsample(2), ((2, 3, 4),)),
    Sample(ops.Upsample((1, 3)), ((1, 3, 2),)),
    Sample(ops.Upsample(size=5), ((2, 3),)),
    Sample(ops.Upsample(size=(3, 7), mode="bilinear"), ((1, 5, 4),)),
    Sample(ops.Upsample(3, mode="linear"), ((2, 4),)),
    Sample(ops.Upsample(2, mode="bilinear", align_corners=True), ((2, 3, 4),)),
    Sample(ops.Upsample(size=(7, 1), mode="bilinear", align_corners=True), ((1, 4, 3),)),
    Sample(ops.Upsample(size=3, mode="linear", align_corners=True), ((1, 1),)),
    Sample(ops.Upsample((2, 1, 3), mode="trilinear"), ((1, 2, 3, 2),)),
    Sample(ops.Upsample((2, 3), mode="bicubic"), ((2, 3, 4),)),
    Sample(ops.Upsample(size=(5, 3), mode="bicubic"), ((1, 3, 5),)),
    Sample(ops.Upsample(size=(7, 1), mode="bicubic", align_corners=True), ((1, 4, 3),)),
    Sample(ops.Parameter((1, 6)), ()),
    Sample(ops.Constant((2, 3)), ()),
    Sample(ops.Constant((3, 1, 2), -1.5), ()),
    Sample(ops.Input((3, 5, 4)), ()),
]

REFUSALS: list[Refusal] = [
    Refusal(ops.Conv(4, 3), ((10,),), "conv needs channels and 1 to 3 spatial axes, got 10"),
    Refusal(ops.Conv(4, 3), ((1, 2, 3, 4, 5),), "conv needs channels and 1 to 3 spatial axes"),
    Refusal(ops.Conv(4, (3, 3, 3)), ((3, 8, 8),), "kernel_size has 3 numbers for 2 axes"),
    Refusal(ops.Conv(4, 3, stride=(1, 1)), ((3, 8),), "stride has 2 numbers for 1 axis"),
    Refusal(ops.Conv(4, 3, padding=((1, 1),)), ((3, 8, 8),), "padding has 1 numbers for 2 axes"),
    Refusal(ops.Conv(4, 3, dilation=(1,)), ((3, 8, 8),), "dilation has 1 numbers for 2 axes"),
    Refusal(ops.Conv(4, 3, groups=2), ((3, 8, 8),), "2 groups do not divide 3 input channels"),
    Refusal(ops.Conv(3, 3, groups=2), ((4, 8, 8),), "2 groups do not divide 3 output channels"),
    Refusal(ops.Conv(4, 11), ((3, 8, 8),), "kernel 11 is larger than its input of 8"),
    Refusal(ops.Conv(4, 3, dilation=4, padding=((1, 0),)), ((3, 7),), "kernel 3 (dilated to 9) is larger than its"),
    Refusal(ops.ConvTranspose(4, 3), ((10,),), "conv_transpose needs channels and 1 to 3 spatial axes"),
    Refusal(ops.ConvTranspose(4, (3, 3)), ((3, 8),), "kernel_size has 2 numbers for 1 axis"),
    Refusal(ops.ConvTranspose(4, 3, (2,)), ((3, 8, 8),), "stride has 1 numbers for 2 axes"),
    Refusal(ops.ConvTranspose(4, 3, 1, (1, 1)), ((3, 8),), "padding has 2 numbers for 1 axis"),
    Refusal(ops.ConvTranspose(4, 3, 2, 1, (1, 1)), ((3, 8),), "output_padding has 2 numbers for 1 axis"),
    Refusal(ops.ConvTranspose(4, 3, dilation=(1, 1)), ((3, 8),), "dilation has 2 numbers for 1 axis"),
    Refusal(ops.ConvTranspose(4, 3, groups=2), ((3, 8, 8),), "2 groups do not divide 3 input channels"),
    Refusal(ops.ConvTranspose(3, 3, groups=2), ((4, 8, 8),), "2 groups do not divide 3 output channels"),
    Refusal(ops.ConvTranspose(4, 3, 2, 1, 2), ((3, 8),), "output_padding must be below the stride or the dilation"),
    Refusal(ops.ConvTranspose(1, 1, padding=2), ((1, 3),), "padding leaves nothing of the output"),
    Refusal(ops.MatMul(), ((3, 4), (3, 5)), "matmul cannot multiply 3×4 by 3×5"),
    Refusal(ops.MatMul(), ((2, 3, 4), (3, 4, 5)), "matmul cannot multiply"),
    Refusal(ops.MatMul(), ((4,), (4,)), "matmul cannot multiply"),
    Refusal(ops.MatMul(), ((2, 3, 4), (4, 5)), "matmul cannot multiply"),
    Refusal(ops.MatMul(), ((2, 1, 3, 4), (3, 5, 4, 5)), "matmul cannot multiply 2×1×3×4 by 3×5×4×5"),
    Refusal(ops.MatMul(), ((3, 4), (4,)), "matmul cannot multiply"),
    Refusal(ops.MultiHeadAttention(4, 2), ((3, 4), (3, 4)), "takes 1 input, or query, key and value, got 2"),
    Refusal(ops.MultiHeadAttention(4, 2), ((2, 3, 4),), "needs tokens × features"),
    Refusal(ops.MultiHeadAttention(4, 3), ((2, 4),), "3 heads do not divide 4 features"),
    Refusal(ops.MultiHeadAttention(4, 2), ((3, 6),), "embed_dim 4 is not the 6 features of its input"),
    Refusal(ops.MultiHeadAttention(4, 2), ((3, 4), (5, 4), (6, 4)), "key 5×4 and value 6×4 have different shapes"),
    Refusal(
        ops.MultiHeadAttention(4, 2),
        ((3, 4), (2, 5, 4), (2, 5, 4)),
        "needs tokens × features",
    ),
    Refusal(ops.ScaledDotProductAttention(), ((3, 4), (3, 4)), "takes query, key and value, got 2 inputs"),
    Refusal(ops.ScaledDotProductAttention(), ((4,), (4,), (4,)), "needs tokens × features, got 4, 4, 4"),
    Refusal(ops.ScaledDotProductAttention(), ((3, 4), (5, 6), (5, 2)), "do not fit together: 3×4, 5×6, 5×2"),
    Refusal(ops.ScaledDotProductAttention(), ((3, 4), (5, 4), (6, 2)), "do not fit together"),
    Refusal(ops.ScaledDotProductAttention(), ((2, 3, 4), (3, 5, 4), (3, 5, 2)), "do not fit together"),
    Refusal(ops.ScaledDotProductAttention(), ((3, 4), (5, 4), (5, 2), (3, 4)), "3×4 cannot be added to scores of 3×5"),
    Refusal(ops.ScaledDotProductAttention(), ((1, 4), (5, 4), (5, 2), (3, 5)), "3×5 cannot be added to scores of 1×5"),
    Refusal(ops.ScaledDotProductAttention(), ((3, 4), (5, 4), (5, 2), (5,)), "5 cannot be added to scores of 3×5"),
    Refusal(ops.ScaledDotProductAttention(is_causal=True), ((3, 4), (5, 4), (5, 2), (3, 5)), "exclude each other"),
    *_wrongly_windowed(ops.MaxPool),
    Refusal(ops.MaxPool(2, dilation=(1, 1, 1)), ((3, 8, 8),), "dilation has 3 numbers for 2 axes"),
    Refusal(ops.MaxPool(3, dilation=4, padding=((1, 0),)), ((3, 7),), "(dilated to 9) is larger than its input of 7"),
    *_wrongly_windowed(ops.AvgPool),
    *_wrongly_windowed(ops.LpPool),
    *_wrongly_adaptive(ops.AdaptiveMaxPool),
    *_wrongly_adaptive(ops.AdaptiveAvgPool),
    Refusal(ops.GlobalMaxPool(), ((7,),), "global_maxpool needs channels and 1 to 3 spatial axes"),
    Refusal(ops.GlobalAvgPool(), ((1, 2, 3, 4, 5),), "global_avgpool needs channels and 1 to 3 spatial axes"),
    *(
        refusal
        for reduction in (ops.ReduceMean, ops.ReduceSum, ops.ReduceMax, ops.ReduceMin, ops.ReduceL2)
        for refusal in _wrongly_reduced(reduction)
    ),
    Refusal(ops.LayerNorm(dim=0), ((3, 4),), "dim 0 is not an axis of a 2-axis shape"),
    Refusal(ops.LayerNorm(dim=3), ((3, 4),), "dim 3 is not an axis"),
    Refusal(ops.LayerNorm(4, dim=1), ((4, 4),), "either normalized_shape or dim"),
    Refusal(ops.LayerNorm(3), ((3, 4),), "normalized_shape 3 is not how 3×4 ends"),
    Refusal(ops.LayerNorm((2, 3, 4)), ((3, 4),), "normalized_shape 2×3×4 is not how 3×4 ends"),
    Refusal(ops.LayerNorm(()), ((3, 4),), "is not how 3×4 ends"),
    Refusal(ops.GroupNorm(4), ((6, 2),), "4 groups do not divide 6 channels"),
    Refusal(ops.InstanceNorm(), ((6,),), "instance_norm needs channels and 1 to 3 spatial axes"),
    Refusal(ops.RMSNorm(4, dim=1), ((4, 4),), "rms_norm takes either normalized_shape or dim"),
    Refusal(ops.RMSNorm(3), ((3, 4),), "normalized_shape 3 is not how 3×4 ends"),
    Refusal(ops.RMSNorm(dim=0), ((3, 4),), "dim 0 is not an axis of a 2-axis shape"),
    Refusal(ops.Pow(0), ((3, 4),), "x⁰ does not depend on x"),
    Refusal(ops.Hardtanh(1.0, -1.0), ((3, 4),), "min_val 1 is above max_val -1"),
    Refusal(ops.LocalResponseNorm(), ((6,),), "lrn needs channels and 1 to 3 spatial axes"),
    Refusal(ops.LayerScale(-3), ((3, 4),), "dim -3 is not an axis of a 2-axis shape"),
    Refusal(ops.PReLU(4), ((3, 2),), "prelu has 4 parameters"),
    Refusal(ops.CELU(0.0), ((3, 4),), "celu has alpha 0"),
    Refusal(ops.Softplus(beta=-1.0), ((3, 4),), "softplus has beta -1"),
    Refusal(ops.LogSoftmax(3), ((3, 4),), "dim 3 is not an axis of a 2-axis shape"),
    Refusal(ops.Softmax(3), ((3, 4),), "dim 3 is not an axis of a 2-axis shape"),
    *_wrongly_joined(ops.Add),
    *_wrongly_joined(ops.Mul),
    *_wrongly_joined(ops.Mean),
    *_wrongly_joined(ops.Max),
    *_wrongly_joined(ops.Min),
    *_wrongly_of_two(ops.Sub),
    *_wrongly_of_two(ops.Div),
    Refusal(ops.Concat(0), ((3, 4), (3, 4)), "dim 0 is not an axis"),
    Refusal(ops.Concat(), ((3, 4), (2, 5)), "concat along dim 1 cannot join 3×4 and 2×5"),
    Refusal(ops.Concat(), ((3, 4), (3, 4, 5)), "cannot join"),
    Refusal(ops.Slice(3), ((3, 4),), "dim 3 is not an axis"),
    Refusal(ops.Slice(1, 2, 2), ((3, 4),), "slice takes 2 up to 2 of 3 units"),
    Refusal(ops.Slice(2, 0, 5), ((3, 4),), "slice takes 0 up to 5 of 4 units"),
    Refusal(ops.Slice(1, -4), ((3, 4),), "slice takes -1 up to 3 of 3 units"),
    Refusal(ops.Split(2, dim=0), ((4, 3),), "dim 0 is not an axis"),
    Refusal(ops.Split(2, 2), ((4, 3),), "there is no part 2 of 2"),
    Refusal(ops.Split(2), ((5, 3),), "2 parts do not divide 5"),
    Refusal(ops.IndexSelect(0, (1,)), ((3, 4),), "dim 0 is not an axis"),
    Refusal(ops.IndexSelect(1, ()), ((3, 4),), "index_select selects nothing"),
    Refusal(ops.IndexSelect(2, (0, 4)), ((3, 4),), "there is no unit 4 of 4"),
    Refusal(ops.PixelShuffle(2), ((8, 4),), "pixel_shuffle needs channels and 2 spatial axes"),
    Refusal(ops.PixelShuffle(2), ((6, 2, 3),), "upscale_factor² = 4 does not divide 6 channels"),
    Refusal(ops.PixelUnshuffle(2), ((8, 4),), "pixel_unshuffle needs channels and 2 spatial axes"),
    Refusal(ops.PixelUnshuffle(2), ((3, 4, 5),), "downscale_factor 2 does not divide 4×5"),
    Refusal(ops.Roll(1, 0), ((3, 4),), "dims 0 is not an axis"),
    Refusal(ops.Roll((1, 2), 1), ((3, 4),), "roll has 2 shifts and 1 dims"),
    Refusal(ops.Roll((), ()), ((3, 4),), "roll has 0 shifts and 0 dims"),
    Refusal(ops.ChannelShuffle(2), ((5, 3),), "2 groups do not divide 5 channels"),
    Refusal(ops.Flatten(0), ((3, 4),), "start_dim 0 is not an axis"),
    Refusal(ops.Flatten(1, 3), ((3, 4),), "end_dim 3 is not an axis"),
    Refusal(ops.Flatten(2, 1), ((3, 4),), "start_dim 2 lies behind end_dim 1"),
    Refusal(ops.Reshape(()), ((3, 4),), "is not a shape"),
    Refusal(ops.Reshape((0, -1)), ((3, 4),), "is not a shape"),
    Refusal(ops.Reshape((-1, -1)), ((3, 4),), "is not a shape"),
    Refusal(ops.Reshape((3, 5)), ((3, 4),), "3×4 is 12 values"),
    Refusal(ops.Reshape((-1, 5)), ((3, 4),), "3×4 is 12 values"),
    Refusal(ops.Permute((1, 0, 2)), ((3, 4),), "does not order the axes of 3×4"),
    Refusal(ops.Permute((0, 1, 1)), ((3, 4),), "does not order the axes of 3×4"),
    Refusal(ops.Permute((0, 1)), ((3, 4),), "does not order the axes of 3×4"),
    Refusal(ops.Expand(()), ((3,),), "is not a shape to expand to"),
    Refusal(ops.Expand((0, 3)), ((1, 3),), "is not a shape to expand to"),
    Refusal(ops.Expand((-1, 3)), ((3,),), "[-1, 3] is not a shape to expand to"),
    Refusal(ops.Expand((3,)), ((1, 3),), "1×3 cannot be expanded to [3]"),
    Refusal(ops.Expand((2, 6)), ((2, 3),), "2×3 cannot be expanded to [2, 6]"),
    Refusal(ops.Pad(channels=1, mode="reflect"), ((2, 3, 4),), "has no channels to add"),
    Refusal(ops.Pad(channels=(-2, 0)), ((2, 3),), "leaves nothing of 2"),
    Refusal(ops.Pad(1), ((7,),), "pad needs channels and 1 to 3 spatial axes"),
    Refusal(ops.Pad((1,)), ((2, 3, 4),), "padding has 1 numbers for 2 axes"),
    Refusal(ops.Pad(-2), ((2, 3, 4),), "padding -2 and -2 leaves nothing of 3"),
    Refusal(ops.Pad(((-4, 9),)), ((2, 4),), "padding -4 and 9 leaves nothing of 4"),
    Refusal(ops.Pad(3, mode="reflect"), ((2, 3),), "reflect padding 3 is more than there is of 3"),
    Refusal(ops.Pad(4, mode="circular"), ((2, 3),), "circular padding 4 is more than there is of 3"),
    Refusal(ops.Parameter(()), (), "has no axis"),
    Refusal(ops.Constant((), 1.0), (), "the shape of a constant has no axis"),
    Refusal(ops.Upsample(2), ((7,),), "upsample needs channels and 1 to 3 spatial axes"),
    Refusal(ops.Upsample(), ((2, 3),), "either scale_factor or size"),
    Refusal(ops.Upsample(2, 6), ((2, 3),), "either scale_factor or size"),
    Refusal(ops.Upsample(2, align_corners=True), ((2, 3),), "align_corners is for interpolation"),
    Refusal(ops.Upsample(2, mode="bicubic"), ((2, 3),), "mode bicubic is for 2 spatial axes, this has 1"),
    Refusal(ops.Upsample((2, 2)), ((2, 3),), "scale_factor has 2 numbers for 1 axis"),
    Refusal(ops.Upsample(size=(2, 2)), ((2, 3),), "size has 2 numbers for 1 axis"),
    Refusal(
        ops.Upsample(2, mode="trilinear"),
        ((2, 3, 4),),
        "trilinear",
    ),
]
