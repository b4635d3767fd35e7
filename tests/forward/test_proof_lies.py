"""Proofs that have to fail: operators that state what is not so, kernels that do what is not stated.

Each lie is told of one layer in the middle of a network. The proof has to name this layer first, with what was
predicted and what was observed, and to leave alone what lies before it.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from analysis.measured import network_of

from archcalc import ops
from archcalc.analysis import receptive_field
from archcalc.forward.claims import Claim, Extent, Kind, Proof
from archcalc.forward.kernels import Array
from archcalc.forward.proof import prove
from archcalc.forward.rules import RULES
from archcalc.graph import Graph
from archcalc.infer import InferredGraph
from archcalc.ops.base import POINTWISE, Window, Work

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORK = """
- conv: {name: stem, out_channels: 4, kernel_size: 3, padding: 1}
- relu: {name: bent}
- conv: {name: middle, out_channels: 4, kernel_size: 5, stride: 2, padding: 2}
- relu: {name: behind}
- conv: {name: last, out_channels: 2, kernel_size: 3}
"""
TRUTH = (Extent(7, 2, 3), Extent(7, 2, 3))

Patch = pytest.MonkeyPatch


def network() -> InferredGraph:
    return network_of(NETWORK, "3x17x16")


def first_against(proof: Proof, kind: Kind) -> tuple[str, Claim]:
    """The first layer of which a claim disagrees, and the claim; those before it agree."""
    for layer in proof.layers:
        if kind in layer.claims and layer.claims[kind].agrees is not True:
            assert layer.claims[kind].agrees is False
            return layer.name, layer.claims[kind]
    raise AssertionError("everything agrees")


def others_agree(proof: Proof, *kinds: Kind) -> bool:
    return all(claim.agrees for layer in proof.layers for kind, claim in layer.claims.items() if kind not in kinds)


def lie(patch: Patch, fact: str, change: Callable[[Any], Any], op: type[ops.Conv] = ops.Conv) -> None:
    """Have the fact of convolutions of 5×5 be another."""
    true = getattr(op, fact)

    def false(self: Any, *arguments: Any) -> Any:
        stated = true(self, *arguments)
        return change(stated) if self.kernel_size == 5 else stated

    patch.setattr(op, fact, false)


def window(**changes: Callable[[int], int]) -> Callable[[Any], Any]:
    """Windows with another number in them on the first spatial axis."""

    def change(stated: Any) -> Any:
        ((channels, height, width),) = stated
        lies = {name: of(getattr(height, name)) for name, of in changes.items()}
        return ((channels, msgspec.structs.replace(height, **lies), width),)

    return change


@pytest.mark.parametrize(
    ("change", "predicted"),
    [
        (window(padding=lambda p: p + 1), Extent(7, 2, 4)),
        (window(padding=lambda p: p - 1), Extent(7, 2, 2)),
        (window(kernel=lambda k: k + 1), Extent(8, 2, 3)),
        (window(kernel=lambda k: k - 1), Extent(6, 2, 3)),
        (window(kernel=lambda k: k + 2, padding=lambda p: p + 1), Extent(9, 2, 4)),
        (window(kernel=lambda k: k - 2, padding=lambda p: p - 1), Extent(5, 2, 2)),
        (window(stride=lambda s: s + 1), Extent(7, 3, 3)),
        (window(stride=lambda s: s - 1), Extent(7, 1, 3)),
        (window(dilation=lambda d: d + 1), Extent(11, 2, 3)),
        (window(upsample=lambda f: f + 1), Extent(5, 1, 2)),
    ],
    ids=[
        *("padding +1", "padding -1", "kernel +1", "kernel -1", "wider", "narrower"),
        *("stride +1", "stride -1", "dilation +1", "upsample +1"),
    ],
)
def test_windows_that_are_not_so(change: Callable[[Any], Any], predicted: Extent, monkeypatch: Patch) -> None:
    """The kernel pads, strides and dilates by its arguments, whatever windows the operator states."""
    lie(monkeypatch, "windows", change)
    proof = prove(network())
    assert not proof.agrees
    name, claim = first_against(proof, "rf")
    assert name == "middle"
    assert (claim.predicted, claim.observed) == ((predicted, TRUTH[1]), TRUTH)
    assert claim.remark.startswith("height: unit ")
    assert others_agree(proof, "rf")


def test_a_window_that_is_not_so_on_a_map_that_is_too_small_for_it(monkeypatch: Patch) -> None:
    """No unit of this network sees all of its field: on the network's own map there would be nothing to see."""
    deep = NETWORK + "\n".join("- conv: {out_channels: 2, kernel_size: 3, padding: 1}" for _ in range(4))
    lie(monkeypatch, "windows", window(kernel=lambda k: k + 1))
    *_, last = prove(network_of(deep, "3x9x8"), ["rf"]).layers
    assert last.claims["rf"].predicted[0].size > 9
    assert last.claims["rf"].agrees is False


