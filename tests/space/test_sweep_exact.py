"""A row of a sweep is the analysis of that variant by itself: for every column, and for what is impossible."""

import gc
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcalc
from archcalc.builder.arguments import arguments_of
from archcalc.errors import ArchcalcError
from archcalc.space import engine
from archcalc.space.quantities import QUANTITIES
from archcalc.space.sweep import Chunk, Sweep
from archcalc.views.document import document

# One of each kind of structure: chains, pools rounded up, joins, gates, groups, dense concatenation, attention,
# recursion, branches of a repeat, split networks, expressions of every sort.
NETWORKS = (
    *("alexnet", "alexnet_2gpu", "lenet5", "vgg11", "nin_cifar10", "squeezenet1_1", "googlenet", "inception_v3"),
    *("resnet18", "resnet20_cifar", "resnext29_8x64d", "se_resnet50", "wrn_16_4", "densenet_40_12", "densenet121"),
    *("mobilenet_v2", "mobilenet_v3_small", "mnasnet1_0", "efficientnet_b0", "shufflenet_v2_x1_0", "regnet_y_400mf"),
    *("fractalnet_c3", "vit_b_16", "convnext_tiny", "xception", "zfnet", "dpn92"),
)
INTS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 30, 32, 33, 48, 64, 100, 128)


def reference(name: str, settings: dict[str, Any], model: Any, training: bool) -> dict[str, Any] | str:
    """The columns of one variant by the way of `archcalc summary`, or what is wrong with it."""
    given_ = dict(settings)
    size, batch, dtype = given_.pop("input", None), given_.pop("batch", 1), given_.pop("dtype", "float32")
    given_ = {name if "." in name else f"vars.{name}": value for name, value in given_.items()}
    try:
        shape = None
        if isinstance(size, int):
            own = archcalc.load(name).graph.input_shape
            shape = (own[0], *[size] * (len(own) - 1))
        elif size is not None:
            shape = size
        network = archcalc.load(name, input=shape, set=given_, training=training)
        analysis = archcalc.analyse(network, batch, dtype, model, training)
    except ArchcalcError as error:
        return str(error)
    found = document(analysis)
    totals = {key: value for key, value in found["totals"].items() if key in QUANTITIES}
    memory = totals["weight_bytes"] + totals["peak_activation_bytes"]
    fields = [layer["receptive_field"] for layer in found["layers"] if layer["receptive_field"]]
    last = next((size for size in fields[-1] if size is not None), None) if fields else None
    texts = {"input": found["input"], "output": found["layers"][-1]["output"]}
    return {
        **totals,
        "memory_bytes": memory,
        "layers": len(found["layers"]) - 1,
        "depth": QUANTITIES["depth"].of(analysis),  # no other place has it
        "receptive_field": last,
        **{key: "x".join(map(str, sizes)) for key, sizes in texts.items()},
    }


def check(name: str, changes: dict[str, list[Any]], model: Any = "peak", training: bool = False) -> tuple[int, int]:
    """Hold every variant of a grid against its own analysis; how many are possible and how many are not."""
    sweep = archcalc.sweep(name, changes, model=model, training=training)
    variants = [dict(zip(changes, values, strict=True)) for values in itertools.product(*changes.values())]
    assert sweep.count == len(variants)
    chunks = list(sweep)
    rows = {number: place for place, number in enumerate(_numbers(chunks))}
    columns = {key: [value for part in chunks for value in part.rows.columns[key].tolist()] for key in sweep.columns}
    impossible = {row: found for part in chunks for found in part.impossible for row in found.rows}
    firsts = {min(found.rows): found for found in impossible.values()}
    assert sorted([*rows, *impossible]) == list(range(len(variants)))
    for number, variant in enumerate(variants):
        expected = reference(name, variant, model, training)
        if isinstance(expected, str):
            assert number in impossible, (variant, expected)
            if number in firsts:
                assert "\n".join(map(str, firsts[number].problems)) == expected
        else:
            assert number in rows, (variant, impossible[number].problems)
            for key in sweep.question.keys:
                got = columns[key][rows[number]]
                assert (got, type(got)) == (expected[key], type(expected[key])), (key, variant)
    return len(rows), len(impossible)


def _numbers(chunks: list[Chunk]) -> Iterator[int]:
    for part in chunks:
        yield from part.rows.numbers.tolist()


