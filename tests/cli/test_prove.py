"""What `archcalc prove` tells, in every format, and how it ends; what it proves is held in tests/forward."""

import io
import json
import re
from pathlib import Path

import msgspec
import pytest

from archcalc import analyse, ops, prove
from archcalc.cli.progress import Bar
from archcalc.forward.claims import KINDS
from archcalc.network import load
from archcalc.ops.base import Work
from archcalc.render import terminal
from archcalc.views import proof as views

from . import reading
from .running import run, run_on_terminal, spec, succeed

pytestmark = pytest.mark.usefixtures("one_thread")

ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
RESHAPED = spec("conv: {out_channels: 4, kernel_size: 3}", "reshape: {shape: [4, 196]}", "relu")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> object:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions of 5×5 say that they are a row higher than they are, and cost 1 % more."""
    windows, work = ops.Conv.windows, ops.Conv.work

    def higher(self: ops.Conv, inputs: ops.base.Shapes, output: ops.base.Shape) -> object:
        ((channels, *axes),) = windows(self, inputs, output)
        if self.kernel_size == 5:
            axes[0] = msgspec.structs.replace(axes[0], kernel=6)
        return ((channels, *axes),)

    def dearer(self: ops.Conv, inputs: ops.base.Shapes, output: ops.base.Shape) -> Work:
        true = work(self, inputs, output)
        return Work(true.macs * 101 // 100, true.adds) if self.kernel_size == 5 else true

    monkeypatch.setattr(ops.Conv, "windows", higher)
    monkeypatch.setattr(ops.Conv, "work", dearer)


def test_everything_agrees() -> None:
    """A line a kind of claim, the numbers of the whole, and what was compared."""
    text = succeed("prove", "lenet5")
    grid = reading.plain(text)
    assert text.startswith("LeNet-5: predicted against observed\ninput 1×32×32 · batch 1 · float32 · weights and")
    assert [title.strip() for title in grid.head] == ["Claim", "Agree", "Not observed", "Predicted", "Observed"]
    assert grid.rows == [
        ["shape", "12 of 12", "0", "", ""],
        ["MACs", "5 of 5", "0", "416,520", "416,520"],
        ["RF", "12 of 12", "0", "16", "16"],
        ["bytes alive", "12 of 12", "0", "37,632", "37,632"],
    ]
    assert "Claims that agree  45  about layers and the whole; none disagrees" in text
    assert "note: most is alive while tanh1 runs; numpy's allocator says the same to the byte" in text
    assert "note: fields were seen on the network's own map and on 6 strips of its layers, up to 1×28×16" in text


def test_per_layer() -> None:
    """What was observed of each layer, above the summary."""
    text = succeed("prove", "lenet5", "--per-layer")
    above, below = text.split("LeNet-5: predicted against observed")
    grid = reading.plain(above)
    assert [row[0] for row in grid.rows] == [
        f"{node.name} ({node.op.keyword})" if node.name != node.op.keyword else node.name
        for node in load("lenet5").graph.nodes[1:]
    ]
    assert grid.rows[3] == ["conv2 (conv)", "16×10×10", "240,000", "14", "2", "0", "11,104", "the same"]
    assert "12 of 12" in below


@pytest.mark.usefixtures("lies")
def test_what_disagrees_comes_first() -> None:
    """The layer, what was predicted and what was observed; the exit code is 1."""
    result = run("prove", "lenet5")
    assert (result.code, result.err) == (1, "")
    above, below = result.out.split("LeNet-5: predicted against observed")
    assert above.startswith("LeNet-5: what disagrees\n")
    rows = reading.plain(above).rows
    assert rows[0] == ["conv1 (conv)", "MACs", "118,776", "117,600", ""]
    assert rows[1][:4] == ["conv1 (conv)", "RF", "size 6×5", "size 5"]
    assert re.fullmatch(r"height: unit \d+ sees \d+ to \d+, not \d+ to \d+", rows[1][4])
    assert {row[0] for row in rows} == {f"{name}" for name in _seven()}
    assert ["MACs", "3 of 5", "0", "420,096", "416,520"] in reading.plain(below).rows
    assert "22 agree" not in below
    assert re.search(r"Claims that agree +\d+ +about layers and the whole; 9 disagree", below)


def _seven() -> list[str]:
    return [
        *("conv1 (conv)", "tanh1 (tanh)", "pool1 (avgpool)"),
        *("conv2 (conv)", "tanh2 (tanh)", "pool2 (avgpool)"),
    ]


@pytest.mark.usefixtures("lies")
def test_layers_that_disagree_come_first() -> None:
    """With what was predicted of them."""
    result = run("prove", "lenet5", "--per-layer", "--claims", "macs,rf")
    assert result.code == 1
    rows = reading.plain(result.out.split("LeNet-5: predicted")[0]).rows
    assert [row[0] for row in rows][:6] == _seven()
    assert rows[0][-1].startswith("MACs 118,776; RF size 6×5 (height: unit ")
    assert {row[-1] for row in rows[6:]} == {"the same"}


@pytest.mark.usefixtures("lies")
def test_not_more_than_can_be_read() -> None:
    """Of each network the first ones, and how many more there are."""
    result = run("prove", "-", "lenet5", stdin=spec("conv: {out_channels: 2, kernel_size: 5}", *["relu"] * 30))
    assert result.code == 1
    above, below = result.out.split("\nPredicted against observed")
    rows = reading.plain(above).rows
    assert [sum(row[0] == name for row in rows) for name in ("tiny", "lenet5")] == [views.MOST, 8]
    assert "note: tiny: 12 more disagree; --per-layer shows every layer" in above
    assert [row[:2] for row in reading.plain("\n" + below).rows][::4] == [["tiny", "shape"], ["lenet5", "shape"]]


def test_several_networks_and_files(tmp_path: Path) -> None:
    """In the order of the command line, with their names."""
    path = tmp_path / "own.yaml"
    path.write_text(spec("conv: {out_channels: 4, kernel_size: 3}", "relu"), "utf-8")
    text = succeed("prove", "lenet5", str(path), "--claims", "shape,macs")
    assert reading.plain(text).rows == [
        ["lenet5", "shape", "12 of 12", "0", "", ""],
        ["lenet5", "MACs", "5 of 5", "0", "416,520", "416,520"],
        ["tiny", "shape", "2 of 2", "0", "", ""],
        ["tiny", "MACs", "1 of 1", "0", "21,168", "21,168"],
    ]


def test_what_is_not_observed_has_a_reason() -> None:
    """It is told, counted apart, and no failure."""
    text = succeed("prove", "-", stdin=RESHAPED)
    assert ["RF", "1 of 1", "2", "3", "3"] in reading.plain(text).rows
    assert "note: reshape, relu: RF not observed: reshape deals the units out anew" in text
    layers = reading.plain(succeed("prove", "-", "--per-layer", stdin=RESHAPED)).rows
    assert layers[-1][-1] == "RF not observed (reshape deals the units out anew)"


def test_json() -> None:
    """Everything, exact: of the whole, and of every layer."""
    (document,) = json.loads(succeed("prove", "lenet5", "--format", "json", "--seed", "5"))["proofs"]
    assert (document["network"], document["seed"], document["agrees"]) == ("lenet5", 5, True)
    assert document["claims"]["rf"] == {"agree": 12, "disagree": 0, "not_observed": 0}
    assert document["totals"]["macs"] == {"predicted": 416520, "observed": 416520, "agrees": True}
    assert set(document["totals"]) == {"macs", "peak", "peak_layer", "allocated"}
    layers = {layer["name"]: layer for layer in document["layers"]}
    field = {"size": 14, "stride": 2, "padding": 0}
    assert layers["conv2"]["claims"]["rf"] == {"predicted": [field, field], "observed": [field, field], "agrees": True}
    assert layers["fc1"]["claims"]["rf"]["observed"] == ["global", "global"]
    assert layers["fc1"]["claims"]["shape"]["observed"] == [120]
    assert [1, 28, 16] in document["strips"]


def test_json_of_what_is_not_observed() -> None:
    """Null, with the reason; a fraction of a stride is a number."""
    layers = ("reshape: {shape: [3, 16, 16]}", "upsample: {scale_factor: 2, inputs: input}")
    (document,) = json.loads(succeed("prove", "-", "--format", "json", stdin=spec(*layers)))["proofs"]
    reshaped, upsampled = (layer["claims"]["rf"] for layer in document["layers"])
    assert (reshaped["observed"], reshaped["agrees"]) == ([None, None], None)
    assert reshaped["remark"] == "reshape deals the units out anew"
    assert upsampled["observed"][0] == {"size": 1, "stride": 0.5, "padding": 0}


def test_csv() -> None:
    """A row a claim."""
    rows = reading.csv_rows(succeed("prove", "lenet5", "lenet5_digits", "--format", "csv"))
    assert {row["network"] for row in rows} == {"lenet5", "lenet5_digits"}
    assert {row["claim"] for row in rows} == set(KINDS)
    assert {row["verdict"] for row in rows} == {"agrees"}
    (conv2,) = [row for row in rows if (row["network"], row["layer"], row["claim"]) == ("lenet5", "conv2", "macs")]
    assert (conv2["type"], conv2["predicted"], conv2["observed"]) == ("conv", "240000", "240000")


@pytest.mark.parametrize("kind", reading.GRIDS)
def test_formats(kind: str, tmp_path: Path) -> None:
    """The same rows in each, on a pipe and in a file."""
    text = succeed("prove", "lenet5", "--claims", "macs", "--format", kind)
    (row,) = reading.GRIDS[kind](text).rows
    assert row == ["MACs", "5 of 5", "0", "416,520", "416,520"]
    path = tmp_path / "proof"
    assert succeed("prove", "lenet5", "--claims", "macs", "--format", kind, "-o", str(path)) == ""
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize("columns", [80, 140])
@pytest.mark.parametrize("words", [{}, {"NO_COLOR": "1"}])
def test_tables_fit_the_terminal(columns: int, words: dict[str, str]) -> None:
    """Whatever is shown; what is left out is named, and no option that the command does not have."""
    commands = ["prove lenet5", "prove lenet5 --per-layer", "prove resnet20_cifar lenet5 --claims shape,macs,memory"]
    for result in run_on_terminal(columns, *(tuple(command.split()) for command in commands), **words):
        assert result.code == 0
        text = ESCAPE.sub("", result.out.rpartition("\r")[2])
        assert [line for line in text.split("\n") if len(line) > columns] == []
        assert "--columns" not in text
        assert "12 of 12" in text
        codes = {code for code, end in ESCAPE.findall(result.out) if end == "m"}
        assert ("1;36" in codes) != ("NO_COLOR" in words)


@pytest.mark.usefixtures("lies")
@pytest.mark.parametrize("columns", [80, 140])
def test_what_disagrees_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both values are there at any width; the remark goes on in further lines."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "50")
    analyses = [analyse(name) for name in ("lenet5", "alexnet")]
    for table in views.tables([views.proven(one, prove(one.graph, ["macs", "rf"])) for one in analyses], False):
        stream = io.StringIO()
        terminal.render(table, stream)
        lines = ESCAPE.sub("", stream.getvalue()).split("\n")
        assert max(map(len, lines)) <= columns
        assert all(title in lines[3] for title in ("Predicted", "Observed"))
    (first, *_) = views.tables([views.proven(analyses[0], prove(analyses[0].graph, ["macs"]))], False)
    assert [row.cells[2:4] for row in first.rows] == [("118,776", "117,600"), ("242,400", "240,000")]


def test_ascii_only() -> None:
    assert succeed("prove", "lenet5", "--per-layer", "--ascii").isascii()


def test_each_network_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is told how far its proof has come. When a bar is drawn at all is its own affair."""
    told: dict[str, list[float]] = {}

    class Recorder(Bar):
        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.shares = told.setdefault(text, [])

        def __call__(self, share: float) -> None:
            self.shares.append(share)

    monkeypatch.setattr("archcalc.cli.prove.Bar", Recorder)
    succeed("prove", "lenet5", "lenet_caffe_mnist")
    assert list(told) == ["proving lenet5", "proving lenet_caffe_mnist"]
    assert [shares[-1] for shares in told.values()] == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "Missing argument 'NET...'"),
        ("lenet5 --claims shape,mac", "there is no claim 'mac'; did you mean 'macs'?"),
        ("lenet5 --claims ,", "--claims names no claim; shape, macs, rf, memory"),
        ("lenet5 lenet", "there is no network 'lenet'"),
        ("lenet5 --seed one", "'one' is not a valid integer"),
        ("lenet5 --input 1x2", "is larger than its input"),
    ],
)
def test_what_cannot_be_asked(arguments: str, says: str) -> None:
    result = run("prove", *arguments.split())
    assert (result.code, result.out) == (2, "")
    assert says in result.err