# On 6×5 pixels no unit behind it sees all of its field.
TINY = NETWORK.replace("kernel_size: 3}", "kernel_size: 3, padding: 1}")


@pytest.mark.parametrize("one_by_one", [False, True], ids=["at once", "one by one"])
@pytest.mark.parametrize(
    ("size", "step", "padding"),
    [(1, 0, 0), (-1, 0, 0), (1, 0, 1), (-1, 0, -1), (0, 0, 1), (0, 1, 0), (0, -1, 0)],
    ids=["ends later", "ends earlier", "begins earlier", "begins later", "is shifted", "longer steps", "shorter steps"],
)
def test_analyses_that_are_not_so(size: int, step: int, padding: int, one_by_one: bool, monkeypatch: Patch) -> None:
    """Operators state what is so, and the analysis adds it up wrongly; one position at one end is enough.

    All curtains at once, or each in a batch of its own.
    """
    true = receptive_field.grow

    def wrongly(*before: Any) -> tuple[int, int, int]:
        found = true(*before)
        lies = (size, step, padding) if before[-1].kernel == 5 else (0, 0, 0)
        return tuple(number + lie for number, lie in zip(found, lies, strict=True))  # type: ignore[return-value]

    monkeypatch.setattr(receptive_field, "grow", wrongly)
    if one_by_one:
        monkeypatch.setattr("archcalc.forward.curtains._VALUES", 1)
    proof = prove(network_of(TINY, "3x6x5"), ["rf"])
    name, claim = first_against(proof, "rf")
    told = Extent(7 + size, 2 + step, 3 + padding)
    assert (name, claim.predicted, claim.observed) == ("middle", (told, told), TRUTH)
    assert [layer.claims["rf"].agrees for layer in proof.layers] == [True, True, False, False, False]


def test_an_analysis_that_is_wrong_about_every_second_unit(monkeypatch: Patch) -> None:
    """Behind an upsampling units differ by turns."""
    true = receptive_field._through_spread

    def wrongly(*before: Any) -> Any:
        found = true(*before)
        return msgspec.structs.replace(found, lows=(found.lows[0], found.lows[1] - 1)) if found.period == 2 else found

    monkeypatch.setattr(receptive_field, "_through_spread", wrongly)
    layers = (
        "- upsample: {scale_factor: 2}\n- conv: {out_channels: 1, kernel_size: 5, padding: 2}\n- upsample: {size: 7}"
    )
    name, claim = first_against(prove(network_of(layers, "1x5"), ["rf"]), "rf")
    assert name == "upsample"
    assert re.match(r"unit (\d*[13579]) sees (\d+) to \2, not \d+ to \2$", claim.remark)


def test_a_field_that_is_none(monkeypatch: Patch) -> None:
    """Called global, where units see a part only."""
    monkeypatch.setattr(ops.ReLU, "windows", lambda self, inputs, output: ((Window(0), None, Window(2)),))
    name, claim = first_against(prove(network()), "rf")
    assert name == "bent"
    assert (claim.predicted, claim.observed) == (("global", Extent(3, 1, 1)), ("not global", Extent(3, 1, 1)))
    assert claim.remark == "height: 960 of 1088 units do not see what lies ahead of 1"


