"""Timelines: a machine with so much memory runs them step by step, and finds there what each step needs."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archcalc
from archcalc.analysis.memory import measure_memory
from archcalc.analysis.ordering import best_order, reordered
from archcalc.analysis.saved import saved_activations, storage_owners
from archcalc.analysis.timeline import Timeline, inference_timeline
from archcalc.analysis.training import OPTIMIZERS, TrainingMemory, cuts, largest_batch, training_memory
from archcalc.errors import UsageError
from archcalc.infer import InferredGraph
from archcalc.numbers import product
from archcalc.space.fitting import smallest_arena

from .strategies import networks

NETS = ("alexnet", "vgg16", "resnet50", "densenet121", "googlenet", "mobilenet_v2", "dpn92", "vit_b_16")


def graph(name: str) -> InferredGraph:
    return archcalc.load(name).graph


def bytes_of(network: InferredGraph, position: int) -> int:
    return 4 * product(network.shapes[position])


@settings(max_examples=40, deadline=None)
@given(networks())
def test_without_tricks_it_is_the_peak(network: InferredGraph) -> None:
    """The same number as `--model peak`, which is worked out in another way."""
    assert inference_timeline(network).peak() == measure_memory(network).peak_bytes


@settings(max_examples=40, deadline=None)
@given(networks(), st.booleans())
def test_every_step_finds_its_inputs(network: InferredGraph, joined: bool) -> None:
    """A machine that writes each output over the memory it is said to share: nothing is overwritten that is still read.

    Which outputs share a memory is not told; a timeline of fewer bytes than any machine needs would be a lie: at each
    step all that later steps read, and the output, has to be there, counted once where it is one and the same memory.
    """
    timeline = inference_timeline(network, inplace=True, joined=joined)
    alive, last, owners = timeline.alive(), network.graph.last_uses(), storage_owners(network)
    for step, node in enumerate(network.nodes):
        later = {owners[i] for i in range(step) if last[i] > step and network.nodes[i].inputs}
        entries = {owners[i] for i in range(step + 1) if last[i] >= step and not network.nodes[i].inputs}
        needed = sum(bytes_of(network, i) for i in (later | entries) - {owners[step]})
        if node.op.views or not node.inputs:
            continue
        assert alive[step] >= needed + bytes_of(network, step)
    assert alive[-1] >= bytes_of(network, len(network.nodes) - 1)


@pytest.mark.parametrize("name", NETS)
def test_tricks_never_cost(name: str) -> None:
    network = graph(name)
    plain, inplace = inference_timeline(network), inference_timeline(network, inplace=True)
    assert inplace.peak() <= plain.peak()
    assert inplace.arena() >= inplace.peak()


def test_what_inplace_saves_by_hand() -> None:
    """A convolution of 8 maps behind 3 of 10×10, its batch norm and ReLU: one memory; a second reader keeps it."""
    head = "archcalc: 1\nname: t\ninput: [3, 10, 10]\nlayers:\n  - conv: {name: c, out_channels: 8, kernel_size: 1}\n"
    chain = archcalc.loads(head + "  - batchnorm\n  - relu\n").graph
    assert inference_timeline(chain, inplace=True).peak() == 4 * (300 + 800)
    assert inference_timeline(chain).peak() == 4 * 1600
    twice = archcalc.loads(head + "  - relu: {name: r}\n  - add: {inputs: [c, r]}\n").graph
    assert inference_timeline(twice, inplace=True).peak() == 4 * 1600


def test_joined_concatenations_by_hand() -> None:
    """Two branches of 100 and 200 values: their 300 are there at once, not 300 more for the concatenation."""
    text = """
archcalc: 1
name: t
input: [1, 10, 10]
layers:
  - concat:
      - - conv: {name: a, out_channels: 1, kernel_size: 1}
      - - conv: {name: b, out_channels: 2, kernel_size: 1}
