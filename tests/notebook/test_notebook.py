"""What a notebook shows of the API's results: HTML whose tables hold the numbers of the results."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import archcalc
from archcalc.network import Network

KNOWN = {"div", "table", "caption", "strong", "span", "thead", "tbody", "tr", "th", "td", "ul", "li"}


class Reader(HTMLParser):
    """The tables of a fragment, cell by cell; every element that is opened has to be closed in its order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {
            "div",
            "table",
            "caption",
            "strong",
            "span",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "ul",
            "li",
            "svg",
        }
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open[-1:] in (["th"], ["td"]):
            self.rows[-1][-1] += data


def shown(result: Any) -> Reader:
    reader = Reader(result._repr_html_())
    assert len({len(row) for row in reader.rows}) == 1
    return reader


def test_an_analysis() -> None:
    found = archcalc.analyse("alexnet", batch=4)
    reader = shown(found)
    assert len(reader.rows) == 2 + len(found.graph.nodes)  # titles, and the sums
    assert "batch 4" in reader.text
    at = reader.rows[0].index("Params")
    assert [row[at] for row in reader.rows[1:-1]] == [f"{layer.params:,}" for layer in found.params.layers]
    assert reader.rows[-1][at] == f"{found.params.params:,}"


def test_a_network() -> None:
    network = archcalc.load("vgg16")
    assert isinstance(network, Network)
    assert "138,357,544" in shown(network).text
    text = "archcalc: 1\nname: t\ninput: [3, 8, 8]\nlayers: [{conv: {out_channels: 5, kernel_size: 3}}]\n"
    assert f"{5 * 3 * 3 * 3 + 5:,}" in shown(archcalc.loads(text)).text


def test_a_difference() -> None:
    before, after = archcalc.analyse("resnet18"), archcalc.analyse("resnet34")
    found = archcalc.difference(before, after)
    reader = shown(found)
    assert [row[1] for row in reader.rows[-3:]] == ["before", "after", "change"]
    assert len(reader.rows) == 1 + len(found.parts) + 3
    assert "ResNet-18" in reader.text


def test_explanations() -> None:
    net = archcalc.analyse("alexnet")
    found = archcalc.explain_layer(net, "conv1")
    reader = shown(found)
    assert len(reader.rows) == 1 + sum(1 + len(section.steps) for section in found.sections)
    assert any("(227 − 11 + 2·0)//4 + 1" in cell for row in reader.rows for cell in row)
    assert f"{net.params.params:,}" in shown(archcalc.explain_network(net)).text


def test_what_is_analysed_may_be_a_name_or_a_network() -> None:
    """One that is not there is an error as everywhere, and no name is one of the library's own mistakes."""
    names, networks = ("resnet18", "resnet34"), (archcalc.load("resnet18"), archcalc.load("resnet34"))
    expected = archcalc.difference(*map(archcalc.analyse, names))
    for sides in (names, networks):
        assert shown(archcalc.difference(*sides)).rows == shown(expected).rows
    assert (
        archcalc.explain_layer("alexnet", "conv1").sections
        == archcalc.explain_layer(archcalc.analyse("alexnet"), "conv1").sections
    )
    assert archcalc.explain_network(networks[0]).title == archcalc.explain_network("resnet18").title
    with pytest.raises(archcalc.UsageError, match="did you mean 'resnet18'"):
        archcalc.difference("resnet19", "resnet34")


def test_a_run() -> None:
    image = Path(__file__).parents[1] / "forward" / "images" / "7.png"
    pytest.importorskip("PIL")
    found = archcalc.run("lenet5_digits", image=image)
    reader = shown(found)
    (guesses,) = found.top()
    assert str(guesses[0].label or guesses[0].index) in reader.rows[1]
    spread = archcalc.run(archcalc.loads("archcalc: 1\nname: t\ninput: [3, 8, 8]\nlayers: [relu]\n"), timed=False)
    assert "Std. deviation" in shown(spread).rows[0]


def tables(result: Any) -> list[list[list[str]]]:
    """The rows of each table."""
    parts = result._repr_html_().split("</div>\n")
    return [Reader(part + "</div>\n").rows for part in parts if part.strip()]


def test_a_proof() -> None:
    found = archcalc.prove("lenet5", kinds=("shape", "macs"))
    layers, summary = tables(found)
    assert len(layers) == 1 + len(found.layers)
    assert {row[-1] for row in layers[1:]} == {"the same"}
    at = layers[0].index("MACs")
    assert [row[at] for row in layers[1:]] == [
        f"{layer.macs:,}" for layer in archcalc.analyse("lenet5").cost.layers[1:]
    ]
    assert len(summary) == 1 + 2
    assert "lenet5" in Reader(found._repr_html_()).text
    assert "lenet5" in Reader(archcalc.prove(archcalc.load("lenet5").graph, ("shape",))._repr_html_()).text


