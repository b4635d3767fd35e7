"""Every output format carries the same numbers, and how a table is shown changes none of them."""

import functools
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.render.cells import cell_text
from archcalc.views.columns import COLUMNS

from . import reading
from .running import spec, succeed
from .sample import SAMPLE

NETS = ("lenet5", "alexnet_2gpu", "nin_imagenet", "resnet18", "googlenet", "fractalnet20", "densenet121")
COMMANDS = ("summary", "shapes", "params", "macs", "memory", "rf", "explain")
ALL = ("--top", "100000")  # in one flat list, in the order of execution
BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}

LAYER_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "op": str,
    "inputs": list,
    "output": list,
    "params": int,
    "buffers": int,
    "macs": int,
    "flops": int,
    "activation_bytes": int,
    "receptive_field": (list, type(None)),
    "effective_stride": (list, type(None)),
    "effective_padding": (list, type(None)),
}
TOTAL_KEYS = (
    "params",
    "buffers",
    "macs",
    "flops",
    "weight_bytes",
    "activation_bytes",
    "peak_activation_bytes",
)

nets = st.sampled_from(NETS)
columns = st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, unique=True).map(
    lambda keys: tuple(key for key in keys if key != "layer") or ("params",)
)


@functools.cache
def document(*arguments: str) -> dict[str, Any]:
    """The JSON of a command, computed once a test process."""
    return reading.contract(succeed(*arguments, "--format", "json"))


@functools.cache
def exact(net: str) -> list[dict[str, str]]:
    """Every column there is, from CSV."""
    return reading.csv_rows(succeed("summary", net, "--columns", ",".join(COLUMNS), "--format", "csv"))


def shown(row: dict[str, str], key: str) -> list[str]:
    """The exact cell of a column; one text an axis, each once where all are equal."""
    cells = [row[name] for name in (key, f"{key}_d", f"{key}_h", f"{key}_w") if name in row]
    return cells[:1] if len({*cells}) == 1 else cells


def agrees(text: str, key: str, row: dict[str, str]) -> bool:
    """Whether a cell of a text format tells what the exact one does."""
    kind, cells = COLUMNS[key].column.kind, shown(row, key)
    if kind in ("shape", "text", "prose"):
        return text.replace(" ", "").replace("×", "x") == cells[0].replace(" ", "").replace("×", "x")
    if kind == "pair":
        parts = text.split("×") if text else [""]
        return len(parts) == len(cells) and all(
            part == cell or abs(float(part) - float(cell)) <= 1e-5 * abs(float(cell))
            for part, cell in zip(parts, cells, strict=True)
        )
    if kind == "percent":
        return reading.tells(text, float(cells[0]) * 100)
    return reading.tells(text, int(cells[0]))


@settings(max_examples=40)
@given(net=nets, keys=columns, kind=st.sampled_from(sorted(reading.GRIDS)), si=st.booleans())
def test_formats_carry_the_same_numbers(net: str, keys: tuple[str, ...], kind: str, si: bool) -> None:
    """Any column of any network, in plain text, markdown, LaTeX and HTML, against the exact CSV."""
    options = ("--columns", ",".join(keys), *ALL, "--format", kind, *(["--si"] if si else []))
    grid = reading.GRIDS[kind](succeed("summary", net, *options))
    rows = [row for row in grid.rows if row[0] != "total"]
    assert len(grid.head) == len(keys) + 1
    assert len(rows) == len(exact(net))
    for texts, row in zip(rows, exact(net), strict=True):
        names = {row["layer"], f"{row['layer']} ({row['type']})"}
        assert texts[0] in names
        for text, key in zip(texts[1:], keys, strict=True):
            assert agrees(text, key, row), (row["layer"], key, text, shown(row, key))


