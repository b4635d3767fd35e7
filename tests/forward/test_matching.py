"""Weights under others' names: those that torchvision, timm and Keras give them, and what must not be guessed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.errors import UsageError
from archcalc.forward.fit import fit_weights
from archcalc.forward.kernels import Array
from archcalc.forward.matching.layouts import Change, find_layout
from archcalc.forward.matching.match import match_weights
from archcalc.forward.matching.names import layers_of, series_of, split, wrapper_of
from archcalc.forward.matching.report import Matching
from archcalc.forward.matching.zoo import fitting_networks
from archcalc.forward.weights import random_weights, stored
from archcalc.infer import InferredGraph
from archcalc.network import load, loads
from archcalc.ops.base import Shape

REFERENCE = Path(__file__).parents[1] / "reference_data" / "state_dicts.json"
FOREIGN = json.loads(REFERENCE.read_text("utf-8"))


def arrays_of(entry: dict[str, Any]) -> dict[str, Shape]:
    return {name: tuple(shape) for name, *shape in entry["arrays"]}


def of(source: str) -> tuple[InferredGraph, dict[str, Shape]]:
    entry = next(entry for entry in FOREIGN if source in entry["source"])
    return load(entry["network"]).graph, arrays_of(entry)


def wanted(network: InferredGraph) -> dict[str, Shape]:
    return {name: weight.shape for name, _, weight in stored(network)}


def given_by(matching: Matching) -> dict[str, str]:
    return {name: match.given for name, match in matching.matches.items()}


# Which array is which, said by something else than the matcher.


@pytest.mark.parametrize("shuffled", [False, True], ids=["as defined", "sorted"])
@pytest.mark.parametrize(
    "entry", [entry for entry in FOREIGN if "torchvision" in entry["source"]], ids=lambda e: e["network"]
)
def test_torchvision(entry: dict[str, Any], shuffled: bool) -> None:
    """torchvision defines its layers in the order in which they work, as our specs write them, but not its branches'
    names: where the shapes of both are the same one by one, that is which is which. Files may sort the names."""
    network, arrays = load(entry["network"]).graph, arrays_of(entry)
    matching = match_weights(network, dict(sorted(arrays.items())) if shuffled else arrays, "w")
    assert matching.problems == ()
    assert [*matching.matches] == [*wanted(network)]
    defined = [name for name in arrays if not name.endswith("num_batches_tracked") and "aux" not in name.lower()]
    if entry["network"] in BY_RULE:
        expected = [BY_RULE[entry["network"]](name) for name in matching.matches]
    else:
        assert [arrays[name] for name in defined] == [*wanted(network).values()]
        expected = defined
    assert [*given_by(matching).values()] == expected
    assert set(matching.unused) <= {"aux1", "aux2", "AuxLogits"}
    assert matching.ignored == sum(name.endswith("num_batches_tracked") for name in arrays)


def of_vit(name: str) -> str:
    """By hand: our names → torchvision's."""
    for pattern, becomes in (
        (r"^patches\.", "conv_proj."),
        (r"^class_token\.weight$", "class_token"),
        (r"^positions\.weight$", "encoder.pos_embedding"),
        (r"^encoder(\d+)\.", lambda found: f"encoder.layers.encoder_layer_{int(found[1]) - 1}."),
        (r"\.norm(\d)\.", r".ln_\1."),
        (r"\.attention\.", ".self_attention."),
        (r"\.fc1\.", ".mlp.0."),
        (r"\.fc2\.", ".mlp.3."),
        (r"^norm\.", "encoder.ln."),
        (r"^head\.", "heads.head."),
    ):
        name = re.sub(pattern, becomes, name)
    return name


def of_convnext(name: str) -> str:
    """By hand: our names → torchvision's, where stages and what goes between them are numbered as one sequence."""
    for pattern, becomes in (
        (r"^stem\.", "features.0.0."),
        (r"^stem_norm\.", "features.0.1."),
        (r"^stage(\d)\.down_norm\.", lambda found: f"features.{2 * int(found[1])}.0."),
        (r"^stage(\d)\.down\.", lambda found: f"features.{2 * int(found[1])}.1."),
        (r"^stage(\d)\.(\d+)\.", lambda found: f"features.{2 * int(found[1]) + 1}.{found[2]}."),
        (r"layer_scale\.gamma$", "layer_scale"),
        (r"\.depthwise\.", ".block.0."),
        (r"\.layernorm\.", ".block.2."),
        (r"\.expand\.", ".block.3."),
        (r"\.project\.", ".block.5."),
        (r"^layernorm\.|^norm\.|^head_norm\.", "classifier.0."),
        (r"^fc\.|^head\.", "classifier.2."),
    ):
        name = re.sub(pattern, becomes, name)
    return name


