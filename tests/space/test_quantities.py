"""Quantities: what they are of networks whose depth is in their name, and that they are what commands print."""

import re

import pytest

from archcalc.analysis.whole import Analysis
from archcalc.network import load, loads
from archcalc.space.quantities import ALIASES, NUMERIC, QUANTITIES, measure
from archcalc.views.document import document


def analysis_of(name: str) -> Analysis:
    network = load(name)
    return Analysis(network.spec, network.graph)


NAMED = (
    *("vgg11", "vgg13", "vgg16", "vgg19_bn", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnet20_cifar", "resnet110_cifar", "densenet121", "densenet169", "densenet201", "preact_resnet164"),
)


@pytest.mark.parametrize("name", NAMED)
def test_depth_is_the_number_in_the_name(name: str) -> None:
    """What Simonyan, He and Huang count: convolutions and linear layers one behind the other."""
    number = re.search(r"\d{2,}", name)
    assert number is not None
    assert measure(analysis_of(name), ["depth"]) == {"depth": int(number[0])}


@pytest.mark.parametrize("name", ["googlenet", "alexnet", "lenet5_digits"])
def test_depth_of_networks_whose_papers_tell_it(name: str) -> None:
    """Szegedy et al. 2014, section 5: 22 layers deep; Krizhevsky et al. 2012: eight; LeCun et al. 1998: five."""
    assert QUANTITIES["depth"].of(analysis_of(name)) == {"googlenet": 22, "alexnet": 8, "lenet5_digits": 5}[name]


def test_normalisation_over_several_axes_adds_no_depth() -> None:
    """Its scale has as many axes as a matrix, and is none."""
    layers = "[linear: {out_features: 6}, layernorm: {normalized_shape: [4, 6]}]"
    network = loads(f"archcalc: 1\nname: n\ninput: [4, 6]\nlayers: {layers}")
    assert measure(Analysis(network.spec, network.graph), ["depth"]) == {"depth": 1}


def test_products_without_weights_add_no_depth() -> None:
    """A product of two maps has operations, and nothing that is learned."""
    layers = "[linear: {out_features: 6}, matmul: [[], []]]"
    network = loads(f"archcalc: 1\nname: n\ninput: [6, 6]\nlayers: {layers}")
    analysis = Analysis(network.spec, network.graph)
    assert analysis.cost.macs == 2 * 6**3
    assert measure(analysis, ["depth"]) == {"depth": 1}


def test_totals_are_those_of_the_json_contract() -> None:
    """The names are the contract's, and so are the numbers."""
    network = load("mobilenet_v2", input="3x160x160")
    analysis = Analysis(network.spec, network.graph, batch=3, dtype="float16", model="all")
    told = document(analysis)
    found = measure(analysis, QUANTITIES)
    assert {key: found[key] for key in told["totals"]} == told["totals"]
    assert found["layers"] == len(told["layers"]) - 1
    assert found["memory_bytes"] == told["totals"]["weight_bytes"] + told["totals"]["peak_activation_bytes"]
    assert list(found["input"]) == told["input"]
    assert list(found["output"]) == told["layers"][-1]["output"]
    fields = [layer["receptive_field"] for layer in told["layers"] if layer["receptive_field"]]
    assert found["receptive_field"] == fields[-1][0]


def test_a_network_without_a_map_has_no_field() -> None:
    network = loads("archcalc: 1\nname: n\ninput: [4]\nlayers: [linear: {out_features: 6}]")
    assert measure(Analysis(network.spec, network.graph), ["receptive_field"]) == {"receptive_field": None}


def test_only_what_is_asked_for_is_worked_out() -> None:
    analysis = analysis_of("lenet5")
    measure(analysis, ["params"])
    assert "fields" not in vars(analysis)
    assert "memory" not in vars(analysis)


def test_every_name_has_words_and_a_unit() -> None:
    assert all(key == quantity.key and quantity.title and quantity.meaning for key, quantity in QUANTITIES.items())
    assert {*QUANTITIES} - {*NUMERIC} == {"input", "output"}
    assert {*ALIASES.values()} <= {*NUMERIC}
