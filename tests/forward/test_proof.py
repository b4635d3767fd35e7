"""Networks held against themselves: what holds is seen to hold, layer by layer."""

from fractions import Fraction

import pytest
from analysis.measured import network_of
from analysis.strategies import networks
from hypothesis import event, given, settings
from ops.cases import Sample, each
from ops.samples import SAMPLES

import archcalc
from archcalc import ops
from archcalc.analysis.cost import count_operations
from archcalc.analysis.memory import measure_memory
from archcalc.analysis.receptive_field import Field, receptive_fields
from archcalc.forward.claims import KINDS, Claim, Count, Extent, Proof
from archcalc.forward.proof import prove
from archcalc.graph import Graph, Node
from archcalc.infer import InferredGraph, infer
from archcalc.network import load

pytestmark = pytest.mark.usefixtures("one_thread")

# Of the zoo what has less than 60 million MACs; benchmarks/proofs.py takes them all.
SMALL = [
    *("lenet5", "lenet5_digits", "lenet5_paper", "lenet_caffe_mnist", "fractalnet_c1", "fractalnet_c2"),
    *("fractalnet_c3", "resnet20_cifar", "resnet20_cifar_b", "mobilenet_v3_small", "shufflenet_v2_x0_5"),
]
LARGER = ["densenet_40_12", "efficientnet_b0", "nin_cifar10", "preact_resnet164", "squeezenet1_1", "wrn_40_1"]