def test_what_is_global_and_called_otherwise(monkeypatch: Patch) -> None:
    """A normalisation over the whole map that says it reads each unit at its own place."""
    monkeypatch.setattr(ops.GroupNorm, "windows", lambda self, inputs, output: (POINTWISE[len(output)],))
    name, claim = first_against(prove(network_of(f"{NETWORK}\n- groupnorm: {{num_groups: 1}}", "3x17x16")), "rf")
    assert name == "groupnorm"
    assert [extent.size for extent in claim.predicted] == [11, 11]
    assert [extent.size > 17 for extent in claim.observed] == [True, True]


def test_what_depends_on_the_input_and_is_said_not_to(monkeypatch: Patch) -> None:
    """A join that leaves one of its inputs out."""
    layers = "- parameter: {name: learned, shape: [3, 9, 8]}\n- add: {inputs: [input, learned]}"
    true = RULES["parameter"]
    monkeypatch.setitem(RULES, "parameter", lambda op, inputs, weights: np.full_like(true(op, inputs, weights), np.nan))
    name, claim = first_against(prove(network_of(layers, "3x9x8"), ["rf"]), "rf")
    assert (name, claim.predicted, claim.observed) == ("learned", ("none", "none"), ("not none", "not none"))


FLAT = "- flatten: {name: flat}\n- linear: {out_features: 60}\n- add: {inputs: [linear, flat]}"


def test_what_is_global_in_part(monkeypatch: Patch) -> None:
    """A sum that leaves out what sees everything: what is left are units side by side."""
    kernel(monkeypatch, "add", lambda op, inputs, weights: inputs[1])
    name, claim = first_against(prove(network_of(FLAT, "2x6x5"), ["rf"]), "rf")
    assert (name, claim.observed) == ("add", ("not global", "not global"))


def test_what_is_global_but_for_a_unit(monkeypatch: Patch) -> None:
    """Each unit that flatten makes of a pooled map sees everything: not one of them may see nothing."""

    def all_but_one(op: Any, inputs: Any, weights: Any) -> Array:
        return np.where(np.arange(4) == 2, 1, inputs[0].reshape(len(inputs[0]), -1))

    kernel(monkeypatch, "flatten", all_but_one)
    layers = "- conv: {out_channels: 4, kernel_size: 3}\n- global_maxpool\n- flatten"
    name, claim = first_against(prove(network_of(layers, "1x7x6"), ["rf"]), "rf")
    assert (name, claim.remark) == ("flatten", "1 of 4 units do not see what lies ahead of 1")


def test_a_kernel_that_errs_in_the_middle(monkeypatch: Patch) -> None:
    """In one row, and on no map but the network's own."""

    def erring(op: Any, inputs: Any, weights: Any) -> Array:
        found = np.maximum(inputs[0], 0)
        if found.shape[2] == 17:
            found[:, :, 6] += 0 * found[:, :, 9]
        return found

    kernel(monkeypatch, "relu", erring)
    name, claim = first_against(prove(network(), ["rf"]), "rf")
    assert (name, claim.observed) == ("bent", claim.predicted)
    assert claim.remark == "height: unit 6 sees what lies behind 8"


def test_one_axis_against_and_one_unobserved(monkeypatch: Patch) -> None:
    """It disagrees: what cannot be observed excuses nothing."""
    true = RULES["conv_transpose"]

    def further(op: Any, inputs: Any, weights: Any) -> Array:
        found = true(op, inputs, weights)
        return found + 0 * np.concatenate([found[..., 2:], found[..., :2]], axis=-1)

    kernel(monkeypatch, "conv_transpose", further)
    holes = "- conv_transpose: {out_channels: 1, kernel_size: [1, 2], stride: 2}"
    (layer,) = prove(network_of(holes, "1x5x6"), ["rf"]).layers
    claim = layer.claims["rf"]
    assert claim.agrees is False
    assert (claim.observed[0], claim.observed[1].size) == (None, 2)


def test_a_kernel_that_fails(monkeypatch: Patch) -> None:
    """What was observed before it stands, and what is held for layers that are not reached is no disagreement."""

    def failing(op: Any, inputs: Any, weights: Any) -> Array:
        raise ValueError("no")

    kernel(monkeypatch, "gelu", failing)
    layers = f"{NETWORK}\n- gelu\n- maxpool: {{name: again, kernel_size: 2, inputs: stem}}"
    proof = prove(network_of(layers, "3x17x16"))
    name, claim = first_against(proof, "memory")
    assert (name, claim.remark) == ("gelu", "cannot be computed: ValueError: no")
    assert first_against(proof, "rf")[0] == "gelu"


