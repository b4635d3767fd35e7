"""What blocks are called: by the names of their places, else by what is in them."""

import re
from collections.abc import Sequence

from archcalc.formats.spec_text.blocks import Block, unique
from archcalc.formats.spec_text.forms import Forms, Layer
from archcalc.ops import OPS
from archcalc.spec.schema import REQUIRED

SHORT = {"batchnorm": "bn", "layernorm": "ln", "global_avgpool": "pool", "multihead_attention": "attention"}
MOST = 3
"""Layers whose keywords make a name."""
HELD = {*OPS, "repeat", REQUIRED}


def block_name(places: Sequence[str], block: Block, forms: Forms, names: Sequence[str]) -> str:
    """A name for a block that writes `places` and is none of the `names` there are already."""
    return unique(_stem(places) or _content(block.forms, forms), {*names, *HELD})


def _stem(places: Sequence[str]) -> str:
    """What the last names of all places have in common, but for numbers: `layer` of layer1 and layer2."""
    stems = {re.sub(r"[^A-Za-z0-9]*[0-9]+[a-z]?$", "", place.rpartition(".")[2]) for place in places}
    stem = re.sub(r"[^A-Za-z0-9]+", "_", min(stems)).strip("_").lower() if len(stems) == 1 else ""
    return stem if len(stem) > 1 and not stem[0].isdigit() and stem not in HELD else ""


def _content(body: Sequence[int], forms: Forms) -> str:
    layers = [form for number in body if isinstance(form := forms.all[number], Layer) and form.branches is None]
    if len(layers) == len(body) <= MOST:
        return "_".join(SHORT.get(form.op.keyword, form.op.keyword) for form in layers)
    joins = [form for number in body if isinstance(form := forms.all[number], Layer) and form.branches is not None]
    for join in reversed(joins):
        branches = join.branches or ()
        if join.op.keyword == "add":
            return "residual" if () in branches else "projection"
        if join.op.keyword == "concat":
            return "dense" if () in branches else "branches"
    return "gate" if joins else "block"