BY_RULE: dict[str, Callable[[str], str]] = {"vit_b_16": of_vit, "convnext_tiny": of_convnext}


@pytest.mark.parametrize(
    "source", ["mnasnet_100", "vit_base_patch16_224", "timm 1.0.31 vgg16", "MobileNet", "DenseNet121"]
)
def test_timm_and_keras(source: str) -> None:
    """Every weight finds an array of its own; those of a Keras file are turned."""
    network, arrays = of(source)
    matching = match_weights(network, arrays, "w")
    assert matching.problems == ()
    assert len({*given_by(matching).values()}) == len(wanted(network)) == len(matching.matches)
    turned = [match for match in matching.matches.values() if match.change.axes is not None]
    matrices = [match for match in matching.matches.values() if len(arrays[match.given]) > 1]
    assert turned == (matrices if any(name.endswith("/kernel") for name in arrays) else [])


def test_timm_transformer_by_hand() -> None:
    """A few of its names, which are told by what timm calls things."""
    network, arrays = of("vit_base_patch16_224")
    found = given_by(match_weights(network, dict(sorted(arrays.items())), "w"))
    assert found["class_token.weight"] == "cls_token"
    assert found["positions.weight"] == "pos_embed"
    assert found["encoder3.attention.in_proj_weight"] == "blocks.2.attn.qkv.weight"
    assert found["encoder12.norm2.bias"] == "blocks.11.norm2.bias"
    assert found["norm.weight"] == "norm.weight"


def test_keras_by_hand() -> None:
    """Depthwise kernels are height × width × channels × 1 there."""
    network, arrays = of("MobileNet")
    matches = match_weights(network, arrays, "w").matches
    ours = [name for name, shape in wanted(network).items() if len(shape) == 4 and shape[1:] == (1, 3, 3)]
    assert [matches[name].given for name in ours] == [f"conv_dw_{i}/kernel" for i in range(1, 14)]
    assert {matches[name].change.axes for name in ours} == {(2, 3, 0, 1)}
    norms = [name for name in matches if name.endswith("running_var")]
    assert matches[norms[0]].given == "conv1_bn/moving_variance"
    assert matches[norms[-1]].given == "conv_pw_13_bn/moving_variance"


# Laws.

BRANCHES = """
archcalc: 1
name: branches
input: [4, 6, 6]
layers:
  - conv: {name: first, out_channels: 8, kernel_size: 3}
  - concat:
      - - conv: {name: left, out_channels: 8, kernel_size: 1}
      - - conv: {name: right, out_channels: 8, kernel_size: 1}
  - conv: {name: last, out_channels: 8, kernel_size: 1}
  - flatten
  - linear: {name: fc, out_features: 10}
"""


@pytest.fixture(scope="module")
def branches() -> InferredGraph:
    return loads(BRANCHES).graph


def test_numbers_do_not_order_branches(branches: InferredGraph) -> None:
    """Two convolutions of one size beside each other: which of 1 and 2 is the left one, no number says."""
    names = {"first": "m.0", "left": "m.1", "right": "m.2", "last": "m.3", "fc": "m.9"}
    foreign = {renamed(name, names): shape for name, shape in wanted(branches).items()}
    matching = match_weights(branches, foreign, "w")
    assert str(matching.problems[0]) == (
        "w: 5 layers cannot be matched by order and shape: 'left' could be 'm.1' or 'm.2'"
    )
    assert not matching.matches


def renamed(name: str, names: dict[str, str]) -> str:
    layer, _, part = name.rpartition(".")
    return f"{names[layer]}.{part}"


def test_a_chain_is_in_the_order_of_its_numbers() -> None:
    """Also behind 9, where the order of texts is another."""
    text = "archcalc: 1\nname: chain\ninput: [4, 6, 6]\nlayers:\n" + "".join(
        f"  - conv: {{name: c{'abcdefghijkl'[i]}, out_channels: 4, kernel_size: 1}}\n" for i in range(12)
    )
    network = loads(text).graph
    foreign = sorted(f"net.{i}.{part}" for i in range(12) for part in ("weight", "bias"))
    shapes = {name: (4, 4, 1, 1) if name.endswith("weight") else (4,) for name in foreign}
    found = given_by(match_weights(network, shapes, "w"))
    assert [found[f"c{letter}.weight"] for letter in "abcdefghijkl"] == [f"net.{i}.weight" for i in range(12)]


