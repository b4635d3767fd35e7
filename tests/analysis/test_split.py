"""AlexNet over two GPUs: figure 2 of the paper, read from the groups of its graph."""

import pytest

from archcalc.analysis.params import count_params
from archcalc.analysis.split import split_network
from archcalc.network import load, loads

TWO = load("alexnet_2gpu").graph


def test_who_reads_across() -> None:
    """Section 3.2: layer 3 takes input from all maps of layer 2, layer 4 only from those on the same GPU."""
    reads = {layer.name: layer.reads for layer in split_network(TWO).layers if layer.params}
    assert reads == {
        "conv1": "input",
        "conv2": "own",
        "conv3": "across",
        "conv4": "own",
        "conv5": "own",
        "fc6": "across",
        "fc7": "across",
        "fc8": "across",
    }


def test_what_is_sent() -> None:
    """The half of each input that the other device made: 128·13·13, 128·6·6, 2048 and 2048 values of float32."""
    received = {layer.name: layer.received_bytes // 4 for layer in split_network(TWO).layers if layer.received_bytes}
    assert received == {"conv3": 128 * 13 * 13, "fc6": 128 * 6 * 6, "fc7": 2048, "fc8": 2048}


def test_devices_hold_the_whole_together() -> None:
    assert 2 * split_network(TWO).params == count_params(TWO).params


def test_without_groups_everything_reads_across() -> None:
    """The single tower has no groups: every layer with weights behind the first needs all maps."""
    reads = [layer.reads for layer in split_network(load("alexnet").graph).layers if layer.params]
    assert reads == ["input"] + ["across"] * 7


@pytest.mark.parametrize("batch", [1, 8])
def test_a_tensor_is_sent_once(batch: int) -> None:
    """Two layers that read the same tensor share what was sent for the first."""
    text = "archcalc: 1\nname: t\ninput: [4, 8, 8]\nlayers:\n" + "".join(
        f"  - conv: {{name: {name}, out_channels: 4, kernel_size: 1, inputs: {source}}}\n"
        for name, source in (("a", "input"), ("b", "a"), ("c", "a"))
    )
    received = {layer.name: layer.received_bytes for layer in split_network(loads(text).graph, batch=batch).layers}
    assert received == {"input": 0, "a": 0, "b": batch * 2 * 64 * 4, "c": 0}
