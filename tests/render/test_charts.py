"""Charts hold the numbers of the analyses: read back from their Vega-Lite and compared with sums of our own."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc import extras
from archcalc.analysis.receptive_field import Field
from archcalc.analysis.roofline import roofline
from archcalc.analysis.timeline import Tensor, Timeline, inference_timeline
from archcalc.analysis.training import training_memory
from archcalc.analysis.whole import Analysis
from archcalc.errors import UsageError
from archcalc.network import load
from archcalc.render import charts
from archcalc.render.beside import Frame, places
from archcalc.space.hardware import read_hardware
from archcalc.views import charts as views

NETWORKS = ("lenet5", "vgg16", "resnet50", "googlenet_aux", "densenet_40_12", "vit_b_16")


def analysis_of(name: str) -> Analysis:
    found = load(name)
    return Analysis(found.spec, found.graph)


def rows(spec: dict[str, Any], *fields: str) -> list[dict[str, Any]]:
    """The data of the layers of a chart that have these fields."""
    found = []
    for layer in spec.get("layer", [spec]):
        data = layer.get("data", spec.get("data"))
        values = spec["datasets"][data["name"]] if "name" in data else data["values"]
        found += [row for row in values if set(fields) <= set(row)]
    return [dict(row) for row in {tuple(row.items()): None for row in found}]


def titles(spec: dict[str, Any]) -> set[str]:
    """The names of all axes."""
    return {
        encoding[axis]["title"]
        for layer in spec["layer"]
        if (encoding := layer.get("encoding", {}))
        for axis in ("x", "y")
        if encoding.get(axis, {}).get("title")
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_piles_are_what_is_alive(name: str) -> None:
    analysis = analysis_of(name)
    timeline = inference_timeline(analysis.graph)
    data = views.memory_over_time(analysis, timeline, "peak")
    spec = charts.memory_over_time(data).to_dict()
    bands = rows(spec, "low", "high")
    for step, layer in enumerate(timeline.steps):
        pile = sorted((band["low"], band["high"]) for band in bands if band["step"] == step)
        alive = sum(t.bytes for t in timeline.tensors if t.first <= step <= t.last)
        assert sum(high - low for low, high in pile) == alive == analysis.memory.layers[step].alive_bytes
        assert all(below[1] == above[0] for below, above in pairwise(pile)), "no gaps in a pile"
        assert {band["layer"] for band in bands if band["step"] == step} <= {layer}
    for tensor in timeline.at(timeline.peak_step())[: views.NAMED]:
        name = tensor.name if tensor.kind == "activation" else f"{tensor.name} ({tensor.kind})"
        at = [band["step"] for band in bands if band["name"] == name]
        assert sorted(at) == list(range(tensor.first, tensor.last + 1))
    (peak,) = rows(spec, "text", "bytes")
    assert peak["bytes"] == analysis.memory.peak_bytes
    assert timeline.steps[int(peak["step"])] == analysis.memory.peak_layer
    assert f"{analysis.memory.peak_bytes:,}" in peak["text"]
    assert "alive, bytes" in titles(spec)


def test_a_training_step_stands_on_what_is_there_all_the_time() -> None:
    analysis = analysis_of("resnet50")
    found = training_memory(analysis.graph, 2, "float32", "adam")
    data = views.memory_over_time(analysis, found.timeline, "train", found.constant_bytes)
    assert data.peak_bytes == found.peak_bytes
    assert data.peak_layer == found.peak_step
    assert max(band.high for band in data.bands) == found.peak_bytes
    ground = [band for band in data.bands if band.name == "weights and optimizer"]
    assert len(ground) == len(found.timeline.steps)
    assert {(band.low, band.high) for band in ground} == {(0, found.constant_bytes)}


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 10**12)), max_size=20),
    st.integers(0, 10**6),
)
@settings(deadline=None, max_examples=25)
def test_piles_of_any_timeline(spans: list[tuple[int, int, int]], constant: int) -> None:
    """Names may be alike: tensors of one name are not one tensor."""
    tensors = tuple(
        Tensor(f"t{i % 3}", "activation", size, min(a, b), max(a, b)) for i, (a, b, size) in enumerate(spans)
    )
    timeline = Timeline(tuple(f"s{i}" for i in range(10)), tensors)
    data = views.memory_over_time(analysis_of("lenet5"), timeline, "peak", constant)
    for step, alive in enumerate(timeline.alive()):
        assert sum(band.high - band.low for band in data.bands if band.step == step) == alive + constant
    assert data.peak_bytes == timeline.peak() + constant
    charts.memory_over_time(data).to_dict()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("of", views.SHARED)
@pytest.mark.parametrize("depth", [None, 1, 2, 99])
def test_bars_sum_to_the_total(name: str, of: str, depth: int | None) -> None:
    analysis = analysis_of(name)
    total = {"params": analysis.params.params, "macs": analysis.cost.macs}[of]
    spec = charts.shares(views.shares(analysis, of, depth)).to_dict()
    bars = rows(spec, "name", "value")
    assert sum(bar["value"] for bar in bars) == total
    assert all(f"{bar['value']:,}" in bar["text"] for bar in bars)
    if depth == 99:
        layers = analysis.params.layers if of == "params" else analysis.cost.layers
        values = {layer.name: getattr(layer, of) for layer in layers if getattr(layer, of)}
        assert {bar["name"]: bar["value"] for bar in bars} == values
    if depth is None:
        assert len(bars) <= views.MOST_BARS or not any("." in bar["name"] for bar in bars)


@pytest.mark.parametrize("name", NETWORKS)
def test_fields_are_those_of_the_analysis(name: str) -> None:
    analysis = analysis_of(name)
    spec = charts.field_growth(views.field_growth(analysis)).to_dict()
    points = rows(spec, "size", "layer")
    expected = {layer.name: layer.axes[0].size for layer in analysis.fields.layers if isinstance(layer.axes[0], Field)}
    assert {point["layer"]: point["size"] for point in points if point["axis"] == "height"} == expected
    (marked,) = rows(spec, "size", "text")
    assert marked == {"size": analysis.graph.input_shape[1], "text": f"input: {analysis.graph.input_shape[1]}"}
    assert "receptive field, pixels of the input" in titles(spec)


def test_axes_that_see_differently_have_lines_of_their_own() -> None:
    found = load("vgg16", input="3x224x160")
    spec = charts.field_growth(views.field_growth(Analysis(found.spec, found.graph))).to_dict()
    assert {row["axis"] for row in rows(spec, "axis")} == {"height", "width"}
    assert {row["size"] for row in rows(spec, "text", "size")} == {224, 160}


@pytest.mark.parametrize("processor", ["a100", "stm32h743"])
def test_points_lie_on_the_roof(processor: str) -> None:
    """min(peak, bandwidth · intensity), for each layer that computes (Williams et al. 2009)."""
    analysis = Analysis(load("resnet50").spec, load("resnet50").graph, dtype="float32")
    hardware = read_hardware(processor)
    roof = roofline(analysis, hardware)
    spec = charts.roofline(views.roofline_points(analysis, roof)).to_dict()
    points = rows(spec, "layer", "rate")
    assert {point["layer"] for point in points} == {c.name for c in analysis.cost.layers if c.flops}
    for point in points:
        bound = min(hardware.peak["float32"], hardware.bandwidth * point["intensity"])
        assert math.isclose(point["rate"], bound, rel_tol=1e-9)
    assert math.isclose(sum(point["seconds"] for point in points), roof.seconds, rel_tol=1e-9)
    assert titles(spec) == {"arithmetic intensity, FLOPs a byte moved", "attainable, FLOP/s"}
    slowest = sorted(points, key=lambda point: -point["seconds"])[:6]
    assert {row["text"] for row in rows(spec, "side")} == {point["layer"] for point in slowest}


ACCURATE = ("resnet18", "resnet50", "vgg16", "mobilenet_v2", "densenet121", "efficientnet_b0")


def test_bubbles_are_the_networks_with_their_sources() -> None:
    analyses = [analysis_of(name) for name in ACCURATE]
    data = views.bubbles(analyses)
    spec = charts.bubbles(data).to_dict()
    for analysis, row in zip(analyses, rows(spec, "params"), strict=True):
        (top1,) = [p for p in analysis.spec.published if p.metric == "top1"][:1]
        assert row["name"] == analysis.spec.title
        assert (row["accuracy"], row["macs"], row["params"]) == (
            top1.value,
            analysis.cost.macs,
            analysis.params.params,
        )
    said = " ".join(line.strip() for line in data.heading.lines)
    words = {
        word
        for analysis in analyses
        for p in analysis.spec.published
        if p.metric == "top1"
        for word in p.source.split()
    }
    assert all(word in said for word in words)
    (sizes,) = [layer["encoding"]["size"]["scale"] for layer in spec["layer"] if "size" in layer.get("encoding", {})]
    assert sizes["domain"][0] == sizes["range"][0] == 0, "areas are proportional to parameters"
    assert titles(spec) == {"operations of one forward pass, MACs", "Top-1 accuracy on ImageNet-1K, %"}


def test_who_has_no_accuracy_is_said_of_all() -> None:
    with pytest.raises(UsageError) as error:
        views.bubbles([analysis_of(name) for name in ("lenet5", "resnet50", "nin_cifar10")])
    assert [problem.message for problem in error.value.problems] == [
        "lenet5 has no published Top-1 accuracy",
        "nin_cifar10 has no published Top-1 accuracy",
    ]


def test_accuracies_of_two_datasets_do_not_compare() -> None:
    with pytest.raises(UsageError, match="several datasets") as error:
        views.bubbles([analysis_of(name) for name in ("resnet50", "resnet20_cifar")])
    assert "ImageNet-1K: resnet50" in str(error.value.problems[0])


@given(st.lists(st.tuples(st.integers(1, 10**11), st.floats(0, 100), st.integers(0, 10**9)), min_size=1, max_size=12))
@settings(deadline=None, max_examples=20)
def test_any_networks_have_a_chart(found: list[tuple[int, float, int]]) -> None:
    bubbles = tuple(
        views.Bubble(f"net{i}", accuracy, macs, params, "") for i, (macs, accuracy, params) in enumerate(found)
    )
    spec = charts.bubbles(views.Bubbles(views.Heading("", ()), "", bubbles)).to_dict()
    frame = Frame.around(bubbles, charts.WIDTH, charts.HEIGHT)
    for bubble in bubbles:
        x, y = frame.pixel(bubble)
        assert 0 <= x <= charts.WIDTH
        assert 0 <= y <= charts.HEIGHT
    assert len(rows(spec, "params")) == len(bubbles)


def test_names_do_not_lie_on_one_another() -> None:
    """Ten networks at nearly the same place still have ten names that can be read."""
    bubbles = tuple(views.Bubble(f"network {i}", 75 + i / 50, 10**9, 10**6, "") for i in range(10))
    frame = Frame.around(bubbles, charts.WIDTH, charts.HEIGHT)
    boxes = []
    for bubble, (align, dx, dy) in zip(bubbles, places(bubbles, frame), strict=True):
        x, y = frame.pixel(bubble)
        width = 6 * len(bubble.name)
        left = x + dx - {"left": 0, "center": width / 2, "right": width}[align]
        boxes.append((left, y + dy - 6, left + width, y + dy + 6))
    for i, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:i]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


@pytest.mark.parametrize(("ground", "paper"), [("light", "#ffffff"), ("dark", "#121212"), ("page", "transparent")])
def test_grounds(ground: charts.Ground, paper: str) -> None:
    spec = charts.shares(views.shares(analysis_of("lenet5"), "params"), ground).to_dict()
    assert spec["background"] == paper
    assert spec["config"]["axis"]["labelColor"] != paper


def test_charts_are_the_same_every_time() -> None:
    specs = [charts.shares(views.shares(analysis_of("resnet50"), "macs")).to_json() for _ in range(2)]
    assert specs[0] == specs[1]


def test_a_missing_altair_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    data = views.shares(analysis_of("lenet5"), "params")
    monkeypatch.setattr(extras.importlib, "import_module", missing)
    with pytest.raises(UsageError) as error:
        charts.shares(data)
    assert str(error.value.problems[0]) == (
        "a chart needs the package altair, which is not installed; pip install 'archcalc[plot]'"
    )