def test_shapes_that_are_not_so(monkeypatch: Patch) -> None:
    """A row too many is stated: the kernel makes as many as there are."""
    lie(monkeypatch, "output", lambda stated: (stated[0], stated[1] + 1, stated[2]))
    proof = prove(network())
    name, claim = first_against(proof, "shape")
    assert (name, claim.predicted, claim.observed) == ("middle", (4, 10, 8), (4, 9, 8))
    assert first_against(proof, "memory")[0] == "middle"


def test_shapes_that_cannot_be_computed_with(monkeypatch: Patch) -> None:
    """The layer that cannot be computed disagrees, those behind it are not reached; nothing is raised."""
    lie(monkeypatch, "output", lambda stated: (stated[0], stated[1] + 1, stated[2]))
    layers = f"{NETWORK}\n- flatten: {{inputs: behind}}\n- linear: {{out_features: 3}}\n- relu: {{name: end}}"
    proof = prove(network_of(layers, "3x17x16"))
    claims = {layer.name: layer.claims for layer in proof.layers}
    assert not proof.agrees
    assert claims["middle"]["shape"].agrees is False
    assert claims["linear"]["shape"].remark.startswith("cannot be computed: ValueError")
    assert {claim.agrees for claim in claims["linear"].values()} == {False}
    assert {claim.agrees for claim in claims["end"].values()} == {None}
    assert claims["end"]["memory"].remark == "not reached: linear cannot be computed"
    assert {claim.agrees for claim in proof.totals.values()} == {None}


@pytest.mark.parametrize("share", [0.99, 1.01])
def test_macs_that_are_not_so(share: float, monkeypatch: Patch) -> None:
    """One in a hundred too many or too few."""
    lie(monkeypatch, "work", lambda stated: Work(int(stated.macs * share), stated.adds))
    proof = prove(network())
    name, claim = first_against(proof, "macs")
    macs = 9 * 8 * 4 * 4 * 25
    assert (name, claim.predicted, claim.observed) == ("middle", int(macs * share), macs)
    total = proof.totals["macs"]
    assert (total.agrees, total.observed - total.predicted) == (False, macs - int(macs * share))
    assert others_agree(proof, "macs")


def shifted(op: Any, inputs: Any, weights: Any) -> Array:
    """A convolution by shifted multiply-adds, value by value: no product that anybody could see."""
    x, weight = inputs[0], weights["weight"]
    p, s, k = op.padding, op.stride, weight.shape[2]
    wide = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])
    rows, columns = op.output((x.shape[1:],))[1:]
    result = np.zeros((len(x), len(weight), rows, columns), x.dtype)
    for dy, dx in np.ndindex(k, k):
        seen = wide[:, :, dy : dy + (rows - 1) * s + 1 : s, dx : dx + (columns - 1) * s + 1 : s]
        result += (seen[:, np.newaxis] * weight[:, :, dy, dx, np.newaxis, np.newaxis]).sum(axis=2)
    return result + weights["bias"].reshape(-1, 1, 1)


def kernel(patch: Patch, keyword: str, change: Callable[[Any, Any, Any], Array]) -> None:
    """Have another kernel compute the convolution of 5×5, or every layer of another kind."""
    true = RULES[keyword]

    def false(op: Any, inputs: Any, weights: Any) -> Array:
        chosen = change if keyword != "conv" or op.kernel_size == 5 else true
        return chosen(op, inputs, weights)

    patch.setitem(RULES, keyword, false)


def test_products_that_nobody_sees(monkeypatch: Patch) -> None:
    """A kernel that gives the right numbers in a way that the instruments do not count is no proof of any count."""
    kernel(monkeypatch, "conv", shifted)
    proof = prove(network())
    name, claim = first_against(proof, "macs")
    assert (name, claim.observed) == ("middle", 0)
    assert others_agree(proof, "macs")


