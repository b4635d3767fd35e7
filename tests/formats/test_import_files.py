"""What a model file says beside its operators: names, sizes left open, functions, branches, hostile graphs."""

import json
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

import archcalc
from archcalc.cli.main import cli
from archcalc.errors import ArchcalcError, SpecError, UsageError

from .models import by_onnxruntime, close, model, values, written


def named(*labels: tuple[str, str], body: str, weights: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    """A model whose nodes, by their output, have these names."""
    proto = model(body, weights)
    for node in proto.graph.node:
        node.name = dict(labels).get(node.output[0], "")
    return proto


def dotted(proto: onnx.ModelProto) -> onnx.ModelProto:
    """With dots in the names of arrays, which the text format does not take."""
    for tensor in proto.graph.initializer:
        tensor.name = tensor.name.replace("__", ".")
    for node in proto.graph.node:
        node.input[:] = [name.replace("__", ".") for name in node.input]
    return proto


def names(proto: onnx.ModelProto, folder: Path) -> list[str]:
    return [node.name for node in archcalc.load(written(proto, folder)).graph.nodes]


def test_names_of_modules(tmp_path: Path) -> None:
    """By the names of weights, by the paths that torch writes, and numbered where they meet."""
    weights = {"layer1__0__conv1__weight": (3, 3, 1, 1), "layer1__0__bn__weight": (3,), "layer1__0__bn__bias": (3,)}
    weights |= {"layer1__0__bn__running_mean": (3,), "layer1__0__bn__running_var": (3,)}
    body = (
        "a = Conv(x, layer1__0__conv1__weight) b = BatchNormalization(a, layer1__0__bn__weight, layer1__0__bn__bias,"
        " layer1__0__bn__running_mean, layer1__0__bn__running_var) c = Relu(b) d = Add(c, x) e = Relu(d) y = Sigmoid(e)"
    )
    labels = ("c", "/layer1/layer1.0/relu/Relu"), ("d", "/layer1/layer1.0/Add"), ("e", "/layer1/layer1.0/relu_1/Relu")
    found = archcalc.load(written(dotted(named(*labels, body=body, weights=weights)), tmp_path))
    expected = ["input", "layer1.0.conv1", "layer1.0.bn", "layer1.0.relu", "layer1.0.add", "layer1.0.relu_1", "sigmoid"]
    assert [node.name for node in found.graph.nodes] == expected
    assert found.weights is not None
    assert set(found.weights) == {name.replace("__", ".") for name in weights}
    for name in weights:
        assert np.array_equal(found.weights[name.replace("__", ".")].array(), values(name, weights[name]))


def test_names_from_scopes_that_are_written_down(tmp_path: Path) -> None:
    """torch's newer exporter lists them in the metadata of a node."""
    proto = model("a = Relu(x) b = Sigmoid(a) y = Tanh(b)")
    scopes = ("['', 'head', 'head.act', 'relu']", "['', 'head', 'sigmoid']", "[1, broken")
    for node, text in zip(proto.graph.node, scopes, strict=True):
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=text)
    assert names(proto, tmp_path) == ["input", "head.act", "head.sigmoid", "tanh"]


def test_no_name_is_a_scope_and_none_is_there_twice(tmp_path: Path) -> None:
    """Whatever files call their nodes."""
    proto = named(
        ("a", "a/b/Relu"),
        ("b", "a/b/c/Relu"),
        ("y", "a/b/Relu_1"),
        body="a = Relu(x) b = Relu(a) y = Relu(b)",
        weights={},
    )
    found = names(proto, tmp_path)
    scopes = {name.rpartition(".")[0] for name in found}
    assert len(set(found)) == len(found)
    assert not scopes & set(found)


def test_a_layer_with_weights_has_the_name_of_its_module(tmp_path: Path) -> None:
    """Also where the module computes more than that layer; and not where it is a scope of others."""
    body = "a = Conv(x, fc__weight) b = Relu(a) c = Conv(b, relu__in__weight) y = Relu(c)"
    weights = {"fc__weight": (3, 3, 1, 1), "relu__in__weight": (3, 3, 1, 1)}
    labels = (("a", "/fc/Conv"), ("b", "/fc/Relu"), ("c", "/relu/in/Conv"), ("y", ""))
    proto = dotted(named(*labels, body=body, weights=weights))
    assert names(proto, tmp_path) == ["input", "fc", "fc.relu", "relu.in", "relu2"]