# Input and layers of networks in which everything that is claimed can be observed.
WHOLE = {
    "dilated": (
        "2x21x18",
        """
- conv: {out_channels: 3, kernel_size: [3, 4], dilation: [3, 2], padding: same}
- maxpool: {kernel_size: 3, stride: 1, dilation: 2, padding: 1}
- conv: {out_channels: 2, kernel_size: 3, stride: [2, 1], dilation: [1, 2], padding: [[2, 0], [1, 4]]}
""",
    ),
    "grouped": (
        "4x13x12",
        """
- conv: {out_channels: 6, kernel_size: 3, groups: 2}
- conv: {out_channels: 6, kernel_size: 3, padding: 1, groups: 6, bias: false}
- channel_shuffle: {groups: 3}
- conv_transpose: {out_channels: 4, kernel_size: 3, stride: 2, groups: 2}
""",
    ),
    "transposed": (
        "2x11",
        """
- conv_transpose: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}
- conv: {out_channels: 1, kernel_size: 3, dilation: 2}
- conv_transpose: {out_channels: 1, kernel_size: 5, stride: 3, dilation: 2}
""",
    ),
    "upsampled": (
        "1x9x8",
        """
- upsample: {scale_factor: 3, mode: bilinear}
- conv: {out_channels: 2, kernel_size: 3, stride: 2}
- upsample: {scale_factor: [2, 1]}
""",
    ),
    "upsampled to a size": ("1x10", "- upsample: {size: 25, mode: linear}\n- conv: {out_channels: 1, kernel_size: 2}"),
    "volume": (
        "2x6x7x5",
        """
- conv: {out_channels: 3, kernel_size: [2, 3, 1], stride: [1, 2, 1], padding: [0, 1, 2]}
- batchnorm
- leaky_relu
- avgpool: {kernel_size: 2, stride: 1, padding: [1, 0, [1, 0]]}
""",
    ),
    "misaligned": (
        "1x12x11",
        """
- add:
    - - conv: {out_channels: 1, kernel_size: [2, 3], padding: [[0, 1], [2, 0]]}
    - []
- mean:
    - - maxpool: {kernel_size: 2}
      - conv: {out_channels: 1, kernel_size: 3, padding: 1}
    - - conv: {out_channels: 1, kernel_size: 3, stride: 2, padding: [1, [1, 0]]}
""",
    ),
    "attention": (
        "3x8x8",
        """
- conv: {out_channels: 6, kernel_size: 4, stride: 2}
- flatten: {start_dim: 2}
- permute: {name: patches, dims: [0, 2, 1]}
- parameter: {name: token, shape: [1, 6]}
- concat: {dim: 1, inputs: [token, patches]}
- parameter: {name: places, shape: [10, 6]}
- add: {name: placed, inputs: [concat, places]}
- layernorm
- multihead_attention: {embed_dim: 6, num_heads: 2}
- add: {inputs: [multihead_attention, placed]}
- gelu
- slice: {dim: 1, end: 1}
- linear: {out_features: 5}
- softmax: {dim: -1}
""",
    ),
    "depth and space": (
        "4x12x8",
        """
- pixel_unshuffle: {downscale_factor: 2}
- conv: {out_channels: 12, kernel_size: 3, padding: 1}
- pixel_shuffle: {name: large, upscale_factor: 2, mode: dcr}
- constant: {name: gain, shape: [3, 1, 1]}
- div: {inputs: [large, gain]}
- index_select: {name: even, dim: 2, index: [1, 3, 5, 7, 9, 11]}
- index_select: {name: same, dim: 2, index: [4, 4, 4]}
- reduce_mean: {name: columns, dims: 2, inputs: [even]}
- reduce_max: {name: grey, dims: 1, keepdim: true, inputs: [even]}
- expand: {shape: [3, -1, -1]}
- min: {inputs: [even, expand]}
- conv: {name: last, out_channels: 2, kernel_size: [2, 3]}
- constant: {name: one, shape: [2, 5, 6], value: 1}
- sub: {inputs: [last, one]}
- reduce_l2: {dims: [2, 3]}
""",
    ),
    # With random weights nearly all of these have no value somewhere: that is not what is hidden.
    "functions": (
        "2x9x8",
        """
- conv: {name: first, out_channels: 4, kernel_size: 3}
- log
- rms_norm: {dim: 1}
- sqrt
- conv: {out_channels: 4, kernel_size: 2}
- rsqrt
- hardtanh
- reciprocal
- pow: {exponent: 0.5}
- pow: {exponent: -2}
- sub: {inputs: [pow, pow]}
- div: {inputs: [sub, sub]}
- exp
- lp_pool: {kernel_size: 3, stride: 1, padding: 1, norm_type: 3}
- softplus: {beta: 2, threshold: 1}
- threshold: {threshold: 0.5, value: -1}
- conv: {out_channels: 2, kernel_size: 2}
- log_softmax
- elu
- instance_norm
""",
    ),
    "heads": (
        "6x5x4",
        """
- conv: {name: stem, out_channels: 8, kernel_size: 3, padding: 1}
- instance_norm: {affine: true}
- reshape: {shape: [2, 4, 20]}
- permute: {name: heads, dims: [0, 1, 3, 2]}
- constant: {name: bias, shape: [1, 20, 20]}
- scaled_dot_product_attention: {inputs: [heads, heads, heads, bias]}
""",
    ),
    "squeeze and excite": (
        "2x9x8",
        """
- conv: {out_channels: 4, kernel_size: 3, padding: 1}
- mul:
    - []
    - - global_avgpool
      - conv: {out_channels: 4, kernel_size: 1}
      - sigmoid
- pad: {padding: 1}
- conv: {out_channels: 2, kernel_size: 3, stride: 2}
- groupnorm: {num_groups: 1}
- hardswish
""",
    ),
    "a gated branch beside a plain one": (
        "2x9x8",
        """
- conv: {name: plain, out_channels: 2, kernel_size: 3, padding: 1}
- global_avgpool: {name: gate}
- mul: {name: gated, inputs: [plain, gate]}
- concat: {inputs: [gated, plain]}
- conv: {out_channels: 2, kernel_size: 3}
""",
    ),
    "flattened twice": (
        "2x6x5",
        """
- conv: {out_channels: 3, kernel_size: 3}
- flatten: {start_dim: 2}
- relu
- flatten
- dropout
- linear: {out_features: 4}
""",
    ),
    "flat, and all of it": (
        "2x6x5",
        """
- flatten: {name: flat}
- linear: {out_features: 60}
- add: {inputs: [linear, flat]}
""",
    ),
    "a view of something larger": (
        "1x4x4",
        "- conv_transpose: {out_channels: 8, kernel_size: 4, stride: 2, padding: 1, bias: false}",
    ),
    "weights of a layer that is not needed": (
        "2x12x11",
        """
- conv: {name: owner, out_channels: 2, kernel_size: 3, padding: 1}
- conv: {name: between, out_channels: 2, kernel_size: 1, inputs: input}
- conv: {name: user, out_channels: 2, kernel_size: 3, stride: 2, shares: owner}
""",
    ),
    "slices and pads": (
        "2x20x12",
        """
- slice: {dim: 2, start: 3, end: -1, step: 2}
- pad: {padding: [[2, 0], [-1, -2]]}
- slice: {dim: -1, start: -7}
- conv: {out_channels: 1, kernel_size: 3}
""",
    ),
    "mirrors": (
        "1x12x10",
        """
- pad: {padding: 3, mode: reflect}
- conv: {out_channels: 1, kernel_size: 3}
- pad: {padding: [[0, 2], 1], mode: circular}
- conv: {out_channels: 2, kernel_size: 2}
""",
    ),
    "dense": (
        "1x10x9",
        """
- repeat: 2
  layers:
    - concat:
        - []
        - - conv: {out_channels: 2, kernel_size: 3, padding: 1}
- lrn: {size: 3}
- maxpool: {kernel_size: 3, stride: 2, ceil_mode: true}
- prelu
""",
    ),
    "shared, and read by nobody": (
        "2x9x9",
        """
- conv: {name: first, out_channels: 2, kernel_size: 3, padding: 1}
- conv: {name: again, out_channels: 2, kernel_size: 3, padding: 1, shares: first}
- conv: {name: unread, out_channels: 9, kernel_size: 1}
- dropout: {inputs: again}
- flatten
- linear: {out_features: 3}
""",
    ),
    "padding by the size": (
        "1x23",
        """
- conv: {out_channels: 2, kernel_size: 4, stride: 3, padding: same}
- conv: {out_channels: 2, kernel_size: 3, stride: 2, padding: same}
""",
    ),
    "padding by the size, on a map too small for the field": (
        "1x13",
        """
- conv: {out_channels: 2, kernel_size: 4, stride: 3, padding: same}
- conv: {out_channels: 2, kernel_size: 3, stride: 2, padding: same}
- conv: {out_channels: 2, kernel_size: 3, padding: same}
""",
    ),
    "columns that see padding only, where a map is narrow": (
        "2x12x11",
        """
- conv: {out_channels: 1, kernel_size: 1, stride: [1, 2], padding: [0, [1, 0]]}
- add: {inputs: [conv, conv]}
""",
    ),
    "bins": ("1x26x17", "- conv: {out_channels: 1, kernel_size: 3}\n- adaptive_avgpool: {output_size: [7, 6]}"),
    "learned maps": (
        "2x9x8",
        """
- conv: {name: body, out_channels: 2, kernel_size: 3}
- parameter: {name: places, shape: [2, 7, 6]}
- add: {inputs: [body, places]}
- conv: {out_channels: 1, kernel_size: [1, 3]}
""",
    ),
    "multiplied by what is learned": (
        "2x8x6",
        """
- conv: {name: body, out_channels: 2, kernel_size: 3}
- parameter: {name: learned, shape: [2, 4, 5]}
- matmul: {inputs: [body, learned]}
""",
    ),
    "the width mixed": ("2x8x6", "- linear: {out_features: 6}\n- conv: {out_channels: 1, kernel_size: [3, 1]}"),
    "axes exchanged": (
        "1x15x13",
        """
- conv: {out_channels: 1, kernel_size: [5, 1], stride: [2, 1]}
- permute: {dims: [0, 1, 3, 2]}
- conv: {out_channels: 1, kernel_size: [2, 1], stride: [3, 1]}
""",
    ),
}

