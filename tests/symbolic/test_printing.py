"""Closed forms as text: the lecture's, read back by sympy, and in LaTeX."""

import random
from typing import Any

import pytest
import sympy

import archcalc
from archcalc.builder.overrides import Overrides
from archcalc.network import loads
from archcalc.symbolic.atoms import Symbol
from archcalc.symbolic.engine import Question, closed_forms
from archcalc.symbolic.field import Field
from archcalc.symbolic.printing import Writer
from archcalc.symbolic.results import Formulas
from archcalc.views.formula import TITLES, document

from .variants import some_values

STACK = """
archcalc: 1
name: stack
vars: {{C: 64}}
input: [64, 56, 56]
layers:
  - repeat: {times}
    as: i
    layers:
      - conv: {{out_channels: =C, kernel_size: {k}, padding: {p}, bias: false}}
"""


def forms_of_text(text: str, *over: str) -> Formulas:
    return closed_forms(Question(loads(text), Overrides()), over)


def stack(times: int, k: int) -> str:
    """A stack from C to C maps: the input has C channels too."""
    return STACK.format(times=times, k=k, p=k // 2).replace("[64, ", "[=C, ")


@pytest.mark.parametrize(
    ("times", "k", "weights"), [(3, 3, "27·C²"), (1, 7, "49·C²"), (2, 3, "18·C²"), (1, 5, "25·C²")]
)
def test_the_lecture(times: int, k: int, weights: str) -> None:
    """CS231n, lecture 9: three 3×3 have 27·C² weights where one 7×7 has 49·C²; MACs are that for each position."""
    general = forms_of_text(stack(times, k), "C", "H", "W").general
    assert general is not None
    writer = Writer(general.field)
    assert writer.text(general.totals["params"]) == weights
    assert writer.text(general.totals["macs"]) == weights.replace("C²", "C²·H·W")
    assert general.totals["receptive_field"] == (7, 7) if (times, k) in ((3, 3), (1, 7)) else (5, 5)


def test_convolutions_of_vgg_are_proportional_to_the_picture() -> None:
    """As many for each pixel of the input as the paper's table gives by hand, stage by stage: 15.35G at 224×224."""
    stages = [(3, [64, 64], 1), (64, [128, 128], 4), (128, [256] * 3, 16), (256, [512] * 3, 64), (512, [512] * 3, 256)]
    by_hand = sympy.Integer(0)
    for before, widths, area in stages:
        for width in widths:
            by_hand += sympy.Rational(9 * before * width, area)
            before = width
    even = archcalc.formula("vgg16").even
    assert even is not None
    convolutions = sum(layer.macs for layer in even.layers if layer.op == "conv")
    assert Writer(even.field).text(convolutions) == f"{int(by_hand):,}·H·W"
    assert even.field.at(convolutions, {"H": 224, "W": 224}) == 15_346_630_656


SIGNS = {
    "27·C²": lambda s: 27 * s("C") * s("C"),
    "⌊H/32⌋": lambda s: s("H") // 2 // 16,
    "⌈H/32⌉": lambda s: -(-s("H") // 32),
    "⌊(H + 1)/4⌋ − 2": lambda s: (s("H") - 7) // 4,
    "H − 1": lambda s: s("H") - 1,
    "(H − 1)·(W + 2)": lambda s: (s("H") - 1) * (s("W") + 2),
    "1,000 − 2·H": lambda s: 1000 - 2 * s("H"),
    "H·W/4": lambda s: s("H") * s("W") / 4,
    "C^10": lambda s: s("C") ** 10,
    "max(H, W)": lambda s: s("H").larger(s("W")),
    "12,345": lambda s: s("H") * 0 + 12345,
}


@pytest.mark.parametrize("text", SIGNS)
def test_signs(text: str) -> None:
    field = Field((Symbol("H", 224), Symbol("W", 224), Symbol("C", 3)))
    assert Writer(field).text(SIGNS[text](field.number)) == text


def test_latex() -> None:
    field = Field((Symbol("H", 224), Symbol("width", 64)))
    form = 3 * ((field.number("H") + 29) // 32) * field.number("width") * field.number("width")
    expected = r"3 \cdot \mathrm{width}^{2} \cdot \left\lfloor \frac{H + 29}{32} \right\rfloor"
    assert Writer(field).latex(form) == expected


@pytest.mark.parametrize("name", ["vgg16", "alexnet", "densenet_bc_100_12", "googlenet", "resnet50"])
def test_sympy_reads_what_json_has(name: str) -> None:
    """Each text of the document, read by sympify and evaluated by sympy, is the total."""
    over = ["H", "W"] if name == "vgg16" else ["H", "classes"]
    found = archcalc.formula(name, over)
    told = document(found, per_layer=name == "alexnet")
    for derivation, form in zip(filter(None, (found.general, found.even)), told["forms"], strict=True):
        values = some_values(derivation, random.Random(name))
        put_in = {
            sympy.Symbol(symbol["written"]): (values[symbol["name"]] - symbol["residue"]) // symbol["period"]
            if symbol["written"] != symbol["name"]
            else values[symbol["name"]]
            for symbol in form["symbols"]
        }
        stated = derivation.at(**values)
        assert list(form["totals"]) == list(TITLES)
        for key, text in form["totals"].items():
            assert _evaluated(text, put_in) == stated[key], key
        for layer, forms in zip(derivation.layers, form.get("layers", derivation.layers), strict=True):
            if "layers" in form:
                assert _evaluated(forms["macs"], put_in) == derivation.field.at(layer.macs, values)


def _evaluated(text: Any, put_in: dict[Any, int]) -> Any:
    if text is None:
        return None
    if isinstance(text, list):
        return tuple(_evaluated(part, put_in) for part in text)
    return int(sympy.sympify(text).subs(put_in))


def test_expressions_of_the_library() -> None:
    found = archcalc.formula("vgg16", ["H", "W"], ["H % 32 == 0", "W % 32 == 0"])
    assert found.general is None
    h, w = sympy.symbols("H W", integer=True, positive=True)
    assert sympy.expand(found.best.expression("macs") - (307904 * h * w + 20873216)) == 0
    assert found.best.expression("output") == (1000,)