def test_an_array_by_itself_has_the_name_that_its_weight_is_said_to_belong_to(tmp_path: Path) -> None:
    body = "a = Mul(x, table__weight) b = Mul(a, gain) y = Mul(b, gain__other)"
    weights = {"table__weight": (3, 8, 8), "gain": (3, 8, 8), "gain__other": (3, 8, 8)}
    found = names(dotted(model(body, weights)), tmp_path)
    assert [name for name in found if "mul" not in name] == ["input", "table", "gain.parameter", "gain.other"]


def test_weights_stored_once_for_two_layers_are_shared(tmp_path: Path) -> None:
    """They count once; a bias alone in common makes no shared layer."""
    both = archcalc.load(
        written(model("a = Conv(x, w, b) y = Conv(a, w, b)", {"w": (3, 3, 1, 1), "b": (3,)}), tmp_path)
    )
    assert both.graph.nodes[2].shares == 1
    assert archcalc.analyse(both).params.params == 12
    alone = model("a = Conv(x, w, b) y = Conv(a, v, b)", {"w": (3, 3, 1, 1), "v": (3, 3, 1, 1), "b": (3,)})
    assert archcalc.analyse(archcalc.load(written(alone, tmp_path))).params.params == 24


def test_arrays_stored_once_and_named_twice_are_two(tmp_path: Path) -> None:
    """torch's older exporter writes equal arrays once, and an Identity for each other that there was."""
    body = "a = Conv(x, w) v = Identity(w) y = Conv(a, v)"
    found = archcalc.load(written(model(body, {"w": (3, 3, 1, 1)}), tmp_path))
    assert [node.shares for node in found.graph.nodes] == [None, None, None]
    assert archcalc.analyse(found).params.params == 18


def test_symbolic_sizes(tmp_path: Path) -> None:
    """The batch is the batch; sizes of the map have to be given."""
    proto = model("y = Conv(x, w)", {"w": (4, 3, 3, 3)}, "float[N,3,H,W] x")
    path = written(proto, tmp_path)
    with pytest.raises(UsageError, match="the input 'x' leaves sizes open: 'H' and 'W'; --input CxHxW gives them"):
        archcalc.load(path)
    assert archcalc.load(path, input="3x10x12").graph.shapes == ((3, 10, 12), (4, 8, 10))
    with pytest.raises(UsageError, match="has 3 axes beside the batch, not 2"):
        archcalc.load(path, input="10x12")


def test_another_input(tmp_path: Path) -> None:
    """Also where the file has one; where sizes are written into it, it says which node does not fit."""
    path = written(model("a = Conv(x, w) y = Flatten(a)", {"w": (4, 3, 3, 3)}, "float[1,3,8,8] x"), tmp_path)
    assert archcalc.load(path).graph.shapes[-1] == (144,)
    assert archcalc.load(path, input=(3, 10, 10)).graph.shapes[-1] == (256,)
    fixed = model("y = Reshape(x, s)", {"s": np.array([1, 192], np.int64)}, "float[1,3,8,8] x")
    with pytest.raises(UsageError, match=r"the Reshape 'y': 3×9×9|the Reshape 'y': 1×3×9×9 cannot become 1×192"):
        archcalc.load(written(fixed, tmp_path), input=(3, 9, 9))


def test_changed_layers(tmp_path: Path) -> None:
    """`set` changes arguments of layers as it does for specs; variables there are none."""
    path = written(model("a = Conv<pads=[1,1,1,1]>(x, w) y = Relu(a)", {"w": (4, 3, 3, 3)}), tmp_path)
    assert archcalc.load(path, set={"conv.stride": 2}).graph.shapes[-1] == (4, 4, 4)
    with pytest.raises(SpecError, match="'model' has no layer 'cnv'"):
        archcalc.load(path, set={"cnv.stride": 2})
    with pytest.raises(SpecError, match="there is no variable 'depth'"):
        archcalc.load(path, set={"vars.depth": 2})


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    """Each has its own place; the last layer is the first output."""
    proto = model(
        "b = Relu(x) s = Sigmoid(b) a = Add(b, z)", x="float[N,3,4] x, float[N,3,4] z", y="float[] a, float[] s"
    )
    found = archcalc.load(written(proto, tmp_path))
    assert [node.op.keyword for node in found.graph.nodes] == ["input", "input", "relu", "sigmoid", "add"]
    x, z = values("x", (2, 3, 4)), values("z", (2, 3, 4))
    output = archcalc.run(found, [x, z], timed=False).output
    assert close(output, by_onnxruntime(proto, {"x": x, "z": z})[0])