# Input, layers, and why a claim about a layer cannot be observed.
IN_PART = {
    "strides that differ": (
        "1x40",
        """
- slice: {name: near, dim: 2, end: 20}
- conv: {name: far, out_channels: 1, kernel_size: 3, stride: 2, padding: 1, inputs: input}
- add: {inputs: [near, far]}
- conv: {out_channels: 1, kernel_size: 3}
""",
        dict.fromkeys(("add", "conv"), "ways of different strides meet at add"),
    ),
    "holes": (
        "1x5x6",
        "- conv_transpose: {out_channels: 1, kernel_size: [1, 2], stride: 2}",
        {"conv_transpose": "height: some units read nothing: the kernel passes between the units of a spread grid"},
    ),
    "dealt out": ("2x6", "- reshape: {shape: [3, 4]}", {"reshape": "reshape deals the units out anew"}),
    "no map": (
        "[7]",
        "- linear: {out_features: 3}\n- relu",
        dict.fromkeys(("linear", "relu"), "the input has no spatial axes"),
    ),
    "padding everywhere": (
        "1x12",
        "- adaptive_maxpool: {output_size: 5}\n- conv: {out_channels: 1, kernel_size: 7, padding: 3}",
        {"conv": "all of its units see padding too, and on a longer map its field would be another"},
    ),
}


