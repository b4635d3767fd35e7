"""Names of weights, ours and others': what belongs to one layer, what each array is in it, and what numbers its name.

torch, timm, Keras and flax name an array by the path of its layer and a word for what it is: `layer1.0.bn1.running_var`
and `conv2_block1_1_bn/moving_variance` are the variance of a layer each.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from archcalc.ops.base import Shape

Kind = Literal["product", "statistics", "other"]
Signature: TypeAlias = tuple[tuple[str, Shape], ...]
"""What a layer has stored: each array's part, and its shape without the axes of size 1 at either end."""

_PARTS = {
    **dict.fromkeys(("weight", "kernel", "depthwise_kernel", "pointwise_kernel", "gamma", "scale"), "weight"),
    **dict.fromkeys(("bias", "beta"), "bias"),
    **dict.fromkeys(("running_mean", "moving_mean", "mean"), "mean"),
    **dict.fromkeys(("running_var", "moving_variance", "moving_var", "var"), "variance"),
}
"""The last word of a name → which part of its layer an array is: torch's and timm's, Keras's, flax's."""

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
"""Words of Keras and flax alone, which store height × width × in × out and in × out."""

COUNTERS = ("num_batches_tracked",)
"""Last words of what takes no part in inference: torch counts the batches that a batch norm has seen."""

_WRAPPERS = ("module.", "model.", "state_dict.")
"""What programs put before all names: DataParallel, Lightning and checkpoints."""

_NUMBER = re.compile(r"(\d+)([a-z](?![a-z0-9]))?", re.IGNORECASE)


class Layer(Struct, frozen=True):
    """The arrays of one layer: part (weight, bias, mean, variance) → full name and shape."""

    name: str
    parts: Mapping[str, tuple[str, Shape]]

    @property
    def signature(self) -> Signature:
        return tuple(sorted((part, trimmed(shape)) for part, (_, shape) in self.parts.items()))

    @property
    def kind(self) -> Kind:
        """By what is stored, so that it is the same for both sides: `linear` and a 1×1 `conv` are one."""
        if "mean" in self.parts or "variance" in self.parts:
            return "statistics"
        matrix = "weight" in self.parts and len(trimmed(self.parts["weight"][1])) > 1
        return "product" if matrix else "other"


def trimmed(shape: Shape) -> Shape:
    """A shape without the axes of size 1 at its ends: what takes and gives the same numbers in the same order.

    >>> trimmed((256, 64, 1, 1)), trimmed((1, 197, 768)), trimmed((32, 1, 3, 3))
    ((256, 64), (197, 768), (32, 1, 3, 3))
    """
    begin, end = 0, len(shape)
    while begin < end and shape[end - 1] == 1:
        end -= 1
    while begin < end and shape[begin] == 1:
        begin += 1
    return shape[begin:end]


def layers_of(shapes: Iterable[tuple[str, Shape]]) -> list[Layer]:
    """Named shapes → the layers that they belong to, in the order of their first arrays."""
    found: dict[str, dict[str, tuple[str, Shape]]] = {}
    for name, shape in shapes:
        layer, part = split(name)
        parts = found.setdefault(layer, {})
        if part in parts:  # gamma beside weight: two things of one name
            parts = found.setdefault(name, {})
        parts[part] = (name, shape)
    return [Layer(name, parts) for name, parts in found.items()]


def split(name: str) -> tuple[str, str]:
    """The layer that an array belongs to, and its part; what has no such word is the only weight of its own.

    >>> split("bn1/moving_mean:0"), split("attn.in_proj_weight"), split("class_token")
    (('bn1', 'mean'), ('attn.in_proj', 'weight'), ('class_token', 'weight'))
    """
    layer, word = _parted(name)
    if word in _PARTS:
        return layer, _PARTS[word]
    for part in ("weight", "bias"):
        if word.endswith(f"_{part}"):
            return ".".join(filter(None, (layer, word.removesuffix(f"_{part}")))), part
    return name, "weight"


def last_word(name: str) -> str:
    """`kernel` of `conv1/kernel:0`."""
    return _parted(name)[1]


def _parted(name: str) -> tuple[str, str]:
    plain = name.removesuffix(":0")  # TensorFlow's first output of a variable
    at = max(plain.rfind("."), plain.rfind("/"))
    return (plain[:at], plain[at + 1 :]) if at > 0 else ("", plain)


def scopes_of(name: str) -> list[str]:
    """All scopes that a layer is in, the innermost first: `a.b` and `a` of `a.b.c`."""
    return [name[: found.start()] for found in re.finditer(r"[./]", name)][::-1]


def wrapper_of(names: Iterable[str]) -> str:
    """What stands before all names and says nothing: `module.model.`."""
    given, found = list(names), ""
    while given:
        more = next((word for word in _WRAPPERS if all(name.startswith(found + word) for name in given)), "")
        if not more:
            break
        found += more
    return found


Numbers: TypeAlias = tuple[int | str, ...]
"""The numbers of a name in their order, each with the letter behind it or an empty text."""


def series_of(name: str, literal: Iterable[int] = ()) -> tuple[str, Numbers]:
    """The name without its numbers, and those: names of one series are in the order of their numbers.

    A letter behind a number counts with it (`3a`, `3b`). What stands at the positions `literal` stays in the name.

    >>> series_of("layer1.0.conv2"), series_of("Mixed_7c")
    (('layer#.#.conv#', (1, '', 0, '', 2, '')), ('Mixed_#', (7, 'c')))
    """
    kept, numbers = set(literal), list[int | str]()

    def replace(found: re.Match[str]) -> str:
        at = len(numbers)
        numbers.extend((int(found[1][:18]), found[2] or ""))
        return (found[1] if at in kept else "#") + ((found[2] or "") if at + 1 in kept else "")

    return _NUMBER.sub(replace, name), tuple(numbers)
