"""Sources for torch and Keras, without either: as a formatter leaves them, legal calls, our weights, our wiring."""

import ast
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from ops.samples import SAMPLES

from archcalc.errors import UsageError
from archcalc.formats.sources.keras import to_keras
from archcalc.formats.sources.keras.rules import RULES as IN_KERAS
from archcalc.formats.sources.torch import to_torch
from archcalc.formats.sources.torch.reserved import RESERVED
from archcalc.formats.sources.torch.rules import RULES as IN_TORCH
from archcalc.forward.weights import stored
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load, loads
from archcalc.ops import OPS, Add, Conv, Input, ReLU
from archcalc.spec.zoo import names

from .sources import around
from .stand_in import TABLE, Tensor, bound, model_of

FORMS = {"torch": to_torch, "keras": to_keras}
FAMILIES = (
    *("alexnet_2gpu", "convnext_tiny", "densenet121", "dpn92", "efficientnet_b0", "fractalnet_c4", "googlenet_aux"),
    *("inception_v3", "inception_v4", "lenet5_paper", "mobilenet_v3_large", "nin_cifar10", "regnet_y_400mf"),
    *("resnet50", "resnext101_64x4d", "resnet110_cifar_b", "se_resnet50", "shufflenet_v2_x1_0", "squeezenet1_0"),
    *("stochastic_depth_110", "vgg16_bn", "vit_b_16", "wrn_28_10", "xception", "zfnet"),
)


@pytest.mark.parametrize("keyword", OPS)
def test_every_operator_is_said(keyword: str) -> None:
    """But for the input, which is an argument; and nothing else is said."""
    assert (keyword in IN_TORCH) == (keyword in IN_KERAS) == (keyword != "input")
    assert set(IN_TORCH) | set(IN_KERAS) <= set(OPS)