@settings(max_examples=20)
@given(st.permutations(range(267)), st.sampled_from(["", "module.", "model.module.", "state_dict.model."]))
def test_the_order_of_a_file_of_ours_says_nothing(order: list[int], wrapper: str) -> None:
    """Names are enough, whatever stands before all of them."""
    network = RESNET
    shapes = [*wanted(network).items()]
    shuffled = {wrapper + shapes[i][0]: shapes[i][1] for i in order}
    matching = match_weights(network, shuffled, "w")
    assert matching.problems == ()
    assert {name: wrapper + name for name in matching.matches} == given_by(matching)
    assert matching.exact == (not wrapper)


RESNET = load("resnet50").graph


@settings(max_examples=20)
@given(st.data())
def test_one_name_beside_the_point(data: st.DataObject) -> None:
    """One array renamed, resized or gone is said with its name, and all others are matched."""
    shapes = wanted(RESNET)
    name = data.draw(st.sampled_from([*shapes]))
    how = data.draw(st.sampled_from(["gone", "larger"]))
    changed = dict(shapes)
    changed[name] = (shapes[name][0] + 1, *shapes[name][1:])
    if how == "gone":
        del changed[name]
    matching = match_weights(RESNET, changed, "w")
    (problem,) = matching.problems
    assert f"'{name}'" in str(problem)
    assert ("is missing" in str(problem)) == (how == "gone")


def test_a_foreign_head_of_another_size() -> None:
    """All but the last layer fit: both of its arrays are named, and nothing else."""
    network, arrays = of("vgg11_bn")
    arrays |= {"classifier.6.weight": (10, 4096), "classifier.6.bias": (10,)}
    matching = match_weights(network, arrays, "w")
    assert [str(problem) for problem in matching.problems] == [
        "w: 'classifier.6.weight' for 'fc8.weight' is 10×4096, where 1000×4096 belongs",
        "w: 'classifier.6.bias' for 'fc8.bias' is 10, where 1000 belongs",
    ]


def test_chance_names_are_no_evidence() -> None:
    """torchvision's `conv2.conv` of GoogLeNet is not ours: that is its `conv3`."""
    network, arrays = of("googlenet")
    found = given_by(match_weights(network, arrays, "w"))
    assert "conv2.conv.weight" in found
    assert found["conv2.conv.weight"] == "conv3.conv.weight"


# Layouts.


def small(layout: str) -> tuple[InferredGraph, dict[str, Array], dict[str, Array]]:
    """A network, its weights, and the same in another layout."""
    network = loads(
        "archcalc: 1\nname: small\ninput: [3, 8, 8]\nlayers:\n"
        "  - conv: {name: conv, out_channels: 6, kernel_size: [3, 2]}\n"
        "  - conv: {name: deep, out_channels: 6, kernel_size: 3, groups: 6}\n"
        "  - global_avgpool\n  - flatten\n  - linear: {name: fc, out_features: 5}\n"
    ).graph
    weights: dict[str, Array] = dict(random_weights(network))
    foreign = dict(weights)
    if layout in ("keras", "turned"):
        foreign["fc.weight"] = weights["fc.weight"].T
    if layout == "keras":
        foreign["conv.weight"] = weights["conv.weight"].transpose(2, 3, 1, 0)
        foreign["deep.weight"] = weights["deep.weight"].transpose(2, 3, 0, 1)
        foreign = {name.replace(".", "/").replace("weight", "kernel"): array for name, array in foreign.items()}
    return network, weights, foreign


@pytest.mark.parametrize("layout", ["torch", "turned", "keras"])
def test_layouts_are_turned_back(layout: str) -> None:
    """To the same numbers."""
    network, weights, foreign = small(layout)
    fitted = fit_weights(network, foreign)
    for name, array in weights.items():
        np.testing.assert_array_equal(fitted[name], array)
        assert fitted[name].flags.c_contiguous


def test_square_matrices_beside_turned_kernels() -> None:
    """Nothing says whether they are turned, too."""
    given = {"a.weight": (3, 3, 4, 8), "b.weight": (8, 8)}
    layout, problems = find_layout(given, [(8, 4, 3, 3), (8, 8)], "w")
    assert layout.last
    assert [str(problem) for problem in problems] == [
        "w: 'b.weight' 8×8 fits as it is and turned, and other weights are turned; "
        "nothing in the file says which is right"
    ]