@pytest.fixture(autouse=True)
def _no_way_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a pass cannot be made, variants are analysed one by one: right, slow, and not to happen to the zoo."""
    original = engine._one_by_one

    def watched(question: engine.Question, points: engine.Points) -> Iterator[engine.Answer | engine.Impossible]:
        assert points.count <= engine.FEW, f"no pass for {engine.settings_of(question, points.one())} and others"
        return original(question, points)

    monkeypatch.setattr(engine, "_one_by_one", watched)


@st.composite
def changes(draw: Any) -> tuple[str, dict[str, list[Any]]]:
    """A network, and two or three targets of it with a few values each; many of them are impossible."""
    name = draw(st.sampled_from(NETWORKS))
    network = archcalc.load(name)
    found: dict[str, list[Any]] = {}
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["variable", "variable", "argument", "input", "batch", "dtype"]))
        if kind == "variable":
            found |= draw(_variable(network))
        elif kind == "argument":
            found |= draw(_argument(network))
        elif kind == "input":
            own = network.graph.input_shape[-1]
            found["input"] = draw(
                st.lists(st.integers(max(1, own // 4), own + 40), min_size=3, max_size=4, unique=True)
            )
        elif kind == "batch":
            found["batch"] = draw(st.lists(st.integers(1, 300), min_size=2, max_size=3, unique=True))
        else:
            found["dtype"] = ["float32", "int8"]
    return name, found


@st.composite
def _variable(draw: Any, network: archcalc.Network) -> dict[str, list[Any]]:
    """Values near the one that a variable has, of its type."""
    spec = network.spec
    plain = {
        name: tree.value
        for name, tree in spec.variables.items()
        if hasattr(tree, "value") and not str(tree.value).startswith("=")
    }
    if not plain:
        return {"batch": [1, 2, 3]}
    name = draw(st.sampled_from(sorted(plain)))
    value = plain[name]
    if isinstance(value, bool):
        values = [True, False]
    elif isinstance(value, int):
        near = st.integers(max(0, value - 3), value + 3) if value < 10 else st.integers(1, 2 * value)
        values = draw(st.lists(near, min_size=3, max_size=4, unique=True))
    elif isinstance(value, float):
        values = draw(st.lists(st.integers(1, 40).map(lambda k: k / 16), min_size=3, max_size=4, unique=True))
    else:
        values = [value, *(draw(st.sampled_from(["1x1", "3x3", "pycls"])) for _ in range(1))]
    return {f"vars.{name}": list(dict.fromkeys(values))}


@st.composite
def _argument(draw: Any, network: archcalc.Network) -> dict[str, list[Any]]:
    """Numbers for an argument of a layer."""
    nodes = [node for node in network.graph.nodes if "." not in node.name[-2:] and node.op.keyword != "input"]
    node = draw(st.sampled_from(nodes))
    names = [name for name in arguments_of(type(node.op)) if isinstance(getattr(node.op, name), int)]
    if not names:
        return {"batch": [1, 2, 3]}
    name = draw(st.sampled_from(names))
    if isinstance(getattr(node.op, name), bool):
        return {f"{node.name}.{name}": [True, False]}
    return {f"{node.name}.{name}": draw(st.lists(st.sampled_from(INTS), min_size=3, max_size=4, unique=True))}


@settings(max_examples=25)
@given(changes())
def test_rows_are_the_analyses_of_variants(given_: tuple[str, dict[str, list[Any]]]) -> None:
    check(*given_)


CASES: list[tuple[str, dict[str, list[Any]], tuple[int, int]]] = [
    # Depth, an `if`, and a text part variants; widths and sizes do not.
    (
        "resnet50",
        {
            "depths": [[3, 4, 6, 3], [2, 2, 2, 2], [1, 2]],
            "stride_on": ["1x1", "3x3"],
            "input": [64, 97, 224],
            "cifar": [False, True],
        },
        (36, 0),
    ),
    # Groups that do not divide; every channel count is impossible for some.
    (
        "resnext50_32x4d",
        {"groups": [1, 3, 32, 40], "stage1.0.conv2.conv.groups": [1, 6, 32], "batch": [1, 7]},
        (14, 10),
    ),
    # Kernels larger than their input, at several depths of the network.
    ("squeezenet1_1", {"input": list(range(1, 40))}, (23, 16)),
    # Whole shapes of several kinds beside sizes.
    ("vgg11", {"input": [(3, 224, 224), (1, 64, 96), 32, (3, 7, 7)], "classes": [2, 3, 4]}, (9, 3)),
    # Heads that do not divide the features, tokens by image.
    ("vit_b_16", {"heads": [1, 5, 12], "dim": [96, 768], "image": [32, 48]}, (8, 4)),
    # Widths by `divisible`, as floats.
    ("mobilenet_v3_small", {"width": [0.25, 0.5, 0.75, 1.0, 1.3], "input": [96, 224]}, (10, 0)),
    # A layer that only deeper variants have.
    ("resnet18", {"depths": [[2, 2, 2, 2], [3, 2, 2, 2]], "stage0.2.conv1.conv.out_channels": [64, 65]}, (2, 2)),
    # Numbers beyond 64 bits are exact.
    ("vgg11", {"conv1_1.out_channels": [64, 10**15, 10**17], "batch": [1, 2**30]}, (6, 0)),
]


@pytest.mark.parametrize(
    ("name", "changes_", "counts"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_cases(name: str, changes_: dict[str, list[Any]], counts: tuple[int, int]) -> None:
    assert check(name, changes_) == counts


SPACES = {
    "spaces/regnet": {"d": [13, 14], "w_0": "16:48:8", "w_a": "20:24:0.5", "w_m": "2:2.6", "group_width": [8, 16]},
    "spaces/mobilenet": {},
    "spaces/vgg": {},
    "spaces/resnet": {},
    "mobilenet_v2": {"width": "log:0.1:2.0", "input": "96:256"},
    "efficientnet_b0": {"width": "0.5:2.0", "input": "32:300", "batch": "1:9"},
}


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("method", ["uniform", "sobol"])
def test_drawn_variants(name: str, method: str) -> None:
    """Points that lie anyhow, decimals among them: a row is what `--set` gives for the values that stand in it."""
    sweep = archcalc.sweep(name, SPACES[name], sample=400, seed=5, method=method)
    (chunk,) = sweep
    impossible = {row for found in chunk.impossible for row in found.rows}
    assert len(chunk.rows) + len(impossible) == 400
    points = sweep.points(0)
    places = {number: place for place, number in enumerate(chunk.rows.numbers.tolist())}
    for number in range(0, 400, 32):
        texts = engine.settings_of(sweep.question, points.one(number))
        settings_ = {key: int(text) if key in ("batch", "input") else text for key, text in texts.items()}
        expected = reference(name, settings_, "peak", False)
        assert isinstance(expected, str) == (number in impossible)
        if isinstance(expected, dict):
            for key in sweep.question.keys:
                assert chunk.rows.columns[key].tolist()[places[number]] == expected[key], (key, texts)
            for key, text in texts.items():
                value = chunk.rows.columns[key].tolist()[places[number]]
                assert (value == float(text)) if isinstance(value, float) else (str(value) == text)


@pytest.mark.parametrize("name", ["googlenet_aux", "mobilenet_v2", "densenet_40_12", "vit_b_16", "resnet18"])
def test_models_of_memory_and_training(name: str) -> None:
    """Auxiliary heads are there in training only, dropout and batch norm cost more then; each model counts its own."""
    sizes = {"image": [32, 64, 96]} if name == "vit_b_16" else {"input": [32, 200, 224, 240]}
    for model, training in (("lecture", False), ("all", True), ("peak", True)):
        possible, impossible = check(name, {**sizes, "batch": [1, 5]}, model, training)
        assert possible >= 6
        assert possible + impossible == 2 * len(next(iter(sizes.values())))


def test_chunks_are_the_grid_in_order() -> None:
    """However the grid is cut, rows are those of the whole, in its order."""
    changes_ = {"width_per_group": list(range(32, 65, 8)), "groups": [1, 3], "input": [64, 65, 66], "batch": [1, 2]}
    whole = archcalc.sweep("resnet50", changes_).chunk(0).rows
    for size in (1, 4, 5, 7, 12, 13, 40, 60):
        sweep = archcalc.sweep("resnet50", changes_, chunk=size)
        parts = [part.rows for part in sweep]
        assert max(len(part) for part in parts) <= size
        for key, column in whole.columns.items():
            assert np.concatenate([part.columns[key] for part in parts]).tolist() == column.tolist()


def test_what_cannot_be_done_at_once_is_done_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact that keys a set on a size has no many at once; the rows are right all the same."""
    from archcalc.ops import OPS

    monkeypatch.undo()
    asked = []

    def keyed(self: Any, inputs: Any) -> Iterator[Any]:
        asked.append(len({*inputs[0]}))
        return iter(())

    monkeypatch.setattr(OPS["tanh"], "check", keyed)
    assert check("lenet5", {"input": [32, 40, 48], "classes": [2, 3]}) == (6, 0)
    assert asked


def test_passes_are_few() -> None:
    """What makes it fast: one pass for all widths and sizes of a structure, whatever their number."""
    sweep: Sweep = archcalc.sweep("resnet50", {"width_per_group": range(32, 257, 8), "input": range(96, 225, 8)})
    found = list(engine.answers(sweep.question, sweep.points(0), sweep.layers))
    assert [answer.points.count for answer in found if isinstance(answer, engine.Answer)] == [29 * 17]


def test_the_collector_is_on_while_a_chunk_is_worked_out() -> None:
    """The command line switches it off for its short runs; graphs have cycles, and millions of variants have memory."""
    seen = []
    sweep = archcalc.sweep("lenet5", {"classes": [1, 2, 3]})
    gc.disable()
    try:
        sweep.chunk(0, lambda share: seen.append(gc.isenabled()))
        assert seen
        assert all(seen)
        assert not gc.isenabled()
    finally:
        gc.enable()