@pytest.mark.parametrize("form", FORMS)
def test_sources_are_as_a_formatter_leaves_them(form: str, tmp_path: Path) -> None:
    """A network of each family, and every operator alone: ruff has nothing to change and nothing to say."""
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in FAMILIES:
        network = load(name)
        (folder / f"zoo_{name}.py").write_text(FORMS[form](network.graph, network.spec.title), encoding="utf-8")
    for number, sample in enumerate(SAMPLES):
        if sample.op.keyword != "input":
            (folder / f"sample{number}.py").write_text(FORMS[form](around(sample)), encoding="utf-8")
    for command in (["format", "--diff"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "--config", "line-length=120", "."]
        result = subprocess.run(ruff, cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout[:2000] + result.stderr[:500]


@pytest.mark.parametrize("form", FORMS)
def test_sources_need_nothing_of_ours(form: str) -> None:
    imported = {
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(ast.parse(FORMS[form](load("vit_b_16").graph)))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert imported <= {"torch", "torch.nn", "keras", "numpy", "functools", "math", "re"}


def check_weights(network: InferredGraph) -> None:
    """The calls are legal, and the weights of the modules have our names and shapes."""
    state = dict(model_of(to_torch(network)).state())
    assert state == {name: weight.shape for name, _, weight in stored(network)}


@pytest.mark.parametrize("name", names())
def test_weights_of_networks(name: str) -> None:
    check_weights(load(name).graph)


def test_weights_of_operators() -> None:
    for sample in SAMPLES:
        if sample.op.keyword != "input":
            check_weights(around(sample))


def test_weights_of_training_heads() -> None:
    check_weights(load("inception_v3_aux", training=True).graph)


def calls(source: str) -> list[tuple[str, list[ast.expr], list[str]]]:
    """The calls of Keras's layers in a source: which, with which arguments by place and by name."""
    return [
        (node.func.attr, node.args, [str(keyword.arg) for keyword in node.keywords])
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "layers"
    ]


def test_calls_of_keras_are_legal() -> None:
    """Every layer takes what it is given; `name` is an argument of all."""
    graphs = [load(name).graph for name in ("resnext50_32x4d", "vit_b_16", "inception_v4", "efficientnet_b0")]
    found = set()
    for graph in (*graphs, *(around(sample) for sample in SAMPLES if sample.op.keyword != "input")):
        for layer, args, keywords in calls(to_keras(graph)):
            bound(TABLE["keras"][layer], tuple(args), {name: None for name in keywords if name != "name"})
            found.add(layer)
    assert {"Conv2D", "DepthwiseConv2D", "Dense", "BatchNormalization", "MultiHeadAttention", "MaxPooling3D"} <= found


def test_names_of_modules_are_those_of_torch() -> None:
    assert set(TABLE["attributes"]) == RESERVED


def test_keras_has_channels_last_where_windows_slide() -> None:
    """Samples are turned as they come; a linear layer mixes the last axis of ours, and the result has our axes."""
    nodes = (Node("x", Input((4, 8, 6))), Node("a", Conv(5, 3), (0,)), Node("b", OPS["linear"](out_features=7), (1,)))
    source = to_keras(infer(Graph("two", nodes)))
    assert "x = layers.Permute((2, 3, 1))(inputs)" in source
    assert 'x = layers.Dense(7, name="b")(layers.Permute((3, 1, 2))(x))' in source
    assert 'return keras.Model(inputs, x, name="two")' in source
    assert "keras.Model(inputs, layers.Permute((3, 1, 2))(x)" in to_keras(infer(Graph("one", nodes[:2])))


def classes(source: str) -> dict[str, int]:
    """The classes or functions of a source, and how often each is named behind its definition."""
    tree = ast.parse(source)
    defined = [node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return {name: used.count(name) for name in defined}


def test_blocks_that_differ_in_numbers_are_one_class() -> None:
    """Of ResNet-50's 16 blocks, four have a convolution more; beside each convolution stands a batch norm."""
    assert list(classes(to_torch(load("resnet50").graph, "ResNet-50"))) == [
        "ConvBn",
        "BottleneckWithShortcut",
        "Bottleneck",
        "ResNet50",
    ]


def test_shared_weights_are_one_module() -> None:
    network = loads(
        """
        archcalc: 1
        name: twice
        input: [4, 8, 8]
        layers:
          - conv: {name: first, out_channels: 4, kernel_size: 3, padding: 1}
          - relu
          - conv: {name: second, out_channels: 4, kernel_size: 3, padding: 1, shares: first}
        """
    ).graph
    model = model_of(to_torch(network))
    assert dict(model.state()) == {"first.weight": (4, 4, 3, 3), "first.bias": (4,)}
    assert model(Tensor("x")).made == ("first", ("relu", ("first", "x")))


def test_shared_weights_are_one_layer_of_keras() -> None:
    """Made once, in a variable of its own, and called wherever it is used; within functions, too."""
    pair = [("a", Conv(4, 3, padding=1), None), ("r", ReLU(), None), ("b", Conv(4, 3, padding=1), "a")]
    nodes = [Node("x", Input((4, 8, 8)))]
    for scope in ("first", "second"):
        places = {name: len(nodes) + number for number, (name, _, _) in enumerate(pair)}
        for name, op, shares in pair:
            owner = None if shares is None else places[shares]
            nodes.append(Node(f"{scope}.{name}", op, (len(nodes) - 1,), shares=owner))
    source = to_keras(infer(Graph("pairs", tuple(nodes))))
    compile(source, "pairs.py", "exec")
    assert "{self}" not in source
    assert source.count("PaddedConv2D(4, 3, 1, name=") == 1
    assert [line.strip() for line in source.splitlines() if "shared_a" in line] == [
        'shared_a = PaddedConv2D(4, 3, 1, name=f"{name}_a")',
        "x = shared_a(x)",
        "x = shared_a(x)",
    ]


def test_weights_are_shared_across_scopes() -> None:
    """Neither scope can be computed without the other's layer: both are open."""
    nodes = [Node("x", Input((4, 8, 8))), Node("a.conv", Conv(4, 1), (0,)), Node("a.relu", ReLU(), (1,))]
    nodes += [Node("b.c.conv", Conv(4, 1), (2,), shares=1), Node("b.c.relu", ReLU(), (3,))]
    network = infer(Graph("two", tuple(nodes)))
    check_weights(network)
    model = model_of(to_torch(network))
    dict(model.state())
    assert model(Tensor("x")).made == ("b.c.relu", ("a.conv", ("a.relu", ("a.conv", "x"))))


WIDTHS = [4, 6, 8, 10, 7, 7, 7, 7, 20, 17, 14, 3, 3, 9]


def test_runs_of_layers_are_as_wide_as_they_were() -> None:
    """Widths that grow evenly, stay, shrink and jump: of the comprehensions each goes just as far as it may."""
    nodes = [Node("x", Input((WIDTHS[0], 5, 5)))]
    nodes += [Node(f"body.{i}", Conv(width, 1), (i,)) for i, width in enumerate(WIDTHS[1:])]
    network = infer(Graph("run", tuple(nodes)))
    check_weights(network)
    source = to_torch(network)
    assert "*(nn.Conv2d(4 + 2 * i, 6 + 2 * i, 1) for i in range(3))," in source
    assert "*(nn.Conv2d(7, 7, 1) for _ in range(3))," in source


def test_weights_shared_by_other_layers_are_refused() -> None:
    nodes = (
        Node("x", Input((4, 8, 8))),
        Node("a", Conv(4, 3, padding=1), (0,)),
        Node("b", Conv(4, 3, stride=2, padding=1), (1,), shares=1),
    )
    for write in FORMS.values():
        with pytest.raises(UsageError, match="b shares the weights of a but is not the same layer"):
            write(infer(Graph("two", nodes)))


@pytest.mark.parametrize("write", FORMS.values())
def test_networks_without_input_are_refused(write: Any) -> None:
    with pytest.raises(UsageError, match="has no input"):
        write(infer(Graph("none", (Node("p", OPS["parameter"](shape=(2, 3))),))))


def test_names_that_would_be_one_in_keras_are_refused() -> None:
    nodes = (Node("x", Input((4, 8, 8))), Node("a.b", Conv(4, 1), (0,)), Node("a_b", Conv(4, 1), (1,)))
    with pytest.raises(UsageError, match=r"a\.b and a_b would have one name"):
        to_keras(infer(Graph("two", nodes)))


NAMES = st.sampled_from(
    [
        *("a", "b", "0", "1", "2", "conv", "1x1", "half", "type", "forward", "class", "print", "self", "x", "__init__"),
        *('q"uote', "back\\slash", "{x}", "new\nline", "ü", "", '"""', "range", "a b", "Module", "nn", "#"),
    ]
)


@st.composite
def wirings(draw: st.DrawFn) -> InferredGraph:
    """Networks of convolutions, activations and sums whose scopes are anyhow: interleaved, numbered, hostile."""
    nodes = [Node("input", Input((4, 3, 3)))]
    taken = {"input"}
    for _ in range(draw(st.integers(1, 14))):
        scope = draw(st.lists(NAMES, max_size=3))
        name = ".".join([*scope, draw(NAMES)])
        prefixes = {name.rsplit(".", count)[0] for count in range(1, name.count(".") + 1)}
        if name in taken or prefixes & taken or any(other.startswith(f"{name}.") for other in taken):
            continue
        taken.add(name)
        op = draw(st.sampled_from([Conv(4, 1), Conv(4, 3, padding=1, bias=False), ReLU(), Add()]))
        recent = range(max(0, len(nodes) - 4), len(nodes))
        count = 2 if isinstance(op, Add) else 1
        inputs = tuple(draw(st.sampled_from(recent)) for _ in range(count))
        nodes.append(Node(name, op, inputs))
    return infer(Graph("wired", tuple(nodes)))


def flows(network: InferredGraph) -> list[Any]:
    """What each node computes, written out to the input."""
    made: list[Any] = []
    for node in network.nodes:
        inputs = [made[producer] for producer in node.inputs]
        if isinstance(node.op, Input):
            made.append("x")
        else:
            made.append(("+", *inputs) if isinstance(node.op, Add) else (node.name, *inputs))
    return made


@given(wirings())
def test_any_wiring(network: InferredGraph) -> None:
    """Whatever the scopes, the module computes what the graph says, its output first; Keras's source is Python."""
    model = model_of(to_torch(network))
    assert dict(model.state()) == {name: weight.shape for name, _, weight in stored(network)}
    if len(network.nodes) > 1:
        output = model(Tensor("x"))
        outputs = [value.made for value in output] if isinstance(output, tuple) else [output.made]
        every = flows(network)
        ends = [position for position, use in enumerate(network.graph.last_uses()) if use == position]
        assert outputs == [every[-1], *(every[end] for end in ends)]
    with suppress(UsageError):  # two names that are one in Keras
        ast.parse(to_keras(network))