def test_functions_of_the_model(tmp_path: Path) -> None:
    """They are written out, with the attributes that they are called with, also inside one another."""
    imports = '<domain: "my", opset_import: ["" : 23, "my" : 1]>'
    functions = (
        f"{imports} scaled <a> (t) => (r) {{ k = LeakyRelu<alpha: float = @a>(t) r = Add(k, t) }}"
        f" {imports} twice (t) => (r) {{ u = my.scaled<a = 0.5>(t) r = my.scaled<a = 0.25>(u) }}"
    )
    proto = model("y = my.twice(x)", functions=functions)
    found = archcalc.load(written(proto, tmp_path))
    assert [node.op.keyword for node in found.graph.nodes[1:]] == ["leaky_relu", "add", "leaky_relu", "add"]
    x = values("x", (2, 3, 8, 8))
    assert close(archcalc.run(found, x, timed=False).output, by_onnxruntime(proto, {"x": x})[0])


def test_branches_that_are_known(tmp_path: Path) -> None:
    """A condition on shapes is decided; what the branch says is part of the network."""
    body = (
        "s = Shape(x) o = Constant<value_ints=[1]>() c = Gather(s, o) three = Constant<value_ints=[3]>()"
        " e = Equal(c, three) z = Constant<value_ints=[0]>() k = Squeeze(e, z)"
        " y = If(k)<then_branch = t () => (float[N,3,8,8] u) { u = Relu(x) },"
        " else_branch = f () => (float[N,3,8,8] v) { v = Sigmoid(x) }>"
    )
    found = archcalc.load(written(model(body), tmp_path))
    assert [node.op.keyword for node in found.graph.nodes] == ["input", "relu"]


def test_old_files_list_weights_as_inputs(tmp_path: Path) -> None:
    """With their values as initialisers, or without any: then they can be counted, and not run."""
    proto = model("a = Conv(x, w) y = Relu(a)", {"w": (4, 3, 3, 3)}, "float[1,3,8,8] x", opset=7)
    proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, (4, 3, 3, 3)))
    found = archcalc.load(written(proto, tmp_path))
    assert len([node for node in found.graph.nodes if node.op.keyword == "input"]) == 1
    del proto.graph.initializer[:]
    bare = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(bare).params.params == 108
    with pytest.raises(UsageError, match="has no values for 'w'"):
        archcalc.run(bare)


def test_weights_that_constants_hold(tmp_path: Path) -> None:
    """Nodes may give weights, and arithmetic of shapes may be folded into them."""
    proto = model("y = Conv(x, w)", {}, "float[N,3,8,8] x")
    array = values("w", (4, 3, 3, 3))
    node = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(array, "w"))
    proto.graph.node.insert(0, node)
    found = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(found).params.params == 108
    assert found.weights is not None
    assert np.array_equal(found.weights["conv.weight"].array(), array)


def test_weights_are_not_copied(tmp_path: Path) -> None:
    """A network of 16 MB: opening it, counting it and its mapped weights take next to nothing."""
    body = "f = Flatten(x) y = Gemm<transB=1>(f, w, b)"
    path = written(model(body, {"w": (1024, 4096), "b": (1024,)}, "float[N,1,64,64] x"), tmp_path)
    archcalc.load(path)
    tracemalloc.start()
    found = archcalc.load(path)
    archcalc.analyse(found).params  # noqa: B018 - it is computed when it is asked for
    mapped = {name: stored.array() for name, stored in (found.weights or {}).items()}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert mapped["gemm.weight" if "gemm.weight" in mapped else "linear.weight"].nbytes == 2**24


def test_an_operator_that_is_not_ours(tmp_path: Path) -> None:
    """It is named, its shape is the file's, totals are a least, and nothing runs."""
    path = written(unknown(stated=True), tmp_path)
    found = archcalc.load(path)
    assert [node.op.title for node in found.graph.unknown] == ["? Wonder"]
    assert found.graph.shapes == ((3, 8, 8), (4, 6, 6), (4, 3, 3), (36,), (5,))
    with pytest.raises(UsageError, match=r"'wonder' cannot be computed; its operator is none of ours: \? Wonder"):
        archcalc.run(found)
    with pytest.raises(UsageError, match="'wonder' cannot be computed"):
        archcalc.prove(found)


