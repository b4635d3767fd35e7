"""formula on the command line."""

import json
import sys
from pathlib import Path
from unittest import mock

import pytest

from .running import run, succeed

DEPTH = """
archcalc: 1
name: depth
vars: {n: 3, width: 16}
input: [3, 32, 32]
layers:
  - repeat: =n
    as: i
    layers:
      - conv: {out_channels: =width, kernel_size: 3, padding: 1}
  - conv: {out_channels: 8, kernel_size: 1, if: =n % 3 == 0}
  - conv: {name: last, out_channels: '=round(width*0.7)', kernel_size: 1, if: =width < 16}
"""
U_NET = """
archcalc: 1
name: small_unet
input: [1, 64, 64]
layers:
  - conv: {name: first, out_channels: 8, kernel_size: 3, padding: 1}
  - add:
      - []
      - - maxpool: {kernel_size: 4, stride: 4}
        - conv: {out_channels: 8, kernel_size: 3, padding: 1}
        - upsample: {scale_factor: 4, mode: nearest}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "depth.yaml"
    path.write_text(DEPTH)
    return str(path)


def test_both_tables() -> None:
    out = succeed("formula", "vgg16")
    assert "2,097,152·⌊H/32⌋·⌊W/32⌋ + 35,597,096" in out
    assert "for H, W divisible by 32, from 32" in out
    assert "307,904·H·W + 20,873,216" in out
    assert "15,470,264,320" in out
    assert "--over takes also C (channels of the input), batch" in out


def test_ascii_has_no_other_signs() -> None:
    out = succeed("formula", "vgg16", "--ascii")
    assert out.isascii()
    assert "2,097,152*floor(H/32)*floor(W/32) + 35,597,096" in out
    assert "2,763*width_per_group^2" in succeed("formula", "resnet50", "--over", "width_per_group", "--ascii")


def test_one_assumption_gives_one_table() -> None:
    document = json.loads(succeed("formula", "alexnet", "--assume", "H % 32 == 3, W%32==3", "--format", "json"))
    (form,) = document["forms"]
    assert [(s["name"], s["written"], s["period"], s["residue"], s["value"]) for s in form["symbols"]] == [
        ("H", "h", 32, 3, 227),
        ("W", "w", 32, 3, 227),
    ]
    assert form["totals"]["peak_activation_bytes"] == "768*(8*h - 1)*(8*w - 1)"


def test_a_network_that_fits_for_some_residues_only(tmp_path: Path) -> None:
    """What a U-Net joins is equal for multiples of 4: there is no table for all sizes."""
    path = tmp_path / "unet.yaml"
    path.write_text(U_NET)
    document = json.loads(succeed("formula", str(path), "--format", "json"))
    (form,) = document["forms"]
    assert [(s["period"], s["residue"]) for s in form["symbols"]] == [(4, 0), (4, 0)]
    assert form["totals"]["macs"] == "108*H*W"  # 8·9·H·W + 8·8·9·(H/4)·(W/4)


def test_per_layer_and_latex() -> None:
    out = succeed("formula", "lenet5", "--per-layer")
    assert "Layer (type)" in out
    latex = succeed("formula", "vgg16", "--format", "latex")
    assert r"\text{MACs} &= 307904 \cdot H \cdot W + 20873216 \\" in latex
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("vgg16", "--over", "G"), "'G' is no symbol of this network"),
        (("vgg16", "--over", ","), "--over names no symbol"),
        (("vgg16", "--over", "clases"), "did you mean 'classes'?"),
        (("vgg16", "--assume", "H"), "'H' is no assumption"),
        (("vgg16", "--assume", "H % 0 == 0"), "nothing leaves 0 over 0"),
        (("vgg16", "--assume", "H % 4 == 4"), "nothing leaves 4 over 4"),
        (("vgg16", "--assume", "H % 99999 == 0"), "a period from 1 to 4,096"),
        (("vgg16", "--assume", "H % 4 == 0, H % 8 == 0"), "'H' is assumed to be two things"),
        (("vgg16", "--assume", "Q % 4 == 0"), "'Q' is no symbol"),
        (("vgg16", "--assume", "classes % 4 == 0"), "assumed, but --over does not have it"),
        (("vgg16", "--set", "classes"), "--set classes changes nothing"),
        (("vit_b_16", "--over", "H"), "fits together for H = 224, and not for other values of H"),
        (("nothing",), "there is no network 'nothing'"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], said: str) -> None:
    result = run("formula", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_structure_that_depends_on_a_symbol(spec: str) -> None:
    """The variable, the place and what would do."""
    result = run("formula", spec, "--over", "n")
    assert result.code == 2
    assert "depth.yaml:7:13: this decides what the network is made of, and it depends on n" in result.err
    assert "choose other symbols" in result.err
    assert run("formula", spec, "--over", "H,width").code == 0


def test_conditions_are_ranges(spec: str) -> None:
    """`if: =width < 16` is answered as it is at 16, and the closed forms are those of such widths."""
    assert "width from 16" in succeed("formula", spec, "--over", "width")
    refused = run("formula", spec, "--over", "width", "--set", "vars.width=10")
    assert refused.code == 2
    assert "depth.yaml:12:" in refused.err
    assert "depends on width" in refused.err or "rounded" in refused.err


def test_without_sympy() -> None:
    with mock.patch.dict(sys.modules, {"sympy": None}):
        result = run("formula", "vgg16")
    assert result.code == 2
    assert "pip install 'archcalc[symbolic]'" in result.err


def test_sizes_that_are_no_multiples_keep_what_they_leave_over() -> None:
    """Without an assumption the period is that of the floors, and the residue that of the network's own size."""
    out = succeed("formula", "alexnet")
    assert "for H = 32·h + 3, from 67; W = 32·w + 3, from 67" in out
    assert "768·(8·h − 1)·(8·w − 1)" in out
