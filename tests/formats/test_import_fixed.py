"""Arrays that training leaves alone: where a file tells them from parameters, they count as constants."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archcalc
from archcalc.formats.importer.onnx_program import to_program
from archcalc.formats.importer.opened import opened
from archcalc.formats.importer.patterns import recognise
from archcalc.formats.importer.program import Program
from archcalc.formats.onnx_file import read_model

from .models import by_onnxruntime, close, model, values, written

ONES, ZEROS = np.ones(3, np.float32), np.zeros(3, np.float32)
ROWS = "float[N,8] x"
TOKENS = "float[N,6,8] x"
MAP = "float[N,3,8,8] x"
W, B = (8, 5), (5,)
NORM_WEIGHTS: dict[str, Any] = {"fixed_g": ONES, "fixed_b": ZEROS, "fixed_mean": (3,), "fixed_var": (3,)}
BY_COORDINATES = 'y = Einsum<equation="nij,jk->nik">(x, fixed_w)'
GROUPS = (
    "s = Constant<value_ints=[0, 3, -1]>() r = Reshape(x, s) n = InstanceNormalization(r, fixed_one, fixed_zero) "
    "t = Shape(x) m = Reshape(n, t) f = Mul(m, {g}) y = Add(f, {b})"
)
PLAIN = {"fixed_one": ONES, "fixed_zero": ZEROS}
TALL = (3, 1, 1)
CASES: dict[str, tuple[str, dict[str, Any], str, int, str]] = {
    "a_matrix": ("y = MatMul(x, fixed_w)", {"fixed_w": W}, TOKENS, 0, "constant matmul"),
    "a_matrix_and_a_bias": ("y = Gemm(x, fixed_w, b)", {"fixed_w": W, "b": B}, ROWS, 5, "matmul"),
    "a_matrix_turned": ("y = Gemm<transB=1>(x, fixed_w)", {"fixed_w": (5, 8)}, ROWS, 0, "matmul"),
    "a_table": (BY_COORDINATES, {"fixed_w": W}, TOKENS, 0, "constant matmul"),
    "a_bias": ("y = Gemm(x, w, fixed_b)", {"w": W, "fixed_b": B}, ROWS, 40, "linear constant add"),
    "a_bias_added": (
        "a = MatMul(x, w) y = Add(a, fixed_b)",
        {"w": W, "fixed_b": B},
        TOKENS,
        40,
        "linear constant add",
    ),
    "zeros_amid_a_bias": (
        "b = Concat<axis=0>(q, fixed_k, v) y = Gemm(x, w, b)",
        {"w": (8, 6), "q": (2,), "fixed_k": np.zeros(2, np.float32), "v": (2,)},
        ROWS,
        52,
        "concat",
    ),
    "rows_amid_weights": (
        "w = Concat<axis=1>(q, fixed_k) y = MatMul(x, w)",
        {"q": (8, 2), "fixed_k": (8, 3)},
        TOKENS,
        16,
        "concat matmul",
    ),
    "weights_in_two_parts": (
        "w = Concat<axis=1>(q, k) y = MatMul(x, w)",
        {"q": (8, 2), "k": (8, 3)},
        TOKENS,
        40,
        "linear",
    ),
    "a_blur": (
        "y = Conv<group=3, strides=[2, 2], pads=[1, 1, 1, 1]>(x, fixed_w)",
        {"fixed_w": (3, 1, 3, 3)},
        MAP,
        0,
        "input conv",
    ),
    "a_kernel_and_its_bias": (
        "y = Conv(x, fixed_w, fixed_b)",
        {"fixed_w": (4, 3, 3, 3), "fixed_b": (4,)},
        MAP,
        0,
        "input conv",
    ),
    "a_kernel_and_a_bias_that_is_learned": (
        "y = Conv(x, fixed_w, b)",
        {"fixed_w": (4, 3, 3, 3), "b": (4,)},
        MAP,
        4,
        "conv parameter add",
    ),
    "a_bias_of_a_kernel_that_is_learned": (
        "y = Conv(x, w, fixed_b)",
        {"w": (4, 3, 3, 3), "fixed_b": (4,)},
        MAP,
        108,
        "conv constant add",
    ),
    "a_kernel_of_many_maps": (
        "s = Constant<value_ints=[-1, 1, 8, 8]>() r = Reshape(x, s) y = Conv(r, fixed_w, b)",
        {"fixed_w": (4, 1, 3, 3), "b": (4,)},
        MAP,
        4,
        "conv",
    ),
    "an_interpolation": (
        "y = ConvTranspose<group=3, strides=[2, 2], pads=[1, 1, 1, 1]>(x, fixed_w, b)",
        {"fixed_w": (3, 1, 4, 4), "b": (3,)},
        MAP,
        3,
        "conv_transpose parameter add",
    ),
    "batchnorm": (
        "y = BatchNormalization(x, fixed_g, fixed_b, fixed_mean, fixed_var)",
        NORM_WEIGHTS,
        MAP,
        0,
        "batchnorm",
    ),
    "instancenorm": (
        "y = InstanceNormalization(x, fixed_g, fixed_b)",
        {"fixed_g": ONES, "fixed_b": ZEROS},
        MAP,
        0,
        "instance_norm",
    ),
    "groupnorm": (
        "y = GroupNormalization<num_groups=3>(x, fixed_g, fixed_b)",
        {"fixed_g": ONES, "fixed_b": ZEROS},
        MAP,
        0,
        "groupnorm",
    ),
    "groupnorm_written_out": (
        GROUPS.format(g="fixed_g", b="fixed_b"),
        {**PLAIN, "fixed_g": ONES.reshape(TALL), "fixed_b": ZEROS.reshape(TALL)},
        MAP,
        0,
        "input groupnorm",
    ),
    "groupnorm_written_out_and_learned": (
        GROUPS.format(g="g", b="b"),
        {**PLAIN, "g": TALL, "b": TALL},
        MAP,
        6,
        "input groupnorm",
    ),
    "groupnorm_times_other_numbers": (
        GROUPS.format(g="fixed_g", b="fixed_b"),
        {**PLAIN, "fixed_g": TALL, "fixed_b": ZEROS.reshape(TALL)},
        MAP,
        0,
        "groupnorm constant mul",
    ),
    "layernorm_without_a_factor_and_a_summand": (
        "n = LayerNormalization(x, fixed_n) f = Mul(n, fixed_g) y = Add(f, fixed_b)",
        {"fixed_n": np.ones(8, np.float32), "fixed_g": np.ones(8, np.float32), "fixed_b": np.zeros(8, np.float32)},
        TOKENS,
        0,
        "input layernorm",
    ),
    "layernorm": (
        "y = LayerNormalization(x, fixed_g)",
        {"fixed_g": np.ones(8, np.float32)},
        TOKENS,
        0,
        "layernorm",
    ),
    "layernorm_of_other_numbers": ("y = LayerNormalization(x, g)", {"g": (8,)}, TOKENS, 8, "layernorm"),
}


def signed(body: str, weights: dict[str, Any], x: str) -> Any:
    """A model that says what is a parameter, as torch's newer exporter does: names tell here."""
    proto = model(body, weights, x)
    kinds = [f"{'BUFFER' if name.startswith('fixed') else 'PARAMETER'} target='{name}'" for name in weights]
    entry = proto.graph.metadata_props.add()
    entry.key, entry.value = "pkg.torch.export.ExportedProgram.graph_signature", "\n".join(kinds)
    return proto


