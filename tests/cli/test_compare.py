"""compare: the same numbers as the commands about one network, marks, ratios and bars that are true of them."""

import json
from pathlib import Path

import pytest

from archcalc.views.compare import BY, OF

from . import reading
from .running import run, spec, succeed

NETS = ("alexnet", "vgg16", "googlenet", "resnet50", "mobilenet_v2")


def rows_of(*arguments: str) -> list[dict[str, str]]:
    return reading.csv_rows(succeed("compare", *arguments, "--format", "csv"))


def test_the_numbers_are_those_of_summary() -> None:
    for row in rows_of(*NETS):
        totals = json.loads(succeed("summary", row["network"], "--format", "json"))["totals"]
        for key in ("params", "macs", "flops", "weight_bytes", "peak_activation_bytes"):
            assert int(row[key]) == totals[key]


def test_depth_is_the_number_in_the_name() -> None:
    """VGG-16, ResNet-50 and DenseNet-121 are called by it; GoogLeNet has 22 (Szegedy et al. 2015, section 5)."""
    depths = {row["network"]: row["depth"] for row in rows_of("vgg16", "resnet50", "densenet121", "googlenet")}
    assert depths == {"vgg16": "16", "resnet50": "50", "densenet121": "121", "googlenet": "22"}


def test_best_and_worst_are_marked() -> None:
    """By signs that stand in ASCII too; of one network alone nothing is best."""
    lines = succeed("compare", *NETS, "--columns", "macs", "--no-bars", "--ascii").splitlines()
    marks = {line.split("  ")[0]: line.split()[-1] for line in lines if line.endswith((" *", " !"))}
    assert marks == {"MobileNetV2": "*", "VGG-16": "!"}
    assert "*" not in succeed("compare", "vgg16", "--columns", "macs", "--no-bars").partition("\n\n")[2]


def test_a_baseline_is_once_itself() -> None:
    rows = {row["network"]: row for row in rows_of("vgg16", "vgg19", "resnet50", "--baseline", "resnet50")}
    assert float(rows["resnet50"]["macs_ratio"]) == 1
    for row in rows.values():
        assert float(row["macs_ratio"]) == int(row["macs"]) / int(rows["resnet50"]["macs"])


def test_bars_are_as_long_as_the_numbers_are_large() -> None:
    lines = succeed("compare", "vgg16", "resnet50", "squeezenet1_0", "--columns", "macs").splitlines()
    bars = [len([sign for sign in line if sign == "█"]) for line in lines if "█" in line or "▌" in line]
    assert bars == [10, 2, 0]  # of 15.47G, 4.09G (2.6 tenths) and 0.82G (half a tenth)


def test_sorted_by_any_column() -> None:
    found = [row["network"] for row in rows_of(*NETS, "--sort", "macs")]
    assert found == ["vgg16", "resnet50", "googlenet", "alexnet", "mobilenet_v2"]
    assert [row["network"] for row in rows_of("vgg16", "alexnet", "--sort", "network")] == ["alexnet", "vgg16"]


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("of", OF)
def test_groups_sum_to_the_whole(by: str, of: str) -> None:
    """Whatever the rows are, a column sums to what the network has in all."""
    found = json.loads(succeed("compare", *NETS, "--by", by, "--of", of, "--format", "json"))["networks"]
    for network, groups in found.items():
        document = json.loads(succeed("summary", network, "--format", "json"))
        expected = {
            "layers": len(document["layers"]) - 1,
            "activation_bytes": sum(layer["activation_bytes"] for layer in document["layers"]),
        }
        assert sum(groups.values()) == expected.get(of, document["totals"].get(of))


def test_stages_of_resnet50() -> None:
    """He et al. 2015, table 1: maps of 112, 56, 28, 14 and 7; conv1 alone is at half the input: 7·7·3·64·112²."""
    found = json.loads(succeed("compare", "resnet50", "--by", "stage", "--format", "json"))["networks"]["resnet50"]
    assert set(found) == {"1/2", "1/4", "1/8", "1/16", "1/32", "no map"}
    assert found["1/2"] == 7 * 7 * 3 * 64 * 112 * 112
    assert found["no map"] == 2048 * 1000


def test_zoo_and_files_mix(tmp_path: Path) -> None:
    """A linear layer on 4·4 values: 16·2 weights and 2 biases."""
    path = tmp_path / "mine.yaml"
    path.write_text(spec("flatten", "linear: {out_features: 2}", head="input: [1, 4, 4]"))
    assert [(row["network"], row["params"]) for row in rows_of("lenet5", str(path))][1] == ("tiny", "34")


def test_the_same_network_twice_is_two() -> None:
    found = json.loads(succeed("compare", "lenet5", "lenet5", "--by", "kind", "--format", "json"))["networks"]
    assert list(found) == ["lenet5 (1)", "lenet5 (2)"]
    assert found["lenet5 (1)"] == found["lenet5 (2)"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("alexnett", "vgg166"), ("'alexnett'", "'alexnet'", "'vgg166'", "'vgg16'")),
        (("alexnet", "--columns", "parms"), ("'parms'", "params")),
        (("alexnet", "vgg16", "--baseline", "vgg19"), ("'vgg19'", "not one of")),
        (("alexnet", "--of", "macs"), ("--by",)),
        (("alexnet", "--by", "stage", "--sort", "macs"), ("--by",)),
        (("alexnet", "--sort", "nothing"), ("'nothing'",)),
    ],
)
def test_what_is_wrong_is_told_at_once(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    result = run("compare", *arguments)
    assert (result.code, result.out) == (2, "")
    assert all(word in result.err for word in words)


def test_accuracies_come_with_their_sources() -> None:
    """acc@1 in the meta data of torchvision 0.29.1's ResNet50_Weights.IMAGENET1K_V1; a network without has none."""
    found = json.loads(succeed("compare", "resnet50", "inception_naive", "--format", "json"))["networks"]
    assert [network["top1"] for network in found] == [76.13, None]
    assert found[0]["published"][0]["source"] == "torchvision 0.29.1 resnet50 IMAGENET1K_V1"
    text = " ".join(succeed("compare", "resnet50", "inception_naive").split())
    assert "Top-1 of ResNet-50: ImageNet-1K, torchvision 0.29.1 resnet50 IMAGENET1K_V1" in text


def test_accuracies_on_two_datasets_are_not_better_or_worse() -> None:
    def marked(*networks: str) -> bool:
        lines = succeed("compare", *networks, "--columns", "top1", "--ascii").splitlines()
        return any(line.endswith((" *", " !")) for line in lines)

    assert marked("resnet50", "vgg16")
    assert not marked("resnet50", "resnet20_cifar")


def test_training_takes_more_than_weights_and_their_gradients() -> None:
    """As `memory --model train` has it, at any batch."""
    for batch in ("1", "4"):
        row = rows_of("resnet18", "--batch", batch, "--columns", "training_bytes,weight_bytes")[0]
        found = json.loads(succeed("memory", "resnet18", "--batch", batch, "--model", "train", "--format", "json"))
        assert int(row["training_bytes"]) == found["peak_bytes"] > 2 * int(row["weight_bytes"])
