"""Models imported: what comes out is onnxruntime's, sample by sample, and the layers are what their authors wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

import archcalc

from .models import by_onnxruntime, close, model, values, written


class Case(NamedTuple):
    """A model, and the keywords of the layers it becomes, the input left out."""

    body: str
    weights: Mapping[str, Any] | None
    keywords: str
    x: str = "float[N,3,8,8] x"
    opset: int = 23


BN = {"g": (3,), "b": (3,), "mean": (3,), "var": (3,)}
I64 = np.int64
TOKENS = "float[N,6,8] x"
NORM = (
    "m = ReduceMean<axes=[{axes}],keepdims=1>(x) d = Sub(x, m) two = Constant<value_float=2.0>() p = Pow(d, two)"
    " v = ReduceMean<axes=[{axes}],keepdims=1>(p) e = Constant<value_float=0.00001>() s = Add(v, e) r = Sqrt(s)"
    " n = Div(d, r) k = Mul(n, g) y = Add(k, b)"
)
GELU = "c = Constant<value_float=1.4142135>() a = Div(x, c) e = Erf(a) o = Constant<value_float=1.0>() s = Add(e, o)"
HALF = "h = Constant<value_float=0.5>()"
TANH = (
    "three = Constant<value_float=3.0>() p = Pow(x, three) k = Constant<value_float=0.044715>() q = Mul(p, k)"
    " i = Add(x, q) w = Constant<value_float=0.7978845608>() j = Mul(i, w) t = Tanh(j)"
    " o = Constant<value_float=1.0>() s = Add(t, o) z = Mul(x, s) h = Constant<value_float=0.5>() y = Mul(z, h)"
)
HEADS = (
    "q1 = MatMul(x, wq) q2 = Reshape(q1, parts) q = Transpose<perm=[0,2,1,3]>(q2)"
    " k1 = MatMul(x, wk) k2 = Reshape(k1, parts) k = Transpose<perm=[0,2,3,1]>(k2)"
    " v1 = MatMul(x, wv) v2 = Reshape(v1, parts) v = Transpose<perm=[0,2,1,3]>(v2)"
)
PARTS = {"wq": (8, 8), "wk": (8, 8), "wv": (8, 8), "parts": np.array([0, 0, 2, 4], I64)}

STANDARDISED = "m = ReduceMean<axes=[1,2,3]>(w) d = Sub(w, m) v = ReduceL2<axes=[1,2,3]>(d) u = Div(d, v)"
GAINED: dict[str, Any] = {"w": (4, 3, 3, 3), "gain": (4, 1, 1, 1), "b": (4,)}
GAINED_WORDS = "conv layer_scale parameter add"
CASES: dict[str, Case] = {
    "conv": Case("y = Conv<pads=[1,0,2,1],strides=[2,1]>(x, w, b)", {"w": (4, 3, 3, 3), "b": (4,)}, "conv"),
    "conv_same_upper": Case('y = Conv<auto_pad="SAME_UPPER",strides=[2,2]>(x, w)', {"w": (4, 3, 3, 2)}, "conv"),
    "conv_same_lower": Case('y = Conv<auto_pad="SAME_LOWER",strides=[1,3]>(x, w)', {"w": (4, 3, 4, 4)}, "conv"),
    "conv_grouped": Case("y = Conv<group=3,dilations=[2,2]>(x, w)", {"w": (6, 1, 3, 3)}, "conv"),
    "conv_1d": Case("y = Conv<pads=[2,2]>(x, w)", {"w": (4, 3, 5)}, "conv", "float[N,3,9] x"),
    "conv_3d": Case("y = Conv(x, w)", {"w": (4, 3, 2, 3, 1)}, "conv", "float[N,3,4,5,6] x"),
    "conv_and_sum": Case("a = Conv(x, w) y = Add(a, b)", {"w": (4, 3, 1, 1), "b": (4, 1, 1)}, "conv"),
    "conv_transpose": Case(
        "y = ConvTranspose<strides=[2,2],pads=[1,1,1,1],output_padding=[1,1]>(x, w, b)",
        {"w": (3, 4, 3, 3), "b": (4,)},
        "conv_transpose",
    ),
    "conv_transpose_uneven": Case(
        "y = ConvTranspose<strides=[2,2],pads=[1,1,0,0]>(x, w)", {"w": (3, 4, 3, 3)}, "conv_transpose"
    ),
    "conv_transpose_same": Case(
        'y = ConvTranspose<strides=[2,2],auto_pad="SAME_UPPER">(x, w)', {"w": (3, 4, 4, 4)}, "conv_transpose"
    ),
    "conv_transpose_same_lower": Case(
        'y = ConvTranspose<strides=[2,2],auto_pad="SAME_LOWER">(x, w)', {"w": (3, 4, 3, 3)}, "conv_transpose"
    ),
    "maxpool": Case("y = MaxPool<kernel_shape=[3,3],strides=[2,2],pads=[1,1,1,1]>(x)", None, "maxpool"),
    "maxpool_ceil": Case("y = MaxPool<kernel_shape=[3,3],strides=[2,2],ceil_mode=1>(x)", None, "maxpool"),
    "maxpool_dilated": Case("y = MaxPool<kernel_shape=[2,2],dilations=[2,2]>(x)", None, "maxpool"),
    "avgpool_with_pads": Case(
        "y = AveragePool<kernel_shape=[3,3],strides=[2,2],pads=[1,1,1,1],count_include_pad=1>(x)", None, "avgpool"
    ),
    "avgpool": Case("y = AveragePool<kernel_shape=[3,3],strides=[2,2],pads=[1,1,1,1]>(x)", None, "avgpool"),
    "avgpool_of_one": Case("a = AveragePool<kernel_shape=[1,1]>(x) y = Relu(a)", None, "relu"),
    "avgpool_of_all": Case("y = AveragePool<kernel_shape=[8,8]>(x)", None, "global_avgpool"),
    "mean_of_a_map": Case("y = ReduceMean<axes=[2,3]>(x)", None, "global_avgpool", opset=13),
    "mean_and_flat": Case("y = ReduceMean<axes=[-1,-2],keepdims=0>(x)", None, "global_avgpool flatten", opset=13),
    "mean_by_input": Case("y = ReduceMean(x, a)", {"a": np.array([2, 3], I64)}, "global_avgpool"),
    "max_of_a_map": Case("y = ReduceMax<axes=[2,3]>(x)", None, "global_maxpool", opset=13),
    "sum_of_tokens": Case("y = ReduceSum<keepdims=0>(x, a)", {"a": np.array([1], I64)}, "reduce_sum", TOKENS),
    "length": Case("y = ReduceL2<axes=[2]>(x)", None, "reduce_l2", TOKENS, 13),
    "lp_pool": Case("y = LpPool<kernel_shape=[2,2],strides=[2,2]>(x)", None, "lp_pool"),
    "batchnorm": Case("y = BatchNormalization<epsilon=0.001>(x, g, b, mean, var)", BN, "batchnorm"),
    "batchnorm_of_rows": Case(
        "r = Reshape(x, rows) n = BatchNormalization(r, g, b, mean, var) y = Reshape(n, back)",
        {"rows": np.array([-1, 8], I64), "back": np.array([-1, 6, 8], I64), **dict.fromkeys(BN, (8,))},
        "permute batchnorm permute",
        TOKENS,
    ),
    "instancenorm": Case("y = InstanceNormalization(x, g, b)", {"g": (3,), "b": (3,)}, "instance_norm"),
    "groupnorm": Case(
        "y = GroupNormalization<num_groups=2>(x, g, b)", {"g": (4,), "b": (4,)}, "groupnorm", "float[N,4,5,5] x"
    ),
    "groupnorm_of_opset_18": Case(
        "y = GroupNormalization<num_groups=2>(x, g, b)", {"g": (2,), "b": (2,)}, "groupnorm", "float[N,4,5,5] x", 18
    ),
    "groupnorm_as_torch_writes_it": Case(
        "r = Reshape(x, parts) i = InstanceNormalization(r, one, zero) n = Reshape(i, back)"
        " m = Mul(n, g) y = Add(m, b)",
        {
            "parts": np.array([0, 2, -1], I64),
            "back": np.array([-1, 4, 5, 5], I64),
            "one": np.ones(2, np.float32),
            "zero": np.zeros(2, np.float32),
            "g": (4, 1, 1),
            "b": (4, 1, 1),
        },
        "groupnorm",
        "float[N,4,5,5] x",
    ),
    "layernorm": Case("y = LayerNormalization<axis=-1>(x, g, b)", {"g": (8,), "b": (8,)}, "layernorm", TOKENS),
    "layernorm_of_two_axes": Case("y = LayerNormalization<axis=1>(x, g)", {"g": (6, 8)}, "layernorm", TOKENS),
    "layernorm_written_out": Case(NORM.format(axes="-1"), {"g": (8,), "b": (8,)}, "layernorm", TOKENS, 13),
    "layernorm_of_channels": Case(NORM.format(axes="1"), {"g": (3, 1, 1), "b": (3, 1, 1)}, "layernorm", opset=13),
    "layernorm_turned": Case(
        "t = Transpose<perm=[0,2,3,1]>(x) n = LayerNormalization(t, g, b) y = Transpose<perm=[0,3,1,2]>(n)",
        {"g": (3,), "b": (3,)},
        "layernorm",
    ),
    "rmsnorm": Case("y = RMSNormalization<axis=-1>(x, g)", {"g": (8,)}, "rms_norm", TOKENS),
    "lrn": Case("y = LRN<size=3,alpha=0.001,beta=0.75,bias=2.0>(x)", None, "lrn"),
    "relu6": Case("y = Clip<min=0.0,max=6.0>(x)", None, "relu6", opset=7),
    "relu6_by_inputs": Case(
        "l = Constant<value_float=0.0>() h = Constant<value_float=6.0>() y = Clip(x, l, h)", None, "relu6"
    ),
    "hardtanh": Case(
        "l = Constant<value_float=-1.0>() h = Constant<value_float=1.0>() y = Clip(x, l, h)", None, "hardtanh"
    ),
    "relu_as_clip": Case("l = Constant<value_float=0.0>() y = Clip(x, l)", None, "relu"),
    "clip_below": Case("l = Constant<value_float=0.3>() y = Clip(x, l)", None, "constant max"),
    "leaky_relu": Case("y = LeakyRelu<alpha=0.3>(x)", None, "leaky_relu"),
    "prelu_of_channels": Case("y = PRelu(x, s)", {"s": (3, 1, 1)}, "prelu"),
    "elu": Case("y = Elu<alpha=0.5>(x)", None, "elu"),
    "softplus_and_others": Case(
        "a = Softplus(x) b = Softsign(a) c = Selu(b) d = Celu(c) y = Tanh(d)", None, "softplus softsign selu celu tanh"
    ),
    "hardsigmoid": Case("y = HardSigmoid<alpha=0.16666667,beta=0.5>(x)", None, "hardsigmoid"),
    "hardsigmoid_of_keras": Case("y = HardSigmoid<alpha=0.2,beta=0.5>(x)", None, "constant mul constant add hardtanh"),
    "hardswish_written_out": Case(
        "t = Constant<value_float=3.0>() a = Add(x, t) l = Constant<value_float=0.0>() h = Constant<value_float=6.0>()"
        " c = Clip(a, l, h) m = Mul(x, c) s = Constant<value_float=6.0>() y = Div(m, s)",
        None,
        "hardswish",
    ),
    "hardswish_by_gate": Case("g = HardSigmoid<alpha=0.16666667>(x) y = Mul(x, g)", None, "hardswish"),
    "silu": Case("s = Sigmoid(x) y = Mul(x, s)", None, "silu"),
    "sigmoid_gate_of_another": Case("s = Sigmoid(x) r = Relu(x) y = Mul(r, s)", None, "sigmoid relu mul"),
    "mish": Case("p = Softplus(x) t = Tanh(p) y = Mul(t, x)", None, "mish"),
    "gelu": Case('y = Gelu<approximate="tanh">(x)', None, "gelu"),
    "gelu_written_out": Case(f"{GELU} z = Mul(x, s) {HALF} y = Mul(z, h)", None, "gelu"),
    "gelu_half_first": Case(f"{HALF} f = Mul(h, x) {GELU} y = Mul(f, s)", None, "gelu"),
    "gelu_by_tanh": Case(TANH, None, "gelu"),
    "not_quite_gelu": Case(
        f"{GELU} z = Mul(x, s) h = Constant<value_float=0.6>() y = Mul(z, h)",
        None,
        "constant div erf constant add mul constant mul",
    ),
    "pow_exp_log": Case(
        "a = Abs(x) e = Constant<value_float=1.5>() p = Pow(a, e) q = Exp(p) y = Log(q)", None, "abs pow exp log"
    ),
    "number_minus": Case("o = Constant<value_float=1.0>() y = Sub(o, x)", None, "constant sub"),
    "times_one_plus_zero": Case(
        "o = Constant<value_float=1.0>() z = Constant<value_float=0.0>() a = Mul(x, o) b = Add(z, a) y = Relu(b)",
        None,
        "relu",
    ),
    "softmax": Case("y = Softmax<axis=-1>(x)", None, "softmax", TOKENS),
    "softmax_of_opset_11": Case("y = Softmax<axis=1>(x)", None, "flatten softmax reshape", TOKENS, 11),
    "softmax_of_opset_11_by_default": Case("y = Softmax(x)", None, "flatten softmax reshape", TOKENS, 11),
    "log_softmax": Case("y = LogSoftmax<axis=1>(x)", None, "log_softmax"),
    "gemm": Case("f = Flatten(x) y = Gemm<transB=1>(f, w, b)", {"w": (5, 192), "b": (5,)}, "flatten linear"),
    "gemm_of_rows": Case("f = Flatten(x) y = Gemm(f, w, b)", {"w": (192, 5), "b": (1, 5)}, "flatten linear"),
    "gemm_scaled": Case(
        "f = Flatten(x) y = Gemm<alpha=0.5,beta=2.0,transB=1>(f, w, b)",
        {"w": (5, 192), "b": (5,)},
        "flatten linear constant mul parameter constant mul add",
    ),
    "matmul_and_sum": Case("a = MatMul(x, w) y = Add(b, a)", {"w": (8, 4), "b": (4,)}, "linear", TOKENS),
    "matmul_of_two": Case("t = Transpose<perm=[0,2,1]>(x) y = MatMul(x, t)", None, "permute matmul", TOKENS),
    "matmul_of_a_constant": Case("y = MatMul(w, x)", {"w": (5, 6)}, "parameter matmul", TOKENS),
    "matmul_with_a_vector": Case("y = MatMul(x, w)", {"w": (8,)}, "linear flatten", TOKENS),
    "einsum": Case(
        'y = Einsum<equation="nij,njk->nik">(x, t) t = Transpose<perm=[0,2,1]>(x)', None, "permute matmul", TOKENS
    ),
    "einsum_turned": Case('y = Einsum<equation="nij,kj->nki">(x, w)', {"w": (5, 8)}, "linear permute", TOKENS),
    "attention": Case(
        f"{HEADS} s = MatMul(q, k) c = Constant<value_float=2.0>() d = Div(s, c) a = Softmax<axis=-1>(d)"
        " y = MatMul(a, v)",
        PARTS,
        "linear reshape permute linear reshape permute linear reshape permute scaled_dot_product_attention",
        TOKENS,
    ),
    "attention_with_queries_and_keys_scaled": Case(
        f"{HEADS} c = Constant<value_float=0.3>() a = Mul(q, c) b = Mul(k, c) s = MatMul(a, b) w = Softmax<axis=-1>(s)"
        " y = MatMul(w, v)",
        PARTS,
        "linear reshape permute linear reshape permute linear reshape permute scaled_dot_product_attention",
        TOKENS,
    ),
    "attention_with_bias": Case(
        f"{HEADS} s = MatMul(q, k) d = Add(s, bias) a = Softmax<axis=-1>(d) y = MatMul(a, v)",
        {**PARTS, "bias": (1, 2, 6, 6)},
        "linear reshape permute linear reshape permute linear reshape permute parameter scaled_dot_product_attention",
        TOKENS,
    ),
    "attention_op": Case(
        "y = Attention<q_num_heads=2,kv_num_heads=2>(x, x, x)",
        None,
        "reshape permute reshape permute reshape permute scaled_dot_product_attention permute flatten",
        TOKENS,
    ),
    "shuffle": Case(
        "r = Reshape(x, parts) t = Transpose<perm=[0,2,1,3,4]>(r) y = Reshape(t, back)",
        {"parts": np.array([0, 2, 3, 4, 4], I64), "back": np.array([0, 6, 4, 4], I64)},
        "channel_shuffle",
        "float[N,6,4,4] x",
    ),
    "layer_scale": Case("r = Relu(x) y = Mul(g, r)", {"g": (3, 1, 1)}, "relu layer_scale"),
    "windows_of_swin": Case(
        "r = Reshape(x, parts) t = Transpose<perm=[0,1,3,2,4,5]>(r) w = Reshape(t, windows) m = MatMul(w, k)"
        " u = Reshape(m, apart) v = Transpose<perm=[0,1,3,2,4,5]>(u) y = Reshape(v, whole)",
        {
            "parts": np.array([-1, 2, 4, 2, 4, 3], I64),
            "windows": np.array([-1, 16, 3], I64),
            "k": (3, 3),
            "apart": np.array([-1, 2, 2, 4, 4, 3], I64),
            "whole": np.array([-1, 8, 8, 3], I64),
        },
        "reshape permute reshape linear reshape permute reshape",
        "float[N,8,8,3] x",
    ),
    "batch_in_the_middle": Case(
        "t = Transpose<perm=[1,0,2]>(x) m = MatMul(t, w) r = Relu(m) y = Transpose<perm=[1,0,2]>(r)",
        {"w": (8, 8)},
        "linear relu",
        TOKENS,
    ),
    "roll": Case(
        "a = Slice(x, two, end, ax) b = Slice(x, zero, two, ax) y = Concat<axis=2>(a, b)",
        {k: np.array([v], I64) for k, v in {"two": 2, "zero": 0, "end": 1 << 62, "ax": 2}.items()},
        "roll",
    ),
    "slices": Case(
        "y = Slice(x, starts, ends, axes, steps)",
        {
            k: np.array(v, I64)
            for k, v in {"starts": [1, -1], "ends": [7, -(1 << 62)], "axes": [2, 3], "steps": [2, -1]}.items()
        },
        "slice index_select",
    ),
    "slice_of_opset_9": Case("y = Slice<starts=[1],ends=[3],axes=[1]>(x)", None, "slice", opset=9),
    "gather_one": Case("y = Gather<axis=1>(x, i)", {"i": np.array(2, I64)}, "slice flatten", TOKENS),
    "gather_some": Case(
        "y = Gather<axis=1>(x, i)", {"i": np.array([[2, 0], [1, 1]], I64)}, "index_select reshape", TOKENS
    ),
    "split": Case(
        "a, b = Split<axis=1>(x, s) y = Concat<axis=1>(b, b, a)", {"s": np.array([1, 2], I64)}, "slice slice concat"
    ),
    "split_evenly": Case("a, b = Split<axis=2>(x) y = Add(a, b)", None, "split split add", opset=13),
    "squeeze_unsqueeze": Case(
        "a = Squeeze(x, s) b = Unsqueeze(a, u) y = Relu(b)",
        {"s": np.array([2], I64), "u": np.array([0, 3], I64)},
        "reshape relu",
        "float[N,5,1] x",
    ),
    "squeeze_of_opset_11": Case("y = Squeeze<axes=[2]>(x)", None, "flatten", "float[N,5,1] x", 11),
    "class_token": Case(
        "s = Shape(x) z = Constant<value_int=0>() n = Gather(s, z) a = Constant<value_ints=[0]>() u = Unsqueeze(n, a)"
        " one = Constant<value_ints=[1,8]>() t = Concat<axis=0>(u, one) e = Expand(cls, t) y = Concat<axis=1>(e, x)",
        {"cls": (1, 1, 8)},
        "parameter concat",
        TOKENS,
    ),
    "pad": Case("y = Pad(x, p)", {"p": np.array([0, 0, 1, 2, 0, 0, 0, 1], I64)}, "pad"),
    "pad_of_opset_10": Case('y = Pad<pads=[0,0,1,1,0,0,1,1],mode="reflect">(x)', None, "pad", opset=10),
    "pad_channels": Case("y = Pad(x, p)", {"p": np.array([0, 1, 0, 0, 0, 2, 0, 0], I64)}, "pad"),
    "nearest": Case(
        'y = Resize<coordinate_transformation_mode="asymmetric",mode="nearest",nearest_mode="floor">(x, , s)',
        {"s": np.array([1, 1, 2, 2], np.float32)},
        "upsample",
    ),
    "nearest_to_a_size": Case(
        'y = Resize<coordinate_transformation_mode="asymmetric",mode="nearest",nearest_mode="floor">(x, , , s)',
        {"s": np.array([1, 3, 12, 11], I64)},
        "upsample",
        "float[1,3,8,8] x",
    ),
    "bilinear": Case(
        'y = Resize<coordinate_transformation_mode="half_pixel",mode="linear">(x, , s)',
        {"s": np.array([1, 1, 3, 2], np.float32)},
        "upsample",
    ),
    "bilinear_with_aligned_corners": Case(
        'y = Resize<coordinate_transformation_mode="align_corners",mode="linear">(x, , s)',
        {"s": np.array([1, 1, 3, 2], np.float32)},
        "upsample",
    ),
    "cubic": Case('y = Resize<mode="cubic">(x, , s)', {"s": np.array([1, 1, 2, 3], np.float32)}, "upsample"),
    "cubic_to_aligned_corners": Case(
        'y = Resize<coordinate_transformation_mode="align_corners",mode="cubic">(x, , s)',
        {"s": np.array([1, 1, 1.5, 3], np.float32)},
        "upsample",
    ),
    "upsample_of_opset_9": Case(
        'y = Upsample<mode="nearest">(x, s)', {"s": np.array([1, 1, 2, 2], np.float32)}, "upsample", opset=9
    ),
    "pixel_shuffle": Case('y = DepthToSpace<blocksize=2,mode="CRD">(x)', None, "pixel_shuffle", "float[N,8,3,3] x"),
    "depth_to_space": Case("y = DepthToSpace<blocksize=2>(x)", None, "pixel_shuffle", "float[N,8,3,3] x"),
    "space_to_depth": Case("y = SpaceToDepth<blocksize=2>(x)", None, "pixel_unshuffle"),
    "gate": Case(
        "g = GlobalAveragePool(x) c = Conv(g, w) s = Sigmoid(c) h = Shape(x) e = Expand(s, h) y = Mul(x, e)",
        {"w": (3, 3, 1, 1)},
        "global_avgpool conv sigmoid mul",
    ),
    "pad_with_ones": Case(
        "v = Constant<value_float=1.0>() y = Pad(x, p, v)",
        {"p": np.array([0, 0, 1, 0, 0, 0, 0, 2], I64)},
        "constant concat constant concat",
    ),
    "gather_nd": Case(
        "t = Transpose<perm=[1,2,0]>(x) g = GatherND(t, i) y = Transpose<perm=[1,0]>(g)",
        {"i": np.array([[0, 1], [5, -1], [2, 2], [0, 0], [3, 7]], I64)},
        "flatten index_select",
        TOKENS,
    ),
    "conv_of_windows": Case(
        "r = Reshape(x, parts) c = Conv<pads=[1,1,1,1],strides=[2,1]>(r, w, b) y = Relu(c)",
        {"parts": np.array([-1, 3, 4, 8], I64), "w": (4, 3, 3, 3), "b": (4,)},
        "permute conv permute relu",
        "float[N,2,3,4,8] x",
    ),
    "conv_of_heads": Case(
        "r = Reshape(x, parts) c = Conv<pads=[0,1,1,1,1,0],strides=[1,2,1]>(r, w, b) y = Relu(c)",
        {"parts": np.array([-1, 3, 2, 4, 6], I64), "w": (4, 3, 2, 3, 3), "b": (4,)},
        "reshape split flatten conv reshape split flatten conv reshape concat relu",
        "float[N,2,3,8,6] x",
    ),
    "rolled_by_nothing": Case(
        "a = Slice(x, o, m, w) b = Slice(x, z, o, w) c = Concat<axis=2>(a, b) y = Relu(c)",
        {"z": np.array([0], I64), "o": np.array([0], I64), "m": np.array([2**63 - 1], I64), "w": np.array([2], I64)},
        "relu",
    ),
    "weights_that_are_standardised": Case(
        "m = ReduceMean<axes=[1,2,3]>(stem_weight) d = Sub(stem_weight, m) v = ReduceL2<axes=[1,2,3]>(d)"
        " u = Div(d, v) y = Conv(x, u)",
        {"stem_weight": (4, 3, 3, 3)},
        "conv",
        opset=13,
    ),
    "weights_with_a_gain": Case(f"{STANDARDISED} g = Mul(u, gain) y = Conv(x, g, b)", GAINED, GAINED_WORDS, opset=13),
    "weights_with_a_gain_in_front": Case(
        f"{STANDARDISED} k = Constant<value_float=0.5>() h = Mul(gain, k) g = Mul(h, u) y = Conv(x, g, b)",
        GAINED,
        GAINED_WORDS,
        opset=13,
    ),
    "weights_with_a_factor_for_each_input": Case(
        "g = Mul(w, gain) y = Conv(x, g)", {"w": (3, 3, 3, 3), "gain": (1, 3, 1, 1)}, "conv", opset=13
    ),
    "dropout": Case("d = Dropout(x) y = Relu(d)", None, "relu", opset=7),
    "reshape_by_arithmetic": Case(
        "s = Shape(x) z = Constant<value_ints=[0]>() o = Constant<value_ints=[1]>() n = Slice(s, z, o)"
        " m = Constant<value_ints=[-1]>() t = Concat<axis=0>(n, m) y = Reshape(x, t)",
        None,
        "flatten",
    ),
}


def imported(proto: Any, folder: Path, shape: Sequence[int] | None = None) -> archcalc.Network:
    return archcalc.load(written(proto, folder), input=shape)


@pytest.mark.parametrize("name", CASES)
def test_operators(name: str, tmp_path: Path) -> None:
    """Two samples at once, so that nothing of one is taken for the other, against onnxruntime."""
    case = CASES[name]
    proto = model(case.body, case.weights, case.x, opset=case.opset)
    network = imported(proto, tmp_path)
    words = [node.op.keyword for node in network.graph.nodes if node.op.keyword != "input"]
    assert " ".join(words) == case.keywords
    batch = 1 if case.x.startswith("float[1") else 2
    x = values(name, (batch, *network.graph.input_shape))
    (expected,) = by_onnxruntime(proto, {"x": x})
    for execution in ("reference", "fast"):
        found = archcalc.run(network, x, execution=execution, timed=False)
        assert close(found.output, expected)


@pytest.mark.parametrize("name", CASES)
def test_a_batch_of_one_in_the_file(name: str, tmp_path: Path) -> None:
    """Exporters write the batch down where they do not know better: the network is the same for two samples."""
    case = CASES[name]
    open_batch = imported(model(case.body, case.weights, case.x, opset=case.opset), tmp_path)
    fixed = imported(model(case.body, case.weights, case.x.replace("[N", "[1"), opset=case.opset), tmp_path)
    assert [node.op for node in fixed.graph.nodes] == [node.op for node in open_batch.graph.nodes]
    assert fixed.graph.shapes == open_batch.graph.shapes


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("nearest_to_a_size",)])
def test_a_batch_of_five_in_the_file(name: str, tmp_path: Path) -> None:
    """What is there five times is the batch: the same layers again, by sizes that tell them apart."""
    case = CASES[name]
    open_batch = imported(model(case.body, case.weights, case.x, opset=case.opset), tmp_path)
    five = imported(model(case.body, case.weights, case.x.replace("[N", "[5"), opset=case.opset), tmp_path)
    assert five.graph.shapes == open_batch.graph.shapes
    assert [node.op for node in five.graph.nodes] == [node.op for node in open_batch.graph.nodes]


TIED = {
    "as_it_is_twice": ("a = MatMul (x, w) b = Relu (a) y = MatMul (b, w)", (6, 6), "linear relu linear"),
    "square_and_turned": (
        "t = Transpose <perm = [1, 0]> (w) a = MatMul (x, w) b = Relu (a) y = MatMul (b, t)",
        (6, 6),
        "parameter reshape matmul flatten relu permute reshape matmul flatten",
    ),
    "turned_by_the_product": (
        "a = Gemm <transB = 1> (x, w, c) b = Relu (a) y = Gemm (b, w)",
        (4, 6),
        "parameter permute reshape matmul flatten parameter add relu reshape matmul flatten",
    ),
    "turned_twice": (
        "t = Transpose (w) u = Transpose (t) a = MatMul (x, w) b = Gemm <transB = 1> (a, t, c)"
        " r = Relu (b) s = Gemm <transB = 1> (r, w) v = MatMul (s, u) y = MatMul (v, t)",
        (6, 6),
        None,
    ),
}


@pytest.mark.parametrize("name", TIED)
def test_a_matrix_that_several_products_use(name: str, tmp_path: Path) -> None:
    """Its numbers count once, be it turned for one and not for another."""
    body, shape, words = TIED[name]
    vector = {"c": shape[:1]} if "c)" in body else {}
    proto = model(body, {"w": shape, **vector}, "float[N,6] x")
    network = archcalc.load(written(proto, tmp_path))
    analysis = archcalc.analyse(network)
    assert analysis.params.params == shape[0] * shape[1] + sum(sizes[0] for sizes in vector.values())
    assert analysis.cost.macs == shape[0] * shape[1] * (body.count("MatMul") + body.count("Gemm"))
    x = values("x", (2, 6))
    assert close(archcalc.run(network, x, timed=False).output, by_onnxruntime(proto, {"x": x})[0])
    keywords = " ".join(node.op.keyword for node in network.graph.nodes[1:])
    assert words is None or keywords == words


GAINS: dict[str, Case] = {
    **{name: case for name, case in CASES.items() if case.keywords == GAINED_WORDS},
    "weights_normalised_as_a_batch": Case(
        "flat = Constant<value_ints=[1, 4, 27]>() f = Reshape(w, flat) o = Constant<value_ints=[-1]>()"
        " s = Reshape(gain, o) four = Constant<value_ints=[4]>() zero = ConstantOfShape(four) one = Exp(zero)"
        " n, m, v = BatchNormalization<training_mode=1>(f, s, zero, zero, one)"
        " t = Shape(w)"
        " g = Reshape(n, t) y = Conv(x, g, b)",
        GAINED,
        GAINED_WORDS,
        opset=15,
    ),
}


@pytest.mark.parametrize("name", GAINS)
def test_gains(name: str, tmp_path: Path) -> None:
    """Each learned number once: kernel, gain and bias; and the multiplications of the convolution, no others.

    Against ONNX's own evaluator: onnxruntime's normalisation by the statistics of a batch is one per cent off.
    """
    case = GAINS[name]
    proto = model(case.body, case.weights, case.x, opset=case.opset)
    network = imported(proto, tmp_path)
    assert " ".join(node.op.keyword for node in network.graph.nodes[1:]) == case.keywords
    analysis, x = archcalc.analyse(network), values(name, (2, *network.graph.input_shape))
    assert close(archcalc.run(network, x, timed=False).output, ReferenceEvaluator(proto).run(None, {"x": x})[0])
    assert analysis.params.params == 4 * 3 * 3 * 3 + 4 + 4
    assert analysis.cost.macs == 6 * 6 * 4 * 3 * 3 * 3


@pytest.mark.parametrize(
    "second", ["strides = [2, 2], pads = [1, 1, 1, 1]", "dilations = [2, 2]", "pads = [1, 0, 2, 1]"]
)
def test_a_kernel_that_is_moved_in_two_ways(second: str, tmp_path: Path) -> None:
    """Its numbers are stored once, and count once."""
    body = f"a = Conv <pads = [1, 1, 1, 1]> (x, w, b) r = Relu (a) y = Conv <{second}> (r, w, b)"
    proto = model(body, {"w": (4, 4, 3, 3), "b": (4,)}, "float[N,4,9,9] x")
    network = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(network).params.params == 4 * 4 * 3 * 3 + 4
    assert archcalc.prove(network).agrees  # its arrays are not taken for what a layer holds
    x = values("x", (2, 4, 9, 9))
    assert close(archcalc.run(network, x, timed=False).output, by_onnxruntime(proto, {"x": x})[0])


def test_a_kernel_that_several_volumes_of_a_sample_share(tmp_path: Path) -> None:
    """Its numbers count once, its products for each volume; of very many there is no layer."""
    case = CASES["conv_of_heads"]
    analysis = archcalc.analyse(imported(model(case.body, case.weights, case.x), tmp_path))
    assert analysis.params.params == 4 * 3 * 2 * 3 * 3 + 4
    assert analysis.cost.macs == 2 * (4 * 2 * 2 * 5) * (3 * 2 * 3 * 3)
    body = "r = Reshape(x, parts) y = Conv(r, w)"
    weights = {"parts": np.array([-1, 1, 2, 2, 2], I64), "w": (1, 1, 1, 1, 1)}
    network = imported(model(body, weights, "float[N,65,2,2,2] x"), tmp_path)
    assert [node.op.keyword for node in network.graph.nodes] == ["input", "reshape", "unknown"]


def test_a_kernel_that_reads_all_channels_and_groups_of_them(tmp_path: Path) -> None:
    """The same numbers once more, on twice as many channels in two groups."""
    body = "a = Conv (x, w) b = Concat <axis = 1> (x, a) y = Conv <group = 2> (b, w)"
    proto = model(body, {"w": (4, 4, 1, 1)}, "float[N,4,5,5] x")
    network = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(network).params.params == 16
    x = values("x", (2, 4, 5, 5))
    assert close(archcalc.run(network, x, timed=False).output, by_onnxruntime(proto, {"x": x})[0])


@pytest.mark.parametrize(
    "node",
    [
        "y = Conv <group = 0> (x, w)",
        "y = Conv <group = -1> (x, w)",
        "y = Conv <strides = [0, 1]> (x, w)",
        "y = Conv <dilations = [1, -1]> (x, w)",
        "y = MaxPool <kernel_shape = [0, 2]> (x)",
        "y = MaxPool <kernel_shape = [2, 2], strides = [-1, 1]> (x)",
        "y = LRN <size = 0> (x)",
    ],
)
def test_arguments_out_of_bounds(node: str, tmp_path: Path) -> None:
    """A line that names the operation, and no arithmetic with what is no size."""
    with pytest.raises(archcalc.UsageError, match=f"the {node.split()[2]} '"):
        archcalc.load(written(model(node, {"w": (4, 3, 1, 1)}), tmp_path))
