"""Verification finds by itself how a published number goes together with arithmetic."""

import pytest

from archcalc.analysis.verify import Finding, search, verify
from archcalc.network import load, loads
from archcalc.spec.zoo import names


def findings(published: str, layers: str = "", more: str = "") -> list[Finding]:
    """The findings about a small network: a convolution of 3·3·8·16 weights and 16 biases, twice."""
    text = f"""
archcalc: 1
name: small
input: [8, 4, 4]
vars: {{width: 16, groups: 1}}
{more}
published:
  - {published}
layers:
  - conv: {{name: a, out_channels: =width, kernel_size: 3, padding: 1, groups: =groups}}
  - batchnorm: {{name: bn}}
  - relu
  - conv: {{name: b, out_channels: 16, kernel_size: 3, padding: 1}}
{layers}
"""
    return list(verify(loads(text)))


A, B = 3 * 3 * 8 * 16, 3 * 3 * 16 * 16


@pytest.mark.parametrize(
    ("published", "verdict", "said"),
    [
        (f"{{metric: params, value: {A + B + 64}, source: s}}", "match", "trainable"),
        (f"{{metric: params, value: {A + B + 32}, source: s}}", "convention", "biases left out"),
        (f"{{metric: params, value: {A + B}, source: s}}", "convention", "weights of convolutions"),
        (f"{{metric: params, value: {A + B + 96}, source: s}}", "convention", "running statistics counted"),
        (f"{{metric: params, layer: a, value: {A}, source: s}}", "convention", "biases left out"),
        (f"{{metric: macs, value: {16 * (A + B)}, source: s}}", "match", "multiply-accumulates"),
        (f"{{metric: macs, value: {32 * (A + B)}, source: s}}", "convention", "an addition each"),
        (f"{{metric: macs, value: {16 * (A + B + 32)}, source: s}}", "convention", "biases counted"),
        (f"{{metric: macs, value: {16 * (A + B + B)}, source: s}}", "erratum", "b counted twice"),
        (f"{{metric: macs, value: {16 * A}, source: s}}", "erratum", "b left out"),
        ("{metric: macs, value: 123456789, source: s}", "not reproduced", "nearest"),
        (f"{{metric: neurons, value: {2 * 16 * 16}, source: s}}", "match", "outputs"),
        (f"{{metric: activations, value: {16 * (8 + 16 + 16)}, source: s}}", "match", "input and outputs"),
        (f"{{metric: activations, value: {16 * (16 + 16)}, source: s}}", "convention", "without the input"),
        (f"{{metric: activations, value: {16 * (8 + 16 * 3)}, source: s}}", "convention", "every activation"),
        ("{metric: receptive_field, value: 5, source: s}", "match", "union"),
        (f"{{metric: weight_bytes, value: {4 * (A + B + 64)}, source: s}}", "match", "4 bytes each"),
    ],
)
def test_verdicts(published: str, verdict: str, said: str) -> None:
    """Each convention and slip is recognised from the number alone."""
    (finding,) = findings(published)
    assert (finding.verdict, said in finding.why) == (verdict, True), finding.why


def test_alternatives_of_variables_are_tried() -> None:
    """The same network with two groups has half of a's weights."""
    published = f"{{metric: params, value: {A // 2 + B + 64}, source: s}}"
    (finding,) = findings(published, more="alternatives: {groups: [1, 2]}")
    assert finding.verdict == "convention"
    assert "groups = 2" in finding.why


def test_tolerance_is_a_share() -> None:
    near = round((A + B + 64) * 1.004)
    assert findings(f"{{metric: params, value: {near}, tolerance: 0.5%, source: s}}")[0].verdict == "match"
    assert findings(f"{{metric: params, value: {near}, tolerance: 0.3%, source: s}}")[0].verdict != "match"


def test_search_over_declared_alternatives() -> None:
    """Which variant has so many parameters? All combinations are tried; the range is told where none has."""
    network = loads(
        "archcalc: 1\nname: n\ninput: [4, 8, 8]\nvars: {width: 8, k: 3}\n"
        "alternatives: {width: [8, 16, 32], k: [1, 3]}\nlayers:\n"
        "  - conv: {out_channels: =width, kernel_size: =k, bias: false}\n"
    )
    found = search(network, "params", 4 * 9 * 16 - 1, 4 * 9 * 16 + 1)
    assert {words for words, _ in found.matches} == {"width = 16"}
    assert found.tried == 6
    missed = search(network, "params", 1, 2)
    assert (missed.matches, missed.reach) == ((), (4 * 8, 4 * 9 * 32))


@pytest.mark.parametrize("name", names())
def test_the_zoo_is_as_it_declares(name: str) -> None:
    """Every published number of the zoo gets the verdict that its spec declares."""
    found = list(verify(load(name)))
    assert [(f.published.metric, f.published.value, f.verdict, f.why) for f in found if not f.as_declared] == []
