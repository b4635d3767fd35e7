"""Counting profiles against what the tools themselves printed: tests/reference_data/profiles.json."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli.sample import SAMPLE

from archcalc.analysis.cost import count_operations
from archcalc.analysis.reconcile import PROFILES, reconcile
from archcalc.errors import UsageError
from archcalc.network import load, loads
from archcalc.ops import OPS

MEASURED = json.loads((Path(__file__).parent.parent / "reference_data" / "profiles.json").read_text("utf-8"))
NETWORKS: dict[str, Any] = MEASURED["networks"]
SAMPLERS: dict[str, Any] = MEASURED["samplers"]


def test_a_measurement_for_every_profile() -> None:
    assert {tool: profile.version for tool, profile in PROFILES.items()} == MEASURED["versions"]
    assert all(list(measured["macs"]) == list(PROFILES) for measured in (*NETWORKS.values(), *SAMPLERS.values()))


@pytest.mark.parametrize("tool", PROFILES)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_measured_total(network: str, tool: str) -> None:
    """To the last digit; where torchvision writes a layer otherwise, by the gap on record and within the range."""
    measured = NETWORKS[network]
    gap = measured.get("known_gap", {}).get(tool)
    result = reconcile(load(network).graph, tool)
    assert result.theirs + (gap["difference"] if gap else 0) == measured["macs"][tool]
    if gap is not None:
        assert gap["difference"]
        assert gap["reason"]
    if gap is not None and not network.startswith("vgg"):  # a layer that the spec has not is in no range
        assert not result.exact
        assert result.least <= measured["macs"][tool] <= result.most


@pytest.mark.parametrize("tool", PROFILES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_layers_that_the_networks_have_not(sampler: str, tool: str) -> None:
    """Every operator that a tool knows, over one to three axes, with and without bias and scale: to the last digit."""
    measured = SAMPLERS[sampler]
    layers = "".join(f"  - {layer}\n" for layer in measured["layers"])
    text = f"archcalc: 1\nname: sampler\ninput: {measured['input']}\nlayers:\n{layers}"
    assert reconcile(loads(text).graph, tool).theirs == measured["macs"][tool]


# Figures as the project's notes print them, M MACs or a difference in %: another measurement than profiles.json.
PRINTED = {
    "resnet50": {"fvcore": "+0.55%", "thop": "+1.09%", "ptflops": "4132.4", "ptflops-aten": "4089.2"},
    "vgg16": {"fvcore": "+0.00%", "thop": "+0.00%", "ptflops-aten": "15483.8", "torchinfo": "15483.8"},
    "densenet121": {"fvcore": "+1.11%", "thop": "+2.22%", "ptflops": "+2.32%"},
    "mobilenet_v2": {"fvcore": "+4.46%", "thop": "+8.88%", "ptflops": "+6.49%"},
    "squeezenet1_0": {"fvcore": "+0.02%", "thop": "+0.02%", "ptflops": "+2.19%"},
    "googlenet_torchvision": {"fvcore": "1504.9", "thop": "1511.3", "ptflops": "1513.9", "torchinfo": "1498.4"},
    "vit_b_16": {"fvcore": "16867.4", "thop": "11286.3", "ptflops": "17606.0", "ptflops-aten": "16865.0"},
}
MORE = [
    ("resnet50", "torchinfo", "4089.2"),
    ("vgg16", "ptflops", "15523.2"),
    ("googlenet_torchvision", "ptflops-aten", "1498.4"),
    ("vit_b_16", "torchinfo", "173.2"),
]
FIGURES = [(net, tool, said) for net, row in PRINTED.items() for tool, said in row.items()] + MORE


@pytest.mark.parametrize(("network", "tool", "said"), FIGURES)
def test_the_figures_of_the_notes(network: str, tool: str, said: str) -> None:
    result = reconcile(load(network).graph, tool)
    gap = NETWORKS[network].get("known_gap", {}).get(tool, {}).get("difference", 0)
    theirs = result.theirs + gap
    share = f"{theirs / result.ours - 1:+.2%}"
    assert said == (share if said.endswith("%") else f"{theirs / 1e6:.1f}")


@pytest.mark.parametrize("tool", PROFILES)
@pytest.mark.parametrize("network", SAMPLE)
def test_differences_add_up(network: str, tool: str) -> None:
    """Ours are the network's MACs, each layer is in one row, and every difference has a reason."""
    graph = load(network).graph
    result = reconcile(graph, tool)
    assert result.ours == count_operations(graph).macs
    assert sum(row.difference for row in result.rows) == result.theirs - result.ours == result.difference
    assert sum(row.layers for row in result.rows) == len(graph.nodes)
    assert result.least <= result.theirs <= result.most
    assert all(bool(row.reason) == bool(row.difference) for row in result.rows)


def test_rules_are_of_operators_that_exist_and_were_measured() -> None:
    known = {layer.partition(":")[0] for sampler in SAMPLERS.values() for layer in sampler["layers"]}
    for profile in PROFILES.values():
        assert set(profile.rules) <= set(OPS)
        assert set(profile.rules) <= known | {"global_maxpool"}  # torch writes it as an adaptive one of size 1
        assert all(rule.spelling for rule in profile.rules.values() if rule.otherwise)


def test_unknown_tool() -> None:
    with pytest.raises(UsageError, match="did you mean 'thop'"):
        reconcile(load("lenet5").graph, "thob")
