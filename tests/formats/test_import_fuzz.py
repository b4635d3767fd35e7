"""Models that nobody meant: a sound one with some of its fields changed opens and is counted, or ends in a line."""

import contextlib
import random
from pathlib import Path

import onnx
import pytest
from onnx import AttributeProto

import archcalc
from archcalc.errors import ArchcalcError
from archcalc.formats.onnx_export import to_onnx
from archcalc.forward.weights import random_weights

SPEC = """
archcalc: 1
name: all_sorts
input: [4, 12, 12]
layers:
  - conv: {out_channels: 8, kernel_size: 3, padding: 1}
  - batchnorm
  - relu
  - maxpool: {kernel_size: 2}
  - groupnorm: {num_groups: 2}
  - add:
      - - conv: {out_channels: 8, kernel_size: 1, groups: 2}
        - silu
      - []
  - channel_shuffle: {groups: 2}
  - concat:
      - - avgpool: {kernel_size: 3, stride: 1, padding: 1}
      - - upsample: {size: 6, mode: bilinear}
  - pad: {padding: 1, mode: reflect}
  - slice: {start: 2, end: 10}
  - global_avgpool
  - flatten
  - linear: {out_features: 16}
  - layernorm
  - gelu
  - linear: {out_features: 5}
  - softmax
"""
NUMBERS = (0, -1, 1, 2, 3, 7, 1000, 2**31, 2**62, 2**63 - 1, -(2**63))
REALS = (0.0, -1.0, float("nan"), float("inf"))
KINDS = ("Conv", "Relu", "Add", "Reshape", "Gather", "Loop", "If", "Nope", "MatMul", "Split", "Transpose", "Resize")


def sound() -> onnx.ModelProto:
    network = archcalc.loads(SPEC).graph
    return to_onnx(network, random_weights(network))


def changed(model: onnx.ModelProto, chance: random.Random) -> None:
    """One field of a model has another value, or is gone."""
    graph, node = model.graph, chance.choice(model.graph.node)
    what = chance.randrange(9)
    if what == 0 and node.attribute:
        _attribute(chance.choice(node.attribute), chance)
    elif what == 1 and node.input:
        others = ["", "nope", graph.input[0].name, chance.choice(graph.node).output[0]]
        node.input[chance.randrange(len(node.input))] = chance.choice(others)
    elif what == 2:
        node.op_type = chance.choice(KINDS)
    elif what == 3 and len(graph.node) > 2:
        del graph.node[chance.randrange(len(graph.node))]
    elif what == 4:
        tensor = chance.choice([tensor for tensor in graph.initializer if tensor.dims])
        tensor.dims[chance.randrange(len(tensor.dims))] = chance.choice(NUMBERS)
    elif what == 5:
        tensor = chance.choice([tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT64])
        tensor.raw_data = b"".join(
            chance.choice(NUMBERS).to_bytes(8, "little", signed=True) for _ in range(len(tensor.raw_data) // 8)
        )
    elif what == 6:
        model.opset_import[0].version = chance.choice([0, 1, 6, 7, 9, 11, 13, 17, 21, 99])
    elif what == 7 and node.input:
        del node.input[chance.randrange(len(node.input))]
    elif what == 8:
        chance.choice(graph.input[0].type.tensor_type.shape.dim).dim_value = chance.choice(NUMBERS)


def _attribute(attribute: AttributeProto, chance: random.Random) -> None:
    if attribute.ints:
        attribute.ints[chance.randrange(len(attribute.ints))] = chance.choice(NUMBERS)
    elif attribute.type == AttributeProto.INT:
        attribute.i = chance.choice(NUMBERS)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = chance.choice(REALS)
    elif attribute.type == AttributeProto.STRING:
        attribute.s = chance.choice([b"", b"nearest", b"\xff", b"SAME_UPPER"])


@pytest.mark.parametrize("seed", range(6))
def test_changed_models_open_or_end_in_a_line(seed: int, tmp_path: Path) -> None:
    """No error but ours, whatever is changed; what opens can be counted."""
    chance, base, path = random.Random(seed), sound(), tmp_path / "changed.onnx"
    opened = 0
    for _ in range(250):
        model = onnx.ModelProto()
        model.CopyFrom(base)
        for _ in range(chance.choice([1, 1, 2, 3])):
            changed(model, chance)
        path.write_bytes(model.SerializeToString())
        with contextlib.suppress(ArchcalcError):
            analysis = archcalc.analyse(archcalc.load(path))
            assert analysis.params.params >= 0
            assert analysis.cost.macs >= 0
            assert analysis.memory.peak_bytes > 0
            assert len(analysis.fields.layers) == len(analysis.graph.nodes)
            opened += 1
    assert 0 < opened < 250