@pytest.mark.parametrize("net", SAMPLE)
def test_csv_is_the_contract_in_rows(net: str) -> None:
    """CSV and JSON tell the same of each layer, in the same order."""
    keys = {
        "params": "params",
        "buffers": "buffers",
        "macs": "macs",
        "flops": "flops",
        "activations": "activation_bytes",
    }
    fields = {"rf": "receptive_field", "stride": "effective_stride", "padding": "effective_padding"}
    for row, layer in zip(exact(net), document("summary", net)["layers"], strict=True):
        assert (row["layer"], row["type"]) == (layer["name"], layer["op"])
        assert row["output"] == "x".join(map(str, layer["output"]))
        assert {key: row[key] for key in keys} == {key: str(layer[theirs]) for key, theirs in keys.items()}
        for key, theirs in fields.items():
            said = [row[f"{key}_h"], row[f"{key}_w"]]
            # What has no numbers is told in words: JSON has null and a note, CSV a word.
            words = {"global", "none", "?"}
            assert (
                all(cell in words for cell in said)
                if layer[theirs] is None
                else said
                == [str(value) if value is not None else cell for value, cell in zip(layer[theirs], said, strict=True)]
            )


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "explain"])
@pytest.mark.parametrize("net", ["lenet5", "resnet18"])
def test_csv_has_exact_integers(command: str, net: str) -> None:
    """No separators, no units, no rounding; a row for every layer, whatever would have been folded."""
    rows = reading.csv_rows(succeed(command, net, "--format", "csv"))
    assert [row["layer"] for row in rows] == [layer["name"] for layer in document(command, net)["layers"]]
    for row in rows:
        for key, text in row.items():
            if key in COLUMNS and COLUMNS[key].column.kind in ("count", "amount", "bytes"):
                assert re.fullmatch(r"[0-9]+", text), (row["layer"], key)


@pytest.mark.parametrize(
    "head", ["input: [784]", "input: [1, 28]", "input: [1, 8, 8]", "input: [1, 4, 8, 8]"], ids=lambda head: head[7:]
)
def test_csv_rows_are_as_long_as_their_heading(head: str) -> None:
    """On inputs of any number of axes."""
    text = spec("relu", "flatten", "linear: {out_features: 3}", head=head)
    for command in ("summary", "rf"):
        assert len(reading.csv_rows(succeed(command, "-", "--format", "csv", stdin=text))) == 4


@settings(max_examples=25)
@given(
    net=nets,
    depth=st.none() | st.integers(1, 4),
    sort=st.sampled_from([None, "layer", "params", "macs", "values"]),
    top=st.none() | st.integers(1, 30),
    fold=st.booleans(),
    keys=st.permutations(["params", "macs", "values", "output", "rf"]),
    flags=st.sets(st.sampled_from(["--si", "--ascii"])),
)
def test_display_options_change_no_total(
    net: str, depth: int | None, sort: str | None, top: int | None, fold: bool, keys: list[str], flags: set[str]
) -> None:
    """Depth, order, number of rows, folding, columns and signs are about looks; the sums stay, in text and in JSON."""
    options = [*sorted(flags), "--columns", ",".join(keys), "--fold" if fold else "--no-fold"]
    for option, value in (("--depth", depth), ("--sort", sort), ("--top", top)):
        options += [option, str(value)] if value else []
    *_, last = reading.plain(succeed("summary", net, *options)).rows
    assert last[0] == "total"
    sums = dict(zip(keys, last[1:], strict=True))
    layers = document("summary", net)["layers"]
    assert sums["params"] == f"{sum(layer['params'] for layer in layers):,}"
    assert sums["values"] == f"{sum(layer['activation_bytes'] for layer in layers) // 4:,}"
    assert reading.tells(sums["macs"], sum(layer["macs"] for layer in layers))
    told = reading.contract(succeed("summary", net, *options, "--format", "json"))
    assert told["totals"] == document("summary", net)["totals"]
    assert len(told["layers"]) == len(layers)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_keeps_the_contract(command: str) -> None:
    """The same document from each; a command may add keys and changes none."""
    added = document(command, "resnet18")
    assert added | document("summary", "resnet18") == added


@pytest.mark.parametrize("net", SAMPLE)
def test_the_contract(net: str) -> None:
    """Keys and types of design section 5; totals are the sums of the layers."""
    batch, dtype = 3, "float16"
    told = document("summary", net, "--batch", str(batch), "--dtype", dtype, "--model", "all")
    assert (told["network"], told["batch"], told["dtype"]) == (net, batch, dtype)
    assert all(isinstance(text, str) and text for text in told["conventions"].values())
    assert "all" in told["conventions"]["activation_bytes"]
    totals, layers = told["totals"], told["layers"]
    assert {*TOTAL_KEYS} <= {*totals}
    assert all(type(totals[key]) is int for key in TOTAL_KEYS)
    for key in ("params", "buffers", "macs", "flops", "activation_bytes"):
        assert totals[key] == sum(layer[key] for layer in layers), key
    assert totals["weight_bytes"] == (totals["params"] + totals["buffers"]) * BYTES[dtype]
    assert told["input"] == layers[0]["output"]
    names: set[str] = set()
    for layer in layers:
        check_layer(layer, len(told["input"]) - 1)
        assert {*layer["inputs"]} <= names, "execution order"
        names.add(layer["name"])
        read = sum(other["activation_bytes"] for other in layers if other["name"] in layer["inputs"])
        assert totals["peak_activation_bytes"] >= layer["activation_bytes"] + read
    assert len(names) == len(layers)


