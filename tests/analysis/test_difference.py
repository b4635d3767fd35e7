"""What an edit costs: parts that sum to the whole, hand-computed parts, and edits made one by one."""

import random
from itertools import chain, combinations
from typing import Any

import pytest

import archcalc
from archcalc.analysis.difference import TOTALS, Difference, difference
from archcalc.analysis.whole import Analysis
from archcalc.errors import ArchcalcError, UsageError
from archcalc.spec.zoo import names

STUDENTS = """
archcalc: 1
name: student
input: [3, 32, 32]
layers:
  - conv: {name: conv1, out_channels: 8, kernel_size: 3, padding: 1}
  - relu: {name: relu1}
  - maxpool: {name: pool1, kernel_size: 2, stride: 2}
  - conv: {name: conv2, out_channels: 16, kernel_size: 3, padding: 1}
  - batchnorm: {name: bn2}
  - relu: {name: relu2}
  - add:
      - - conv: {name: left, out_channels: 16, kernel_size: 3, padding: 1}
      - []
  - concat:
      - - conv: {name: wide, out_channels: 4, kernel_size: 1}
      - - avgpool: {name: mean, kernel_size: 3, stride: 1, padding: 1}
  - global_avgpool: {name: pooled}
  - flatten: {name: flat}
  - linear: {name: fc, out_features: 10}
"""
CHANGES: dict[str, list[Any]] = {
    "conv1.out_channels": [4, 12],
    "conv1.kernel_size": [1, 5],
    "conv1.stride": [2],
    "conv1.bias": ["false"],
    "pool1.stride": [1, 3],
    "conv2.stride": [2],
    "conv2.bias": ["false"],
    "conv2.dilation": [2],
    "wide.out_channels": [1, 9],
    "mean.kernel_size": [1],
    "fc.out_features": [3],
}


def analysis(network: Any, **conventions: Any) -> Analysis:
    return archcalc.analyse(network, **conventions)


def check_sums(found: Difference) -> None:
    """Every total's change is the sum of its parts, and of its layers; only the peak has parts without an edit."""
    for number, total in enumerate(found.totals):
        assert sum(part.amounts[number] for part in found.parts) == total.after - total.before, total.name
        if total.name != "peak_activation_bytes":
            assert sum(layer.amounts[number] for layer in found.layers) == total.after - total.before, total.name
    for part in found.parts:
        assert part.edits or not any(part.amounts[:-1])


@pytest.mark.parametrize("seed", range(24))
def test_parts_sum_to_the_whole(seed: int) -> None:
    """Any two networks of the zoo, under any conventions."""
    chance = random.Random(seed)
    one, other = chance.choice(names()), chance.choice(names())
    conventions = {"batch": chance.choice([1, 3]), "dtype": chance.choice(["float32", "int8"])}
    before, after = analysis(one, **conventions), analysis(other, **conventions)
    found = difference(before, after)
    check_sums(found)
    totals = {total.name: (total.before, total.after) for total in found.totals}
    assert totals["params"] == (before.params.params, after.params.params)
    assert totals["macs"] == (before.cost.macs, after.cost.macs)
    assert totals["flops"] == (before.cost.flops, after.cost.flops)
    assert totals["peak_activation_bytes"] == (before.memory.peak_bytes, after.memory.peak_bytes)


def test_a_network_does_not_differ_from_itself() -> None:
    found = difference(analysis("googlenet"), analysis("googlenet"))
    assert (found.edits, found.parts, found.layers) == ((), (), ())
    assert found.same == len(analysis("googlenet").graph.nodes)


def test_resnet101_is_resnet50_with_17_blocks() -> None:
    """A bottleneck has 1024·256 + 9·256² + 256·1024 weights, and its norms 2·(256 + 256 + 1024)."""
    block = 1024 * 256 + 9 * 256 * 256 + 256 * 1024 + 2 * (256 + 256 + 1024)
    found = difference(analysis("resnet50"), analysis("resnet101"))
    assert [edit.kind for edit in found.edits] == ["added"]
    assert {name.rsplit(".", 2)[0].split(".conv")[0] for name in found.edits[0].after} >= {"stage2.6", "stage2.22"}
    assert found.parts[0].amounts[0] == 17 * block
    assert found.parts[0].amounts[2] == 17 * 14 * 14 * (1024 * 256 + 9 * 256 * 256 + 256 * 1024)


