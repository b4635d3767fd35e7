"""rf --effective: the picture on a pipe and on terminals, files of pictures and numbers, and what cannot be asked."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archcalc.forward.effective import effective_field
from archcalc.network import load
from archcalc.render.heat import ASCII_SHADES, SHADES

from . import reading
from .running import environment, on_terminal, run, spec, start, succeed

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
COMMAND = "rf vgg16 --effective"


def picture(text: str) -> list[str]:
    """The lines within the frame."""
    lines = ESCAPE.sub("", text).split("\n")
    (first, last) = (i for i, line in enumerate(lines) if line[:1] in "┌└" and line)
    return [line[1:-1] for line in lines[first + 1 : last]]


def test_a_pipe_gets_shades() -> None:
    """The densest where most paths begin, blanks where none do; a character stands for pixels twice as high as wide."""
    text = succeed(*COMMAND.split(" "))
    lines, paths = picture(text), effective_field(load("vgg16").graph).paths
    assert (len(lines), {len(line) for line in lines}) == (28, {56})
    assert "a character is 4×8 pixels" in text
    cells = paths.reshape(28, 8, 56, 4).mean(axis=(1, 3))
    for y, line in enumerate(lines):
        for x, shade in enumerate(line):
            level = 1 + min(int(cells[y, x] / cells.max() * 5 + 1e-9), 4) if cells[y, x] else 0
            assert abs(SHADES.index(shade) - level) <= (cells[y, x] / cells.max() * 5 % 1 < 0.2)
            assert (shade == " ") == (cells[y, x] == 0)
    assert {*"".join(lines)} == {*SHADES}


def test_the_frame_marks_the_theoretical_field() -> None:
    """VGG-16's reaches from pixel 6 to 217: cells 1 and 54 of 4 pixels, lines 0 and 27 of 8."""
    lines = succeed(*COMMAND.split(" ")).split("\n")
    assert [i for i, sign in enumerate(lines[0][1:-1]) if sign == "┬"] == [1, 54]
    assert [i for i, line in enumerate(lines[1:29]) if line.startswith("├")] == [0, 27]
    assert "┬" not in (beyond := succeed("rf", "resnet50", "--effective"))
    assert "begins and ends beyond the map" in beyond


def test_the_figures_are_those_of_the_analysis() -> None:
    """In every format; the conventions are said with them."""
    field = effective_field(load("vgg16").graph)
    text = succeed(*COMMAND.split(" "))
    for share, name in ((0.5, "50%"), (0.9, "90%"), (0.95, "95%")):
        assert re.search(rf"{name} of the paths +{field.square(share)} ", text)
    assert re.search(r"theoretical field +212 +height 6 to 217, width 6 to 217\n", text)
    assert f" {field.deviation[0]:.2f} " in text
    assert "Within the theoretical field  100.0" in text
    assert "weights equal within each layer" in text
    rows = reading.csv_rows(succeed(*COMMAND.split(" "), "--format", "csv"))
    assert [row["value_h"] for row in rows] == ["212", "60", "108", "122", "27.64"]
    for kind in ("markdown", "latex", "html"):
        assert "212" in succeed(*COMMAND.split(" "), "--format", kind)


def test_json_has_the_numbers() -> None:
    """The contract of every command, and the paths beside the figures."""
    found = json.loads(succeed("rf", "lenet5", "--effective", "--layer", "conv2", "--unit", "0,9", "--format", "json"))
    assert {"network", "layers", "totals", "conventions"} <= {*found}
    effective, field = found["effective_receptive_field"], effective_field(load("lenet5").graph, "conv2", (0, 9))
    assert np.array(effective["paths"]) == pytest.approx(field.paths)
    assert effective["theoretical"] == {"size": [14, 14], "first": [0, 18], "last": [13, 31]}
    assert (effective["layer"], effective["unit"], effective["map"]) == ("conv2", [0, 9], [32, 32])
    assert effective["ratio"] == field.ratio
    assert effective["within_theoretical"] == pytest.approx(1)


def test_arrays_are_written(tmp_path: Path) -> None:
    """As float64, exactly; --format says otherwise where it is given."""
    path = tmp_path / "erf.npy"
    assert succeed(*COMMAND.split(" "), "-o", str(path)) == ""
    assert (np.load(path) == effective_field(load("vgg16").graph).paths).all()
    succeed(*COMMAND.split(" "), "--format", "plain", "-o", str(path))
    assert path.read_text() == succeed(*COMMAND.split(" "))
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("ending", ["png", "PNG"])
def test_pictures_are_written(ending: str, tmp_path: Path) -> None:
    """Twice as large as the map, a margin of 8 around it; its brightest pixel is where most paths begin."""
    path = tmp_path / f"erf.{ending}"
    assert succeed(*COMMAND.split(" "), "-o", str(path)) == ""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))[8 : 8 + 448 : 2, 8 : 8 + 448 : 2].astype(int)
        assert image.format == "PNG"
        assert image.info["Description"].startswith("VGG-16: effective receptive field of pool5, unit 3,3\n")
        assert "×" in image.info["Description"]
    paths = effective_field(load("vgg16").graph).paths
    yellow = np.argwhere((np.abs(pixels - (0xFD, 0xE7, 0x25)) < 3).all(axis=-1))
    assert paths[tuple(yellow.T)].min() > 0.98 * paths.max()
    assert (pixels[:6] == 255).all()
    assert (pixels[8] != 255).any(axis=-1)[8:210].all()
    light = pixels @ (0.2126, 0.7152, 0.0722)
    inner = slice(70, 150)  # away from the frames
    order = np.argsort(paths[inner, inner], axis=None)
    assert (np.diff(light[inner, inner].ravel()[order]) > -2).all()  # lightness tells the order of the values