"""
    network = archcalc.loads(text).graph
    assert inference_timeline(network, inplace=True).peak() == 4 * 600
    assert inference_timeline(network, inplace=True, joined=True).peak() == 4 * 400


@pytest.mark.parametrize(("name", "joined"), [("squeezenet1_0", True), ("densenet121", False)])
def test_concatenations_are_joined_where_it_pays(name: str, joined: bool) -> None:
    """Both branches of a fire module end at the concatenation. DenseNet grows for a stage, and would lie empty."""
    network = graph(name)
    found = smallest_arena(network, "float32")
    apart, together = (inference_timeline(network, inplace=True, joined=way) for way in (False, True))
    assert found.joined == joined == (together.arena() < apart.arena())
    assert found.bytes == min(apart.arena(), together.arena())


def test_scratch_of_im2col() -> None:
    """CMSIS-NN's arm_convolve_s8: two columns of kernel·kernel·channels in 16 bits; none for 1×1 convolutions."""
    text = "archcalc: 1\nname: t\ninput: [5, 9, 9]\nlayers:\n  - conv: {out_channels: 2, kernel_size: %d}\n"
    scratch = [tensor for tensor in _int8(text % 3).tensors if tensor.kind == "scratch"]
    assert [tensor.bytes for tensor in scratch] == [2 * 3 * 3 * 5 * 2]
    assert [tensor for tensor in _int8(text % 1).tensors if tensor.kind == "scratch"] == []


def _int8(text: str) -> Timeline:
    return inference_timeline(archcalc.loads(text).graph, 1, "int8", inplace=True, scratch="im2col")


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 3))
def test_the_backward_pass_finds_what_it_needs(network: InferredGraph, checkpoint: int) -> None:
    """At every layer's step back all that it keeps is alive, whether it was kept or made again."""
    found = training_memory(network, 2, checkpoint=checkpoint)
    steps = {name: step for step, name in enumerate(found.timeline.steps)}
    kept = saved_activations(network, 2)
    for tensor in kept.tensors:
        name = f"{tensor.layer} {tensor.extra}".rstrip()
        for user in tensor.users:
            back = steps[f"{user} backward"]
            there = [t for t in found.timeline.tensors if t.name == name and t.first <= back <= t.last]
            assert [t.bytes for t in there if t.kind != "gradient"] == [tensor.bytes], (name, user)


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(1, 3))
def test_what_runs_again_finds_its_inputs(network: InferredGraph, checkpoint: int) -> None:
    """And in the forward pass, every layer does too."""
    found = training_memory(network, 1, checkpoint=checkpoint)
    owners, names = storage_owners(network), [node.name for node in network.nodes]
    for step, words in enumerate(found.timeline.steps):
        layer, _, phase = words.rpartition(" ")
        node = network.nodes[names.index(layer)]
        for producer in node.inputs if phase in ("forward", "again") else ():
            source = network.nodes[owners[producer]]
            if source.op.keyword in ("parameter", "constant"):
                continue
            there = [t for t in found.timeline.tensors if t.name == source.name and t.first <= step <= t.last]
            assert [t for t in there if "gradient" not in t.kind], (words, source.name)


@pytest.mark.parametrize("name", NETS)
def test_parts_of_a_training_step(name: str) -> None:
    """Weights, gradients and state by arithmetic: 4 bytes each, as many as the optimizer keeps."""
    analysis = archcalc.analyse(name)
    params, buffers = analysis.params.params, analysis.params.buffers
    for optimizer, numbers in zip(OPTIMIZERS, (0, 1, 2, 2), strict=True):
        found = training_memory(analysis.graph, 1, optimizer=optimizer)
        assert (found.weight_bytes, found.gradient_bytes) == (4 * (params + buffers), 4 * params)
        assert found.optimizer_bytes == 4 * params * numbers
        assert found.peak_bytes >= found.constant_bytes + found.gradient_bytes
        assert found.saved_bytes == saved_activations(analysis.graph).bytes


