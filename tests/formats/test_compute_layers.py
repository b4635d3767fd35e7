"""Layers with random attributes, held against ONNX's own evaluator or, where that is narrower, against onnxruntime."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.formats.compute import compute
from tests.formats.reference import assert_alike

Array = Any

PADDINGS = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]


def drawn(*shape: int, dtype: str = "float32") -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def whole(*values: int) -> Array:
    return np.array(values, np.int64)


class Geometry:
    """Windows on 1 to 3 axes that fit on their map."""

    def __init__(self, data: st.DataObject) -> None:
        self.rank = rank = data.draw(st.integers(1, 3))

        def each(low: int, high: int) -> list[int]:
            return data.draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))

        self.kernel, self.strides = each(1, 3), each(1, 3)
        self.auto_pad = data.draw(st.sampled_from(PADDINGS))
        self.dilations = each(1, 2)
        if self.auto_pad.startswith("SAME"):
            # onnxruntime's poolings forget dilations there, and crop where strides are larger than windows.
            self.dilations = [1] * rank
            self.strides = [min(s, k) for s, k in zip(self.strides, self.kernel, strict=True)]
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]
        self.sizes = [span + more for span, more in zip(spans, each(0, 4), strict=True)]
        sides = [min(p, (k - 1)) for p, k in zip(each(0, 2) * 2, self.kernel * 2, strict=True)]
        self.pads = sides if self.auto_pad == "NOTSET" else None

    def attributes(self, **more: Any) -> dict[str, Any]:
        stated = {"strides": self.strides, "dilations": self.dilations, "auto_pad": self.auto_pad, **more}
        return stated if self.pads is None else {**stated, "pads": self.pads}


@given(st.data(), st.sampled_from([(1, 2, 3), (2, 2, 1), (3, 1, 2)]), st.booleans())
def test_conv(data: st.DataObject, channels: tuple[int, int, int], biased: bool) -> None:
    """Groups of (inputs, outputs) channels, every kind of padding, 1 to 3 axes."""
    case, (groups, into, out) = Geometry(data), channels
    x, weight = drawn(2, groups * into, *case.sizes), drawn(groups * out, into, *case.kernel)
    bias = drawn(groups * out) if biased else None
    if case.pads is not None:
        # More than a window is wide, so that some see nothing but padding; poolings may not.
        case.pads = [pad + data.draw(st.sampled_from([0, 0, 3])) for pad in case.pads]
    attributes = case.attributes(group=groups, kernel_shape=case.kernel)
    assert_alike("Conv", [x, weight, bias] if biased else [x, weight], attributes, 11, rtol=1e-4, by="onnxruntime")


@given(st.data(), st.sampled_from([(1, 2, 3), (2, 2, 1)]), st.booleans())
def test_conv_transpose(data: st.DataObject, channels: tuple[int, int, int], stated: bool) -> None:
    """With padding and an output padding, or with the sizes that must come out."""
    case, (groups, into, out) = Geometry(data), channels
    x, weight = drawn(1, groups * into, *case.sizes), drawn(groups * into, out, *case.kernel)
    extra = [data.draw(st.integers(0, stride - 1)) for stride in case.strides]
    attributes = {"strides": case.strides, "dilations": case.dilations, "group": groups}
    if stated:
        spans = [(k - 1) * d + 1 for k, d in zip(case.kernel, case.dilations, strict=True)]
        natural = [(n - 1) * s + span for n, s, span in zip(case.sizes, case.strides, spans, strict=True)]
        attributes["output_shape"] = [size - data.draw(st.integers(0, min(size - 1, 3))) for size in natural]
        attributes["auto_pad"] = data.draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER"]))
    else:
        attributes |= {"output_padding": extra, "pads": [0] * (2 * case.rank) if case.pads is None else case.pads}
        if any(size < 1 for size in compute("ConvTranspose", [x, weight], attributes, 11)[0].shape):
            return
    assert_alike("ConvTranspose", [x, weight], attributes, 11, rtol=1e-4, atol=1e-5, by="onnxruntime")


@given(st.data(), st.booleans(), st.booleans())
def test_maxpool(data: st.DataObject, ceil_mode: bool, by_columns: bool) -> None:
    """Maxima and their places; of equal values it is the first."""
    case = Geometry(data)
    x = np.round(drawn(2, 2, *case.sizes))
    attributes = case.attributes(kernel_shape=case.kernel, ceil_mode=int(ceil_mode), storage_order=int(by_columns))
    assert_alike("MaxPool", [x], attributes, 12, outputs=2, by="onnxruntime")


@given(st.data(), st.booleans(), st.booleans())
def test_avgpool(data: st.DataObject, ceil_mode: bool, counted: bool) -> None:
    case = Geometry(data)
    attributes = case.attributes(kernel_shape=case.kernel, ceil_mode=int(ceil_mode), count_include_pad=int(counted))
    assert_alike("AveragePool", [drawn(2, 2, *case.sizes)], attributes, 19, by="onnxruntime")


@pytest.mark.parametrize(("ceil_mode", "count"), [(0, 9), (1, 8)])
def test_windows_behind_the_map(ceil_mode: int, count: int) -> None:
    """Windows on padding alone are there, but with ⌈ ⌉ not the last one: as the standard counts them."""
    attributes = {"kernel_shape": [1], "pads": [0, 13], "strides": [2], "ceil_mode": ceil_mode, "count_include_pad": 1}
    (y,) = compute("AveragePool", [np.ones((1, 1, 4), np.float32)], attributes, 22)
    assert y.tolist() == [[[1, 1] + [0] * (count - 2)]]


@given(st.data(), st.sampled_from([1, 2, 3]))
def test_lp_pool(data: st.DataObject, p: int) -> None:
    case = Geometry(data)
    attributes = case.attributes(kernel_shape=case.kernel, p=p)
    assert_alike("LpPool", [drawn(1, 2, *case.sizes)], attributes, 18, rtol=1e-4, by="onnxruntime")


COORDINATES = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric"]
ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
SCALES = [0.3, 0.5, 0.8, 1.0, 1.3, 2.0, 2.6]


@given(st.data(), st.booleans())
def test_resize(data: st.DataObject, by_scales: bool) -> None:
    """All maps of coordinates, roundings, curves and kinds of edges, by scales or by sizes."""
    shape = data.draw(st.tuples(st.integers(2, 5), st.integers(2, 5)))
    mode = data.draw(st.sampled_from(["nearest", "linear", "cubic"]))
    attributes: dict[str, Any] = {
        "mode": mode,
        "coordinate_transformation_mode": data.draw(st.sampled_from(COORDINATES)),
        "nearest_mode": data.draw(st.sampled_from(ROUNDINGS)),
    }
    if mode != "nearest":
        attributes["antialias"] = data.draw(st.integers(0, 1))
    if mode == "cubic":
        attributes |= {"cubic_coeff_a": data.draw(st.sampled_from([-0.5, -0.75]))}
        attributes |= {"exclude_outside": data.draw(st.integers(0, 1))}
    x, roi = drawn(*shape), None
    if by_scales:
        scales = np.array(data.draw(st.tuples(*[st.sampled_from(SCALES)] * 2)), np.float32)
        if (np.floor(np.array(shape) * scales) < 1).any():
            return
        assert_alike("Resize", [x, roi, scales], attributes, 18, atol=1e-5)
    else:
        sizes = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
        attributes["keep_aspect_ratio_policy"] = data.draw(st.sampled_from(["stretch", "not_larger", "not_smaller"]))
        if attributes["keep_aspect_ratio_policy"] == "not_larger" and min(sizes) < max(shape):
            return
        assert_alike("Resize", [x, roi, None, whole(*sizes)], attributes, 18, atol=1e-5)


@given(st.data())
def test_resize_of_a_crop(data: st.DataObject) -> None:
    """Parts of the axes, beyond their ends too, where a value of its own stands."""
    begins = data.draw(st.tuples(*[st.sampled_from([-0.21, 0.03, 0.33])] * 2))
    ends = data.draw(st.tuples(*[st.sampled_from([0.61, 0.95, 1.17])] * 2))
    attributes = {
        "mode": data.draw(st.sampled_from(["nearest", "linear"])),
        "coordinate_transformation_mode": "tf_crop_and_resize",
        "extrapolation_value": 7.0,
    }
    sizes = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    roi = np.array([*begins, *ends], np.float32)
    assert_alike("Resize", [drawn(4, 5), roi, None, whole(*sizes)], attributes, 13, atol=1e-5)


@given(st.sampled_from([1.0, 1.5, 2.0, 3.0]), st.sampled_from(["nearest", "linear"]))
def test_resize_of_old_opsets(scale: float, mode: str) -> None:
    """Opset 10, and Upsample before it: coordinates are asymmetric, and rounded down."""
    x, scales = drawn(1, 2, 3, 4), np.array([1, 1, scale, scale], np.float32)
    assert_alike("Resize", [x, scales], {"mode": mode}, 10, by="onnxruntime")
    assert_alike("Upsample", [x, scales], {"mode": mode}, 9, by="onnxruntime")
    assert_alike("Upsample", [x], {"mode": mode, "scales": scales.tolist()}, 7, by="onnxruntime")


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_resize_of_whole_numbers(mode: str) -> None:
    """Rounded, and kept within the type."""
    x = np.array([[0, 255, 0, 255], [255, 0, 255, 0]], np.uint8)
    assert_alike("Resize", [x, None, np.array([2.0, 1.7], np.float32)], {"mode": mode}, 18)


@given(st.data(), st.sampled_from(["constant", "reflect", "edge", "wrap"]))
def test_pad(data: st.DataObject, mode: str) -> None:
    x = drawn(3, 4)
    most = 2 if mode != "constant" else 5
    pads = data.draw(st.lists(st.integers(0, most), min_size=4, max_size=4))
    value = np.array(2.5, np.float32)
    assert_alike("Pad", [x, whole(*pads), value], {"mode": mode}, 19)
    assert_alike("Pad", [x, whole(*pads[::2]), value, whole(-1)], {"mode": mode}, 19)
    if mode != "wrap":
        assert_alike("Pad", [x, whole(*pads), value], {"mode": mode}, 11)
        assert_alike("Pad", [x], {"mode": mode, "pads": pads, "value": 2.5}, 9, by="onnxruntime")


@given(st.lists(st.integers(-2, 3), min_size=4, max_size=4))
def test_pad_that_crops(pads: list[int]) -> None:
    assert_alike("Pad", [drawn(5, 6), whole(*pads)], {}, 13, by="onnxruntime")


@given(st.booleans(), st.booleans(), st.sampled_from([None, (), (1,), (4,), (3, 1), (3, 4)]))
def test_gemm(turned_a: bool, turned_b: bool, c: tuple[int, ...] | None) -> None:
    a, b = drawn(*((2, 3) if turned_a else (3, 2))), drawn(*((4, 2) if turned_b else (2, 4)))
    attributes = {"transA": int(turned_a), "transB": int(turned_b), "alpha": 0.5, "beta": -1.5}
    assert_alike("Gemm", [a, b] if c is None else [a, b, drawn(*c)], attributes, 13)


@pytest.mark.parametrize(
    ("a", "b"), [((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((4, 1, 2, 3), (5, 3, 2)), ((2, 3), (4, 3, 5))]
)
def test_matmul(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    assert_alike("MatMul", [drawn(*a), drawn(*b)], {}, 13)


@pytest.mark.parametrize("opset", [9, 14, 15])
@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 3), (2, 4, 3, 2)])
def test_batchnorm(shape: tuple[int, ...], opset: int) -> None:
    own = [np.abs(drawn(4)) + place for place in range(4)]
    assert_alike("BatchNormalization", [drawn(*shape), *own], {"epsilon": 1e-3}, opset, by="onnxruntime")


def test_batchnorm_that_trains() -> None:
    own = [np.abs(drawn(4)) + place for place in range(4)]
    assert_alike("BatchNormalization", [drawn(2, 4, 3), *own], {"training_mode": 1, "momentum": 0.7}, 14, outputs=3)


@given(st.integers(-3, 2), st.booleans(), st.sampled_from(["float32", "float16", "float64"]))
def test_layernorm(axis: int, biased: bool, dtype: str) -> None:
    x = drawn(2, 3, 4, dtype=dtype)
    affine = [drawn(*x.shape[axis:], dtype=dtype) for _ in range(2)][: 1 + biased]
    rtol = 1e-2 if dtype == "float16" else 1e-4
    assert_alike("LayerNormalization", [x, *affine], {"axis": axis, "epsilon": 1e-3}, 17, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groupnorm(groups: int) -> None:
    """A factor for each group in opset 18, for each channel since 21."""
    x = drawn(2, 4, 3, 2)
    old = [drawn(groups) + place for place in range(2)]
    assert_alike("GroupNormalization", [x, *old], {"num_groups": groups}, 18, rtol=1e-4)
    assert_alike("GroupNormalization", [x, *[drawn(4)] * 2], {"num_groups": groups}, 21, rtol=1e-4, by="onnxruntime")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_lrn(size: int) -> None:
    """onnxruntime refuses even windows, so that those are held against the evaluator, which takes few samples only."""
    attributes = {"size": size, "alpha": 0.4, "beta": 0.6, "bias": 1.5}
    if size % 2:
        assert_alike("LRN", [drawn(2, 5, 3, 2)], attributes, 13, by="onnxruntime")
    else:
        assert_alike("LRN", [drawn(5, 5, 3, 2)], attributes, 13)


@given(st.integers(-3, 2), st.sampled_from(["Softmax", "LogSoftmax"]))
def test_shares(axis: int, kind: str) -> None:
    """Of one axis since opset 13, of all from it on before."""
    for opset in (11, 13):
        assert_alike(kind, [drawn(2, 3, 4)], {"axis": axis}, opset, by="onnxruntime")
    assert_alike(kind, [drawn(2, 3, 4)], {}, 11, by="onnxruntime")


@pytest.mark.parametrize("kind", ["Elu", "Celu", "ThresholdedRelu", "LeakyRelu", "Selu", "HardSigmoid"])
@pytest.mark.parametrize("attributes", [{}, {"alpha": 0.3}, {"alpha": 2.0}])
def test_activations(kind: str, attributes: dict[str, float]) -> None:
    assert_alike(kind, [drawn(3, 40) * 3], attributes, 18, by="onnxruntime")


@pytest.mark.parametrize("slope", [(4,), (3, 1, 1), (3, 2, 4), (1,), ()])
def test_prelu(slope: tuple[int, ...]) -> None:
    assert_alike("PRelu", [drawn(2, 3, 2, 4), drawn(*slope)], {}, 16)


@pytest.mark.parametrize("bounds", [(None, None), (-0.5, None), (None, 0.5), (-0.5, 0.5), (0.5, -0.5)])
def test_clip(bounds: tuple[float | None, float | None]) -> None:
    """Inputs since opset 11, attributes before."""
    x = drawn(30)
    inputs = [None if bound is None else np.array(bound, np.float32) for bound in bounds]
    assert_alike("Clip", [x, *inputs], {}, 13)
    attributes = {name: bound for name, bound in zip(("min", "max"), bounds, strict=True) if bound is not None}
    assert_alike("Clip", [x], attributes, 6)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_blocks(mode: str) -> None:
    x = drawn(2, 8, 3, 2)
    assert_alike("DepthToSpace", [x], {"blocksize": 2, "mode": mode}, 13)
    (deep,) = compute("DepthToSpace", [x], {"blocksize": 2, "mode": "DCR"}, 13)
    assert_alike("SpaceToDepth", [deep], {"blocksize": 2}, 13)
    np.testing.assert_array_equal(compute("SpaceToDepth", [deep], {"blocksize": 2}, 13)[0], x)