def test_products_that_nobody_states(monkeypatch: Patch) -> None:
    """An activation that multiplies matrices."""
    kernel(monkeypatch, "relu", lambda op, inputs, weights: inputs[0] @ np.ones((inputs[0].shape[-1],) * 2, "float32"))
    name, claim = first_against(prove(network()), "macs")
    assert (name, claim.predicted, claim.observed) == ("bent", 0, 4 * 17 * 16 * 16)


def test_functions_of_which_nothing_is_known(monkeypatch: Patch) -> None:
    """They may have made products: that they made none cannot be told."""
    kernel(
        monkeypatch, "relu", lambda op, inputs, weights: np.convolve(inputs[0].ravel(), [1.0]).reshape(inputs[0].shape)
    )
    name, claim = first_against(prove(network()), "macs")
    assert (name, claim.predicted, claim.observed) == ("bent", 0, 0)
    assert claim.remark == "convolve may make products that are not counted"


def test_a_kernel_that_reads_further(monkeypatch: Patch) -> None:
    """One row more, even if nothing comes of it."""
    true = RULES["conv"]

    def further(op: Any, inputs: Any, weights: Any) -> Array:
        x = inputs[0]
        return true(op, [x + 0 * np.concatenate([x[:, :, 1:], x[:, :, :1]], axis=2)], weights)

    kernel(monkeypatch, "conv", further)
    name, claim = first_against(prove(network()), "rf")
    assert name == "middle"
    assert (claim.predicted, claim.observed) == (TRUTH, (Extent(8, 2, 3), TRUTH[1]))


def test_a_kernel_that_reads_less(monkeypatch: Patch) -> None:
    """It leaves out the last row of its windows."""
    true = RULES["conv"]

    def less(op: Any, inputs: Any, weights: Any) -> Array:
        weight = weights["weight"][:, :, :-1]
        short = msgspec.structs.replace(op, kernel_size=(4, 5), padding=((2, 1), 2))
        return true(short, inputs, {**weights, "weight": weight})

    kernel(monkeypatch, "conv", less)
    proof = prove(network())
    name, claim = first_against(proof, "rf")
    assert name == "middle"
    assert (claim.predicted, claim.observed) == (TRUTH, (Extent(6, 2, 3), TRUTH[1]))
    assert first_against(proof, "macs")[0] == "middle"


def test_a_kernel_that_reads_elsewhere_at_the_edge(monkeypatch: Patch) -> None:
    """Around the map it finds what lies at the other end: units inside are as predicted, those at the edge are not."""
    true = RULES["conv"]

    def around(op: Any, inputs: Any, weights: Any) -> Array:
        wide = np.pad(inputs[0], [(0, 0), (0, 0), (2, 2), (2, 2)], mode="wrap")
        return true(msgspec.structs.replace(op, padding=0), [wide], weights)

    kernel(monkeypatch, "conv", around)
    name, claim = first_against(prove(network(), ["rf"]), "rf")
    assert name == "middle"
    assert claim.observed == claim.predicted == TRUTH
    assert re.match(r"unit \d+ sees what lies (ahead of|behind) \d+$", claim.remark)


def test_a_kernel_that_swallows_nan(monkeypatch: Patch) -> None:
    """Whatever it reads, nothing is seen through it: that is against it and not for it."""
    kernel(monkeypatch, "relu", lambda op, inputs, weights: np.maximum(np.nan_to_num(np.asarray(inputs[0])), 0))
    name, claim = first_against(prove(network(), ["rf"]), "rf")
    assert name == "bent"
    assert claim.observed == (None, None)
    assert "does not see" in claim.remark


def test_a_kernel_that_mixes_samples(monkeypatch: Patch) -> None:
    """What one sample of a batch sees is no business of another's."""
    kernel(monkeypatch, "relu", lambda op, inputs, weights: inputs[0] + 0 * inputs[0][::-1])
    assert first_against(prove(network(), ["rf"]), "rf")[0] == "bent"


