"""plot, and compare --plot: files of every kind, whole or not at all."""

import json
import re
import struct
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from archcalc import extras
from archcalc.network import load
from archcalc.render import pictures

from .running import run, succeed

PICTURES = [
    ("drawing", "resnet50", "--depth", "2"),
    ("timeline", "vgg16"),
    ("timeline", "lenet5", "--model", "train", "--optimizer", "adam"),
    ("timeline", "densenet_40_12", "--model", "arena", "--reorder"),
    ("timeline", "resnet18", "--model", "train", "--mixed", "--checkpoint", "2"),
    ("timeline", "lenet5", "--model", "arena", "--scratch", "im2col"),
    ("rf", "vgg16"),
    ("params", "alexnet"),
    ("macs", "resnet50", "--depth", "1", "--dark"),
    ("roofline", "resnet50", "--on", "t4"),
    ("bubble", "resnet18", "resnet50", "vgg16", "--metric", "top5"),
]


def texts(path: Path) -> list[str]:
    """What can be read on an SVG."""
    root = ElementTree.parse(path).getroot()  # noqa: S314 - it is ours
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(("what", "arguments"), [(what, arguments) for what, *arguments in PICTURES])
def test_every_picture_as_svg(what: str, arguments: list[str], tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    assert succeed("plot", *arguments, "--what", what, "-o", str(path)) == ""
    title = "Accuracy over operations" if what == "bubble" else load(arguments[0]).spec.title
    assert any(text.startswith(title) for text in texts(path))
    again = tmp_path / "again.svg"
    succeed("plot", *arguments, "--what", what, "-o", str(again))
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("what", ["drawing", "params"])
def test_png_has_the_size_of_the_picture_twice_over(what: str, tmp_path: Path) -> None:
    png, svg = tmp_path / "x.png", tmp_path / "x.SVG"
    for path in (png, svg):
        succeed("plot", "alexnet", "--what", what, "-o", str(path))
    data = png.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    box = re.search(r'viewBox="0 0 (\S+) (\S+)"', svg.read_text("utf-8"))
    assert box is not None
    for pixels, length in zip(struct.unpack(">II", data[16:24]), box.groups(), strict=True):
        assert abs(pixels - 2 * float(length)) <= 2


@pytest.mark.parametrize("what", ["drawing", "params"])
def test_pdf(what: str, tmp_path: Path) -> None:
    succeed("plot", "lenet5", "--what", what, "-o", str(tmp_path / "x.pdf"))
    data = (tmp_path / "x.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert b"%%EOF" in data[-32:]


class Tags(HTMLParser):
    """The tags of a page, and what they fetch; the texts of scripts are no tags."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.elsewhere += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]


@pytest.mark.parametrize("what", ["drawing", "params"])
def test_html_asks_the_network_for_nothing(what: str, tmp_path: Path) -> None:
    succeed("plot", "lenet5", "--what", what, "-o", str(tmp_path / "x.html"))
    page = (tmp_path / "x.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    tags = Tags()
    tags.feed(page)
    assert not tags.elsewhere
    assert {"html", "svg" if what == "drawing" else "script"} <= tags.seen
    assert "LeNet-5" in page
    assert what == "drawing" or re.search(r'"editor":\s*false', page), "nor does a menu lead there"


def test_compare_draws_what_plot_draws(tmp_path: Path) -> None:
    networks = ("resnet18", "resnet50", "vgg16")
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    succeed("compare", *networks, "--plot", "-o", str(one))
    succeed("plot", *networks, "--what", "bubble", "-o", str(other))
    assert one.read_bytes() == other.read_bytes()
    assert {load(network).spec.title for network in networks} <= set(texts(one))


WRONG = [
    (
        ("plot", "lenet5", "-o", "x.gif"),
        "the ending '.gif' says no kind of picture; there is .html, .pdf,",
    ),
    (("plot", "lenet5", "-o", "x.pngg"), "the ending '.pngg' says no kind of picture; did you mean '.png'?"),
    (("plot", "lenet5", "-o", "picture"), "'picture' without an ending says no kind of picture"),
    (("plot", "lenet5", "-o", "no/such/x.svg"), "'no/such/x.svg' cannot be written: No such file or directory"),
    (
        ("plot", "lenet5", "alexnet", "-o", "x.svg"),
        "drawing is a picture of one network; --what bubble",
    ),
    (("plot", "lenet5", "--what", "bubble", "-o", "x.svg"), "lenet5 has no published Top-1 accuracy"),
    (("plot", "lenet5", "--what", "roofline", "-o", "x.svg"), "a roofline is that of a processor; --on a100,"),
    (("plot", "lenet5", "--what", "roofline", "--on", "a1000", "-o", "x.svg"), "did you mean 'a100'?"),
    (("plot", "lenet5", "--what", "rf", "--depth", "1", "-o", "x.svg"), "--depth is not about rf"),
    (("plot", "lenet5", "--model", "train", "-o", "x.svg"), "--model is not about drawing; --what timeline"),
    (("plot", "lenet5", "--what", "timeline", "--optimizer", "adam", "-o", "x.svg"), "--model train"),
    (
        ("plot", "lenet5", "--what", "timeline", "--model", "train", "--reorder", "-o", "x.svg"),
        "--reorder is not about",
    ),
    (("plot", "lenet6", "-o", "x.svg"), "there is no network 'lenet6'"),
    (("compare", "lenet5", "resnet50", "--plot", "-o", "x.png"), "lenet5 has no published Top-1 accuracy"),
    (("compare", "resnet50", "--plot"), "--plot writes a picture, and needs to be told where; -o compared.png"),
    (("compare", "resnet50", "--plot", "--by", "stage", "-o", "x.png"), "options of tables have no say in it"),
    (("compare", "resnet50", "--plot", "-o", "x.csv"), "the ending '.csv' says no kind of picture"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), WRONG, ids=lambda value: value[-1] if isinstance(value, tuple) else ""
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert not list(tmp_path.iterdir())


def test_every_option_that_is_not_about_the_picture_is_said() -> None:
    result = run("plot", "lenet5", "--on", "t4", "--metric", "top1", "--reorder", "-o", "x.svg")
    assert [line.split(";")[0] for line in result.err.splitlines()] == [
        "--on is not about drawing",
        "--metric is not about drawing",
        "--reorder is not about drawing",
    ]


def test_what_was_there_stays_when_a_picture_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"before")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 1000)
    result = run("plot", "lenet5", "-o", str(path))
    assert result.code == 2
    assert "pixels, too many for a PNG; a smaller --depth, or an .svg" in result.err
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.png"]


@pytest.mark.parametrize(
    ("missing", "ending", "what", "message"),
    [
        ("graphlay", ".svg", "drawing", "a drawing needs the package graphlay"),
        ("altair", ".svg", "params", "a chart needs the package altair"),
        ("vl_convert", ".png", "drawing", "a picture needs the package vl-convert-python"),
        ("vl_convert", ".svg", "params", "a picture needs the package vl-convert-python"),
    ],
)
def test_missing_packages_are_said_in_a_line(
    missing: str, ending: str, what: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = extras.importlib.import_module

    def found(name: str) -> object:
        if name == missing:
            raise ImportError(name)
        return there(name)

    monkeypatch.setattr(extras.importlib, "import_module", found)
    result = run("plot", "lenet5", "--what", what, "-o", str(tmp_path / f"x{ending}"))
    assert result.code == 2
    assert result.err == f"{message}, which is not installed; pip install 'archcalc[plot]'\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "options"),
    [("train", ["--mixed"]), ("train", ["--checkpoint", "2"]), ("arena", ["--scratch", "im2col"])],
)
def test_a_timeline_is_that_of_memory(model: str, options: list[str], tmp_path: Path) -> None:
    """Whatever is assumed, the peak on the picture is the one that the command `memory` has."""
    said = json.loads(succeed("memory", "resnet18", "--model", model, *options, "--format", "json"))
    path = tmp_path / "x.svg"
    succeed("plot", "resnet18", "--what", "timeline", "--model", model, *options, "-o", str(path))
    (peak,) = {found for text in texts(path) if (found := re.search(r"peak ([\d,]+) bytes", text))}
    assert int(peak[1].replace(",", "")) in numbers(said)


def numbers(tree: Any) -> set[int]:
    """All numbers of a document."""
    if isinstance(tree, (dict, list)):
        return set().union(*(numbers(part) for part in (tree.values() if isinstance(tree, dict) else tree)))
    return {tree} if isinstance(tree, int) else set()


@pytest.mark.parametrize("option", [["--mixed"], ["--checkpoint", "2"], ["--scratch", "im2col"]])
def test_options_of_timelines_are_about_nothing_else(option: list[str], tmp_path: Path) -> None:
    for what, model in (("rf", "peak"), ("timeline", "inplace")):
        arguments = ("--what", what, "--model", model, *option, "-o", str(tmp_path / "x.svg"))
        assert f"{option[0]} is not about" in run("plot", "lenet5", *arguments).err
