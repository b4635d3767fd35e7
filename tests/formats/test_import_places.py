"""GatherND and ScatterND by constant places: whatever places they are, the output is onnxruntime's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archcalc
from archcalc.errors import UsageError

from .models import by_onnxruntime, close, model, values, written

TURN = "t = Transpose<perm=[1,2,0]>(x)"
BACK = "y = Transpose<perm=[2,0,1]>(g)"
I64 = np.int64

PLACES: dict[str, Any] = {
    "rows": [[1], [2], [3]],
    "rows_from_the_first": [[0], [1]],
    "rows_to_the_last": [[-2], [-1]],
    "all_rows": [[row] for row in range(6)],
    "rows_in_disorder": [[4], [0], [-3]],
    "one_row_twice": [[2], [5], [2]],
    "places_on_two_axes": [[0, 7], [5, -8], [3, 3], [-1, 2]],
    "places_in_a_table": [[[0, 1], [2, 3]], [[4, 5], [5, 0]]],
    "neighbours_over_the_end_of_a_row": [[1, 6], [1, 7], [2, 0]],
    "a_row_in_a_table": [[[0], [2]], [[1], [5]]],
}


@pytest.mark.parametrize("name", PLACES)
def test_gather_nd(name: str, tmp_path: Path) -> None:
    """Read on the first axes of what is turned, so that the batch is on none of them."""
    places = np.array(PLACES[name], I64)
    rank = places.ndim - 1 + 3 - places.shape[-1]
    order = ",".join(map(str, (rank - 1, *range(rank - 1))))
    proto = model(f"{TURN} g = GatherND(t, i) y = Transpose<perm=[{order}]>(g)", {"i": places}, "float[N,6,8] x")
    network = archcalc.load(written(proto, tmp_path))
    x = values(name, (2, 6, 8))
    (expected,) = by_onnxruntime(proto, {"x": x})
    assert close(archcalc.run(network, x, timed=False).output, expected)


@pytest.mark.parametrize("flowing", [False, True])
@pytest.mark.parametrize("name", PLACES)
def test_scatter_nd(name: str, flowing: bool, tmp_path: Path) -> None:
    """What is written is constant, or flows as what it is written into does; of two for one place the last stays."""
    places = np.array(PLACES[name], I64)
    made = "n = Neg(t) u = GatherND(n, i)" if flowing else "u = Expand(v, s)"
    shape = (*places.shape[:-1], *(6, 8)[places.shape[-1] :])
    weights = {"i": places, "v": (*shape, 1), "s": np.array((*shape, 2), I64)}
    body = f"{TURN} {made} h = ScatterND(t, i, u) g = Sub(h, t) {BACK}"
    proto = model(body, weights, "float[2,6,8] x")
    x = values(name, (2, 6, 8))
    if not flowing:
        weights["s"] = np.array((*shape, 1), I64)
    network = archcalc.load(written(model(body, weights, "float[N,6,8] x"), tmp_path))
    (expected,) = by_onnxruntime(proto, {"x": x})
    assert close(archcalc.run(network, x, timed=False).output, expected)


def test_a_part_of_a_bias_that_is_fixed(tmp_path: Path) -> None:
    """Zeros in the middle of a learned bias (those of keys): the parameter counts whole, the zeros not at all."""
    body = "b = ScatterND(qkv_bias, i, zeros) m = MatMul(x, w) y = Add(m, b)"
    zeros = "zeros = Constant<value = float[2] {0.0, 0.0}>()"
    proto = model(f"{zeros} {body}", {"qkv_bias": (6,), "i": np.array([[2], [3]], I64), "w": (8, 6)}, "float[N,3,8] x")
    network = archcalc.load(written(proto, tmp_path))
    assert archcalc.analyse(network).params.params == 6 + 48
    x = values("x", (2, 3, 8))
    assert close(archcalc.run(network, x, timed=False).output, by_onnxruntime(proto, {"x": x})[0])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("y = GatherND(t, beyond)", "goes beyond the units that are there"),
        ("y = ScatterND(t, beyond, u)", "goes beyond the units that are there"),
        ("y = ScatterND(t, i, wrong)", r"replaces 2 units by \[1, 8, 2\]"),
        ("y = GatherND(t, deep)", "spells out places on 4 axes of 3"),
    ],
)
def test_what_does_not_fit(body: str, said: str, tmp_path: Path) -> None:
    """A line that names the operation."""
    places = {"beyond": [[6], [0]], "i": [[1], [2]], "deep": [[0, 0, 0, 0]]}
    weights: dict[str, Any] = {name: np.array(given, I64) for name, given in places.items()}
    weights |= {"u": (2, 8, 2), "wrong": (1, 8, 2)}
    with pytest.raises(UsageError, match=said):
        archcalc.load(written(model(f"{TURN} {body}", weights, "float[2,6,8] x"), tmp_path))


def test_what_is_added_to_places(tmp_path: Path) -> None:
    """It is no layer of ours, and keeps the shape of what it adds to."""
    weights = {"i": np.array([[1], [2]], I64), "u": (2, 8, 2)}
    network = archcalc.load(
        written(model(f'{TURN} y = ScatterND<reduction="add">(t, i, u)', weights, "float[2,6,8] x"), tmp_path)
    )
    (added,) = network.graph.unknown
    assert added.op.title == "? ScatterND"
    assert network.graph.shapes[-1] == network.graph.shapes[-2] == (6, 8)