@pytest.mark.parametrize("name", CASES)
def test_parameters_are_those_that_are_learned(name: str, tmp_path: Path) -> None:
    """And what is computed stays what it is. Words that begin with the input are all layers there are."""
    body, weights, x, params, words = CASES[name]
    proto = signed(body, weights, x)
    network = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(network).params.params == params
    assert words in " ".join(node.op.keyword for node in network.graph.nodes)
    if words.startswith("input "):
        assert words == " ".join(node.op.keyword for node in network.graph.nodes)
    given = values(name, (2, *network.graph.input_shape))
    assert close(archcalc.run(network, given, timed=False).output, by_onnxruntime(proto, {"x": given})[0])


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("second", ["b", "c"])
def test_vectors_that_layers_share(second: str, apart: bool, tmp_path: Path) -> None:
    """Two layers with the same vectors share them, unless the exporter may have put equal ones together."""
    body = f"a = LayerNormalization(x, g, b) r = Relu(a) y = LayerNormalization(r, g, {second})"
    program = to_program(read_model(written(model(body, {"g": (8,), "b": (8,), "c": (8,)}, TOKENS), tmp_path)))
    given = {name: getattr(program, name) for name in Program.__struct_fields__}
    network = opened(Program(**{**given, "apart": apart}), "net", None, recognise).graph
    assert [node.shares for node in network.nodes] == [None, None, None, 1 if apart and second == "b" else None]