def check_layer(layer: dict[str, Any], axes: int) -> None:
    """The keys of one layer and their types; a receptive field is a number an axis, or null with a note."""
    assert {*LAYER_KEYS} <= {*layer}
    for key, kind in LAYER_KEYS.items():
        assert isinstance(layer[key], kind), (layer["name"], key)
        assert not isinstance(layer[key], bool), (layer["name"], key)
    assert all(type(size) is int and size > 0 for size in layer["output"])
    fields = [layer[key] for key in ("receptive_field", "effective_stride", "effective_padding")]
    for field in fields:
        assert field is None or len(field) == axes
    if any(field is None or None in field for field in fields):
        assert layer.get("note"), layer["name"]


@pytest.mark.parametrize(
    "text",
    [
        spec("linear: {out_features: 3}", head="input: [784]"),
        spec("parameter: {name: p, shape: [3, 16, 16]}", "add: {inputs: [input, p]}"),
        spec("conv: {out_channels: 4, kernel_size: [3, 5], stride: [1, 2]}", "upsample: {scale_factor: 2}"),
        spec("conv: {out_channels: 4, kernel_size: 3}", head="input: [1, 40]"),
        spec("conv: {out_channels: 4, kernel_size: 3}", head="input: [1, 9, 10, 11]"),
        spec("permute: {dims: [0, 1, 3, 2]}", "conv: {out_channels: 4, kernel_size: 3}"),
    ],
    ids=["vector", "parameter", "axes", "1d", "3d", "permuted"],
)
def test_the_contract_beyond_the_zoo(text: str) -> None:
    """Inputs without or with other axes, layers that see nothing: null always comes with a note."""
    told = reading.contract(succeed("rf", "-", "--format", "json", stdin=text))
    for layer in told["layers"]:
        check_layer(layer, len(told["input"]) - 1)


@pytest.mark.parametrize(("option", "base", "unit"), [((), 1024, "MiB"), (("--si",), 1000, "MB")])
def test_bytes_are_binary_unless_asked(option: tuple[str, ...], base: int, unit: str) -> None:
    """VGG-16 has 553,430,176 bytes of weights: 527.8 MiB, or 553.4 MB with --si; never the other kind beside it."""
    text = succeed("memory", "vgg16", *option)
    assert f"{553_430_176 / base**2:.1f} {unit}" in text
    assert bool(re.search(r"[KMG]iB\b", text)) == (base == 1024)
    assert bool(re.search(r"[kMG]B\b", text)) == (base == 1000)


def test_a_bare_flops_is_never_a_mac() -> None:
    """Wherever FLOPs are told, so is what they are: 2·MACs and everything else."""
    for options in ((), ("--per-layer",), ("--format", "markdown"), ("--format", "html")):
        assert "2·MACs" in succeed("macs", "lenet5", *options)


@given(value=st.integers(0, 10**16), si=st.booleans())
def test_amounts_and_bytes_are_near_and_short(value: int, si: bool) -> None:
    """What is printed is within half a unit of its last digit, below the next unit, and never 1000.0K."""
    sizes = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "": 1, "B": 1}
    sizes |= {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
    for text, base in ((cell_text(value, "amount"), 1000), (cell_text(value, "bytes", si), 1000 if si else 1024)):
        number, unit = re.fullmatch(r"([0-9.]+) ?([A-Za-z]*)", text).groups()  # type: ignore[union-attr]
        digit = 10.0 ** -len(number.partition(".")[2])
        assert abs(float(number) * sizes[unit] - value) <= 0.5001 * digit * sizes[unit]
        assert float(number) < base or unit[:1] == "T"
