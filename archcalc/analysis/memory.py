"""Memory of a forward pass: weights, and activations under three models that are said aloud."""

from typing import Literal

from msgspec import Struct

from archcalc.analysis.params import Params, count_params
from archcalc.infer import InferredGraph
from archcalc.numbers import largest, product
from archcalc.ops.base import Reads, Window, Work
from archcalc.ops.source import Input

Model = Literal["lecture", "all", "peak"]
MODELS: tuple[Model, ...] = ("lecture", "all", "peak")

DTYPES: dict[str, int] = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Data type → bytes a value."""


class LayerMemory(Struct, frozen=True, gc=False):
    """The output of one layer for the whole batch; `counted` says whether it is part of the model's total."""

    name: str
    values: int
    bytes: int
    counted: bool
    alive_bytes: int


class Alive(Struct, frozen=True):
    """A tensor that is in memory when memory is fullest."""

    name: str
    bytes: int


class Memory(Struct, frozen=True):
    """Memory of one forward pass.

    `values` and `activation_bytes` are by `model`. `peak_layer` is the layer that runs when most is alive, `alive` are
    the tensors that are, in the order they were made, its own output last. Of many variants at once, whose peaks lie
    at different layers, it names none of these.
    """

    model: Model
    dtype: str
    batch: int
    layers: tuple[LayerMemory, ...]
    weight_bytes: int
    values: int
    activation_bytes: int
    peak_bytes: int
    peak_layer: str
    alive: tuple[Alive, ...]


def measure_memory(
    network: InferredGraph,
    model: Model = "peak",
    batch: int = 1,
    dtype: str = "float32",
    params: Params | None = None,
) -> Memory:
    """The memory of one forward pass; `params` are those of the network, if they are counted already.

    weight bytes = (params + buffers) · bytes a value. Activations, each output being its values · batch · bytes a
    value:

    - `lecture`: the input and every output of convolutions, windowed poolings and matrix products; what works on values
      where they are (activations, normalisation, joins), what only moves them, and global pooling's vector is not
      counted. The way CS231n's table of VGG-16 counts: 15,237,608 values.
    - `all`: every output.
    - `peak`: the most that is alive at once, when layers run in order and an output dies behind its last use:
      max over layers i of Σ bytes of outputs j ≤ i whose last use is i or later. No output is computed in place.
    """
    size = DTYPES[dtype]
    last = network.graph.last_uses()
    params = params or count_params(network)
    # What a learned parameter or a constant gives is its weights, which are counted there, or one number.
    values_of = [
        product(shape) * batch if node.inputs or isinstance(node.op, Input) else 0
        for node, shape in zip(network.nodes, network.shapes, strict=True)
    ]
    alive = _alive_bytes([values * size for values in values_of], last)
    peak_bytes = largest(alive)
    peak = alive.index(peak_bytes) if isinstance(peak_bytes, int) else None
    layers = []
    for position, (node, values) in enumerate(zip(network.nodes, values_of, strict=True)):
        if model == "peak":
            counted = peak is not None and position <= peak <= last[position]
        elif model == "lecture":
            counted = not node.inputs or _owns_its_output(network.work(position), network.windows(position))
        else:
            counted = True
        layers.append(LayerMemory(node.name, values, values * size, counted, alive[position]))
    total = peak_bytes // size if model == "peak" else sum(layer.values for layer in layers if layer.counted)
    return Memory(
        model,
        dtype,
        batch,
        tuple(layers),
        (params.params + params.buffers) * size,
        total,
        total * size,
        peak_bytes,
        "" if peak is None else layers[peak].name,
        ()
        if peak is None
        else tuple(Alive(n.name, n.bytes) for n, end in zip(layers[: peak + 1], last, strict=False) if end >= peak),
    )


def _alive_bytes(sizes: list[int], last: list[int]) -> list[int]:
    """For each layer what is alive while it runs: its output, and what was made before and is still to be read."""
    dying: list[list[int]] = [[] for _ in sizes]
    for position, end in enumerate(last):
        if end < len(sizes):
            dying[end].append(position)
    alive, now = [], 0
    for position, size in enumerate(sizes):
        now += size
        alive.append(now)
        now -= sum(sizes[dead] for dead in dying[position])
    return alive


def _owns_its_output(work: Work, windows: tuple[Reads, ...]) -> bool:
    """Whether a layer computes something new from neighbours: it has products, or work over a window of its own."""
    if work.macs:
        return True
    slides = any(isinstance(entry, Window) and not _stays(entry) for reads in windows for entry in reads)
    return slides and work != Work()


def _stays(window: Window) -> bool:
    """Whether units are read one by one, each at its own place or stretched over an axis."""
    return window.kernel == 1 and window.upsample == 1 and window.stride in (0, 1)