@pytest.mark.parametrize("kind", ["png", "npy"])
def test_a_file_that_cannot_be_written(kind: str, tmp_path: Path) -> None:
    result = run(*COMMAND.split(" "), "-o", str(tmp_path / "nowhere" / f"erf.{kind}"))
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "cannot be written" in result.err


def test_without_pillow(tmp_path: Path) -> None:
    """One line that says what to install, and no file."""
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise ImportError('not here')")
    path = tmp_path / "erf.png"
    env = environment()
    done = start(
        "rf", "lenet5", "--effective", "-o", str(path), env={**env, "PYTHONPATH": f"{tmp_path}:{env['PYTHONPATH']}"}
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "A picture needs the package Pillow, which is not installed; pip install 'archcalc[image]'\n"
    assert not path.exists()


@pytest.mark.parametrize(("words", "colour"), [({"COLORTERM": "truecolor"}, "38;2;253;231;37"), ({}, "38;5;220")])
def test_a_terminal_gets_colours(words: dict[str, str], colour: str) -> None:
    """24 bits or 256 of them, two cells a character; blanks stay blank, and the figures stand below."""
    (text,) = on_terminal(80, COMMAND, **words)
    assert colour in text
    lines = picture(text)
    assert (len(lines), {len(line) for line in lines}) == (28, {56})
    assert {*"".join(lines)} <= {*" ▀▄"}
    assert text.index("┘") < text.index("theoretical field  ")


@pytest.mark.parametrize("words", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm"}])
def test_a_terminal_without_colours_gets_shades(words: dict[str, str]) -> None:
    """Where colours are not wanted, are not there, or are too few."""
    (text,) = on_terminal(80, COMMAND, **words)
    assert picture(text) == picture(succeed(*COMMAND.split(" ")))


@pytest.mark.parametrize("columns", [80, 50])
def test_pictures_fit_the_terminal(columns: int) -> None:
    commands = [f"rf {name} --effective" for name in ("vgg16", "alexnet", "lenet5", "resnet20_cifar", "inception_v3")]
    for text in on_terminal(columns, *commands, COLORTERM="truecolor"):
        assert max(map(len, ESCAPE.sub("", text).split("\n")[: len(picture(text)) + 2])) <= columns
        assert columns == 50 or max(map(len, ESCAPE.sub("", text).split("\n"))) <= columns


def test_ascii_only() -> None:
    """On a pipe and on a terminal."""
    for text in (
        succeed(*COMMAND.split(" "), "--ascii"),
        *on_terminal(80, f"{COMMAND} --ascii", COLORTERM="truecolor"),
    ):
        assert ESCAPE.sub("", text).isascii()
        assert {*ASCII_SHADES} <= {*text}


@pytest.mark.parametrize(
    ("shape", "layers", "lines", "says"),
    [
        ("[1, 9]", ["conv: {out_channels: 1, kernel_size: 5, padding: 2}"], 2, "a pixel is 2 characters"),
        ("[1, 300]", ["conv: {out_channels: 1, kernel_size: 51}"], 2, "a character is 5 pixels"),
        ("[1, 8, 8]", ["conv: {out_channels: 1, kernel_size: 3}"], 16, "a pixel is 4×2 characters"),
        ("[1, 21, 20]", ["conv: {out_channels: 1, kernel_size: 3}"], 11, "a character is 1×2 pixels"),
        ("[1, 400, 20]", ["conv: {out_channels: 1, kernel_size: 3}"], 40, "a character is 5×10 pixels"),
        ("[1, 4, 9, 9]", ["conv: {out_channels: 1, kernel_size: 3}"], 9, "summed over the depth"),
    ],
)
def test_maps_of_every_kind(shape: str, layers: list[str], lines: int, says: str, tmp_path: Path) -> None:
    """One axis is a strip; small maps are magnified, high ones made smaller; a volume is seen from the front."""
    text = spec(*layers, head=f"input: {shape}")
    shown = succeed("rf", "-", "--effective", stdin=text)
    assert says in shown
    assert len(picture(shown)) == lines
    assert "█" in "".join(picture(shown))
    succeed("rf", "-", "--effective", "-o", str(tmp_path / "erf.png"), stdin=text)
    with Image.open(tmp_path / "erf.png") as image:
        assert min(image.size) > 60


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--effective --layer poo5", "'vgg16' has no layer 'poo5'; did you mean 'pool5'?"),
        ("--effective --layer fc8", "global: every unit sees the whole input (since flatten)"),
        ("--effective --unit 7,0", "pool5 has no unit 7,0: its map is 7×7; 0,0 to 6,6"),
        ("--effective --unit 3", "pool5 has no unit 3: its map is 7×7"),
        ("--effective --unit middle", "'middle' is not a unit; such as --unit 3,3"),
        ("--unit 3,3", "--unit asks for an effective receptive field; rf vgg16 --effective"),
        ("--layer pool5", "--layer asks for an effective receptive field; rf vgg16 --effective"),
        ("--effective --top 3", "--effective shows one layer"),
    ],
)
def test_what_cannot_be_asked(arguments: str, says: str) -> None:
    result = run("rf", "vgg16", *arguments.split(" "))
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert result.err.count("\n") == 1