def test_vgg19_is_vgg16_with_3_convolutions() -> None:
    """9·256² + 256 and twice 9·512² + 512 (Simonyan and Zisserman 2015, table 1, columns D and E)."""
    found = difference(analysis("vgg16"), analysis("vgg19"))
    amounts = {edit.after[0]: part.amounts[0] for edit, part in zip(found.edits, found.parts, strict=True)}
    assert amounts == {"conv3_4": 9 * 256 * 256 + 256, "conv4_4": 2 * (9 * 512 * 512 + 512)}


def test_one_stride_is_to_blame_for_everything() -> None:
    """AlexNet's conv1 at stride 2: 109 rows, then 54, 26, 12: fc6 has 12·12·256·4096 weights where it had 6·6."""
    found = difference(analysis("alexnet"), analysis(archcalc.load("alexnet", set={"conv1.stride": 2})))
    assert [part.edits for part in found.parts] == [(0,)]
    assert found.parts[0].amounts[0] == (12 * 12 - 6 * 6) * 256 * 4096
    assert found.parts[0].layers == 17


def test_own_part_and_that_of_others_are_told_apart() -> None:
    """conv1 gives 12 maps where it gave 8, and conv2 16 rows less: each costs by itself, conv2's weights by conv1."""
    after = archcalc.loads(STUDENTS, set={"conv1.out_channels": 12, "conv2.out_channels": 16, "conv2.kernel_size": 1})
    found = difference(analysis(archcalc.loads(STUDENTS)), analysis(after))
    parts = {part.edits: dict(zip(TOTALS, part.amounts, strict=True)) for part in found.parts}
    assert parts[(0,)]["params"] == 4 * (9 * 3 + 1) + 4 * 16  # conv1 itself, and 4 more maps for conv2's 1×1 kernels
    assert parts[(1,)]["params"] == (1 - 9) * 8 * 16


@pytest.mark.parametrize("seed", range(40))
def test_edits_of_a_part_suffice_for_it(seed: int) -> None:
    """Where only the edits of a layer's part are made, the layer costs what it costs with all of them."""
    chance = random.Random(seed)
    after = None
    while after is None:  # some changes do not go together
        changes = {target: chance.choice(CHANGES[target]) for target in chance.sample(sorted(CHANGES), 3)}
        after = _changed(changes)
    found = difference(analysis(archcalc.loads(STUDENTS)), after)
    check_sums(found)
    edit_of = {name: number for number, edit in enumerate(found.edits) for name in edit.after}
    needed: dict[str, set[int]] = {}
    for layer in found.layers:
        needed.setdefault(layer.after, set()).update(layer.edits)
    whole = _costs(after)
    for layer_name, edits in needed.items():
        part = {target: value for target, value in changes.items() if edit_of[target.partition(".")[0]] in edits}
        alone = _changed(part)
        if alone is not None:
            assert _costs(alone)[layer_name] == whole[layer_name], (layer_name, edits, changes)


INDEPENDENT = ("conv1.stride", "conv1.bias", "conv2.stride", "conv2.bias", "conv2.dilation", "fc.out_features")


def _two_edits(pair: tuple[str, str]) -> bool:
    """Whether two changes are two edits: not of one layer, and not the same thing done to two."""
    one, other = (target.partition(".") for target in pair)
    return one[0] != other[0] and one[2] != other[2]


@pytest.mark.parametrize("targets", list(filter(_two_edits, combinations(INDEPENDENT, 2))))
def test_layers_that_need_no_edit_have_none(targets: tuple[str, str]) -> None:
    """A layer is in the part of an edit only if that edit, made alone, changes its cost; in that of two only if either,
    left out, leaves it another cost."""
    changes = {target: CHANGES[target][0] for target in targets}
    after = _changed(changes)
    assert after is not None
    found = difference(analysis(archcalc.loads(STUDENTS)), after)
    before = _costs(analysis(archcalc.loads(STUDENTS)))
    for number, edit in enumerate(found.edits):
        target = next(target for target in targets if target.partition(".")[0] in edit.after)
        alone = _changed({target: changes[target]})
        assert alone is not None
        costs = _costs(alone)
        touched = {name for name in costs if costs[name] != before[name]}
        assert {layer.after for layer in found.layers if layer.edits == (number,)} <= touched
        insufficient = {name for name in costs if costs[name] != _costs(after)[name]}
        assert {layer.after for layer in found.layers if len(layer.edits) == 2} <= insufficient


