"""The command: one file that needs nothing else, within bounds, and what is said where there cannot be one."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import archcalc
from archcalc.render import report
from archcalc.views.compare import Wishes, networks_table
from tests.cli.running import run, spec, succeed


def written(path: Path, *arguments: str) -> str:
    assert succeed("report", *arguments, "-o", str(path)) == ""
    return path.read_text("utf-8")


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


class Links(HTMLParser):
    """Everything that a page could fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]


def test_one_file_that_fetches_nothing(tmp_path: Path) -> None:
    page = written(tmp_path / "r.html", "alexnet", "vgg16")
    assert all(link.startswith(("#", "data:")) for link in Links(page).found)
    assert "default-src 'none'" in page
    assert "{{" not in page.partition("<style>")[0]


def test_densenet201_fits_into_two_megabytes(tmp_path: Path) -> None:
    page = written(tmp_path / "r.html", "densenet201")
    assert len(page.encode()) <= 2_000_000
    (network,) = data_of(page)["networks"]
    assert len(network["layers"]) == len(archcalc.load("densenet201").graph.nodes) == 708


def test_conventions_hold_for_the_page(tmp_path: Path) -> None:
    page = written(
        tmp_path / "r.html", "alexnet", "--batch", "8", "--dtype", "float16", "--set", "conv1.stride=2", "--si"
    )
    texts = data_of(page)["texts"]
    assert "input 3×227×227 · batch 8 · float16" in texts
    assert any(re.fullmatch(r"[\d.]+ MB", text) for text in texts)
    assert not any("MiB" in text for text in texts if len(text) < 12)


@pytest.mark.parametrize("name", ["transformer_like", "unknown", "of_one_layer"])
def test_networks_of_other_kinds(tmp_path: Path, name: str) -> None:
    """What has no places, what is one layer, what has operators that are not ours: a page, and no silent zero."""
    if name == "unknown":
        onnx = pytest.importorskip("onnx")
        from onnx import TensorProto, helper

        node = helper.make_node("Mystery", ["x"], ["y"], domain="somebody.else")
        sides = [helper.make_tensor_value_info(side, TensorProto.FLOAT, [1, 3, 8, 8]) for side in "xy"]
        model = helper.make_model(
            helper.make_graph([node], "g", sides[:1], sides[1:]),
            opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("somebody.else", 1)],
        )
        net = str(tmp_path / "net.onnx")
        onnx.save(model, net)
    else:
        net = str(tmp_path / "net.yaml")
        layers = ("flatten",) if name == "of_one_layer" else ("linear: {out_features: 8}", "gelu")
        head = "input: [3, 16, 16]" if name == "of_one_layer" else "input: [5, 16]"
        Path(net).write_text(spec(*layers, head=head), "utf-8")
    page = written(tmp_path / "r.html", net)
    (network,) = data_of(page)["networks"]
    texts = data_of(page)["texts"]
    assert len(network["layers"]) >= 2
    if name == "unknown":
        assert len(network["memory"]) == 1  # what training keeps cannot be said
        assert any(text.startswith("≥") for text in texts)


def test_no_name_for_the_file() -> None:
    code, out, err = run("report", "alexnet")
    assert (code, out) == (2, "")
    assert "-o report.html" in err


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    for place in (tmp_path / "no" / "such" / "r.html", tmp_path):
        code, out, err = run("report", "alexnet", "-o", str(place))
        assert (code, out) == (2, "")
        assert "cannot be written" in err
    assert list(tmp_path.iterdir()) == []


def test_all_problems_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(spec("conv: {kernel_size: 3}", "rellu"), "utf-8")
    path = tmp_path / "r.html"
    code, _, err = run("report", "alexnett", "resnet5O", str(tmp_path / "bad.yaml"), "-o", str(path))
    assert code == 2
    for said in ("alexnett", "resnet5O", "out_channels", "rellu"):
        assert said in err
    assert not path.exists()


def test_texts_that_could_end_a_script() -> None:
    assert report._json(["</script>", "<!--", "a&b", "\u2028\u2029"]) == (
        '["\\u003c/script\\u003e","\\u003c!--","a\\u0026b","\\u2028\\u2029"]'
    )


def test_a_long_list_of_layers_has_no_drawing(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(spec(*["relu"] * 500), "utf-8")
    page = written(tmp_path / "r.html", str(tmp_path / "long.yaml"))
    (network,) = data_of(page)["networks"]
    assert network["drawing"] == ""


def test_the_comparison_is_that_of_compare(tmp_path: Path) -> None:
    page = written(tmp_path / "r.html", "alexnet", "vgg16")
    table = networks_table([archcalc.analyse("alexnet"), archcalc.analyse("vgg16")], Wishes())
    for column in table.columns:
        assert f">{column.title}</th>" in page
    assert "138,357,544 ✗" in page
