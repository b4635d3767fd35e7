"""Images as input: what a file becomes, by the definition; and files that are no image, or too much of one."""

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from archcalc.errors import UsageError
from archcalc.forward.image import FORMATS, image_input, prepare, read_image
from archcalc.network import Network, load, loads
from archcalc.spec.model import Preprocess

PLAIN = Preprocess("RGB", False, None, None, 1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
GREY = Preprocess("L", False, None, None, 1.0, (0.0,), (1.0,))


def values(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


def saved(folder: Path, picture: Image.Image, name: str = "picture.png", **options: Any) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path


def network(preprocess: str, shape: str = "[3, 8, 8]") -> Network:
    return loads(spec("relu", head=f"input: {shape}\npreprocess: {preprocess}"))


def test_pixels_are_what_they_are(tmp_path: Path) -> None:
    """Channels first, one sample, float32; every formula by its definition."""
    pixels = values(5, 7, 3)
    picture = read_image(saved(tmp_path, Image.fromarray(pixels)))
    sample = prepare(picture, PLAIN)
    assert (sample.shape, sample.dtype) == ((1, 3, 5, 7), np.float32)
    assert sample.flags.c_contiguous
    assert (sample[0] == pixels.transpose(2, 0, 1)).all()
    scaled = replace(PLAIN, divide=255.0, mean=(0.5, 0.25, 0.0), std=(0.5, 2.0, 1.0))
    expected = (pixels / 255 - (0.5, 0.25, 0)) / (0.5, 2, 1)
    assert prepare(picture, scaled)[0] == pytest.approx(expected.transpose(2, 0, 1), abs=1e-6)
    assert (prepare(picture, replace(PLAIN, invert=True))[0] == 255 - pixels.transpose(2, 0, 1).astype(int)).all()


def test_greys_and_colours(tmp_path: Path) -> None:
    """ITU-R 601's weights for colours; a grey image is three equal colours where colours are asked for."""
    pixels = values(4, 6, 3)
    grey = prepare(read_image(saved(tmp_path, Image.fromarray(pixels))), GREY)
    assert grey.shape == (1, 1, 4, 6)
    assert np.abs(grey[0, 0] - pixels @ (0.299, 0.587, 0.114)).max() <= 0.6
    pixels = values(4, 6)
    colours = prepare(read_image(saved(tmp_path, Image.fromarray(pixels))), PLAIN)
    assert (colours[0] == pixels).all()


@pytest.mark.parametrize(
    ("size", "to", "becomes"), [((40, 30), 8, (8, 10)), ((31, 50), 8, (12, 8)), ((9, 9), 8, (8, 8))]
)
def test_the_shorter_side_is_resized(size: tuple[int, int], to: int, becomes: tuple[int, int]) -> None:
    """The longer in proportion, rounded down; both where both are given."""
    picture = Image.fromarray(values(size[1], size[0], 3))
    assert prepare(picture, replace(PLAIN, resize=to)).shape[2:] == becomes
    assert prepare(picture, replace(PLAIN, resize=(3, 5))).shape[2:] == (3, 5)


def test_the_middle_is_cropped() -> None:
    """Half a pixel too many is left at an even place."""
    pixels = values(7, 10, 3)
    cropped = prepare(Image.fromarray(pixels), replace(PLAIN, crop=(4, 5)))
    assert (cropped[0].transpose(1, 2, 0) == pixels[2:6, 2:7]).all()
    assert (prepare(Image.fromarray(pixels), replace(PLAIN, crop=6))[0].transpose(1, 2, 0) == pixels[0:6, 2:8]).all()


def test_a_picture_is_turned_as_it_was_taken(tmp_path: Path) -> None:
    """By the orientation that the camera wrote down: 6 is a quarter turn."""
    pixels = values(5, 9)
    exif = Image.Exif()
    exif[0x0112] = 6
    found = read_image(saved(tmp_path, Image.fromarray(pixels), exif=exif))
    assert (np.asarray(found) == np.rot90(pixels, -1)).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white(mode: str, tmp_path: Path) -> None:
    """As on paper, whatever colour is hidden below."""
    inked = Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    inked.paste((0, 0, 0, 255), (0, 0, 2, 2))
    picture = inked.quantize(4) if mode == "P" else inked.convert(mode)
    sample = prepare(read_image(saved(tmp_path, picture)), GREY)
    assert sample[0, 0].tolist() == [[0, 0, 255, 255]] * 2


def holds(kind: str, mode: str) -> bool:
    """Whether a format has such images."""
    try:
        Image.new(mode, (1, 1)).save(io.BytesIO(), kind)
    except (OSError, ValueError):
        return False
    return True


KINDS = [
    (kind, mode)
    for kind in ("png", "jpeg", "gif", "bmp", "webp", "ppm")
    for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr")
    if holds(kind, mode)
]


@pytest.mark.parametrize(("kind", "mode"), KINDS)
def test_every_format_and_mode(kind: str, mode: str, tmp_path: Path) -> None:
    """Shape and brightness come out."""
    picture = Image.new("RGB", (16, 8), (200, 200, 200)).convert(mode)
    sample = prepare(read_image(saved(tmp_path, picture, f"picture.{kind}")), PLAIN)
    assert sample.shape == (1, 3, 8, 16)
    assert abs(sample.mean() - 200) < (60 if mode == "1" else 4)


def test_formats_were_tried() -> None:
    assert {kind for kind, _ in KINDS} == {kind.lower() for kind in FORMATS}
    assert len(KINDS) > 15


def test_a_network_and_its_image(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(values(20, 30, 3)))
    sample = image_input(network("{resize: 10, crop: 8, divide: 255}"), path)
    assert sample.shape == (1, 3, 8, 8)
    assert 0 <= sample.min() < sample.max() <= 1
    with pytest.raises(UsageError, match=r"becomes 3×10×15, and tiny takes 3×8×8; preprocess: in its spec can"):
        image_input(network("{resize: 10}"), path)
    with pytest.raises(UsageError, match=r"becomes 1×8×8, and tiny takes 3×8×8"):
        image_input(network("{resize: [8, 8], mode: L}"), path)
    with pytest.raises(
        UsageError, match=r"'lenet5' does not say how an image becomes its input; preprocess: in its spec"
    ):
        image_input(load("lenet5"), path)
    with pytest.raises(UsageError, match=r"cannot be cropped to 31×25: it has 30×20 pixels; resize: before crop:"):
        image_input(network("{crop: [25, 31]}"), path)


def png(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG of any size with whatever is said to be its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "words.png",
            b"this is no image",
            "'{}' is no image of a kind that is read; PNG, JPEG, WEBP, GIF, BMP and PPM are",
        ),
        ("empty.png", b"", "'{}' is no image of a kind that is read"),
        ("short.png", png(8, 8, bytes(20)), "'{}' cannot be read as an image: "),
        ("bomb.png", png(30000, 30000), "'{}' cannot be read as an image: Image size (900000000 pixels)"),
        ("warned.png", png(10000, 10000), "'{}' cannot be read as an image: Image size (100000000 pixels)"),
        ("drawing.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "'{}' is no image of a kind that is read"),
    ],
)
def test_what_is_no_image(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    """One line each; a picture of more pixels than anyone has is not begun, and no other program is started."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_image(path)
    assert says.format(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_truncated_photo(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(values(64, 64, 3)), "photo.jpg")
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(UsageError, match=r"photo.jpg' cannot be read as an image: .*truncated"):
        read_image(path)


def test_what_is_not_there(tmp_path: Path) -> None:
    for path, says in (
        (tmp_path / "no.png", r"there is no file '.*no\.png'"),
        (tmp_path, r"' is a directory; name an image in it"),
        (tmp_path / "x" / "\0", r"cannot be read: embedded null byte"),
    ):
        with pytest.raises(UsageError, match=says):
            read_image(path)


def test_more_than_8_bits(tmp_path: Path) -> None:
    """Pillow would cut off what is above 255."""
    path = saved(tmp_path, Image.fromarray(values(4, 4).astype(np.uint16) * 256))
    with pytest.raises(UsageError, match=r"has more than 8 bits a channel \(mode I;16\); save it with 8"):
        read_image(path)


def test_a_ribbon_is_not_resized_beyond_all_measure() -> None:
    """Its longer side would grow in proportion."""
    with pytest.raises(UsageError, match=r"is 90000×1: resized it would be 23040000×256"):
        prepare(Image.new("RGB", (90000, 1)), replace(PLAIN, resize=256))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.sampled_from(["png", "jpeg", "gif", "bmp", "webp", "ppm"]), st.data())
def test_damaged_files(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    """Whatever bytes are changed or missing: an image, or an error in one line."""
    path = tmp_path / f"picture.{kind}"
    Image.fromarray(values(9, 11, 3)).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    found = outcome(path)
    if isinstance(found, str):
        assert "\n" not in found
    else:
        assert found.shape == (1, 3, 8, 8)
        assert np.isfinite(found).all()


def outcome(path: Path) -> Any:
    """A sample, or what is said against the file."""
    try:
        return prepare(read_image(path), replace(PLAIN, resize=16, crop=8))
    except UsageError as error:
        return str(error)


def test_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install."""

    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    says = r"An image needs the package Pillow, which is not installed; pip install 'archcalc\[image\]'"
    with pytest.raises(UsageError, match=says):
        read_image(tmp_path / "any.png")
