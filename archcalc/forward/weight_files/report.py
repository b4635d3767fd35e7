"""What there is to tell of a file of weights: plain values, which others can have without numpy."""

from msgspec import Struct

from archcalc.ops.base import Shape


class Statistics(Struct, frozen=True):
    """Of the values that are numbers: L2 norm √Σx², mean, least and largest, None where there are none of them.

    `nans` and `infinities` count the others. `checksum` is that of the bytes.
    """

    l2: float | None
    mean: float | None
    min: float | None
    max: float | None
    nans: int
    infinities: int
    checksum: int


class Listed(Struct, frozen=True):
    """An array of a file: what it is, and how its values are where they were looked at."""

    name: str
    shape: Shape
    dtype: str
    values: int
    bytes: int
    statistics: Statistics | None = None


class Alike(Struct, frozen=True):
    """An array with the same numbers as another, `original`; `stored_once` where the file has them once for both."""

    name: str
    original: str
    stored_once: bool


class Listing(Struct, frozen=True):
    """A file, `kind` being npz, safetensors or onnx. `looked_at` says whether its values were."""

    path: str
    kind: str
    arrays: tuple[Listed, ...]
    alike: tuple[Alike, ...]
    looked_at: bool