def claims_of(proof: Proof, name: str) -> dict[str, Claim]:
    (found,) = (layer.claims for layer in proof.layers if layer.name == name)
    return dict(found)


def assert_agrees(proof: Proof) -> None:
    """Every claim about every layer, and about the whole."""
    against = [
        (layer.name, kind, claim)
        for layer in proof.layers
        for kind, claim in layer.claims.items()
        if claim.agrees is not True
    ]
    assert against == []
    assert [claim for claim in proof.totals.values() if claim.agrees is not True] == []
    assert proof.agrees


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_of_the_zoo(name: str) -> None:
    """Everything that is claimed of them is observed, and they are the numbers that the analyses give."""
    network = load(name).graph
    proof = prove(network)
    assert_agrees(proof)
    layers = len(network.nodes) - 1
    products = sum(layer.macs > 0 for layer in count_operations(network).layers)
    counts = {"shape": layers, "macs": products, "rf": layers, "memory": layers}
    assert {kind: proof.count(kind) for kind in KINDS} == {kind: Count(n, 0, 0) for kind, n in counts.items()}
    memory = measure_memory(network)
    observed = {name: claim.observed for name, claim in proof.totals.items()}
    assert observed == {
        "macs": count_operations(network).macs,
        "peak": memory.peak_bytes,
        "peak_layer": memory.peak_layer,
        "allocated": memory.peak_bytes,
    }


@pytest.mark.parametrize("name", LARGER)
def test_larger_networks_of_the_zoo(name: str) -> None:
    """All but their receptive fields, which take long."""
    proof = prove(load(name).graph, {"shape", "macs", "memory"})
    assert_agrees(proof)
    assert proof.kinds == ("shape", "macs", "memory")


@pytest.mark.parametrize(("shape", "layers"), WHOLE.values(), ids=WHOLE)
def test_everything_agrees(shape: str, layers: str) -> None:
    network = network_of(layers, shape)
    proof = prove(network)
    assert_agrees(proof)
    fields = receptive_fields(network)
    for layer in fields.layers[1:]:
        claimed = claims_of(proof, layer.name)["rf"].observed
        for seen, observed in zip(layer.axes, claimed, strict=True):
            if isinstance(seen, Field):
                assert observed == Extent(seen.size, seen.stride, seen.padding)


@pytest.mark.parametrize(("shape", "layers", "reasons"), IN_PART.values(), ids=IN_PART)
def test_what_cannot_be_observed_has_a_reason(shape: str, layers: str, reasons: dict[str, str]) -> None:
    proof = prove(network_of(layers, shape))
    assert proof.agrees
    unobserved = {layer.name: layer.claims["rf"] for layer in proof.layers if layer.claims["rf"].agrees is None}
    assert {name: claim.remark for name, claim in unobserved.items()} == reasons
    assert proof.count("rf") == Count(len(proof.layers) - len(reasons), 0, len(reasons))