@pytest.mark.parametrize("kind", ["plain", "markdown", "latex", "html", "table"])
@pytest.mark.parametrize("command", ["summary", "params", "macs", "memory"])
def test_totals_are_a_least_where_something_is_not_known(command: str, kind: str, tmp_path: Path) -> None:
    """In every format: `≥` before the sum of what is known, which is 108 + 180 weights and 3888 + 180 products."""
    path = written(unknown(stated=True), tmp_path)
    out = CliRunner().invoke(cli, [command, path, "--format", kind]).output
    known = {"params": "288", "macs": "4,068", "memory": "1.12 KiB", "summary": "288"}[command]
    assert re.search(rf"(≥|\$\\geq\$|&ge;|>=)\s*{re.escape(known)}", out), out
    assert "Wonder" in out
    exact = CliRunner().invoke(cli, [command, path, "--format", kind, "--ascii"]).output
    assert "≥" not in exact


def test_json_and_csv_say_what_is_not_known(tmp_path: Path) -> None:
    """Nothing where nothing is known, and the layers that make totals a least."""
    path = written(unknown(stated=True), tmp_path)
    document = json.loads(CliRunner().invoke(cli, ["summary", path, "--format", "json"]).output)
    assert document["totals"]["at_least"] == ["wonder"]
    assert document["totals"]["params"] == 288
    layer = next(layer for layer in document["layers"] if layer["name"] == "wonder")
    assert (layer["op"], layer["kind"], layer["params"], layer["macs"]) == ("unknown", "Wonder", None, None)
    rows = CliRunner().invoke(cli, ["params", path, "--per-layer", "--format", "csv"]).output.splitlines()
    assert [row for row in rows if row.startswith("wonder")] == ["wonder,? Wonder,4x3x3,?,?,?,?"]


def test_an_operator_that_is_not_ours_without_a_shape(tmp_path: Path) -> None:
    """Then nothing can be said behind it: an error with its node."""
    with pytest.raises(
        UsageError, match="the Wonder 'wonder_1': there is no operator Wonder here, and the file does not"
    ):
        archcalc.load(written(unknown(stated=False), tmp_path))


@pytest.mark.parametrize(
    "command",
    [
        ("compare", "MODEL", "lenet5"),
        ("diff", "lenet5", "MODEL"),
        ("roofline", "MODEL", "--on", "t4"),
        ("memory", "MODEL", "--model", "train"),
        ("memory", "MODEL", "--model", "arena"),
        ("fits", "MODEL", "--sram", "1MiB"),
        ("explain", "MODEL"),
    ],
)
def test_every_command_says_what_is_not_known(command: tuple[str, ...], tmp_path: Path) -> None:
    path = written(unknown(stated=True), tmp_path)
    result = CliRunner().invoke(cli, [path if word == "MODEL" else word for word in command])
    out = " ".join(result.output.split())
    assert result.exit_code == 0
    assert "not known is what these layers compute and store: wonder (? Wonder)" in out


def test_nothing_is_held_against_what_is_not_known(tmp_path: Path) -> None:
    command = ["check", written(unknown(stated=True), tmp_path), "--fail-on", "params > 1"]
    with pytest.raises(ArchcalcError, match="cannot be held against a budget: not known is"):
        cli.main(command, standalone_mode=False)


def test_models_are_exported_by_their_path(tmp_path: Path) -> None:
    """As they are opened by it."""
    assert "digraph" in archcalc.export(written(unknown(stated=True), tmp_path), "dot")


def unknown(stated: bool) -> onnx.ModelProto:
    proto = model("a = Conv(x, w) b = my.Wonder(a) c = Flatten(b) y = Gemm(c, v)", {"w": (4, 3, 3, 3), "v": (36, 5)})
    proto.graph.node[1].name = "wonder_1"
    if stated:
        proto.graph.value_info.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, ["N", 4, 3, 3]))
        proto.graph.node[1].name = "/wonder/Wonder"
    return proto


