"""Design spaces: every member is the network that torchvision and timm build, and that pycls' arithmetic gives."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.analysis.whole import Analysis
from archcalc.errors import SpecError
from archcalc.infer import InferredGraph
from archcalc.network import load
from archcalc.spec import zoo
from archcalc.spec.ranges import Range, parse_range
from archcalc.spec.tree import plain

REFERENCE = json.loads((Path(__file__).parents[1] / "reference_data/spaces.json").read_text("utf-8"))
SPACES = zoo.spaces()
# pycls, MODEL_ZOO.md @ 1caf15b: FLOPs (B; they are MACs) and parameters (M) as printed.
PUBLISHED = {
    "regnetx": "0.2 2.7 0.4 5.2 0.6 6.2 0.8 7.3 1.6 9.2 3.2 15.3 "
    "4.0 22.1 6.5 26.2 8.0 39.6 12.1 46.1 15.9 54.3 31.7 107.8",
    "regnety": "0.2 3.2 0.4 4.3 0.6 6.1 0.8 6.3 1.6 11.2 3.2 19.4 "
    "4.0 20.6 6.4 30.6 8.0 39.2 12.1 51.8 15.9 83.6 32.3 145.0",
}


def member(space: str, variables: dict[str, Any]) -> Analysis:
    network = load(f"spaces/{space}", set={f"vars.{name}": value for name, value in variables.items()})
    return Analysis(network.spec, network.graph)


def totals(space: str, variables: dict[str, Any]) -> dict[str, int]:
    analysis = member(space, variables)
    return {"params": analysis.params.params, "macs": analysis.cost.macs}


def stages(graph: InferredGraph) -> list[list[int]]:
    """Widths, depths and group widths of a RegNet's stages, read off its convolutions."""
    widths, depths, groups = [], [], []
    index = graph.graph.index()
    stage = 0
    while f"stage{stage}.0.conv3.conv" in index:
        blocks = {name.split(".")[1] for name in index if name.startswith(f"stage{stage}.")}
        inner: Any = graph.nodes[index[f"stage{stage}.0.conv2.conv"]].op
        outer: Any = graph.nodes[index[f"stage{stage}.0.conv3.conv"]].op
        widths.append(outer.out_channels)
        depths.append(len(blocks))
        groups.append(inner.out_channels // inner.groups)
        stage += 1
    return [widths, depths, groups]


@pytest.mark.parametrize("part", range(4))
def test_regnet_stages_are_those_of_torchvision_and_of_timm(part: int) -> None:
    """Two hundred random points: widths, depths and group widths, under both ways of fitting widths to groups."""
    for entry in REFERENCE["regnet_stages"][2 * part :: 8]:
        for fit in ("pycls", "torchvision"):
            graph = member("regnet", {**entry["vars"], "fit": fit, "resolution": 32}).graph
            assert stages(graph) == entry[fit], (entry["vars"], fit)


def quantised(w_0: int, w_a: float, w_m: float, d: int) -> tuple[list[int], list[int]]:
    """Equations 2 to 4 of the paper in numpy's float64, as pycls rounds them: widths of stages and their depths."""
    line = np.arange(d) * w_a + w_0
    exponents = np.round(np.log(line / w_0) / np.log(w_m))
    widths = (np.round(w_0 * np.power(w_m, exponents) / 8) * 8).astype(int)
    steps, counts = np.unique(widths, return_counts=True)
    return steps.tolist(), counts.tolist()


@settings(max_examples=60)
@given(
    st.integers(1, 32).map(lambda n: 8 * n),
    st.integers(0, 2560).map(lambda n: n / 10),
    st.integers(150, 300).map(lambda n: n / 100),
    st.integers(1, 40),
)
def test_regnet_widths_round_as_numpy_does(w_0: int, w_a: float, w_m: float, d: int) -> None:
    """Groups of one channel leave widths as they are quantised."""
    point = {"w_0": w_0, "w_a": w_a, "w_m": w_m, "d": d, "group_width": 1, "resolution": 32}
    found = stages(member("regnet", point).graph)
    assert (found[0], found[1]) == quantised(w_0, w_a, w_m, d)


@pytest.mark.parametrize("bottleneck", [2, 3, 4])
@pytest.mark.parametrize("group_width", [8, 12, 40])
def test_bottlenecks_above_one_divide_by_both(bottleneck: int, group_width: int) -> None:
    """pycls @ 1a33062, adjust_block_compatibility: inner widths are multiples of lcm(group width, bottleneck)."""
    point = {"w_0": 48, "w_a": 30, "w_m": 2.2, "d": 12, "group_width": group_width, "bottleneck": bottleneck}
    steps, _ = quantised(48, 30, 2.2, 12)
    expected = []
    for step in steps:
        inner = step * bottleneck
        unit = int(np.lcm(min(group_width, inner), bottleneck))
        expected.append(max(unit, round(inner / unit) * unit) // bottleneck)
    assert stages(member("regnet", {**point, "resolution": 32}).graph)[0] == expected


def test_a_width_is_a_group_at_least() -> None:
    """8·3 = 24 is nearer to 0 than to lcm(20, 3) = 60, which it becomes: pycls takes the larger of the two."""
    point = {"w_0": 8, "w_a": 0, "w_m": 2, "d": 2, "group_width": 20, "bottleneck": 3, "resolution": 32}
    assert stages(member("regnet", point).graph) == [[20], [2], [20]]


@pytest.mark.parametrize(("width", "groups", "width_per_group"), [(0.375, 32, 4), (0.625, 8, 8), (1, 32, 4)])
def test_resnext_widths_are_rounded_down_before_groups_multiply(
    width: float, groups: int, width_per_group: int
) -> None:
    """torchvision 0.29.1, resnet.Bottleneck: int(planes · (base_width / 64)) · groups."""
    given = {"width": width, "groups": groups, "width_per_group": width_per_group, "resolution": 32}
    graph = member("resnet", given).graph
    index = graph.graph.index()
    for stage in range(4):
        planes = int(64 * 2**stage * width)
        inner: Any = graph.nodes[index[f"stage{stage}.0.conv2.conv"]].op
        assert inner.out_channels == int(planes * (width_per_group / 64)) * groups


@pytest.mark.parametrize("entry", REFERENCE["regnet_published"], ids=lambda entry: entry["name"])
def test_published_regnets(entry: dict[str, Any]) -> None:
    """To the last parameter and MAC what timm counts, and to the printed digit what pycls printed."""
    found = totals("regnet", entry["vars"])
    assert found == {"params": entry["params"], "macs": entry["macs"]}
    names = [other["name"] for other in REFERENCE["regnet_published"] if other["name"][:7] == entry["name"][:7]]
    printed = PUBLISHED[entry["name"][:7]].split()
    place = names.index(entry["name"])
    # pycls counts biases of gates among FLOPs, which is less than half a unit of the last digit printed.
    assert abs(found["macs"] / 1e9 - float(printed[2 * place])) < 0.051
    assert f"{found['params'] / 1e6:.1f}" == printed[2 * place + 1]


@pytest.mark.parametrize("space", ["regnet", "vgg", "resnet", "mobilenet"])
def test_random_members_are_those_of_torchvision(space: str) -> None:
    """Parameters and MACs to the last one: depths, widths, groups, blocks, multipliers, expansions, resolutions."""
    for entry in REFERENCE[space]:
        assert totals(space, entry["vars"]) == {"params": entry["params"], "macs": entry["macs"]}, entry["vars"]


@pytest.mark.parametrize(
    ("space", "variables", "name"),
    [
        ("vgg", {}, "vgg16"),
        ("vgg", {"depths": [2, 2, 4, 4, 4], "batchnorm": True}, "vgg19_bn"),
        ("resnet", {}, "resnet50"),
        ("resnet", {"block": "basic", "depths": [2, 2, 2, 2]}, "resnet18"),
        ("resnet", {"groups": 32, "width_per_group": 4}, "resnext50_32x4d"),
        ("resnet", {"width_per_group": 128, "depths": [3, 4, 23, 3]}, "wide_resnet101_2"),
        ("mobilenet", {}, "mobilenet_v2"),
        ("regnet", {"fit": "torchvision"}, "regnet_x_400mf"),
        ("regnet", {}, "regnet_x_400mf_pycls"),
    ],
)
def test_networks_of_the_zoo_are_members(space: str, variables: dict[str, Any], name: str) -> None:
    """Every operator with its arguments, in the same order, on the same shapes."""
    mine, theirs = member(space, variables).graph, load(name).graph
    assert [node.op for node in mine.nodes] == [node.op for node in theirs.nodes]
    assert [node.inputs for node in mine.nodes] == [node.inputs for node in theirs.nodes]
    assert mine.shapes == theirs.shapes


@pytest.mark.parametrize("name", SPACES)
def test_ranges_hold_the_defaults_and_span_valid_networks(name: str) -> None:
    """Each end of each range is a network, and so is what the spec begins with."""
    spec, problems = zoo.read(name)
    assert not problems
    assert spec.ranges
    for variable, values in spec.ranges.items():
        mine = plain(spec.variables[variable])
        assert mine in [*values]
        ends = (values.value(0), values.value(len(values) - 1)) if isinstance(values, Range) else values
        for end in ends:
            load(name, set={f"vars.{variable}": end, **({} if variable == "resolution" else {"vars.resolution": 64})})


def test_a_spec_of_ones_own_extends_a_space(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "archcalc: 1\nextends: spaces/mobilenet\nname: mine\nvars: {width: 0.5}\nranges: {width: [0.5, 1]}\n"
    )
    spec, problems = zoo.read(str(path))
    assert not problems
    assert spec.ranges["width"] == (0.5, 1)
    assert isinstance(spec.ranges["resolution"], Range)
    assert load(str(path)).graph.shapes[-1] == (1000,)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1:3", [1, 2, 3]),
        ("8:30:8", [8, 16, 24]),
        ("0.1:0.5:0.2", [0.1, 0.3, 0.5]),
        ("0:1:.25", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("5:5", [5]),
        ("-2:2:2", [-2, 0, 2]),
    ],
)
def test_ranges_are_exact(text: str, values: list[float]) -> None:
    """0.1, 0.3, 0.5 and no 0.30000000000000004; ints where all are."""
    found = parse_range(text)
    assert [*found] == values
    assert len(found) == len(values)
    assert [type(value) for value in found] == [type(value) for value in values]


NO_RANGES = ("", "5", "1:2:3:4", "3:1", "1:5:0", "1:5:-1", "0.5:2", "a:b", "1e3:1e4", "nan:inf", "1:9" + "9" * 30)


@pytest.mark.parametrize("text", NO_RANGES)
def test_no_ranges(text: str) -> None:
    with pytest.raises(SpecError, match=re.escape(text[:20]) or "range"):
        parse_range(text)
