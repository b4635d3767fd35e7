"""solve: the answer of exhaustive search, whatever is set free and however a quantity moves; and legal inputs."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.analysis.whole import Analysis
from archcalc.builder import Overrides
from archcalc.errors import ArchcalcError, UsageError
from archcalc.network import load, loads, overrides_of
from archcalc.space.answer import Solution
from archcalc.space.conditions import parse_condition
from archcalc.space.legal import legal_inputs, runs
from archcalc.space.members import Conventions, Members
from archcalc.space.quantities import NUMERIC, measure
from archcalc.space.solve import MOST, default_values, solve
from archcalc.spec import zoo
from archcalc.spec.ranges import parse_range


def members(network: str, target: str, changes: dict[str, str] | None = None, **conventions: Any) -> Members:
    spec, problems = zoo.read(network)
    assert not problems
    return Members(spec, overrides_of(None, changes or {}), target, Conventions(**conventions))


def solved(network: str, target: str, condition: str, values: Any, smallest: bool = False, **given: Any) -> Solution:
    conditions = tuple(parse_condition(part, NUMERIC) for part in condition.split("; "))
    values = parse_range(values) if isinstance(values, str) else values
    return solve(members(network, target, **given), values, conditions, smallest)


def exhaustive(network: str, change: str, condition: str, values: Any, smallest: bool = False) -> Any:
    """The answer by `load` and every value of the range: what the command line would give one after the other."""
    holding = []
    for value in values:
        given: dict[str, Any] = {"input": (3, value, value)} if change == "input" else {"set": {change: value}}
        try:
            found = load(network, **given)
        except ArchcalcError:
            continue
        values_of = measure(Analysis(found.spec, found.graph), NUMERIC)
        if all(parse_condition(part, NUMERIC).holds(values_of) for part in condition.split("; ")):
            holding.append(value)
    return (min if smallest else max)(holding) if holding else None


CASES = [
    ("mobilenet_v2", "width", "vars.width", "macs <= 600M", "0.2:2:0.1"),
    ("mobilenet_v2", "vars.width", "vars.width", "params < 2M; peak <= 4MiB", "0.1:2:0.1"),
    ("spaces/mobilenet", "divisor", "vars.divisor", "params < 3.5M", "1:40"),  # falls and rises with the divisor
    ("spaces/mobilenet", "divisor", "vars.divisor", "macs < 310M", "1:40"),
    ("spaces/regnet", "w_m", "vars.w_m", "params <= 5M", "1.5:3:0.05"),  # widths jump to other powers
    ("spaces/regnet", "group_width", "vars.group_width", "macs <= 400M", "1:32"),  # widths are fitted to groups
    ("spaces/regnet", "d", "vars.d", "macs <= 300M", "1:30"),
    ("resnet18", "width", "vars.width", "params <= 3M", "1:64"),
    ("resnet18", "input", "input", "macs <= 100M and peak > 100KiB", "20:80"),
    ("alexnet", "conv1.out_channels", "conv1.out_channels", "params <= 62M", "1:64"),
    ("alexnet", "conv1.stride", "conv1.stride", "macs <= 400M", "1:12"),
    ("alexnet", "input", "input", "params <= 20M or macs < 300M", "60:200"),
]


@pytest.mark.parametrize(("network", "target", "change", "condition", "values"), CASES)
@pytest.mark.parametrize("smallest", [False, True])
def test_the_answer_is_that_of_exhaustive_search(
    network: str, target: str, change: str, condition: str, values: str, smallest: bool
) -> None:
    """Of monotone quantities, and of those that floors and roundings make fall and rise."""
    every = [*parse_range(values)]
    expected = exhaustive(network, change, condition, every, smallest)
    found = solved(network, target, condition, values, smallest)
    assert (found.answer.value if found.answer else None) == expected
    if found.answer is not None:
        place = every.index(found.answer.value) + (-1 if smallest else 1)
        beyond = found.beyond.value if found.beyond else None
        assert beyond == (every[place] if 0 <= place < len(every) else None)


def test_a_quantity_that_falls_is_not_bisected() -> None:
    """Parameters rise and fall with the divisor, so that no search that halves the range is right for every limit."""
    sizes = {
        value: measure(members("spaces/mobilenet", "divisor").analysis(value), ["params"])["params"]
        for value in range(1, 41)
    }
    rises = [value for value in range(1, 40) if sizes[value] < sizes[value + 1]]
    falls = [value for value in range(1, 40) if sizes[value] > sizes[value + 1]]
    assert rises
    assert falls
    for limit in sorted(sizes.values())[::5]:
        found = solved("spaces/mobilenet", "divisor", f"params <= {limit}", "1:40")
        assert found.answer is not None
        assert found.answer.value == max(value for value in sizes if sizes[value] <= limit)


batch_terms = st.builds(
    lambda key, sign, limit, unit: f"{key} {sign} {limit}{unit if NUMERIC[key] == 'bytes' else ''}",
    st.sampled_from(["macs", "flops", "peak_activation_bytes", "memory_bytes", "activation_bytes", "params"]),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.integers(0, 3 * 10**8),
    st.sampled_from(["B", "KiB"]),
)
batch_conditions = st.recursive(
    batch_terms | st.just("macs < flops < params") | st.just("peak > weights") | st.just("macs == 416520"),
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: "({}) {} ({})".format(*parts)),
    ),
    max_leaves=4,
)


@settings(max_examples=80)
@given(batch_conditions, st.integers(1, 7), st.booleans())
def test_batches_are_found_between_crossings(condition: str, step: int, smallest: bool) -> None:
    """A handful of analyses give what all five hundred would, for any condition, in steps as well."""
    values = range(1, 501, step)
    one, two = (measure(members("lenet5", "batch").analysis(value), NUMERIC) for value in (1, 2))
    parsed = parse_condition(condition, NUMERIC)
    holding = [
        value
        for value in values
        if parsed.holds({key: one[key] + (value - 1) * (two[key] - one[key]) for key in NUMERIC})
    ]
    found = solved("lenet5", "batch", condition, f"1:500:{step}", smallest)
    assert (found.answer.value if found.answer else None) == ((min if smallest else max)(holding) if holding else None)
    assert found.tried < 60


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["lenet5", "mobilenet_v2", "vit_b_16"])
def test_every_quantity_is_a_line_in_the_batch(name: str, training: bool) -> None:
    """What the search between crossings rests on."""
    spec, _ = zoo.read(name)
    free = Members(spec, Overrides(training=training), "batch", Conventions())
    found = [measure(free.analysis(batch), NUMERIC) for batch in (1, 2, 3, 17, 1000)]
    for key in NUMERIC:
        slope = found[1][key] - found[0][key]
        assert [values[key] for values in found] == [found[0][key] + (b - 1) * slope for b in (1, 2, 3, 17, 1000)]


def test_what_binds_and_what_lies_beyond() -> None:
    """Of two conditions the one that fails a step further; of a chain the comparison that does."""
    found = solved("mobilenet_v2", "width", "macs <= 10G; 1M < params <= 4M", "0.1:2:0.1")
    assert found.answer is not None
    assert found.beyond is not None
    assert [term.text for term in found.binding] == ["params <= 4M"]
    assert found.answer.values["params"] <= 4_000_000 < found.beyond.values["params"]
    assert found.nearest is None


def test_without_an_answer_the_nearest_miss_is_told() -> None:
    """The worst condition decides: at width 0.1 both are missed, one by more."""
    found = solved("mobilenet_v2", "width", "params <= 1K; macs <= 1K", "0.1:0.5:0.1")
    assert found.answer is None
    assert found.nearest is not None
    assert found.nearest.value == 0.1
    found = solved("mobilenet_v2", "width", "params > 1G or macs < 0", "0.1:0.5:0.1")
    assert found.nearest is not None
    assert found.nearest.value == 0.5


def test_the_nearest_miss_of_a_negation_is_its_nearer_part() -> None:
    """`not (a and b)` needs one of them to fail: layers never do, parameters nearly at the smallest width."""
    found = solved("mobilenet_v2", "width", "not (params > 1M and layers > 10)", "0.1:0.5:0.1")
    assert found.answer is None
    assert found.nearest is not None
    assert found.nearest.value == 0.1


def test_values_that_give_no_network_are_no_answers() -> None:
    """Groups that do not divide are passed over, counted and shown."""
    found = solved("alexnet", "conv2.groups", "params < 1G", "1:10")
    assert found.answer is not None
    assert (found.answer.value, found.tried, found.impossible) == (8, 10, 6)  # 96 and 256 have 1, 2, 4 and 8 in common
    assert found.beyond is not None
    assert (found.beyond.value, found.binding) == (9, ())
    assert "groups do not divide" in found.beyond.problem
    assert found.example is not None
    assert "groups do not divide" in found.example.problem
    nothing = solved("alexnet", "input", "params < 1G", "1:20")
    assert (nothing.answer, nothing.nearest, nothing.impossible) == (None, None, 20)


def test_changes_and_conventions_hold_for_every_member() -> None:
    """--set and --dtype are there while the width changes."""
    given = {"changes": {"vars.classes": "10"}, "dtype": "int8"}
    found = solved("mobilenet_v2", "width", "weights <= 1MiB", "0.1:2:0.05", **given)
    assert found.answer is not None
    network = load("mobilenet_v2", set={"vars.classes": 10, "vars.width": found.answer.value})
    analysis = Analysis(network.spec, network.graph, dtype="int8")
    assert analysis.memory.weight_bytes == found.answer.values["weight_bytes"] <= 2**20


def test_an_element_of_a_list() -> None:
    found = solved("resnet50", "depths[2]", "params <= 45M", "1:40")
    assert found.answer is not None
    assert found.answer.value == 23  # ResNet-101 has 44.5M
    assert found.answer.values["params"] == 44_549_160  # torchvision 0.29.1


@pytest.mark.parametrize(
    ("network", "target", "words"),
    [
        ("resnet50", "widht", "and width_per_group"),
        ("resnet18", "widht", "'width'"),
        ("resnet50", "depths", "depths\\[0\\] … depths\\[3\\]"),
        ("resnet50", "depths[4]", "it has 4"),
        ("resnet18", "width[0]", "no list"),
        ("alexnet", "conv1.strid", "'stride'"),
        ("alexnet", "conv9.stride", "'conv"),
    ],
)
def test_unknown_targets(network: str, target: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        members(network, target)


def test_what_is_tried_by_default() -> None:
    """The ranges of a space, else whole numbers around the present one; decimals have to be said."""
    assert default_values(members("spaces/regnet", "w_0")) == parse_range("8:256:8")
    assert default_values(members("spaces/resnet", "groups")) == [1, 2, 4, 8, 16, 32, 64]
    assert default_values(members("resnet18", "width")) == range(1, 257)
    assert default_values(members("resnet18", "input")) == range(1, 1025)
    assert default_values(members("resnet18", "batch")) == range(1, 2**20 + 1)
    with pytest.raises(UsageError, match="--range"):
        default_values(members("mobilenet_v2", "width"))
    with pytest.raises(UsageError, match="no numbers"):
        default_values(members("spaces/resnet", "block"))


def test_too_many_values_are_refused() -> None:
    """Before the first of them is tried; batches are not tried one by one."""
    with pytest.raises(UsageError, match=f"{MOST + 1:,} values"):
        solved("lenet5", "input", "macs < 1M", f"1:{MOST + 1}")
    assert solved("lenet5", "batch", "macs < 1T", "1:1000000000").answer is not None


def unread(text: str, size: int) -> bool | None:
    """Whether any pixel of a map is read by no window, by marking each place that a window covers; None: no network."""
    try:
        network = loads(text, input=(1, size, size))
    except ArchcalcError:
        return None
    return any(
        len(covered) < shape[-1]
        for node, shapes in ((node, network.graph.inputs(node)) for node in network.graph.nodes)
        for shape in shapes
        for covered in _covered(node.op, shape[-1])
    )


def _covered(op: Any, size: int) -> Iterator[set[int]]:
    if getattr(op, "kernel_size", None) is None:
        return
    kernel, stride, padding = op.kernel_size, op.stride, op.padding
    stride = kernel if stride == "kernel_size" else stride
    if stride > kernel:
        return
    starts = range(-padding, size + padding - kernel + 1, stride)
    places = {start + step for start in starts for step in range(kernel)}
    if getattr(op, "ceil_mode", False):
        places |= {*range(size)}
    yield {place for place in places if 0 <= place < size}


windows = st.tuples(
    st.sampled_from(["conv", "maxpool", "maxpool ceil"]), st.integers(1, 5), st.integers(1, 4), st.integers(0, 2)
)


@settings(max_examples=25)
@given(st.lists(windows, min_size=1, max_size=4))
def test_legal_inputs_are_those_whose_every_pixel_is_read(layers: list[tuple[str, int, int, int]]) -> None:
    """Against marking every place; and tables say nothing about them."""
    lines = ["archcalc: 1", "name: n", "input: [1, 99, 99]", "layers:"]
    for kind, kernel, stride, padding in layers:
        padding = min(padding, kernel // 2)
        more = f"kernel_size: {kernel}, stride: {stride}, padding: {padding}"
        more += ", out_channels: 1" if kind == "conv" else ", ceil_mode: true" if kind.endswith("ceil") else ""
        lines.append(f"  - {kind.split()[0]}: {{{more}}}")
    text = "\n".join(lines)
    sizes = range(1, 60)
    try:
        graph = loads(text).graph.graph
    except ArchcalcError:
        return
    found = legal_inputs(graph, sizes)
    verdicts = {size: unread(text, size) for size in sizes}
    assert list(found.whole) == [size for size in sizes if verdicts[size] is False]
    assert found.impossible == sum(verdict is None for verdict in verdicts.values())
    assert {*found.exact} <= {*found.whole}
    for size in found.whole:
        assert [*loads(text, input=(1, size, size)).graph.notes()] == []


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        # Keras' and TensorFlow's rule for networks of stride 32 with odd kernels: 193, 225, 257, … (32·k + 1).
        ("resnet50", range(129, 513, 32)),
        ("alexnet", range(131, 513, 32)),  # 227 and not 224: the lecture's point
        ("vgg16", range(128, 513, 32)),
    ],
)
def test_known_legal_inputs(name: str, exact: range) -> None:
    assert [*legal_inputs(load(name).graph.graph, range(100, 513)).exact] == [*exact]


@given(st.integers(1, 40), st.sets(st.integers(0, 39), min_size=1, max_size=4), st.integers(0, 100))
def test_runs_tell_every_size_and_no_other(step: int, offsets: set[int], low: int) -> None:
    """What is printed as step·k + offset is exactly the list, whatever pattern it has."""
    wanted = {offset % step for offset in offsets}
    high = low + 5 * step + 10
    sizes = [size for size in range(low, high + 1) if size % step in wanted]
    found = runs(sizes, high)
    told = sorted(size for run in found for size in run.sizes)
    assert told == sizes
    if sizes and found[0].step:
        offsets_told = {(run.step, run.offset) for run in found}
        spelt = [n for n in range(sizes[0], high + 1) if any(n % s == o for s, o in offsets_told)]
        assert spelt == sizes


def test_sizes_without_a_pattern() -> None:
    (run,) = runs([3, 4, 9, 11, 12], 20)
    assert (run.step, run.sizes) == (0, (3, 4, 9, 11, 12))
    assert runs([], 20) == []