def _renamed_output(proto: onnx.ModelProto, node: int, name: str) -> onnx.ModelProto:
    proto.graph.node[node].output[0] = name
    return proto


def _with(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    proto = model("a = Conv(x, w) b = Relu(a) y = Sigmoid(b)", {"w": (4, 3, 3, 3)})
    change(proto)
    return proto


def _node(place: int, **fields: str) -> Callable[[onnx.ModelProto], object]:
    def change(proto: onnx.ModelProto) -> None:
        for field, name in fields.items():
            getattr(proto.graph.node[place], field)[:] = [name]

    return change


def _dims(*sizes: int) -> Callable[[onnx.ModelProto], object]:
    def change(proto: onnx.ModelProto) -> None:
        for dim, size in zip(proto.graph.input[0].type.tensor_type.shape.dim, sizes, strict=True):
            dim.dim_value = size

    return change


HOSTILE: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "cycle": (lambda: _with(_node(1, input="y")), "depends on itself"),
    "self": (lambda: _with(_node(1, input="b")), "depends on itself"),
    "twice": (lambda: _with(_node(2, output="b")), "the value 'b' is made twice"),
    "over_a_weight": (lambda: _with(_node(2, output="w")), "the value 'w' is made twice"),
    "missing": (lambda: _with(_node(1, input="nowhere")), "reads 'nowhere', which is nowhere"),
    "no_output": (lambda: _with(_node(2, output="other")), "no output of the model depends on its input"),
    "no_inputs": (lambda: _with(lambda proto: proto.graph.ClearField("input")), "reads 'x', which is nowhere"),
    "negative": (lambda: _with(_dims(1, 3, -8, 8)), "leaves sizes open"),
    "absurd": (lambda: _with(_dims(1, 3, 2**62, 8)), "cannot be 1×3×4611686018427387904×8"),
    "absurd_weights": (
        lambda: _with(lambda proto: proto.graph.initializer[0].dims.__setitem__(0, 2**40)),
        "the tensor 'w' cannot be|bytes, and has",
    ),
    "of_no_channels": (lambda: _with(_dims(1, 0, 8, 8)), "leaves sizes open"),
    "old": (lambda: model("y = Relu(x)", opset=6), "has opset 6; opsets from 7 are read"),
    "of_another_domain": (
        lambda: _with(lambda proto: setattr(proto.opset_import[0], "domain", "com.other")),
        "no operator set of ONNX's own",
    ),
    "kernel_of_nothing": (lambda: model("y = MaxPool<kernel_shape=[0,0]>(x)"), "are not 2 sizes"),
    "absurd_pads": (lambda: model(f"y = MaxPool<kernel_shape=[1,1],pads=[{2**40},0,0,0]>(x)"), "are not two for each"),
    "absurd_constant": (
        lambda: model("e = ConstantOfShape(s) y = Add(x, e)", {"s": np.array([2**30, 2**30], np.int64)}),
        "the ConstantOfShape",
    ),
    "absurd_range": (
        lambda: model(
            "a = Constant<value_int=0>() b = Constant<value_int=9000000000000>() c = Constant<value_int=1>()"
            " r = Range(a, b, c) f = Cast<to=1>(r) y = Add(x, f)"
        ),
        "the Range",
    ),
    "a_reshape_that_lies": (
        lambda: model("y = Reshape(x, s)", {"s": np.array([7, -1], np.int64)}),
        "does not hold|cannot become",
    ),
    "weights_that_do_not_fit": (lambda: model("y = Conv(x, w)", {"w": (4, 5, 3, 3)}), "its weight is 4×5×3×3, where"),
    "functions_of_themselves": (
        lambda: model(
            "y = my.f(x)", functions='<domain: "my", opset_import: ["" : 23, "my" : 1]> f (t) => (r) { r = my.f(t) }'
        ),
        "more than 40 levels deep",
    ),
    "functions_that_explode": (
        lambda: model(
            "y = my.f0(x)",
            functions=" ".join(
                f'<domain: "my", opset_import: ["" : 23, "my" : 1]> f{i} (t) => (r)'
                f" {{ a = my.f{i + 1}(t) b = my.f{i + 1}(a) r = my.f{i + 1}(b) }}"
                for i in range(11)
            ),
        ),
        "operations|levels deep",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_graphs(name: str, tmp_path: Path) -> None:
    """A line with the file and the node, in no time and next to no memory."""
    make, message = HOSTILE[name]
    path = written(make(), tmp_path)
    traced = name != "functions_that_explode"  # following each of its names takes longer than writing them out
    if traced:
        tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(ArchcalcError, match=message) as error:
        archcalc.load(path)
    taken, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all("\n" not in problem.message for problem in error.value.problems)
    assert path in str(error.value)
    assert peak < 300_000_000
    assert taken < 30


def test_a_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install."""
    path = written(model("y = Relu(x)"), tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(
        UsageError, match=r"needs the package onnx, which is not installed; pip install 'archcalc\[onnx\]'"
    ):
        archcalc.load(path)


def test_a_bias_of_zeros_that_an_optimiser_left_out(tmp_path: Path) -> None:
    """torch's newer exporter signs what a module had: a fresh network has its biases all the same."""
    proto = model("y = Conv(x, w)", {"w": (4, 3, 3, 3)})
    proto.graph.initializer[0].name = "stem.weight"
    proto.graph.node[0].input[1] = "stem.weight"
    signature = "p_w: PARAMETER target='stem.weight'\np_b: PARAMETER target='stem.bias'\nc: BUFFER target='stem.mean'"
    proto.graph.metadata_props.add(key="pkg.torch.export.ExportedProgram.graph_signature", value=signature)
    found = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(found).params.params == 4 * 27 + 4
    x = values("x", (2, 3, 8, 8))
    assert close(archcalc.run(found, x, timed=False).output, by_onnxruntime(proto, {"x": x})[0])


def test_equal_arrays_stored_once_by_torch(tmp_path: Path) -> None:
    """What it signed and did not store is equal to another: each module has its own again, under its name."""
    proto = model("a = LayerNormalization(x, g) y = LayerNormalization(a, g)", {"g": (8,)}, "float[N,6,8] x")
    proto.graph.initializer[0].name = "one.weight"
    for node, scope in zip(proto.graph.node, ("one", "two"), strict=True):
        node.input[1] = "one.weight"
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=f"['', '{scope}', 'layer_norm']")
    signature = "p_a: PARAMETER target='one.weight'\np_b: PARAMETER target='two.weight'"
    proto.graph.metadata_props.add(key="pkg.torch.export.ExportedProgram.graph_signature", value=signature)
    found = archcalc.load(written(proto, tmp_path))
    assert set(found.weights or {}) == {"one.weight", "two.weight"}
    assert archcalc.analyse(found).params.params == 16


@pytest.mark.parametrize(("scopes", "params"), [(("one", "one"), 16), (("one", "two"), 32), (("", ""), 32)])
@pytest.mark.parametrize("weights", [("one.weight", "one.bias"), ("val_1", "val_2")])
def test_a_norm_that_is_called_twice(
    weights: tuple[str, str], scopes: tuple[str, str], params: int, tmp_path: Path
) -> None:
    """Its vectors count once where the file says that both calls are one module's; equal ones may be stored once."""
    proto = model(
        "a = LayerNormalization(x, g, b) y = LayerNormalization(a, g, b)", {"g": (8,), "b": (8,)}, "float[N,6,8] x"
    )
    for place, name in enumerate(weights):
        proto.graph.initializer[place].name = name
    for node, scope in zip(proto.graph.node, scopes, strict=True):
        node.input[1:] = weights
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=f"['', '{scope}', 'layer_norm']")
    found = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(found).params.params == params
    x = values("x", (2, 6, 8))
    assert close(archcalc.run(found, x, timed=False).output, by_onnxruntime(proto, {"x": x})[0])


@pytest.mark.parametrize(("name", "params"), [("blocks.0.gain", 1), ("val_3", 0), ("two", 0), ("blocks/0/gain", 0)])
def test_a_single_number_is_learned_if_a_state_dict_has_it(name: str, params: int, tmp_path: Path) -> None:
    """Others are what the source has in figures, under names that exporters make up."""
    proto = model("y = Mul(x, g)", {"g": np.array(0.5, np.float32)})
    proto.graph.initializer[0].name = proto.graph.node[0].input[1] = name
    found = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(found).params.params == params
    x = values("x", (2, 3, 8, 8))
    assert close(archcalc.run(found, x, timed=False).output, by_onnxruntime(proto, {"x": x})[0])
