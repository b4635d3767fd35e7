"""Operations that are not ours: a file that states no shapes is followed by ONNX's own, and the batch with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archcalc

from .models import by_onnxruntime, model, values, written

I64 = np.int64
TOKENS = "float[N,4,6] x"
LSTM = {"w": (2, 20, 6), "r": (2, 20, 5)}

CASES: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "recurrence_over_steps_in_front": (
        't = Transpose<perm=[1,0,2]>(x) u, h, c = LSTM<hidden_size=5,direction="bidirectional">(t, w, r)'
        " q = Transpose<perm=[2,0,1,3]>(u) y = Reshape(q, flat)",
        {**LSTM, "flat": np.array([0, 4, 10], I64)},
        TOKENS,
    ),
    "state_behind_the_last_step": (
        "t = Transpose<perm=[1,0,2]>(x) u, h = GRU<hidden_size=5>(t, w, r) s = Squeeze(h, a) y = Relu(s)",
        {"w": (1, 15, 6), "r": (1, 15, 5), "a": np.array([0], I64)},
        TOKENS,
    ),
    "largest": ("v, i = TopK(x, k) y = Relu(v)", {"k": np.array([2], I64)}, TOKENS),
    "running_sum": ("s = CumSum(x, a) y = Relu(s)", {"a": np.array(1, I64)}, TOKENS),
    "choice": ("g = Less(x, c) w = Where(g, x, d) y = Relu(w)", {"c": (1, 6), "d": (3, 4, 6)}, "float[N,3,4,6] x"),
    "sampled": ("t = Transpose<perm=[0,2,3,1]>(x) g = GridSample(x, t) y = Relu(g)", {}, "float[N,2,4,6] x"),
}


@pytest.mark.parametrize("name", CASES)
def test_shapes_are_those_of_onnxruntime(name: str, tmp_path: Path) -> None:
    """With one sample and with three: the axis of the batch is none of a sample's."""
    body, weights, x = CASES[name]
    proto = model(body, weights, x, opset=17)
    network = archcalc.load(written(proto, tmp_path))
    assert [node.op.title for node in network.graph.unknown]
    for batch in (1, 3):
        (found,) = by_onnxruntime(proto, {"x": values(name, (batch, *network.graph.input_shape))})
        assert found.shape == (batch, *network.graph.shapes[-1])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("y = NonZero(x)", "the NonZero 'y': there is no operator NonZero here, and the file does not say what shape"),
        ("i = TopK(x, x) y = Relu(i)", "the TopK 'i': there is no operator TopK here"),
        ("i = Det<axis = 3>(x) y = Relu(i)", "the Det 'i': there is no operator Det here"),
        ("y = LayerNormalization<axis = 70000>(x, w)", "the LayerNormalization 'y'"),
    ],
)
def test_nothing_follows_for_what_does_not_fit(body: str, said: str, tmp_path: Path) -> None:
    """Sizes that depend on values, inputs of the wrong kind, attributes that the operator does not have."""
    with pytest.raises(archcalc.UsageError, match=said):
        archcalc.load(written(model(body, {"w": (6,)}, TOKENS), tmp_path))