def test_mixed_precision_halves_what_is_kept() -> None:
    """Values in two bytes, statistics in four, weights in four with a copy of matrices in two (torch.autocast)."""
    network = graph("vgg16")
    full, mixed = training_memory(network, 4), training_memory(network, 4, mixed=True)
    masks = sum(t.bytes for t in saved_activations(network, 4).tensors if t.extra)
    assert mixed.saved_bytes - masks == (full.saved_bytes - masks) // 2
    matrices = sum(w.count for i in range(len(network.nodes)) for w in network.weights(i) if len(w.shape) > 1)
    assert (mixed.weight_bytes, mixed.copy_bytes) == (full.weight_bytes, 2 * matrices)


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "vit_b_16"])
def test_checkpoints_keep_less(name: str) -> None:
    """About √n of n blocks are enough (Chen et al. 2016): much less than everything, at the cost of a second pass."""
    network = graph(name)
    every = round(len(cuts(network)) ** 0.5)
    assert training_memory(network, 16, checkpoint=every).peak_bytes < 0.6 * training_memory(network, 16).peak_bytes


@pytest.mark.parametrize("name", ["alexnet", "resnet50"])
@pytest.mark.parametrize("options", [{}, {"optimizer": "adam", "mixed": True}, {"checkpoint": 3}])
def test_the_largest_batch_is_the_largest(name: str, options: dict[str, object]) -> None:
    network, limit = graph(name), 3 * 2**30
    batch = largest_batch(network, limit, **options)  # type: ignore[arg-type]

    def taken(samples: int) -> TrainingMemory:
        return training_memory(network, samples, **options)  # type: ignore[arg-type]

    assert taken(batch).peak_bytes <= limit < taken(batch + 1).peak_bytes
    assert largest_batch(network, 1000) == 0


def test_what_training_refuses() -> None:
    with pytest.raises(UsageError, match="no optimizer 'adagrad'"):
        training_memory(graph("lenet5"), optimizer="adagrad")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="mixed precision"):
        training_memory(graph("lenet5"), dtype="float16", mixed=True)


@settings(max_examples=40, deadline=None)
@given(networks(layers=5))
def test_no_order_is_better(network: InferredGraph) -> None:
    """Against every order in which each layer comes behind all it reads."""
    found = best_order(network)
    legal = []
    for order in permutations(range(len(network.nodes))):
        seen: set[int] = set()
        for position in order:
            if not set(network.nodes[position].inputs) <= seen:
                break
            seen.add(position)
        else:
            if order[-1] == len(network.nodes) - 1:  # the output of a network is that of its last layer
                legal.append(order)
    assert found.exact
    assert found.after_bytes == min(inference_timeline(reordered(network, order)).peak() for order in legal)
    assert inference_timeline(reordered(network, found.order)).peak() == found.after_bytes


@pytest.mark.parametrize("name", [*NETS, "fractalnet20", "inception_v3", "googlenet_aux"])
def test_another_order_is_the_same_network(name: str) -> None:
    """Never worse, and the same layers with the same inputs, each behind all it reads; dpn92 needs a quarter less."""
    network = graph(name)
    found = best_order(network)
    other = reordered(network, found.order)
    if found.after_bytes == found.before_bytes:
        assert found.order == tuple(range(len(network.nodes)))  # nothing is moved for nothing
    assert found.after_bytes <= found.before_bytes == measure_memory(network).peak_bytes
    assert measure_memory(other).peak_bytes == found.after_bytes
    read = {node.name: [network.nodes[i].name for i in node.inputs] for node in network.nodes}
    assert {node.name: [other.nodes[i].name for i in node.inputs] for node in other.nodes} == read
    assert all(i < position for position, node in enumerate(other.nodes) for i in node.inputs)
    assert (found.after_bytes < 0.75 * found.before_bytes) == (name == "dpn92")


@settings(max_examples=40, deadline=None)
@given(networks())
def test_cuts_are_where_one_tensor_goes_on(network: InferredGraph) -> None:
    """Brute force: what is made up to there and read behind it is one memory, that of the cut itself."""
    owners = storage_owners(network)
    found = cuts(network)
    for position, node in enumerate(network.nodes):
        crossing = {
            owners[producer]
            for reader in range(position + 1, len(network.nodes))
            for producer in network.nodes[reader].inputs
            if producer <= position and network.nodes[owners[producer]].op.keyword not in ("parameter", "constant")
        }
        if node.inputs:
            assert (position in found) == (crossing == {owners[position]})
