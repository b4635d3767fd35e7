"""Stacks: the lecture's numbers, closed forms against counting, letters that say nothing."""

import contextlib
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.analysis.stacks import cost_of_stack, read_stack
from archcalc.errors import ArchcalcError, UsageError

C = 48  # parted by 2, 3, 4 and their products


@pytest.mark.parametrize(
    ("stack", "weights", "size", "relus"),
    [
        ("3x3,3x3,3x3", "27·C²", 7, 3),  # CS231n, lecture 9: three 3×3 see what one 7×7 sees
        ("7x7", "49·C²", 7, 1),
        ("3x3,3x3", "18·C²", 5, 2),
        (
            "1x1:64,3x3:64,1x1:256",
            "64·C + 53248",
            3,
            3,
        ),  # a bottleneck of ResNet-50: 256·64 + 36,864 + 16,384 at C = 256
        ("1x1:C/4,3x3,1x1:C", "17/16·C²", 3, 3),  # 1/4 + 9/16 + 1/4
        ("dw3x3,1x1", "C² + 9·C", 3, 2),  # Howard et al. 2017: D²·M + M·N
        ("3x3d2", "9·C²", 5, 1),
        ("3x3*4", "36·C²", 9, 4),
        ("1x7,7x1", "14·C²", 7, 2),  # Szegedy et al. 2016, section 3.2
        ("max2x2s2", "0", 2, 0),
    ],
)
def test_known_stacks(stack: str, weights: str, size: int, relus: int) -> None:
    cost = cost_of_stack(stack)
    assert (str(cost.weights), cost.size, cost.nonlinearities) == (weights, (size, size), relus)


def test_bottleneck_of_resnet50() -> None:
    """He et al. 2015, figure 5: 256 → 64 → 64 → 256; a 3×3 pair on 256 maps costs 17 times as much."""
    assert cost_of_stack("1x1:64,3x3:64,1x1:256", c=256).params == 256 * 64 + 9 * 64 * 64 + 64 * 256


channels = st.sampled_from(["", ":C", ":2C", ":C/2", ":3C/4", ":24", ":96"])
convolution = st.builds(
    lambda kernel, channels, stride, dilation, groups: (kernel, channels, stride, dilation, groups),
    st.integers(1, 5),
    channels,
    st.integers(1, 2),
    st.integers(1, 2),
    st.sampled_from([1, 2, 4]),
)


def counted(layers: list[tuple[int, str, int, int, int]], c: int, bias: bool) -> tuple[int, int, int, list[int]]:
    """Weights, MACs, receptive field and channels of a stack on a map of 40, layer by layer, by hand."""
    weights = macs = 0
    before, side, field, step = c, 40, 1, 1
    widths = []
    for kernel, words, stride, dilation, groups in layers:
        times, _, parts = words.removeprefix(":").partition("C") if "C" in words else ("", "", "")
        after = (
            before if not words else int(words[1:]) if "C" not in words else c * int(times or 1) // int(parts[1:] or 1)
        )
        side = -(-side // stride)
        each = kernel * kernel * (before // groups) * after
        weights += each + after * bias
        macs += each * side * side
        field += (kernel - 1) * dilation * step
        step *= stride
        before = after
        widths.append(after)
    return weights, macs, field, widths


@settings(max_examples=150, deadline=None)
@given(st.lists(convolution, min_size=1, max_size=4), st.booleans(), st.integers(1, 5))
def test_any_stack_against_counting(layers: list[Any], bias: bool, times: int) -> None:
    """And the closed form at any C that can be parted so."""
    text = ",".join(f"{k}x{k}{c}s{s}d{d}g{g}" for k, c, s, d, g in layers)
    cost = cost_of_stack(text, C, (40, 40), bias)
    weights, macs, field, widths = counted(layers, C, bias)
    assert (cost.params, cost.macs, cost.size, cost.output[0]) == (weights, macs, (field, field), widths[-1])
    other = 16 * times
    form = cost.weights
    expected, *_ = counted(layers, other, bias)
    assert form.square * other**2 + form.linear * other + form.constant == Fraction(expected)


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("3x3,,3x3", [5], "is not a layer"),
        ("3x3:Q", [4], "says nothing"),
        ("3x3s2s2", [6], "says nothing"),
        ("3x3dC", [4], "says nothing"),
        ("3x3, foo,4x", [6, 11], "layer"),
        ("3x3s0", [1], "from 1"),
        ("3x3:C/0", [1], "from 1"),
        ("9999999x1", [1], "from 1"),
        ("3x3*2000", [1], "times at most"),
        ("max3x3:5", [1], "keeps its channels"),
        ("dw3x3g2", [1], "no groups"),
        ("", [1], "is not a layer"),
    ],
)
def test_what_is_wrong_is_shown_in_its_place(text: str, columns: list[int], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_stack(text)
    assert [problem.span.column for problem in raised.value.problems if problem.span] == columns
    assert all(words in problem.message for problem in raised.value.problems)


@pytest.mark.parametrize("stack", ["1x1:C/7", "3x3g5", "3x3:C/64s2,3x3g2", ",".join(["3x3*900"] * 2)])
def test_what_does_not_fit_is_an_error(stack: str) -> None:
    with pytest.raises(ArchcalcError):
        cost_of_stack(stack)


@given(st.text("0123456789xdwmaxavgCs:/*,gé ", max_size=30))
def test_any_text_is_a_stack_or_an_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert 0 < len(read_stack(text)) <= 1_000