def test_closed_forms() -> None:
    pytest.importorskip("sympy")
    found = archcalc.formula("resnet18", over=["classes"])
    (rows,) = tables(found)
    assert found.best.at()["params"] == 11_689_512  # torchvision's resnet18
    params = next(row for row in rows if row[0] == "Params")
    assert "classes" in params[1]
    assert params[2] == "11,689,512"


def test_a_sweep_is_looked_at_no_further_than_is_shown() -> None:
    found = archcalc.sweep("resnet18", {"classes": "10:20:5"}, columns=("classes", "params"))
    assert [row[0] for row in shown(found).rows[1:]] == ["10", "15", "20"]
    assert "worked out" not in shown(found).text
    many = archcalc.sweep("lenet5", {"input": range(32, 1032)}, columns=("input", "params"), chunk=60)
    worked_out: list[int] = []
    original = type(many).chunk

    def counted(self: Any, number: int, *rest: Any) -> Any:
        worked_out.append(number)
        return original(self, number, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(many), "chunk", counted)
        reader = shown(many)
    assert worked_out == [0, 1]
    assert len(reader.rows) == 1 + 100
    assert f"{1000 - 120:,} variants are worked out when they are asked for" in reader.text


def test_pictures(tmp_path: Path) -> None:
    """An SVG that says what it is of; saved it is what the command writes."""
    analysis = archcalc.analyse("lenet5", batch=4)
    for picture, words in (
        (archcalc.plot(analysis, "timeline", model="train", optimizer="adam"), "train, adam"),
        (archcalc.plot(analysis, "params"), "61,706"),
        (archcalc.plot("lenet5", depth=1), "LeNet-5"),
        (archcalc.plot(archcalc.load("lenet5"), "rf", dark=True), "receptive field"),
        (archcalc.plot(["resnet18", "vgg16"], "bubble"), "VGG-16"),
    ):
        root = ElementTree.fromstring(picture._repr_svg_())  # noqa: S314 - it is ours
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert words in " ".join("".join(text.itertext()) for text in root.iter())
        picture.save(tmp_path / "x.svg")
        assert (tmp_path / "x.svg").read_text("utf-8") == picture.svg


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("no picture 'drawin'", {"what": "drawin"}),
        ("no model of a timeline 'arenas'", {"what": "timeline", "model": "arenas"}),
        ("no optimizer 'adamm'", {"what": "timeline", "model": "train", "optimizer": "adamm"}),
        ("no scratch 'im2'", {"what": "timeline", "model": "arena", "scratch": "im2"}),
        ("depth is not about rf; what=drawing, params or macs", {"what": "rf", "depth": 2}),
        ("fold is not about rf; what=drawing", {"what": "rf", "fold": False}),
        ("optimizer is not about the model peak; model=train", {"what": "timeline", "optimizer": "adam"}),
        ("a roofline is that of a processor; on=a100, ", {"what": "roofline"}),
        ("rf is a picture of one network; what=bubble compares several", {"what": "rf", "networks": ["vgg11"] * 2}),
        ("there is no network to picture", {"networks": []}),
        ("there is no network to picture", {"networks": [], "what": "bubble"}),
    ],
)
def test_pictures_that_there_are_not(words: str, options: dict[str, Any]) -> None:
    """Options are written as in Python."""
    with pytest.raises(archcalc.UsageError, match=f"(^|^there is ){words}"):
        archcalc.plot(**{"networks": "lenet5", **options})


def test_hostile_texts_stay_texts() -> None:
    title = "<script>alert(1)</script> & <b>bold</b>"
    text = f"archcalc: 1\nname: t\ntitle: '{title}'\ninput: [3, 8, 8]\nlayers: [relu]\n"
    assert title in shown(archcalc.loads(text)).text


def test_looking_is_free_until_it_happens() -> None:
    """No renderer is loaded by an analysis that nobody looks at."""
    code = "import sys, archcalc; archcalc.analyse('lenet5').params; print([n for n in sys.modules if 'render' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, {}, "a sweep changes something; set says what, such as width=32:256:8"),
        ({"clases": "1:3"}, {}, "set clases:1:1: 'lenet5' has no variable 'clases'"),
        ({"classes": "log:1:5"}, {}, "sample=N draws"),
        ({"classes": "1:3"}, {"where": "parms < 3"}, "where:1:1: there is no quantity 'parms'"),
    ],
)
def test_errors_of_a_sweep_are_written_as_python_is(
    changes: dict[str, str], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(archcalc.ArchcalcError) as found:
        archcalc.sweep("lenet5", changes, **options)
    assert said in str(found.value)
    assert "--" not in str(found.value)
