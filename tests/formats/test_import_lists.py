"""Lists of values in models: split into, read by number and joined, they vanish; the output is onnxruntime's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archcalc
from archcalc.errors import UsageError

from .models import by_onnxruntime, close, model, values, written

I64 = np.int64
FIRST_TWO = "a = SequenceAt(parts, zero) b = SequenceAt(parts, last)"
PLACES = {"zero": np.array(0, I64), "last": np.array(-1, I64)}
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "parts_of_one_size": (
        f"parts = SplitToSequence<axis=1>(x, size) {FIRST_TWO} y = Concat<axis=1>(b, b, a)",
        {"size": np.array(4, I64)},
        "slice slice concat",
    ),
    "parts_of_sizes": (
        f"parts = SplitToSequence<axis=-1>(x, sizes) {FIRST_TWO} y = Concat<axis=2>(b, a)",
        {"sizes": np.array([1, 5, 2], I64)},
        "slice slice concat",
    ),
    "single_units": (f"parts = SplitToSequence<axis=1>(x) {FIRST_TWO} y = Add(a, b)", {}, "split split add"),
    "single_units_without_their_axis": (
        f"parts = SplitToSequence<axis=1, keepdims=0>(x) {FIRST_TWO} y = Add(a, b)",
        {},
        "split split flatten flatten add",
    ),
    "a_list_joined": (
        "r = Relu(x) parts = SequenceConstruct(x, r) y = ConcatFromSequence<axis=2>(parts)",
        {},
        "relu concat",
    ),
    "a_list_joined_along_a_new_axis": (
        "r = Relu(x) parts = SequenceConstruct(r, x) y = ConcatFromSequence<axis=1, new_axis=1>(parts)",
        {},
        "relu reshape reshape concat",
    ),
    "how_long_it_is": (
        "parts = SplitToSequence<axis=1>(x, size) n = SequenceLength(parts) f = Cast<to=1>(n) y = Mul(x, f)",
        {"size": np.array(4, I64)},
        "constant mul",
    ),
    "weights_in_parts": (
        "parts = SplitToSequence<axis=1>(w, size) a = SequenceAt(parts, zero) b = SequenceAt(parts, last)"
        " p = MatMul(x, a) q = MatMul(x, b) y = Sub(p, q)",
        {"w": (8, 6), "size": np.array(3, I64)},
        "linear linear sub",
    ),
}


@pytest.mark.parametrize("opset", [11, 23])
@pytest.mark.parametrize("name", CASES)
def test_lists(name: str, opset: int, tmp_path: Path) -> None:
    """Each in the oldest opset that has them and in a new one, where numbers of splits are inputs."""
    body, weights, keywords = CASES[name]
    proto = model(body, {**weights, **PLACES}, "float[N,6,8] x", opset=opset)
    network = archcalc.load(written(proto, tmp_path))
    words = [node.op.keyword for node in network.graph.nodes if node.op.keyword != "input"]
    assert " ".join(words) == keywords
    x = values(name, (2, 6, 8))
    (expected,) = by_onnxruntime(proto, {"x": x})
    assert close(archcalc.run(network, x, timed=False).output, expected)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("p = SplitToSequence<axis=1>(x, four) y = SequenceAt(p, nine)", "reads an item that is none of 2"),
        ("p = SplitToSequence<axis=7>(x, four) y = SequenceAt(p, four)", "7 is no axis of 3"),
        ("p = SplitToSequence<axis=1>(x, none) y = SequenceAt(p, four)", "makes parts of 0 of 6"),
        ("p = SplitToSequence<axis=1>(x, wrong) y = SequenceAt(p, none)", r"\[1, 2\] are not the parts of 6"),
        ("y = SequenceAt(x, four)", "reads no list of values"),
        ("p = SequenceConstruct(x, x) y = Relu(p)", "the Relu '.*': reads a list of values"),
        ("p = SequenceConstruct(x) y = SequenceAt(p, x)", "its input 2 depends on the network's input"),
        ("p = SequenceConstruct(x, lost) y = SequenceAt(p, none) lost = SequenceConstruct(x)", "made of lists"),
    ],
)
def test_what_is_no_list(body: str, said: str, tmp_path: Path) -> None:
    """A line that names the operation."""
    numbers = {"four": 4, "nine": 9, "none": 0, "wrong": [1, 2]}
    weights = {name: np.array(number, I64) for name, number in numbers.items()}
    with pytest.raises(UsageError, match=said):
        archcalc.load(written(model(body, weights, "float[N,6,8] x"), tmp_path))
