"""An image file → the input of a network, as its spec's `preprocess` says; by Pillow.

In torchvision's order and to its last bit: greys or colours, the shorter side resized bilinearly (with Pillow's
antialiasing), the middle cropped, divided, less the mean, divided by the standard deviation, in float32.
Source: torchvision.transforms, ImageClassification.
"""

import os
import struct
import warnings
import zlib
from typing import IO, Any

import numpy as np

from archcalc.errors import Problem, UsageError, enumerate_words, printable
from archcalc.extras import need
from archcalc.forward.kernels import Array
from archcalc.network import Network
from archcalc.ops.base import show_shape
from archcalc.spec.model import Preprocess

# What photos and drawings come in. Others start programs beside Pillow (EPS) or write to stderr themselves (TIFF).
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "PPM")
# What Pillow's readers raise for bytes that are not as they should be.
_DAMAGE = (OSError, ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError, SyntaxError, EOFError)
_OF_LIBRARIES = (struct.error, zlib.error)


def image_input(network: Network, path: str | os.PathLike[str]) -> Array:
    """The image in a file as one sample for a network: 1 × the shape of its input.

    Raises UsageError where the spec has no `preprocess`, where that does not lead to the input's shape, and for what
    `read_image` cannot read.
    """
    shape, preprocess = network.graph.input_shape, network.spec.preprocess
    if preprocess is None:
        message = f"'{network.spec.name}' does not say how an image becomes its input"
        raise UsageError(Problem(message, None, "preprocess: in its spec does"))
    sample = prepare(read_image(path), preprocess, _shown(path))
    if sample.shape[1:] != shape:
        message = f"'{_shown(path)}' becomes {show_shape(sample.shape[1:])}, and {network.spec.name} takes"
        hint = "preprocess: in its spec can resize and crop"
        raise UsageError(Problem(f"{message} {show_shape(shape)}", None, hint))
    return sample


def read_image(path: str | os.PathLike[str]) -> Any:
    """The image in a file, turned as it was taken, in Pillow's mode RGB or L; what is transparent lies on white.

    Of several pictures in a file it is the first. Raises UsageError for what is missing, no image, damaged, has 16 bits
    a channel or more pixels than Pillow reads (PIL.Image.MAX_IMAGE_PIXELS), and without Pillow.
    """
    image = need("PIL.Image", "Pillow", "image", "An image")
    shown = _shown(path)
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below, where its errors are those of its content
    except FileNotFoundError:
        raise UsageError(Problem(f"there is no file '{shown}'")) from None
    except IsADirectoryError:
        raise UsageError(Problem(f"'{shown}' is a directory", None, "name an image in it")) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(Problem(f"'{shown}' cannot be read: {printable(reason)}")) from None
    with file:
        return _decoded(image, file, shown)


def _decoded(image: Any, file: IO[bytes], shown: str) -> Any:
    try:
        with warnings.catch_warnings():
            # A file of a few bytes may say that it has billions of pixels; other warnings are about its metadata.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", image.DecompressionBombWarning)
            found = image.open(file, formats=FORMATS)
            found.load()
            turned = need("PIL.ImageOps", "Pillow", "image", "An image").exif_transpose(found)
    except image.UnidentifiedImageError:
        hint = f"{enumerate_words(FORMATS)} are"
        raise UsageError(Problem(f"'{shown}' is no image of a kind that is read", None, hint)) from None
    except (*_DAMAGE, *_OF_LIBRARIES, image.DecompressionBombError, image.DecompressionBombWarning) as error:
        reason = printable(str(error).partition("\n")[0], 200) or type(error).__name__
        raise UsageError(Problem(f"'{shown}' cannot be read as an image: {reason}")) from None
    if turned.mode[0] in "IF":
        message = f"'{shown}' has more than 8 bits a channel (mode {turned.mode})"
        raise UsageError(Problem(message, None, "save it with 8"))
    if turned.has_transparency_data:
        inked = turned.convert("RGBA")
        turned = image.alpha_composite(image.new("RGBA", inked.size, "white"), inked)
    return turned if turned.mode == "L" else turned.convert("L" if turned.mode in ("1", "LA") else "RGB")


def prepare(picture: Any, preprocess: Preprocess, name: str = "the image") -> Array:
    """A picture of Pillow's → one sample, 1 × channels × height × width.

    Raises UsageError where a crop is larger than what there is to be cropped, or a size beyond all measure.
    """
    image = need("PIL.Image", "Pillow", "image", "An image")
    if picture.mode != preprocess.mode:
        picture = picture.convert(preprocess.mode)
    if preprocess.resize is not None:
        height, width = _resized((picture.height, picture.width), preprocess.resize)
        if height * width > image.MAX_IMAGE_PIXELS:
            raise UsageError(
                Problem(f"'{name}' is {picture.width}×{picture.height}: resized it would be {width}×{height}")
            )
        picture = picture.resize((width, height), image.Resampling.BILINEAR)
    if preprocess.crop is not None:
        picture = _cropped(picture, preprocess.crop, name)
    values = np.asarray(picture)
    if preprocess.invert:
        values = 255 - values
    maps = np.atleast_3d(values).transpose(2, 0, 1).astype(np.float32) / np.float32(preprocess.divide)
    mean, std = (np.array(one, np.float32)[:, np.newaxis, np.newaxis] for one in (preprocess.mean, preprocess.std))
    sample: Array = np.ascontiguousarray(((maps - mean) / std)[np.newaxis])
    return sample


def _resized(size: tuple[int, int], to: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width: both as asked for, or the shorter as asked for and the longer in proportion, rounded down."""
    if isinstance(to, tuple):
        return to
    height, width = size
    return (to, int(to * width / height)) if height <= width else (int(to * height / width), to)


def _cropped(picture: Any, crop: int | tuple[int, int], name: str) -> Any:
    """The middle of a picture; an odd pixel too many goes as Python rounds halves, to the even side."""
    height, width = (crop, crop) if isinstance(crop, int) else crop
    if height > picture.height or width > picture.width:
        message = f"'{name}' cannot be cropped to {width}×{height}: it has {picture.width}×{picture.height} pixels"
        raise UsageError(Problem(message, None, "resize: before crop: makes it larger"))
    top, left = round((picture.height - height) / 2), round((picture.width - width) / 2)
    return picture.crop((left, top, left + width, top + height))


def _shown(path: str | os.PathLike[str]) -> str:
    return printable(os.fspath(path), 200)