def _changed(changes: dict[str, Any]) -> Analysis | None:
    try:
        return analysis(archcalc.loads(STUDENTS, set=changes))
    except ArchcalcError:
        return None


def _costs(found: Analysis) -> dict[str, tuple[int, ...]]:
    layers = zip(found.params.layers, found.cost.layers, found.memory.layers, strict=True)
    return {a.name: (a.params, a.buffers, b.macs, b.flops, c.bytes) for a, b, c in layers}


def test_a_layer_taken_out_and_one_rewired() -> None:
    """pool4 and relu2 leave; the last layer reads the sum where it read the first of its inputs."""
    one = """
archcalc: 1
name: one
input: [4, 8, 8]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 1}
  - conv: {name: b, out_channels: 4, kernel_size: 1}
  - sigmoid: {name: gone}
  - mul: {name: join, inputs: [a, gone]}
"""
    other = one.replace("  - sigmoid: {name: gone}\n", "").replace("[a, gone]", "[input, b]")
    found = difference(analysis(archcalc.loads(one)), analysis(archcalc.loads(other)))
    assert [(edit.kind, edit.before, edit.after) for edit in found.edits] == [
        ("removed", ("gone",), ()),
        ("rewired", ("join",), ("join",)),
    ]
    assert [(change.before, change.after) for change in found.edits[1].changes] == [(("a", "gone"), ("input", "b"))]


def test_a_layer_put_in_is_to_blame_for_what_it_makes_smaller() -> None:
    """Everything from the new pooling to the next is its own; the classes are another edit's."""
    pooled = STUDENTS.replace(
        "  - conv: {name: conv2", "  - maxpool: {name: new, kernel_size: 2}\n  - conv: {name: conv2"
    )
    after = archcalc.loads(pooled, set={"fc.out_features": 3})
    found = difference(analysis(archcalc.loads(STUDENTS)), analysis(after))
    new = next(number for number, edit in enumerate(found.edits) if edit.after == ("new",))
    parts = {layer.after: layer.edits for layer in found.layers}
    assert parts.pop("fc") == (1 - new,)
    assert set(parts.values()) == {(new,)}
    assert {"conv2", "bn2", "left", "mean", "concat", "pooled"} <= set(parts)


def test_shared_weights_stay_counted_once() -> None:
    """The second of two layers with the same weights is changed and reads another shape: it still has none."""
    text = """
archcalc: 1
name: one
input: [4, 8, 8]
layers:
  - maxpool: {name: pool, kernel_size: 2}
  - conv: {name: a, out_channels: 4, kernel_size: 1}
  - conv: {name: b, out_channels: 4, kernel_size: 1, shares: a}
"""
    after = archcalc.loads(text, set={"pool.stride": 1, "b.padding": 1})
    found = difference(analysis(archcalc.loads(text)), analysis(after))
    assert len(found.edits) == 2
    assert [layer.amounts[0] for layer in found.layers] == [0] * len(found.layers)


def test_weights_that_are_shared_now() -> None:
    one = """
archcalc: 1
name: one
input: [4, 8, 8]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 1}
  - conv: {name: b, out_channels: 4, kernel_size: 1}
"""
    other = one.replace("{name: b,", "{name: b, shares: a,")
    found = difference(analysis(archcalc.loads(one)), analysis(archcalc.loads(other)))
    assert [(edit.kind, edit.changes[0].argument, edit.changes[0].after) for edit in found.edits] == [
        ("changed", "shares", "a")
    ]
    assert found.parts[0].amounts[0] == -(4 * 4 + 4)


def test_networks_under_two_conventions_are_refused() -> None:
    with pytest.raises(UsageError, match="one batch"):
        difference(analysis("lenet5"), analysis("lenet5", batch=2))


def test_totals_are_all_there() -> None:
    found = difference(analysis("lenet5"), analysis("alexnet"))
    assert [total.name for total in found.totals] == list(TOTALS)
    assert {len(part.amounts) for part in found.parts} == {len(TOTALS)}
    names_of = list(chain.from_iterable(edit.before for edit in found.edits if edit.kind == "removed"))
    assert set(names_of) <= {node.name for node in analysis("lenet5").graph.nodes}
