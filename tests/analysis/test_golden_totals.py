"""Parameters, buffers and MACs of every network of the zoo, to the last digit."""

import pytest

from archcalc.analysis.cost import count_operations
from archcalc.analysis.params import count_params
from archcalc.network import load
from archcalc.spec import zoo

from . import golden


@pytest.mark.parametrize("name", zoo.names())
def test_totals_are_those_of_every_source(name: str) -> None:
    """A network without golden numbers fails: whoever adds one brings them, with their source."""
    sources = golden.totals(name)
    if all(source.params is None and source.macs is None for source in sources):
        pytest.fail(f"tests/reference_data has neither params nor macs of '{name}': bring them, with their source")
    network = load(name).graph
    params, cost = count_params(network), count_operations(network)
    for source in sources:
        assert source.params in (None, params.params), source
        assert source.macs in (None, cost.macs), source
        assert source.buffers in (None, params.buffers), source


def test_fractalnet_with_biases() -> None:
    """The authors' files give every convolution a bias: 10,304 more parameters, no more MACs (totals.json)."""
    network = load("fractalnet20", set={"vars.conv_bias": True}).graph
    (source,) = golden.totals("fractalnet_20_with_conv_bias")
    params = count_params(network)
    assert (params.params, params.buffers) == (source.params, source.buffers) == (33_734_922, 20_608)
    assert count_operations(network).macs == source.macs