def test_a_map_that_is_flattened_is_not_guessed() -> None:
    """In a file with channels last, the rows of a matrix behind a map may be in one of two orders."""
    network = loads(
        "archcalc: 1\nname: flat\ninput: [3, 6, 6]\nlayers:\n  - conv: {name: conv, out_channels: 8, kernel_size: 3}\n"
        "  - flatten\n  - dropout\n  - linear: {name: fc, out_features: 10}\n  - linear: {name: out, out_features: 4}\n"
    ).graph
    keras = {"c/kernel": (3, 3, 3, 8), "c/bias": (8,)}
    keras |= {"d/kernel": (128, 10), "d/bias": (10,), "e/kernel": (10, 4), "e/bias": (4,)}
    assert [str(problem) for problem in match_weights(network, keras, "w").problems] == [
        "w: 'd/kernel' reads a map of 8×4×4, and whether that was flattened with its channels last is not in the file; "
        "turn its rows with numpy: reshape, transpose, and save it as 'fc.weight'"
    ]


def test_changes_keep_numbers() -> None:
    """A change of axes and then of shape."""
    array = np.arange(24).reshape(2, 3, 4)
    changed = Change((4, 6), (2, 0, 1)).of(array)
    np.testing.assert_array_equal(changed, array.transpose(2, 0, 1).reshape(4, 6))


# Names.


def test_parts_of_names() -> None:
    assert split("conv2_block1_1_bn/moving_variance:0") == ("conv2_block1_1_bn", "variance")
    assert split("blocks.0.attn.in_proj_bias") == ("blocks.0.attn.in_proj", "bias")
    assert split("pos_embed") == ("pos_embed", "weight")
    assert split("weight") == ("", "weight")
    assert series_of("Mixed_7c.branch3x3dbl_3a") == ("Mixed_#.branch#x#dbl_#", (7, "c", 3, "", 3, "", 3, "a"))
    assert series_of("a1b.c2", literal=[0, 1])[0] == "a1b.c#"
    assert wrapper_of(["module.model.a", "module.model.b"]) == "module.model."
    assert wrapper_of(["module.a", "b"]) == ""
    both = layers_of([("a.weight", (2, 3)), ("a.gamma", (2,))])
    assert [layer.name for layer in both] == ["a", "a.gamma"]


@given(
    st.dictionaries(
        st.text("ab.0/1_weightbias", min_size=1, max_size=12), st.lists(st.integers(0, 5), max_size=4), max_size=8
    )
)
def test_any_names(foreign: dict[str, list[int]]) -> None:
    """Whatever a file calls its arrays, something is said, and nothing fails."""
    shapes = {name: tuple(shape) for name, shape in foreign.items()}
    assert match_weights(SMALL, shapes, "w").problems


SMALL = loads(BRANCHES).graph


def test_an_error_names_the_file_and_all_that_is_wrong(branches: InferredGraph) -> None:
    """Values of arrays that fit are looked at even where others do not."""
    weights: dict[str, Array] = dict(random_weights(branches))
    weights["left.bias"] = np.full(8, np.nan, "float32")
    del weights["right.bias"]
    with pytest.raises(UsageError) as caught:
        fit_weights(branches, weights, "w.npz")
    assert [str(problem) for problem in caught.value.problems] == [
        "w.npz: 'right.bias' 8 is missing",
        "w.npz: 'left.bias' holds 8 values that are NaN, infinite or too large for float32",
    ]


# The zoo.


def test_networks_that_fit() -> None:
    """Strides are not stored: those that differ in nothing else fit as well."""
    shapes = wanted(RESNET)
    assert [fit.network for fit in fitting_networks(shapes)] == ["resnet50", "resnet50_v1"]
    assert fitting_networks(shapes)[0].how == "by name"
    assert fitting_networks({"a.weight": (3, 5)}) == []


def test_networks_that_nearly_fit() -> None:
    """By their last layer."""
    _, arrays = of("resnet18")
    arrays |= {"fc.weight": (10, 512), "fc.bias": (10,)}
    (fit, *_) = fitting_networks(arrays)
    assert (fit.network, fit.but) == ("resnet18", ("fc has 10 outputs for 1,000: --set vars.classes=10",))
    changed = load("resnet18", set={"vars.classes": 10}).graph
    assert match_weights(changed, arrays, "w").problems == ()


def test_heads_of_training_are_left_out() -> None:
    """And said."""
    _, arrays = of("googlenet")
    assert [(fit.network, fit.how) for fit in fitting_networks(arrays)] == [
        ("googlenet_torchvision", "by order and shape, without aux1, aux2")
    ]