def test_bytes_that_are_not_so(monkeypatch: Patch) -> None:
    """Half of the size of a value."""
    monkeypatch.setattr("archcalc.analysis.memory.DTYPES", {"float32": 2})
    proof = prove(network())
    name, claim = first_against(proof, "memory")
    both = (3 + 4) * 17 * 16
    assert (name, claim.predicted, claim.observed) == ("stem", 2 * both, 4 * both)
    peak, taken = proof.totals["peak"], proof.totals["allocated"]
    assert peak.observed == taken.observed == 2 * peak.predicted
    assert (peak.agrees, taken.agrees, proof.totals["peak_layer"].agrees) == (False, False, True)
    assert others_agree(proof, "memory")


def last_uses(patch: Patch, change: Callable[[list[int]], list[int]]) -> None:
    true = Graph.last_uses
    patch.setattr(Graph, "last_uses", lambda self: change(true(self)))


def test_what_is_held_too_long(monkeypatch: Patch) -> None:
    """The reference frees by the same list, and holds too much as well: but nobody reads it any more."""
    last_uses(monkeypatch, lambda last: [last[0], last[-1], *last[2:]])
    proof = prove(network())
    name, claim = first_against(proof, "memory")
    stem, middle = 4 * 4 * 17 * 16, 4 * 4 * 9 * 8
    assert (name, claim.predicted, claim.observed) == ("middle", 2 * stem + middle, stem + middle)
    assert claim.remark == f"{2 * stem + middle:,} bytes are held, {stem + middle:,} are still read"


def test_what_is_freed_too_early(monkeypatch: Patch) -> None:
    """The layer that misses it cannot be computed."""
    layers = f"{NETWORK}\n- maxpool: {{name: again, kernel_size: 2, inputs: stem}}"
    last_uses(monkeypatch, lambda last: [last[0], 2, *last[2:]])
    proof = prove(network_of(layers, "3x17x16"))
    name, claim = first_against(proof, "memory")
    assert (name, claim.observed) == ("again", None)
    assert claim.remark == "cannot be computed: what it reads is not there any more (1)"


def test_a_kernel_that_keeps_its_input(monkeypatch: Patch) -> None:
    """It is not freed, although the reference lets go of it."""
    kept: list[Array] = []

    def keeping(op: Any, inputs: Any, weights: Any) -> Array:
        kept.append(inputs[0])
        return np.maximum(inputs[0], 0)

    kernel(monkeypatch, "relu", keeping)
    name, claim = first_against(prove(network()), "memory")
    assert name == "middle"
    assert claim.observed - claim.predicted == 4 * 4 * 17 * 16


def test_a_kernel_that_keeps_arrays_of_its_own(monkeypatch: Patch) -> None:
    """They are no outputs; the allocator knows of them all the same."""
    kept: list[Array] = []

    def keeping(op: Any, inputs: Any, weights: Any) -> Array:
        kept.append(np.zeros(1000, "float32"))
        return np.maximum(inputs[0], 0)

    kernel(monkeypatch, "relu", keeping)
    proof = prove(network())
    totals = {name: (claim.observed, claim.agrees) for name, claim in proof.totals.items()}
    peak = 2 * 4 * 4 * 17 * 16
    assert totals == {
        "macs": (totals["macs"][0], True),
        "peak": (peak, True),
        "peak_layer": ("bent", True),
        "allocated": (peak + 4000, False),
    }
    assert not proof.agrees


def test_only_the_first_layers_are_measured(monkeypatch: Patch) -> None:
    """What lies behind a lie inherits it: it disagrees, and need not be measured."""
    lie(monkeypatch, "windows", window(kernel=lambda k: k + 1))
    deep = NETWORK + "\n".join("- relu" for _ in range(9))
    claims = [layer.claims["rf"] for layer in prove(network_of(deep, "3x17x16"), ["rf"]).layers][2:]
    assert {claim.agrees for claim in claims} == {False}
    assert [claim.observed[0] is None for claim in claims] == [False] * 6 + [True] * 6
    assert all("height: unit " in claim.remark for claim in claims)


def test_windows_of_no_kind(monkeypatch: Patch) -> None:
    """A window that names another axis is a lie about both."""
    lie(monkeypatch, "windows", lambda stated: ((None, Window(2, 5, 2, 2), Window(1, 5, 2, 2)),))
    name, claim = first_against(prove(network()), "rf")
    assert name == "middle"
    assert claim.agrees is False