def test_one_axis_without_a_field_leaves_the_other() -> None:
    """What could be observed is told."""
    proof = prove(network_of(IN_PART["holes"][1], "1x5x6"))
    claim = claims_of(proof, "conv_transpose")["rf"]
    assert claim.predicted == ("?", Extent(1, Fraction(1, 2), 0))
    assert claim.observed == (None, Extent(1, Fraction(1, 2), 0))


def test_rows_that_no_layer_reads() -> None:
    """A stride that does not divide leaves the last row unread: not even what is global sees it, and that is said."""
    proof = prove(network_of("- conv: {out_channels: 2, kernel_size: 3, stride: 2}\n- global_maxpool", "1x10x11"))
    assert_agrees(proof)
    claim = claims_of(proof, "global_maxpool")["rf"]
    assert claim.observed == ("global", "global")
    assert claim.remark == "height: 0 to 9 but for what no layer reads: 0 to 8"


# Several inputs are told apart by no analysis: a position is one of all of them, and their maps have to be alike.
@each(sample for sample in SAMPLES if len({shape[1:] for shape in sample.inputs}) == 1)
def test_every_operator(case: Sample) -> None:
    """Alone in a network: nothing disagrees, and NaN goes through it just where it reads."""
    entries = [Node(f"x{number}", ops.Input(shape)) for number, shape in enumerate(case.inputs)]
    network = infer(Graph("alone", (*entries, Node("op", case.op, tuple(range(len(entries)))))))
    (layer,) = prove(network).layers
    assert [claim for claim in layer.claims.values() if claim.agrees is False] == []
    assert {kind for kind, claim in layer.claims.items() if claim.agrees is None} <= {"rf"}


@given(networks())
@settings(max_examples=60)
def test_random_networks(network: InferredGraph) -> None:
    """Nothing disagrees in any, whatever strides, paddings, crops and merges there are."""
    proof = prove(network)
    assert proof.agrees
    event(f"receptive fields that cannot be observed: {proof.count('rf').unobserved}")


def test_several_inputs() -> None:
    """Curtains hang before all of them; each is held until it is last read."""
    nodes = (
        Node("image", ops.Input((2, 9, 8))),
        Node("mask", ops.Input((1, 9, 8))),
        Node("body", ops.Conv(3, 3, padding=1), (0,)),
        Node("gated", ops.Mul(), (2, 1)),
        Node("down", ops.MaxPool(2), (3,)),
    )
    assert_agrees(prove(infer(Graph("two", nodes))))


def test_the_same_seed_gives_the_same_proof() -> None:
    """And another seed other numbers, of which the same is true."""
    network = network_of(WHOLE["dense"][1], "1x10x9")
    assert prove(network, seed=3) == prove(network, seed=3)
    assert_agrees(prove(network, seed=4))


def test_only_what_is_asked_for() -> None:
    network = network_of("- conv: {out_channels: 2, kernel_size: 3}\n- relu", "1x8x8")
    for kind in KINDS:
        proof = prove(network, [kind])
        assert proof.kinds == (kind,)
        assert {asked for layer in proof.layers for asked in layer.claims} == {kind}
    assert set(prove(network, ["macs"]).totals) == {"macs"}
    assert [layer.claims for layer in prove(network, ["macs"]).layers][1] == {}


def test_from_python() -> None:
    """By name, as loaded, or as a graph."""
    network = load("lenet5")
    by_name, loaded, graph = archcalc.prove("lenet5"), archcalc.prove(network), archcalc.prove(network.graph)
    assert by_name == loaded == graph
    with pytest.raises(archcalc.UsageError, match="there is no network 'lenet'"):
        archcalc.prove("lenet")


@pytest.mark.parametrize("kinds", [KINDS, ("shape",)])
def test_progress(kinds: tuple[str, ...]) -> None:
    """From nothing to everything, and never back."""
    shares = [0.0]
    prove(load("lenet5").graph, kinds, tell=shares.append)  # type: ignore[arg-type]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert len(shares) > 10
